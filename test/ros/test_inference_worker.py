# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The mailbox and the thread behind it."""
from __future__ import annotations

import threading
import time

import pytest
from scaledepth_ros.ros.inference_worker import InferenceWorker, WorkInterrupted


class Bench:
    """A worker whose work waits for `go`."""

    def __init__(self):
        self.go = threading.Semaphore(0)
        self.started = threading.Semaphore(0)
        self.batches = []
        self.worker = InferenceWorker(self._process)

    def _process(self, frames):
        self.batches.append(frames)
        self.started.release()
        self.go.acquire()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    for _ in range(100):
        bench.go.release()
    assert bench.worker.stop(60)


def test_newest_frame_of_each_camera_wins(bench):
    assert not bench.worker.submit('left', 1)
    assert bench.started.acquire(timeout=60)
    assert not bench.worker.submit('left', 2)
    assert bench.worker.submit('left', 3)
    assert not bench.worker.submit('right', 10)
    assert bench.worker.submit('left', 4)
    bench.go.release()
    assert bench.started.acquire(timeout=60)
    assert bench.batches == [[1], [4, 10]]


def test_discarded_frames_are_not_processed(bench):
    bench.worker.submit('left', 1)
    assert bench.started.acquire(timeout=60)
    bench.worker.submit('left', 2)
    bench.worker.discard_frames()
    bench.go.release()
    assert bench.worker.call(lambda: 'done', lambda: True) == 'done'
    assert bench.batches == [[1]]


def test_call_runs_in_the_thread_and_returns_or_raises(bench):
    assert bench.worker.call(threading.current_thread, lambda: True).name == 'inference'

    def fail():
        raise OSError('no such device')

    with pytest.raises(OSError, match='no such device'):
        bench.worker.call(fail, lambda: True)


def test_timeout_that_a_function_raises_is_its_own(bench):
    def fail():
        raise TimeoutError('the driver did not answer')

    with pytest.raises(TimeoutError, match='the driver did not answer'):
        bench.worker.call(fail, lambda: True)


def test_call_is_given_up_when_told(bench):
    bench.worker.submit('left', 1)
    assert bench.started.acquire(timeout=60)
    started_s = time.monotonic()
    with pytest.raises(WorkInterrupted):
        bench.worker.call(lambda: None, lambda: False)
    assert time.monotonic() - started_s < 30


def test_stop_says_whether_it_ended_and_frees_at_the_end_in_any_case(bench):
    bench.worker.submit('left', 1)
    assert bench.started.acquire(timeout=60)
    freed = threading.Event()
    assert not bench.worker.stop(0.05, finally_call=freed.set)
    assert not freed.is_set()
    bench.go.release()
    assert freed.wait(60)


def test_stop_ends_early_when_told(bench):
    bench.worker.submit('left', 1)
    assert bench.started.acquire(timeout=60)
    started_s = time.monotonic()
    assert not bench.worker.stop(120.0, keep_waiting=lambda: False)
    assert time.monotonic() - started_s < 30


def test_thread_outlives_what_processing_raises():
    errors, done = [], threading.Event()

    def process(frames):
        if frames == [1]:
            raise MemoryError
        done.set()

    def on_error(error):
        errors.append(error)
        # Reporting needs memory too.
        raise MemoryError

    worker = InferenceWorker(process, on_error=on_error)
    worker.submit('left', 1)
    while not errors:
        time.sleep(0.001)
    worker.submit('left', 2)
    assert done.wait(60)
    assert worker.stop(60)
    assert isinstance(errors[0], MemoryError)

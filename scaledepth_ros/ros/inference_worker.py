# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that owns the network, fed through a mailbox with one slot per camera."""
from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
import threading
import time
from typing import Any

_POLL_S = 0.05


class WorkInterrupted(Exception):
    """Waiting for the worker ended because the process is shutting down."""


class InferenceWorker:
    """
    Runs frames in one thread: the newest of each camera, in the order they began to wait.

    Loading, inference and release all happen in that thread, so a CUDA context or an OpenMP pool
    never changes threads, and the executor stays free to answer while the network works.
    """

    def __init__(self, process: Callable[[list[Any]], None],
                 batch: Callable[[], tuple[int, float]] = lambda: (1, 0.0),
                 on_error: Callable[[Exception], None] = lambda error: None) -> None:
        """
        Start the thread.

        Args:
            process: called in the thread with the frames that were waiting, at most one per
                camera.
            batch: tells from how many cameras frames can be expected, and how long [s] the
                first of them waits for the others.
            on_error: called in the thread with what ``process`` raises, which should be nothing
                and can always be a MemoryError. The next frames are processed all the same.

        """
        self._process = process
        self._batch = batch
        self._on_error = on_error
        self._condition = threading.Condition()
        self._slots: dict[Hashable, Any] = {}
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._stopping = False
        self._finally_call: Callable[[], None] | None = None
        # A daemon: an inference that hangs in a driver must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def submit(self, key: Hashable, frame: Any) -> bool:
        """
        Leave a frame for the thread; a frame that still waits under the same key is dropped.

        Args:
            key: the camera.
            frame: handed to ``process``.

        Returns:
            True if an older frame was dropped.

        """
        with self._condition:
            dropped = key in self._slots
            self._slots[key] = frame
            self._condition.notify()
        return dropped

    def discard_frames(self) -> None:
        """Drop the frames that wait; the one in work is not interrupted."""
        with self._condition:
            self._slots.clear()

    def call(self, function: Callable[[], Any], keep_waiting: Callable[[], bool]) -> Any:
        """
        Run a function in the thread and return its result.

        Args:
            function: what to run.
            keep_waiting: asked several times a second.

        Raises:
            WorkInterrupted: ``keep_waiting`` said no; the function goes on by itself.
            Exception: whatever the function raises.

        """
        future: Future[Any] = Future()
        with self._condition:
            self._calls.append((function, future))
            self._condition.notify()
        while True:
            try:
                return future.result(timeout=_POLL_S)
            except FutureTimeoutError:
                # Since Python 3.11 this is also what a function itself may raise.
                if future.done():
                    raise
                if not keep_waiting():
                    raise WorkInterrupted from None

    def stop(self, timeout_s: float, finally_call: Callable[[], None] | None = None,
             keep_waiting: Callable[[], bool] = lambda: True) -> bool:
        """
        Let the thread end after what it does now.

        Args:
            timeout_s: how long to wait for it.
            finally_call: the last thing the thread does, even if that is after the timeout.
            keep_waiting: asked several times a second.

        Returns:
            True if it ended in time.

        """
        with self._condition:
            self._stopping = True
            self._finally_call = finally_call
            self._slots.clear()
            self._condition.notify()
        deadline_s = time.monotonic() + timeout_s
        while (self._thread.is_alive() and (left_s := deadline_s - time.monotonic()) > 0.0
               and keep_waiting()):
            self._thread.join(min(left_s, _POLL_S))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._stopping or self._calls or self._slots)
                if self._slots and not self._stopping:
                    expected, wait_s = self._batch()
                    self._condition.wait_for(
                        lambda expected=expected: self._stopping or self._calls
                        or len(self._slots) >= expected, wait_s)
                if self._stopping:
                    break
                calls, self._calls = self._calls, []
                frames = list(self._slots.values())
                self._slots.clear()
            for function, future in calls:
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)
            if frames:
                self._process_guarded(frames)
            # Otherwise the last frames and results stay alive until the next ones arrive.
            del frames, calls
        for _function, future in self._calls:
            future.set_exception(WorkInterrupted())
        if self._finally_call is not None:
            self._finally_call()

    def _process_guarded(self, frames: list[Any]) -> None:
        # Without this thread the node would look alive and never publish again.
        try:
            self._process(frames)
        except Exception as error:
            with suppress(Exception):
                self._on_error(error)

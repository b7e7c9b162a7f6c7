# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch serves while a faster engine gets ready; the change is safe."""

import re
import threading

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import EngineOutput, Floats, PreparationLostError, Size
from scaledepth_ros.inference.engines import switching as switching_module
from scaledepth_ros.inference.engines.check import check_frame
from scaledepth_ros.inference.engines.openvino_conversion import ConversionProcess
from scaledepth_ros.inference.engines.switching import SwitchingEngine

Rgb = npt.NDArray[np.uint8]
# (height, width) of an image whose network input is small, so that the tests are fast.
SMALL, LARGE = (32, 64), (64, 96)


class Fake:
    """Says the mean of the image as the scale, after the given factor."""

    device = 'cpu'

    def __init__(self, name: str, factor: float = 1.0, fails: str = '') -> None:
        self.name, self._factor, self._fails = name, factor, fails
        self.may_prepare = threading.Event()
        self.prepared: list[Size] = []
        self.closed = False

    def run(self, image_B3HW: Floats) -> EngineOutput:
        scale = image_B3HW.mean(axis=(1, 2, 3))[:, None] * self._factor
        depth = np.full((len(image_B3HW), 1, 8, 8), 0.5, np.float32)
        return EngineOutput(depth, depth, scale, None)

    def prepare(self, size: Size) -> EngineOutput:
        assert self.may_prepare.wait(60)
        if self._fails or self.closed:
            raise RuntimeError(self._fails or 'closed')
        self.prepared.append(size)
        return Fake('torch').run(check_frame(*size))

    def is_ready(self, size: Size) -> bool:
        return size in self.prepared

    def forget(self, size: Size) -> None:
        if size in self.prepared:
            self.prepared.remove(size)

    def close(self) -> None:
        self.closed = True
        self.may_prepare.set()


def image(size: Size) -> Floats:
    return np.full((1, 3, *size), 100, np.float32)


def switching(fast: Fake, *, background: bool = True, required: bool = False) -> SwitchingEngine:
    return SwitchingEngine(
        Fake('torch'), fast, 'fp32', background=background, required=required)


def test_engine_that_was_refused_is_a_problem_and_one_in_preparation_is_none() -> None:
    fast = Fake('fast', fails='no such operator')
    engine = SwitchingEngine(Fake('torch'), fast, 'fp32', background=True, required=False)
    engine.run(check_frame(*SMALL))
    assert engine.problem == ''
    fast.may_prepare.set()
    assert engine.wait_until_prepared(60)
    engine.run(check_frame(*SMALL))
    assert engine.problem == (
        'fast cannot run this network: no such operator, for 64 x 32; PyTorch serves until the '
        'network is loaded again')
    fast.may_prepare.clear()
    engine.run(check_frame(*LARGE))
    assert engine.problem == ''
    fast.may_prepare.set()
    engine.close()


def test_predictor_tells_of_an_engine_that_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise RuntimeError('no such operator')

    monkeypatch.setattr(ConversionProcess, 'convert', refuse)
    pytest.importorskip('openvino', reason='OpenVINO is not installed')
    predictor = Predictor('lite', device='cpu', image_size=SMALL, background=True)
    assert predictor.wait_until_prepared(60)
    predictor.warm_up(*SMALL)
    assert 'no such operator' in predictor.problem
    assert 'PyTorch serves until the network is loaded again' in predictor.problem
    predictor.close()


def test_a_new_size_is_served_at_once_and_by_the_fast_engine_when_it_is_ready() -> None:
    fast = Fake('fast')
    engine = switching(fast)
    assert engine.run(image(SMALL)).scale_m == pytest.approx(100)
    assert engine.name == 'torch (fast in preparation)'
    fast.may_prepare.set()
    assert engine.wait_until_prepared(60)
    engine.run(image(SMALL))
    assert engine.name == 'fast'
    fast.may_prepare.clear()
    engine.run(image(LARGE))
    assert engine.name == 'torch (fast in preparation)'
    # The old size does not wait for the new one.
    engine.run(image(SMALL))
    assert engine.name == 'fast'
    engine.close()


def test_only_the_latest_of_the_sizes_that_came_meanwhile_is_prepared() -> None:
    fast = Fake('fast')
    engine = switching(fast)
    for size in (SMALL, (96, 96), (128, 96), LARGE, LARGE):
        engine.run(image(size))
    fast.may_prepare.set()
    assert engine.wait_until_prepared(60)
    assert fast.prepared == [SMALL, LARGE]
    engine.close()


@pytest.mark.parametrize(('fast', 'says'), [
    (Fake('fast', factor=1.1), r'torch \(fast differs from PyTorch by 0\.095 .* 64 x 32\)'),
    (Fake('fast', factor=float('nan')), r'torch \(fast differs from PyTorch by nan'),
    (Fake('fast', fails='no such operator'), r'torch \(fast cannot run .* no such operator'),
])
def test_torch_keeps_serving_when_the_fast_engine_cannot_be_trusted(
        fast: Fake, says: str) -> None:
    fast.may_prepare.set()
    engine = switching(fast)
    for _ in range(3):
        assert engine.run(image(SMALL)).scale_m == pytest.approx(100)
        assert engine.wait_until_prepared(60)
    assert re.search(says, engine.name)
    engine.close()


def test_a_required_engine_that_disagrees_is_an_error_where_the_image_waits() -> None:
    fast = Fake('fast', factor=1.1)
    fast.may_prepare.set()
    with pytest.raises(DeviceError, match='differs from PyTorch'):
        switching(fast, background=False, required=True).run(image(SMALL))


def test_a_size_that_was_forgotten_is_prepared_again() -> None:
    fast = Fake('fast')
    fast.may_prepare.set()
    engine = switching(fast)
    engine.run(image(SMALL))
    assert engine.wait_until_prepared(60)
    fast.forget(SMALL)
    assert engine.run(image(SMALL)).scale_m == pytest.approx(100)
    assert engine.wait_until_prepared(60)
    engine.run(image(SMALL))
    assert engine.name == 'fast'
    engine.close()


class Clock:
    """Stands where the module `time` stands."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Killed(Fake):
    """Is killed while it prepares, as often as it is told."""

    def __init__(self, times: int) -> None:
        super().__init__('fast')
        self.may_prepare.set()
        self.attempts, self._times = 0, times

    def prepare(self, size: Size) -> EngineOutput:
        self.attempts += 1
        if self.attempts <= self._times:
            raise PreparationLostError('ended with code -9.')
        return super().prepare(size)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(switching_module, 'time', clock)
    return clock


def serve(engine: SwitchingEngine) -> None:
    """Run an image as the reference does, and wait for what it may have started."""
    assert engine.run(image(SMALL)).scale_m == pytest.approx(100)
    assert engine.wait_until_prepared(60)


def test_a_preparation_that_was_killed_is_tried_again_but_not_at_once(clock: Clock) -> None:
    fast = Killed(times=2)
    engine = switching(fast)
    serve(engine)
    for attempts, wait_s in ((1, 30.0), (2, 300.0)):
        assert fast.attempts == attempts
        assert engine.problem == (
            'fast cannot run this network: ended with code -9, for 64 x 32; PyTorch serves and '
            f'another attempt is made after {wait_s:.0f} s')
        clock.now_s += wait_s - 0.1
        serve(engine)
        assert fast.attempts == attempts
        clock.now_s += 0.2
        serve(engine)
    assert fast.attempts == 3
    serve(engine)
    assert (engine.name, engine.problem) == ('fast', '')
    engine.close()


def test_a_preparation_that_is_killed_every_time_is_given_up(clock: Clock) -> None:
    fast = Killed(times=1000)
    engine = switching(fast)
    for _ in range(100):
        serve(engine)
        clock.now_s += 100.0
    assert fast.attempts == 3
    assert engine.problem == (
        'fast cannot run this network: ended with code -9, for 64 x 32; PyTorch serves until the '
        'network is loaded again')
    engine.close()


@pytest.mark.parametrize('fast', [
    Fake('fast', factor=1.1), Fake('fast', fails='no such operator')])
def test_what_cannot_be_trusted_is_not_tried_again(fast: Fake, clock: Clock) -> None:
    fast.may_prepare.set()
    engine = switching(fast)
    serve(engine)
    reason = engine.problem
    fast._factor, fast._fails = 1.0, ''
    clock.now_s += 1e6
    serve(engine)
    serve(engine)
    assert engine.problem == reason != ''
    engine.close()


class OneAtATime(Fake):
    """Holds the check of a size until it is told to go on; a second run meanwhile fails."""

    def __init__(self) -> None:
        super().__init__('fast')
        self.may_prepare.set()
        self.checking, self.may_check = threading.Event(), threading.Event()
        self.may_check.set()
        self._busy = threading.Lock()

    def run(self, image_B3HW: Floats) -> EngineOutput:
        # As OpenVINO does it.
        if not self._busy.acquire(blocking=False):
            raise RuntimeError('Infer Request is busy')
        try:
            if threading.current_thread() is not threading.main_thread():
                self.checking.set()
                assert self.may_check.wait(60)
            return super().run(image_B3HW)
        finally:
            self._busy.release()


def test_a_size_that_is_prepared_again_does_not_serve_before_it_is_checked() -> None:
    fast = OneAtATime()
    engine = switching(fast)
    engine.run(image(SMALL))
    assert engine.wait_until_prepared(60)
    fast.forget(SMALL)
    fast.may_check.clear()
    fast.checking.clear()
    engine.run(image(SMALL))
    assert fast.checking.wait(60)
    assert engine.run(image(SMALL)).scale_m == pytest.approx(100)
    assert engine.name == 'torch (fast in preparation)'
    fast.may_check.set()
    assert engine.wait_until_prepared(60)
    engine.run(image(SMALL))
    assert engine.name == 'fast'
    engine.close()

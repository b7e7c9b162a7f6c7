# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch serves while a faster engine gets ready; the change is safe, and so is the end."""

from collections.abc import Callable, Iterator
import hashlib
import os
from pathlib import Path
import re
import subprocess
import sys
import threading
import time

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import EngineOutput, Floats, PreparationLostError, Size
from scaledepth_ros.inference.engines import switching as switching_module
from scaledepth_ros.inference.engines.check import check_frame
from scaledepth_ros.inference.engines.openvino_conversion import ConversionProcess, NetworkSource
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


@pytest.fixture(scope='module')
def beside(model_file: Path) -> Iterator[Predictor]:
    pytest.importorskip('openvino', reason='OpenVINO is optional')
    predictor = Predictor(str(model_file), background=True, image_size=(480, 640))
    yield predictor
    predictor.close()


# A conversion stands back behind everything else, so it may take long.
@pytest.mark.timeout(600)
def test_no_image_waits_for_a_conversion_and_depth_stays_the_same(
        beside: Predictor, torch_predictor: Predictor, rgb: Rgb) -> None:
    torch_s, beside_s, said = [], [], []
    began_s = time.monotonic()
    deadline_s = began_s + 500
    # In turn, so that whatever else runs on this machine slows both alike.
    while beside.engine != 'openvino':
        assert time.monotonic() < deadline_s
        start_s = time.perf_counter()
        expected = torch_predictor.infer(rgb)
        middle_s = time.perf_counter()
        said.append(beside.infer(rgb).depth_m)
        beside_s.append(time.perf_counter() - middle_s)
        torch_s.append(middle_s - start_s)
        assert beside.engine in ('openvino', 'torch (openvino in preparation)')
    assert len(said) > 3, 'the first images were not served by PyTorch'
    assert float(np.median(beside_s)) < 2 * float(np.median(torch_s))
    assert np.percentile(beside_s, 90) < 5 * np.percentile(torch_s, 90)
    # Anything may hold up a single one for a moment, but not for as long as the conversion takes.
    assert max(beside_s) < 0.5 * (time.monotonic() - began_s)
    for depth_m in (said[0], said[-1]):
        np.testing.assert_allclose(depth_m, expected.depth_m, rtol=1e-3)


@pytest.mark.timeout(600)
def test_images_of_several_cameras_need_no_conversion_of_their_own(
        beside: Predictor, torch_predictor: Predictor, rgb: Rgb) -> None:
    assert beside.wait_until_prepared(500)
    images = [rgb, rgb[::-1].copy(), rgb[:, ::-1].copy()]
    many = beside.infer_batch(images, [None] * 3)
    assert beside.engine == 'openvino'
    for said, image_of in zip(many, images, strict=True):
        np.testing.assert_allclose(
            said.depth_m, torch_predictor.infer(image_of).depth_m, rtol=1e-3)


def test_closing_ends_a_conversion_however_long_it_would_take(
        model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('openvino', reason='OpenVINO is optional')
    start = subprocess.Popen
    endless = [sys.executable, '-c', 'import time; time.sleep(1000)']
    monkeypatch.setattr(subprocess, 'Popen',
                        lambda _command, **options: start(endless, **options))
    others = set(_children())
    predictor = Predictor(str(model_file), background=True)
    # A thread starts the process, after the predictor is ready.
    _until(lambda: set(_children()) - others)
    start_s = time.monotonic()
    predictor.close()
    # On a busy machine the collector alone takes long.
    assert time.monotonic() - start_s < 20
    _until(lambda: not set(_children()) - others)
    _until(lambda: 'engine preparation' not in [each.name for each in threading.enumerate()])


def test_a_conversion_ends_with_the_process_that_wanted_it(model_file: Path) -> None:
    """Also where that is killed, which leaves it no time to clean up."""
    source = NetworkSource(model=str(model_file), weights=None, sha256='')
    code = (
        'import os, threading, time\n'
        'from scaledepth_ros.inference.engines.openvino_conversion import *\n'
        f'process = ConversionProcess({source!r}, "fp32")\n'
        'threading.Thread(target=lambda: process.convert((240, 320)), daemon=True).start()\n'
        'while process._process is None: time.sleep(0.01)\n'
        'print(process._process.pid, flush=True)\n'
        'time.sleep(60)\n')
    parent = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline_s = time.monotonic() + 20
    while _is_running(child):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_conversion_offers_itself_to_the_kernel_and_says_that_it_was_killed(
        model_file: Path) -> None:
    """Where memory runs out, the process that serves must outlive the one that converts."""
    process = ConversionProcess(NetworkSource(
        model=str(model_file), weights=None,
        sha256=hashlib.sha256(model_file.read_bytes()).hexdigest()), 'fp32')
    scores: list[str] = ['']

    def kill_when_it_has_offered_itself() -> None:
        while (child := process._process) is None:
            time.sleep(0.005)
        deadline_s = time.monotonic() + 100
        while scores[-1] != '1000' and time.monotonic() < deadline_s:
            time.sleep(0.005)
            scores.append(Path(f'/proc/{child.pid}/oom_score_adj').read_text().strip())
        child.kill()

    killer = threading.Thread(target=kill_when_it_has_offered_itself)
    killer.start()
    with pytest.raises(PreparationLostError, match='ended with code -9'):
        process.convert((64, 64))
    killer.join()
    assert scores[-1] == '1000'


def test_a_conversion_that_cannot_be_started_may_work_later(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(11, 'Resource temporarily unavailable')

    monkeypatch.setattr(subprocess, 'Popen', refuse)
    process = ConversionProcess(NetworkSource(model='lite', weights=None, sha256=''), 'fp32')
    with pytest.raises(PreparationLostError, match='cannot be started .* unavailable'):
        process.convert((64, 64))


def test_weights_that_changed_meanwhile_are_not_converted(model_file: Path) -> None:
    process = ConversionProcess(
        NetworkSource(model=str(model_file), weights=None, sha256='of another file'), 'fp32')
    with pytest.raises(DeviceError, match='has changed since it was loaded') as caught:
        process.convert((64, 64))
    assert not isinstance(caught.value, PreparationLostError)


@pytest.mark.parametrize(('model', 'precision', 'says'), [
    ('/nowhere.safetensors', 'fp32', r'code 1: /nowhere\.safetensors does not exist'),
    # Not an error of this package: whatever a library raises is told by its first line.
    (None, 'fp99', "code 1: KeyError: 'fp99'"),
])
def test_a_conversion_that_fails_says_why(
        model_file: Path, model: str | None, precision: str, says: str) -> None:
    pytest.importorskip('openvino', reason='OpenVINO is optional')
    path = model or str(model_file)
    sha256 = '' if model else hashlib.sha256(model_file.read_bytes()).hexdigest()
    process = ConversionProcess(
        NetworkSource(model=path, weights=None, sha256=sha256), precision)
    with pytest.raises(DeviceError, match=says):
        process.convert((64, 64))


def test_a_closed_conversion_is_refused() -> None:
    process = ConversionProcess(NetworkSource(model='lite', weights=None, sha256=''), 'fp32')
    process.close()
    with pytest.raises(DeviceError, match='given up'):
        process.convert((64, 64))


def _until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def _children() -> list[int]:
    return [int(path.parent.name) for path in Path('/proc').glob('[0-9]*/stat')
            if _parent(path) == os.getpid()]


def _parent(stat: Path) -> int:
    try:
        fields = stat.read_text().rpartition(')')[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == 'Z' else int(fields[1])


def _is_running(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False

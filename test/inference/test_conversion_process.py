# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The process that converts the network beside the one that serves, and how it may end."""

from collections.abc import Callable, Iterator
import hashlib
import os
from pathlib import Path
import subprocess
import sys
import threading
import time

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import PreparationLostError
from scaledepth_ros.inference.engines.openvino_conversion import ConversionProcess, NetworkSource

Rgb = npt.NDArray[np.uint8]


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

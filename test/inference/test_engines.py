# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Engines agree with PyTorch, and one that does not is refused."""

import logging
from pathlib import Path
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import EngineOutput, Floats, select
from scaledepth_ros.inference.engines.openvino_engine import OpenVinoEngine

pytest.importorskip('openvino', reason='OpenVINO is optional')


class _Wrong(OpenVinoEngine):
    def run(self, image_B3HW: Floats) -> EngineOutput:
        said = super().run(image_B3HW)
        return said._replace(scale_m=said.scale_m * 1.1)


def test_openvino_says_what_torch_says(
        torch_predictor: Predictor, model_file: Path, rgb: npt.NDArray[np.uint8]) -> None:
    predictor = Predictor(str(model_file))
    assert predictor.engine == 'openvino'
    for image in (rgb, np.ascontiguousarray(rgb[100:260]), rgb[::-1].copy()):
        fast, exact = predictor.infer(image), torch_predictor.infer(image)
        np.testing.assert_allclose(fast.depth_m, exact.depth_m, rtol=1e-3)
        np.testing.assert_allclose(fast.uncertainty_m, exact.uncertainty_m, rtol=1e-2, atol=1e-3)
        assert fast.scene == exact.scene
    # An answer must not change when the engine's buffers are used again.
    first = predictor.infer(rgb)
    kept = first.depth_m.copy()
    predictor.infer(rgb[::-1].copy())
    np.testing.assert_array_equal(first.depth_m, kept)


def test_an_engine_that_disagrees_is_refused(
        model_file: Path, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(select, 'OpenVinoEngine', _Wrong)
    with pytest.raises(DeviceError, match=r'differs from PyTorch by 0\.095'):
        Predictor(str(model_file), engine='openvino')
    with caplog.at_level(logging.WARNING):
        assert Predictor(str(model_file), engine='auto').engine == 'torch'
    assert 'differs from PyTorch' in caplog.text


def test_openvino_neither_forks_this_process_nor_reports_over_the_internet() -> None:
    code = (
        'import os, sys\n'
        'forks = []\n'
        'os.register_at_fork(before=lambda: forks.append(1))\n'
        'from scaledepth_ros import Predictor\n'
        'assert Predictor("lite", image_size=(64, 96)).engine == "openvino"\n'
        'print(len(forks), "openvino_telemetry" in sys.modules)\n')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout == '0 False\n', done.stderr


def test_openvino_does_not_pretend_to_use_a_gpu(
        model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, 'pick_device', lambda device: device)
    with pytest.raises(DeviceError, match='runs on the CPU'):
        Predictor(str(model_file), engine='openvino', device='cuda:0')

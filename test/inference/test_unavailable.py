# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""An engine or a device that does not work on a machine is told, or done without."""

from importlib.machinery import ModuleSpec
import logging
from pathlib import Path
import sys
from types import ModuleType

import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import select
import torch


def test_without_openvino_pytorch_runs_and_who_names_it_is_told(
        model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'openvino', None)
    assert Predictor(str(model_file), device='cpu').engine == 'torch'
    with pytest.raises(DeviceError, match=r'OpenVINO cannot be used .*pip install openvino'):
        Predictor(str(model_file), device='cpu', engine='openvino')


def test_a_broken_openvino_is_done_without_unless_it_is_named(
        model_file: Path, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    class Core:
        def __init__(self) -> None:
            raise RuntimeError('plugins.xml is missing')

    broken = ModuleType('openvino')
    broken.__spec__ = ModuleSpec('openvino', None)
    monkeypatch.setattr(broken, 'Core', Core, raising=False)
    monkeypatch.setitem(sys.modules, 'openvino', broken)
    with caplog.at_level(logging.WARNING):
        assert Predictor(str(model_file), device='cpu').engine == 'torch'
    assert 'RuntimeError: plugins.xml is missing' in caplog.text
    with pytest.raises(DeviceError, match=r'plugins\.xml is missing'):
        Predictor(str(model_file), device='cpu', engine='openvino')


def test_a_device_that_cannot_take_the_network_is_told(
        model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: torch.nn.Module, *_: object, **__: object) -> torch.nn.Module:
        raise RuntimeError('CUDA error: no kernel image is available for execution on the device\n'
                           'CUDA kernel errors might be asynchronously reported')

    monkeypatch.setattr(select, 'pick_device', lambda device: device)
    monkeypatch.setattr(torch.nn.Module, 'to', refuse)
    with pytest.raises(DeviceError, match=r'loaded on cuda:0 \(CUDA error: no kernel image .*'
                                          r'device\); use device cpu'):
        Predictor(str(model_file), device='cuda:0')

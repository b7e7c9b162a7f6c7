# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Choose an engine, and check it against PyTorch before it is trusted."""

from importlib.util import find_spec
import logging

import numpy as np
from scaledepth_ros.devices import pick_device
from scaledepth_ros.errors import ConfigError, DeviceError
from scaledepth_ros.inference.engines import Engine, Floats
from scaledepth_ros.inference.engines.openvino_engine import OpenVinoEngine
from scaledepth_ros.inference.engines.torch_engine import PRECISIONS, TorchEngine
from scaledepth_ros.model.scaledepth import DepthNetwork

ENGINES = ('auto', 'torch', 'openvino')
_log = logging.getLogger(__name__)
# Largest difference of relative depth, and of the logarithm of the scale, that is rounding.
# The mask threshold turns rounding into larger steps, so the middle of the pixels is compared.
_TOLERANCE = {'fp32': 1e-3, 'fp16': 3e-2, 'bf16': 5e-2}


def make_engine(
    model: DepthNetwork, *, engine: str, device: str, precision: str, check_size: tuple[int, int],
) -> tuple[Engine, str]:
    """
    Return a working engine for a network, and its precision.

    'auto' takes PyTorch on a CUDA device, and OpenVINO, where it is installed, on a CPU. An
    engine other than PyTorch runs one frame beside it first; one that disagrees is refused.

    Args:
        model: Network in evaluation mode; the engine takes it over.
        engine: One of ENGINES.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        precision: 'auto', 'fp32', 'bf16' or 'fp16'; 'auto' is fp16 on CUDA, fp32 elsewhere.
        check_size: (height, width) of the frame of the check.

    Raises:
        ConfigError: An unknown engine or precision.
        DeviceError: The engine or the device is absent, or the engine disagrees with PyTorch.
    """
    if engine not in ENGINES:
        raise ConfigError(f'engine is {engine!r}; expected one of {ENGINES}.')
    if precision not in (*PRECISIONS, 'auto'):
        raise ConfigError(f'precision is {precision!r}; expected auto or one of '
                          f'{sorted(PRECISIONS)}.')
    torch_device = pick_device(device)
    on_cpu = torch_device == 'cpu'
    if precision == 'auto':
        precision = 'fp32' if on_cpu else 'fp16'
    if engine == 'openvino' and not on_cpu:
        raise DeviceError(f'engine openvino runs on the CPU, but device is {device!r}; use device '
                          'cpu or engine torch.')
    if engine == 'torch' or not on_cpu or (engine == 'auto' and not find_spec('openvino')):
        return TorchEngine(model, torch_device, precision), precision
    frame = _check_frame(*check_size)
    expected = TorchEngine(model, 'cpu', 'fp32', packed=False).run(frame)
    try:
        candidate = OpenVinoEngine(model, precision)
        said = candidate.run(frame)
    except (RuntimeError, DeviceError) as error:
        if engine == 'openvino':
            raise DeviceError(f'OpenVINO cannot run this network ({error}); use engine '
                              'torch.') from error
        _log.warning('OpenVINO cannot run this network (%s); using PyTorch', error)
        return TorchEngine(model, 'cpu', precision), precision
    difference = max(
        float(np.median(np.abs(said.relative_depth - expected.relative_depth))),
        float(np.max(np.abs(np.log(said.scale_m) - np.log(expected.scale_m)))))
    if difference <= _TOLERANCE[precision]:
        return candidate, precision
    message = (f'OpenVINO differs from PyTorch by {difference:.2g} on the check frame; expected '
               f'at most {_TOLERANCE[precision]:.2g} in {precision}')
    if engine == 'openvino':
        raise DeviceError(f'{message}. Use engine torch or a higher precision.')
    _log.warning('%s; using PyTorch', message)
    return TorchEngine(model, 'cpu', precision), precision


def _check_frame(height: int, width: int) -> Floats:
    """Return a fixed frame (1, 3, height, width) with gradients, edges and noise."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 8, (3, height, width))
    base = np.stack((x / width, y / height, ((x // 32 + y // 32) % 2) * 0.5 + 0.25)) * 255
    return np.clip(base + noise, 0, 255).astype(np.float32)[None]

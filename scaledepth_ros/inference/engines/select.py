# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Choose an engine; one that is not PyTorch is checked before it is trusted."""

from importlib.util import find_spec
import logging

from scaledepth_ros.devices import pick_device
from scaledepth_ros.errors import ConfigError, DeviceError
from scaledepth_ros.inference.engines import Engine, Size
from scaledepth_ros.inference.engines.openvino_conversion import ConversionProcess, NetworkSource
from scaledepth_ros.inference.engines.openvino_engine import Graph, OpenVino, OpenVinoEngine
from scaledepth_ros.inference.engines.switching import SwitchingEngine
from scaledepth_ros.inference.engines.torch_engine import PRECISIONS, TorchEngine
from scaledepth_ros.model.scaledepth import DepthNetwork

ENGINES = ('auto', 'torch', 'openvino')
_log = logging.getLogger(__name__)


def make_engine(
    model: DepthNetwork, *, engine: str, device: str, precision: str, check_size: Size,
    convert_beside: NetworkSource | None = None,
) -> tuple[Engine, str]:
    """
    Return a working engine for a network, and its precision.

    'auto' takes PyTorch on a CUDA device, and OpenVINO, where it is installed, on a CPU. An
    engine other than PyTorch runs one frame of each size beside it first; one that disagrees is
    refused.

    Args:
        model: Network in evaluation mode; the engine takes it over.
        engine: One of ENGINES.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        precision: 'auto', 'fp32', 'bf16' or 'fp16'; 'auto' is fp16 on CUDA, fp32 elsewhere.
        check_size: (height, width) to get ready for.
        convert_beside: Where another process finds the same network, to convert it there while
            PyTorch serves; None converts it here while the first image of a size waits.

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
    if on_cpu and model.config.head != 'bins':
        # OpenVINO 2026.4 ends the whole process while it compiles the residual blocks.
        if engine == 'openvino':
            raise DeviceError(f'engine openvino cannot run head {model.config.head!r}; use engine '
                              'torch.')
        engine = 'torch'
    if engine == 'torch' or not on_cpu or (engine == 'auto' and not find_spec('openvino')):
        return TorchEngine(model, torch_device, precision), precision
    required = engine == 'openvino'
    try:
        library = OpenVino(precision)
    except DeviceError as error:
        if required:
            raise
        _log.warning('%s Using PyTorch.', error)
        return TorchEngine(model, 'cpu', precision), precision
    if convert_beside is None:
        return _converting_here(
            model, library, precision, check_size, required=required), precision
    # Serving comes first; but where it waits for the engine, nothing is served yet.
    process = ConversionProcess(convert_beside, precision, niceness=0 if required else 5)

    def make_graph(size: Size) -> Graph:
        exported, expected = process.convert(size)
        return library.load(exported), expected

    switching = SwitchingEngine(
        TorchEngine(model, 'cpu', precision), OpenVinoEngine(make_graph, process.close),
        precision, background=True, required=required)
    switching.request(check_size)
    if required:
        # Who names it wants to know now whether it works.
        switching.wait_until_prepared()
        if reason := switching.refusal(check_size):
            switching.close()
            raise DeviceError(f'{reason}. Use engine torch or a higher precision.')
    return switching, precision


def _converting_here(
    model: DepthNetwork, library: OpenVino, precision: str, check_size: Size, *, required: bool,
) -> Engine:
    # Plain layers: packed ones cannot be exported.
    switching = SwitchingEngine(
        TorchEngine(model, 'cpu', precision, packed=False),
        OpenVinoEngine(lambda size: library.convert(model, size), lambda: None),
        precision, background=False, required=required)
    switching.request(check_size)
    reason = switching.refusal(check_size)
    if reason is None:
        return switching
    if required:
        raise DeviceError(f'{reason}. Use engine torch or a higher precision.')
    return TorchEngine(model, 'cpu', precision)

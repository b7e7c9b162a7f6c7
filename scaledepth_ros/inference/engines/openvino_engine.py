# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on a CPU: the fastest engine where no GPU is."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
import importlib
import logging
import sys
import threading
import time
from typing import Any, cast
import warnings

import numpy as np
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import engine_output, EngineOutput, Floats, Size
from scaledepth_ros.inference.engines.check import check_frame
from scaledepth_ros.inference.engines.torch_engine import TorchEngine
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.scaledepth import DepthNetwork
import torch
from torch import nn, Tensor

_log = logging.getLogger(__name__)
# Left alone, OpenVINO computes in bf16 on processors that can, which moves depth by several
# per cent; a faster, less exact run has to be asked for.
_PRECISION_HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16'}
# Graphs stay for four sizes, and for up to eight that are in use, such as those of many cameras in
# turn: each would be converted again and again for the sake of the next. Of `lite` five further
# sizes took 80 MB each.
_KEPT_SIZES = 4
_MOST_SIZES = 8
_IN_USE_S = 10.0

Graph = tuple[Any, EngineOutput]
"""A compiled graph, and what PyTorch says of the check frame of its size."""


class OpenVino:
    """
    The library, with the settings of one precision.

    Args:
        precision: 'fp32', 'bf16' or 'fp16' for inner products; outputs are float32.

    Raises:
        DeviceError: OpenVINO is not installed, or does not work here.
    """

    def __init__(self, precision: str) -> None:
        try:
            self._library = _import_openvino()
            self._core = self._library.Core()
        # An installation can be broken in any way, such as by a library that is missing.
        except Exception as error:
            raise DeviceError(
                f'OpenVINO cannot be used here ({type(error).__name__}: {error}); install it with '
                '`pip install openvino`, or use engine torch.') from error
        self._settings = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _PRECISION_HINTS[precision],
            # A thread that is bound to a core waits for whatever else runs there; on a busy
            # machine that made the slowest images three times as slow.
            'ENABLE_CPU_PINNING': False}

    def convert(self, model: DepthNetwork, size: Size) -> Graph:
        """
        Compile a network for one image of a size; takes seconds.

        Args:
            model: Network in evaluation mode with its plain layers.
            size: (height, width) of the network's input.
        """
        expected = TorchEngine(model, 'cpu', 'fp32', packed=False).run(check_frame(*size))
        example = torch.zeros(1, 3, *size)
        gathers = [part for part in model.modules() if isinstance(part, DeformableAttention)]
        for part in gathers:
            part.sampling = 'grid_sample'
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter('ignore')
                module = _Tuple(model).eval()
                # Tables that depend on the size alone are made now: they become constants.
                module(example)
                graph = self._library.convert_model(torch.export.export(module, (example,)))
        finally:
            for part in gathers:
                part.sampling = 'auto'
        return self._core.compile_model(graph, 'CPU', self._settings), expected

    def load(self, exported: memoryview) -> Any:
        """Return the compiled graph that another process on this machine has exported."""
        tensor = self._library.Tensor(np.frombuffer(exported, np.uint8))
        return self._core.import_model(tensor, 'CPU', self._settings)


@dataclass
class _Ready:
    """A graph to run, which optional parts of the answer it gives, and when it was used."""

    request: Any
    said: tuple[bool, ...]
    used_s: float


class OpenVinoEngine:
    """
    Runs the network with OpenVINO, one compiled graph for each size of the input.

    The last four sizes stay ready, and up to eight that were used in the last ten seconds.

    Args:
        make_graph: Returns the graph for a (height, width); called by prepare.
        close: Frees what make_graph holds, and ends a call of it that is under way.
    """

    name = 'openvino'
    device = 'cpu'

    def __init__(self, make_graph: Callable[[Size], Graph], close: Callable[[], None]) -> None:
        self._make_graph = make_graph
        self._close = close
        self._lock = threading.Lock()
        # The one that was used last is the last one.
        self._ready: OrderedDict[Size, _Ready] = OrderedDict()

    def prepare(self, size: Size) -> EngineOutput:
        """
        Get ready for a size, which takes seconds.

        Returns:
            What PyTorch says of the check frame of this size.

        Raises:
            DeviceError, RuntimeError: It cannot be done.
        """
        start_s = time.monotonic()
        graph, expected = self._make_graph(size)
        with self._lock:
            self._ready[size] = _Ready(
                graph.create_infer_request(), tuple(part is not None for part in expected),
                used_s=time.monotonic())
            self._ready.move_to_end(size)
            while len(self._ready) > _MOST_SIZES or (
                    len(self._ready) > _KEPT_SIZES and not self._oldest_is_in_use()):
                self._ready.popitem(last=False)
        _log.info('OpenVINO graph for input %d x %d ready in %.1f s', size[1], size[0],
                  time.monotonic() - start_s)
        return expected

    def is_ready(self, size: Size) -> bool:
        """Whether run takes images of this size."""
        return size in self._ready

    def forget(self, size: Size) -> None:
        """Drop the graph of a size."""
        with self._lock:
            self._ready.pop(size, None)

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """
        Return what the network says of RGB images, 0 to 255.

        Raises:
            KeyError: It is not ready for their size.
        """
        size = image_B3HW.shape[2], image_B3HW.shape[3]
        with self._lock:
            ready = self._ready[size]
            self._ready.move_to_end(size)
            ready.used_s = time.monotonic()
        request, said = ready.request, ready.said
        rows: list[list[Floats]] = []
        # One by one: a graph for several images would be no faster on a CPU, and another one.
        for index in range(len(image_B3HW)):
            results = request.infer({0: image_B3HW[index:index + 1]}, share_inputs=True)
            # The request reuses its output memory, so the arrays are copied out.
            rows.append([np.array(results[i]) for i in range(sum(said))])
        return engine_output([np.concatenate(column) for column in zip(*rows, strict=True)], said)

    def close(self) -> None:
        """Free the compiled graphs and what they are made from."""
        self._close()
        with self._lock:
            self._ready.clear()

    def _oldest_is_in_use(self) -> bool:
        oldest = next(iter(self._ready.values()))
        return time.monotonic() - oldest.used_s < _IN_USE_S


def _import_openvino() -> Any:
    # Importing and converting would report to the maker over the internet, for which it forks
    # this process, threads and all, several times. Without the module that does, it does not.
    reporter = 'openvino_telemetry'
    keep_out = 'openvino' not in sys.modules and reporter not in sys.modules
    if keep_out:
        sys.modules[reporter] = cast(Any, None)
    try:
        return importlib.import_module('openvino')
    finally:
        if keep_out:
            del sys.modules[reporter]


class _Tuple(nn.Module):
    """The network with what it says in a plain tuple, as exporters want it."""

    def __init__(self, model: DepthNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        out = self.model(image)
        said = (out.relative_depth, out.deviation, out.scale_m, out.scene_logits)
        return tuple(value for value in said if value is not None)

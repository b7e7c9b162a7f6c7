# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on a CPU: the fastest engine where no GPU is."""

from collections import OrderedDict
import logging
import time
from typing import Any
import warnings

import numpy as np
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import engine_output, EngineOutput, Floats
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.scaledepth import DepthNetwork, NetworkOutput
import torch
from torch import nn, Tensor

_log = logging.getLogger(__name__)
# Left alone, OpenVINO computes in bf16 on processors that can, which moves depth by several
# per cent; a faster, less exact run has to be asked for.
_PRECISION_HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16'}
_KEPT_SHAPES = 4


class _Tuple(nn.Module):
    """The network with what it says in a plain tuple, as exporters want it."""

    def __init__(self, model: DepthNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        out = self.model(image)
        return tuple(value for value in _wanted(out) if value is not None)


def _wanted(out: NetworkOutput) -> tuple[Tensor | None, ...]:
    return out.relative_depth, out.deviation, out.scale_m, out.scene_logits


class OpenVinoEngine:
    """
    Runs the network with OpenVINO, one compiled graph for each input shape.

    A new shape costs some seconds once, on its first frame; the last four stay ready.

    Args:
        model: Network in evaluation mode; the engine takes it over.
        precision: 'fp32', 'bf16' or 'fp16' for inner products; outputs are float32.

    Raises:
        DeviceError: OpenVINO is not installed.
    """

    name = 'openvino'
    device = 'cpu'

    def __init__(self, model: DepthNetwork, precision: str) -> None:
        try:
            import openvino
        except ImportError as error:
            raise DeviceError('engine is openvino, which is not installed; run '
                              '`pip install openvino`, or use engine torch.') from error
        self._openvino = openvino
        self._core = openvino.Core()
        self._hint = _PRECISION_HINTS[precision]
        self._model = _Tuple(model.requires_grad_(False)).eval()
        for module in model.modules():
            if isinstance(module, DeformableAttention):
                module.sampling = 'grid_sample'
        # Which of the outputs there are; known once the network has run.
        self._said: tuple[bool, ...] = ()
        self._requests: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """Return what the network says of RGB images, 0 to 255."""
        request = self._requests.get(image_B3HW.shape)
        if request is None:
            request = self._compile(image_B3HW.shape)
            self._requests[image_B3HW.shape] = request
            while len(self._requests) > _KEPT_SHAPES:
                self._requests.popitem(last=False)
        self._requests.move_to_end(image_B3HW.shape)
        results = request.infer({0: image_B3HW}, share_inputs=True)
        # The request reuses its output memory, so the arrays are copied out.
        return engine_output([np.array(results[i]) for i in range(sum(self._said))], self._said)

    def close(self) -> None:
        """Free the compiled graphs and the weights."""
        self._requests.clear()
        del self._model

    def _compile(self, shape: tuple[int, ...]) -> Any:
        start = time.monotonic()
        example = torch.zeros(shape)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')
            # Tables that depend on the size alone are made now, so that they become constants.
            self._said = tuple(value is not None for value in _wanted(self._model.model(example)))
            graph = self._openvino.convert_model(torch.export.export(self._model, (example,)))
        compiled = self._core.compile_model(graph, 'CPU', {
            'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': self._hint})
        _log.info('OpenVINO graph for input %s ready in %.1f s', shape, time.monotonic() - start)
        return compiled.create_infer_request()

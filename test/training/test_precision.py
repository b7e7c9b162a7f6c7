# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in which precision."""

import copy

import pytest
from scaledepth_ros.training.precision import forward_precision
import torch
from torch import nn, Tensor

LAYERS = {
    'pointwise': nn.Conv2d(16, 16, 1),
    'small depthwise': nn.Conv2d(16, 16, 3, groups=16),
    'large depthwise': nn.Conv2d(16, 16, 5, groups=16),
}


def error(layer: nn.Module, image: Tensor, precision: str) -> float:
    """Return by how much a layer's weight gradient is off, relative to float64."""
    gradients = []
    for module, x, how in ((copy.deepcopy(layer), image, precision),
                           (copy.deepcopy(layer).double(), image.double(), 'fp32')):
        with forward_precision('cpu', how):
            out = module(x)
        # Ones are exact in bf16: what is measured is the rounding of the convolution itself.
        out.backward(torch.ones_like(out))
        gradients.append(module.weight.grad.double())
    return float((gradients[0] - gradients[1]).norm() / gradients[1].norm())


@pytest.mark.parametrize(('name', 'exact'), [
    ('pointwise', False), ('small depthwise', False), ('large depthwise', True)])
def test_only_large_depthwise_convolutions_stay_in_float32(name: str, exact: bool) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 16, 24, 24)
    assert error(LAYERS[name], image, 'fp32') < 1e-6
    assert (error(LAYERS[name], image, 'bf16') < 1e-6) == exact
    with forward_precision('cpu', 'bf16'):
        assert LAYERS[name](image).dtype == torch.bfloat16
    assert LAYERS[name](image).dtype == torch.float32

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in which precision."""

import copy
import platform

from clocks import least_thread_s
import pytest
from scaledepth_ros.training.precision import (
    forward_precision,
    resolve_precision,
)
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


@pytest.mark.parametrize(('capabilities', 'expected'), [
    ({'avx2': True, 'avx512_f': True, 'avx512_bf16': False, 'amx_bf16': False}, 'fp32'),
    ({'avx512_bf16': True, 'amx_bf16': False}, 'bf16'),
    ({'amx_bf16': True}, 'bf16'),
    ({'neon': True, 'bf16': True}, 'fp32'),
])
def test_auto_takes_bf16_only_from_instructions_that_help(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str,
) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: capabilities, raising=False)
    assert resolve_precision('auto', 'cpu') == expected
    assert resolve_precision('fp32', 'cpu') == 'fp32'
    assert resolve_precision('bf16', 'cpu') == 'bf16'


def test_auto_is_fp32_where_torch_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    assert resolve_precision('auto', 'cpu') == 'fp32'


@pytest.mark.parametrize(('native', 'expected'), [(True, 'bf16'), (False, 'fp32')])
def test_auto_on_cuda_is_bf16_without_emulation(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str,
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', supported)
    assert resolve_precision('auto', 'cuda') == expected


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='nothing was measured on other CPUs')
def test_auto_is_not_the_slower_one_here() -> None:
    """A pointwise convolution, forward and backward: emulated bf16 takes several times fp32's."""
    layer = nn.Conv2d(96, 96, 1)
    image = torch.rand(4, 96, 60, 80)
    taken = resolve_precision('auto', 'cpu')
    other = 'fp32' if taken == 'bf16' else 'bf16'

    def run(precision: str) -> None:
        with forward_precision('cpu', precision):
            out = layer(image)
        out.float().sum().backward()

    # In this thread alone, so that what else runs on this machine does not count.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratio = (least_thread_s(lambda: run(other), repeats=5)
                 / least_thread_s(lambda: run(taken), repeats=5))
    finally:
        torch.set_num_threads(threads)
    assert ratio > 0.8, f'{taken} was chosen, but {other} takes only {ratio:.2f} of its time'

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Packed linear layers say what the plain ones say.

test/golden runs the golden cases through them too.
"""

from pathlib import Path
import sys

import pytest
from scaledepth_ros.inference.engines import prepacked
from scaledepth_ros.inference.engines.prepacked import PackedLinear, prepack
from scaledepth_ros.inference.engines.torch_engine import TorchEngine
from scaledepth_ros.model.scaledepth import metric_depth
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / 'test' / 'model'), str(ROOT / 'benchmarks')]
import official_order  # noqa: E402
from small_network import small_network  # noqa: E402

needs_packing = pytest.mark.skipif(
    not prepacked._usable(torch.float32), reason='this PyTorch has no packed linear layers')


def images(batch=2, height=96, width=128):
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(batch, 3, 6, 8, generator=generator) * 255
    return F.interpolate(coarse, (height, width), mode='bilinear')


@needs_packing
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize(('activation', 'expected'), [
    (None, lambda x: x), (nn.ReLU(), F.relu), (nn.GELU(), F.gelu)])
@torch.inference_mode()
def test_a_packed_layer_with_its_activation(bias, activation, expected):
    linear = nn.Linear(37, 53, bias=bias)
    x = torch.randn(2, 5, 37)
    packed = PackedLinear(linear.weight, linear.bias, torch.float32, activation)
    torch.testing.assert_close(packed(x), expected(linear(x)), atol=1e-5, rtol=1e-5)
    # Any number of rows, and rows that do not lie one after the other.
    torch.testing.assert_close(packed(x[:1, ::2]), expected(linear(x[:1, ::2])),
                               atol=1e-5, rtol=1e-5)


@needs_packing
@torch.inference_mode()
def test_a_convnext_block_keeps_its_layer_scale():
    from timm.models.convnext import ConvNeXtBlock

    block = ConvNeXtBlock(64, ls_init_value=0.3).eval()
    nn.init.normal_(block.gamma)
    x = torch.randn(2, 64, 12, 10)
    expected = block(x)
    holder = nn.Sequential(block)
    prepacked._replace(holder, torch.float32)
    assert type(block.mlp.fc1) is type(block.mlp.fc2) is PackedLinear
    assert block.gamma is None
    torch.testing.assert_close(holder(x), expected, atol=1e-4, rtol=1e-4)


@needs_packing
@torch.inference_mode()
def test_a_packed_network_says_the_same():
    plain, packed = small_network(), small_network()
    assert prepack(packed.to(memory_format=torch.channels_last), torch.float32)
    trunk = (packed.image_encoder, packed.pixel_decoder, packed.query_decoder)
    assert not [module for part in trunk for module in part.modules()
                if type(module) is nn.Linear]
    for ours, theirs in zip(packed(images()), plain(images()), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_the_engine_packs_and_says_the_same():
    batch = images().numpy()
    plain = TorchEngine(small_network(), 'cpu', 'fp32', packed=False).run(batch)
    packed = TorchEngine(small_network(), 'cpu', 'fp32').run(batch)
    for ours, theirs in zip(packed, plain, strict=True):
        torch.testing.assert_close(
            torch.from_numpy(ours), torch.from_numpy(theirs), atol=1e-3, rtol=1e-3)


def test_bfloat16_is_near():
    batch = images().numpy()
    exact = TorchEngine(small_network(), 'cpu', 'fp32').run(batch)
    said = TorchEngine(small_network(), 'cpu', 'bf16').run(batch)
    error = abs(said.relative_depth - exact.relative_depth)
    assert sorted(error.ravel())[error.size // 2] < 0.03
    assert abs(said.scale_m / exact.scale_m - 1).max() < 0.03


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_another_type_is_left_alone(dtype):
    network = small_network()
    assert not prepack(network, dtype)
    assert type(network.query_decoder.layers[0].ffn.expand) is nn.Linear


def test_without_the_operators_the_network_is_left_alone(monkeypatch):
    def absent(*_):
        raise AttributeError('_reorder_linear_weight')
    monkeypatch.setattr(torch.ops.mkldnn, '_reorder_linear_weight', absent)
    prepacked._usable.cache_clear()
    network = small_network()
    try:
        assert not prepack(network, torch.float32)
    finally:
        monkeypatch.undo()
        prepacked._usable.cache_clear()
    assert type(network.query_decoder.layers[0].ffn.expand) is nn.Linear


@pytest.mark.parametrize('size', [(64, 96), (90, 122), (33, 47)])
@torch.inference_mode()
def test_the_published_order_of_operations_gives_the_same_depth(size):
    network, image = small_network(), images(2, *size)
    published = official_order.whole(network, image)
    torch.testing.assert_close(
        metric_depth(network(image), size), published, atol=1e-3, rtol=1e-3)
    features = network.image_encoder(image)
    layers = zip(official_order.head(network, features), network.decode(features, range(3)),
                 strict=True)
    for (scale, relative), ours in layers:
        torch.testing.assert_close(ours.scale_m, scale, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.relative_depth, relative, atol=1e-3, rtol=1e-3)

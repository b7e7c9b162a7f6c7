# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Deformable attention against bilinear samples computed one by one, and its two ways."""

import math

import pytest
from scaledepth_ros.model.bag_sampling import sample_bags
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.positional_encoding import sampling_base
import torch

SIZES = [(2, 3), (4, 5), (7, 9)]
TOKENS = sum(height * width for height, width in SIZES)
HEADS, POINTS, CHANNELS = 2, 3, 8


def bilinear(plane, y, x):
    """Sample a (height, width, D) plane at one place, zeros outside, in float64."""
    height, width, _ = plane.shape
    result = torch.zeros(plane.shape[2], dtype=torch.float64)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                result += share * plane[row, column].double()
    return result


def one_by_one(value, offsets, logits):
    """Compute every sample of every head of every token apart."""
    batch = len(value)
    weights = logits.double().softmax(-1).view(batch, TOKENS, HEADS, len(SIZES), POINTS)
    planes = value.split([h * w for h, w in SIZES], dim=1)
    centres = [((i + 0.5) / height, (j + 0.5) / width)
               for height, width in SIZES for i in range(height) for j in range(width)]
    depth = CHANNELS // HEADS
    out = torch.zeros(batch, TOKENS, HEADS, depth, dtype=torch.float64)
    for b in range(batch):
        for level, (height, width) in enumerate(SIZES):
            plane = planes[level][b].view(height, width, HEADS, depth)
            for token, (y, x) in enumerate(centres):
                for head in range(HEADS):
                    for point in range(POINTS):
                        dx, dy = offsets[b, token, head, level, point].double().tolist()
                        sample = bilinear(
                            plane[:, :, head], y * height - 0.5 + dy, x * width - 0.5 + dx)
                        out[b, token, head] += weights[b, token, head, level, point] * sample
    return out.view(batch, TOKENS, CHANNELS)


@pytest.fixture(scope='module')
def case():
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(2, TOKENS, CHANNELS, generator=generator)
    # Some samples lie inside, some on cell centres, some far outside.
    offsets = torch.randn(2, TOKENS, HEADS, len(SIZES), POINTS, 2, generator=generator) * 3
    offsets[:, ::3] = offsets[:, ::3].round()
    offsets[:, 5] *= 1000
    logits = torch.randn(2, TOKENS, HEADS, len(SIZES) * POINTS, generator=generator) * 3
    return value, offsets, logits


def test_bags_are_bilinear_samples(case):
    torch.testing.assert_close(
        sample_bags(*case, SIZES).double(), one_by_one(*case), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('sizes', [SIZES, [(1, 1), (2, 2), (4, 4)], [(1, 9), (2, 18), (5, 37)]])
@torch.no_grad()
def test_both_ways_give_the_same(sizes):
    tokens = sum(height * width for height, width in sizes)
    attention = DeformableAttention(64, 8, 3, 4)
    torch.nn.init.normal_(attention.sampling_offsets.weight, std=0.3)
    torch.nn.init.normal_(attention.attention_weights.weight, std=0.3)
    query, value = torch.randn(2, 3, tokens, 64)[:, :2]
    results = []
    for attention.sampling in ('grid_sample', 'embedding_bag'):
        results.append(attention(query, value, sampling_base(sizes, value), sizes))
    torch.testing.assert_close(*results, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 3e9, -3e9])
def test_senseless_offsets_stay_inside_the_table(case, bad):
    value, offsets, logits = case
    offsets = offsets.clone()
    offsets[0, 7] = bad
    out = sample_bags(value, offsets, logits, SIZES)
    expected = sample_bags(*case, SIZES)
    assert torch.equal(out[0, 8:], expected[0, 8:])
    assert torch.equal(out[1], expected[1])
    # Far outside are zeros; what is no number stays none.
    if math.isfinite(bad):
        assert out[0, 7].abs().max() == 0
    else:
        assert out[0, 7].isnan().all()


def test_fresh_weights_look_in_eight_directions_one_to_four_cells_far():
    attention = DeformableAttention(64, 8, 3, 4)
    bias = attention.sampling_offsets.bias.detach().view(8, 3, 4, 2)
    assert torch.equal(attention.sampling_offsets.weight, torch.zeros(192, 64))
    torch.testing.assert_close(bias.abs().amax(-1), torch.arange(1.0, 5).expand(8, 3, 4))
    torch.testing.assert_close(bias[0, 0, :, 0], torch.arange(1.0, 5))
    torch.testing.assert_close(bias[2, 1, 3], torch.tensor([0.0, 4.0]), atol=1e-5, rtol=0)


def test_gradients_agree_between_the_ways():
    attention = DeformableAttention(64, 8, 3, 4)
    # Away from cell centres, where a bilinear sample has a kink.
    torch.nn.init.normal_(attention.sampling_offsets.weight, std=0.3)
    torch.nn.init.normal_(attention.attention_weights.weight, std=0.3)
    query, value = torch.randn(2, 1, TOKENS, 64)
    grads = []
    for attention.sampling in ('grid_sample', 'embedding_bag'):
        attention.zero_grad()
        out = attention(query, value, sampling_base(SIZES, value), SIZES)
        out.square().sum().backward()
        grads.append([parameter.grad.clone() for parameter in attention.parameters()])
    for first, second in zip(*grads, strict=True):
        torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)

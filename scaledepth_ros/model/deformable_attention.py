# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Multi-scale deformable attention in plain PyTorch (Zhu et al. 2021, Deformable DETR, eq. 3).

Legend: B batch, N queries, T tokens of all levels, C channels, H heads, D = C / H,
L levels, P points.

Two ways to gather the samples give the same result:

* ``grid_sample``: one bilinear lookup a level. Exports to ONNX and OpenVINO.
* ``embedding_bag``: one weighted sum of rows, see bag_sampling.py. Several times faster on a
  CPU.
"""

from collections.abc import Sequence
import math
from typing import Literal

from scaledepth_ros.model.bag_sampling import sample_bags
from scaledepth_ros.model.positional_encoding import SamplingBase
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812


class DeformableAttention(nn.Module):
    """
    Each query looks at a few learned points of every level.

    Args:
        channels: C, a multiple of heads.
        heads: H.
        levels: L.
        points: P, sampling points for each head and level.
    """

    def __init__(self, channels: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads = heads
        self.levels = levels
        self.points = points
        # Or the name of one way.
        self.sampling: Literal['auto', 'grid_sample', 'embedding_bag'] = 'auto'
        self.sampling_offsets = nn.Linear(channels, heads * levels * points * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * points)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Point the heads in 8 directions, 1 to P cells far; attend to all points alike."""
        angles = torch.arange(self.heads, dtype=torch.float32) * (2 * math.pi / self.heads)
        direction = torch.stack((angles.cos(), angles.sin()), dim=-1)
        direction = direction / direction.abs().amax(dim=-1, keepdim=True)
        reach = torch.arange(1, self.points + 1, dtype=torch.float32)
        bias = direction[:, None, None] * reach[:, None]
        bias = bias.expand(self.heads, self.levels, self.points, 2)
        nn.init.zeros_(self.sampling_offsets.weight)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(bias.reshape(-1))
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self, query_BNC: Tensor, value_BTC: Tensor, base: SamplingBase,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """
        Attend.

        Args:
            query_BNC: Queries, positional encoding included.
            value_BTC: Tokens of all levels, one level after the other.
            base: Where each query lies in every level, N tokens.
            sizes: (height, width) of each level.

        Returns:
            Tensor of shape (B, N, C).
        """
        batch, queries, _ = query_BNC.shape
        # Sampling is float32 in any precision: bfloat16 would round positions to quarter cells.
        value_BTC = self.value_proj(value_BTC).float()
        offsets = self.sampling_offsets(query_BNC).float().view(
            batch, queries, self.heads, self.levels, self.points, 2)
        logits = self.attention_weights(query_BNC).float().view(
            batch, queries, self.heads, self.levels * self.points)
        if self._use_bags(query_BNC):
            sampled = sample_bags(value_BTC, offsets, logits, sizes)
        else:
            # An offset counts cells of the sampled level, so it adds to the position as it is.
            place = (base.cell + base.rest)[None, :, None, :, None]
            sampled = _sample_grids(value_BTC, place + offsets, logits.softmax(-1), sizes)
        out: Tensor = self.output_proj(sampled.to(query_BNC.dtype))
        return out

    def _use_bags(self, query_BNC: Tensor) -> bool:
        if self.sampling != 'auto':
            return self.sampling == 'embedding_bag'
        # The backward pass of a bag on a CPU is serial.
        return query_BNC.device.type == 'cpu' and not torch.is_grad_enabled()


def _sample_grids(
    value_BTC: Tensor, position: Tensor, weights: Tensor, sizes: Sequence[tuple[int, int]],
) -> Tensor:
    batch, queries, heads, _, points, _ = position.shape
    depth = value_BTC.shape[-1] // heads
    levels = torch.split(value_BTC, [height * width for height, width in sizes], dim=1)
    weights = weights.view(batch, queries, heads, len(sizes), points)
    mixed = value_BTC.new_zeros(())
    for level, (height, width) in enumerate(sizes):
        plane = levels[level].transpose(1, 2).reshape(batch * heads, depth, height, width)
        # Filled where it is used: copied there from two numbers, it would make a GPU wait.
        step = torch.cat((position.new_full((1,), 2 / width), position.new_full((1,), 2 / height)))
        grid = (position[:, :, :, level] + 0.5) * step - 1
        # Points before queries: the sum over points then adds whole rows, forward and backward.
        grid = grid.permute(0, 2, 3, 1, 4).reshape(batch * heads, points, queries, 2)
        share = weights[:, :, :, level].permute(0, 2, 3, 1).reshape(-1, 1, points, queries)
        sampled = F.grid_sample(
            plane, grid, mode='bilinear', padding_mode='zeros', align_corners=False)
        mixed = mixed + (sampled * share).sum(2)
    return mixed.view(batch, heads * depth, queries).transpose(1, 2)

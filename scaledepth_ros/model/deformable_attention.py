# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Multi-scale deformable attention in plain PyTorch (Zhu et al. 2021, Deformable DETR, eq. 3).

Legend: B batch, N queries, T tokens of all levels, C channels, H heads, D = C / H,
L levels, P points.

Two ways to gather the samples give the same result:

* ``grid_sample``: one bilinear lookup a level. Exports to ONNX and OpenVINO.
* ``embedding_bag``: the bilinear corners become rows of one weighted sum, whose table is the
  value tensor as it lies in memory. On a CPU this is several times faster, because a row is D
  contiguous floats where ``grid_sample`` gathers single ones.
"""

from collections.abc import Sequence
import math

from scaledepth_ros.model.positional_encoding import SamplingBase
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

SAMPLINGS = ('auto', 'grid_sample', 'embedding_bag')


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
        self.sampling = 'auto'
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
        value_BTC = self.value_proj(value_BTC)
        offsets = self.sampling_offsets(query_BNC).view(
            batch, queries, self.heads, self.levels, self.points, 2)
        weights = self.attention_weights(query_BNC).view(
            batch, queries, self.heads, self.levels * self.points).softmax(-1)
        # An offset counts cells of the sampled level, so it adds to the position as it is.
        cell = base.cell[None, :, None, :, None]
        position = base.rest[None, :, None, :, None] + offsets
        if self._use_bags(query_BNC):
            sampled = _sample_bags(value_BTC, cell, position, weights, sizes)
        else:
            sampled = _sample_grids(value_BTC, cell + position, weights, sizes)
        out: Tensor = self.output_proj(sampled)
        return out

    def _use_bags(self, query_BNC: Tensor) -> bool:
        if self.sampling != 'auto':
            return self.sampling == 'embedding_bag'
        # The backward pass of a bag on a CPU is serial, and reduced precision has no fast kernel.
        return (query_BNC.device.type == 'cpu' and query_BNC.dtype == torch.float32
                and not torch.is_grad_enabled())


def _sample_grids(
    value_BTC: Tensor, position: Tensor, weights: Tensor, sizes: Sequence[tuple[int, int]],
) -> Tensor:
    batch, queries, heads, _, points, _ = position.shape
    depth = value_BTC.shape[-1] // heads
    levels = torch.split(value_BTC, [height * width for height, width in sizes], dim=1)
    sampled = []
    for level, (height, width) in enumerate(sizes):
        plane = levels[level].transpose(1, 2).reshape(batch * heads, depth, height, width)
        extent = position.new_tensor((width, height))
        grid = (position[:, :, :, level] + 0.5) * (2 / extent) - 1
        grid = grid.transpose(1, 2).reshape(batch * heads, queries, points, 2)
        sampled.append(F.grid_sample(
            plane, grid, mode='bilinear', padding_mode='zeros', align_corners=False))
    stacked = torch.cat(sampled, dim=-1)
    weights = weights.transpose(1, 2).reshape(batch * heads, 1, queries, -1)
    mixed = (stacked * weights).sum(-1).view(batch, heads * depth, queries)
    return mixed.transpose(1, 2)


def _sample_bags(
    value_BTC: Tensor, cell: Tensor, position: Tensor, weights: Tensor,
    sizes: Sequence[tuple[int, int]],
) -> Tensor:
    batch, queries, heads, levels, points, _ = position.shape
    tokens, channels = value_BTC.shape[1:]
    device = position.device
    widths = torch.tensor([w for _, w in sizes], device=device, dtype=torch.int32)[:, None]
    heights = torch.tensor([h for h, _ in sizes], device=device, dtype=torch.int32)[:, None]
    areas = [h * w for h, w in sizes]
    starts = torch.tensor([sum(areas[:i]) for i in range(levels)], device=device,
                          dtype=torch.int32)[:, None]

    low = position.floor()
    right, below = (position - low).unbind(-1)
    column, row = (cell + low.to(torch.int32)).unbind(-1)
    weights = weights.view(batch, queries, heads, levels, points)

    head = torch.arange(heads, device=device, dtype=torch.int32)[:, None, None]
    first = torch.arange(batch, device=device, dtype=torch.int32)[:, None, None, None, None]
    first = first * (tokens * heads) + head
    column_index, column_weight = [], []
    for step, share in ((0, 1 - right), (1, right)):
        x = column + step
        inside = (x >= 0) & (x < widths)
        column_index.append(x.clamp(min=0).minimum(widths - 1))
        column_weight.append(share * inside)
    indices, shares = [], []
    for step, share in ((0, 1 - below), (1, below)):
        y = row + step
        inside = (y >= 0) & (y < heights)
        start = starts + y.clamp(min=0).minimum(heights - 1) * widths
        row_weight = weights * (share * inside)
        for x, column_share in zip(column_index, column_weight, strict=True):
            indices.append((start + x) * heads + first)
            shares.append(row_weight * column_share)
    index = torch.stack(indices, dim=-1).view(batch * queries * heads, -1)
    share = torch.stack(shares, dim=-1).view(batch * queries * heads, -1)
    table = value_BTC.reshape(batch * tokens * heads, channels // heads)
    bags = F.embedding_bag(index, table, mode='sum', per_sample_weights=share)
    return bags.view(batch, queries, channels)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Sampling of deformable attention as one weighted sum of rows, for CPUs.

The four corners of every bilinear sample are rows of the value tensor as it lies in memory, D
contiguous floats each, and ``embedding_bag`` sums them. ``grid_sample`` gathers single floats
instead, several times slower. Levels get a border of zeros, so a sample outside needs no mask.

Legend: B batch, N queries, T tokens of all levels, C channels, H heads, D = C / H, L levels,
P points.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from scaledepth_ros.model.positional_encoding import sampling_base
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# A sample beyond this border is moved into it, where all four corners are zero.
_BORDER = 2


class _Tables(NamedTuple):
    """
    What depends on sizes only. Columns are (head, level, point), as the offsets are laid out.

    Attributes:
        rest: Position within the cell, x and y, each (N, H * L * P).
        cell: Cell on the level with its border, x and y, each int32 (N, H * L * P).
        last: Last usable cell, x and y, each int32 (H * L * P).
        row_step: Table rows from one line of a level to the next, int32 (H * L * P).
        start: Table row of the first cell of the level, int32 (H * L * P).
        corners: Table rows from the upper left corner to all four, int32 (H * L * P, 4).
        inner: Cells that hold a token, int64 (T); the others are border.
        cells: Number of cells, border included.
    """

    rest: tuple[Tensor, Tensor]
    cell: tuple[Tensor, Tensor]
    last: tuple[Tensor, Tensor]
    row_step: Tensor
    start: Tensor
    corners: Tensor
    inner: Tensor
    cells: int


@lru_cache(maxsize=8)
def _tables(sizes: tuple[tuple[int, int], ...], heads: int, points: int) -> _Tables:
    base = sampling_base(sizes, torch.empty(0))
    queries, levels = base.cell.shape[:2]

    def for_queries(values_NL: Tensor) -> Tensor:
        wide = values_NL[:, None, :, None].expand(queries, heads, levels, points)
        return wide.reshape(queries, -1).contiguous()

    def for_levels(values: Sequence[int]) -> Tensor:
        wide = torch.tensor(values, dtype=torch.int32)[:, None]
        return wide.expand(heads, levels, points).reshape(-1).contiguous()

    widths = [width + 2 * _BORDER for _, width in sizes]
    areas = [(height + 2 * _BORDER) * width for (height, _), width in zip(
        sizes, widths, strict=True)]
    starts = [sum(areas[:level]) for level in range(levels)]
    head = torch.arange(heads, dtype=torch.int32).repeat_interleave(levels * points)
    row_step = for_levels([width * heads for width in widths])
    inner = [start + (torch.arange(height)[:, None] + _BORDER) * step
             + torch.arange(width) + _BORDER
             for start, step, (height, width) in zip(starts, widths, sizes, strict=True)]
    return _Tables(
        rest=(for_queries(base.rest[..., 0]), for_queries(base.rest[..., 1])),
        cell=(for_queries(base.cell[..., 0] + _BORDER), for_queries(base.cell[..., 1] + _BORDER)),
        last=(for_levels([width + _BORDER for _, width in sizes]),
              for_levels([height + _BORDER for height, _ in sizes])),
        row_step=row_step, start=for_levels([start * heads for start in starts]) + head,
        corners=torch.stack((torch.zeros_like(row_step), torch.full_like(row_step, heads),
                             row_step, row_step + heads), dim=-1),
        inner=torch.cat([cells.reshape(-1) for cells in inner]), cells=sum(areas))


def sample_bags(
    value_BTC: Tensor, offsets: Tensor, logits: Tensor, sizes: Sequence[tuple[int, int]],
) -> Tensor:
    """
    Sample every level bilinearly around each token and weigh the samples; zeros lie outside.

    Args:
        value_BTC: Projected tokens of all levels, on a CPU, float32.
        offsets: (B, N, H, L, P, 2), x before y, in cells of the sampled level.
        logits: (B, N, H, L * P); their softmax over the last axis weighs the samples.
        sizes: (height, width) of each level; N is the number of tokens T.

    Returns:
        Tensor of shape (B, N, C).
    """
    batch, queries, heads, levels, points, _ = offsets.shape
    channels = value_BTC.shape[-1]
    tables = _tables(tuple(sizes), heads, points)
    offsets = offsets.reshape(batch, queries, -1, 2)
    shares, cells = [], []
    for axis in (0, 1):
        position = offsets[..., axis] + tables.rest[axis]
        low = position.floor()
        shares.append(position - low)
        cell = low.to(torch.int32) + tables.cell[axis]
        cells.append(cell.clamp(min=0).minimum(tables.last[axis]))
    index = cells[1] * tables.row_step + cells[0] * heads + tables.start
    if batch > 1:
        first = torch.arange(batch, dtype=torch.int32) * (tables.cells * heads)
        index = index + first[:, None, None]
    index = index[..., None] + tables.corners

    # PyTorch's own softmax is five times slower on rows as short as these.
    weights = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    weights = (weights / weights.sum(dim=-1, keepdim=True)).reshape(batch, queries, -1)
    right, below = shares
    lower = weights * below
    upper = weights - lower
    upper_right, lower_right = upper * right, lower * right
    corner_weights = torch.stack(
        (upper - upper_right, upper_right, lower - lower_right, lower_right), dim=-1)

    table = value_BTC.new_zeros(batch, tables.cells, channels)
    table[:, tables.inner] = value_BTC
    bags = F.embedding_bag(
        index.view(batch * queries * heads, -1), table.view(-1, channels // heads), mode='sum',
        per_sample_weights=corner_weights.view(batch * queries * heads, -1))
    return bags.view(batch, queries, channels)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Sine positional encodings and reference points, computed once per feature size.

They are kept on the device where they are wanted: copied there for every image, they would make
a GPU wait each time.

Legend: N = H * W tokens of one level, C channels.
"""

from collections.abc import Sequence
from functools import lru_cache
import math
from typing import NamedTuple

import torch
from torch import Tensor

_TEMPERATURE = 10000.0
_EPS = 1e-6


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # A cached table may be used in training later.
def _sine_encoding(
    height: int, width: int, channels: int, device: torch.device, dtype: torch.dtype,
) -> Tensor:
    half = channels // 2
    y = torch.arange(1, height + 1, dtype=torch.float32) / (height + _EPS) * (2 * math.pi)
    x = torch.arange(1, width + 1, dtype=torch.float32) / (width + _EPS) * (2 * math.pi)
    index = torch.arange(half, dtype=torch.float32)
    wavelength = _TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode='floor') / half)

    def interleave(position: Tensor) -> Tensor:
        angle = position[:, None] / wavelength
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

    encoding = torch.empty(height, width, channels)
    encoding[..., :half] = interleave(y)[:, None]
    encoding[..., half:] = interleave(x)[None]
    return encoding.reshape(height * width, channels).to(device, dtype)


def sine_encoding(height: int, width: int, channels: int, like: Tensor) -> Tensor:
    """
    Return the normalised sine encoding of a feature map.

    The first half of the channels encodes y, the second x; even channels are sines, odd ones
    cosines (Carion et al. 2020, DETR, appendix; temperature 10000, scale 2 pi).

    Args:
        height, width: Size of the feature map in cells.
        channels: Channel count; a multiple of 4.
        like: Tensor whose device and dtype the result takes.

    Returns:
        Tensor of shape (height * width, channels), shared by all who ask for the same.
    """
    return _sine_encoding(height, width, channels, like.device, like.dtype)


class SamplingBase(NamedTuple):
    """
    Where each token lies in every level, in pixels of that level; 0 is the first cell's centre.

    The position is cell + rest. Kept apart, a sampling position is rounded to a fraction of a
    cell instead of a fraction of the whole image, which is what limits the precision of
    deformable attention in float32.

    Attributes:
        cell: int32 (N, levels, 2), x before y.
        rest: float32 (N, levels, 2), in [0, 1).
    """

    cell: Tensor
    rest: Tensor


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _sampling_base(
    sizes: tuple[tuple[int, int], ...], device: torch.device,
) -> SamplingBase:
    centres = []
    for height, width in sizes:
        y = (torch.arange(height, dtype=torch.float64) + 0.5) / height
        x = (torch.arange(width, dtype=torch.float64) + 0.5) / width
        centres.append(torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1).reshape(-1, 2))
    reference = torch.cat(centres)
    extent = torch.tensor([(width, height) for height, width in sizes], dtype=torch.float64)
    # A token's place in its own level is a whole number; rounding must not make it one less.
    position = (reference[:, None] * extent - 0.5).round(decimals=12)
    cell = position.floor()
    return SamplingBase(
        cell.to(device, torch.int32), (position - cell).to(device, torch.float32))


def sampling_base(sizes: Sequence[tuple[int, int]], like: Tensor) -> SamplingBase:
    """
    Return where each token lies in every level.

    Args:
        sizes: (height, width) of each level, in token order.
        like: Tensor whose device the result takes; positions are float32 in any precision.
    """
    return _sampling_base(tuple(sizes), like.device)

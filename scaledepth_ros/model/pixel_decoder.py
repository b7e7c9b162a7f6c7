# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The pixel decoder: multi-scale deformable encoder plus a per-pixel embedding.

ScaleDepth section III-B builds on the pixel decoder of Mask2Former (Cheng et al. 2022, section
3.2.1). Levels are ordered from the coarsest (stride 32) to the finest (stride 8) everywhere.

Legend: B batch, C channels, N = sum of H * W over the levels.
"""

from collections.abc import Sequence

from scaledepth_ros.model.attention import FeedForward
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.positional_encoding import sampling_base, SamplingBase, sine_encoding
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

LEVELS = 3
_GROUPS = 32


class ConvNorm(nn.Module):
    """A convolution followed by group normalisation, and by ReLU if asked for."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int, *, bias: bool, relu: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=bias)
        self.gn = nn.GroupNorm(_GROUPS, channels)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H, W)."""
        x = self.gn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


class EncoderLayer(nn.Module):
    """Deformable self-attention over all levels, then a feed-forward net; post-norm."""

    def __init__(self, channels: int, heads: int, points: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(channels, heads, LEVELS, points)
        self.ffn = FeedForward(channels, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(
        self, x_BNC: Tensor, position_NC: Tensor, base: SamplingBase,
        sizes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """Return the refined tokens, shape (B, N, C)."""
        x_BNC = self.norms[0](
            x_BNC + self.self_attn(x_BNC + position_NC, x_BNC, base, sizes))
        out: Tensor = self.norms[1](x_BNC + self.ffn(x_BNC))
        return out


class PixelDecoder(nn.Module):
    """
    Refine the encoder's pyramid and embed every pixel at stride 4.

    Args:
        in_channels: Channels of the features at strides 4, 8, 16 and 32.
        channels: C; a multiple of 32 (group normalisation) and of heads.
        layers: Number of deformable encoder layers.
        heads, points: See DeformableAttention.
        hidden: Width of the feed-forward nets.
    """

    def __init__(
        self, in_channels: Sequence[int], *, channels: int, layers: int, heads: int,
        points: int, hidden: int,
    ) -> None:
        super().__init__()
        self.input_convs = nn.ModuleList(
            ConvNorm(width, channels, 1, bias=True) for width in reversed(in_channels[1:]))
        self.level_encoding = nn.Parameter(torch.randn(LEVELS, channels))
        self.layers = nn.ModuleList(
            EncoderLayer(channels, heads, points, hidden) for _ in range(layers))
        self.lateral_conv = ConvNorm(in_channels[0], channels, 1, bias=False)
        self.output_conv = ConvNorm(channels, channels, 3, bias=False, relu=True)
        self.mask_feature = nn.Conv2d(channels, channels, 1)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith('bias') and ('conv.' in name or 'mask_feature' in name):
                nn.init.zeros_(parameter)
            elif name.startswith('input_convs') and parameter.ndim == 4:
                nn.init.xavier_uniform_(parameter)
            elif parameter.ndim == 4:
                nn.init.kaiming_uniform_(parameter, a=1)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """
        Decode.

        Args:
            features: Four maps (B, C_i, H_i, W_i) at strides 4, 8, 16 and 32.

        Returns:
            The per-pixel embedding (B, C, H/4, W/4), and the refined levels as a list of
            (B, C, H_i, W_i) at strides 32, 16 and 8.
        """
        levels = [conv(x) for conv, x in zip(self.input_convs, features[:0:-1], strict=True)]
        # Plain numbers even while traced, so that tables by size are found and become constants.
        sizes = [(int(level.shape[-2]), int(level.shape[-1])) for level in levels]
        x_BNC = torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2)
        position_NC = torch.cat([
            sine_encoding(height, width, x_BNC.shape[-1], x_BNC) + self.level_encoding[i]
            for i, (height, width) in enumerate(sizes)])
        base = sampling_base(sizes, x_BNC)
        for layer in self.layers:
            x_BNC = layer(x_BNC, position_NC, base, sizes)
        parts = torch.split(x_BNC.transpose(1, 2), [h * w for h, w in sizes], dim=2)
        memory = [part.reshape(*part.shape[:2], *size)
                  for part, size in zip(parts, sizes, strict=True)]

        lateral = self.lateral_conv(features[0])
        fine = lateral + F.interpolate(
            memory[-1], size=lateral.shape[-2:], mode='bilinear', align_corners=False)
        embedding: Tensor = self.mask_feature(self.output_conv(fine))
        return embedding, memory

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Direct regression: what ScaleDepth is compared with.

The same trunk and pixel decoder, but no queries: a plain convolutional head says the logarithm of
the depth at every pixel. It knows neither a scene scale nor bins, so it names no scene and states
no uncertainty.
"""

from collections.abc import Sequence
import math

from scaledepth_ros.model.image_encoder import ImageEncoder
from scaledepth_ros.model.pixel_decoder import ConvNorm, PixelDecoder
from scaledepth_ros.model.precision import full_precision
from scaledepth_ros.model.scaledepth import DepthNetwork, NetworkOutput, ScaleDepthConfig
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3, bias=False, relu=True)
        self.second = ConvNorm(channels, channels, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return F.relu(x + self.second(self.first(x)))


class RegressionHead(nn.Module):
    """
    Turn refined features into the logarithm of depth.

    Args:
        channels: C.
        layers: Residual blocks at stride 8.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(layers)))
        self.fuse = ConvNorm(channels, channels, 3, bias=False, relu=True)
        self.log_depth = nn.Linear(channels, 1)

    def forward(self, pixels: Tensor, memory: Sequence[Tensor]) -> Tensor:
        """
        Return log depth in metres.

        Args:
            pixels: Per-pixel embedding (B, C, H/4, W/4).
            memory: Refined levels, coarsest first; the last one is at stride 8.

        Returns:
            (B, 1, H/4, W/4), float32.
        """
        context = F.interpolate(
            self.blocks(memory[-1]), size=pixels.shape[-2:], mode='bilinear', align_corners=False)
        x = self.fuse(pixels + context).float()
        with full_precision(x):
            weight = self.log_depth.weight.float()[:, :, None, None]
            return F.conv2d(x, weight, self.log_depth.bias.float())


class DirectRegression(DepthNetwork):
    """
    A network whose every pixel regresses its own depth; see ``build.build_model``.

    Its output fits the interface of ScaleDepth by calling the largest depth of an image its scale.
    """

    def __init__(
        self, config: ScaleDepthConfig, image_encoder: ImageEncoder, pixel_decoder: PixelDecoder,
        head: RegressionHead,
    ) -> None:
        super().__init__(config, image_encoder)
        self.pixel_decoder = pixel_decoder
        self.head = head

    def decode(
        self, features: Sequence[Tensor], layers: Sequence[int] | None = None,
    ) -> list[NetworkOutput]:
        """
        Turn a feature pyramid into depth.

        Args:
            features: Four maps at strides 4, 8, 16 and 32.
            layers: Taken for the interface's sake; there is one output only.
        """
        pixels, memory = self.pixel_decoder(features)
        depth_m = self.head(pixels, memory).exp()
        # A name for a number, not a prediction: no gradient may flow into it.
        scale_m = depth_m.detach().amax(dim=(1, 2, 3))[:, None]
        return [NetworkOutput(depth_m / scale_m[:, :, None, None], None, scale_m, None, None)]

    @property
    def has_scenes(self) -> bool:
        """False: it was told nothing about scene categories."""
        return False

    @torch.no_grad()
    def start_at(self, scale_m: float) -> None:
        """Begin at the depth that an untrained ScaleDepth of this scale says: half of it."""
        nn.init.constant_(self.head.log_depth.bias, math.log(0.5 * scale_m))

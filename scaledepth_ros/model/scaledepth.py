# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
ScaleDepth: metric depth M [m] = scene scale S [m] x relative depth R (arXiv 2407.08187).

Read this file first. An image encoder makes a feature pyramid, the pixel decoder refines it and
embeds every pixel, the query decoder lets bin and scale queries read it, and two heads turn
the queries into R (ARDE) and S (SASP). Every size of the network is this code under another
``ScaleDepthConfig``; ``build.py`` puts the parts together.

Legend: B batch, H, W image size, h, w size of the feature map at stride 4, Q bin queries,
G scene categories.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.model.deviation import DeviationHead
from scaledepth_ros.model.image_encoder import ImageEncoder
from scaledepth_ros.model.pixel_decoder import PixelDecoder
from scaledepth_ros.model.query_decoder import QueryDecoder
from scaledepth_ros.model.relative_depth import RelativeDepthHead
from scaledepth_ros.model.scene_scale import SceneScaleHead
from scaledepth_ros.model.scene_text import SCENE_CATEGORIES
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

# Below this, the coarsest feature map would be empty.
MIN_SIDE = 32


@dataclass(frozen=True, kw_only=True)
class ScaleDepthConfig:
    """
    Everything that defines a network except its weights.

    Attributes:
        encoder: Name of the timm trunk.
        channels: Width C of queries and refined features; at least 64, a multiple of 32 and of
            heads.
        encoder_layers, decoder_layers: Depth of the pixel decoder and the query decoder.
        encoder_hidden, decoder_hidden: Width of their feed-forward nets.
        heads, points: Attention heads, and deformable sampling points a head and level.
        bin_queries, scale_queries: Q and K.
        scene_categories: G; the first G of scene_text.SCENE_CATEGORIES.
        min_relative_depth: Left edge of the first bin.
        min_scale_m: Lower bound of S in metres.
        scale_activation: 'relu' as published, or 'exp'.
        similarity: 'dot' as published, or 'cosine'.
        temperature: Factor on the text-image similarity.
        supervised_layers: Decoder layers that the auxiliary losses look at, and their weights.
        canonical_focal_px: Focal length, in pixels of the network input, at which S is in
            metres; depth scales with the focal length of the camera in use. None: as published,
            the camera is ignored.
        input_pixels: Images are resized to about this many pixels; None: not resized.
        size_divisor: Sides of resized images are multiples of this.
        max_depth_m: Range within which predictions were trained.
        drop_path_rate: Stochastic depth of the trunk while training.
        head: 'bins', which is ScaleDepth, or 'regression', the baseline of direct_regression.py;
            of the fields above it heeds channels, encoder_*, heads, points, decoder_layers (its
            residual blocks), and what is said about focal length and input.
        uncertainty: 'bins' is the standard deviation of the bin mixture, 'learned' that of
            deviation.py.
        uncertainty_scale: Factor on the stated uncertainty that makes it true on scenes that the
            network has not seen; applied by the predictor.
    """

    encoder: str
    channels: int
    encoder_layers: int
    decoder_layers: int
    encoder_hidden: int
    decoder_hidden: int
    heads: int = 8
    points: int = 4
    bin_queries: int = 64
    scale_queries: int = 3
    scene_categories: int = len(SCENE_CATEGORIES)
    min_relative_depth: float = 1e-3
    min_scale_m: float = 0.1
    scale_activation: Literal['relu', 'exp'] = 'relu'
    similarity: Literal['dot', 'cosine'] = 'dot'
    temperature: float = 100.0
    supervised_layers: tuple[tuple[int, float], ...] = ()
    canonical_focal_px: float | None = None
    input_pixels: int | None = None
    size_divisor: int = 32
    max_depth_m: float = 80.0
    drop_path_rate: float = 0.0
    head: Literal['bins', 'regression'] = 'bins'
    uncertainty: Literal['bins', 'learned'] = 'bins'
    uncertainty_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ('channels', 'encoder_layers', 'decoder_layers', 'encoder_hidden',
                     'decoder_hidden', 'heads', 'points', 'bin_queries', 'scale_queries',
                     'scene_categories', 'size_divisor'):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f'{name} is {value!r}; expected a whole number of at least 1.')
        # A group of one channel has nothing to be normalised by on a 1 x 1 feature map.
        if self.channels < 64 or self.channels % 32 or self.channels % self.heads:
            raise ConfigError(
                f'channels is {self.channels}; expected at least 64, a multiple of 32 and of '
                f'heads ({self.heads}).')
        if self.scene_categories > len(SCENE_CATEGORIES):
            raise ConfigError(f'scene_categories is {self.scene_categories}; expected at most '
                              f'{len(SCENE_CATEGORIES)}.')
        for name in ('min_relative_depth', 'min_scale_m', 'temperature', 'max_depth_m',
                     'uncertainty_scale'):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f'{name} is {value!r}; expected a positive number.')
        for name, choices in (('scale_activation', ('relu', 'exp')),
                              ('similarity', ('dot', 'cosine')),
                              ('head', ('bins', 'regression')),
                              ('uncertainty', ('bins', 'learned'))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f'{name} is {getattr(self, name)!r}; expected one of {choices}.')
        for name in ('canonical_focal_px', 'input_pixels'):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f'{name} is {value!r}; expected a positive number or None.')
        if self.head == 'regression' and self.supervised_layers:
            raise ConfigError("head is 'regression', which has no decoder layers to supervise; "
                              'expected supervised_layers [].')
        for layer, _ in self.supervised_layers:
            if not 0 <= layer < self.decoder_layers - 1:
                raise ConfigError(
                    f'supervised_layers names layer {layer}; expected 0 to '
                    f'{self.decoder_layers - 2}, the last one is always supervised.')


@dataclass(frozen=True, kw_only=True)
class DepthOutput:
    """
    What a camera frame became, as numpy arrays at the image's resolution.

    Attributes:
        depth_m: (H, W) float32, metres along the optical axis (REP 118); NaN where unknown.
        relative_depth: (H, W) float32 in 0 to 1; depth_m = scale_m * relative_depth.
        uncertainty_m: (H, W) float32, one standard deviation in metres; NaN if the network
            states none.
        scale_m: S in metres, corrected for the camera's focal length.
        scene: Most likely scene category; None if the network has no text embeddings.
        scene_probabilities: (G,) float32, or None likewise.
    """

    depth_m: npt.NDArray[np.float32]
    relative_depth: npt.NDArray[np.float32]
    uncertainty_m: npt.NDArray[np.float32]
    scale_m: float
    scene: str | None
    scene_probabilities: npt.NDArray[np.float32] | None

    def rescaled(self, factor: float) -> 'DepthOutput':
        """
        Return the same at another scale.

        Args:
            factor: What every length is multiplied with; the relative depth stays.
        """
        return replace(
            self, depth_m=self.depth_m * np.float32(factor), scale_m=self.scale_m * factor,
            uncertainty_m=self.uncertainty_m * np.float32(factor))


class NetworkOutput(NamedTuple):
    """
    What one decoder layer says.

    Attributes:
        relative_depth: R, (B, 1, h, w).
        deviation: One standard deviation of R, (B, 1, h, w); None if there is none.
        scale_m: S, (B, 1).
        scene_logits: (B, G); None if the network knows no scene categories.
        bin_edges: (B, Q + 1); None without bins.
    """

    relative_depth: Tensor
    deviation: Tensor | None
    scale_m: Tensor
    scene_logits: Tensor | None
    bin_edges: Tensor | None

    def map(self, function: Callable[[Tensor], Tensor]) -> 'NetworkOutput':
        """Return the output with a function applied to every tensor that there is."""
        return NetworkOutput(*(None if value is None else function(value)  # type: ignore[arg-type]
                               for value in self))


class DepthNetwork(nn.Module, ABC):
    """
    What every network is to its users; ``build.build_model`` makes the one that is configured.

    Inputs are RGB images (B, 3, H, W), float, 0 to 255. H and W may be any size of at least
    32 pixels; features of sides that are no multiple of 32 are cut as the trunk cuts them.
    """

    def __init__(self, config: ScaleDepthConfig, image_encoder: ImageEncoder) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = image_encoder

    def forward(self, image: Tensor) -> NetworkOutput:
        """
        Return what the last decoder layer says of RGB images (B, 3, H, W), 0 to 255.

        Raises:
            ImageError: The tensor has another shape, or a side below 32 pixels.
        """
        return self.decode(self.image_encoder(_checked(image)))[-1]

    def forward_layers(self, image: Tensor) -> list[NetworkOutput]:
        """Return what each supervised layer and the last one say, in this order; see forward."""
        layers = [layer for layer, _ in self.config.supervised_layers]
        return self.decode(
            self.image_encoder(_checked(image)), [*layers, self.config.decoder_layers - 1])

    @abstractmethod
    def decode(
        self, features: Sequence[Tensor], layers: Sequence[int] | None = None,
    ) -> list[NetworkOutput]:
        """Turn a feature pyramid into one output a wanted layer; the last layer if None."""

    @property
    @abstractmethod
    def has_scenes(self) -> bool:
        """Whether it was told about scene categories, so that their logits mean something."""

    @abstractmethod
    def start_at(self, scale_m: float) -> None:
        """Let an untrained network begin at this scale of scenes."""


class ScaleDepth(DepthNetwork):
    """The network of the paper; its constructor receives parts, ``build.py`` makes them."""

    def __init__(
        self, config: ScaleDepthConfig, image_encoder: ImageEncoder, pixel_decoder: PixelDecoder,
        query_decoder: QueryDecoder, relative_depth: RelativeDepthHead,
        scene_scale: SceneScaleHead, deviation: DeviationHead | None = None,
    ) -> None:
        super().__init__(config, image_encoder)
        self.pixel_decoder = pixel_decoder
        self.query_decoder = query_decoder
        self.relative_depth = relative_depth
        self.scene_scale = scene_scale
        self.deviation = deviation

    def decode(
        self, features: Sequence[Tensor], layers: Sequence[int] | None = None,
    ) -> list[NetworkOutput]:
        """
        Turn a feature pyramid into scale and relative depth.

        Args:
            features: Four maps at strides 4, 8, 16 and 32.
            layers: Decoder layers wanted; the last one if None.

        Returns:
            One output a wanted layer, in decoder order.
        """
        pixels, memory = self.pixel_decoder(features)
        learned = None if self.deviation is None else self.deviation(pixels)
        outputs = []
        for bin_query, scale_query in self.query_decoder(pixels, memory, layers):
            logits = self.query_decoder.mask_logits(bin_query, pixels.flatten(2))
            relative = self.relative_depth(
                bin_query, logits.view(*logits.shape[:2], *pixels.shape[-2:]))
            deviation = (relative.deviation if learned is None
                         else learned * relative.mean.detach())
            outputs.append(NetworkOutput(
                relative.mean, deviation, self.scene_scale.scale_m(scale_query),
                self.scene_scale.scene_logits(scale_query), relative.edges))
        return outputs

    @property
    def has_scenes(self) -> bool:
        """Whether it holds text embeddings."""
        return bool(self.scene_scale.text_embeddings.any())

    @torch.no_grad()
    def start_at(self, scale_m: float) -> None:
        """Begin at this scale; 'relu' begins at about a metre whatever is wanted."""
        if self.config.scale_activation == 'exp':
            nn.init.constant_(self.scene_scale.fc.bias, math.log(scale_m))


def _checked(image: Tensor) -> Tensor:
    if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[2:]) < MIN_SIDE:
        raise ImageError(
            f'The network got a tensor of shape {tuple(image.shape)}; expected (batch, 3, height, '
            f'width) with sides of at least {MIN_SIDE} pixels.')
    return image


def metric_depth(output: NetworkOutput, size: tuple[int, int]) -> Tensor:
    """
    Return M = S x R at a wanted size.

    Args:
        output: What the network said.
        size: (height, width), usually that of the image.

    Returns:
        Depth in metres, (B, 1, height, width), bilinearly resized from stride 4.
    """
    depth = output.scale_m[:, :, None, None] * output.relative_depth
    return F.interpolate(depth, size=size, mode='bilinear', align_corners=False)

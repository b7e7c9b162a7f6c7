# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
From a frame to a network input: geometry in canonical focal length, then colour.

What an object's appearance fixes is the angle it fills, so depth scales with the focal length: a
network that sees no intrinsics can only learn depth at one canonical focal length f_c. A resize by
z turns the focal length f into z f (in network pixels) and leaves the metric depth M alone; the
target is the canonical depth M f_c / (z f). Zooming in therefore makes everything nearer, exactly
as a longer lens would, and a few rooms teach many distances.
"""

from dataclasses import dataclass, field
import math

import numpy as np
from scaledepth_ros.data.colour import ColourConfig, jitter_colour
from scaledepth_ros.data.mixing import cut_depth
from scaledepth_ros.data.resize import is_sparse, resize_depth, resize_rgb
from scaledepth_ros.data.sample import FrameInfo, RgbdSample
from scaledepth_ros.errors import ConfigError
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812

# Field of view along the longer side [deg] of a frame that states no intrinsics.
ASSUMED_FOV_DEG = 60.0


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """
    Everything about augmentation.

    Attributes:
        canonical_focal_px: Canonical focal length [network px]; None keeps metric depth, as the
            official training does.
        resize: Fit the frame to the network size before zooming; False crops the stored pixels,
            as the official training does.
        zoom_min: Smallest zoom; 1 is the smallest at which the frame fills the network input.
            Below 1 the rest is filled with the mean colour, without depth.
        zoom_max: Largest zoom. Zooms are drawn log-uniformly.
        zoom_probability: Probability that a zoom is drawn; all other frames come at zoom 1, as
            they do in use. At 1, whole frames of learnt places come out a few percent too near,
            because an image without a border was nearly always a part of a frame.
        off_centre_probability: Probability that the crop lies anywhere instead of in the centre.
        flip_probability: Probability of a horizontal flip.
        assumed_fov_deg: Field of view along the longer side [deg] of frames without intrinsics.
        max_depth_m: Metric depth beyond this [m] counts as unknown.
        colour: Colour changes; None keeps the colours.
        cut_depth_probability: Probability of ``mixing.cut_depth``.
        copy_paste_probability: Probability of ``mixing.copy_paste``; see ``TrainingSet``.
    """

    canonical_focal_px: float | None = 300.0
    resize: bool = True
    zoom_min: float = 0.7
    zoom_max: float = 1.8
    zoom_probability: float = 1.0
    off_centre_probability: float = 0.7
    flip_probability: float = 0.5
    assumed_fov_deg: float = ASSUMED_FOV_DEG
    max_depth_m: float = 80.0
    colour: ColourConfig | None = field(default_factory=ColourConfig)
    cut_depth_probability: float = 0.0
    copy_paste_probability: float = 0.0

    def __post_init__(self) -> None:
        if self.canonical_focal_px is not None and not self.canonical_focal_px > 0:
            raise ConfigError(
                f'canonical_focal_px is {self.canonical_focal_px!r}; expected a positive length '
                'or None.'
            )
        if not 0 < self.zoom_min <= self.zoom_max:
            raise ConfigError(
                f'Zoom range is {self.zoom_min:g} .. {self.zoom_max:g}; expected 0 < minimum <= '
                'maximum.'
            )
        if not 0 < self.assumed_fov_deg < 180:
            raise ConfigError(
                f'assumed_fov_deg is {self.assumed_fov_deg:g}; expected 0 .. 180 degrees.'
            )
        if not self.max_depth_m > 0:
            raise ConfigError(f'max_depth_m is {self.max_depth_m:g}; expected more than 0.')
        for name in ('zoom', 'off_centre', 'flip', 'cut_depth', 'copy_paste'):
            value = getattr(self, f'{name}_probability')
            if not 0 <= value <= 1:
                raise ConfigError(f'{name}_probability is {value!r}; expected 0 .. 1.')


def official_augmentation() -> AugmentationConfig:
    """Return the pipeline of the official training: flip, random crop, colours; metric depth."""
    return AugmentationConfig(
        canonical_focal_px=None,
        resize=False,
        zoom_min=1.0,
        zoom_max=1.0,
        off_centre_probability=1.0,
        colour=ColourConfig(albumentations=True),
    )


def no_augmentation(canonical_focal_px: float | None) -> AugmentationConfig:
    """
    Return what a loss on held-back frames needs: fit and centre crop, nothing random.

    Args:
        canonical_focal_px: As in ``AugmentationConfig``.
    """
    return AugmentationConfig(
        canonical_focal_px=canonical_focal_px,
        zoom_min=1.0,
        zoom_max=1.0,
        off_centre_probability=0.0,
        flip_probability=0.0,
        colour=None,
    )


@dataclass(frozen=True, kw_only=True)
class NetworkSample:
    """
    One frame as the network sees it.

    Attributes:
        image_3HW: uint8 RGB.
        depth_1HW: float32 canonical depth [m] (metric if there is no canonical focal length),
            NaN where unknown.
        focal_px: Focal length in network pixels.
        focal_known: False if it was assumed.
        info: The frame this was made from.
    """

    image_3HW: Tensor
    depth_1HW: Tensor
    focal_px: float
    focal_known: bool
    info: FrameInfo


@dataclass(frozen=True)
class _Window:
    """Which source rectangle fills which rectangle of the network input, along one axis."""

    source_start: int
    source_stop: int
    target_start: int
    target_stop: int

    @property
    def scale(self) -> float:
        return (self.target_stop - self.target_start) / (self.source_stop - self.source_start)


class Augmentation:
    """
    Turns frames into network samples.

    Args:
        config: What to do.
    """

    def __init__(self, config: AugmentationConfig) -> None:
        self.config = config

    def __call__(
        self, sample: RgbdSample, height: int, width: int, rng: np.random.Generator
    ) -> NetworkSample:
        """
        Augment one frame.

        Args:
            sample: The frame.
            height: Rows of the network input.
            width: Columns of the network input.
            rng: Source of all randomness; the same state gives the same sample, bit for bit.
        """
        image_3HW, depth_1HW, focal_px = self._place(sample, height, width, rng)
        if rng.random() < self.config.flip_probability:
            image_3HW, depth_1HW = F.hflip(image_3HW), F.hflip(depth_1HW)
        depth_1HW[depth_1HW > self.config.max_depth_m] = math.nan
        if self.config.canonical_focal_px is not None:
            depth_1HW *= self.config.canonical_focal_px / focal_px
        if self.config.colour is not None:
            image_3HW = jitter_colour(image_3HW, self.config.colour, rng)
        if rng.random() < self.config.cut_depth_probability:
            image_3HW = cut_depth(image_3HW, depth_1HW, rng)
        return NetworkSample(
            image_3HW=image_3HW.contiguous(),
            depth_1HW=depth_1HW.contiguous(),
            focal_px=focal_px,
            focal_known=sample.camera is not None,
            info=sample.info,
        )

    def _place(
        self, sample: RgbdSample, height: int, width: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, float]:
        """Zoom, crop and pad; return image, metric depth and focal length [network px]."""
        config = self.config
        source_height, source_width = sample.depth_m_HW.shape
        zoom = math.exp(rng.uniform(math.log(config.zoom_min), math.log(config.zoom_max)))
        # Nothing is drawn for a probability of 1, so that recorded seeds give the same frames.
        if config.zoom_probability < 1 and rng.random() >= config.zoom_probability:
            zoom = 1.0
        if config.resize:
            zoom *= max(height / source_height, width / source_width)
        off_centre = rng.random() < config.off_centre_probability
        row_place, column_place = rng.random(2) if off_centre else (0.5, 0.5)
        rows = _window(source_height, height, zoom, row_place)
        columns = _window(source_width, width, zoom, column_place)

        source = (
            slice(rows.source_start, rows.source_stop),
            slice(columns.source_start, columns.source_stop),
        )
        target = (
            slice(rows.target_start, rows.target_stop),
            slice(columns.target_start, columns.target_stop),
        )
        target_size = (
            rows.target_stop - rows.target_start,
            columns.target_stop - columns.target_start,
        )
        rgb_HW3 = np.empty((height, width, 3), dtype=np.uint8)
        if target_size != (height, width):
            rgb_HW3[:] = sample.rgb_HW3.mean(axis=(0, 1)).round()
        rgb_HW3[target] = resize_rgb(sample.rgb_HW3[source], *target_size)
        depth_m_HW = np.full((height, width), np.nan, dtype=np.float32)
        sparse = is_sparse(sample.depth_m_HW)
        depth_m_HW[target] = resize_depth(sample.depth_m_HW[source], *target_size, sparse=sparse)

        focal_px = source_focal_px(sample, config.assumed_fov_deg)
        return (
            torch.from_numpy(rgb_HW3).permute(2, 0, 1),
            torch.from_numpy(depth_m_HW)[None],
            # Whole pixels make the two scales differ by a fraction of a percent.
            focal_px * math.sqrt(rows.scale * columns.scale),
        )


def _window(source_size: int, target_size: int, zoom: float, place: float) -> _Window:
    """
    Choose what part of one axis to show, in whole pixels.

    Args:
        source_size: Pixels of the frame along the axis.
        target_size: Pixels of the network input.
        zoom: Network pixels per frame pixel.
        place: 0 shows the start, 1 the end; where the frame is too small, it is placed likewise.
    """
    wanted = max(round(target_size / zoom), 1)
    if wanted <= source_size:
        start = round((source_size - wanted) * place)
        return _Window(start, start + wanted, 0, target_size)
    shown = min(max(round(source_size * zoom), 1), target_size)
    start = round((target_size - shown) * place)
    return _Window(0, source_size, start, start + shown)


def assumed_focal_px(height: int, width: int, fov_deg: float) -> float:
    """
    Return the focal length of a frame without intrinsics [px].

    Args:
        height: Rows of the frame.
        width: Columns of the frame.
        fov_deg: Field of view along the longer side [deg], so that upright photos get the focal
            length that the same camera has when held level.
    """
    return 0.5 * max(height, width) / math.tan(math.radians(fov_deg) / 2.0)


def source_focal_px(sample: RgbdSample, fov_deg: float) -> float:
    """
    Return the focal length of a frame [frame px].

    Args:
        sample: The frame.
        fov_deg: Field of view along the longer side [deg] that is assumed if it states none.
    """
    if sample.camera is not None:
        return sample.camera.focal_px
    return assumed_focal_px(sample.info.height, sample.info.width, fov_deg)

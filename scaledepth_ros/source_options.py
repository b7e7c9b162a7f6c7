# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What every image source has in common: its frames, its options and its interface.

Intrinsics come, in this order, from a calibration YAML, from a focal length, from a field of
view, from what the source itself knows (simulation, bag, ``index.csv``); else a field of view of
60 degrees is assumed, and ``ImageSource.intrinsics`` says so, because metric depth scales with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import CameraInfoError, ConfigError

ASSUMED_FOV_DEG = 60.0
# A calibration may be used at another resolution of the same shape, up to rounding.
_MAX_ASPECT_DEVIATION = 0.01


@dataclass(frozen=True, kw_only=True)
class SourceFrame:
    """
    One image with the camera that took it.

    Attributes:
        name: Short, fit for a file name.
        rgb_HW3: Colours, (H, W, 3) uint8 RGB.
        camera: Intrinsics at the size of the image.
        time_s: Seconds since the source began; None where images are not a sequence in time.
        truth_m_HW: True depth [m], NaN where unknown; None if there is none.

    """

    name: str
    rgb_HW3: npt.NDArray[np.uint8]
    camera: CameraModel
    time_s: float | None = None
    truth_m_HW: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """
    How to read a source.

    Attributes:
        camera_yaml: Calibration as camera_info_manager writes it.
        focal_px: Focal length [px]; the principal point is put into the middle.
        horizontal_fov_deg: Horizontal field of view [deg].
        width: Width [px] of simulated images; asked of a camera device.
        height: Height [px], likewise.
        rate_hz: Frames a second of simulated time; asked of a camera device.
        frames: Number of simulated frames.
        image_topic: Topic of a bag; None for the first colour topic that has images.

    Raises:
        ConfigError: Options contradict each other or are out of range.
        CameraInfoError: The calibration cannot be read or is senseless.

    """

    camera_yaml: Path | None = None
    focal_px: float | None = None
    horizontal_fov_deg: float | None = None
    width: int | None = None
    height: int | None = None
    rate_hz: float = 15.0
    frames: int = 90
    image_topic: str | None = None

    def __post_init__(self) -> None:
        given = [n for n in ('camera_yaml', 'focal_px', 'horizontal_fov_deg')
                 if getattr(self, n) is not None]
        if len(given) > 1:
            raise ConfigError(
                f'{" and ".join(given)} were given together; expected one statement of the '
                'intrinsics.'
            )
        if self.focal_px is not None and not 0 < self.focal_px < float('inf'):
            raise ConfigError(f'A focal length of {self.focal_px} px was given; expected > 0.')
        if self.horizontal_fov_deg is not None and not 0 < self.horizontal_fov_deg < 180:
            raise ConfigError(
                f'A field of view of {self.horizontal_fov_deg} degrees was given; expected more '
                'than 0 and less than 180.'
            )
        if self.camera_yaml is not None:
            CameraModel.from_yaml(self.camera_yaml)  # Tells what is wrong with it right away.
        if self.frames < 1 or not self.rate_hz > 0:
            raise ConfigError(
                f'{self.frames} frames at {self.rate_hz} Hz were asked for; expected at least one '
                'frame and a rate above 0.'
            )

    @property
    def states_intrinsics(self) -> bool:
        """Whether the user said anything about the camera."""
        return (self.camera_yaml, self.focal_px, self.horizontal_fov_deg) != (None, None, None)

    def describe_intrinsics(self) -> str:
        """Say where the intrinsics come from if the source knows none."""
        if self.camera_yaml is not None:
            return f'calibration {self.camera_yaml.name}'
        if self.focal_px is not None:
            return f'focal length {self.focal_px:g} px'
        if self.horizontal_fov_deg is not None:
            return f'field of view {self.horizontal_fov_deg:g} deg'
        return f'ASSUMED field of view {ASSUMED_FOV_DEG:g} deg'

    def camera(self, height: int, width: int) -> CameraModel:
        """
        Give the stated, else the assumed, camera at the size of an image.

        Raises:
            CameraInfoError: The calibration is senseless or of images of another shape.

        """
        return _camera(self, height, width)


@lru_cache(maxsize=16)
def _camera(options: SourceOptions, height: int, width: int) -> CameraModel:
    """Make the camera of one image size once, since a calibration has to be read for it."""
    if options.camera_yaml is not None:
        camera = CameraModel.from_yaml(options.camera_yaml)
        aspect = (camera.width * height) / (camera.height * width)
        if abs(aspect - 1) > _MAX_ASPECT_DEVIATION:
            raise CameraInfoError(
                f'{options.camera_yaml} calibrates images of {camera.width}x{camera.height}, '
                f'but an image has {width}x{height}; expected the same proportions.'
            )
        same_size = (camera.height, camera.width) == (height, width)
        return camera if same_size else camera.resized(width, height)
    if options.focal_px is not None:
        return CameraModel(width=width, height=height, fx_px=options.focal_px,
                           fy_px=options.focal_px, cx_px=(width - 1) / 2, cy_px=(height - 1) / 2)
    fov_deg = options.horizontal_fov_deg
    return CameraModel.from_fov(width, height, ASSUMED_FOV_DEG if fov_deg is None else fov_deg)


class ImageSource(ABC):
    """
    Frames one after the other; every iteration starts anew where the source allows it.

    Attributes:
        description: What is shown for the source.
        intrinsics: Where the camera models come from.
        rate_hz: Native frame rate, None where images are not a sequence in time.
        frame_count: Number of frames, None if it is not known or endless.
        frame_names: Names of the frames, no two alike; empty if they are numbered as they come.
        left_out: Number of frames that the last iteration could not read.
        live: A camera whose frames cannot be read twice, nor later.

    """

    description: str
    intrinsics: str
    rate_hz: float | None = None
    frame_count: int | None = None
    frame_names: tuple[str, ...] = ()
    left_out: int = 0
    live: bool = False

    @abstractmethod
    def __iter__(self) -> Iterator[SourceFrame]:
        """
        Give the frames, at least one.

        Raises:
            SourceError: There is none that can be read.

        """

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Camera model: from calibration to one ray per pixel, and from points back to pixels.

Conventions: the optical frame of REP 104 (x right, y down, z forward); the centre of the first
pixel is at (0, 0), as in OpenCV, so an image of width W reaches from -0.5 to W - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scaledepth_ros.calibration import (
    check_matrix,
    field,
    integer,
    left_3x3,
    number,
    numbers,
    read_yaml,
    yaml_matrix,
    yaml_value,
)
from scaledepth_ros.distortion import canonical_distortion, Lens, make_lens
from scaledepth_ros.errors import CameraInfoError

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]

# A size beyond this is a damaged message, and its rays would not fit into memory.
_MAX_SIDE_PX = 32768
# Few enough points that the temporaries of one block stay in the processor's cache.
_BLOCK_POINTS = 16384


@dataclass(frozen=True, kw_only=True)
class CameraModel:
    """
    Intrinsics of one image stream: what the pixels of its images look at.

    Two models are equal, and hash alike, if and only if every number in them is. Distortion
    models and the order of coefficients are those of OpenCV and sensor_msgs/CameraInfo.

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
        fx_px: Focal length along x in pixels.
        fy_px: Focal length along y in pixels.
        cx_px: Principal point, x, in pixels.
        cy_px: Principal point, y, in pixels.
        distortion_model: 'plumb_bob', 'rational_polynomial' or 'equidistant'.
        distortion: Coefficients of the distortion model.

    Raises:
        CameraInfoError: On creation, if the numbers cannot belong to a camera.

    """

    width: int
    height: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion_model: str = 'plumb_bob'
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ('width', 'height'):
            object.__setattr__(self, name, integer(getattr(self, name), name))
        for name in ('fx_px', 'fy_px', 'cx_px', 'cy_px'):
            object.__setattr__(self, name, number(getattr(self, name), name))
        object.__setattr__(self, 'distortion', numbers(self.distortion, 'distortion'))
        if not (0 < self.width <= _MAX_SIDE_PX and 0 < self.height <= _MAX_SIDE_PX):
            raise CameraInfoError(
                f'Image size {self.width}x{self.height} arrived; expected 1 to {_MAX_SIDE_PX} '
                'pixels a side. Check width and height in the CameraInfo.')
        if self.fx_px == 0.0:
            raise CameraInfoError(
                'Focal length 0 arrived, which marks an uncalibrated camera; calibrate it, or '
                'state its horizontal field of view instead.')
        if not all(math.isfinite(f) and f > 0.0 for f in (self.fx_px, self.fy_px)):
            raise CameraInfoError(
                f'Focal lengths fx={self.fx_px}, fy={self.fy_px} px arrived; expected positive '
                'finite numbers. Check K in the CameraInfo, or calibrate again.')
        if not all(math.isfinite(c) for c in (self.cx_px, self.cy_px)):
            raise CameraInfoError(
                f'Principal point cx={self.cx_px}, cy={self.cy_px} px arrived; expected finite '
                'numbers. Check K in the CameraInfo, or calibrate again.')
        self._lens()

    @classmethod
    def from_camera_info(cls, info: Any, *, rectified: bool = False) -> CameraModel:
        """
        Read a sensor_msgs/CameraInfo, or any object with the same fields.

        K, P and the region of interest refer to the full resolution; the region is cut out
        first, then binned, as CameraInfo documents. Binning averages neighbourhoods, so a pixel
        of the image is centred on its neighbourhood: ``c' = (c + 0.5) / binning - 0.5``.

        Args:
            info: The message; ROS 1 spelling (K, D, P) is understood too.
            rectified: Whether the images are rectified: then P holds, and no distortion.

        Returns:
            The model of the images that come with this message.

        Raises:
            CameraInfoError: If a field is missing or senseless.

        """
        full_width, full_height = (
            integer(field(info, name), name) for name in ('width', 'height'))
        if rectified:
            matrix = check_matrix(left_3x3(numbers(field(info, 'p', 'P'), 'P')), 'P')
            distortion_model, distortion = canonical_distortion('', ())
        else:
            matrix = check_matrix(numbers(field(info, 'k', 'K'), 'K'), 'K')
            distortion_model, distortion = canonical_distortion(
                str(field(info, 'distortion_model')), numbers(field(info, 'd', 'D'), 'D'))
        camera = cls(
            width=full_width, height=full_height, fx_px=matrix[0], fy_px=matrix[4],
            cx_px=matrix[2], cy_px=matrix[5], distortion_model=distortion_model,
            distortion=distortion)
        return camera._in_roi(field(info, 'roi'))._binned(
            integer(field(info, 'binning_x'), 'binning_x'),
            integer(field(info, 'binning_y'), 'binning_y'))

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_fov_deg: float) -> CameraModel:
        """
        Make an ideal camera with square pixels and the principal point in the middle.

        Args:
            width: Image width in pixels.
            height: Image height in pixels.
            horizontal_fov_deg: Angle between the left and the right edge, in degrees.

        Returns:
            The model.

        Raises:
            CameraInfoError: If the angle is not between 0 and 180 degrees, or the size is bad.

        """
        angle_deg = number(horizontal_fov_deg, 'horizontal_fov_deg')
        if not 0.0 < angle_deg < 180.0:
            raise CameraInfoError(
                f'Horizontal field of view {angle_deg} degrees arrived; expected more than 0 and '
                'less than 180. A wider lens needs a calibration with the equidistant model.')
        focal_px = 0.5 * integer(width, 'width') / math.tan(math.radians(angle_deg) / 2.0)
        return cls(width=width, height=height, fx_px=focal_px, fy_px=focal_px,
                   cx_px=(width - 1) / 2.0, cy_px=(height - 1) / 2.0)

    @classmethod
    def from_yaml(cls, path: str | Path, *, rectified: bool = False) -> CameraModel:
        """
        Read a calibration file as written by camera_calibration and camera_info_manager.

        Args:
            path: The file, or a ``file://`` URL of it.
            rectified: Whether the images are rectified: then projection_matrix holds.

        Returns:
            The model at the resolution of the calibration.

        Raises:
            CameraInfoError: If the file is missing, is not such a file, or is senseless.

        """
        file = Path(str(path).removeprefix('file://'))
        content = read_yaml(file)
        try:
            if rectified:
                matrix = left_3x3(yaml_matrix(content, 'projection_matrix'))
                model, distortion = canonical_distortion('', ())
            else:
                matrix = yaml_matrix(content, 'camera_matrix')
                model, distortion = canonical_distortion(
                    str(content.get('distortion_model', 'plumb_bob')),
                    yaml_matrix(content, 'distortion_coefficients'))
            matrix = check_matrix(matrix, 'P' if rectified else 'K')
            return cls(
                width=integer(yaml_value(content, 'image_width'), 'image_width'),
                height=integer(yaml_value(content, 'image_height'), 'image_height'),
                fx_px=matrix[0], fy_px=matrix[4], cx_px=matrix[2], cy_px=matrix[5],
                distortion_model=model, distortion=distortion)
        except CameraInfoError as error:
            raise CameraInfoError(f'{file}: {error}') from None

    @property
    def focal_px(self) -> float:
        """Geometric mean of both focal lengths, in pixels."""
        return math.sqrt(self.fx_px * self.fy_px)

    @property
    def horizontal_fov_deg(self) -> float:
        """
        Angle in degrees between the left and the right edge, in the principal point's row.

        Radial distortion is honoured; where the lens model ends before the edge, so does the
        angle.
        """
        lens = self._lens()
        angles_rad = (
            math.copysign(lens.incidence_rad(abs(x)), x)
            for x in ((-0.5 - self.cx_px) / self.fx_px,
                      (self.width - 0.5 - self.cx_px) / self.fx_px))
        left_rad, right_rad = angles_rad
        return math.degrees(right_rad - left_rad)

    @property
    def matrix(self) -> Float64Array:
        """Camera matrix K, (3, 3)."""
        return np.array([[self.fx_px, 0.0, self.cx_px],
                         [0.0, self.fy_px, self.cy_px],
                         [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> CameraModel:
        """
        Return the model of the same images scaled to another size.

        The edges of the image keep their place, so pixel centres move:
        ``c' = (c + 0.5) * scale - 0.5``.

        Args:
            width: New width in pixels.
            height: New height in pixels.

        Returns:
            The model of the scaled images.

        Raises:
            CameraInfoError: If the new size is not positive.

        """
        scale_x = integer(width, 'width') / self.width
        scale_y = integer(height, 'height') / self.height
        return replace(
            self, width=width, height=height,
            fx_px=self.fx_px * scale_x, cx_px=(self.cx_px + 0.5) * scale_x - 0.5,
            fy_px=self.fy_px * scale_y, cy_px=(self.cy_px + 0.5) * scale_y - 0.5)

    def cropped(self, x: int, y: int, width: int, height: int) -> CameraModel:
        """
        Return the model of a rectangle cut out of the images.

        Args:
            x: First column.
            y: First row.
            width: Number of columns.
            height: Number of rows.

        Returns:
            The model of the rectangle.

        Raises:
            CameraInfoError: If the rectangle is empty or not inside the image.

        """
        x, y = integer(x, 'x'), integer(y, 'y')
        if not (width > 0 and height > 0 and x >= 0 and y >= 0
                and x + width <= self.width and y + height <= self.height):
            raise CameraInfoError(
                f'Region {width}x{height} at ({x}, {y}) arrived; expected one inside the image of '
                f'{self.width}x{self.height}. Regions are given at full resolution, unbinned.')
        return replace(self, width=width, height=height, cx_px=self.cx_px - x,
                       cy_px=self.cy_px - y)

    def rays(self) -> Float32Array:
        """
        Return what each pixel looks at, such that ``point_m = depth_m * ray``.

        Depth is measured along the optical axis (REP 118), hence z = 1. The array is shared by
        all equal models and cannot be written to.

        Returns:
            Rays (H, W, 3) in the optical frame; NaN where the lens model has no ray, or none
            within 89.9 degrees of the optical axis.

        """
        return _rays(self)

    def unproject(self, pixels: npt.ArrayLike) -> Float64Array:
        """
        Return the rays through arbitrary image points.

        Args:
            pixels: Image points (..., 2) in pixels; fractions are honoured.

        Returns:
            Rays (..., 3) with z = 1; NaN where there is none.

        """
        points = np.asarray(pixels, np.float64)
        x, y = self._lens().undistort((points[..., 0] - self.cx_px) / self.fx_px,
                                      (points[..., 1] - self.cy_px) / self.fy_px)
        return np.stack((x, y, np.where(np.isfinite(x), 1.0, np.nan)), axis=-1)

    def project(self, points_m: npt.ArrayLike) -> Float64Array:
        """
        Return where points appear in the image.

        Args:
            points_m: Points (..., 3) in the optical frame; any unit of length.

        Returns:
            Pixels (..., 2); NaN for points at or behind the camera's plane and for those so far
            off the axis that the lens model no longer holds. They may lie outside the image.

        """
        points = np.asarray(points_m, np.float64)
        lens = self._lens()
        z = points[..., 2]
        with np.errstate(all='ignore'):
            x, y = points[..., 0] / z, points[..., 1] / z
            valid = (z > 0.0) & (x * x + y * y <= lens.max_radius * lens.max_radius)
            x_distorted, y_distorted = lens.distort(x, y)
            pixels = np.stack((x_distorted * self.fx_px + self.cx_px,
                               y_distorted * self.fy_px + self.cy_px), axis=-1)
        pixels[~valid] = np.nan
        return pixels

    def check_image(self, height: int, width: int) -> None:
        """
        Refuse an image that these intrinsics do not describe.

        Args:
            height: Image height in pixels.
            width: Image width in pixels.

        Raises:
            CameraInfoError: If the size differs.

        """
        if (height, width) != (self.height, self.width):
            raise CameraInfoError(
                f'An image of {width}x{height} arrived with intrinsics for {self.width}x'
                f'{self.height} (after region of interest and binning); have the driver publish '
                'the CameraInfo that belongs to this resolution.')

    def _lens(self) -> Lens:
        return make_lens(self.distortion_model, self.distortion)

    def _in_roi(self, roi: Any) -> CameraModel:
        x, y, width, height = (
            integer(field(roi, name), f'roi.{name}')
            for name in ('x_offset', 'y_offset', 'width', 'height'))
        if x == y == width == height == 0:
            return self
        return self.cropped(x, y, width, height)

    def _binned(self, binning_x: int, binning_y: int) -> CameraModel:
        if binning_x < 0 or binning_y < 0:
            raise CameraInfoError(
                f'Binning {binning_x}x{binning_y} arrived; expected 0 or more in both directions '
                '(0 means 1). Check binning_x and binning_y in the CameraInfo.')
        if binning_x <= 1 and binning_y <= 1:
            return self
        step_x, step_y = max(binning_x, 1), max(binning_y, 1)
        if step_x > self.width or step_y > self.height:
            raise CameraInfoError(
                f'Binning {binning_x}x{binning_y} arrived for a region of {self.width}x'
                f'{self.height}, which leaves no pixel; check binning_x and binning_y.')
        # A remainder that fills no whole neighbourhood is dropped at the right and the bottom.
        width, height = self.width // step_x, self.height // step_y
        return self.cropped(0, 0, width * step_x, height * step_y).resized(width, height)


@lru_cache(maxsize=16)
def _rays(camera: CameraModel) -> Float32Array:
    # Sixteen cameras: room for a robot's, yet bounded when intrinsics change with every frame.
    rays = np.empty((camera.height, camera.width, 3), np.float32)
    columns = np.arange(camera.width, dtype=np.float64)
    rows_per_block = max(1, _BLOCK_POINTS // camera.width)
    for first in range(0, camera.height, rows_per_block):
        block = rays[first:first + rows_per_block]
        rows = np.arange(first, first + len(block), dtype=np.float64)
        with np.errstate(over='ignore'):
            block[...] = camera.unproject(np.stack(np.meshgrid(columns, rows), axis=-1))
    rays[~np.isfinite(rays).all(axis=-1)] = np.nan
    rays.flags.writeable = False
    return rays

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The scale of a depth map from the height of the camera above the floor.

A pixel that looks down sees the floor at a depth that follows from the camera's pose alone. Where
it does see the floor, that depth is the network's times one factor, the same for all of them.
Where something stands on the floor it is nearer than the floor behind it, so the factor that such
a pixel asks for is larger and scattered. The floor is therefore the lowest factor on which many
pixels agree, at all distances alike: where a wall is seen instead, the factor grows with the
distance that the floor would have.
"""

import math

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.scale.agreement import agreements, ScaleMeasurement

# Flatter rays hit the floor where one degree of pitch is more than a seventh of the distance.
_MIN_DEPRESSION_RAD = math.radians(7.0)
# Enough for the statistics, and a fraction of a millisecond.
_MAX_SAMPLES = 6000
_MIN_SAMPLES = 100
# Those that agree must span so much of log distance, or half of what the view offers, where that
# is less. Where more than a few pixels lie below, it is no floor but a table top.
_MIN_SPAN = 0.3
_MAX_BELOW = 0.08
# Of a line through log factor over log distance, within so much of the factor: 0 for a floor, 1
# for a wall. Over too short a span it cannot be told, and a steep view has no longer one.
_MAX_SLOPE = 0.45
_SLOPE_WINDOW = 0.3
_LEAST_SLOPE_SPAN = 0.15


class FloorView:
    """
    Where a camera would see an empty floor, and what its depth says about the scale.

    Cheap enough to be made anew for every frame of a camera that moves on the robot.

    Args:
        rays: ``CameraModel.rays()``, (H, W, 3) with z = 1; NaN where the lens sees nothing.
        pose: Of the optical frame in a base frame with z up and the floor at z = 0, (4, 4); see
            ``laser_scan.camera_pose``.

    Raises:
        ConfigError: The pose is not a finite (4, 4) matrix, or the camera is not above the floor.
        ImageError: The rays are not of an image.
    """

    def __init__(self, rays: npt.NDArray[np.float32], pose: npt.ArrayLike) -> None:
        if rays.ndim != 3 or rays.shape[2] != 3:
            raise ImageError(f'Rays of shape {rays.shape} arrived; expected (H, W, 3) as '
                             'CameraModel.rays() returns them.')
        matrix = np.asarray(pose, np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ConfigError(
                f'A camera pose of shape {matrix.shape} arrived; expected a finite matrix (4, 4).')
        height_m = float(matrix[2, 3])
        if height_m <= 0.0:
            raise ConfigError(
                f'A camera {height_m:.2f} m above the floor arrived; expected one above it. Is z '
                '= 0 of the base frame the floor?')
        self._shape: tuple[int, ...] = rays.shape[:2]
        self._stride = max(1, math.ceil(math.sqrt(rays[..., 0].size / _MAX_SAMPLES)))
        sampled = rays[::self._stride, ::self._stride].reshape(-1, 3)
        down = -(sampled @ matrix[2, :3].astype(np.float32))
        length = np.sqrt(np.einsum('ij,ij->i', sampled, sampled))
        with np.errstate(invalid='ignore'):
            self._pixels = np.flatnonzero(down > math.sin(_MIN_DEPRESSION_RAD) * length)
        self._log_floor = np.log(np.float32(height_m) / down[self._pixels])
        self._least_span = _MIN_SPAN
        if self._pixels.size:
            self._least_span = min(_MIN_SPAN, 0.5 * _span(self._log_floor))

    @property
    def floor_share(self) -> float:
        """Share of the image that would see an empty floor, steeply enough to measure by it."""
        rows, columns = (math.ceil(length / self._stride) for length in self._shape)
        return self._pixels.size / (rows * columns)

    def measure(self, depth_m: npt.NDArray[np.float32]) -> ScaleMeasurement | None:
        """
        Compare a depth map with the floor.

        Args:
            depth_m: (H, W) float32, metres along the optical axis; what is not finite is unknown.

        Returns:
            None if no floor is found: too little of it in view, or nothing that agrees with one.

        Raises:
            ImageError: The depth has another size than the rays.
        """
        if depth_m.shape != self._shape:
            raise ImageError(f'Depth of shape {depth_m.shape} arrived with rays for '
                             f'{self._shape}; expected the same size.')
        sampled = depth_m[::self._stride, ::self._stride].reshape(-1)[self._pixels]
        known = np.isfinite(sampled) & (sampled > 0.0)
        if np.count_nonzero(known) < _MIN_SAMPLES:
            return None
        log_floor = self._log_floor[known]
        log_factor = log_floor - np.log(sampled[known])
        for measurement, agree in agreements(log_factor, _MAX_BELOW):
            if (_span(log_floor[agree]) >= self._least_span
                    and not _is_wall(log_floor, log_factor - measurement.log_factor)):
                return measurement
        return None


def _is_wall(log_floor: npt.NDArray[np.float32], residual: npt.NDArray[np.float32]) -> bool:
    near = np.abs(residual) < _SLOPE_WINDOW
    if _span(log_floor[near]) < _LEAST_SLOPE_SPAN:
        return False
    distance = log_floor[near] - log_floor[near].mean()
    slope = float(distance @ residual[near]) / float(distance @ distance)
    return slope > _MAX_SLOPE


def _span(values: npt.NDArray[np.float32]) -> float:
    low, high = np.quantile(values, (0.05, 0.95))
    return float(high - low)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The scale of a depth map from the height of the camera above the floor.

A pixel that looks down sees the floor at a depth that follows from the camera's pose alone. Where
it does see the floor, that depth is the network's times one factor, the same for all of them.
Where something stands on the floor it is nearer than the floor behind it, so the factor that such
a pixel asks for is larger and scattered. The floor is therefore the lowest factor on which many
pixels agree, at several distances: a wall agrees with itself at one distance only.
"""

from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError, ImageError

# Flatter rays hit the floor where one degree of pitch is more than a seventh of the distance.
_MIN_DEPRESSION_RAD = math.radians(7.0)
# Enough for the statistics, and a fraction of a millisecond.
_MAX_SAMPLES = 6000
_MIN_SAMPLES = 100
# Logarithms of factors: how finely they are counted, how far depth of one floor scatters, and what
# counts as agreement.
_BIN = 0.02
_KERNEL_SIGMA = 0.06
_AGREEMENT = 0.15
# Of the pixels that look down, this share must agree, over this span of log distance (or half of
# what the view offers, where that is less), and closely: what lies between a floor and a table top
# is spread. Where more than a few pixels lie below, it is the table top.
_MIN_SHARE = 0.3
_MIN_SPAN = 0.3
_MAX_SPREAD = 0.065
_MAX_BELOW = 0.08
# Of a line through log factor over log distance, within so much of the factor: 0 for a floor, 1
# for a wall. Over too short a span it cannot be told, and a steep view has no longer one.
_MAX_SLOPE = 0.45
_SLOPE_WINDOW = 0.3
_LEAST_SLOPE_SPAN = 0.15
# A smaller bump below the floor's is noise.
_MIN_PEAK = 0.3
# Beyond this the pose is wrong, or what was found is no floor.
LARGEST_FACTOR = 2.5


@dataclass(frozen=True, kw_only=True)
class ScaleMeasurement:
    """
    What one frame says about the scale of its depth.

    Attributes:
        log_factor: Natural logarithm of the factor that corrects the depth.
        spread: Median absolute deviation of it among the pixels that agree.
        share: Which part of the pixels that could see the floor agree.
    """

    log_factor: float
    spread: float
    share: float


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
        for peak in factor_peaks(log_factor):
            agree = np.abs(log_factor - peak) < _AGREEMENT
            share = float(agree.mean())
            if (share < _MIN_SHARE or _span(log_floor[agree]) < self._least_span
                    or (log_factor < peak - _AGREEMENT).mean() > _MAX_BELOW):
                continue
            middle = float(np.median(log_factor[agree]))
            spread = float(np.median(np.abs(log_factor[agree] - middle)))
            if spread <= _MAX_SPREAD and not _is_wall(log_floor, log_factor - middle):
                return ScaleMeasurement(log_factor=middle, spread=spread, share=share)
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


def factor_peaks(log_factor: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the maxima of the smoothed histogram, the lowest factor first."""
    limit = math.log(LARGEST_FACTOR)
    margin = 3.0 * _KERNEL_SIGMA
    count = round(2.0 * (limit + margin) / _BIN)
    counts, edges = np.histogram(log_factor, count, (-limit - margin, limit + margin))
    steps = np.arange(-round(margin / _BIN), round(margin / _BIN) + 1)
    kernel = np.exp(-0.5 * (steps * _BIN / _KERNEL_SIGMA) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode='same')
    centres = 0.5 * (edges[:-1] + edges[1:])
    inner = smooth[1:-1]
    is_peak = ((inner >= smooth[:-2]) & (inner > smooth[2:]) & (inner > _MIN_PEAK * smooth.max())
               & (np.abs(centres[1:-1]) <= limit))
    peaks: npt.NDArray[np.float64] = centres[1:-1][is_peak]
    return peaks

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
From a depth image to the ranges of a LaserScan: the nearest obstacle in a band of heights.

Frames follow REP 103: the base frame has x forward, y left and z up against gravity, and its
z = 0 is the floor. Ranges are horizontal distances from its z axis, so the scan is published
in the base frame.

What a range says (REP 117, and chosen for the obstacle layer of nav2's costmaps):

- a number: the nearest obstacle in the band at that bearing. Marks, and clears up to it.
- +Inf: something farther than ``range_max_m`` was seen at that bearing, through the band, with
  no obstacle before. With ``inf_is_valid: true`` the layer clears the whole bearing, which is
  what takes away the traces of people who walked by; without, it ignores the bearing.
- -Inf: no obstacle farther than ``range_min_m``, but something nearer. Ignored by the layer.
- NaN: that bearing was not seen up to ``range_max_m``: outside the image, unknown depth, or
  only floor, sky or ceiling nearer than that. Ignored by the layer: it neither marks nor clears
  what nobody looked at. A camera that looks down on the floor only clears as far as it sees,
  so give it a ``range_max_m`` no farther than the floor it sees.
"""

from dataclasses import dataclass
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError, ImageError

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
BinArray: TypeAlias = npt.NDArray[np.uint16]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

_TURN_RAD = 2.0 * math.pi
# The axes of an optical frame (x right, y down, z forward) in a body frame (x forward, y left,
# z up), as columns (REP 103, suffix frames).
_OPTICAL_IN_BODY = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, kw_only=True)
class ScanConfig:
    """
    Geometry of the scan and of the band of heights that holds obstacles.

    Attributes:
        angle_min_rad: Bearing of the first range; 0 is forward, counter-clockwise positive.
        angle_max_rad: Bearing of the last range.
        angle_increment_rad: Step between bearings; each covers half a step to either side.
        min_height_m: Lowest obstacle above the floor; anything lower can be driven over.
        max_height_m: Highest obstacle above the floor; anything higher can be driven under.
        range_min_m: Obstacles nearer than this are ignored (the robot itself).
        range_max_m: Obstacles farther than this are ignored.

    Raises:
        ConfigError: On creation, if the numbers do not describe a scan.

    """

    angle_min_rad: float = -math.radians(45.0)
    angle_max_rad: float = math.radians(45.0)
    angle_increment_rad: float = math.radians(0.5)
    min_height_m: float = 0.1
    max_height_m: float = 1.8
    range_min_m: float = 0.2
    range_max_m: float = 8.0

    def __post_init__(self) -> None:
        span_rad = self.angle_max_rad - self.angle_min_rad
        if not (0.0 < span_rad <= _TURN_RAD + 1e-6
                and 1e-4 <= self.angle_increment_rad <= span_rad + 1e-9):
            raise ConfigError(
                f'Scan angles from {self.angle_min_rad} to {self.angle_max_rad} rad in steps of '
                f'{self.angle_increment_rad} arrived; expected minimum < maximum within one turn, '
                'and a step of at least 1e-4 rad that fits between them.')
        if not (math.isfinite(self.min_height_m) and self.min_height_m < self.max_height_m):
            raise ConfigError(
                f'An obstacle band from {self.min_height_m} to {self.max_height_m} m arrived; '
                'expected minimum < maximum, in metres above the floor.')
        if not (0.0 <= self.range_min_m < self.range_max_m < math.inf):
            raise ConfigError(
                f'Scan ranges from {self.range_min_m} to {self.range_max_m} m arrived; expected '
                '0 <= minimum < maximum, both finite.')

    @property
    def size(self) -> int:
        """Number of ranges; the last one is at most half a step away from ``angle_max_rad``."""
        span_rad = self.angle_max_rad - self.angle_min_rad
        return round(span_rad / self.angle_increment_rad) + 1


def camera_pose(
    height_m: float, *, pitch_deg: float = 0.0, roll_deg: float = 0.0, yaw_deg: float = 0.0,
    x_m: float = 0.0, y_m: float = 0.0,
) -> Float64Array:
    """
    Return the pose of a camera's optical frame in the base frame.

    Angles are those of the camera's body frame (x along its view), applied as fixed-axis roll,
    pitch, yaw (REP 103). A camera that looks down has a positive pitch.

    Args:
        height_m: Height above the floor.
        pitch_deg: Rotation about the left axis: down is positive.
        roll_deg: Rotation about the view axis: leaning to the right is positive.
        yaw_deg: Rotation about the vertical: to the left is positive.
        x_m: How far the camera is in front of the base frame.
        y_m: How far it is to the left of it.

    Returns:
        Homogeneous matrix (4, 4) that takes optical coordinates to base coordinates.

    Raises:
        ConfigError: If a number is not finite.

    """
    if not all(math.isfinite(v) for v in (height_m, pitch_deg, roll_deg, yaw_deg, x_m, y_m)):
        raise ConfigError(
            f'A camera pose of height {height_m} m, pitch {pitch_deg}, roll {roll_deg}, yaw '
            f'{yaw_deg} degrees at ({x_m}, {y_m}) m arrived; expected finite numbers.')
    (cr, sr), (cp, sp), (cy, sy) = (
        (math.cos(a), math.sin(a)) for a in map(math.radians, (roll_deg, pitch_deg, yaw_deg)))
    roll = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    pitch = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    yaw = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    pose = np.eye(4)
    pose[:3, :3] = yaw @ pitch @ roll @ _OPTICAL_IN_BODY
    pose[:3, 3] = x_m, y_m, height_m
    return pose


class ScanProjector:
    """
    Turns the depth images of one camera, at one pose, into ranges.

    All that does not depend on depth is worked out once: for every pixel the interval of depths
    at which it sees something inside the band, and the depth beyond which it saw past the scan's
    circle. Make a new one when the camera model, the pose or the configuration changes.
    """

    def __init__(self, rays: Float32Array, pose: npt.ArrayLike, config: ScanConfig) -> None:
        """
        Prepare the projection.

        Args:
            rays: ``CameraModel.rays()``, (H, W, 3).
            pose: Pose of the optical frame in the base frame, (4, 4); see ``camera_pose``.
            config: Geometry of the scan.

        Raises:
            ConfigError: If the pose is not a rigid motion.
            ImageError: If the rays are not of an image.

        """
        if rays.ndim != 3 or rays.shape[2] != 3:
            raise ImageError(
                f'Rays of shape {rays.shape} arrived; expected (H, W, 3) as CameraModel.rays() '
                'returns them.')
        turn, shift = _rigid_motion(pose)
        self._config = config
        self._shape = rays.shape[:2]
        # Without an offset from the base's axis, a pixel keeps its bearing at any depth.
        self._fixed_bearings = shift[0] == shift[1] == 0.0
        self._shift_x, self._shift_y = np.float32(shift[0]), np.float32(shift[1])
        # A camera on a moving joint has a new pose in every frame, so this has to be quick: rows
        # of single precision, and bearings, which cost most, only once and where they are needed.
        turned = turn.astype(np.float32) @ rays.reshape(-1, 3).T
        seen = np.isfinite(turned[2])
        x, y, z = turned if seen.all() else np.where(seen, turned, np.float32(0.0))
        near, far = _band_depths(z, shift[2], config)
        distance_2 = x * x + y * y
        exit_depth = _exit_depth(x, y, distance_2, shift, config.range_max_m)
        marks = near <= np.minimum(far, exit_depth)
        marks &= seen
        # Something standing on the floor within the circle would have hidden what is seen
        # through the circle below the upper limit of the band.
        with np.errstate(invalid='ignore'):
            clears = np.float32(shift[2]) + exit_depth * z <= config.max_height_m
        clears &= np.isfinite(exit_depth)
        clears &= seen
        if self._fixed_bearings:
            bins = self._bin(y, x)
            inside = bins < config.size
            marks &= inside
            clears &= inside
        self._exit_pixels = np.flatnonzero(clears)
        self._exit_depth = np.take(exit_depth, self._exit_pixels)
        pixels = np.flatnonzero(marks)
        if self._fixed_bearings:
            self._exit_bins = np.take(bins, self._exit_pixels)
            # In the order of their bins, so that each bin is one run of pixels. Two bytes are
            # sorted fifty times faster than eight.
            order = np.argsort(np.take(bins, pixels), kind='stable')
            pixels = np.take(pixels, order)
            self._bins = np.take(bins, pixels)
            self._runs = np.flatnonzero(np.r_[True, self._bins[1:] != self._bins[:-1]])
            self._distance = np.sqrt(np.take(distance_2, pixels))
        else:
            self._exit_bins = self._bin(
                self._shift_y + self._exit_depth * np.take(y, self._exit_pixels),
                self._shift_x + self._exit_depth * np.take(x, self._exit_pixels))
            self._x, self._y = np.take(x, pixels), np.take(y, pixels)
        self._pixels = pixels
        self._near = np.take(near, pixels)
        self._far = np.minimum(np.take(far, pixels), np.take(exit_depth, pixels))

    def ranges(self, depth_m: Float32Array) -> Float32Array:
        """
        Return the ranges of one scan.

        Args:
            depth_m: Depth (H, W) in metres along the optical axis; NaN, +Inf and -Inf as in
                REP 117.

        Returns:
            Ranges (config.size,) in metres; see the top of this file for NaN and the infinities.

        Raises:
            ImageError: If the depth is not of the size of the rays.

        """
        if depth_m.shape != self._shape:
            raise ImageError(
                f'Depth of shape {depth_m.shape} arrived for a scan from rays of shape '
                f'{self._shape}; make a new ScanProjector when the image size changes.')
        config = self._config
        flat = depth_m.reshape(-1)
        # One more bin than ranges takes what lies outside of the scan.
        ranges = np.full(config.size + 1, np.nan, np.float32)
        ranges[self._exit_bins[np.take(flat, self._exit_pixels) >= self._exit_depth]] = np.inf
        nearest = np.full(config.size + 1, np.inf, np.float32)

        depth = np.take(flat, self._pixels)
        hit = (depth >= self._near) & (depth <= self._far)
        too_near = depth == -np.inf
        if too_near.any():
            # Above the band, that is in a camera above it, something near only blocks the view.
            too_near &= self._near <= 0.0
            ranges[self._bins[too_near] if self._fixed_bearings
                   else self._bin(self._y[too_near], self._x[too_near])] = -np.inf
        if self._fixed_bearings:
            self._nearest_at_fixed_bearings(depth, hit, ranges, nearest)
        else:
            self._nearest_at_any_bearing(depth, hit, ranges, nearest)
        return np.where(nearest <= config.range_max_m, nearest, ranges)[:-1]

    def _nearest_at_fixed_bearings(
        self, depth: Float32Array, hit: BoolArray, ranges: Float32Array, nearest: Float32Array,
    ) -> None:
        if not self._pixels.size:
            return
        with np.errstate(invalid='ignore'):
            range_m = np.where(hit, depth * self._distance, np.float32(np.inf))
        beside = range_m < self._config.range_min_m
        if beside.any():
            ranges[self._bins[beside]] = -np.inf
            range_m[beside] = np.inf
        nearest[self._bins[self._runs]] = np.minimum.reduceat(range_m, self._runs)

    def _nearest_at_any_bearing(
        self, depth: Float32Array, hit: BoolArray, ranges: Float32Array, nearest: Float32Array,
    ) -> None:
        depth = depth[hit]
        x, y = self._shift_x + depth * self._x[hit], self._shift_y + depth * self._y[hit]
        range_m, bins = np.sqrt(x * x + y * y), self._bin(y, x)
        beside = range_m < self._config.range_min_m
        if beside.any():
            ranges[bins[beside]] = -np.inf
            range_m[beside] = np.inf
        np.minimum.at(nearest, bins, range_m)

    def _bin(self, y: Float32Array, x: Float32Array) -> BinArray:
        """
        Return the index of the range at each bearing; ``config.size`` outside of the scan.

        A point on the base's axis has no bearing, and counts as outside. Two bytes hold a whole
        turn in the smallest step.
        """
        config = self._config
        first_rad = math.remainder(
            config.angle_min_rad - 0.5 * config.angle_increment_rad, _TURN_RAD)
        with np.errstate(divide='ignore', invalid='ignore'):
            # In numpy this takes half the time of arctan2. Adding 0 takes the sign from -0.
            bearing = np.arctan(y / (x + np.float32(0.0)))
            bearing += np.float32(math.pi) * (x < 0.0)
            bearing -= np.float32(first_rad)
            # Into one turn; once is enough, as both angles are within a turn of 0.
            bearing += np.float32(_TURN_RAD) * (bearing < 0.0)
            bearing -= np.float32(_TURN_RAD) * (bearing >= np.float32(_TURN_RAD))
            bearing *= np.float32(1.0 / config.angle_increment_rad)
        bins: BinArray = np.fmin(bearing, np.float32(config.size)).astype(np.uint16)
        return bins


def _band_depths(
    z: Float32Array, camera_height_m: float, config: ScanConfig,
) -> tuple[Float32Array, Float32Array]:
    """Return between which depths each ray is inside the band of heights; near > far for none."""
    with np.errstate(divide='ignore', invalid='ignore'):
        lower = np.float32(config.min_height_m - camera_height_m) / z
        upper = np.float32(config.max_height_m - camera_height_m) / z
    near, far = np.minimum(lower, upper), np.maximum(lower, upper)
    # A level ray stays at the camera's height, at any depth.
    level_in_band = config.min_height_m <= camera_height_m <= config.max_height_m
    level = z == 0.0
    near[level], far[level] = (0.0, math.inf) if level_in_band else (math.inf, 0.0)
    return np.maximum(near, 0.0, out=near), far


def _rigid_motion(pose: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
    matrix = np.asarray(pose, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ConfigError(
            f'A camera pose of shape {matrix.shape} arrived; expected a finite matrix (4, 4).')
    turn, shift = matrix[:3, :3], matrix[:3, 3]
    if (np.abs(turn @ turn.T - np.eye(3)).max() > 1e-4 or np.linalg.det(turn) < 0.0
            or np.abs(matrix[3] - (0.0, 0.0, 0.0, 1.0)).max() > 1e-6):
        raise ConfigError(
            f'A camera pose of {matrix.tolist()} arrived; expected a rotation and a shift.')
    return turn, shift


def _exit_depth(
    x: Float32Array, y: Float32Array, distance_2: Float32Array, shift: Float64Array,
    radius_m: float,
) -> Float32Array:
    """Return at which depth each ray leaves the circle around the z axis; inf for none."""
    b = x * np.float32(shift[0])
    b += y * np.float32(shift[1])
    root = distance_2 * np.float32(radius_m ** 2 - shift[0] ** 2 - shift[1] ** 2)
    root += b * b
    with np.errstate(divide='ignore', invalid='ignore'):
        depth: Float32Array = np.sqrt(root, out=root)
        depth -= b
        depth /= distance_2
        # Not what lies behind, nor what is not a number.
        np.copyto(depth, np.float32(math.inf), where=~(depth > 0.0))
    return depth

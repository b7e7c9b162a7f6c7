# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The scale of a depth map from what range sensors measure.

A point that a lidar has measured lies on a surface, so the camera sees either that surface there
or something in front of it. Where it sees the surface, the point is as far away as the network's
depth times one factor, the same for all points. Where something is in the way, as a table top is
between a camera and a scanner below it, the point asks for a larger factor. The factor is
therefore the lowest on which many points agree.

A sonar says only that the nearest thing in a cone is so far away. That tells a factor where one
surface fills the cone; else it may be that what the camera sees as nearest gave no echo.
"""

import math

import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ImageError
from scaledepth_ros.scale.agreement import (
    AGREEMENT,
    agreements,
    LARGEST_FACTOR,
    MAX_SPREAD,
    ScaleMeasurement,
)

Points = npt.NDArray[np.float64]

# Enough points that they do not agree by chance.
_MIN_POINTS = 10
# At most this share may lie nearer than the camera's depth allows: only what is wrong does, such
# as dust, or depth that is blurred at an edge.
_MAX_BELOW = 0.2
# Where the logarithm of depth differs by more between neighbours, which of them a point belongs
# to is chance. Neighbours are a pixel apart in an image of this width.
_EDGE = 0.15
_EDGE_WIDTH_PX = 320
# Of a cone, this share must be seen by the camera, and this share of that filled by one surface.
_MIN_CONE_SEEN = 0.7
_MIN_CONE_FILLED = 0.6
# The surface's nearest part gave the echo; a smaller part of it is the noise of the depth.
_ECHO_QUANTILE = 0.9
# Points that stand for the surface of a cone.
_CONE_POINTS = 200


def measure_points(points_m: Points, camera: CameraModel,
                   depth_m: npt.NDArray[np.float32]) -> ScaleMeasurement | None:
    """
    Compare a depth map with points that a sensor has measured.

    Args:
        points_m: (N, 3) in the optical frame (x right, y down, z forward); any of them may be
            outside the view or not finite.
        camera: The model of the camera at the size of the depth.
        depth_m: (H, W) float32, metres along the optical axis; what is not finite is unknown.

    Returns:
        None if too few points are in view, or they do not agree on one factor. The share is that
        of the points in view, off the edges of the depth.

    Raises:
        ImageError: The points are not (N, 3), or the depth has another size than the camera.
    """
    log_factor = _log_factors(points_m, camera, depth_m)
    if log_factor.size < _MIN_POINTS:
        return None
    for measurement, agree in agreements(log_factor, _MAX_BELOW):
        if np.count_nonzero(agree) >= _MIN_POINTS:
            return measurement
    return None


def cone_points(range_m: float, field_of_view_rad: float) -> Points:
    """
    Return points at one distance, spread evenly over a cone around the x axis.

    They are where the echo of a sonar or an infrared ranger may have come from.

    Args:
        range_m: Distance from the sensor, which is at the origin.
        field_of_view_rad: Angle between opposite sides of the cone.

    Returns:
        Points (M, 3) in the sensor's frame.
    """
    # Equal steps of cos are equal areas on the sphere, and the golden angle spreads them evenly.
    number = np.arange(_CONE_POINTS) + 0.5
    along = 1.0 - number / _CONE_POINTS * (1.0 - math.cos(0.5 * field_of_view_rad))
    across = np.sqrt(np.maximum(1.0 - along * along, 0.0))
    around = number * math.pi * (3.0 - math.sqrt(5.0))
    return range_m * np.stack(
        (along, across * np.cos(around), across * np.sin(around)), axis=-1)


def measure_cone(points_m: Points, camera: CameraModel,
                 depth_m: npt.NDArray[np.float32]) -> ScaleMeasurement | None:
    """
    Compare a depth map with the nearest thing in a cone.

    Args:
        points_m: ``cone_points``, brought to the optical frame (x right, y down, z forward).
        camera: The model of the camera at the size of the depth.
        depth_m: (H, W) float32, metres along the optical axis; what is not finite is unknown.

    Returns:
        None if the camera does not see most of the cone, or no single surface fills most of what
        it sees. The share is the part of the cone that the surface fills.

    Raises:
        ImageError: The points are not (N, 3), or the depth has another size than the camera.
    """
    log_factor = _log_factors(points_m, camera, depth_m)
    if log_factor.size == 0 or log_factor.size < _MIN_CONE_SEEN * len(points_m):
        return None
    nearest = float(np.quantile(log_factor, _ECHO_QUANTILE))
    agree = np.abs(log_factor - nearest) < AGREEMENT
    share = float(agree.mean())
    spread = float(np.median(np.abs(log_factor[agree] - np.median(log_factor[agree]))))
    if share < _MIN_CONE_FILLED or spread > MAX_SPREAD or abs(nearest) > math.log(LARGEST_FACTOR):
        return None
    return ScaleMeasurement(log_factor=nearest, spread=spread, share=share)


def _log_factors(points_m: Points, camera: CameraModel,
                 depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what each point in view, off the edges, asks the depth to be multiplied with."""
    if points_m.ndim != 2 or points_m.shape[1] != 3:
        raise ImageError(f'Points of shape {points_m.shape} arrived; expected (N, 3).')
    height, width = depth_m.shape
    if (height, width) != (camera.height, camera.width):
        raise ImageError(f'Depth of shape {depth_m.shape} arrived with a camera of '
                         f'{camera.width}x{camera.height}; expected the same size.')
    points = points_m[np.isfinite(points_m).all(axis=1)]
    with np.errstate(invalid='ignore'):
        pixels = camera.project(points)
        column, row = np.rint(pixels[:, 0]), np.rint(pixels[:, 1])
        seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    z_m = points[seen, 2]
    columns, rows = column[seen].astype(np.intp), row[seen].astype(np.intp)
    reach = max(1, round(width / _EDGE_WIDTH_PX))
    depth = depth_m[rows, columns]
    least, most = depth, depth
    for row_step in (-reach, 0, reach):
        row_there = np.clip(rows + row_step, 0, height - 1)
        for column_step in (-reach, 0, reach):
            there = depth_m[row_there, np.clip(columns + column_step, 0, width - 1)]
            # These keep what is not a number, unlike fmin and fmax.
            least, most = np.minimum(least, there), np.maximum(most, there)
    with np.errstate(divide='ignore', invalid='ignore'):
        # Also false where any of them is unknown.
        smooth = (least > 0.0) & (np.log(most / least) < _EDGE)
    log_factor: npt.NDArray[np.float32] = (
        np.log(z_m[smooth]) - np.log(depth[smooth])).astype(np.float32)
    return log_factor

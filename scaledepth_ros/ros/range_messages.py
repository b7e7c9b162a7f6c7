# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The points that messages of range sensors state, in the frame of the sensor."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.scale.ranges import cone_points, Points
from sensor_msgs.msg import PointField

# A cloud has far more points than it takes to find one factor.
_MAX_POINTS = 10_000
_TYPES = {PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}


def scan_points(message: Any) -> Points:
    """
    Return the points of a LaserScan.

    Args:
        message: ranges that are not finite (REP 117), or not in range_min .. range_max, are none.

    Returns:
        Points (N, 3) [m].

    Raises:
        ConfigError: the geometry of the scan is senseless.

    """
    angle_min, step = message.angle_min, message.angle_increment
    if not (math.isfinite(angle_min) and math.isfinite(step)):
        raise ConfigError(f'its angle_min is {angle_min} and its angle_increment {step}; the '
                          'driver must state them')
    if not 0.0 <= message.range_min < message.range_max:
        raise ConfigError(f'its range_min is {message.range_min} and its range_max '
                          f'{message.range_max}; the driver must state the range it can measure')
    range_m = np.asarray(message.ranges, np.float64)
    angle = angle_min + step * np.arange(range_m.size)
    measured = (np.isfinite(range_m) & (range_m > 0.0) & (range_m >= message.range_min)
                & (range_m <= message.range_max))
    range_m, angle = range_m[measured], angle[measured]
    return np.stack(
        (range_m * np.cos(angle), range_m * np.sin(angle), np.zeros_like(angle)), axis=-1)


def cloud_points(message: Any) -> Points:
    """
    Return some of the points of a PointCloud2, chosen evenly.

    Args:
        message: organised or not, with fields x, y and z of type FLOAT32 or FLOAT64 [m].

    Returns:
        Points (N, 3) [m]; what is not finite, or at the sensor itself, is left out.

    Raises:
        ConfigError: the message has no such fields, or contradicts itself.

    """
    fields = {field.name: field for field in message.fields}
    order = '>' if message.is_bigendian else '<'
    try:
        formats = [order + _TYPES[fields[name].datatype] for name in 'xyz']
    except KeyError:
        raise ConfigError(
            f'it has the fields {", ".join(fields) or "(none)"}; expected x, y and z of type '
            'FLOAT32 or FLOAT64') from None
    height, width, step = message.height, message.width, message.point_step
    row_step = message.row_step if height > 1 else width * step
    offsets = [fields[name].offset for name in 'xyz']
    ends = [offset + int(kind[-1]) for offset, kind in zip(offsets, formats, strict=True)]
    data = memoryview(message.data)
    if height * width == 0:
        return np.empty((0, 3))
    if (max(ends) > step or row_step < width * step
            or data.nbytes < (height - 1) * row_step + width * step):
        raise ConfigError(
            f'{data.nbytes} bytes, rows of {row_step} and points of {step} with x, y and z at '
            f'{offsets} do not make {width}x{height} points')
    cloud = np.ndarray((height, width), np.dtype({
        'names': ['x', 'y', 'z'], 'formats': formats, 'offsets': offsets, 'itemsize': step}),
        data, strides=(row_step, step))
    index = np.arange(height * width)
    if index.size > _MAX_POINTS:
        # At random: every n-th may be the same beam of a spinning lidar each time.
        index = np.random.default_rng(0).integers(0, index.size, _MAX_POINTS)
    rows, columns = np.divmod(index, width)
    points = np.stack(
        [cloud[name][rows, columns].astype(np.float64) for name in 'xyz'], axis=-1)
    # Some drivers give zeros for rays without an echo.
    return points[np.isfinite(points).all(axis=1) & (points != 0.0).any(axis=1)]


def range_points(message: Any) -> Points:
    """
    Return where the echo of a Range may have come from.

    Args:
        message: a range that is not finite (REP 117), or not in min_range .. max_range, is none.

    Returns:
        Points (N, 3) [m] at that distance, spread over the field of view.

    Raises:
        ConfigError: the field of view is senseless.

    """
    range_m, field_of_view = message.range, message.field_of_view
    if not 0.0 <= field_of_view < math.pi:
        raise ConfigError(f'its field_of_view is {field_of_view}; expected radians, less than pi')
    if not (math.isfinite(range_m) and range_m > 0.0
            and message.min_range <= range_m <= message.max_range):
        return np.empty((0, 3))
    return cone_points(range_m, field_of_view)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The points of messages whose content is written down here."""
from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.range_messages import cloud_points, range_points, scan_points
from sensor_msgs.msg import LaserScan, PointCloud2, PointField, Range

XYZ = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.5], [7.0, -8.0, 9.0], [0.5, 0.25, -0.125],
                [11.0, 12.0, 13.0], [14.0, 15.0, 16.0]])


def scan(ranges: list[float], **changes: Any) -> LaserScan:
    values = {'angle_min': -math.pi / 2, 'angle_increment': math.pi / 2, 'range_min': 0.1,
              'range_max': 10.0, **changes}
    message = LaserScan(**values)
    message.ranges = ranges
    return message


def cloud(points: np.ndarray, *, kind: str = '<f4', point_step: int = 16, padding: int = 0,
          height: int = 2, offsets: tuple[int, int, int] | None = None) -> PointCloud2:
    """Return a cloud with any layout; what is not x, y or z is filled with 0xff, so with NaN."""
    size = int(kind[-1])
    offsets = offsets or (0, size, 2 * size)
    width = len(points) // height
    message = PointCloud2(height=height, width=width, point_step=point_step,
                          row_step=width * point_step + padding, is_bigendian=kind[0] == '>')
    message.fields = [PointField(name=name, offset=offset, count=1, datatype={
        4: PointField.FLOAT32, 8: PointField.FLOAT64}[size])
        for name, offset in zip('xyz', offsets, strict=True)]
    data = bytearray(b'\xff' * (message.row_step * height))
    for i, point in enumerate(points):
        start = i // width * message.row_step + i % width * point_step
        for offset, value in zip(offsets, point, strict=True):
            data[start + offset:start + offset + size] = np.array(value, kind).tobytes()
    message.data = array.array('B', bytes(data))
    return message


def test_scan_turns_to_the_left_from_its_x_axis() -> None:
    np.testing.assert_allclose(
        scan_points(scan([1.0, 2.0, 3.0])), [[0, -1, 0], [2, 0, 0], [0, 3, 0]], atol=1e-6)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 0.05, 10.5, 0.0, -1.0])
def test_what_a_scanner_did_not_measure_is_left_out(value: float) -> None:
    """REP 117, and what lies outside the range that the message states."""
    np.testing.assert_allclose(
        scan_points(scan([value, 2.0, value])), [[2, 0, 0]], atol=1e-6)
    assert scan_points(scan([value])).shape == (0, 3)
    assert scan_points(scan([])).shape == (0, 3)


@pytest.mark.parametrize(('changes', 'text'), [
    ({'angle_min': math.nan}, 'angle_min is nan'),
    ({'angle_increment': math.inf}, 'angle_increment inf'),
    ({'range_max': 0.0}, 'its range_max 0.0'),
    ({'range_min': math.nan}, 'range_min is nan')])
def test_scan_without_geometry_is_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        scan_points(scan([1.0], **changes))


@pytest.mark.parametrize('kind', ['<f4', '>f4', '<f8', '>f8'])
@pytest.mark.parametrize(('height', 'padding'), [(1, 0), (2, 0), (2, 20), (6, 3)])
@pytest.mark.parametrize('offsets', [None, (16, 24, 1)])
def test_cloud_of_any_layout_is_read(kind: str, height: int, padding: int,
                                     offsets: tuple[int, int, int] | None) -> None:
    message = cloud(XYZ, kind=kind, point_step=33, height=height, padding=padding,
                    offsets=offsets)
    np.testing.assert_array_equal(cloud_points(message), XYZ)
    # The last row's padding is often left out.
    message.data = message.data[:len(message.data) - padding]
    np.testing.assert_array_equal(cloud_points(message), XYZ)


def test_points_without_a_measurement_are_left_out() -> None:
    points = np.concatenate((XYZ, [[np.nan, 1, 1], [1, np.inf, 1], [0, 0, 0], [0, 0, 1]]))
    np.testing.assert_array_equal(cloud_points(cloud(points)), np.concatenate((XYZ, [[0, 0, 1]])))
    assert cloud_points(cloud(np.empty((0, 3)))).shape == (0, 3)


def test_large_cloud_is_thinned_evenly() -> None:
    """Each of the 16 beams of a spinning lidar, which come in turns, keeps its share."""
    count = 320_000
    beam = np.arange(count) % 16 + 1.0
    message = PointCloud2(height=1, width=count, point_step=12, row_step=12 * count)
    message.fields = cloud(XYZ).fields
    message.data = array.array('B', np.stack(
        (beam, np.arange(count), beam), axis=-1).astype('<f4').tobytes())
    points = cloud_points(message)
    assert len(points) == 10_000
    np.testing.assert_array_equal((points[:, 1] % 16) + 1, points[:, 0])
    _beams, counts = np.unique(points[:, 0], return_counts=True)
    assert len(counts) == 16
    np.testing.assert_allclose(counts, 625, rtol=0.15)
    assert np.median(points[:, 1]) == pytest.approx(count / 2, rel=0.05)


def test_cloud_that_contradicts_itself_is_refused() -> None:
    short = cloud(XYZ)
    short.data = short.data[:-1]
    with pytest.raises(ConfigError, match='95 bytes.*do not make 3x2 points'):
        cloud_points(short)
    outside = cloud(XYZ)
    outside.fields[2].offset = 13
    with pytest.raises(ConfigError, match=r'at \[0, 4, 13\] do not make'):
        cloud_points(outside)
    overlapping = cloud(XYZ)
    overlapping.row_step = 10
    with pytest.raises(ConfigError, match='rows of 10'):
        cloud_points(overlapping)
    integers = cloud(XYZ)
    integers.fields[0].datatype = PointField.INT16
    with pytest.raises(ConfigError, match='expected x, y and z of type FLOAT32'):
        cloud_points(integers)
    with pytest.raises(ConfigError, match=r'the fields \(none\)'):
        cloud_points(PointCloud2(height=1, width=1))


def sonar(range_m: float, **changes: Any) -> Range:
    return Range(**{'field_of_view': 0.5, 'min_range': 0.2, 'max_range': 4.0, 'range': range_m,
                    **changes})


def test_range_is_a_cap_around_the_x_axis() -> None:
    points = range_points(sonar(2.0))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2.0)
    assert points[:, 0].min() == pytest.approx(2.0 * math.cos(0.25), abs=1e-3)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, 0.1, 4.1])
def test_range_without_an_echo_has_no_points(value: float) -> None:
    assert range_points(sonar(value)).shape == (0, 3)


def test_ranger_that_only_detects_has_no_points() -> None:
    """Its limits are equal, and it says -inf for something and +inf for nothing."""
    for value in (-math.inf, math.inf):
        assert range_points(sonar(value, min_range=1.0, max_range=1.0)).shape == (0, 3)


@pytest.mark.parametrize('field_of_view', [math.nan, -0.1, 3.2])
def test_field_of_view_that_is_none_is_refused(field_of_view: float) -> None:
    with pytest.raises(ConfigError, match='field_of_view is'):
        range_points(sonar(2.0, field_of_view=field_of_view))

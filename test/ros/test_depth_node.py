# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process: what goes in, what comes out."""
from __future__ import annotations

import math
import struct

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_harness import (
    cloud_array,
    depth_array,
    HEIGHT,
    make_image,
    make_info,
    OUTPUT_TYPES,
    WIDTH,
)

pytestmark = pytest.mark.ros
OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN


def test_every_output_of_one_image(start, join):
    start(model='known', min_range_m=2.0, max_range_m=40.0, flying_pixel_tolerance=0.0)
    peer = join(tuple(OUTPUT_TYPES))
    peer.wait_for_outputs()
    image = make_image()
    depth, info, sigma, cloud = peer.exchange(
        image, make_info(), 'depth/image', 'depth/camera_info', 'depth/uncertainty', 'points')
    # They have no stamp to ask for, and a subscription of their own to be found.
    peer.send_until(lambda: peer.received['scale'] and peer.received['scene'], image)
    for message in (depth, info, sigma, cloud):
        assert message.header == image.header
        assert (message.height, message.width) == (HEIGHT, WIDTH)

    assert (depth.encoding, depth.step, depth.is_bigendian) == ('32FC1', WIDTH * 4, 0)
    depth_m = depth_array(depth)
    assert np.isnan(depth_m[0]).all()
    assert np.isnan(depth_m[1, 0])
    assert np.isneginf(depth_m[1, 1:]).all()
    assert np.isposinf(depth_m[40, 1:]).all()
    assert depth_m[20, 30] == np.float32(20.3)
    assert (depth_array(sigma) == 0.25).all()

    assert not cloud.is_dense
    assert (cloud.point_step, cloud.row_step) == (16, WIDTH * 16)
    points = cloud_array(cloud)
    assert np.isnan(points['x'][~np.isfinite(depth_m)]).all()
    # Pixel (30, 20) of a camera with f = 50 and its axis at (31.5, 23.5).
    point = points[20, 30]
    np.testing.assert_allclose(
        [point['x'], point['y'], point['z']],
        [20.3 * (30 - 31.5) / 50, 20.3 * (20 - 23.5) / 50, 20.3], rtol=1e-6)
    assert point['rgb'] == (20 << 16) + (30 << 8) + 50
    assert peer.received['scale'][0].data == 7.5
    assert peer.received['scene'][0].data == 'kitchen'


def test_compressed_depth_decodes_as_image_transport_does(start, join):
    start(model='known', max_range_m=40.0)
    topic = 'depth/image/compressedDepth'
    peer = join((topic, 'depth/image'))
    peer.wait_for_outputs()
    message, depth = peer.exchange(make_image(), make_info(), topic, 'depth/image')
    assert message.header == depth.header
    assert message.format == '32FC1; compressedDepth png'
    depth_m = depth_array(depth)
    code, a, b = struct.unpack('<iff', bytes(message.data[:12]))
    assert code == 0
    png = cv2.imdecode(np.frombuffer(bytes(message.data[12:]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert png.dtype == np.uint16
    np.testing.assert_array_equal(png == 0, ~np.isfinite(depth_m))
    valid = png > 0
    decoded_m = a / (png[valid].astype(np.float32) - b)
    # Half a step, of 1 cm at 10 m and 16 cm at 40 m.
    assert (np.abs(decoded_m - depth_m[valid]) <= 0.501e-4 * depth_m[valid] ** 2).all()

    assert peer.set_parameters(depth_encoding='16UC1')[0].successful
    message, depth = peer.exchange(make_image(), None, topic, 'depth/image')
    assert message.format == '16UC1; compressedDepth png'
    png = cv2.imdecode(np.frombuffer(bytes(message.data[12:]), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(png, depth_array(depth))


def test_scan_is_the_nearest_point_of_each_bearing_in_the_band(start, join):
    start(model='known', flying_pixel_tolerance=0.0)
    peer = join(('scan', 'points'))
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'points')
    status = peer.wait_for_status('depth', WARN, 'set camera_height_m and camera_pitch_deg')
    assert 'no scan: the pose of the camera is not known' in status.message
    assert not peer.received['scan']

    assert all(result.successful for result in peer.set_parameters(
        camera_height_m=1.0, scan_angle_increment_deg=2.0, scan_max_height_m=3.0,
        scan_range_max_m=20.0, scan_frame_id='base_footprint'))
    image = make_image()
    cloud, scan = peer.exchange(image, None, 'points', 'scan')
    assert scan.header.frame_id == 'base_footprint'
    np.testing.assert_allclose(
        [scan.angle_min, scan.angle_max, scan.angle_increment], np.radians([-45, 45, 2]),
        rtol=1e-6)
    assert len(scan.ranges) == 46

    points = cloud_array(cloud)
    forward, left, height = points['z'], -points['x'], 1.0 - points['y']
    range_m, bearing = np.hypot(forward, left), np.arctan2(left, forward)
    band = (height >= 0.1) & (height <= 3.0) & (range_m >= 0.2) & (range_m <= 20.0)
    for index, measured_m in enumerate(scan.ranges):
        centre = math.radians(-45 + 2 * index)
        nearest_m = np.min(range_m[band & (np.abs(bearing - centre) <= math.radians(1))],
                           initial=np.inf)
        if np.isfinite(nearest_m):
            assert measured_m == pytest.approx(nearest_m, rel=1e-5)
        else:
            assert not np.isfinite(measured_m)
    assert np.isfinite(scan.ranges).sum() > 20
    peer.wait_for_status('depth', OK)


def test_scale_is_tied_to_the_floor_and_every_output_has_it(start, join):
    """The network of this test sees everything at 1.25 times its distance, and S as 7.5 m."""
    start(model='floor', scale_anchor='floor')
    peer = join(('depth/image', 'depth/uncertainty', 'points', 'scale'))
    peer.wait_for_outputs()
    depth, = peer.exchange(make_image(), make_info(), 'depth/image')
    raw_m = depth_array(depth)
    assert raw_m[0, 0] == 12.5
    peer.wait_for_status('depth', WARN, 'the scale is not tied to the floor: the pose of')

    assert all(result.successful for result in peer.set_parameters(camera_height_m=1.0))

    def settled():
        return peer.received['scale'] and peer.received['scale'][-1].data < 6.1
    peer.send_until(settled, make_image(), make_info())
    image = make_image()
    depth, sigma, cloud = peer.exchange(
        image, None, 'depth/image', 'depth/uncertainty', 'points')
    factor = depth_array(depth)[0, 0] / 12.5
    assert factor == pytest.approx(0.8, rel=0.02)
    np.testing.assert_allclose(depth_array(depth), raw_m * factor, rtol=1e-5)
    np.testing.assert_allclose(depth_array(sigma), 0.25 * factor, rtol=1e-5)
    np.testing.assert_allclose(cloud_array(cloud)['z'][30], raw_m[30] * factor, rtol=1e-5)

    def reported():
        status = peer.status('depth', OK, 'valid')
        values = {item.key: item.value for item in status.values} if status else {}
        return values if float(values.get('scale [m]', 'nan')) < 6.1 else None
    # The last one may have been said before the scale had settled.
    values = peer.send_until(reported, make_image())
    assert float(values['anchor factor']) == pytest.approx(0.8, rel=0.02)
    assert float(values['scale factor']) == pytest.approx(0.8, rel=0.02)
    assert float(values['scale [m]']) == pytest.approx(6.0, rel=0.02)

    # An activation begins without what the last one knew.
    assert peer.change_state('deactivate')
    assert peer.set_parameters(camera_height_m=0.0)[0].successful
    assert peer.change_state('activate')
    depth, = peer.exchange(make_image(), make_info(), 'depth/image')
    np.testing.assert_array_equal(depth_array(depth), raw_m)


def test_uncertain_points_are_dropped(start, join):
    """The standard deviation is 0.25 m everywhere: 5 % at 5 m."""
    start(model='known', flying_pixel_tolerance=0.0, max_relative_uncertainty=0.05)
    peer = join()
    peer.wait_for_outputs()
    depth, cloud = peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    depth_m, points = depth_array(depth), cloud_array(cloud)
    assert np.isfinite(depth_m[3, 30])
    np.testing.assert_array_equal(np.isfinite(points['z']), depth_m >= 5.0)

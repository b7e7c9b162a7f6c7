# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node as a process, with a range sensor beside its camera."""
from __future__ import annotations

import array
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from known_depth_node import floor_depth_m
import numpy as np
import pytest
from ros_harness import depth_array, HEIGHT, make_image, make_info, wait_until, WIDTH
from scaledepth_ros.camera import CameraModel
from sensor_msgs.msg import PointCloud2, PointField

pytestmark = pytest.mark.ros

CAMERA = CameraModel.from_camera_info(make_info())


def cloud(image: Any) -> PointCloud2:
    """Return the true scene, of which the network sees everything at 1.25 times its distance."""
    points = (CAMERA.rays() * floor_depth_m(HEIGHT, WIDTH)[..., None])[:20:2, ::2].astype('<f4')
    message = PointCloud2(header=image.header, height=10, width=32, point_step=12,
                          row_step=32 * 12)
    message.fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                      for i, name in enumerate('xyz')]
    message.data = array.array('B', points.tobytes())
    return message


def test_scale_is_tied_to_a_cloud_while_it_is_asked_for(start, join):
    start(model='floor')
    peer = join(('depth/image', 'scale'))
    peer.wait_for_outputs()
    depth, = peer.exchange(make_image(), make_info(), 'depth/image')
    raw_m = depth_array(depth)
    assert peer.node.count_subscribers('anchor/points') == 0

    assert peer.set_parameters(scale_anchor='ranges')[0].successful
    peer.send_until(
        lambda: peer.status('depth', DiagnosticStatus.WARN, 'the scale is not tied to a range '
                            'sensor: nobody publishes /anchor/points, /anchor/scan'),
        make_image(), make_info(), timeout_s=20)

    def settled():
        image = make_image()
        peer.publisher(PointCloud2, 'anchor/points').publish(cloud(image))
        peer.send(image)
        return peer.received['scale'] and peer.received['scale'][-1].data < 6.1
    wait_until(settled, 20)
    # The correction is kept for a while without a measurement.
    depth, = peer.exchange(make_image(), None, 'depth/image')
    factor = depth_array(depth)[0, 0] / raw_m[0, 0]
    assert factor == pytest.approx(0.8, rel=0.02)
    np.testing.assert_allclose(depth_array(depth), raw_m * factor, rtol=1e-5)

    def values():
        settled()
        status = peer.status('depth', DiagnosticStatus.OK, 'valid')
        found = {item.key: item.value for item in status.values} if status else {}
        # The last one may have been said before the scale had settled.
        return found if float(found.get('scale [m]', 'nan')) < 6.1 else None
    found = wait_until(values, 20)
    assert found['anchor sensor'] == '/anchor/points'
    assert float(found['anchor factor']) == pytest.approx(0.8, rel=0.02)

    assert peer.set_parameters(scale_anchor='none')[0].successful
    wait_until(lambda: peer.node.count_subscribers('anchor/points') == 0)
    depth, = peer.exchange(make_image(), None, 'depth/image')
    np.testing.assert_array_equal(depth_array(depth), raw_m)
    assert peer.set_parameters(scale_anchor='ranges')[0].successful
    wait_until(lambda: peer.node.count_subscribers('anchor/points') == 1)
    assert peer.change_state('deactivate')
    wait_until(lambda: peer.node.count_subscribers('anchor/points') == 0)


def test_lidar_on_scan_can_anchor_a_node_whose_own_scan_has_moved_away(start, join):
    start('-r', 'anchor/scan:=/scan', '-r', 'scan:=/camera_scan', model='floor',
          scale_anchor='ranges')
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    wait_until(lambda: peer.node.count_subscribers('/scan') == 1)
    assert peer.node.count_publishers('/camera_scan') == 1
    assert peer.node.count_publishers('/scan') == 0
    assert peer.node.count_subscribers('/camera_scan') == 0
    peer.send_until(
        lambda: peer.status('depth', DiagnosticStatus.WARN, 'the scale is not tied to a range '
                            'sensor: nobody publishes /anchor/points, /scan, /anchor/range'),
        make_image(), make_info(), timeout_s=20)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one node; every test is a real process."""
from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_harness import cloud_array, depth_array, make_image, make_info, wait_until

pytestmark = pytest.mark.ros
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
TOPICS = ('front/depth/image', 'front/points', 'front/scene',
          'left/depth/image', 'left/points', 'left/scene')


def test_two_cameras_share_one_network_run(start, join):
    start(model='known', cameras=['front', 'left'], batch_wait_ms=200.0)
    peer = join(TOPICS)
    peer.wait_for_outputs()
    front = make_image(64, 48, frame_id='front_optical_frame')
    left = make_image(80, 60, frame_id='left_optical_frame')
    front_info, left_info = make_info(64, 48, fx=50.0), make_info(80, 60, fx=70.0)

    def answers():
        return [(peer.answer(f'{name}/depth/image', image.header.stamp),
                 peer.answer(f'{name}/points', image.header.stamp))
                for name, image in (('front', front), ('left', left))]

    def both_in_one_batch():
        peer.send(front, front_info, prefix='front/')
        peer.send(left, left_info, prefix='left/')
        time.sleep(0.05)
        return all(map(all, answers())) and all(
            'batch of 2' in [scene.data for scene in peer.received[f'{name}/scene']]
            for name in ('front', 'left'))

    wait_until(both_in_one_batch, 30)
    for image, (depth, cloud), fx in zip((front, left), answers(), (50.0, 70.0), strict=True):
        assert depth.header == cloud.header == image.header
        assert depth_array(depth).shape == (image.height, image.width)
        point = cloud_array(cloud)[20, 30]
        np.testing.assert_allclose(
            point['x'], 20.3 * (30 - (image.width - 1) / 2) / fx, rtol=1e-6)


def share_that_waits(peer, count, before=lambda: None):
    """Return of how many of the left camera's images the answer took a batch_wait_ms of 1 s."""
    waits = 0
    for _ in range(count):
        before()
        started_s = time.monotonic()
        peer.exchange(make_image(), None, 'left/points', prefix='left/')
        waits += time.monotonic() - started_s >= 1.0
    return waits / count


def test_camera_that_stops_does_not_stall_the_others(start, join):
    start(model='known', cameras=['front', 'left'], batch_wait_ms=1000.0, image_timeout_s=0.5)
    peer = join(TOPICS)
    peer.wait_for_outputs()
    for name in ('front', 'left'):
        peer.exchange(make_image(), make_info(), f'{name}/points', prefix=f'{name}/')
    time.sleep(0.6)
    assert share_that_waits(peer, 10) < 0.5
    # Sent on: the camera that goes on must not be taken for one that has stopped, too.
    wait_until(lambda: (
        peer.send(make_image(), prefix='left/'), time.sleep(0.05),
        peer.status('front: camera', WARN, 'no image on /front/image')
        and peer.status('left: camera', OK))[2], 30)


def test_camera_that_nobody_listens_to_is_not_waited_for(start, join):
    start(model='known', cameras=['front', 'left'], batch_wait_ms=1000.0)
    peer = join(('left/points',))
    peer.wait_for_outputs()
    # Heard, and left alone.
    wait_until(lambda: (peer.send(make_image(), make_info(), prefix='front/'), time.sleep(0.05),
                        peer.status('front: compute', OK, 'idle: no subscriber'))[2])
    peer.exchange(make_image(), make_info(), 'left/points', prefix='left/')
    assert share_that_waits(
        peer, 6, before=lambda: peer.send(make_image(), prefix='front/')) < 0.5


def test_fault_of_one_camera_leaves_the_others_alone(start, join):
    start(model='known', cameras=['front', 'left'])
    peer = join(TOPICS)
    peer.wait_for_outputs()
    for name in ('front', 'left'):
        peer.exchange(make_image(), make_info(), f'{name}/points', prefix=f'{name}/')
    bad = make_image()
    bad.encoding = 'rgb9'

    def told_apart():
        peer.send(bad, prefix='front/')
        peer.exchange(make_image(), None, 'left/points', prefix='left/')
        return (peer.status('front: camera', ERROR, 'rgb9')
                and peer.status('left: camera', OK))

    wait_until(told_apart, 30)


def test_each_camera_has_a_pose_and_field_of_view_of_its_own(start, join):
    start('-p', 'front.horizontal_fov_deg:=90.0', model='known', cameras=['front', 'left'],
          horizontal_fov_deg=60.0)
    peer = join(('front/points', 'left/points'))
    peer.wait_for_outputs()
    assert peer.get_parameters(['front.horizontal_fov_deg', 'left.horizontal_fov_deg']) == {
        'front.horizontal_fov_deg': 90.0, 'left.horizontal_fov_deg': 60.0}

    def tangent(name):
        cloud, = peer.exchange(make_image(), None, f'{name}/points', prefix=f'{name}/')
        point = cloud_array(cloud)[20, 63]
        return point['x'] / point['z'] * 32 / 31.5

    assert tangent('front') == pytest.approx(np.tan(np.radians(45)), rel=1e-5)
    assert tangent('left') == pytest.approx(np.tan(np.radians(30)), rel=1e-5)
    result, = peer.set_parameters(horizontal_fov_deg=50.0)
    assert not result.successful
    assert 'set front.horizontal_fov_deg' in result.reason
    result, = peer.set_parameters(**{'left.horizontal_fov_deg': 200.0})
    assert not result.successful
    result, = peer.set_parameters(**{'left.horizontal_fov_deg': 90.0})
    assert result.successful
    assert tangent('left') == pytest.approx(np.tan(np.radians(45)), rel=1e-5)

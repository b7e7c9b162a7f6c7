# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator is told, at moments when nothing is published; every test is a real process."""
from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus
import pytest
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from ros_harness import make_image, make_info, wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

pytestmark = pytest.mark.ros
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def test_calibration_is_reported_before_anybody_subscribes(start, join):
    start(model='known')
    peer = join(())
    peer.wait_for_status('calibration', WARN, 'no CameraInfo yet')
    peer.send_until(lambda: peer.status('calibration', OK, 'from CameraInfo'),
                    make_image(), make_info())
    peer.send_until(lambda: peer.status('calibration', ERROR, 'is unusable'),
                    make_image(), make_info(fx=float('nan')))
    # A good one ends the fault, although no image asks for it.
    peer.send_until(lambda: peer.status('calibration', OK, 'from CameraInfo'),
                    make_image(), make_info())
    assert peer.set_parameters(horizontal_fov_deg=90.0)[0].successful
    # One that was on its way may have come from before.
    for _ in range(2):
        peer.statuses.clear()
        peer.wait_for_status('calibration', OK, 'from CameraInfo')


def test_fault_does_not_outlive_deactivation(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()
    bad = make_image()
    bad.encoding = 'rgb9'
    peer.send_until(lambda: peer.status('camera', ERROR, 'rgb9'), bad, make_info())
    assert peer.change_state('deactivate')
    peer.wait_for_status('camera', OK, 'not active')


def test_camera_that_cannot_be_heard_is_told_from_one_that_is_not_there(start, join):
    start('-p', 'qos_overrides./image.subscription.reliability:=reliable', model='known',
          image_timeout_s=0.3)
    peer = join(())
    peer.wait_for_status('camera', WARN, 'nobody publishes it')
    compressed = peer.node.create_publisher(CompressedImage, 'image', QoSProfile(depth=1))
    status = peer.wait_for_status('camera', WARN, 'it carries sensor_msgs/msg/CompressedImage')
    assert 'set image_transport' in status.message
    peer.node.destroy_publisher(compressed)
    # From elsewhere: a participant remembers the type that it had for a topic.
    join(()).node.create_publisher(
        Image, 'image', QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT))
    status = peer.wait_for_status('camera', WARN, 'a publisher offers best_effort')
    assert 'qos_overrides./image.subscription.reliability to auto' in status.message


def test_latched_camera_info_is_received(start, join):
    """It is published once, before the node is there."""
    peer = join()
    latched = peer.node.create_publisher(CameraInfo, 'camera_info', QoSProfile(
        depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL))
    info, image = make_info(), make_image()
    info.header.frame_id = image.header.frame_id
    latched.publish(info)
    start(model='known')
    peer.wait_for_outputs()
    peer.exchange(image, None, 'depth/image', 'points')
    # A camera that repeats its CameraInfo is heard all the same.
    peer.node.destroy_publisher(latched)
    peer.send_until(lambda: peer.status('calibration', OK), make_image(), make_info(fx=60.0))
    peer.exchange(make_image(), make_info(fx=60.0), 'depth/image')


def test_two_cameras_on_one_topic_do_not_flood_the_log(start, join):
    process = start(model='known', log_period_s=3600.0)
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image')
    for index in range(20):
        image = make_image(sec=1000 + 500 * (index % 2))
        peer.exchange(image, None, 'depth/image')
    process.wait_for_log('went back by')
    time.sleep(0.1)
    assert process.log().count('went back by') == 1
    wait_until(lambda: 'two cameras publish there' in process.log())


def test_bag_without_simulated_time_is_told_from_a_slow_node(start, join):
    """Images of a recording that is a day old, on the clock of the wall."""
    process = start(model='known')
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    yesterday = int(time.time()) - 86400
    status = peer.send_until(
        lambda: peer.status('camera', WARN, 'ros2 bag play --clock'),
        make_image(sec=yesterday), make_info(), timeout_s=30)
    assert status.message.startswith("image stamps are 24.0 h behind the node's clock; for a bag")

    def values_of_compute():
        # Not too often, or images that give way to newer ones are told of instead.
        peer.send(make_image(sec=yesterday))
        time.sleep(0.3)
        status = peer.status('compute', OK)
        values = {value.key: value.value for value in status.values} if status else {}
        return values if {'stamp to publish', 'arrival to publish p50 [ms]'} <= set(values) else {}

    # That images have come says nothing yet of the depth that is made of them.
    values = wait_until(values_of_compute, 30)
    assert values['stamp to publish'].startswith('unknown: image stamps are 24.0 h behind')
    assert float(values['arrival to publish p50 [ms]']) < 10_000.0
    assert not [key for key in values if key.startswith('stamp to publish p')]
    process.wait_for_log('image stamps are 24.0 h behind')
    # The bag is played anew as it should be: stamps and clock are the same again.
    wait_until(lambda: (peer.send(make_image()), time.sleep(0.05),
                        peer.status('camera', OK, 'images/s'))[2], 30)
    process.wait_for_log('stamps fit the clock again')

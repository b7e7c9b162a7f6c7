# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Poses from TF, and the scan that they make possible.

Most tests of TF run twice: against a stand-in for tf2_ros, which ships with ROS 2 only, and
against tf2_ros itself where it can be imported. So what the stand-in claims is checked too.
"""
from __future__ import annotations

from collections.abc import Iterator
import sys
import time
from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time as ClockTime
from ros_harness import make_image, make_info
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose, ScanConfig, ScanProjector
from scaledepth_ros.ros.camera_pose import TfPose, transform_matrix
from scaledepth_ros.ros.parameters import DepthParameters
from tf_stand_in import robot_camera, stamp, StandIn

CAMERA, BASE = 'camera_optical_frame', 'base_link'
PARAMETERS = DepthParameters()


def header(at_s: float, frame_id: str = CAMERA) -> SimpleNamespace:
    """Return the header of an image."""
    return SimpleNamespace(frame_id=frame_id, stamp=stamp(at_s))


def test_transform_of_an_optical_frame_is_the_pose_that_parameters_give():
    np.testing.assert_allclose(
        transform_matrix(robot_camera()), camera_pose(0.5, x_m=0.2), atol=1e-12)


def test_quaternion_of_three_digits_is_a_rotation_as_it_is_to_tf2():
    """A quarter turn, written by hand; its length is 0.9998."""
    transform = Transform(rotation=Quaternion(x=0.707, y=0.0, z=0.0, w=0.707))
    transform.translation.z = 0.5
    pose = transform_matrix(transform)
    np.testing.assert_allclose(pose[:3, :3], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    # What demands a rigid motion takes it.
    camera = CameraModel.from_fov(64, 48, 60.0)
    ScanProjector(camera.rays(), pose, ScanConfig())


@pytest.mark.parametrize('w', [0.0, float('nan'), float('inf')])
def test_quaternion_without_a_direction_is_refused(node, monkeypatch, w):
    monkeypatch.setitem(sys.modules, 'tf2_ros', StandIn())
    pose = TfPose(node)
    pose._buffer.lookup_transform = lambda *_frames: TransformStamped(
        transform=Transform(rotation=Quaternion(x=0.0, y=0.0, z=0.0, w=w)))
    with pytest.raises(ConfigError, match=f"the TF of '{CAMERA}' in '{BASE}' has the rotation"):
        pose(header(5.0), PARAMETERS)


@pytest.fixture
def node(domain) -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = Node('tf_test', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


class Robot:
    """Sends transforms and waits until the node has them."""

    def __init__(self, node: Node, stand_in: StandIn | None) -> None:
        self._node, self._stand_in = node, stand_in
        if stand_in is None:
            import tf2_ros
            self._tf2_ros = tf2_ros
            self._senders = {True: tf2_ros.StaticTransformBroadcaster(node),
                             False: tf2_ros.TransformBroadcaster(node)}
            self._executor = SingleThreadedExecutor(context=node.context)
            self._executor.add_node(node)

    def send(self, at_s: float, x_m: float = 0.2, *, static: bool = False,
             parent: str = BASE, child: str = CAMERA) -> None:
        message = TransformStamped(child_frame_id=child, transform=robot_camera(x_m))
        message.header.stamp, message.header.frame_id = stamp(at_s), parent
        if self._stand_in is not None:
            for listener in self._stand_in.listening:
                listener.buffer.keep(message, static)
            return
        self._senders[static].sendTransform(message)
        # The node hears itself; two messages for the two listeners, at most, are under way.
        until_s = time.monotonic() + 0.3
        while time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=0.05)


@pytest.fixture(params=['stand-in', 'tf2_ros'])
def robot(request, monkeypatch, node) -> Robot:
    if request.param == 'stand-in':
        stand_in = StandIn()
        monkeypatch.setitem(sys.modules, 'tf2_ros', stand_in)
        return Robot(node, stand_in)
    pytest.importorskip('tf2_ros', reason='tf2_ros comes only with a ROS 2 installation')
    return Robot(node, None)


def x_of(pose: np.ndarray) -> float:
    """Return how far ahead the camera is, after checking all the rest of its pose."""
    np.testing.assert_allclose(pose, camera_pose(0.5, x_m=pose[0, 3]), atol=1e-9)
    return float(pose[0, 3])


def test_static_transform_holds_at_any_time(robot, node):
    pose = TfPose(node)
    robot.send(5.0, static=True)
    for at_s in (1.0, 5.0, 1e6):
        assert x_of(pose(header(at_s), PARAMETERS)) == pytest.approx(0.2)


def test_moving_camera_is_where_it_was_at_the_time_of_the_image(robot, node):
    pose = TfPose(node)
    robot.send(10.0, 0.0)
    robot.send(11.0, 1.0)
    assert x_of(pose(header(10.25), PARAMETERS)) == pytest.approx(0.25)


def test_image_ahead_of_its_transform_gets_the_latest_one(robot, node):
    pose = TfPose(node)
    robot.send(10.0, 0.0)
    robot.send(11.0, 1.0)
    assert x_of(pose(header(11.9), PARAMETERS)) == pytest.approx(1.0)


@pytest.mark.parametrize(('image_s', 'text'), [
    (16.5, 'is 5.5 s older than the image'), (5.0, 'is 6.0 s newer than the image')])
def test_pose_of_another_time_is_refused(robot, node, image_s, text):
    pose = TfPose(node)
    robot.send(10.0, 0.0)
    robot.send(11.0, 1.0)
    with pytest.raises(ConfigError, match=f"the latest TF of '{CAMERA}' .*{text}"):
        pose(header(image_s), PARAMETERS)


def test_late_transform_ends_the_fault(robot, node):
    pose = TfPose(node)
    with pytest.raises(ConfigError, match=f"TF does not know '{CAMERA}' in '{BASE}'"):
        pose(header(5.0), PARAMETERS)
    robot.send(5.0)
    assert x_of(pose(header(5.0), PARAMETERS)) == pytest.approx(0.2)


def test_unknown_frame_is_named(robot, node):
    pose = TfPose(node)
    robot.send(5.0)
    with pytest.raises(ConfigError, match=f"TF does not know '{CAMERA}' in 'base_'"):
        pose(header(5.0), DepthParameters(scan_frame_id='base_'))
    with pytest.raises(ConfigError, match=f"TF does not know 'gripper' in '{BASE}'"):
        pose(header(5.0, 'gripper'), PARAMETERS)


def test_unconnected_frames_are_named(robot, node):
    pose = TfPose(node)
    robot.send(5.0, parent='other_robot', child='its_camera')
    robot.send(5.0)
    with pytest.raises(ConfigError, match=f"TF does not know 'its_camera' in '{BASE}'"):
        pose(header(5.0, 'its_camera'), PARAMETERS)


def test_clock_that_jumps_back_begins_anew(robot, node):
    node.set_parameters([Parameter('use_sim_time', value=True)])
    clock = node.get_clock()
    clock.set_ros_time_override(ClockTime(seconds=100, clock_type=clock.clock_type))
    pose = TfPose(node)
    robot.send(100.0, 1.0)
    clock.set_ros_time_override(ClockTime(seconds=10, clock_type=clock.clock_type))
    with pytest.raises(ConfigError, match='TF does not know'):
        pose(header(10.0), PARAMETERS)
    robot.send(10.0, 0.3)
    assert x_of(pose(header(10.0), PARAMETERS)) == pytest.approx(0.3)


def test_closed_pose_leaves_nothing_on_the_node(robot, node):
    def entities():
        return ({s.topic_name for s in node.subscriptions}, {s.srv_name for s in node.services})

    before = entities()
    pose = TfPose(node)
    during = entities()
    pose.close()
    assert entities() == before
    # Above all no service, which anybody could call.
    assert during[1] == before[1]
    if robot._stand_in is None:
        assert during[0] - before[0] == {'/tf', '/tf_static'}
    else:
        assert robot._stand_in.listening == []


def test_without_tf2_ros_the_reason_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(ConfigError, match='tf2_ros cannot be imported'):
        TfPose(SimpleNamespace())


def test_without_tf2_ros_the_pose_can_still_come_from_parameters(
        start, join, monkeypatch, tmp_path):
    (tmp_path / 'tf2_ros.py').write_text('raise ImportError("hidden by a test")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=':')
    process = start(model='known', camera_pose='tf')
    process.wait_for_log('camera_pose is tf, but tf2_ros cannot be imported (hidden by a test)')
    peer = join(('scan',))
    assert peer.state() == 'unconfigured'
    assert all(result.successful for result in peer.set_parameters(
        camera_pose='parameters', camera_height_m=1.0))
    assert peer.change_state('configure')
    assert peer.change_state('activate')
    peer.wait_for_outputs('scan')
    peer.exchange(make_image(), make_info(), 'scan')


def test_node_makes_a_scan_from_tf(start, join):
    pytest.importorskip('tf2_ros', reason='tf2_ros comes only with a ROS 2 installation')
    import tf2_ros
    start(model='known', camera_pose='tf', scan_frame_id='base_footprint')
    peer = join(('scan',))
    peer.wait_for_state('active')
    peer.wait_for_outputs('scan')
    image, info = make_image(), make_info()
    peer.send_until(lambda: peer.status(
        'depth', DiagnosticStatus.WARN, "TF does not know 'camera_optical_frame'"), image, info)
    message = TransformStamped(child_frame_id=CAMERA, transform=robot_camera())
    message.header.frame_id = 'base_footprint'
    sender = tf2_ros.StaticTransformBroadcaster(peer.node)
    sender.sendTransform(message)
    scan, = peer.exchange(make_image(), info, 'scan')
    assert scan.header.frame_id == 'base_footprint'
    assert np.isfinite(scan.ranges).any()

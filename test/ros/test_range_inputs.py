# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What range sensors tell a camera that sees a wall 4 m ahead, at 5 m as the network says."""
from __future__ import annotations

import array
from collections.abc import Callable
import math
import sys
from types import SimpleNamespace
from typing import Any

from geometry_msgs.msg import TransformStamped
import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.ros import range_inputs
from scaledepth_ros.ros.camera_pose import TfPose
from scaledepth_ros.ros.range_inputs import RangeInputs, RangeScale
from sensor_msgs.msg import LaserScan, PointCloud2, PointField, Range
from tf_stand_in import stamp, StandIn

CAMERA = CameraModel.from_fov(64, 48, 80.0)
DEPTH_M = np.full((48, 64), 5.0, np.float32)
OPTICAL, LASER = 'camera_optical_frame', 'laser'
POINTS, SCAN, RANGE = '/front/anchor/points', '/front/anchor/scan', '/front/anchor/range'


class Subscription:
    """InputSubscription without the middleware."""

    def __init__(self, node: Any, message_type: Any, topic: str,
                 callback: Callable[[Any], None], on_error: Callable[[Exception], None]) -> None:
        self.topic, self.is_open, self.publisher_number = f'/{topic}', False, 0
        self._node, self._callback, self._on_error = node, callback, on_error
        node.subscriptions[self.topic] = self

    def open(self) -> None:
        if self.topic == self._node.unopened:
            raise MemoryError('no room')
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def follow_publishers(self) -> None:
        assert self.is_open

    def publishers(self) -> list[Any]:
        types, (name, namespace) = self._node.types, self._node.publisher
        return [SimpleNamespace(topic_type=types[self.topic], node_name=name,
                                node_namespace=namespace)] if self.topic in types else []

    def publisher_count(self) -> int:
        return self.publisher_number

    def send(self, message: Any) -> None:
        assert self.is_open
        try:
            self._callback(message)
        except Exception as error:
            self._on_error(error)


class Node:
    """What RangeInputs and TfPose want of a node."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.types: dict[str, str] = {}
        self.publisher = 'driver', '/'
        self.unopened = ''
        self.context = SimpleNamespace(ok=lambda: True)

    def get_name(self) -> str:
        return 'depth'

    def get_namespace(self) -> str:
        return '/robot'

    def get_clock(self) -> Any:
        return SimpleNamespace(create_jump_callback=lambda *_, **__: SimpleNamespace(
            unregister=lambda: None))

    def opened(self) -> set[str]:
        return {topic for topic, each in self.subscriptions.items() if each.is_open}


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(range_inputs, 'InputSubscription', Subscription)
    return Node()


@pytest.fixture
def inputs(node: Node) -> RangeInputs:
    opened = RangeInputs(node, 'front/', None)
    opened.open(wanted=True)
    return opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let patience end when a test wants it to."""
    clock = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(range_inputs, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, 'tf2_ros', stand_in)
    return stand_in


def with_header(message: Any, at_s: float, frame_id: str) -> Any:
    message.header.stamp, message.header.frame_id = stamp(at_s), frame_id
    return message


def cloud(at_s: float = 10.0, frame_id: str = OPTICAL, z_m: float = 4.0) -> PointCloud2:
    """Return points all over the wall."""
    x, y = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-1, 1, 5))
    points = np.stack((x, y, np.full_like(x, z_m)), axis=-1).astype('<f4')
    message = PointCloud2(height=1, width=45, point_step=12, row_step=45 * 12)
    message.fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                      for i, name in enumerate('xyz')]
    message.data = array.array('B', points.tobytes())
    return with_header(message, at_s, frame_id)


def scan(at_s: float = 10.0, frame_id: str = LASER, wall_m: float = 4.0) -> LaserScan:
    """Return the wall in a scanner that looks at it along its x axis."""
    bearing = np.radians(np.arange(-60.0, 61.0))
    message = LaserScan(angle_min=float(bearing[0]), angle_increment=math.radians(1.0),
                        range_min=0.1, range_max=20.0)
    message.ranges = (wall_m / np.cos(bearing)).tolist()
    return with_header(message, at_s, frame_id)


def sonar(at_s: float = 10.0, frame_id: str = LASER, range_m: float = 4.0) -> Range:
    return with_header(Range(field_of_view=0.3, min_range=0.1, max_range=9.0, range=range_m),
                       at_s, frame_id)


def measure(inputs: RangeInputs, at_s: float = 10.0) -> RangeScale:
    return inputs.measure(
        SimpleNamespace(stamp=stamp(at_s), frame_id=OPTICAL), CAMERA, DEPTH_M)


def factor(scale: RangeScale) -> float:
    assert scale.measurement is not None
    return math.exp(scale.measurement.log_factor)


def send_transform(tf: StandIn, ahead_m: float = 0.0, below_m: float = 0.2) -> None:
    """Put the laser, x forward and z up (REP 103), into the optical frame."""
    message = TransformStamped(child_frame_id=LASER)
    message.header.frame_id = OPTICAL
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.y, translation.z = below_m, ahead_m
    rotation.x, rotation.y, rotation.z, rotation.w = 0.5, -0.5, 0.5, 0.5
    for listener in tf.listening:
        listener.buffer.keep(message, static=True)


def test_cloud_in_the_frame_of_the_image_needs_no_tf(
        node: Node, inputs: RangeInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    node.subscriptions[POINTS].send(cloud())
    scale = measure(inputs)
    assert factor(scale) == pytest.approx(0.8, abs=1e-3)
    assert (scale.topic, scale.problem) == (POINTS, None)
    inputs.follow(wanted=True)
    assert measure(inputs).problem is None


@pytest.mark.parametrize(('message', 'topic'), [(scan(), SCAN), (sonar(), RANGE)])
def test_other_sensor_is_brought_to_the_camera_by_tf(
        node: Node, inputs: RangeInputs, tf: StandIn, message: Any, topic: str) -> None:
    """The laser is half a metre ahead of the camera, so what it sees at 4 m is at 4.5 m."""
    node.subscriptions[topic].send(message)
    assert measure(inputs) == RangeScale()
    assert len(tf.listening) == 0
    inputs.follow(wanted=True)
    assert len(tf.listening) == 1
    assert f"{topic}: TF does not know 'laser' in 'camera_optical_frame'" in str(
        measure(inputs).problem)
    send_transform(tf, ahead_m=0.5)
    scale = measure(inputs)
    assert factor(scale) == pytest.approx(0.9, abs=0.01)
    assert (scale.topic, scale.problem) == (topic, None)
    inputs.close()
    assert len(tf.listening) == 0


def test_listener_of_the_node_is_used_and_left_alone(node: Node, tf: StandIn) -> None:
    shared = TfPose(node)
    inputs = RangeInputs(node, 'front/', shared)
    inputs.open(wanted=True)
    send_transform(tf)
    node.subscriptions[SCAN].send(scan())
    assert factor(measure(inputs)) == pytest.approx(0.8, abs=0.01)
    inputs.close()
    assert len(tf.listening) == 1


def test_missing_tf2_ros_is_said_when_it_is_needed(
        node: Node, inputs: RangeInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    node.subscriptions[SCAN].send(scan())
    measure(inputs)
    inputs.follow(wanted=True)
    scale = measure(inputs)
    assert scale.measurement is None
    assert str(scale.problem).startswith(
        f"{SCAN}: 'laser' is not the frame of the image, but tf2_ros cannot be imported")
    # What needs no TF goes on, and the fault of the other stays in view.
    node.subscriptions[POINTS].send(cloud())
    scale = measure(inputs)
    assert (scale.topic, factor(scale)) == (POINTS, pytest.approx(0.8, abs=1e-3))


def test_cloud_says_more_than_a_scan_and_a_scan_more_than_a_sonar(
        node: Node, inputs: RangeInputs, tf: StandIn) -> None:
    node.subscriptions[RANGE].send(sonar(range_m=3.5))
    measure(inputs)
    inputs.follow(wanted=True)
    send_transform(tf)
    assert factor(measure(inputs)) == pytest.approx(0.7, abs=0.01)
    node.subscriptions[SCAN].send(scan(wall_m=4.5))
    assert factor(measure(inputs)) == pytest.approx(0.9, abs=0.01)
    node.subscriptions[POINTS].send(cloud())
    assert factor(measure(inputs)) == pytest.approx(0.8, abs=0.01)
    # What sees nothing leaves it to the next.
    node.subscriptions[POINTS].send(cloud(z_m=-4.0))
    assert measure(inputs).topic == SCAN


@pytest.mark.parametrize(('image_s', 'expected'), [
    (9.85, 0.6), (10.04, 0.6), (10.06, 0.8), (10.2, 1.0), (10.39, 1.0), (9.79, None),
    (10.41, None)])
def test_image_is_compared_with_the_message_of_its_time(
        node: Node, inputs: RangeInputs, image_s: float, expected: float | None) -> None:
    for at_s, z_m in ((10.0, 3.0), (10.1, 4.0), (10.2, 5.0)):
        node.subscriptions[POINTS].send(cloud(at_s, z_m=z_m))
    scale = measure(inputs, image_s)
    assert scale.problem is None
    if expected is None:
        assert scale.measurement is None
    else:
        assert factor(scale) == pytest.approx(expected, abs=1e-3)


def test_only_the_last_seconds_are_kept(node: Node, inputs: RangeInputs) -> None:
    for i in range(150):
        node.subscriptions[POINTS].send(cloud(10.0 + 0.1 * i))
    assert measure(inputs, 15.0).measurement is not None
    assert measure(inputs, 14.6).measurement is None


def test_slow_network_finds_what_a_fast_sensor_measured_with_the_image(
        node: Node, inputs: RangeInputs) -> None:
    """At 200 Hz, and 9 s after the image; memory stays bounded."""
    seen = []
    for i in range(3000):
        # The wall comes nearer by 0.1 m/s.
        node.subscriptions[POINTS].send(cloud(10.0 + 0.005 * i, z_m=5.0 - 0.0005 * i))
        seen.append(len(inputs._kept[next(iter(inputs._kept))]))
    assert max(seen) <= 501
    for image_s in (16.0, 20.0, 24.99):
        expected_m = 5.0 - 0.1 * (image_s - 10.0)
        assert factor(measure(inputs, image_s)) == pytest.approx(expected_m / 5.0, abs=1e-3)


def test_of_two_messages_with_one_stamp_the_last_counts(
        node: Node, inputs: RangeInputs) -> None:
    node.subscriptions[POINTS].send(cloud(10.0, z_m=3.0))
    node.subscriptions[POINTS].send(cloud(10.0, z_m=4.0))
    assert factor(measure(inputs)) == pytest.approx(0.8, abs=1e-3)


def test_bag_that_begins_anew_is_followed(node: Node, inputs: RangeInputs) -> None:
    node.subscriptions[POINTS].send(cloud(11.0, z_m=3.0))
    node.subscriptions[POINTS].send(cloud(10.0))
    assert factor(measure(inputs)) == pytest.approx(0.8, abs=1e-3)
    assert measure(inputs, 11.0).measurement is None


def test_silence_is_named_after_a_while(
        node: Node, inputs: RangeInputs, clock: SimpleNamespace) -> None:
    def said(waiting_s: float) -> str:
        clock.now_s += waiting_s
        inputs.follow(wanted=True)
        return str(measure(inputs).problem)

    assert said(0.0) == 'None'
    assert said(1.9) == 'None'
    assert said(0.2) == (f'nobody publishes {POINTS}, {SCAN}, {RANGE}; remap one of them to a '
                         'range sensor')
    node.types[SCAN] = 'sensor_msgs/msg/PointCloud2'
    assert said(0.2) == (
        f'{SCAN} carries sensor_msgs/msg/PointCloud2, not sensor_msgs/msg/LaserScan')
    node.types[SCAN] = 'sensor_msgs/msg/LaserScan'
    node.subscriptions[SCAN].publisher_number = 1
    assert said(0.2) == f'nothing arrives on {POINTS}, {SCAN}, {RANGE}; does the sensor measure?'
    node.subscriptions[POINTS].send(cloud(5.0))
    assert said(0.2) == (f'the nearest message on {POINTS} is 5.0 s older than the image; does it '
                         'still come, and on the clock of the camera?')
    node.subscriptions[POINTS].send(cloud(12.5))
    assert 'is 2.5 s newer than the image' in said(0.2)
    node.subscriptions[POINTS].send(cloud(10.0))
    assert said(0.2) == 'None'
    # Patience begins anew.
    node.subscriptions[POINTS].send(cloud(5.0))
    assert said(1.0) == 'None'


def test_own_cloud_is_not_believed(node: Node, inputs: RangeInputs) -> None:
    node.types[POINTS] = 'sensor_msgs/msg/PointCloud2'
    for publisher, believed in ((('depth', '/'), True), (('depth', '/robot'), False),
                                (('lidar', '/robot'), True)):
        node.publisher = publisher
        inputs.follow(wanted=True)
        node.subscriptions[POINTS].send(cloud())
        said = measure(inputs)
        assert (said.measurement is not None) is believed
        assert (said.problem is None) is believed
        if not believed:
            assert f'{POINTS} is what this node publishes itself' in str(said.problem)


def test_images_that_are_far_apart_need_no_patience(
        node: Node, inputs: RangeInputs, clock: SimpleNamespace) -> None:
    node.subscriptions[POINTS].send(cloud())
    measure(inputs)
    clock.now_s += 60.0
    assert measure(inputs, 70.0).problem is None


def test_message_that_cannot_be_used_is_named_until_one_can(
        node: Node, inputs: RangeInputs) -> None:
    broken = cloud()
    broken.data = broken.data[:-1]
    node.subscriptions[POINTS].send(broken)
    assert str(measure(inputs).problem).startswith(
        f'a message on {POINTS} cannot be used: 539 bytes')
    node.subscriptions[POINTS].send(with_header(cloud(), 10.0, ''))
    assert 'it has no frame_id' in str(measure(inputs).problem)
    node.subscriptions[POINTS].send(SimpleNamespace(header=cloud().header))
    assert 'AttributeError' in str(measure(inputs).problem)
    node.subscriptions[POINTS].send(cloud())
    assert measure(inputs).problem is None


def test_fault_of_a_sensor_does_not_outlive_it(
        node: Node, inputs: RangeInputs, clock: SimpleNamespace) -> None:
    """A broken sensor was replaced by one on another topic."""
    node.subscriptions[SCAN].send(with_header(scan(), 10.0, ''))
    for _ in range(8):
        clock.now_s += 1.0
        node.subscriptions[POINTS].send(cloud())
        said = measure(inputs)
        assert said.topic == POINTS
        last = str(said.problem)
        assert last == 'None' or clock.now_s < 1006.0
    assert last == 'None'
    # One that goes on stays a problem.
    for _ in range(8):
        clock.now_s += 1.0
        node.subscriptions[SCAN].send(with_header(scan(), 10.0, ''))
        assert 'it has no frame_id' in str(measure(inputs).problem)


def test_subscriptions_exist_while_active_and_wanted(node: Node) -> None:
    inputs = RangeInputs(node, 'front/', None)
    inputs.follow(wanted=True)
    assert node.opened() == set()
    inputs.open(wanted=False)
    assert node.opened() == set()
    inputs.follow(wanted=True)
    assert node.opened() == {POINTS, SCAN, RANGE}
    node.subscriptions[POINTS].send(cloud())
    inputs.follow(wanted=False)
    assert node.opened() == set()
    # Old messages say nothing about another time.
    inputs.follow(wanted=True)
    assert measure(inputs).measurement is None
    inputs.close()
    inputs.follow(wanted=True)
    assert node.opened() == set()


def test_subscription_that_cannot_be_made_is_a_problem_and_tried_again(node: Node) -> None:
    node.unopened = SCAN
    inputs = RangeInputs(node, 'front/', None)
    inputs.open(wanted=True)
    assert node.opened() == set()
    assert str(measure(inputs).problem) == 'MemoryError: no room'
    node.unopened = ''
    inputs.follow(wanted=True)
    assert node.opened() == {POINTS, SCAN, RANGE}
    assert measure(inputs).problem is None


@pytest.mark.parametrize('part', ['publisher_count', 'follow_publishers'])
def test_what_fails_while_publishers_are_followed_is_a_problem_until_it_works(
        node: Node, inputs: RangeInputs, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch,
        part: str) -> None:
    def fail() -> None:
        raise MemoryError('no room')
    # Silent for so long that the publishers are asked why.
    measure(inputs)
    clock.now_s += 3.0
    with monkeypatch.context() as patch:
        patch.setattr(node.subscriptions[SCAN], part, fail)
        inputs.follow(wanted=True)
        assert str(measure(inputs).problem) == 'MemoryError: no room'
    assert node.opened() == {POINTS, SCAN, RANGE}
    inputs.follow(wanted=True)
    assert 'MemoryError' not in str(measure(inputs).problem)


def test_tf_that_cannot_be_listened_to_is_a_problem_and_tried_again(
        node: Node, inputs: RangeInputs, tf: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise MemoryError('no room')
    node.subscriptions[SCAN].send(scan())
    measure(inputs)
    with monkeypatch.context() as patch:
        patch.setattr(range_inputs, 'TfPose', fail)
        inputs.follow(wanted=True)
        assert str(measure(inputs).problem) == 'MemoryError: no room'
    inputs.follow(wanted=True)
    send_transform(tf)
    assert factor(measure(inputs)) == pytest.approx(0.8, abs=0.01)

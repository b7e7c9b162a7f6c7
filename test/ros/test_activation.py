# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What arrived before a deactivation is not published after it, nor are its faults reported."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time
from typing import Any

from known_depth_node import KnownDepth
import pytest
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from ros_harness import make_image, make_info
from scaledepth_ros.ros import activation as activation_module
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.camera_health import FaultKind
from scaledepth_ros.ros.depth_node import DepthNode
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros


class Publisher:
    """Takes as long to send as it is told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.sending, self.may_send = threading.Event(), threading.Event()
        self.may_send.set()

    def publish(self, message: Any) -> None:
        self.sending.set()
        assert self.may_send.wait(60)
        self.sent.append(message)


def test_nothing_is_published_when_it_is_over() -> None:
    publisher, activation = Publisher(), Activation()
    activation.publish(publisher, 1)
    activation.end()
    activation.publish(publisher, 2)
    assert publisher.sent == [1]


def test_end_waits_for_the_message_that_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation_module, '_SENDING_TIMEOUT_S', 60.0)
    publisher, activation = Publisher(), Activation()
    publisher.may_send.clear()
    sender = threading.Thread(target=activation.publish, args=(publisher, 1))
    sender.start()
    assert publisher.sending.wait(60)
    sent_at_the_end: list[Any] = []
    ending = threading.Thread(
        target=lambda: (activation.end(), sent_at_the_end.extend(publisher.sent)))
    ending.start()
    ending.join(0.1)
    assert ending.is_alive()
    publisher.may_send.set()
    ending.join(60)
    sender.join(60)
    assert sent_at_the_end == [1]


def test_end_does_not_wait_for_a_middleware_that_hangs() -> None:
    publisher, activation = Publisher(), Activation()
    publisher.may_send.clear()
    sender = threading.Thread(target=activation.publish, args=(publisher, 1))
    sender.start()
    assert publisher.sending.wait(60)
    started_s = time.monotonic()
    activation.end()
    assert time.monotonic() - started_s < 5.0
    publisher.may_send.set()
    sender.join(60)
    activation.publish(publisher, 2)
    assert publisher.sent == [1]


class Held(KnownDepth):
    """Holds the first image until it is told to go on, and fails then if it is told so."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self.started, self.may_go_on = threading.Event(), threading.Event()
        self.fails = False

    def infer(self, rgb: Any, camera: Any = None) -> Any:
        if not self.started.is_set():
            self.started.set()
            assert self.may_go_on.wait(60)
            if self.fails:
                raise OSError('the driver did not answer')
        return super().infer(rgb, camera)


class Bench:
    """A depth node, a camera and a subscriber that run in the thread of the test."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        self.context.init(domain_id=domain)
        self.networks: list[Held] = []
        self.node = DepthNode(
            predictor_factory=self._load, context=self.context, use_global_arguments=False,
            cli_args=['--ros-args', '-p', 'autostart:=false'])
        self.peer = Node('peer', context=self.context)
        self.stamps: list[Any] = []
        self.peer.create_subscription(
            Image, 'depth/image', lambda message: self.stamps.append(message.header.stamp), 10)
        self._image = self.peer.create_publisher(Image, 'image', QoSProfile(depth=5))
        self._info = self.peer.create_publisher(CameraInfo, 'camera_info', QoSProfile(depth=5))
        self._executor = SingleThreadedExecutor(context=self.context)
        for node in (self.node, self.peer):
            self._executor.add_node(node)

    def _load(self, parameters: Any) -> Held:
        self.networks.append(Held(parameters))
        return self.networks[-1]

    def spin_until(self, condition: Callable[[], Any], send: Image | None = None) -> None:
        """Send an image, if any, again and again until something is true."""
        deadline_s, due_s = time.monotonic() + 60.0, 0.0
        while not condition():
            assert time.monotonic() < deadline_s
            if send is not None and time.monotonic() > due_s:
                info = make_info()
                info.header = send.header
                self._info.publish(info)
                self._image.publish(send)
                due_s = time.monotonic() + 0.5
            self._executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        for network in self.networks:
            network.may_go_on.set()
        self.node.stop()
        self._executor.shutdown(timeout_sec=0)
        self.node.destroy_node()
        self.peer.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def bench(domain: int) -> Iterator[Bench]:
    bench = Bench(domain)
    yield bench
    bench.close()


@pytest.mark.parametrize('fails', [False, True])
def test_frame_of_a_former_activation_is_not_published_nor_its_fault_reported(
        bench: Bench, fails: bool) -> None:
    bench.node.trigger_configure()
    bench.node.trigger_activate()
    network = bench.networks[0]
    network.fails = fails
    before, after = make_image(), make_image()
    bench.spin_until(network.started.is_set, before)
    bench.node.trigger_deactivate()
    bench.node.trigger_activate()
    faults: list[Any] = []
    health = bench.node._streams[0].health
    health.fault = lambda kind, text, **_options: faults.append((kind, text))
    network.may_go_on.set()
    bench.spin_until(lambda: after.header.stamp in bench.stamps, after)
    assert before.header.stamp not in bench.stamps
    assert not [text for kind, text in faults if kind != FaultKind.CALIBRATION]

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a subscription does with what its callback raises, and when its publishers change."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from scaledepth_ros.ros import input_subscription
from scaledepth_ros.ros.input_subscription import InputSubscription
from sensor_msgs.msg import CameraInfo

pytestmark = pytest.mark.ros


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    made = rclpy.create_node('listener', context=context)
    yield made
    made.destroy_node()
    rclpy.try_shutdown(context=context)


def hear(node: Node, callback: Callable[[CameraInfo], None]) -> list[Exception]:
    """Send until the callback has run; return what was taken for a fault."""
    errors: list[Exception] = []
    calls = []

    def called(message: CameraInfo) -> None:
        calls.append(message)
        callback(message)
    subscription = InputSubscription(node, CameraInfo, '/words', called, errors.append)
    subscription.open()
    publisher = node.create_publisher(CameraInfo, '/words', 1)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    deadline_s = time.monotonic() + 60.0
    try:
        while not calls and time.monotonic() < deadline_s:
            publisher.publish(CameraInfo(distortion_model='word'))
            executor.spin_once(timeout_sec=0.1)
    except ExternalShutdownException:
        pass
    executor.shutdown()
    assert calls, 'nothing was heard'
    return errors


def test_what_a_callback_raises_is_told_and_ends_nothing(node: Node) -> None:
    def fail(message: CameraInfo) -> None:
        raise ValueError(message.distortion_model)
    errors = hear(node, fail)
    assert [str(error) for error in errors] == ['word'] * len(errors)
    assert errors
    assert node.context.ok()


def test_a_context_that_goes_away_in_a_callback_is_no_fault(node: Node) -> None:
    publisher = node.create_publisher(CameraInfo, '/answers', 1)
    raised = []

    def answer(_message: CameraInfo) -> None:
        # As a signal does, between two statements of whatever callback is running.
        rclpy.shutdown(context=node.context)
        try:
            publisher.get_subscription_count()
        except Exception as error:
            raised.append(error)
            raise
    assert hear(node, answer) == []
    assert raised


class Conversation:
    """A reliable publisher, a subscription to it, and an executor that runs when it is told to."""

    def __init__(self, node: Node, **options: bool) -> None:
        self.node = node
        self.heard: list[int] = []
        self.errors: list[Exception] = []
        self.subscription = InputSubscription(
            node, CameraInfo, '/words', lambda message: self.heard.append(message.width),
            self.errors.append, **options)
        self.publisher = node.create_publisher(CameraInfo, '/words', QoSProfile(depth=5))
        self.executor = SingleThreadedExecutor(context=node.context)
        self.executor.add_node(node)

    def say(self, number: int) -> None:
        """Publish a message with a stamp of its own."""
        message = CameraInfo(width=number)
        message.header.stamp.sec = number
        self.publisher.publish(message)

    def listen_for(self, number: int, timeout_s: float = 60.0) -> bool:
        """Run the callbacks until this message has come; return whether it has."""
        deadline_s = time.monotonic() + timeout_s
        while number not in self.heard and time.monotonic() < deadline_s:
            self.executor.spin_once(timeout_sec=0.05)
        return number in self.heard

    def follow_until(self, reliability: str) -> None:
        """Wait until the publishers that are there now ask for a reliability."""
        deadline_s = time.monotonic() + 60.0
        while self.subscription.reliability != reliability:
            assert time.monotonic() < deadline_s, f'still not {reliability}'
            self.subscription.follow_publishers()
            time.sleep(0.001)


def test_nothing_is_lost_or_heard_twice_while_publishers_come_and_go(node: Node) -> None:
    """A new subscription is found only after a while; what is said in between must come, too."""
    talk = Conversation(node)
    talk.subscription.open()
    number = 0
    assert talk.subscription.reliability == 'reliable'
    deadline_s = time.monotonic() + 60.0
    while not talk.heard:
        assert time.monotonic() < deadline_s, 'nothing was heard'
        talk.say(number)
        talk.executor.spin_once(timeout_sec=0.1)
    for _ in range(10):
        other = node.create_publisher(CameraInfo, '/words', QoSProfile(
            depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT))
        for leaves, reliability in ((False, 'best_effort'), (True, 'reliable')):
            if leaves:
                node.destroy_publisher(other)
            # One waits unread in the old subscription, the next comes right after the new one.
            talk.say(number + 1)
            talk.follow_until(reliability)
            assert talk.listen_for(number + 1)
            talk.say(number + 2)
            assert talk.listen_for(number + 2)
            number += 2
            talk.subscription.follow_publishers()
    talk.executor.spin_once(timeout_sec=0.2)
    talk.executor.shutdown()
    # Zero was said until it was heard.
    assert [heard for heard in talk.heard if heard] == list(range(1, number + 1))
    assert talk.errors == []


def test_the_former_subscription_goes_when_the_new_one_has_heard_or_had_time_to(
        node: Node) -> None:
    talk = Conversation(node)

    def subscriptions() -> int:
        return len(list(node.subscriptions))
    before = subscriptions()
    talk.subscription.open()
    other = node.create_publisher(CameraInfo, '/words', QoSProfile(
        depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT))
    talk.follow_until('best_effort')
    assert subscriptions() == before + 2
    deadline_s = time.monotonic() + 60.0
    while subscriptions() != before + 1:
        assert time.monotonic() < deadline_s, 'the former subscription stays'
        talk.say(1)
        talk.executor.spin_once(timeout_sec=0.1)
        talk.subscription.follow_publishers()
    node.destroy_publisher(other)
    talk.follow_until('reliable')
    assert subscriptions() == before + 2
    deadline_s = time.monotonic() + 60.0
    while subscriptions() != before + 1:
        assert time.monotonic() < deadline_s, 'the former subscription stays'
        talk.subscription.follow_publishers()
        time.sleep(0.01)
    talk.subscription.close()
    assert subscriptions() == before
    talk.executor.shutdown()


def test_a_subscription_that_cannot_be_replaced_stays_until_it_can(
        node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Conversation(node)
    talk.subscription.open()
    node.create_publisher(CameraInfo, '/words', QoSProfile(
        depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT))

    def refuse(*_arguments: object) -> None:
        raise MemoryError
    with monkeypatch.context() as patch:
        patch.setattr(node, 'create_subscription', refuse)
        with pytest.raises(MemoryError):
            talk.follow_until('best_effort')
        # Longer than a former subscription is kept.
        patch.setattr(input_subscription, '_DISCOVERY_S', -1.0)
        with pytest.raises(MemoryError):
            talk.subscription.follow_publishers()
        number, deadline_s = 0, time.monotonic() + 60.0
        while not talk.heard:
            assert time.monotonic() < deadline_s, 'nothing was heard'
            number += 1
            talk.say(number)
            talk.executor.spin_once(timeout_sec=0.1)
    talk.follow_until('best_effort')
    talk.executor.shutdown()


def test_what_is_latched_under_an_old_stamp_is_heard_again(node: Node) -> None:
    """A driver that starts anew may give another calibration the same, empty stamp."""
    talk = Conversation(node, takes_latched=True)
    latching = node.create_publisher(CameraInfo, '/words', QoSProfile(
        depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL))
    latching.publish(CameraInfo(width=2))
    # Another publisher latches nothing, so the subscription cannot ask for what is latched.
    talk.subscription.open()
    deadline_s = time.monotonic() + 60.0
    while 1 not in talk.heard:
        assert time.monotonic() < deadline_s, 'nothing was heard'
        talk.publisher.publish(CameraInfo(width=1))
        talk.executor.spin_once(timeout_sec=0.1)
    assert 2 not in talk.heard
    node.destroy_publisher(talk.publisher)
    deadline_s = time.monotonic() + 60.0
    while 2 not in talk.heard:
        assert time.monotonic() < deadline_s, f'heard only {set(talk.heard)}'
        talk.subscription.follow_publishers()
        talk.executor.spin_once(timeout_sec=0.1)
    talk.executor.shutdown()


def test_remapping_rules_act_once(domain: int) -> None:
    """Else who moves a topic away from a name that another one is mapped to hears itself."""
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node(
        'listener', context=context, use_global_arguments=False,
        cli_args=['--ros-args', '-r', 'anchor/scan:=/scan', '-r', 'scan:=/camera_scan'])
    driver = rclpy.create_node('driver', context=context)
    before = set(node.subscriptions)
    reliable = driver.create_publisher(CameraInfo, '/scan', 1)
    subscription = InputSubscription(
        node, CameraInfo, 'anchor/scan', lambda _message: None, lambda _error: None)
    deadline_s = time.monotonic() + 60.0
    while subscription.publisher_count() != 1 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert subscription.topic == reliable.topic_name == '/scan'
    assert subscription.publisher_count() == 1
    assert [info.node_name for info in subscription.publishers()] == ['driver']
    subscription.open()
    opened, = set(node.subscriptions) - before
    assert opened.topic_name == '/scan'
    assert subscription.reliability == 'reliable'
    assert node.has_parameter('qos_overrides./scan.subscription.reliability')
    for made in (node, driver):
        made.destroy_node()
    rclpy.try_shutdown(context=context)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a subscription does with what its callback raises."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from scaledepth_ros.ros.input_subscription import InputSubscription
from std_msgs.msg import String

pytestmark = pytest.mark.ros


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    made = rclpy.create_node('listener', context=context)
    yield made
    made.destroy_node()
    rclpy.try_shutdown(context=context)


def hear(node: Node, callback: Callable[[String], None]) -> list[Exception]:
    """Send until the callback has run; return what was taken for a fault."""
    errors: list[Exception] = []
    calls = []

    def called(message: String) -> None:
        calls.append(message)
        callback(message)
    subscription = InputSubscription(node, String, '/words', called, errors.append)
    subscription.open()
    publisher = node.create_publisher(String, '/words', 1)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    deadline_s = time.monotonic() + 20.0
    try:
        while not calls and time.monotonic() < deadline_s:
            publisher.publish(String(data='word'))
            executor.spin_once(timeout_sec=0.1)
    except ExternalShutdownException:
        pass
    executor.shutdown()
    assert calls, 'nothing was heard'
    return errors


def test_what_a_callback_raises_is_told_and_ends_nothing(node: Node) -> None:
    def fail(message: String) -> None:
        raise ValueError(message.data)
    errors = hear(node, fail)
    assert [str(error) for error in errors] == ['word'] * len(errors)
    assert errors
    assert node.context.ok()


def test_a_context_that_goes_away_in_a_callback_is_no_fault(node: Node) -> None:
    publisher = node.create_publisher(String, '/answers', 1)
    raised = []

    def answer(_message: String) -> None:
        # As a signal does, between two statements of whatever callback is running.
        rclpy.shutdown(context=node.context)
        try:
            publisher.get_subscription_count()
        except Exception as error:
            raised.append(error)
            raise
    assert hear(node, answer) == []
    assert raised

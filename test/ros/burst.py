# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Publish, or count, bursts of a VGA cloud, a depth image and a CameraInfo."""
from __future__ import annotations

import array
from contextlib import suppress
import json
import sys
import time
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

# A busy machine may let a process stand still: the queue of the reader has room for all, and a
# segment of shared memory for more than a second.
BURSTS_HZ = 8
QUEUE = 100
TOPICS = {'points': (PointCloud2, 640 * 480 * 16), 'depth': (Image, 640 * 480 * 4),
          'info': (CameraInfo, 0)}


def publish(count: int) -> None:
    """Publish reliable bursts once somebody listens on every topic."""
    node = rclpy.create_node('publisher')
    pairs = []
    for topic, (kind, size) in TOPICS.items():
        message = kind()
        if size:
            message.data = array.array('B', bytes(size))
        pairs.append((node.create_publisher(kind, topic, QoSProfile(depth=2)), message))
    # It is made by who has found all of them, and who is found too late misses the first.
    go = node.create_publisher(CameraInfo, 'go', QoSProfile(depth=1))
    while min(publisher.get_subscription_count() for publisher in (
            go, *(publisher for publisher, _ in pairs))) < 1:
        time.sleep(0.01)
    for _ in range(count):
        for publisher, message in pairs:
            publisher.publish(message)
        time.sleep(1 / BURSTS_HZ)
    # What has to be sent again needs somebody who sends it.
    time.sleep(600.0)


def publishers(node: Node, subscription: Any) -> int:
    """Return how many publishers a subscription has found."""
    if hasattr(subscription, 'get_publisher_count'):
        return subscription.get_publisher_count()
    # Humble cannot tell.
    return node.count_publishers(subscription.topic_name)


def receive(count: int) -> None:
    """Print how many messages of each topic have arrived."""
    node = rclpy.create_node('receiver')
    received = dict.fromkeys(TOPICS, 0)

    def counter(topic: str) -> object:
        def add(_message: bytes) -> None:
            received[topic] += 1
        return add

    subscriptions = [
        node.create_subscription(kind, topic, counter(topic), QoSProfile(depth=QUEUE), raw=True)
        for topic, (kind, _) in TOPICS.items()]
    while not all(publishers(node, one) for one in subscriptions):
        time.sleep(0.01)
    node.create_subscription(CameraInfo, 'go', lambda _: None, 1)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline_s = time.monotonic() + 100
    while min(received.values()) < count and time.monotonic() < deadline_s:
        executor.spin_once(timeout_sec=0.1)
        if max(received.values()) == count:
            # What is not here ten seconds after the last one is lost.
            deadline_s = min(deadline_s, time.monotonic() + 10)
    print(json.dumps(received), flush=True)


if __name__ == '__main__':
    rclpy.init()
    with suppress(KeyboardInterrupt):
        {'publish': publish, 'receive': receive}[sys.argv[1]](int(sys.argv[2]))
    rclpy.try_shutdown()

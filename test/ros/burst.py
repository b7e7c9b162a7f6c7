# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Publish, or count, bursts of a VGA cloud, a depth image and a CameraInfo at 15 Hz."""
from __future__ import annotations

import array
from contextlib import suppress
import json
import sys
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

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
    while min(publisher.get_subscription_count() for publisher, _ in pairs) < 1:
        time.sleep(0.01)
    # Matching is seen here before the other side sees it, and who joins late misses the first.
    time.sleep(2.0)
    for _ in range(count):
        for publisher, message in pairs:
            publisher.publish(message)
        time.sleep(1 / 15)
    time.sleep(2.0)


def receive(count: int) -> None:
    """Print how many messages of each topic have arrived."""
    node = rclpy.create_node('receiver')
    received = dict.fromkeys(TOPICS, 0)

    def counter(topic: str) -> object:
        def add(_message: bytes) -> None:
            received[topic] += 1
        return add

    for topic, (kind, _) in TOPICS.items():
        node.create_subscription(kind, topic, counter(topic), QoSProfile(depth=10), raw=True)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline_s = time.monotonic() + 25
    while min(received.values()) < count and time.monotonic() < deadline_s:
        executor.spin_once(timeout_sec=0.1)
        if max(received.values()) == count:
            # What is not here two seconds after the last one is lost.
            deadline_s = min(deadline_s, time.monotonic() + 2)
    print(json.dumps(received), flush=True)


if __name__ == '__main__':
    rclpy.init()
    with suppress(KeyboardInterrupt):
        {'publish': publish, 'receive': receive}[sys.argv[1]](int(sys.argv[2]))
    rclpy.try_shutdown()

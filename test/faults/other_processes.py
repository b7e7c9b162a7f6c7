# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
A camera or a subscriber as a process of its own, so that it can be killed.

    other_processes.py camera          publishes image and camera_info at 20 Hz and prints the
                                       stamp [ns] and the time [s] of each
    other_processes.py subscriber      receives depth/image and points
    other_processes.py sleeper         subscribes to them and never looks at what arrives
"""
from __future__ import annotations

from pathlib import Path
import sys
import time

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'ros'))

from ros_harness import make_image, make_info  # noqa: E402


def camera(node: Node) -> None:
    """Publish until killed."""
    images = node.create_publisher(Image, 'image', QoSProfile(depth=5))
    infos = node.create_publisher(CameraInfo, 'camera_info', QoSProfile(depth=5))
    while True:
        image, info = make_image(), make_info()
        stamp_ns = time.time_ns()
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        info.header = image.header
        infos.publish(info)
        print(stamp_ns, time.monotonic(), flush=True)
        images.publish(image)
        time.sleep(0.05)


def subscriber(node: Node, *, spin: bool = True) -> None:
    """Subscribe until killed."""
    for kind, topic in ((Image, 'depth/image'), (PointCloud2, 'points')):
        node.create_subscription(kind, topic, lambda _: None, QoSProfile(depth=1000))
    print('subscribed', flush=True)
    if spin:
        rclpy.spin(node)
    time.sleep(3600)


if __name__ == '__main__':
    rclpy.init()
    role = sys.argv[1]
    one = rclpy.create_node(role)
    if role == 'camera':
        camera(one)
    else:
        subscriber(one, spin=role == 'subscriber')

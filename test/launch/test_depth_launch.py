# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The installed launch file: its arguments reach the node, and the node works and ends cleanly."""

from functools import partial
import os
import time
from typing import Any
import unittest

import pytest

pytest.importorskip('launch_testing', reason='launch_testing comes only with a ROS 2 installation')
pytest.importorskip('launch_ros', reason='launch_ros comes only with a ROS 2 installation')

from ament_index_python.packages import (  # noqa: E402, I100
    get_package_share_directory,
    PackageNotFoundError,
)
from launch import LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription, SetEnvironmentVariable  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
import rclpy  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, PointCloud2  # noqa: E402

try:
    SHARE = get_package_share_directory('scaledepth_ros')
except (PackageNotFoundError, OSError):
    pytest.skip('build the workspace and source it first', allow_module_level=True)

# Domains up to 101 have ports below Linux's ephemeral range.
DOMAIN = 1 + (os.getpid() + 50) % 101
WIDTH, HEIGHT = 160, 120


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    return LaunchDescription([
        SetEnvironmentVariable('ROS_DOMAIN_ID', str(DOMAIN)),
        IncludeLaunchDescription(
            os.path.join(SHARE, 'launch', 'depth.launch.py'),
            launch_arguments={
                'image': '/front/image_raw',
                'camera_info': '/front/camera_info',
                'namespace': 'robot',
                'engine': 'torch',
                'max_rate_hz': '50',
            }.items(),
        ),
        launch_testing.actions.ReadyToTest(),
    ])


def picture(stamp_s: int) -> Image:
    """Return a grey image."""
    message = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
    message.header.stamp.sec = stamp_s
    message.header.frame_id = 'front_optical_frame'
    message.data.frombytes(b'\x80' * (3 * WIDTH * HEIGHT))
    return message


def calibration() -> CameraInfo:
    """Return a calibration for it: 90 degrees of view, no distortion."""
    f, cx, cy = WIDTH / 2, (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    message = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob', d=[0.0] * 5)
    message.header.frame_id = 'front_optical_frame'
    message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


class TestRunning(unittest.TestCase):

    def setUp(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = Node('launch_test_peer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def tearDown(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def test_an_image_becomes_depth_and_points(self) -> None:
        received: dict[str, Any] = {}
        for topic, kind in (('depth/image', Image), ('points', PointCloud2)):
            keep = partial(received.__setitem__, topic)
            self.node.create_subscription(kind, f'/robot/{topic}', keep, 1)
        images = self.node.create_publisher(Image, '/front/image_raw', 1)
        infos = self.node.create_publisher(CameraInfo, '/front/camera_info', 1)
        deadline_s, stamp_s = time.monotonic() + 120.0, 0
        while len(received) < 2 and time.monotonic() < deadline_s:
            stamp_s += 1
            message, info = picture(stamp_s), calibration()
            info.header.stamp = message.header.stamp
            infos.publish(info)
            images.publish(message)
            next_s = time.monotonic() + 0.2
            while time.monotonic() < next_s:
                self.executor.spin_once(timeout_sec=0.05)
        assert sorted(received) == ['depth/image', 'points']
        depth, points = received['depth/image'], received['points']
        for output in (depth, points):
            assert output.header.frame_id == 'front_optical_frame'
            assert 1 <= output.header.stamp.sec <= stamp_s
            assert (output.height, output.width) == (HEIGHT, WIDTH)
        assert depth.encoding == '32FC1'
        assert len(points.data) == 16 * WIDTH * HEIGHT


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):

    def test_the_node_ends_with_exit_code_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)

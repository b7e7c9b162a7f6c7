# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""depth.launch.py: its arguments reach the node, and the node works and ends cleanly."""

from typing import Any
import unittest

import pytest

pytest.importorskip('launch_testing', reason='launch_testing comes only with a ROS 2 installation')
pytest.importorskip('launch_ros', reason='launch_ros comes only with a ROS 2 installation')

from launch import LaunchDescription  # noqa: E402, I100
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launched import camera, launched, Listening  # noqa: E402
from sensor_msgs.msg import Image, LaserScan, PointCloud2  # noqa: E402


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    return LaunchDescription([
        *launched(
            'depth.launch.py', image='/front/image', camera_info='/front/camera_info',
            namespace='robot', max_rate_hz='50', camera_height_m='1.0',
            scan_frame_id='base_footprint'),
        camera('front'),
        launch_testing.actions.ReadyToTest(),
    ])


class TestRunning(Listening):

    def test_images_become_depth_points_and_scan(self) -> None:
        received = self.receive({
            '/robot/depth/image': Image, '/robot/points': PointCloud2, '/robot/scan': LaserScan})
        self.assert_images_became_depth(received, '/robot/')
        self.assert_scan(received['/robot/scan'][0], 'base_footprint')


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):

    def test_every_process_ends_with_exit_code_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        assert len(proc_info.process_names()) == 2

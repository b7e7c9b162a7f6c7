# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""demo.launch.py: camera and depth node find each other, with rviz2 or without."""

from typing import Any
import unittest

import pytest

pytest.importorskip('launch_testing', reason='launch_testing comes only with a ROS 2 installation')
pytest.importorskip('launch_ros', reason='launch_ros comes only with a ROS 2 installation')

from launch import LaunchDescription  # noqa: E402, I100
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launched import HEIGHT, launched, Listening, WIDTH  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2  # noqa: E402


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    return LaunchDescription([
        # A window would need a display.
        *launched(
            'demo.launch.py', source='simulated:room:3', width=str(WIDTH), height=str(HEIGHT),
            rate_hz='5', rviz='false', camera_height_m='1.2'),
        launch_testing.actions.ReadyToTest(),
    ])


class TestRunning(Listening):

    def test_simulated_images_become_depth_points_and_scan(self) -> None:
        received = self.receive({
            '/image': Image, '/camera_info': CameraInfo, '/depth/image': Image,
            '/depth/camera_info': CameraInfo, '/points': PointCloud2, '/scan': LaserScan})
        self.assert_images_became_depth(received, '/')
        self.assert_scan(received['/scan'][0])
        assert received['/depth/camera_info'][0].k[0] == received['/camera_info'][0].k[0]


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):

    def test_every_process_ends_with_exit_code_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        assert len(proc_info.process_names()) == 2

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""two_cameras.launch.py: one node for two cameras, which look into different bearings by TF."""

from importlib.util import find_spec
from typing import Any
import unittest

import pytest

pytest.importorskip('launch_testing', reason='launch_testing comes only with a ROS 2 installation')
pytest.importorskip('launch_ros', reason='launch_ros comes only with a ROS 2 installation')

from geometry_msgs.msg import TransformStamped  # noqa: E402, I100
from launch import LaunchDescription  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launched import camera, launched, Listening  # noqa: E402
from sensor_msgs.msg import Image, LaserScan, PointCloud2  # noqa: E402

CAMERAS = ('front', 'rear')
WITH_TF = find_spec('tf2_ros') is not None
# From the optical frame of REP 103 to base_link: for a camera that looks ahead, and turned about.
ROTATIONS = {'front': (-0.5, 0.5, -0.5, 0.5), 'rear': (0.5, 0.5, -0.5, -0.5)}


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    pose = {} if WITH_TF else {'camera_pose': 'parameters', 'camera_height_m': '1.0'}
    return LaunchDescription([
        *launched('two_cameras.launch.py', image='/{camera}/image', **pose),
        *(camera(name, frame_id=f'{name}_optical_frame') for name in CAMERAS),
        launch_testing.actions.ReadyToTest(),
    ])


class TestRunning(Listening):

    def test_images_of_both_cameras_become_depth_points_and_scan(self) -> None:
        sender = self._robot() if WITH_TF else None
        received = self.receive({
            f'/{name}/{topic}': kind for name in CAMERAS for topic, kind in (
                ('depth/image', Image), ('points', PointCloud2), ('scan', LaserScan))})
        del sender
        for name in CAMERAS:
            self.assert_images_became_depth(received, f'/{name}/', f'{name}_optical_frame')
        self.assert_scan(received['/front/scan'][0])
        rear = received['/rear/scan'][0]
        if WITH_TF:
            # The scan covers what is ahead of the robot, and there the rear camera sees nothing.
            assert all(value != value for value in rear.ranges)
        else:
            self.assert_scan(rear)

    def _robot(self) -> Any:
        from tf2_ros import StaticTransformBroadcaster
        transforms = []
        for name, quaternion in ROTATIONS.items():
            transform = TransformStamped(child_frame_id=f'{name}_optical_frame')
            transform.header.frame_id = 'base_link'
            transform.transform.translation.z = 1.0
            rotation = transform.transform.rotation
            rotation.x, rotation.y, rotation.z, rotation.w = quaternion
            transforms.append(transform)
        sender = StaticTransformBroadcaster(self.node)
        sender.sendTransform(transforms)
        return sender


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):

    def test_every_process_ends_with_exit_code_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        assert len(proc_info.process_names()) == 3

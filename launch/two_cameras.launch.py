# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""An example: depth for the cameras /front and /rear of a robot, with one network for both."""
from __future__ import annotations

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return the launch description; it takes every argument of depth.launch.py."""
    depth = PathJoinSubstitution(
        [FindPackageShare('scaledepth_ros'), 'launch', 'depth.launch.py'])
    return LaunchDescription([IncludeLaunchDescription(
        PythonLaunchDescriptionSource(depth),
        launch_arguments={
            'cameras': 'front,rear',
            'image': '/{camera}/image_raw',
            'camera_info': '/{camera}/camera_info',
            # Poses on the robot come from its URDF: front and rear look into different bearings.
            'camera_pose': 'tf',
        }.items())])

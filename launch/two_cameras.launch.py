# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""An example: depth for the cameras /front and /rear of a robot, with one network for both."""
from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return the launch description; it takes every argument of depth.launch.py."""
    depth = PathJoinSubstitution(
        [FindPackageShare('scaledepth_ros'), 'launch', 'depth.launch.py'])
    # Declared first, these are what the arguments of depth.launch.py are by default here.
    return LaunchDescription([
        DeclareLaunchArgument(
            'cameras', default_value='front,rear',
            description='Names of the cameras, separated by commas.'),
        DeclareLaunchArgument(
            'image', default_value='/{camera}/image_raw',
            description='Topic of the camera images, with {camera} for the name.'),
        DeclareLaunchArgument(
            'camera_info', default_value='/{camera}/camera_info',
            description='Topic of their sensor_msgs/CameraInfo, likewise.'),
        DeclareLaunchArgument(
            'camera_pose', default_value='tf', choices=['parameters', 'tf'],
            description='Where the poses of the cameras for front/scan and rear/scan come from: '
                        'the URDF of the robot (tf), or parameters such as '
                        'front.camera_height_m in params_file.'),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(depth)),
    ])

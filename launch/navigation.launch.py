# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
An example: Nav2 drives by what one camera sees.

The depth node publishes scan and points; config/nav2_costmaps.yaml feeds them to the costmaps.
Everything else of Nav2 (planner, controller, localisation) comes from your own ``nav2_params``.
"""
from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return the launch description; it takes every argument of depth.launch.py."""
    share = FindPackageShare('scaledepth_ros')
    return LaunchDescription([
        DeclareLaunchArgument(
            'nav2_params',
            default_value=PathJoinSubstitution([share, 'config', 'nav2_costmaps.yaml']),
            description='Parameters of Nav2; merge config/nav2_costmaps.yaml into yours.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'],
            description='Use the clock of a simulator or a bag.'),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([share, 'launch', 'depth.launch.py']))),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution(
                [FindPackageShare('nav2_bringup'), 'launch', 'navigation_launch.py'])),
            launch_arguments={
                'params_file': LaunchConfiguration('nav2_params'),
                'use_sim_time': LaunchConfiguration('use_sim_time'),
            }.items()),
    ])

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
r"""
An example: Nav2 drives by what one camera sees.

The depth node publishes scan and points; config/nav2_costmaps.yaml, laid over the parameters of
the robot, feeds them to the costmaps. For example::

    ros2 launch scaledepth_ros navigation.launch.py \
        image:=/camera/image_raw camera_info:=/camera/camera_info nav2_params:=my_robot.yaml
"""
from __future__ import annotations

from pathlib import Path
import tempfile
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
import yaml

SWITCH = ['true', 'false']
MERGED = 'merged_nav2_params'
# nav2_bringup's own parameters hold these in the place of a switch, for its bringup_launch.py.
PLACEHOLDERS = ('KEEPOUT_ZONE_ENABLED', 'SPEED_ZONE_ENABLED')


def merged(below: Any, above: Any) -> Any:
    """Return nested mappings as one; where both have a value, that of ``above``."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{
        name: merged(below[name], value) if name in below else value
        for name, value in above.items()}}


def placed(costmaps: Any, namespace: str, scan: str) -> Any:
    """Return the costmaps with their sources in the namespace, and camera_scan where scan is."""
    if not isinstance(costmaps, dict):
        return costmaps
    moved = {name: placed(value, namespace, scan) for name, value in costmaps.items()}
    if scan and 'camera_scan' in moved:
        moved['camera_scan'] = {**moved['camera_scan'], 'topic': in_namespace(scan, namespace)}
    if 'data_type' in moved:
        moved['topic'] = in_namespace(moved['topic'].lstrip('/'), namespace)
    return moved


def in_namespace(topic: str, namespace: str) -> str:
    """Return the full name of a topic."""
    return topic if topic.startswith('/') else '/'.join(
        ('', *filter(None, (namespace.strip('/'), topic))))


def read(name: str, path: str) -> Any:
    """Return the content of a parameters file that a launch argument names."""
    try:
        text = Path(path).read_text()
        for placeholder in PLACEHOLDERS:
            text = text.replace(placeholder, 'false')
        content = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        raise RuntimeError(f'{name}:={path} cannot be read: {error}') from None
    if not isinstance(content, dict):
        raise RuntimeError(f'{name}:={path} has no parameters of nodes in it')
    return content


def merge(context: LaunchContext) -> list[Any]:
    """Write the parameters of Nav2 with the costmaps in them, and tell where they are."""
    configurations = context.launch_configurations
    # Raises if it is not installed.
    FindPackageShare('nav2_bringup').perform(context)
    costmaps = placed(
        read('costmaps', configurations['costmaps']), configurations.get('namespace', ''),
        configurations.get('scan', ''))
    content = merged(read('nav2_params', configurations['nav2_params']), costmaps)
    with tempfile.NamedTemporaryFile(
            'w', prefix='nav2_params_', suffix='.yaml', delete=False) as file:
        yaml.safe_dump(content, file)
    return [SetLaunchConfiguration(MERGED, file.name)]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description; it takes every argument of depth.launch.py."""
    share, nav2 = FindPackageShare('scaledepth_ros'), FindPackageShare('nav2_bringup')
    return LaunchDescription([
        DeclareLaunchArgument(
            'nav2_params',
            default_value=PathJoinSubstitution([nav2, 'params', 'nav2_params.yaml']),
            description='Parameters of Nav2 for your robot.'),
        DeclareLaunchArgument(
            'costmaps',
            default_value=PathJoinSubstitution([share, 'config', 'nav2_costmaps.yaml']),
            description='Parameters that take the place of those in nav2_params.'),
        DeclareLaunchArgument(
            'nav2_autostart', default_value='true', choices=SWITCH,
            description='Bring the nodes of Nav2 up at once.'),
        DeclareLaunchArgument(
            'camera_pose', default_value='tf', choices=['parameters', 'tf'],
            description='Where the pose of the camera comes from, as in depth.launch.py; Nav2 '
                        'needs TF anyway.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=SWITCH,
            description='Use the clock of a simulator or a bag.'),
        # Before anything is started, because launch would leave it running if this raises.
        OpaqueFunction(function=merge),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(
            PathJoinSubstitution([share, 'launch', 'depth.launch.py']))),
        # An included file sees the arguments of the one before it, so all are said here that
        # mean something else to Nav2: autostart is empty by now.
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                PathJoinSubstitution([nav2, 'launch', 'navigation_launch.py'])),
            launch_arguments={
                'params_file': LaunchConfiguration(MERGED),
                'autostart': LaunchConfiguration('nav2_autostart'),
                'use_sim_time': LaunchConfiguration('use_sim_time'),
            }.items()),
    ])

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
r"""
Start the depth node for one camera or for several.

For example::

    ros2 launch scaledepth_ros depth.launch.py \
        image:=/camera/image_raw camera_info:=/camera/camera_info rviz:=true

    ros2 launch scaledepth_ros depth.launch.py cameras:=front,left \
        image:='/{camera}/image_raw' camera_info:='/{camera}/camera_info'
"""
from __future__ import annotations

import os
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare
from scaledepth_ros.middleware import large_data_problem
from scaledepth_ros.ros.packages import is_installed
from scaledepth_ros.ros.parameters import DepthParameters, table

TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
SWITCH = ['true', 'false']

# Launch arguments that set a parameter of the node. They are empty by default, so that the
# parameters file is the one place with defaults.
PARAMETERS = (
    'autostart', 'model', 'weights', 'device', 'engine', 'precision', 'image_width',
    'image_height', 'image_transport', 'rectified', 'horizontal_fov_deg', 'max_rate_hz',
    'depth_encoding', 'point_stride', 'scan_frame_id', 'camera_pose', 'camera_height_m',
    'camera_pitch_deg', 'scale_anchor',
)
TABLE = {name: (default, description) for name, default, description in table()}

# Launch arguments that remap a topic of each camera.
TOPICS = {
    'image': ('image', 'the camera image'),
    'camera_info': ('camera_info', 'its sensor_msgs/CameraInfo'),
    'scan': ('scan', 'the sensor_msgs/LaserScan that the node publishes'),
    'anchor_points': ('anchor/points', 'a sensor_msgs/PointCloud2 for scale_anchor:=ranges'),
    'anchor_scan': ('anchor/scan', 'a sensor_msgs/LaserScan for scale_anchor:=ranges'),
    'anchor_range': ('anchor/range', 'a sensor_msgs/Range for scale_anchor:=ranges'),
}


def parameter_argument(name: str) -> DeclareLaunchArgument:
    """Return the launch argument for a parameter of the node, with the node's own words."""
    default, description = TABLE[name]
    choices = SWITCH if isinstance(default, bool) else list(description.choices)
    return DeclareLaunchArgument(
        name, default_value='', choices=['', *choices] if choices else None,
        description=f'{description.text} Empty: as in params_file.')


def topic_argument(name: str) -> DeclareLaunchArgument:
    """Return the launch argument for a topic of each camera."""
    topic, what = TOPICS[name]
    return DeclareLaunchArgument(
        name, default_value='',
        description=f'Topic of {what}, with {{camera}} for the name of the camera if there are '
                    f'several. Empty: {topic}, or <name>/{topic}.')


def arguments() -> list[DeclareLaunchArgument]:
    """Return every launch argument; `ros2 launch ... --show-args` prints them."""
    parameters_file = PathJoinSubstitution(
        [FindPackageShare('scaledepth_ros'), 'config', 'depth.yaml'])
    rviz_config = PathJoinSubstitution(
        [FindPackageShare('scaledepth_ros'), 'config', 'depth.rviz'])
    return [
        DeclareLaunchArgument(
            'cameras', default_value='',
            description='Names of several cameras, separated by commas; their outputs are '
                        '<name>/depth/image, <name>/points, ... Empty: one camera, or as in '
                        'params_file.'),
        *map(topic_argument, TOPICS),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Namespace of the node and of its outputs depth/image, points, ...'),
        DeclareLaunchArgument('name', default_value='depth', description='Name of the node.'),
        DeclareLaunchArgument(
            'params_file', default_value=parameters_file,
            description='YAML file with the parameters of the node.'),
        *map(parameter_argument, PARAMETERS),
        DeclareLaunchArgument(
            'use_sim_time', default_value='', choices=['', *SWITCH],
            description='Use the clock of a simulator or a bag. Empty: as in params_file.'),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='Lowest severity that is printed.'),
        DeclareLaunchArgument(
            'enclave', default_value='',
            description='Security enclave of the node (SROS2), such as /scaledepth_ros/depth. '
                        'Empty: none of its own.'),
        DeclareLaunchArgument(
            'large_data', default_value='true', choices=SWITCH,
            description=f'Let Fast DDS send images and clouds over shared memory and TCP, unless '
                        f'{TRANSPORTS} is set. Subscribers on other machines need the same '
                        f'setting; false keeps the default transports.'),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=SWITCH, description='Start rviz2 too.'),
        DeclareLaunchArgument(
            'rviz_config', default_value=rviz_config, description='What rviz2 shows.'),
    ]


def start(context: LaunchContext) -> list[Any]:
    """Return the actions, once the arguments are known."""
    # All that can be refused is refused before anything is started: launch leaves running what
    # it has started when a later action raises.
    configurations = context.launch_configurations
    if not os.path.isfile(configurations['params_file']):
        raise RuntimeError(f'params_file:={configurations["params_file"]} is not a file')
    if configurations['rviz'] == 'true' and not is_installed('rviz2'):
        raise RuntimeError('rviz:=true, but the package rviz2 is not installed')
    cameras = [name.strip() for name in configurations['cameras'].split(',')]
    overrides = parameter_overrides(context, cameras)
    actions: list[Any] = []
    large_data = configurations['large_data'] == 'true'
    if large_data and TRANSPORTS not in context.environment:
        actions.append(SetEnvironmentVariable(TRANSPORTS, 'LARGE_DATA'))
    problem = large_data_problem(context.environment)
    if large_data and problem and context.environment.get(
            TRANSPORTS, 'LARGE_DATA').startswith('LARGE_DATA'):
        actions.append(LogInfo(msg=f'WARNING: {problem}'))
    actions.append(Node(
        package='scaledepth_ros', executable='depth_node',
        name=LaunchConfiguration('name'), namespace=LaunchConfiguration('namespace'),
        parameters=[ParameterFile(LaunchConfiguration('params_file')), overrides],
        remappings=[each for name in TOPICS for each in remappings(context, cameras, name)],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level'),
                   *(['--enclave', configurations['enclave']] if configurations['enclave']
                     else [])],
        output='screen', emulate_tty=True))
    actions.append(Node(
        package='rviz2', executable='rviz2', namespace=LaunchConfiguration('namespace'),
        arguments=['-d', LaunchConfiguration('rviz_config')], output='log',
        remappings=remappings(context, cameras[:1], 'image'),
        condition=IfCondition(LaunchConfiguration('rviz'))))
    return actions


def parameter_overrides(context: LaunchContext, cameras: list[str]) -> dict[str, Any]:
    """Return the parameters that launch arguments set, checked as the node will check them."""
    texts = {name: context.launch_configurations[name] for name in PARAMETERS}
    overrides = {name: typed(name, text) for name, text in texts.items() if text}
    if cameras != ['']:
        overrides['cameras'] = cameras
    # Raises, with a sentence, what the node would refuse a second later in its own log.
    DepthParameters().changed(overrides)
    if context.launch_configurations['use_sim_time']:
        overrides['use_sim_time'] = context.launch_configurations['use_sim_time'] == 'true'
    return overrides


def remappings(
        context: LaunchContext, cameras: list[str], name: str) -> list[tuple[str, str]]:
    """Return where the topic of an argument is for each camera."""
    place = context.launch_configurations[name]
    if not place:
        return []
    if len(cameras) > 1 and '{camera}' not in place:
        raise RuntimeError(f'{name}:={place} would be the same for all of cameras:='
                           f'{",".join(cameras)}; write {{camera}} where the name belongs')
    return [(f'{camera}/{TOPICS[name][0]}'.lstrip('/'), place.replace('{camera}', camera))
            for camera in cameras]


def typed(name: str, text: str) -> bool | int | float | str:
    """Return the value that a launch argument means, with the type of its parameter."""
    kind = type(TABLE[name][0])
    if kind is bool:
        return text == 'true'
    try:
        return kind(text)
    except ValueError:
        wanted = 'a whole number' if kind is int else 'a number'
        raise RuntimeError(f'{name}:={text} is not {wanted}') from None


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])

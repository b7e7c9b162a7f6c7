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
import yaml

TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
SWITCH = ['true', 'false']

# Launch arguments that set a parameter of the node. They are empty by default, so that the
# parameters file is the one place with defaults.
PARAMETERS = {
    'autostart': ('Configure and activate at start; false under a lifecycle manager.', SWITCH),
    'model': ('Network preset: lite (CPU), nk (GPU), ...', None),
    'weights': ('Path of a .safetensors file instead of the weights of the preset.', None),
    'device': ('auto, cpu, cuda or cuda:N.', None),
    'engine': ('Inference engine: auto, torch or openvino.', None),
    'image_transport': ('raw, or compressed for <image>/compressed.', ['raw', 'compressed']),
    'rectified': ('The image is rectified: use P of CameraInfo, no distortion.', SWITCH),
    'horizontal_fov_deg': ('Horizontal field of view [deg] of a camera without CameraInfo.', None),
    'max_rate_hz': ('Skip images that arrive faster than this [Hz].', None),
    'camera_height_m': ('Height of the camera above the floor [m], for scan.', None),
    'camera_pitch_deg': ('Pitch of the camera [deg], looking down is positive, for scan.', None),
    'camera_pose': ('Where the pose of the camera for scan comes from.', ['parameters', 'tf']),
    'use_sim_time': ('Use the clock of a simulator or a bag.', SWITCH),
}


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
        DeclareLaunchArgument(
            'image', default_value='',
            description='Topic of the camera image, with {camera} for its name if there are '
                        'several. Empty: image, or <name>/image.'),
        DeclareLaunchArgument(
            'camera_info', default_value='',
            description='Topic of its sensor_msgs/CameraInfo, likewise. Empty: camera_info, or '
                        '<name>/camera_info.'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='Namespace of the node and of its outputs depth/image, points, ...'),
        DeclareLaunchArgument('name', default_value='depth', description='Name of the node.'),
        DeclareLaunchArgument(
            'params_file', default_value=parameters_file,
            description='YAML file with the parameters of the node.'),
        *(DeclareLaunchArgument(
            name, default_value='', choices=None if choices is None else ['', *choices],
            description=f'{text} Empty: as in params_file.')
          for name, (text, choices) in PARAMETERS.items()),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='Lowest severity that is printed.'),
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
    overrides = {}
    for name in PARAMETERS:
        text = context.launch_configurations[name]
        if text:
            overrides[name] = typed(name, text)
    cameras = [name.strip() for name in context.launch_configurations['cameras'].split(',')]
    if cameras != ['']:
        overrides['cameras'] = cameras
    actions: list[Any] = []
    large_data = context.launch_configurations['large_data'] == 'true'
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
        remappings=[*remappings(context, cameras, 'image'),
                    *remappings(context, cameras, 'camera_info')],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        output='screen', emulate_tty=True))
    actions.append(Node(
        package='rviz2', executable='rviz2', namespace=LaunchConfiguration('namespace'),
        arguments=['-d', LaunchConfiguration('rviz_config')], output='log',
        remappings=remappings(context, cameras[:1], 'image'),
        condition=IfCondition(LaunchConfiguration('rviz'))))
    return actions


def remappings(
        context: LaunchContext, cameras: list[str], topic: str) -> list[tuple[str, str]]:
    """Return where each camera publishes a topic."""
    place = context.launch_configurations[topic]
    if not place:
        return []
    if len(cameras) > 1 and '{camera}' not in place:
        raise RuntimeError(f'{topic}:={place} would be the same for all of cameras:='
                           f'{",".join(cameras)}; write {{camera}} where the name belongs')
    return [(f'{camera}/{topic}'.lstrip('/'), place.replace('{camera}', camera))
            for camera in cameras]


def typed(name: str, text: str) -> Any:
    """Return the value that a launch argument means, with the type of its parameter."""
    if name.endswith(('_deg', '_hz', '_m')):
        try:
            return float(text)
        except ValueError:
            raise RuntimeError(f'{name}:={text} is not a number') from None
    if PARAMETERS[name][1] == SWITCH:
        return yaml.safe_load(text)
    return text


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])

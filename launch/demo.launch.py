# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
r"""
Try it without a camera: a simulated one, the depth node and rviz2.

For example::

    ros2 launch scaledepth_ros demo.launch.py
    ros2 launch scaledepth_ros demo.launch.py source:=simulated:street:3 rate_hz:=10
    ros2 launch scaledepth_ros demo.launch.py source:=/path/to/images rviz:=false
"""
from __future__ import annotations

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from scaledepth_ros.ros.packages import is_installed

# Launch arguments that set a parameter of the camera; empty: as it is by default there.
CAMERA: dict[str, tuple[type, str]] = {
    'source': (str, 'What the camera shows: simulated:KIND:SEED (room, corridor or street), a '
               'folder of images, a video, a bag or /dev/videoN. Empty: a room.'),
    'rate_hz': (float, 'Images a second. Empty: the rate of the source, 15 if it has none.'),
    'width': (int, 'Width [px] of simulated or device images. Empty: 640.'),
    'height': (int, 'Height [px] of simulated or device images. Empty: 480.'),
}


def camera_parameters(context: LaunchContext) -> dict[str, Any]:
    """Return the parameters that launch arguments set, with their types."""
    values: dict[str, Any] = {}
    for name, (kind, _text) in CAMERA.items():
        text = context.launch_configurations[name]
        if not text:
            continue
        try:
            values[name] = kind(text)
        except ValueError:
            values[name] = 0
        if kind is not str and not 0 < values[name] <= 10_000:
            raise RuntimeError(f'{name}:={text} is not a '
                               f'{"whole " if kind is int else ""}number in 0 .. 10000')
    return values


def check(context: LaunchContext) -> list[Any]:
    """Refuse what this camera cannot be, and do without an rviz2 that is not there."""
    configurations = context.launch_configurations
    if configurations.get('cameras') or configurations.get('image_transport') == 'compressed':
        raise RuntimeError(
            'the demo has one camera, with raw images: leave cameras and image_transport empty, '
            'or use depth.launch.py')
    # Before anything is started, because launch would leave it running.
    camera_parameters(context)
    if configurations['rviz'] == 'true' and not is_installed('rviz2'):
        return [
            LogInfo(msg='rviz2 is not installed, so nothing is shown; the topics are there all '
                        'the same. Install it, or say rviz:=false.'),
            SetLaunchConfiguration('rviz', 'false')]
    return []


def start_camera(context: LaunchContext) -> list[Any]:
    """Return the camera, once the arguments are known."""
    parameters = camera_parameters(context)
    return [Node(
        package='scaledepth_ros', executable='camera_node', name='camera',
        namespace=LaunchConfiguration('namespace'), parameters=[parameters] if parameters else [],
        output='screen', emulate_tty=True,
        on_exit=Shutdown(reason='the camera has ended'))]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description; it takes every argument of depth.launch.py."""
    depth = PathJoinSubstitution(
        [FindPackageShare('scaledepth_ros'), 'launch', 'depth.launch.py'])
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value='', description=text)
          for name, (_kind, text) in CAMERA.items()),
        DeclareLaunchArgument(
            'rviz', default_value='true', choices=['true', 'false'],
            description='Start rviz2 too, if it is installed.'),
        OpaqueFunction(function=check),
        # Before the camera, because it also sets up how images and clouds are transported.
        IncludeLaunchDescription(PythonLaunchDescriptionSource(depth)),
        OpaqueFunction(function=start_camera),
    ])

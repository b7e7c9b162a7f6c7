# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
navigation.launch.py: what Nav2 is started with, and that its costmaps hear the depth node.

Nav2 itself need not be installed: a package of its name takes its place, with a launch file that
declares the arguments of nav2_bringup's navigation_launch.py and notes their values.
"""

import json
from pathlib import Path
import tempfile
from typing import Any
import unittest

import pytest

pytest.importorskip('launch_testing', reason='launch_testing comes only with a ROS 2 installation')
pytest.importorskip('launch_ros', reason='launch_ros comes only with a ROS 2 installation')

from launch import LaunchDescription  # noqa: E402, I100
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launched import add_package, camera, launched, Listening  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import Image, LaserScan, PointCloud2  # noqa: E402
import yaml  # noqa: E402

FOLDER = tempfile.TemporaryDirectory(prefix='scaledepth_ros_nav2_')
NAV2 = Path(FOLDER.name)
NOTE = NAV2 / 'arguments.json'
LAUNCH_FILE = f"""
import json
import pathlib
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction

ARGUMENTS = dict(
    namespace='', use_sim_time='false', params_file='its own', autostart='true',
    use_composition='False', container_name='nav2_container', use_respawn='False',
    log_level='info')


def note(context):
    pathlib.Path({str(NOTE)!r}).write_text(json.dumps(
        {{name: context.launch_configurations[name] for name in ARGUMENTS}}))


def generate_launch_description():
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=value) for name, value in ARGUMENTS.items()),
        OpaqueFunction(function=note)])
"""
ROBOT = """
planner_server: {ros__parameters: {planner_plugins: [GridBased]}}
local_costmap:
  local_costmap:
    ros__parameters:
      robot_radius: 0.31
      width: 3
      plugins: [voxel_layer, inflation_layer]
      keepout_filter: {enabled: KEEPOUT_ZONE_ENABLED}
"""


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    for folder, name, text in (('launch', 'navigation_launch.py', LAUNCH_FILE),
                               ('params', 'nav2_params.yaml', ROBOT)):
        (NAV2 / folder).mkdir(exist_ok=True)
        (NAV2 / folder / name).write_text(text)
    add_package('nav2_bringup', NAV2)
    return LaunchDescription([
        *launched('navigation.launch.py', namespace='robot', camera_pose='parameters',
                  camera_height_m='1.0'),
        camera('robot'),
        launch_testing.actions.ReadyToTest(),
    ])


class TestRunning(Listening):

    def test_costmaps_hear_the_depth_node(self) -> None:
        arguments = json.loads(NOTE.read_text())
        # Those of the depth node, whose launch file goes first, must not leak into Nav2.
        assert arguments['autostart'] == 'true'
        assert arguments['use_sim_time'] == 'false'
        assert arguments['namespace'] == 'robot'
        parameters = yaml.safe_load(Path(arguments['params_file']).read_text())
        assert parameters['planner_server']['ros__parameters']['planner_plugins'] == ['GridBased']
        costmap = parameters['local_costmap']['local_costmap']['ros__parameters']
        assert costmap['robot_radius'] == 0.31
        assert costmap['width'] == 6
        assert costmap['plugins'] == ['obstacle_layer', 'inflation_layer']
        assert costmap['keepout_filter']['enabled'] is False

        scan = costmap['obstacle_layer']['camera_scan']
        points = costmap['voxel_layer']['camera_points']
        assert (scan['data_type'], points['data_type']) == ('LaserScan', 'PointCloud2')
        assert (scan['topic'], points['topic']) == ('/robot/scan', '/robot/points')
        received = self.receive(
            {scan['topic']: LaserScan, points['topic']: PointCloud2, '/robot/depth/image': Image},
            qos_profile_sensor_data)
        self.assert_images_became_depth(received, '/robot/')
        self.assert_scan(received[scan['topic']][0], costmap['robot_base_frame'])


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):

    def test_every_process_ends_with_exit_code_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        assert len(proc_info.process_names()) == 2

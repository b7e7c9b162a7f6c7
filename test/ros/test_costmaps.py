# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What Nav2's costmaps are told, against what the node publishes and Nav2 reads."""
from __future__ import annotations

from collections.abc import Iterator
import time
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile, QoSReliabilityPolicy
from ros_harness import make_image, make_info, PACKAGE_ROOT, wait_until
from scaledepth_ros.ros.parameters import DepthParameters
from sensor_msgs.msg import LaserScan, PointCloud2
import yaml

PARAMETERS = DepthParameters()
COSTMAPS = yaml.safe_load((PACKAGE_ROOT / 'config' / 'nav2_costmaps.yaml').read_text())
MESSAGE_TYPES = {'LaserScan': LaserScan, 'PointCloud2': PointCloud2}


def costmaps() -> Iterator[dict[str, Any]]:
    for name in ('local_costmap', 'global_costmap'):
        yield COSTMAPS[name][name]['ros__parameters']


def sources() -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Yield costmap, layer and source for every observation source, in use or not."""
    for costmap in costmaps():
        for layer in costmap.values():
            if isinstance(layer, dict):
                for name in layer.get('observation_sources', '').split():
                    yield costmap, layer, layer[name]


def test_costmaps_are_a_parameters_file():
    # The parser of ROS knows less of YAML than Python's: no aliases, for example.
    context = Context()
    path = PACKAGE_ROOT / 'config' / 'nav2_costmaps.yaml'
    rclpy.init(context=context, args=['--ros-args', '--params-file', str(path)])
    try:
        node = Node('local_costmap', namespace='local_costmap', context=context,
                    automatically_declare_parameters_from_overrides=True)
        assert node.get_parameter('obstacle_layer.camera_scan.topic').value == '/scan'
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)


def test_costmap_layers_in_use_are_described():
    for costmap in costmaps():
        for name in costmap['plugins']:
            assert costmap[name]['plugin'].startswith('nav2_costmap_2d::')
    assert len(list(sources())) >= 4


def test_costmap_sources_have_what_nav2_reads():
    # By default Nav2 takes obstacles between 0 m and 0 m above the floor, and clears nothing.
    needed = {'topic', 'data_type', 'marking', 'clearing', 'min_obstacle_height',
              'max_obstacle_height', 'obstacle_min_range', 'obstacle_max_range',
              'raytrace_min_range', 'raytrace_max_range'}
    known = {*needed, 'inf_is_valid', 'expected_update_rate', 'observation_persistence',
             'sensor_frame'}
    for _costmap, layer, source in sources():
        assert needed <= set(source) <= known, source
        assert source['min_obstacle_height'] < source['max_obstacle_height']
        assert source['obstacle_max_range'] <= source['raytrace_max_range']
        if source['marking']:
            # The layer has limits of its own, and marks only what is within both.
            assert layer['min_obstacle_height'] <= source['min_obstacle_height']
            assert layer['max_obstacle_height'] >= source['max_obstacle_height']


def test_costmap_layer_of_scan_takes_points_on_the_floor():
    # The scan lies in the plane z = 0 of its frame. Rounding, or a robot that pitches, takes it
    # below; the height of the obstacles has been judged in the node.
    scans = [(layer, source) for _costmap, layer, source in sources()
             if source['data_type'] == 'LaserScan']
    assert scans
    for layer, source in scans:
        assert max(layer['min_obstacle_height'], source['min_obstacle_height']) <= -0.5
        assert source['inf_is_valid'] is True
        assert source['raytrace_max_range'] <= PARAMETERS.scan_range_max_m
        assert source['obstacle_min_range'] >= PARAMETERS.scan_range_min_m


def test_costmap_sources_receive_what_the_node_publishes(start, join):
    start(model='known', camera_height_m=1.0)
    peer = join(())
    received: dict[str, Any] = {}
    # Nav2's subscriptions: rmw_qos_profile_sensor_data, 50 deep.
    qos = QoSProfile(depth=50, reliability=qos_profile_sensor_data.reliability,
                     durability=qos_profile_sensor_data.durability)
    assert qos.reliability == QoSReliabilityPolicy.BEST_EFFORT
    for _costmap, _layer, source in sources():
        peer.node.create_subscription(
            MESSAGE_TYPES[source['data_type']], source['topic'],
            lambda message, topic=source['topic']: received.__setitem__(topic, message), qos)
    wanted = {source['topic'] for _costmap, _layer, source in sources()}
    assert wanted == {'/scan', '/points'}
    peer.wait_for_outputs(*wanted)
    image, info = make_image(), make_info()
    wait_until(lambda: (peer.send(image, info), time.sleep(0.05), wanted == set(received))[2])
    # The plane of the scan is that of the robot; the cloud is transformed from the camera's.
    frames = {costmap['robot_base_frame'] for costmap in costmaps()}
    assert {received['/scan'].header.frame_id} == frames
    assert received['/points'].header.frame_id == image.header.frame_id

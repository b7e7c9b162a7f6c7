# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The publishers of a camera: their names and queues, and what they say of one frame."""
from __future__ import annotations

import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.camera_outputs import CameraOutputs
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from sensor_msgs.msg import CompressedImage, Image, LaserScan, PointCloud2

pytestmark = pytest.mark.ros


@pytest.mark.parametrize('prefix', ['', 'front/'])
def test_small_messages_wait_longer_than_frames(domain: int, prefix: str) -> None:
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('outputs', context=context)
    before = {publisher.topic_name for publisher in node.publishers}
    CameraOutputs(node, prefix, pose_from_parameters)
    depths = {publisher.topic_name: publisher.qos_profile.depth for publisher in node.publishers
              if publisher.topic_name not in before}
    node.destroy_node()
    context.try_shutdown()
    assert {topic for topic, depth in depths.items() if depth == 5} == {
        f'/{prefix}{topic}' for topic in ('depth/camera_info', 'scale', 'scene')}
    assert {topic for topic, depth in depths.items() if depth == 2} == {
        f'/{prefix}{topic}' for topic in (
            'scan', 'depth/image', 'points', 'depth/uncertainty', 'depth/image/compressedDepth')}


def test_publishers_that_were_made_before_one_failed_do_not_stay(domain: int) -> None:
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('outputs', context=context, use_global_arguments=False, cli_args=[
        '--ros-args', '-p', 'qos_overrides./points.publisher.reliability:=sometimes'])
    before = len(list(node.publishers))
    with pytest.raises(ConfigError, match='qos_overrides./points.publisher'):
        CameraOutputs(node, '', pose_from_parameters)
    after = len(list(node.publishers))
    node.destroy_node()
    context.try_shutdown()
    assert after == before


def test_remapping_rules_act_once(domain: int) -> None:
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('outputs', context=context, use_global_arguments=False, cli_args=[
        '--ros-args', '-r', 'points:=/scan', '-r', 'scan:=/camera_scan',
        '-r', 'depth/image:=/points', '-p', 'qos_overrides./scan.publisher.depth:=7'])
    before = set(node.publishers)
    CameraOutputs(node, '', pose_from_parameters)
    made = {publisher.topic_name: publisher for publisher in set(node.publishers) - before}
    types = {topic: publisher.msg_type for topic, publisher in made.items()}
    depth = made['/scan'].qos_profile.depth if '/scan' in made else None
    node.destroy_node()
    context.try_shutdown()
    assert types['/camera_scan'] is LaserScan
    assert types['/scan'] is PointCloud2
    assert types['/points'] is Image
    # After its base, as image_transport has it.
    assert types['/points/compressedDepth'] is CompressedImage
    assert depth == 7

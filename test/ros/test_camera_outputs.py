# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The publishers of a camera: their names and queues, and what they say of one frame."""
from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

from known_depth_node import Output
import numpy as np
import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from ros_harness import cloud_array, depth_array, HEIGHT, make_image, make_info, WIDTH
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.camera_outputs import CameraOutputs
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.parameters import DepthParameters
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


class Wire:
    """A node whose publishers keep the last message, as a subscriber does."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def resolve_topic_name(self, name: str) -> str:
        return f'/{name}'

    def create_lifecycle_publisher(self, _message_type: Any, topic: str, _qos: Any,
                                   **_options: Any) -> Any:
        return SimpleNamespace(get_subscription_count=lambda: 1,
                               publish=partial(self.last.__setitem__, topic))


def published(depth_m: Any, **parameters: Any) -> dict[str, Any]:
    """Return what is said of depth that a camera sees 1 m above the floor, looking ahead."""
    wire = Wire()
    _valid_share, problem = CameraOutputs(wire, '', pose_from_parameters).publish(
        make_image().header, np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        CameraModel.from_camera_info(make_info()), Output(depth_m, np.full_like(depth_m, 0.1)),
        DepthParameters(camera_height_m=1.0, scan_angle_increment_deg=2.0, **parameters),
        Activation())
    assert problem is None
    return wire.last


def test_obstacle_beyond_max_range_is_no_free_space_in_the_scan() -> None:
    """With +Inf, Nav2 would clear the map through a wall that the camera sees."""
    wall_m = np.full((HEIGHT, WIDTH), 5.0, np.float32)
    said = published(wall_m, max_range_m=4.0, scan_range_max_m=8.0)
    ranges = np.array(said['scan'].ranges)
    assert np.isfinite(ranges).sum() > 30
    assert np.nanmin(ranges) == pytest.approx(5.0, rel=1e-3)
    assert not np.isinf(ranges).any()
    assert np.isposinf(depth_array(said['depth/image'])).all()
    assert np.isnan(cloud_array(said['points'])['z']).all()


def test_obstacle_before_min_range_stays_in_the_scan() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth_m[:, 24:40] = 0.5
    # A device's word for 'unknown'.
    depth_m[:, :4] = 0.0
    said = published(depth_m, min_range_m=1.0, flying_pixel_tolerance=0.0)
    ranges = np.array(said['scan'].ranges)
    bearing_deg = np.arange(-45.0, 46.0, 2.0)
    ahead = np.abs(bearing_deg) < 2.0
    assert ranges[ahead] == pytest.approx(0.5, rel=1e-3)
    # The fourth column from the left looks 29.7 degrees to the left.
    assert np.isnan(ranges[bearing_deg > 29.0]).all()
    assert np.isfinite(ranges[np.abs(bearing_deg) < 28.0]).all()
    assert np.isneginf(depth_array(said['depth/image'])[:, 24:40]).all()
    assert np.isnan(depth_array(said['depth/image'])[:, :4]).all()
    z_m = cloud_array(said['points'])['z']
    assert np.isnan(z_m[:, 24:40]).all()
    assert (z_m[:, 40:] == 3.0).all()


def test_filters_act_on_the_points_within_the_range_and_on_the_scan_beyond() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth_m[:, 32:] = 6.0
    sure = published(depth_m, max_range_m=4.0, max_relative_uncertainty=0.02)
    z_m = cloud_array(sure['points'])['z']
    # 0.1 m are 5 % of 2 m and less than 2 % of 6 m.
    assert np.isnan(z_m).all()
    assert np.nanmin(sure['scan'].ranges) == pytest.approx(6.0, rel=1e-2)

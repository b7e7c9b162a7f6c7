# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch tests share: the package to launch, a simulated camera and a listener."""
from __future__ import annotations

from functools import partial
import os
from pathlib import Path
import sys
import tempfile
import time
from typing import Any
import unittest

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from launch.actions import IncludeLaunchDescription, SetEnvironmentVariable
from launch_ros.actions import Node as NodeAction
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from scaledepth_ros.middleware import free_domain

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
EXECUTABLES = ('depth_node', 'camera_node')
PREFIXES = 'AMENT_PREFIX_PATH'
# Small, so that two cores draw and measure several images a second.
WIDTH, HEIGHT = 160, 120
FRAME_ID = 'camera_optical_frame'
TIMEOUT_S = 150.0
DOMAIN = free_domain()
_FOLDER = tempfile.TemporaryDirectory(prefix='scaledepth_ros_launch_')


def add_package(name: str, folder: Path, executables: tuple[str, ...] = ()) -> Path:
    """Let a folder be found as the share directory of a ROS package; return the prefix."""
    prefix = Path(tempfile.mkdtemp(prefix=f'{name}_', dir=_FOLDER.name))
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / name).touch()
    (prefix / 'share' / name).symlink_to(folder, target_is_directory=True)
    (prefix / 'lib' / name).mkdir(parents=True)
    for executable in executables:
        script = prefix / 'lib' / name / executable
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH="{PACKAGE_ROOT}:$PYTHONPATH" exec "{sys.executable}" '
            f'-m scaledepth_ros.ros.{executable} "$@"\n')
        script.chmod(0o755)
    os.environ[PREFIXES] = os.pathsep.join(
        filter(None, [str(prefix), os.environ.get(PREFIXES)]))
    return prefix


def share() -> Path:
    """Return the share directory of this package: as installed, else that of the sources."""
    try:
        return Path(get_package_share_directory('scaledepth_ros'))
    except (PackageNotFoundError, OSError):
        add_package('scaledepth_ros', PACKAGE_ROOT, EXECUTABLES)
        return Path(get_package_share_directory('scaledepth_ros'))


def launched(file: str, **arguments: str) -> list[Any]:
    """Return the actions that start a launch file of this package on a domain of its own."""
    return [
        SetEnvironmentVariable('ROS_DOMAIN_ID', str(DOMAIN)),
        # Two nodes and a test on two cores.
        SetEnvironmentVariable('OMP_NUM_THREADS', '1'),
        IncludeLaunchDescription(
            str(share() / 'launch' / file),
            launch_arguments={'engine': 'torch', **arguments}.items())]


def camera(namespace: str, **parameters: Any) -> NodeAction:
    """Return a simulated camera, to be started after the launch file that is tested."""
    return NodeAction(
        package='scaledepth_ros', executable='camera_node', namespace=namespace, output='screen',
        parameters=[{'width': WIDTH, 'height': HEIGHT, 'rate_hz': 5.0, 'rendered_frames': 2,
                     **parameters}])


class Listening(unittest.TestCase):
    """A node of the test's own on the domain."""

    def setUp(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = Node('launch_test_peer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def tearDown(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def receive(self, topics: dict[str, Any], qos: Any = 5) -> dict[str, list[Any]]:
        """Return the messages of each topic by the time that all have arrived."""
        received: dict[str, list[Any]] = {topic: [] for topic in topics}
        for topic, kind in topics.items():
            self.node.create_subscription(kind, topic, partial(_keep, received[topic]), qos)
        deadline_s = time.monotonic() + TIMEOUT_S
        while not all(received.values()):
            silent = sorted(topic for topic, messages in received.items() if not messages)
            assert time.monotonic() < deadline_s, f'nothing arrived on {silent}'
            self.executor.spin_once(timeout_sec=0.1)
        return received

    def assert_images_became_depth(self, received: dict[str, list[Any]], prefix: str,
                                   frame_id: str = FRAME_ID) -> None:
        """Check depth image and cloud: header of an image, its size, and some depth."""
        depth, points = received[f'{prefix}depth/image'][0], received[f'{prefix}points'][0]
        for output in (depth, points):
            assert output.header.frame_id == frame_id
            assert abs(time.time() - output.header.stamp.sec) < TIMEOUT_S
            assert (output.height, output.width) == (HEIGHT, WIDTH)
        assert depth.encoding == '32FC1'
        assert len(depth.data) == 4 * WIDTH * HEIGHT
        assert len(points.data) == 16 * WIDTH * HEIGHT

    def assert_scan(self, scan: Any, frame_id: str = 'base_link') -> None:
        """Check that a scan is in the frame of the robot and saw something."""
        assert scan.header.frame_id == frame_id
        assert any(value == value for value in scan.ranges)


def _keep(messages: list[Any], message: Any) -> None:
    messages.append(message)

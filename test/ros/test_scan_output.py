# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Poses from TF; the scan itself is tested with the node and in test_laser_scan.py."""
from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Transform
import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.scan_output import TfPose, transform_matrix

HEADER = SimpleNamespace(frame_id='camera_optical_frame', stamp=Time(sec=5))


def robot_camera() -> Transform:
    """Half a metre up, 0.2 m ahead, level: the optical frame of REP 103 in base_link."""
    transform = Transform()
    transform.translation.x, transform.translation.z = 0.2, 0.5
    rotation = transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = -0.5, 0.5, -0.5, 0.5
    return transform


def test_transform_of_an_optical_frame_is_the_pose_that_parameters_give():
    np.testing.assert_allclose(
        transform_matrix(robot_camera()), camera_pose(0.5, x_m=0.2), atol=1e-12)


class Tf2(ModuleType):
    """tf2_ros as far as it is used; knows the transforms of `known`, by (target, time)."""

    class TransformException(Exception):
        pass

    def __init__(self, known):
        super().__init__('tf2_ros')
        self.asked = []
        module = self

        class Buffer:
            def __init__(self, node=None):
                pass

            def lookup_transform(self, target, source, when):
                module.asked.append((target, source, when.nanoseconds))
                if (target, when.nanoseconds) not in known:
                    raise module.TransformException(f'no {source} in {target}')
                return SimpleNamespace(transform=known[target, when.nanoseconds])

        class TransformListener:
            def __init__(self, buffer, node):
                pass

        self.Buffer, self.TransformListener = Buffer, TransformListener


@pytest.mark.parametrize('known_at_ns', [5_000_000_000, 0])
def test_pose_at_the_stamp_or_else_the_latest(monkeypatch, known_at_ns):
    monkeypatch.setitem(sys.modules, 'tf2_ros', Tf2({('base_link', known_at_ns): robot_camera()}))
    pose = TfPose(SimpleNamespace())(HEADER, DepthParameters())
    np.testing.assert_allclose(pose, camera_pose(0.5, x_m=0.2), atol=1e-12)


def test_unknown_frame_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', Tf2({}))
    with pytest.raises(ConfigError, match="TF does not know 'camera_optical_frame' in 'base_'"):
        TfPose(SimpleNamespace())(HEADER, DepthParameters(scan_frame_id='base_'))


def test_without_tf2_ros_the_reason_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(ConfigError, match='tf2_ros cannot be imported'):
        TfPose(SimpleNamespace())

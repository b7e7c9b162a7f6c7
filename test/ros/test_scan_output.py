# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""When the projection of a scan is made anew."""
from __future__ import annotations

from types import SimpleNamespace

from builtin_interfaces.msg import Time
import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.ros import scan_output
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.parameters import DepthParameters

PARAMETERS = DepthParameters()
HEADER = SimpleNamespace(frame_id='camera_optical_frame', stamp=Time(sec=1))


def test_projection_is_made_anew_when_the_camera_has_moved_and_not_for_noise(monkeypatch):
    made, noise = [], np.random.default_rng(0)

    class Counted(scan_output.ScanProjector):
        def __init__(self, rays, pose, config):
            made.append(pose)
            super().__init__(rays, pose, config)

    monkeypatch.setattr(scan_output, 'ScanProjector', Counted)
    camera = CameraModel.from_fov(64, 48, 60.0)
    depth_m = np.full((48, 64), 2.0, np.float32)
    pitch_deg = [0.0]

    def pose(_header, _parameters):
        exact = camera_pose(0.5, pitch_deg=pitch_deg[0])
        exact[:3, 3] += noise.uniform(-4e-4, 4e-4, 3)
        return exact

    output = scan_output.ScanOutput(pose)

    def measure():
        return output.message(depth_m, camera, HEADER, PARAMETERS)

    for _ in range(20):
        assert np.nanmin(measure().ranges) == pytest.approx(2.0, rel=1e-3)
    assert len(made) == 1
    # A joint that creeps is followed: 20 steps of a fiftieth of a degree.
    for _ in range(20):
        pitch_deg[0] += 0.02
        measure()
    assert 3 < len(made) < 15
    assert np.abs(made[-1] - pose(None, None)).max() < 3e-3


def test_output_that_a_missing_pose_costs_is_named():
    output = scan_output.ScanOutput(pose_from_parameters)
    with pytest.raises(ConfigError, match='^no scan: the pose of the camera is not known: set'):
        output.message(np.ones((48, 64), np.float32), CameraModel.from_fov(64, 48, 60.0), HEADER,
                       PARAMETERS)

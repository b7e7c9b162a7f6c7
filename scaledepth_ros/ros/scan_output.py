# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The LaserScan of one camera."""
from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import ScanConfig, ScanProjector
from scaledepth_ros.ros.camera_pose import Pose, PoseSource
from scaledepth_ros.ros.parameters import DepthParameters
from sensor_msgs.msg import LaserScan

# Joints and inertial sensors are noisy. A millimetre, or a milliradian, which is 8 mm at 8 m, is
# far below the error of this depth, and not worth a new projection of every pixel.
_POSE_TOLERANCE = 1e-3


class ScanOutput:
    """Fills LaserScan messages; the projection is made anew only when something changes."""

    def __init__(self, pose_source: PoseSource) -> None:
        """
        Remember where poses come from.

        Args:
            pose_source: gives the pose of the camera for the header of an image.

        """
        self._pose_source = pose_source
        self._key: Any = None
        self._pose: Pose = np.eye(4)
        self._projector: ScanProjector | None = None

    def message(self, depth_m: npt.NDArray[np.float32], camera: CameraModel, header: Any,
                parameters: DepthParameters) -> LaserScan:
        """
        Return the scan of one frame.

        Args:
            depth_m: (H, W) float32 [m], not yet limited: what was seen is either an obstacle or
                proof that there is none before it.
            camera: the model of the camera at that size.
            header: the image's.
            parameters: geometry of the scan and pose of the camera.

        Raises:
            ConfigError: the pose is not known, or the geometry is senseless.

        """
        try:
            pose = self._pose_source(header, parameters)
        except ConfigError as error:
            raise ConfigError(f'no scan: {error}') from error
        config = scan_config(parameters)
        key = camera, config
        # Against the pose that it was made for: many small steps are a large one.
        if (self._projector is None or key != self._key
                or np.abs(pose - self._pose).max() > _POSE_TOLERANCE):
            self._projector = ScanProjector(camera.rays(), pose, config)
            self._key, self._pose = key, pose
        scan = LaserScan(
            angle_min=config.angle_min_rad, angle_increment=config.angle_increment_rad,
            angle_max=config.angle_min_rad + (config.size - 1) * config.angle_increment_rad,
            range_min=config.range_min_m, range_max=config.range_max_m)
        scan.header.stamp = header.stamp
        scan.header.frame_id = parameters.scan_frame_id
        scan.ranges = array.array('f', self._projector.ranges(depth_m).tobytes())
        return scan


def scan_config(parameters: DepthParameters) -> ScanConfig:
    """
    Return the geometry of the scan.

    Args:
        parameters: the scan_* parameters.

    Raises:
        ConfigError: they do not describe a scan.

    """
    return ScanConfig(
        angle_min_rad=math.radians(parameters.scan_angle_min_deg),
        angle_max_rad=math.radians(parameters.scan_angle_max_deg),
        angle_increment_rad=math.radians(parameters.scan_angle_increment_deg),
        min_height_m=parameters.scan_min_height_m, max_height_m=parameters.scan_max_height_m,
        range_min_m=parameters.scan_range_min_m, range_max_m=parameters.scan_range_max_m)

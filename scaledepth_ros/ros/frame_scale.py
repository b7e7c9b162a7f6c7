# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of one camera's frames: tied to the floor, and smoothed over time."""
from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.camera_pose import Pose, PoseSource
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.scale.anchor import ScaleAnchor, ScaleCorrection
from scaledepth_ros.scale.ground_plane import FloorView
from scaledepth_ros.scale.temporal import ScaleFilter


@dataclass(frozen=True)
class ScaledOutput:
    """
    A network's output at its final scale, and how that came about.

    Attributes:
        output: a DepthOutput.
        factor: by which the network's own depth was multiplied.
        correction: what the anchor says; None without one.
        problem: why there is no measurement, where that is a fault.

    """

    output: Any
    factor: float = 1.0
    correction: ScaleCorrection | None = None
    problem: ConfigError | None = None


class FrameScale:
    """
    Corrects frame after frame; lives in the worker thread.

    The relative depth of a frame stays as it is, so its geometry is neither bent nor blurred.
    """

    def __init__(self, pose_source: PoseSource) -> None:
        """
        Start without knowledge.

        Args:
            pose_source: gives the pose of the camera for the header of an image.

        """
        self._pose_source = pose_source
        self._settings: Any = None
        self._anchor: ScaleAnchor | None = None
        self._filter = ScaleFilter(0.0)
        self._view: tuple[CameraModel, Pose, FloorView] | None = None

    def scaled(self, output: Any, camera: CameraModel, header: Any,
               parameters: DepthParameters) -> ScaledOutput:
        """
        Return a frame's output at its final scale.

        Args:
            output: the network's DepthOutput; it is left as it is.
            camera: the model of the camera at that size.
            header: the image's.
            parameters: scale_anchor, the time constants and the pose of the camera.

        """
        self._apply(parameters)
        scale_m = float(output.scale_m)
        if not (math.isfinite(scale_m) and scale_m > 0.0):
            return ScaledOutput(output)
        stamp_s = header.stamp.sec + header.stamp.nanosec / 1e9
        correction, problem = None, None
        log_said = log_scale = math.log(scale_m)
        if self._anchor is not None:
            measurement = None
            try:
                pose = self._pose_source(header, parameters)
                measurement = self._floor(camera, pose).measure(output.depth_m)
            except ConfigError as error:
                problem = ConfigError(f'the scale is not tied to the floor: {error}')
            correction = self._anchor.update(stamp_s, measurement)
            log_scale += correction.log_factor
        factor = math.exp(self._filter.update(stamp_s, log_scale) - log_said)
        if factor != 1.0:
            output = replace(
                output, depth_m=output.depth_m * np.float32(factor), scale_m=scale_m * factor,
                uncertainty_m=output.uncertainty_m * np.float32(factor))
        return ScaledOutput(output, factor, correction, problem)

    def _apply(self, parameters: DepthParameters) -> None:
        settings = (parameters.scale_anchor, parameters.scale_anchor_time_s,
                    parameters.scale_time_constant_s)
        if settings != self._settings:
            self._settings = settings
            self._anchor = (ScaleAnchor(parameters.scale_anchor_time_s)
                            if parameters.scale_anchor == 'floor' else None)
            self._filter = ScaleFilter(parameters.scale_time_constant_s)

    def _floor(self, camera: CameraModel, pose: Pose) -> FloorView:
        view = self._view
        if view is None or view[0] != camera or not np.array_equal(view[1], pose):
            self._view = view = camera, pose, FloorView(camera.rays(), pose)
        return view[2]

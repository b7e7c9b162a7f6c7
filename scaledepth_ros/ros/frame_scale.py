# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of one camera's frames, as the parameters of the node want it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.camera_pose import PoseSource
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.scale.anchor import ScaleCorrection
from scaledepth_ros.scale.tracker import ScaleTracker


@dataclass(frozen=True)
class ScaledOutput:
    """
    A network's output at its final scale, and how that came about.

    Attributes:
        output: a DepthOutput.
        factor: by which the network's own depth was multiplied.
        correction: what the anchor says; None without one.
        problem: why the frame could not be measured, where that is a fault.

    """

    output: Any
    factor: float
    correction: ScaleCorrection | None
    problem: ConfigError | None


class FrameScale:
    """Corrects frame after frame; lives in the worker thread."""

    def __init__(self, pose_source: PoseSource) -> None:
        """
        Start without knowledge.

        Args:
            pose_source: gives the pose of the camera for the header of an image.

        """
        self._pose_source = pose_source
        self._settings: Any = None
        self._tracker = ScaleTracker()

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
        is_anchored = parameters.scale_anchor == 'floor'
        settings = (parameters.scale_anchor_time_s if is_anchored else None,
                    parameters.scale_time_constant_s)
        if settings != self._settings:
            self._settings, self._tracker = settings, ScaleTracker(*settings)
        frame = (header.stamp.sec + header.stamp.nanosec / 1e9, float(output.scale_m),
                 output.depth_m, camera)
        problem = None
        try:
            pose = self._pose_source(header, parameters) if is_anchored else None
            update = self._tracker.update(*frame, pose)
        except ConfigError as error:
            problem = ConfigError(f'the scale is not tied to the floor: {error}')
            update = self._tracker.update(*frame)
        if update.factor != 1.0:
            output = output.rescaled(update.factor)
        return ScaledOutput(output, update.factor, update.correction, problem)

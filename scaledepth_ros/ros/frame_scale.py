# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of one camera's frames, as the parameters of the node want it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Any

from scaledepth_ros.bag import stamp_ns_of
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.camera_pose import PoseSource
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.range_inputs import RangeScale
from scaledepth_ros.scale.anchor import ScaleCorrection
from scaledepth_ros.scale.tracker import ScaleTracker

RangeSource = Callable[[Any, CameraModel, Any], RangeScale]


@dataclass(frozen=True)
class ScaledOutput:
    """
    A network's output at its final scale, and how that came about.

    Attributes:
        output: a DepthOutput.
        factor: by which the network's own depth was multiplied.
        correction: what the anchor says; None without one.
        problem: why the frame could not be measured, where that is a fault.
        sensor: topic of the range sensor that measured it; '' if none did.

    """

    output: Any
    factor: float
    correction: ScaleCorrection | None
    problem: ConfigError | None
    sensor: str = ''


class FrameScale:
    """Corrects frame after frame; lives in the worker thread."""

    def __init__(self, pose_source: PoseSource,
                 ranges: RangeSource = lambda *_frame: RangeScale()) -> None:
        """
        Start without knowledge.

        Args:
            pose_source: gives the pose of the camera for the header of an image.
            ranges: compares header, camera and depth of an image with range sensors.

        """
        self._pose_source = pose_source
        self._ranges = ranges
        self._settings: Any = None
        self._tracker = ScaleTracker()
        self._stamp_ns = 0
        self._processed_s = time.monotonic()
        self._time_s = 0.0

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
        anchor = parameters.scale_anchor
        settings = (anchor, parameters.scale_anchor_time_s if anchor != 'none' else None,
                    parameters.scale_time_constant_s)
        if settings != self._settings:
            self._settings, self._tracker = settings, ScaleTracker(*settings[1:])
        frame = self._advance(header), float(output.scale_m), output.depth_m, camera
        problem, sensor = None, ''
        if anchor == 'ranges':
            ranges = self._ranges(header, camera, output.depth_m)
            sensor = ranges.topic
            if ranges.problem is not None:
                what = 'the scale is not tied to a range sensor' if not sensor else (
                    f'the scale is tied to {sensor} only')
                problem = ConfigError(f'{what}: {ranges.problem}')
            update = self._tracker.update(*frame, measurement=ranges.measurement)
        else:
            try:
                pose = self._pose_source(header, parameters) if anchor == 'floor' else None
                update = self._tracker.update(*frame, pose)
            except ConfigError as error:
                problem = ConfigError(f'the scale is not tied to the floor: {error}')
                update = self._tracker.update(*frame)
        if update.factor != 1.0:
            output = output.rescaled(update.factor)
        return ScaledOutput(output, update.factor, update.correction, problem, sensor)

    def _advance(self, header: Any) -> float:
        """
        Return the time of a frame: its stamp, but for a constant.

        Time goes on where stamps stand still: drivers leave them at 0. To the tracker all frames
        would be of one moment, and what is measured at one moment is averaged for ever.
        """
        stamp_ns, now_s = stamp_ns_of(header), time.monotonic()
        self._time_s += (now_s - self._processed_s if stamp_ns == self._stamp_ns
                         else (stamp_ns - self._stamp_ns) / 1e9)
        self._stamp_ns, self._processed_s = stamp_ns, now_s
        return self._time_s

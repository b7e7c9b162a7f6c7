# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The factor that each frame of one camera is multiplied with."""

from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.scale.agreement import ScaleMeasurement
from scaledepth_ros.scale.anchor import ScaleAnchor, ScaleCorrection
from scaledepth_ros.scale.ground_plane import FloorView
from scaledepth_ros.scale.temporal import ScaleFilter


@dataclass(frozen=True, kw_only=True)
class ScaleUpdate:
    """
    What to do with a frame.

    Attributes:
        factor: Multiply its depth, its scale and its uncertainty with it.
        correction: What the anchor says; None without one.
    """

    factor: float
    correction: ScaleCorrection | None = None


class ScaleTracker:
    """
    Ties the frames of one camera to the floor or other measurements, and smooths their scale.

    Whole frames are multiplied, so their geometry is neither bent nor blurred.

    Args:
        correlation_s: How long a correction is believed without a new measurement; None to leave
            measurements alone. See ``ScaleAnchor``.
        time_constant_s: See ``ScaleFilter``; 0 for each frame on its own.

    Raises:
        ConfigError: A time is not one.
    """

    def __init__(self, correlation_s: float | None = None, time_constant_s: float = 0.0) -> None:
        self._anchor = None if correlation_s is None else ScaleAnchor(correlation_s)
        self._filter = ScaleFilter(time_constant_s)
        self._view: tuple[CameraModel, npt.NDArray[np.float64], FloorView] | None = None

    def update(
        self, stamp_s: float, scale_m: float, depth_m: npt.NDArray[np.float32],
        camera: CameraModel, pose: npt.NDArray[np.float64] | None = None,
        measurement: ScaleMeasurement | None = None,
    ) -> ScaleUpdate:
        """
        Take in one frame.

        Args:
            stamp_s: When it was taken.
            scale_m: Its scale S as the network says it; the frame is passed over if that is no
                positive number.
            depth_m: (H, W) float32, as the network says it.
            camera: The model of the camera at that size.
            pose: Of the optical frame above the floor, (4, 4), see ``laser_scan.camera_pose``;
                None if it is not known for this frame.
            measurement: What something else says about this depth, see ``ranges``; the floor is
                not looked for then.

        Raises:
            ConfigError: The pose is none, or not above the floor.
        """
        if not (math.isfinite(scale_m) and scale_m > 0.0):
            return ScaleUpdate(factor=1.0)
        said = wanted = math.log(scale_m)
        correction = None
        if self._anchor is not None:
            if measurement is None and pose is not None:
                measurement = self._floor(camera, pose).measure(depth_m)
            correction = self._anchor.update(stamp_s, measurement)
            wanted += correction.log_factor
        factor = math.exp(self._filter.update(stamp_s, wanted) - said)
        return ScaleUpdate(factor=factor, correction=correction)

    def _floor(self, camera: CameraModel, pose: npt.NDArray[np.float64]) -> FloorView:
        view = self._view
        if view is None or view[0] != camera or not np.array_equal(view[1], pose):
            self._view = view = camera, pose.copy(), FloorView(camera.rays(), pose)
        return view[2]

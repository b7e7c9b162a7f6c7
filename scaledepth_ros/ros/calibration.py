# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The camera model that belongs to an image, from CameraInfo or from a stated field of view."""
from __future__ import annotations

import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import CameraInfoError

_fov_camera = lru_cache(maxsize=8)(CameraModel.from_fov)


class MissingCameraInfoError(CameraInfoError):
    """No CameraInfo has arrived yet: nothing is wrong so far, but nothing can be measured."""


@dataclass(frozen=True)
class Calibration:
    """What the latest CameraInfo says; immutable, so the worker may use it while it changes."""

    topic: str
    frame_id: str | None = None
    camera: CameraModel | None = None
    error: CameraInfoError | None = None

    def camera_for(self, frame_id: str, size: tuple[int, int] | None, *,
                   horizontal_fov_deg: float = 0.0, check_frame_id: bool = True) -> CameraModel:
        """
        Return the model of the camera that took an image.

        Args:
            frame_id: the image's.
            size: (height, width) of the image; None while a compressed image is not decoded yet.
            horizontal_fov_deg: stands in where CameraInfo is missing or senseless; 0 for never.
            check_frame_id: refuse a CameraInfo of another frame.

        Raises:
            MissingCameraInfoError: there is none, and no field of view is given.
            CameraInfoError: it is senseless or belongs to another image size or frame.

        """
        if self.camera is None:
            if horizontal_fov_deg > 0.0:
                height, width = size or (480, 640)
                return _fov_camera(width, height, horizontal_fov_deg)
            if self.error is not None:
                raise self.error
            raise MissingCameraInfoError(
                f'no CameraInfo on {self.topic} yet; publish one, remap camera_info, or set '
                'horizontal_fov_deg')
        if check_frame_id and frame_id and self.frame_id and frame_id != self.frame_id:
            raise CameraInfoError(
                f'CameraInfo on {self.topic} is for frame {self.frame_id!r}, the image is in '
                f"{frame_id!r}; remap camera_info to this camera's, or set check_frame_id to "
                'false if they are the same camera')
        if size is not None:
            self.camera.check_image(*size)
        return self.camera


class CalibrationTracker:
    """Follows the CameraInfo of one camera and rebuilds the model only when it changes."""

    def __init__(self, topic: str) -> None:
        """
        Start without CameraInfo.

        Args:
            topic: name for error messages.

        """
        self.current = Calibration(topic)
        self._topic = topic
        self._key: Any = None

    def update(self, info: Any, *, rectified: bool) -> bool:
        """
        Take a CameraInfo.

        Args:
            info: sensor_msgs/CameraInfo.
            rectified: read P and no distortion instead of K and D.

        Returns:
            True if it differs from the last one.

        """
        # Bytes, because NaN is not equal to itself and would make every message look new.
        numbers = array.array('d', (*info.d, *info.k, *info.p)).tobytes()
        key = (rectified, info.header.frame_id, info.height, info.width, info.distortion_model,
               numbers, info.binning_x, info.binning_y, info.roi.x_offset, info.roi.y_offset,
               info.roi.height, info.roi.width)
        if key == self._key:
            return False
        self._key = key
        camera, error = None, None
        try:
            camera = CameraModel.from_camera_info(info, rectified=rectified)
        except CameraInfoError as caught:
            error = CameraInfoError(f'CameraInfo on {self._topic} is unusable: {caught}')
        self.current = Calibration(self._topic, info.header.frame_id, camera, error)
        return True

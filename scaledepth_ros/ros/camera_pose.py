# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pose of a camera on the robot comes from: parameters or TF."""
from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.ros.parameters import DepthParameters

Pose = npt.NDArray[np.float64]
PoseSource = Callable[[Any, DepthParameters], Pose]

# Transforms arrive a little later than the image they belong to. An older pose than this is that
# of a robot whose transforms have stopped, and would put obstacles where there are none.
_MAX_POSE_AGE_S = 1.0


def pose_from_parameters(_header: Any, parameters: DepthParameters) -> Pose:
    """
    Return the pose of the camera that the parameters state.

    Args:
        parameters: camera_height_m and what follows it.

    Raises:
        ConfigError: the height is not known.

    """
    if parameters.camera_height_m <= 0.0:
        raise ConfigError(
            'the pose of the camera is not known: set camera_height_m and camera_pitch_deg, or '
            'camera_pose to tf')
    return camera_pose(
        parameters.camera_height_m, pitch_deg=parameters.camera_pitch_deg,
        roll_deg=parameters.camera_roll_deg, yaw_deg=parameters.camera_yaw_deg,
        x_m=parameters.camera_x_m, y_m=parameters.camera_y_m)


class TfPose:
    """Poses from TF, at the time of the image: that of the camera above all."""

    def __init__(self, node: Node, *, reason: str = 'camera_pose is tf',
                 remedy: str = 'set camera_pose to parameters') -> None:
        """
        Listen to /tf and /tf_static.

        Args:
            node: receives the transforms in its executor.
            reason: why TF is needed, for who has not installed it.
            remedy: what to do instead of that.

        Raises:
            ConfigError: tf2_ros is not installed.

        """
        try:
            import tf2_ros
        except ImportError as error:
            raise ConfigError(
                f'{reason}, but tf2_ros cannot be imported ({error}); install it with ROS, or '
                f'{remedy}') from None
        self._error = tf2_ros.TransformException
        # With a node, it would offer a service of its own and keep it after close().
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        # What was known before a bag began anew is younger than all that follows.
        self._jumps = node.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1.0),
                          on_clock_change=True),
            post_callback=lambda _jump: self._buffer.clear())

    def close(self) -> None:
        """Stop to listen."""
        self._listener.unregister()
        self._jumps.unregister()

    def __call__(self, header: Any, parameters: DepthParameters) -> Pose:
        """
        Look up the pose of the camera.

        Args:
            header: of the image.
            parameters: scan_frame_id is the frame to transform to.

        Returns:
            Matrix (4, 4) from the image's frame to ``scan_frame_id``.

        Raises:
            ConfigError: TF does not know it, or only one of another time.

        """
        return self.between(header.frame_id, parameters.scan_frame_id, header.stamp)

    def between(self, source: str, target: str, image_stamp: Any) -> Pose:
        """
        Look up the pose of one frame in another.

        Args:
            source: the frame to transform from.
            target: the frame to transform to.
            image_stamp: a builtin_interfaces/Time.

        Returns:
            Matrix (4, 4) from ``source`` to ``target``.

        Raises:
            ConfigError: TF does not know it, only one of another time, or one that is none.

        """
        stamp = Time.from_msg(image_stamp)
        try:
            try:
                found = self._buffer.lookup_transform(target, source, stamp)
            except self._error:
                # Not yet there, or too old for the buffer: the latest one if it is near enough.
                found = self._buffer.lookup_transform(target, source, Time())
                age_s = (stamp - Time.from_msg(found.header.stamp)).nanoseconds / 1e9
                if abs(age_s) > _MAX_POSE_AGE_S:
                    raise ConfigError(
                        f'the latest TF of {source!r} in {target!r} is '
                        f'{abs(age_s):.1f} s {"older" if age_s > 0.0 else "newer"} than the '
                        'image; is its publisher alive, and on the clock of the camera?'
                    ) from None
        except self._error as error:
            raise ConfigError(
                f'TF does not know {source!r} in {target!r} ({error})') from None
        try:
            return transform_matrix(found.transform)
        except ConfigError as error:
            raise ConfigError(f'the TF of {source!r} in {target!r} {error}') from None


def transform_matrix(transform: Any) -> Pose:
    """
    Return the matrix of a geometry_msgs/Transform.

    Args:
        transform: translation [m] and rotation. The quaternion is normalised: tf2 takes what is
            written with three digits.

    Returns:
        Homogeneous matrix (4, 4).

    Raises:
        ConfigError: the quaternion has no length, or is not finite.

    """
    q, t = transform.rotation, transform.translation
    length = math.hypot(q.x, q.y, q.z, q.w)
    if not 0.0 < length < math.inf:
        raise ConfigError(
            f'has the rotation ({q.x}, {q.y}, {q.z}, {q.w}); expected a unit quaternion x, y, z, '
            'w, such as (0, 0, 0, 1) for none')
    x, y, z, w = (part / length for part in (q.x, q.y, q.z, q.w))
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
    pose[:3, 3] = t.x, t.y, t.z
    return pose

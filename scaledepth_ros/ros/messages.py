# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Fill outgoing messages in place.

Every message owns one ``array.array('B')`` that lives as long as the image size does; results are
written into it through the buffer protocol. rclpy copies the data while it publishes, so the same
message can be filled and published again. Assigning an ndarray or a list to ``data`` instead
would make rclpy check or convert every byte in Python: 100 ms and more for one VGA image.
"""
from __future__ import annotations

import array
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.pointcloud import fill_cloud, POINT_STEP
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

DEPTH_DTYPES: dict[str, Any] = {'32FC1': np.dtype('<f4'), '16UC1': np.dtype('<u2')}
"""Encodings of a depth image (REP 118): metres, or millimetres with 0 for no measurement."""

_MAX_UINT16_DEPTH_M = 65.535


def _new_data(message: Any, size: int) -> memoryview:
    """Give the message ``size`` zero bytes of data and return a writable view of them."""
    message.data = array.array('B', bytes(size))
    # Since Kilted the setter may keep a copy: only what the getter returns is published.
    return memoryview(message.data)


class DepthImageBuffer:
    """One reusable sensor_msgs/Image of depth or of a depth error."""

    def __init__(self, height: int, width: int, encoding: str = '32FC1') -> None:
        """
        Allocate the message.

        Args:
            height: rows of the image.
            width: columns of the image.
            encoding: a key of ``DEPTH_DTYPES``.

        """
        dtype = DEPTH_DTYPES[encoding]
        self.message = Image(
            height=height, width=width, encoding=encoding, is_bigendian=0,
            step=width * dtype.itemsize)
        data = _new_data(self.message, height * width * dtype.itemsize)
        self.pixels: npt.NDArray[Any] = np.frombuffer(data, dtype).reshape(height, width)
        """(H, W) view of the message's data: write here, then publish ``message``."""

    @property
    def layout(self) -> tuple[int, int, str]:
        """Height, width and encoding."""
        return self.message.height, self.message.width, self.message.encoding


def depth_to_millimetres(
        depth_m: npt.NDArray[np.float32], out: npt.NDArray[np.uint16]) -> None:
    """
    Write depth as 16UC1: millimetres, 0 where there is none (REP 118).

    Args:
        depth_m: (H, W) float32 [m]. What is not finite, or farther than 16 bits reach (65.535 m),
            becomes 0.
        out: (H, W) uint16 to write to.

    """
    valid = (depth_m > 0.0) & (depth_m <= _MAX_UINT16_DEPTH_M)
    millimetres = np.where(valid, depth_m, 0.0)
    millimetres *= 1000.0
    np.rint(millimetres, out=millimetres)
    np.copyto(out, millimetres, casting='unsafe')


class CloudBuffer:
    """One reusable organised sensor_msgs/PointCloud2: x, y, z and rgb, 16 bytes a point."""

    def __init__(self, height: int, width: int) -> None:
        """
        Allocate the message.

        Args:
            height: rows of the cloud.
            width: columns of the cloud.

        """
        self.message = PointCloud2(
            height=height, width=width, is_bigendian=False, is_dense=False,
            point_step=POINT_STEP, row_step=width * POINT_STEP)
        # rgb is a float that carries 0x00RRGGBB: what PCL, rviz2 and rtabmap read.
        self.message.fields = [
            PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
            for name, offset in (('x', 0), ('y', 4), ('z', 8), ('rgb', 12))]
        self._data = _new_data(self.message, height * width * POINT_STEP)

    @property
    def layout(self) -> tuple[int, int]:
        """Height and width."""
        return self.message.height, self.message.width

    def fill(
            self, depth_m: npt.NDArray[np.float32], rays: npt.NDArray[np.float32],
            rgb: npt.NDArray[np.uint8], stride: int) -> None:
        """
        Write all points.

        Args:
            depth_m: (H, W) float32 [m]; where it is not finite the point is NaN.
            rays: (H, W, 3) float32 with z = 1.
            rgb: (H, W, 3) uint8.
            stride: take every n-th pixel, so that what is left has this cloud's size.

        """
        fill_cloud(depth_m, rays, rgb, self._data, stride=stride)


def camera_info_message(camera: CameraModel) -> CameraInfo:
    """
    Describe an image on the pixel grid of ``camera``.

    ROI and binning are folded into K, so the size is the image's own. P is K and R the identity:
    the depth image is not rectified, its Z runs along the axis of this very camera, and a node
    that rectifies it must not rotate that axis.

    Args:
        camera: the model that the rays of the point cloud come from.

    Returns:
        A sensor_msgs/CameraInfo without header.

    """
    matrix = np.asarray(camera.matrix, np.float64)
    message = CameraInfo(height=camera.height, width=camera.width)
    message.distortion_model = camera.distortion_model
    # plumb_bob with five zeros is how ROS spells "no distortion"; some consumers index D.
    message.d = [float(value) for value in camera.distortion] or [0.0] * 5
    message.k = matrix.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.column_stack((matrix, np.zeros(3))).ravel()
    return message


def copy_header(header: Any) -> Header:
    """
    Copy a header.

    Args:
        header: stamp and frame_id to keep exactly.

    """
    copied = Header(frame_id=header.frame_id)
    copied.stamp.sec = header.stamp.sec
    copied.stamp.nanosec = header.stamp.nanosec
    return copied

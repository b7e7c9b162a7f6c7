# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The publishers of one camera, and the messages they fill."""
from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.pointcloud import apply_range, cloud_shape
from scaledepth_ros.ros.messages import (
    camera_info_message,
    CloudBuffer,
    copy_header,
    depth_to_millimetres,
    DepthImageBuffer,
)
from scaledepth_ros.ros.parameters import DepthParameters
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Float32, String

_TYPES: dict[str, Any] = {
    'depth/image': Image,
    'depth/camera_info': CameraInfo,
    'depth/uncertainty': Image,
    'points': PointCloud2,
    'scale': Float32,
    'scene': String,
}


def output_qos() -> QoSProfile:
    """
    Return the QoS of every output.

    Reliable, because a message of several megabytes is many fragments and best effort loses all
    of it with any one of them; shallow, because an old frame is worth nothing.
    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST, depth=2,
        reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.VOLATILE)


class CameraOutputs:
    """Publishes what has subscribers; the rest is not computed."""

    def __init__(self, node: LifecycleNode, prefix: str) -> None:
        """
        Create the publishers.

        Args:
            node: owns them; they publish while it is active.
            prefix: put in front of every topic, '' or like 'front/'.

        """
        self._node = node
        self._publishers = {
            topic: node.create_lifecycle_publisher(
                message_type, prefix + topic, output_qos(),
                qos_overriding_options=QoSOverridingOptions.with_default_policies())
            for topic, message_type in _TYPES.items()}
        self._images: dict[str, DepthImageBuffer] = {}
        self._cloud: CloudBuffer | None = None
        self._camera_info: tuple[CameraModel, CameraInfo] | None = None

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> set[str]:
        """Return the topics that have subscribers."""
        return {topic for topic, publisher in self._publishers.items()
                if publisher.get_subscription_count() > 0}

    def publish(self, header: Any, rgb: npt.NDArray[np.uint8], camera: CameraModel,
                output: Any, parameters: DepthParameters, *,
                may_publish: Callable[[], bool]) -> float:
        """
        Fill and publish every output that has subscribers.

        Args:
            header: the image's; stamp and frame_id are kept exactly.
            rgb: uint8 (H, W, 3).
            camera: the model of the camera at that size.
            output: the network's DepthOutput.
            parameters: range limits, encoding, stride.
            may_publish: asked before each message leaves.

        Returns:
            The share of pixels with a finite depth.

        """
        wanted = self.wanted()
        header = copy_header(header)
        depth = self._buffer('depth', rgb.shape[:2], '32FC1')
        apply_range(output.depth_m, parameters.min_range_m,
                    parameters.max_range_m or math.inf, out=depth.pixels)
        makers: dict[str, Callable[[], Any]] = {
            'depth/image': lambda: self._depth_message(depth, header, parameters),
            'depth/camera_info': lambda: self._camera_info_message(camera, header),
            'points': lambda: self._cloud_message(
                depth.pixels, rgb, camera, header, parameters.point_stride),
            'depth/uncertainty': lambda: self._uncertainty_message(output.uncertainty_m, header),
            'scale': lambda: Float32(data=float(output.scale_m)),
            'scene': lambda: String(data=output.scene or ''),
        }
        for topic, make in makers.items():
            if topic in wanted:
                message = make()
                if may_publish():
                    self._publishers[topic].publish(message)
        return float(np.count_nonzero(np.isfinite(depth.pixels))) / depth.pixels.size

    def _buffer(self, name: str, shape: tuple[int, ...], encoding: str) -> DepthImageBuffer:
        buffer = self._images.get(name)
        if buffer is None or buffer.layout != (*shape, encoding):
            buffer = self._images[name] = DepthImageBuffer(shape[0], shape[1], encoding)
        return buffer

    def _depth_message(
            self, depth: DepthImageBuffer, header: Any, parameters: DepthParameters) -> Image:
        if parameters.depth_encoding == '16UC1':
            millimetres = self._buffer('millimetres', depth.pixels.shape, '16UC1')
            depth_to_millimetres(depth.pixels, millimetres.pixels)
            depth = millimetres
        depth.message.header = header
        return depth.message

    def _uncertainty_message(
            self, uncertainty_m: npt.NDArray[np.float32], header: Any) -> Image:
        sigma = self._buffer('uncertainty', uncertainty_m.shape, '32FC1')
        np.copyto(sigma.pixels, uncertainty_m)
        sigma.message.header = header
        return sigma.message

    def _camera_info_message(self, camera: CameraModel, header: Any) -> CameraInfo:
        if self._camera_info is None or self._camera_info[0] is not camera:
            self._camera_info = camera, camera_info_message(camera)
        message = self._camera_info[1]
        message.header = header
        return message

    def _cloud_message(self, depth_m: npt.NDArray[np.float32], rgb: npt.NDArray[np.uint8],
                       camera: CameraModel, header: Any, stride: int) -> PointCloud2:
        shape = cloud_shape(*depth_m.shape, stride)
        if self._cloud is None or self._cloud.layout != shape:
            self._cloud = CloudBuffer(*shape)
        self._cloud.fill(depth_m, camera.rays(), rgb, stride)
        self._cloud.message.header = header
        return self._cloud.message

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The publishers of one camera, and the messages they fill."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.pointcloud import (
    apply_range,
    cloud_shape,
    flying_pixel_mask,
    uncertainty_mask,
)
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.camera_pose import PoseSource
from scaledepth_ros.ros.compressed_depth import compress_depth
from scaledepth_ros.ros.messages import (
    camera_info_message,
    CloudBuffer,
    copy_header,
    depth_to_millimetres,
    DepthImageBuffer,
)
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.scan_output import ScanOutput
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from std_msgs.msg import Float32, String

_LARGE_DEPTH, _SMALL_DEPTH = 2, 5
_SMALL_TOPICS = ('depth/camera_info', 'scale', 'scene')


def output_qos(topic: str) -> QoSProfile:
    """
    Return the QoS of an output.

    Reliable, because a message of several megabytes is many fragments and best effort loses all
    of it with any one of them; shallow, because an old frame is worth nothing. Small messages
    cost nothing to keep, and in a queue of two they were overwritten while the subscriber was
    still busy with the large ones of the same frames.

    Args:
        topic: without the prefix of the camera.

    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=_SMALL_DEPTH if topic in _SMALL_TOPICS else _LARGE_DEPTH,
        reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.VOLATILE)


def create_publisher(node: LifecycleNode, message_type: Any, topic: str, qos: QoSProfile, *,
                     managed: bool = True) -> Any:
    """
    Create a publisher whose QoS parameters can override.

    Args:
        node: owns it.
        message_type: what it publishes.
        topic: name before remapping; rclpy remaps what it is given.
        qos: what holds if nothing is overridden.
        managed: it publishes while the node is active only.

    Raises:
        ConfigError: an override has a value that does not exist.

    """
    create = node.create_lifecycle_publisher if managed else node.create_publisher
    try:
        return create(message_type, topic, qos,
                      qos_overriding_options=QoSOverridingOptions.with_default_policies())
    except Exception as error:  # rclpy has a type of its own for each way to be wrong
        raise ConfigError(
            f'qos_overrides.{node.resolve_topic_name(topic)}.publisher: {error}; history is '
            'keep_last or keep_all, depth a whole number, reliability reliable or best_effort'
        ) from error


@dataclass
class _Measurement:
    """One frame on its way out; what several outputs share is worked out once."""

    header: Any
    rgb: npt.NDArray[np.uint8]
    camera: CameraModel
    output: Any
    parameters: DepthParameters
    depth: DepthImageBuffer

    @property
    def limited(self) -> bool:
        """Whether depth/image and points end somewhere; the scan has limits of its own."""
        return self.parameters.min_range_m > 0.0 or self.parameters.max_range_m > 0.0

    @cached_property
    def filtered_depth_m(self) -> npt.NDArray[np.float32]:
        """Depth (H, W) of any range, with NaN where the filters of points and scan strike."""
        parameters = self.parameters
        # Infinity would tell a scan of longer range that nothing is there.
        depth_m = (apply_range(self.output.depth_m, 0.0, math.inf) if self.limited
                   else self.depth.pixels)
        masks = []
        if parameters.flying_pixel_tolerance > 0.0:
            masks.append(flying_pixel_mask(
                depth_m, tolerance=parameters.flying_pixel_tolerance))
        if parameters.max_relative_uncertainty > 0.0:
            # Where depth is infinite its uncertainty means nothing.
            masks.append(np.isfinite(depth_m) & uncertainty_mask(
                depth_m, self.output.uncertainty_m, parameters.max_relative_uncertainty))
        if not masks:
            return depth_m
        filtered_m = depth_m.copy()
        for mask in masks:
            filtered_m[mask] = np.nan
        return filtered_m


class CameraOutputs:
    """Publishes what has subscribers; the rest is not computed."""

    def __init__(self, node: LifecycleNode, prefix: str, pose_source: PoseSource) -> None:
        """
        Create the publishers.

        Args:
            node: owns them; they publish while it is active.
            prefix: put in front of every topic, '' or like 'front/'.
            pose_source: gives the pose of the camera on the robot.

        Raises:
            ConfigError: the QoS of one is overridden by something that does not exist.

        """
        self._node = node
        self._scan = ScanOutput(pose_source)
        self._images: dict[str, DepthImageBuffer] = {}
        self._cloud: CloudBuffer | None = None
        self._camera_info: tuple[CameraModel, CameraInfo] | None = None
        # In the order of publishing: what robots react to first, what takes long last.
        outputs: list[tuple[str, Any, Callable[[_Measurement], Any]]] = [
            ('scan', LaserScan, self._scan_message),
            ('depth/image', Image, self._depth_message),
            ('depth/camera_info', CameraInfo, self._camera_info_message),
            ('points', PointCloud2, self._cloud_message),
            ('depth/uncertainty', Image, self._uncertainty_message),
            ('scale', Float32, lambda frame: Float32(data=float(frame.output.scale_m))),
            ('scene', String, lambda frame: String(data=frame.output.scene or '')),
            ('depth/image/compressedDepth', CompressedImage, self._compressed_message),
        ]
        self._outputs: list[tuple[str, Any, Callable[[_Measurement], Any]]] = []
        try:
            for topic, message_type, make in outputs:
                publisher = self._create_publisher(message_type, prefix, topic)
                self._outputs.append((topic, publisher, make))
        except Exception:
            # Nobody else knows of them.
            self.destroy()
            raise

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for _topic, publisher, _make in self._outputs:
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> bool:
        """Whether any output has a subscriber."""
        return any(publisher.get_subscription_count() > 0
                   for _topic, publisher, _make in self._outputs)

    def publish(self, header: Any, rgb: npt.NDArray[np.uint8], camera: CameraModel,
                output: Any, parameters: DepthParameters,
                activation: Activation) -> tuple[float, ConfigError | None]:
        """
        Fill and publish every output that has subscribers.

        Args:
            header: the image's; stamp and frame_id are kept exactly.
            rgb: uint8 (H, W, 3).
            camera: the model of the camera at that size.
            output: the network's DepthOutput.
            parameters: range limits, encoding, stride and so on.
            activation: the one that the image arrived in; what follows it gets nothing.

        Returns:
            The share of pixels with a finite depth, and what kept an output from being made.

        """
        depth = self._buffer('depth', rgb.shape[:2], '32FC1')
        _in_range(output.depth_m, parameters, out=depth.pixels)
        frame = _Measurement(copy_header(header), rgb, camera, output, parameters, depth)
        problem = None
        for _topic, publisher, make in self._outputs:
            if publisher.get_subscription_count() == 0:
                continue
            try:
                message = make(frame)
            except ConfigError as error:
                problem = error
                continue
            activation.publish(publisher, message)
        valid = np.count_nonzero(np.isfinite(depth.pixels))
        return float(valid) / depth.pixels.size, problem

    def _create_publisher(self, message_type: Any, prefix: str, topic: str) -> Any:
        name = prefix + topic
        base, extension, _none = name.partition('/compressedDepth')
        if extension:
            # image_transport names it after its base, also when that is remapped.
            name = self._node.resolve_topic_name(base) + extension
        return create_publisher(self._node, message_type, name, output_qos(topic))

    def _buffer(self, name: str, shape: tuple[int, ...], encoding: str) -> DepthImageBuffer:
        buffer = self._images.get(name)
        if buffer is None or buffer.layout != (*shape, encoding):
            buffer = self._images[name] = DepthImageBuffer(shape[0], shape[1], encoding)
        return buffer

    def _depth_message(self, frame: _Measurement) -> Image:
        depth = frame.depth
        if frame.parameters.depth_encoding == '16UC1':
            depth = self._buffer('millimetres', depth.pixels.shape, '16UC1')
            depth_to_millimetres(frame.depth.pixels, depth.pixels)
        depth.message.header = frame.header
        return depth.message

    def _compressed_message(self, frame: _Measurement) -> CompressedImage:
        message = self._depth_message(frame)
        return compress_depth(message, self._images[
            'depth' if message.encoding == '32FC1' else 'millimetres'].pixels)

    def _uncertainty_message(self, frame: _Measurement) -> Image:
        sigma = self._buffer('uncertainty', frame.depth.pixels.shape, '32FC1')
        np.copyto(sigma.pixels, frame.output.uncertainty_m)
        sigma.message.header = frame.header
        return sigma.message

    def _camera_info_message(self, frame: _Measurement) -> CameraInfo:
        if self._camera_info is None or self._camera_info[0] != frame.camera:
            self._camera_info = frame.camera, camera_info_message(frame.camera)
        message = self._camera_info[1]
        message.header = frame.header
        return message

    def _cloud_message(self, frame: _Measurement) -> PointCloud2:
        stride = frame.parameters.point_stride
        shape = cloud_shape(*frame.depth.pixels.shape, stride)
        if self._cloud is None or self._cloud.layout != shape:
            self._cloud = CloudBuffer(*shape)
        depth_m = frame.filtered_depth_m
        if frame.limited:
            depth_m = _in_range(depth_m, frame.parameters)
        self._cloud.fill(depth_m, frame.camera.rays(), frame.rgb, stride)
        self._cloud.message.header = frame.header
        return self._cloud.message

    def _scan_message(self, frame: _Measurement) -> LaserScan:
        return self._scan.message(
            frame.filtered_depth_m, frame.camera, frame.header, frame.parameters)


def _in_range(depth_m: npt.NDArray[np.float32], parameters: DepthParameters, *,
              out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
    return apply_range(
        depth_m, parameters.min_range_m, parameters.max_range_m or math.inf, out=out)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Range sensors that tell one camera its scale: their subscriptions, and what they say."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import threading
import time
from typing import Any

from rclpy.node import Node
from scaledepth_ros.bag import stamp_ns_of
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, error_text
from scaledepth_ros.ros.camera_pose import TfPose
from scaledepth_ros.ros.input_subscription import InputSubscription
from scaledepth_ros.ros.range_messages import cloud_points, Points, range_points, scan_points
from scaledepth_ros.scale.agreement import ScaleMeasurement
from scaledepth_ros.scale.ranges import measure_cone, measure_points
from sensor_msgs.msg import LaserScan, PointCloud2, Range

# A scanner of 10 Hz stamps a scan with its first ray and sends it after the last, so when an
# image has been processed, the scan it is compared with may be that old. A robot at 1 m/s has
# moved by 0.2 m then, a tenth of 2 m.
_MAX_APART_NS = 200_000_000
# Longer than the network takes for an image, else the measurement that fits it has gone: the
# slowest takes seconds on a small CPU.
_KEPT_NS = 10_000_000_000
# Of faster sensors only some messages are kept. At most 500, then, of at most 240 kB each.
_STEP_NS = 20_000_000
# Sensors slower than the camera fit only some of its images.
_PATIENCE_S = 2.0
# A sensor that has gone since has no fault any more.
_FAILURE_S = 5.0


@dataclass(frozen=True)
class _Sensor:
    """One of the topics."""

    suffix: str
    message_type: Any
    points: Callable[[Any], Points]
    measure: Callable[[Points, CameraModel, Any], ScaleMeasurement | None]


# What says most first: the first that says anything is believed.
_SENSORS = (
    _Sensor('anchor/points', PointCloud2, cloud_points, measure_points),
    _Sensor('anchor/scan', LaserScan, scan_points, measure_points),
    _Sensor('anchor/range', Range, range_points, measure_cone))


@dataclass(frozen=True)
class _Reading:
    """A message, as points in the frame of its sensor."""

    frame_id: str
    stamp_ns: int
    points_m: Points


@dataclass(frozen=True)
class RangeScale:
    """
    What range sensors say about the scale of a frame.

    Attributes:
        measurement: None without one.
        topic: the sensor that it comes from, '' without one.
        problem: what is wrong with a sensor.

    """

    measurement: ScaleMeasurement | None = None
    topic: str = ''
    problem: ConfigError | None = None


class RangeInputs:
    """
    Keeps the last messages of range sensors, and compares depth with those of the same time.

    ``measure`` is for the worker thread, everything else for the executor's.
    """

    def __init__(self, node: Node, prefix: str, tf: TfPose | None) -> None:
        """
        Read the QoS overrides; nothing is received before ``open``.

        Args:
            node: owns the subscriptions.
            prefix: put in front of every topic, '' or like 'front/'.
            tf: listens to TF already; None to do so when a sensor's frame is not the image's.

        Raises:
            ConfigError: the QoS of one is overridden by something that does not exist.

        """
        self._node = node
        self._inputs = {
            each: InputSubscription(node, each.message_type, prefix + each.suffix,
                                    partial(self._receive, each), partial(self._fail, each))
            for each in _SENSORS}
        self._topics = {each: one.topic for each, one in self._inputs.items()}
        self._shared_tf = self._tf = tf
        self._lock = threading.Lock()
        self._active = self._subscribed = False
        self._forget()

    def open(self, *, wanted: bool) -> None:
        """
        Start to receive, now or when it is wanted.

        Args:
            wanted: the scale is tied to range sensors.

        """
        self._active = True
        self.follow(wanted=wanted)

    def close(self) -> None:
        """Stop to receive, and forget."""
        self._active = False
        self._unsubscribe()

    def follow(self, *, wanted: bool) -> None:
        """
        Adapt to the parameters, to the publishers and to the frames there are now.

        Args:
            wanted: the scale is tied to range sensors.

        """
        if not (self._active and wanted):
            self._unsubscribe()
            return
        try:
            if not self._subscribed:
                for each in self._inputs.values():
                    each.open()
                self._subscribed = True
            for each in self._inputs.values():
                each.follow_publishers()
            self._setup_problem = self._own_output()
            if self._unmatched_s is not None:
                self._silence = self._silence_text()
            if self._tf_wanted and self._tf is None and self._tf_problem is None:
                self._listen_to_tf()
        except Exception as error:
            # Depth is worth more than its scale, and the next call may succeed.
            if self._node.context.ok():
                if not self._subscribed:
                    self._close_inputs()
                self._setup_problem = ConfigError(error_text(error))

    def measure(self, header: Any, camera: CameraModel, depth_m: Any) -> RangeScale:
        """
        Compare the depth of an image with what sensors measured at the same time.

        Args:
            header: the image's.
            camera: the model of the camera at that size.
            depth_m: (H, W) float32 [m], as the network says it.

        """
        stamp_ns = stamp_ns_of(header)
        failed_s = time.monotonic() - _FAILURE_S
        problems = [self._setup_problem]
        with self._lock:
            problems += [error for at_s, error in self._failures.values() if at_s > failed_s]
            found = {each: min(kept, key=lambda one: abs(one.stamp_ns - stamp_ns))
                     for each, kept in self._kept.items()}
        fitting = {each: reading for each, reading in found.items()
                   if abs(reading.stamp_ns - stamp_ns) <= _MAX_APART_NS}
        problems.append(self._unmatched(stamp_ns, found, matched=bool(fitting)))
        result = None, ''
        for each in _SENSORS:
            if each not in fitting or each in self._own or result[0] is not None:
                continue
            topic = self._topics[each]
            try:
                points_m = self._in_camera(fitting[each], header, topic)
            except ConfigError as error:
                problems.append(ConfigError(f'{topic}: {error}'))
                continue
            if points_m is not None:
                measurement = each.measure(points_m, camera, depth_m)
                if measurement is not None:
                    result = measurement, topic
        return RangeScale(*result, next(filter(None, problems), None))

    def _in_camera(self, reading: _Reading, header: Any, topic: str) -> Points | None:
        """Return the points in the frame of the image; None while TF is not yet listened to."""
        if reading.frame_id == header.frame_id:
            return reading.points_m
        if self._tf_problem is not None:
            raise self._tf_problem
        tf = self._tf
        if tf is None:
            self._tf_wanted = f'{reading.frame_id!r} is not the frame of the image'
            return None
        pose = tf.between(reading.frame_id, header.frame_id, header.stamp)
        return reading.points_m @ pose[:3, :3].T + pose[:3, 3]

    def _unmatched(self, stamp_ns: int, found: dict[_Sensor, _Reading], *,
                   matched: bool) -> ConfigError | None:
        """Return what is wrong if no message has fitted an image for a while."""
        if matched:
            self._unmatched_s, self._silence = None, ''
            return None
        now_s = time.monotonic()
        if self._unmatched_s is None:
            self._unmatched_s = now_s
        if now_s - self._unmatched_s < _PATIENCE_S:
            return None
        if not found:
            return ConfigError(self._silence or 'nothing arrives from a range sensor')
        each, reading = min(found.items(), key=lambda item: abs(item[1].stamp_ns - stamp_ns))
        apart_s = (stamp_ns - reading.stamp_ns) / 1e9
        return ConfigError(
            f'the nearest message on {self._topics[each]} is {abs(apart_s):.1f} s '
            f'{"older" if apart_s > 0.0 else "newer"} than the image; does it still come, and on '
            'the clock of the camera?')

    def _listen_to_tf(self) -> None:
        try:
            self._tf = TfPose(self._node, reason=self._tf_wanted,
                              remedy='have the sensor publish in the frame of the image')
        except ConfigError as error:
            self._tf_problem = error

    def _own_output(self) -> ConfigError | None:
        """Return what is wrong if the node would tie its depth to its own depth."""
        own = self._node.get_name(), self._node.get_namespace()
        self._own = {
            each for each, one in self._inputs.items() for info in one.publishers()
            if (info.node_name, info.node_namespace) == own}
        if not self._own:
            return None
        topics = ', '.join(self._topics[each] for each in _SENSORS if each in self._own)
        return ConfigError(f'{topics} is what this node publishes itself, from depth; remap scan '
                           'or points of the node, or take another sensor')

    def _silence_text(self) -> str:
        for each, one in self._inputs.items():
            wanted = f'sensor_msgs/msg/{each.message_type.__name__}'
            types = {info.topic_type for info in one.publishers()}
            if types - {wanted}:
                return f'{one.topic} carries {", ".join(sorted(types))}, not {wanted}'
        names = ', '.join(self._topics.values())
        if any(each.publisher_count() for each in self._inputs.values()):
            return f'nothing arrives on {names}; does the sensor measure?'
        return f'nobody publishes {names}; remap one of them to a range sensor'

    def _receive(self, each: _Sensor, message: Any) -> None:
        if not message.header.frame_id:
            raise ConfigError('it has no frame_id, so nobody knows where it was measured')
        stamp_ns = stamp_ns_of(message.header)
        kept = self._kept.get(each)
        if kept and 0 < stamp_ns - kept[-1].stamp_ns < _STEP_NS:
            return
        reading = _Reading(message.header.frame_id, stamp_ns, each.points(message))
        with self._lock:
            self._failures.pop(each, None)
            kept = self._kept.setdefault(each, deque())
            if kept and stamp_ns < kept[-1].stamp_ns:
                # The clock was set, or a bag begins anew: what was known is of another time.
                kept.clear()
            elif kept and stamp_ns == kept[-1].stamp_ns:
                kept.pop()
            while kept and kept[0].stamp_ns < stamp_ns - _KEPT_NS:
                kept.popleft()
            kept.append(reading)

    def _fail(self, each: _Sensor, error: Exception) -> None:
        with self._lock:
            self._failures[each] = time.monotonic(), ConfigError(
                f'a message on {self._topics[each]} cannot be used: {error_text(error)}')

    def _unsubscribe(self) -> None:
        self._close_inputs()
        if self._tf is not self._shared_tf:
            self._tf.close()
            self._tf = self._shared_tf
        self._forget()

    def _close_inputs(self) -> None:
        self._subscribed = False
        for each in self._inputs.values():
            each.close()

    def _forget(self) -> None:
        with self._lock:
            self._kept: dict[_Sensor, deque[_Reading]] = {}
            self._failures: dict[_Sensor, tuple[float, ConfigError]] = {}
        self._setup_problem: ConfigError | None = None
        self._own: set[_Sensor] = set()
        self._tf_problem: ConfigError | None = None
        self._tf_wanted = ''
        self._unmatched_s: float | None = None
        self._silence = ''

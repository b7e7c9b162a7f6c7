# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Receives everything the depth node publishes, notes when, and keeps a bag of it.

It is made to disturb nothing: messages are taken as the bytes that came over the wire, of which
only the stamp is read, and are kept in memory until the end; packing them into a bag comes last.
Large topics are thinned in the bag, never in the counts.
"""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message
from scaledepth_ros.bag import BagWriter, serialized_stamp_ns
from scaledepth_ros.errors import ScaleDepthError
from scaledepth_ros.memory import keep_freed_memory
from scaledepth_ros.progress import print_progress
from scaledepth_ros.ros.signals import ended_by_signals, let_signals_only_end_the_context
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Float32, String

_PROGRESS_PERIOD_S = 0.25

_PARAMETERS: dict[str, tuple[Any, str]] = {
    'output': ('', 'Folder that gets bag/ and received.json; empty to count only.'),
    'cloud_rate_hz': (1.0, 'At most this many clouds a second go into the bag.'),
    'image_rate_hz': (5.0, 'Likewise for images and uncertainties; depth is kept whole.'),
    'max_megabytes': (800, 'Nothing but counts is kept beyond this.'),
    'subscribe_to_image': (True, 'Receive the camera images too. This is done when all outputs '
                           'have been found, so a camera can wait for it.'),
    'report_progress': (False, 'Print machine-readable progress to standard output.'),
}


@dataclass
class Topic:
    """A topic and what has arrived on it: [received_ns, stamp_ns or None, bytes]."""

    name: str
    message_type: type
    period_s: float = 0.0
    arrivals: list[tuple[int, int | None, int]] = field(default_factory=list)
    kept: list[tuple[int, bytes]] = field(default_factory=list)
    next_kept_ns: int = 0

    @property
    def has_header(self) -> bool:
        """Whether a message begins with a std_msgs/Header."""
        return 'header' in self.message_type.get_fields_and_field_types()

    @property
    def type_name(self) -> str:
        """The type as bags write it."""
        package = self.message_type.__module__.split('.')[0]
        return f'{package}/msg/{self.message_type.__name__}'


class RecorderNode(Node):
    """Counts, times and keeps the messages of a camera and a depth node."""

    def __init__(self, **kwargs: Any) -> None:
        """
        Declare the parameters and subscribe to the outputs.

        Args:
            kwargs: passed on to rclpy's Node.

        """
        super().__init__('recorder', **kwargs)
        self._values = {
            name: self.declare_parameter(name, default, ParameterDescriptor(
                description=text, read_only=True)).value
            for name, (default, text) in _PARAMETERS.items()}
        image_period_s = 1.0 / max(self._values['image_rate_hz'], 1e-6)
        cloud_period_s = 1.0 / max(self._values['cloud_rate_hz'], 1e-6)
        self._outputs = [
            Topic('depth/image', Image),
            Topic('depth/camera_info', CameraInfo),
            Topic('depth/uncertainty', Image, image_period_s),
            Topic('points', PointCloud2, cloud_period_s),
            Topic('scale', Float32),
            Topic('scene', String)]
        self._inputs = [Topic('image', Image, image_period_s), Topic('camera_info', CameraInfo)]
        self._diagnostics = Topic('/diagnostics', DiagnosticArray)
        self._kept_bytes = 0
        self._model_status: dict[str, Any] = {}
        self._subscriptions_by_topic = {
            topic.name: self._subscribe(topic) for topic in self._outputs}
        self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, 10, raw=True)
        self.create_timer(_PROGRESS_PERIOD_S, self._on_timer)

    @property
    def topics(self) -> list[Topic]:
        """All topics, the camera's first."""
        return [*self._inputs, *self._outputs, self._diagnostics]

    def save(self) -> None:
        """Write received.json and the bag."""
        if not self._values['output']:
            return
        folder = Path(self._values['output'])
        self._report(state='writing')
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'received.json').write_text(json.dumps({
            topic.name: topic.arrivals for topic in self.topics}))
        stored = sorted(
            ((received_ns, topic, data) for topic in self.topics
             for received_ns, data in topic.kept), key=lambda entry: entry[0])
        if not stored:
            return
        with BagWriter(folder / 'bag') as bag:
            for topic in self.topics:
                if topic.kept:
                    bag.add_topic(self.resolve_topic_name(topic.name), topic.type_name)
            frame_id = self._frame_id()
            if frame_id:
                bag.write_optical_frame(stored[0][0], frame_id, 'camera_link')
            for received_ns, topic, data in stored:
                bag.write(self.resolve_topic_name(topic.name), received_ns, data)

    def _subscribe(self, topic: Topic) -> Any:
        # Best effort matches every camera; the outputs are reliable, and so is their reception.
        reliability = (QoSReliabilityPolicy.BEST_EFFORT if topic in self._inputs
                       else QoSReliabilityPolicy.RELIABLE)
        return self.create_subscription(
            topic.message_type, topic.name, self._receiver(topic),
            QoSProfile(history=QoSHistoryPolicy.KEEP_LAST, depth=10, reliability=reliability),
            raw=True)

    def _receiver(self, topic: Topic) -> Callable[[bytes], None]:
        has_header = topic.has_header
        period_ns = int(topic.period_s * 1e9)

        def receive(data: bytes) -> None:
            received_ns = time.time_ns()
            stamp_ns = serialized_stamp_ns(data) if has_header else None
            topic.arrivals.append((received_ns, stamp_ns, len(data)))
            # By stamp, so that the image and the uncertainty of the same frames are kept.
            due_ns = stamp_ns or received_ns
            if due_ns >= topic.next_kept_ns:
                if period_ns:
                    topic.next_kept_ns = (due_ns // period_ns + 1) * period_ns
                self._keep(topic, received_ns, data)

        return receive

    def _keep(self, topic: Topic, received_ns: int, data: bytes) -> None:
        if self._values['output'] and self._kept_bytes < self._values['max_megabytes'] * 10**6:
            self._kept_bytes += len(data)
            topic.kept.append((received_ns, data))

    def _on_diagnostics(self, data: bytes) -> None:
        received_ns = time.time_ns()
        self._diagnostics.arrivals.append((received_ns, serialized_stamp_ns(data), len(data)))
        self._keep(self._diagnostics, received_ns, data)
        for status in deserialize_message(data, DiagnosticArray).status:
            if status.name.endswith(': model'):
                self._model_status = {
                    'failed': status.level == DiagnosticStatus.ERROR,
                    'message': status.message,
                    **{value.key: value.value for value in status.values}}

    def _on_timer(self) -> None:
        if self._values['subscribe_to_image'] and 'image' not in self._subscriptions_by_topic and (
                all(self._is_matched(topic) for topic in self._outputs)):
            for topic in self._inputs:
                self._subscriptions_by_topic[topic.name] = self._subscribe(topic)
        depth = self._outputs[0].arrivals
        last_ms = (depth[-1][0] - (depth[-1][1] or 0)) / 1e6 if depth else 0.0
        self._report(
            state='recording', model=self._model_status, last_latency_ms=last_ms,
            received={topic.name: len(topic.arrivals) for topic in self.topics})

    def _is_matched(self, topic: Topic) -> bool:
        subscription = self._subscriptions_by_topic[topic.name]
        if hasattr(subscription, 'get_publisher_count'):
            return subscription.get_publisher_count() > 0
        # Humble cannot tell; the graph knows earlier than the endpoints do, but hardly.
        return self.count_publishers(self.resolve_topic_name(topic.name)) > 0

    def _frame_id(self) -> str:
        for topic in (self._outputs[0], self._inputs[0]):
            for _, data in topic.kept[:1]:
                return deserialize_message(data, topic.message_type).header.frame_id
        return ''

    def _report(self, **values: Any) -> None:
        if self._values['report_progress']:
            print_progress(**values)


def main(args: list[str] | None = None) -> int:
    """
    Record until SIGINT or SIGTERM, then write what was asked for.

    Args:
        args: command line; None for that of the process.

    Returns:
        0, or 1 if the output cannot be written.

    """
    keep_freed_memory()
    # Whoever asks a second time has to wait for a whole bag, or kill.
    let_signals_only_end_the_context()
    rclpy.init(args=args)
    node = None
    try:
        with ended_by_signals():
            node = RecorderNode()
            rclpy.spin(node)
        if node is not None:
            node.save()
    except (ScaleDepthError, OSError) as error:
        print(f'recorder_node: {error}', file=sys.stderr)
        return 1
    finally:
        with suppress(Exception):
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())

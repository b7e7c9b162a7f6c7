# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the node: its subscriptions, its calibration, its outputs and its health."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode
from scaledepth_ros.bag import stamp_ns_of
from scaledepth_ros.errors import CameraInfoError, error_text, ImageError
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.calibration import Calibration, CalibrationTracker, MissingCameraInfoError
from scaledepth_ros.ros.camera_health import CameraHealth, FaultKind
from scaledepth_ros.ros.camera_outputs import CameraOutputs
from scaledepth_ros.ros.camera_pose import PoseSource, TfPose
from scaledepth_ros.ros.diagnostics import camera_statuses
from scaledepth_ros.ros.frame_scale import FrameScale
from scaledepth_ros.ros.image_decoding import check_image
from scaledepth_ros.ros.input_subscription import InputSubscription
from scaledepth_ros.ros.logs import ThrottledLog
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.range_inputs import RangeInputs
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

# An image may overtake its CameraInfo; older than this it is not worth publishing any more.
_HOLD_S = 0.5


@dataclass(frozen=True)
class Frame:
    """An image on its way to the network, with everything that was true when it arrived."""

    stream: CameraStream
    message: Any
    calibration: Calibration
    parameters: DepthParameters
    received_s: float
    activation: Activation

    @property
    def compressed(self) -> bool:
        """Whether the message is a CompressedImage."""
        return isinstance(self.message, CompressedImage)

    def report(self, kind: FaultKind, error: Exception | str, *, warning: bool = False) -> None:
        """
        Note a fault of this frame, as ``CameraStream.report`` does, while it still matters.

        Args:
            kind: where it sits.
            error: what happened.
            warning: not an error yet.

        """
        if not self.activation.over:
            self.stream.report(kind, error, warning=warning)

    def reject(self, error: Exception) -> None:
        """Note that nothing is published for this frame, while that still matters."""
        if not self.activation.over:
            self.stream.reject(error)


class CameraStream:
    """Everything of one camera; its callbacks run in the executor's thread."""

    def __init__(self, node: LifecycleNode, name: str, parameters: Callable[[], DepthParameters],
                 submit: Callable[[Frame], bool], log: ThrottledLog,
                 pose_source: PoseSource) -> None:
        """
        Create the outputs; images are not subscribed to yet.

        Args:
            node: owns the publishers and subscriptions.
            name: the camera; its topics lie under this name, or directly under the node's
                namespace if it is empty.
            parameters: returns the current parameters.
            submit: takes a frame for the network and returns True if that dropped an older one.
            log: for faults.
            pose_source: gives the pose of the camera on the robot.

        """
        self.name = name
        self._node = node
        self._parameters = parameters
        self._submit = submit
        self._log = log
        prefix = f'{name}/' if name else ''
        self._compressed = parameters().image_transport == 'compressed'
        image_topic = f'{prefix}image'
        if self._compressed:
            # The name that image_transport gives it, also after `image` has been remapped.
            image_topic = node.resolve_topic_name(image_topic) + '/compressed'
        self._info = InputSubscription(
            node, CameraInfo, f'{prefix}camera_info', self._on_camera_info,
            lambda error: self.report(FaultKind.CALIBRATION, error), takes_latched=True)
        self._image = InputSubscription(
            node, CompressedImage if self._compressed else Image, image_topic, self._on_image,
            lambda error: self.report(FaultKind.CAMERA, error))
        self._ranges = RangeInputs(
            node, prefix, pose_source if isinstance(pose_source, TfPose) else None)
        self.outputs = CameraOutputs(node, prefix, pose_source)
        self.scale = FrameScale(pose_source, self._ranges.measure)
        self._pose_source = pose_source
        self.health = CameraHealth(name, self._image.topic)
        # When the network was last given an image of this camera.
        self.last_submitted_s = -math.inf
        self._calibration = CalibrationTracker(self._info.topic)
        self._last_info: CameraInfo | None = None
        self._held: tuple[Any, float] | None = None
        self._activation = Activation()
        self._next_due_s = 0.0
        self._last_stamp_ns = 0

    @property
    def description(self) -> str:
        """The topics it listens to."""
        return f'{self._image.topic} and {self._info.topic}'

    def subscribe(self) -> None:
        """Start to receive."""
        # Those of the last time say nothing about this one. The calibration stays: a CameraInfo
        # that was published once, and not latched, does not come again.
        self.health.forget_stamps()
        self.scale = FrameScale(self._pose_source, self._ranges.measure)
        self._activation = Activation()
        self._next_due_s = 0.0
        self._ranges.open(wanted=self._wants_ranges())
        self._info.open()
        self._image.open()
        self.health.started_s = time.monotonic()

    def unsubscribe(self) -> None:
        """Stop to receive, and to publish what was received."""
        self._activation.end()
        self._info.close()
        self._image.close()
        self._ranges.close()
        self._held = None
        # What was wrong while active says nothing about the next time.
        self.health.clear(*FaultKind)
        self.health.forget_rates()

    def destroy(self) -> None:
        """Remove everything from the node."""
        self.unsubscribe()
        self.outputs.destroy()

    def follow_publishers(self) -> None:
        """Adapt the subscriptions to the publishers there are now; what fails is reported."""
        for each, kind in ((self._info, FaultKind.CALIBRATION), (self._image, FaultKind.CAMERA)):
            try:
                each.follow_publishers()
            except Exception as error:
                # The subscription of before goes on, and the next call may succeed.
                self.report(kind, f'cannot subscribe to {each.topic} anew: {error_text(error)}')
        self._ranges.follow(wanted=self._wants_ranges())

    def statuses(self, *, active: bool) -> list[DiagnosticStatus]:
        """
        Report the health of this camera.

        Args:
            active: the node is active, so images are expected.

        """
        parameters = self._parameters()
        if self._calibration.current.camera is not None:
            self.health.calibration_source = 'camera_info'
        elif parameters.horizontal_fov_deg > 0.0:
            self.health.calibration_source = 'horizontal_fov_deg'
        else:
            self.health.calibration_source = 'none'
        return camera_statuses(
            self.health, active=active, image_timeout_s=parameters.image_timeout_s,
            publisher_count=self._image.publisher_count(), reliability=self._image.reliability,
            silence=self._image.silence())

    def refresh_calibration(self) -> None:
        """Read the last CameraInfo anew, after a parameter has changed."""
        if self._last_info is not None:
            self._on_camera_info(self._last_info)

    def report(self, kind: FaultKind, error: Exception | str, *, warning: bool = False) -> None:
        """
        Note a fault in diagnostics and, throttled, in the log.

        Args:
            kind: where it sits.
            error: what happened.
            warning: not an error yet.

        """
        # It may go away at any moment, and with it the publishers; that is no fault.
        if not self._node.context.ok():
            return
        text = error if isinstance(error, str) else error_text(error)
        self.health.fault(kind, text, warning=warning)
        label = f'{self.name} {kind.value}' if self.name else kind.value
        self._log.fault((self.name, kind), f'{label}: {text}', warning=warning)

    def recovered(self, *kinds: FaultKind) -> None:
        """Note that faults of these kinds are over."""
        self.health.clear(*kinds)
        for kind in kinds:
            label = f'{self.name} {kind.value}' if self.name else kind.value
            self._log.recovered((self.name, kind), f'{label}: works again')

    def reject(self, error: Exception) -> None:
        """Note a frame that nothing is published for."""
        self.health.count(self.health.rejected)
        kind = FaultKind.CALIBRATION if isinstance(error, CameraInfoError) else FaultKind.CAMERA
        self.report(kind, error, warning=isinstance(error, MissingCameraInfoError))

    def _wants_ranges(self) -> bool:
        return self._parameters().scale_anchor == 'ranges'

    def _on_camera_info(self, message: CameraInfo) -> None:
        parameters = self._parameters()
        self._last_info = message
        if not self._calibration.update(message, rectified=parameters.rectified):
            return
        calibration = self._calibration.current
        if calibration.error is not None:
            self.report(FaultKind.CALIBRATION, calibration.error)
        else:
            # Whether it fits the images, the next of them will tell.
            self.health.clear(FaultKind.CALIBRATION)
        held, self._held = self._held, None
        if held is not None and time.monotonic() - held[1] < _HOLD_S:
            self._offer(*held)

    def _on_image(self, message: Any) -> None:
        self.health.count(self.health.received)
        self.health.frame_id = message.header.frame_id
        self._watch_clock(message.header)
        self.health.idle = not self.outputs.wanted()
        if self.health.idle:
            return
        now_s = time.monotonic()
        max_rate_hz = self._parameters().max_rate_hz
        if max_rate_hz > 0.0:
            period_s = 1.0 / max_rate_hz
            # A limit that was lower before would be waited for.
            self._next_due_s = min(self._next_due_s, now_s + period_s)
            if now_s < self._next_due_s:
                self.health.count(self.health.skipped)
                return
            # From the due time, not from now: else a 30 Hz camera limited to 20 Hz gives 15.
            self._next_due_s = max(self._next_due_s, now_s - period_s) + period_s
        self._offer(message, now_s)

    def _offer(self, message: Any, received_s: float) -> None:
        parameters = self._parameters()
        calibration = self._calibration.current
        size = None
        try:
            if not self._compressed:
                check_image(message)
                size = (message.height, message.width)
                self.health.last_image = f'{size[1]}x{size[0]} {message.encoding}'
            calibration.camera_for(
                message.header.frame_id, size, horizontal_fov_deg=parameters.horizontal_fov_deg,
                check_frame_id=parameters.check_frame_id)
        except ImageError as error:
            self.reject(error)
            return
        except CameraInfoError as error:
            # Perhaps the CameraInfo of this very image is the next message.
            self._held = message, received_s
            self.reject(error)
            return
        frame = Frame(
            self, message, calibration, parameters, received_s, self._activation)
        self.last_submitted_s = time.monotonic()
        if self._submit(frame):
            self.health.count(self.health.dropped)

    def _watch_clock(self, header: Any) -> None:
        stamp_ns = stamp_ns_of(header)
        if stamp_ns < self._last_stamp_ns:
            # Throttled, because two cameras on one topic do this with every image.
            self._log.fault(
                (self.name, 'clock'),
                f'stamps of {self._image.topic} went back by '
                f'{(self._last_stamp_ns - stamp_ns) / 1e9:.2f} s: a bag loops, the clock was set, '
                'or two cameras publish there', warning=True)
            self.health.forget_stamps()
        self._last_stamp_ns = stamp_ns
        problem = self.health.stamped(stamp_ns, self._node.get_clock().now().nanoseconds)
        key = self.name, 'stamps'
        if problem:
            self._log.fault(key, f'{self._image.topic}: {problem}', warning=True)
        else:
            self._log.recovered(key, f'{self._image.topic}: stamps fit the clock again')

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What the node knows about its own health, as diagnostic_msgs.

One status per place where a fault can sit, so that an operator sees at once whom to call:
``camera`` (images), ``calibration`` (CameraInfo), ``model`` (weights, device), ``compute`` (speed)
and ``depth`` (what comes out).
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import enum
import math
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
import numpy as np
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.stamp_age import is_plausible, StampAges
from scaledepth_ros.scale.anchor import ScaleCorrection

_WINDOW_S = 5.0
# Images that give way for this long, with no depth meanwhile: that is no overload any more.
_STUCK_S = 4.0
_OVERLOAD_SHARE = 0.2
_MIN_VALID_SHARE = 0.05


class FaultKind(enum.Enum):
    """Where a fault sits; the value is the name of its diagnostic status."""

    CAMERA = 'camera'
    CALIBRATION = 'calibration'
    MODEL = 'model'
    COMPUTE = 'compute'
    OUTPUT = 'depth'


@dataclass(frozen=True)
class Fault:
    """What is wrong, as a diagnostic level and text, and when it was last seen."""

    text: str
    level: bytes
    at_s: float


class RateMeter:
    """Events per second over the last few seconds."""

    def __init__(self) -> None:
        """Start empty."""
        self._times_s: deque[float] = deque()
        self.total = 0
        self.last_s = -math.inf

    def tick(self, now_s: float) -> None:
        """Count one event."""
        self.total += 1
        self.last_s = now_s
        self._times_s.append(now_s)
        self._forget(now_s)

    def forget_recent(self) -> None:
        """Keep the total only."""
        self._times_s.clear()

    def recent(self, now_s: float) -> int:
        """Return the number of events within the window."""
        self._forget(now_s)
        return len(self._times_s)

    def since_s(self, now_s: float) -> float:
        """Return how long ago the first event within the window was; 0 if there was none."""
        return now_s - self._times_s[0] if self.recent(now_s) else 0.0

    def rate_hz(self, now_s: float) -> float:
        """Return the mean rate within the window."""
        count = self.recent(now_s)
        if count < 2:
            return 0.0
        span_s = self._times_s[-1] - self._times_s[0]
        # A stream that stopped must fade instead of keeping its last rate.
        idle_s = now_s - self.last_s
        return (count - 1) / max(span_s, 1e-6) if idle_s < 1.0 else count / _WINDOW_S

    def _forget(self, now_s: float) -> None:
        while self._times_s and now_s - self._times_s[0] > _WINDOW_S:
            self._times_s.popleft()


@dataclass
class CameraHealth:
    """Counters and faults of one camera; every method may be called from any thread."""

    name: str
    image_topic: str
    started_s: float = field(default_factory=time.monotonic)
    received: RateMeter = field(default_factory=RateMeter)
    published: RateMeter = field(default_factory=RateMeter)
    dropped: RateMeter = field(default_factory=RateMeter)
    skipped: RateMeter = field(default_factory=RateMeter)
    rejected: RateMeter = field(default_factory=RateMeter)
    last_image: str = ''
    frame_id: str = ''
    calibration_source: str = 'none'
    scale_m: float = float('nan')
    scale_factor: float = 1.0
    correction: ScaleCorrection | None = None
    anchor_sensor: str = ''
    scene: str = ''
    valid_share: float = float('nan')
    idle: bool = False
    faults: dict[FaultKind, Fault] = field(default_factory=dict)
    _stamps: StampAges = field(default_factory=StampAges)
    _latency_ms: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    _processing_ms: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, meter: RateMeter) -> None:
        """Count one event on one of this camera's meters."""
        with self._lock:
            meter.tick(time.monotonic())

    def fault(self, kind: FaultKind, text: str, *, warning: bool = False) -> None:
        """Remember a fault until ``clear`` is called for it."""
        level = DiagnosticStatus.WARN if warning else DiagnosticStatus.ERROR
        with self._lock:
            self.faults[kind] = Fault(text, level, time.monotonic())

    def fault_of(self, kind: FaultKind) -> Fault | None:
        """Return the fault of a kind, if there is one."""
        with self._lock:
            return self.faults.get(kind)

    def clear(self, *kinds: FaultKind) -> None:
        """Forget faults."""
        with self._lock:
            for kind in kinds:
                self.faults.pop(kind, None)

    def stamped(self, stamp_ns: int, now_ns: int) -> str:
        """
        Note the stamp of an image that has arrived.

        Args:
            stamp_ns: the stamp.
            now_ns: the node's clock, which may be simulated.

        Returns:
            What is wrong with the stamps of the last seconds, '' if nothing.

        """
        with self._lock:
            self._stamps.add(stamp_ns, now_ns, time.monotonic())
            return self._stamps.problem()

    def finished(self, *, latency_ms: float, processing_ms: float) -> None:
        """Count a published frame with the time since its stamp and since its arrival."""
        with self._lock:
            self.published.tick(time.monotonic())
            # Between two clocks that do not belong together there is no latency.
            if is_plausible((latency_ms - processing_ms) / 1e3):
                self._latency_ms.append(latency_ms)
            self._processing_ms.append(processing_ms)

    def forget_stamps(self) -> None:
        """Start the statistics of stamps anew, as after a jump of the clock."""
        with self._lock:
            self._stamps.clear()
            self._latency_ms.clear()

    def forget_rates(self) -> None:
        """Start the rates anew, as when the camera is not listened to any more."""
        with self._lock:
            for meter in (self.received, self.published, self.dropped, self.skipped,
                          self.rejected):
                meter.forget_recent()

    def statuses(self, *, active: bool, image_timeout_s: float, publisher_count: int,
                 reliability: str, silence: str) -> list[DiagnosticStatus]:
        """
        Report camera, calibration, compute and depth of this camera.

        Args:
            active: the node is active, so images are expected.
            image_timeout_s: silence after which the camera is in doubt.
            publisher_count: how many publishers the image topic has.
            reliability: of the subscription to it.
            silence: why nothing arrives, if nothing does.

        """
        with self._lock:
            now_s = time.monotonic()
            silent = active and (
                now_s - max(self.started_s, self.received.last_s) > image_timeout_s)
            return [self._camera_status(now_s, active, publisher_count, reliability,
                                        silence if silent else ''),
                    self._calibration_status(now_s),
                    self._compute_status(now_s),
                    self._depth_status(now_s)]

    def _status(self, suffix: str, values: dict[str, object]) -> DiagnosticStatus:
        name = f'{self.name}: {suffix}' if self.name else suffix
        return make_status(name, self.frame_id, values)

    def _apply_fault(self, status: DiagnosticStatus, kind: FaultKind, now_s: float) -> bool:
        if kind not in self.faults:
            return False
        fault = self.faults[kind]
        status.level, status.message = fault.level, fault.text
        status.values.append(KeyValue(key='fault age [s]', value=f'{now_s - fault.at_s:.1f}'))
        return True

    def _camera_status(self, now_s: float, active: bool, publisher_count: int,
                       reliability: str, silence: str) -> DiagnosticStatus:
        rate_hz = self.received.rate_hz(now_s)
        status = self._status('camera', {
            'topic': self.image_topic, 'publishers': publisher_count, 'reliability': reliability,
            'rate [Hz]': f'{rate_hz:.1f}', 'received': self.received.total,
            'rejected': self.rejected.total, 'last image': self.last_image,
            'stamp age on arrival p50 [s]': f'{self._stamps.median_s():.3f}'})
        problem = self._stamps.problem()
        # First, because what was wrong with the last image matters less than that none comes.
        if silence:
            status.level = DiagnosticStatus.WARN
            status.message = f'no image on {self.image_topic}: {silence}'
        elif not self._apply_fault(status, FaultKind.CAMERA, now_s):
            if active and problem:
                status.level, status.message = DiagnosticStatus.WARN, problem
            else:
                status.message = f'{rate_hz:.1f} images/s' if active else 'not active'
        return status

    def _calibration_status(self, now_s: float) -> DiagnosticStatus:
        status = self._status('calibration', {'source': self.calibration_source})
        if self._apply_fault(status, FaultKind.CALIBRATION, now_s):
            return status
        if self.calibration_source == 'none':
            status.level, status.message = DiagnosticStatus.WARN, 'no CameraInfo yet'
        elif self.calibration_source != 'camera_info':
            status.level = DiagnosticStatus.WARN
            status.message = f'assumed from {self.calibration_source}; distances scale with it'
        else:
            status.message = 'from CameraInfo'
        return status

    def _compute_status(self, now_s: float) -> DiagnosticStatus:
        values: dict[str, object] = {
            'rate [Hz]': f'{self.published.rate_hz(now_s):.1f}',
            'published': self.published.total, 'dropped for a newer image': self.dropped.total,
            'skipped by max_rate_hz': self.skipped.total}
        offset = self._stamps.offset()
        if offset:
            values['stamp to publish'] = f'unknown: {offset}'
        for label, samples in (('stamp to publish', () if offset else self._latency_ms),
                               ('arrival to publish', self._processing_ms)):
            if samples:
                p50, p99 = np.percentile(samples, (50, 99))
                values[f'{label} p50 [ms]'] = f'{p50:.1f}'
                values[f'{label} p99 [ms]'] = f'{p99:.1f}'
        status = self._status('compute', values)
        if self._apply_fault(status, FaultKind.COMPUTE, now_s):
            return status
        dropped, published = self.dropped.recent(now_s), self.published.recent(now_s)
        stuck_s = self.dropped.since_s(now_s)
        if not published and stuck_s > _STUCK_S:
            status.level = DiagnosticStatus.ERROR
            status.message = (
                f'no depth for {stuck_s:.0f} s or longer while {dropped} images came: the network '
                'hangs, or is far too slow for this machine')
        elif dropped and dropped > _OVERLOAD_SHARE * (dropped + published):
            status.level = DiagnosticStatus.WARN
            status.message = (
                f'slower than the camera: {dropped} of {dropped + published} images dropped in '
                f'{_WINDOW_S:.0f} s; depth stays current, set max_rate_hz to save power')
        else:
            status.message = 'idle: no subscriber' if self.idle else 'keeps up'
        return status

    def _depth_status(self, now_s: float) -> DiagnosticStatus:
        values: dict[str, object] = {
            'valid share': f'{self.valid_share:.3f}', 'scale [m]': f'{self.scale_m:.3f}',
            'scene': self.scene, 'scale factor': f'{self.scale_factor:.3f}'}
        correction = self.correction
        if correction is not None:
            values |= {
                'anchor factor': f'{math.exp(correction.log_factor):.3f}',
                'anchor factor sigma': f'{correction.sigma:.3f}',
                'anchor innovation': f'{correction.innovation:.3f}',
                'anchor last measured [s ago]': f'{correction.age_s:.1f}'}
        if self.anchor_sensor:
            values['anchor sensor'] = self.anchor_sensor
        status = self._status('depth', values)
        if self._apply_fault(status, FaultKind.OUTPUT, now_s):
            return status
        if not self.published.recent(now_s):
            status.message = 'nothing published lately'
        elif self.valid_share < _MIN_VALID_SHARE:
            status.level = DiagnosticStatus.WARN
            status.message = f'only {100 * self.valid_share:.1f} % of the pixels are valid'
        else:
            status.message = f'{100 * self.valid_share:.1f} % of the pixels are valid'
        return status


def make_status(name: str, hardware_id: str, values: dict[str, object]) -> DiagnosticStatus:
    """
    Build a status at level OK.

    Args:
        name: what it is about; the node's name is put in front when it is published.
        hardware_id: which device.
        values: shown as key and value.

    """
    return DiagnosticStatus(
        level=DiagnosticStatus.OK, name=name, hardware_id=hardware_id,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()])


def model_status(parameters: DepthParameters, predictor: Any, *, error: str, loading: bool,
                 fault: Fault | None) -> DiagnosticStatus:
    """
    Report the network, its weights and what it runs on.

    Args:
        parameters: those of the node.
        predictor: the loaded network, or None.
        error: why it could not be loaded; empty if it could, or was not asked for.
        loading: it is being loaded now.
        fault: what went wrong with the last frame, if anything.

    """
    values: dict[str, object] = {'preset': parameters.model}
    if predictor is None:
        status = make_status('model', parameters.device, values)
        if loading:
            status.message = f'loading {parameters.model}'
        elif error:
            status.level, status.message = DiagnosticStatus.ERROR, error
        else:
            status.message = 'not configured'
        return status
    values |= {'weights': predictor.weights.description, 'sha256': predictor.weights.sha256,
               'device': predictor.device, 'engine': predictor.engine,
               'precision': predictor.precision, 'largest depth [m]': predictor.max_depth_m}
    status = make_status('model', str(predictor.device), values)
    if fault is not None:
        status.level, status.message = fault.level, fault.text
    elif predictor.problem:
        status.level, status.message = DiagnosticStatus.WARN, predictor.problem
    elif not predictor.weights.trained:
        status.level = DiagnosticStatus.WARN
        status.message = f'weights: {predictor.weights.description}; the depth means nothing'
    else:
        status.message = predictor.weights.description
    return status

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What the node notes of one camera from image to image: rates, latencies, stamps and faults."""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import enum
import math
import threading
import time

from diagnostic_msgs.msg import DiagnosticStatus
from scaledepth_ros.ros.stamp_age import is_plausible, StampAges
from scaledepth_ros.scale.anchor import ScaleCorrection

WINDOW_S = 5.0
"""Rates are those of the last seconds, this many."""


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
        return (count - 1) / max(span_s, 1e-6) if idle_s < 1.0 else count / WINDOW_S

    def _forget(self, now_s: float) -> None:
        while self._times_s and now_s - self._times_s[0] > WINDOW_S:
            self._times_s.popleft()


@dataclass
class CameraHealth:
    """
    Counters and faults of one camera; every method may be called from any thread.

    Whoever reads several fields that belong together holds ``lock``.
    """

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
    stamps: StampAges = field(default_factory=StampAges)
    latency_ms: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    processing_ms: deque[float] = field(default_factory=lambda: deque(maxlen=300))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, meter: RateMeter) -> None:
        """Count one event on one of this camera's meters."""
        with self.lock:
            meter.tick(time.monotonic())

    def fault(self, kind: FaultKind, text: str, *, warning: bool = False) -> None:
        """Remember a fault until ``clear`` is called for it."""
        level = DiagnosticStatus.WARN if warning else DiagnosticStatus.ERROR
        with self.lock:
            self.faults[kind] = Fault(text, level, time.monotonic())

    def fault_of(self, kind: FaultKind) -> Fault | None:
        """Return the fault of a kind, if there is one."""
        with self.lock:
            return self.faults.get(kind)

    def clear(self, *kinds: FaultKind) -> None:
        """Forget faults."""
        with self.lock:
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
        with self.lock:
            self.stamps.add(stamp_ns, now_ns, time.monotonic())
            return self.stamps.problem()

    def finished(self, *, latency_ms: float, processing_ms: float) -> None:
        """Count a published frame with the time since its stamp and since its arrival."""
        with self.lock:
            self.published.tick(time.monotonic())
            # Between two clocks that do not belong together there is no latency.
            if is_plausible((latency_ms - processing_ms) / 1e3):
                self.latency_ms.append(latency_ms)
            self.processing_ms.append(processing_ms)

    def forget_stamps(self) -> None:
        """Start the statistics of stamps anew, as after a jump of the clock."""
        with self.lock:
            self.stamps.clear()
            self.latency_ms.clear()

    def forget_rates(self) -> None:
        """Start the rates anew, as when the camera is not listened to any more."""
        with self.lock:
            for meter in (self.received, self.published, self.dropped, self.skipped,
                          self.rejected):
                meter.forget_recent()

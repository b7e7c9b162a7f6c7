# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The health of a camera by a clock that a test sets, and what is said of it."""
from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
import pytest
from scaledepth_ros.ros import camera_health, diagnostics
from scaledepth_ros.ros.camera_health import CameraHealth
from scaledepth_ros.ros.diagnostics import camera_statuses

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Clock:
    """Stands where the module `time` stands."""

    now_s = 1000.0

    def monotonic(self) -> float:
        """Return the time that the test has set."""
        return self.now_s


def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock that stands still in place of the real one."""
    clock = Clock()
    for module in (camera_health, diagnostics):
        monkeypatch.setattr(module, 'time', clock)
    return clock


def statuses(health: CameraHealth, *, active: bool = True) -> dict[str, DiagnosticStatus]:
    """Return what is said of a camera, by the name of the status."""
    return {status.name: status for status in camera_statuses(
        health, active=active, image_timeout_s=2.0, publisher_count=1, reliability='reliable',
        silence='nobody publishes it')}

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What is counted of a camera, and how long it is remembered."""
from __future__ import annotations

from health_bench import ERROR, WARN
import pytest
from scaledepth_ros.ros.camera_health import FaultKind, RateMeter


def test_fault_can_be_asked_for_after_it_has_gone(health):
    health.fault(FaultKind.MODEL, 'no memory')
    assert health.fault_of(FaultKind.MODEL).text == 'no memory'
    assert health.fault_of(FaultKind.MODEL).level == ERROR
    health.fault(FaultKind.MODEL, 'little memory', warning=True)
    assert health.fault_of(FaultKind.MODEL).level == WARN
    health.clear(FaultKind.MODEL)
    assert health.fault_of(FaultKind.MODEL) is None


def test_rate_is_that_of_the_last_seconds_and_fades_when_nothing_comes():
    meter = RateMeter()
    assert meter.rate_hz(100.0) == 0.0
    for index in range(21):
        meter.tick(100.0 + 0.5 * index)
    # 11 events within the five seconds up to 110, half a second apart.
    assert (meter.total, meter.recent(110.0), meter.since_s(110.0)) == (21, 11, 5.0)
    assert meter.rate_hz(110.0) == pytest.approx(2.0)
    # Then one that stops: 7 events are left at 112, over five seconds.
    assert meter.rate_hz(112.0) == pytest.approx(7 / 5)
    assert meter.rate_hz(115.5) == 0.0
    assert (meter.total, meter.recent(115.5), meter.since_s(115.5)) == (21, 0, 0.0)


def test_rates_that_are_forgotten_leave_the_totals(health, clock):
    for meter in (health.received, health.published, health.dropped, health.skipped,
                  health.rejected):
        health.count(meter)
    health.forget_rates()
    for meter in (health.received, health.published, health.dropped, health.skipped,
                  health.rejected):
        assert (meter.total, meter.recent(clock.now_s)) == (1, 0)


def test_latency_between_clocks_that_do_not_fit_is_not_kept(health):
    for latency_ms in (30.0, 5e9, -2000.0, 10_020.0):
        health.finished(latency_ms=latency_ms, processing_ms=20.0)
    assert list(health.latency_ms) == [30.0, 10_020.0]
    assert list(health.processing_ms) == [20.0] * 4
    health.forget_stamps()
    assert not health.latency_ms

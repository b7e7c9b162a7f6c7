# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What is said of stamps and a clock that do not belong together, and when nothing is."""
from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
from health_bench import OK, statuses, WARN
import pytest
from scaledepth_ros.ros.camera_health import FaultKind

NOW_NS = 1_760_000_000 * 10**9


def stamp(health, clock, *ages_s: float, now_ns: int = NOW_NS) -> None:
    """Let images of these ages arrive, two a second."""
    for age_s in ages_s:
        clock.now_s += 0.5
        health.count(health.received)
        health.stamped(now_ns - round(age_s * 1e9), now_ns)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {value.key: value.value for value in status.values}


@pytest.mark.parametrize(('age_s', 'text'), [
    (-0.4, ''), (0.0, ''), (0.03, ''), (9.9, ''),
    (-0.6, '0.6 s ahead of'), (10.1, '10.1 s behind'), (119.0, '119.0 s behind'),
    (300.0, '5.0 min behind'), (-5400.0, '90.0 min ahead of'), (12240.0, '3.4 h behind'),
    (864000.0, '10.0 days behind'), (3.15576e8, '10.0 years behind')])
def test_stamps_of_another_clock_are_a_warning(health, clock, age_s, text):
    stamp(health, clock, *[age_s] * 4)
    health.finished(latency_ms=age_s * 1e3 + 20.0, processing_ms=20.0)
    camera, compute = (statuses(health)[name] for name in ('camera', 'compute'))
    assert values_of(camera)['stamp age on arrival p50 [s]'] == f'{age_s:.3f}'
    assert 'arrival to publish p99 [ms]' in values_of(compute)
    if not text:
        assert (camera.level, camera.message) == (OK, '2.0 images/s')
        assert values_of(compute)['stamp to publish p50 [ms]'] == f'{age_s * 1e3 + 20.0:.1f}'
        return
    assert camera.level == WARN
    assert camera.message == (
        f"image stamps are {text} the node's clock; for a bag set use_sim_time:=true and play it "
        'with `ros2 bag play --clock`, for a camera set use_sim_time:=false and synchronise the '
        'clocks (NTP, PTP)')
    assert values_of(compute)['stamp to publish'] == (
        f"unknown: image stamps are {text} the node's clock")
    assert not any('stamp to publish p' in key for key in values_of(compute))


def test_cause_of_stamps_that_do_not_fit_is_named_where_it_is_certain(health, clock):
    stamp(health, clock, *[NOW_NS / 1e9] * 4)
    camera = statuses(health)['camera']
    assert camera.message == ("image stamps are 55.8 years behind the node's clock: they are 0, "
                              'the camera driver does not set them')
    health.forget_stamps()
    stamp(health, clock, *[-NOW_NS / 1e9] * 4, now_ns=0)
    camera = statuses(health)['camera']
    assert camera.level == WARN
    assert "55.8 years ahead of the node's clock, which stands at 0: use_sim_time is set" in (
        camera.message)


def test_one_odd_stamp_is_no_fault_and_no_latency(health, clock):
    for age_s in (0.02, 0.02, 5e7, 0.02, 0.02):
        stamp(health, clock, age_s)
        health.finished(latency_ms=age_s * 1e3 + 10.0, processing_ms=10.0)
    camera, compute = (statuses(health)[name] for name in ('camera', 'compute'))
    assert camera.level == OK
    assert values_of(compute)['stamp to publish p99 [ms]'] == '30.0'


def test_simulated_clock_may_come_after_the_first_images(health, clock):
    for age_s in (-100.0, -100.0, -100.0, 0.0, 0.0, 0.0):
        clock.now_s += 0.1
        assert health.stamped(NOW_NS - round(age_s * 1e9), NOW_NS) == ''
    stamp(health, clock, *[0.0] * 4)
    assert statuses(health)['camera'].level == OK


def test_clocks_that_are_set_right_end_the_warning_within_the_window(health, clock):
    stamp(health, clock, *[3600.0] * 100)
    assert statuses(health)['camera'].level == WARN
    stamp(health, clock, *[0.0] * 7)
    assert statuses(health)['camera'].level == OK


def test_slow_network_is_no_matter_of_clocks(health, clock):
    stamp(health, clock, *[0.1] * 4)
    health.finished(latency_ms=30_100.0, processing_ms=30_000.0)
    camera, compute = (statuses(health)[name] for name in ('camera', 'compute'))
    assert camera.level == OK
    assert values_of(compute)['stamp to publish p50 [ms]'] == '30100.0'


def test_stamps_say_less_than_a_fault_of_the_image_and_nothing_while_inactive(health, clock):
    stamp(health, clock, *[3600.0] * 4)
    health.fault(FaultKind.CAMERA, 'encoding rgb9')
    assert statuses(health)['camera'].message == 'encoding rgb9'
    health.clear(FaultKind.CAMERA)
    assert statuses(health)['camera'].level == WARN
    assert statuses(health, active=False)['camera'].message == 'not active'

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What the node says of its health, and which of several faults it names."""
from __future__ import annotations

from typing import Any

from health_bench import ERROR, OK, statuses, WARN
from known_depth_node import KnownDepth
import numpy as np
from scaledepth_ros.ros.camera_health import FaultKind
from scaledepth_ros.ros.diagnostics import model_status
from scaledepth_ros.ros.parameters import DepthParameters


def test_silence_says_more_than_the_fault_of_the_last_image(health, clock):
    health.count(health.received)
    health.fault(FaultKind.CAMERA, 'encoding rgb9')
    clock.now_s += 1.0
    camera = statuses(health)['camera']
    assert (camera.level, camera.message) == (ERROR, 'encoding rgb9')
    clock.now_s += 2.0
    camera = statuses(health)['camera']
    assert (camera.level, camera.message) == (WARN, 'no image on /image: nobody publishes it')
    # When nobody expects images, none is missing.
    health.clear(FaultKind.CAMERA)
    camera = statuses(health, active=False)['camera']
    assert (camera.level, camera.message) == (OK, 'not active')


def test_network_that_hangs_is_more_than_an_overload(health, clock):
    health.finished(latency_ms=1.0, processing_ms=1.0)
    levels = []
    for _ in range(80):
        clock.now_s += 0.1
        health.count(health.dropped)
        levels.append(statuses(health)['compute'].level)
    # The first five seconds have a frame that came out; images give way in all of them.
    assert levels[:49] == [OK if level == OK else WARN for level in levels[:49]]
    assert levels[10:49] == [WARN] * 39
    assert levels[60:] == [ERROR] * 20
    assert 'the network hangs' in statuses(health)['compute'].message
    health.finished(latency_ms=1.0, processing_ms=1.0)
    assert statuses(health)['compute'].level == WARN


def test_overload_does_not_look_like_a_hang_once_nobody_listens(health, clock):
    """What was in work is not published any more, so the last to count gave way."""
    for _ in range(100):
        clock.now_s += 0.05
        health.count(health.dropped)
        if clock.now_s < 1004.7:
            health.finished(latency_ms=1.0, processing_ms=1.0)
    assert statuses(health)['compute'].level == WARN
    totals = health.dropped.total, health.published.total
    health.forget_rates()
    for _ in range(60):
        compute = statuses(health, active=False)['compute']
        assert (compute.level, compute.message) == (OK, 'keeps up')
        clock.now_s += 0.1
    assert (health.dropped.total, health.published.total) == totals


def test_first_inference_that_takes_a_second_is_no_hang(health, clock):
    clock.now_s += 3600.0
    for _ in range(10):
        clock.now_s += 0.1
        health.count(health.dropped)
        assert statuses(health)['compute'].level == WARN


def test_status_of_the_model_at_each_moment(health):
    parameters = DepthParameters()
    options: dict[str, Any] = {'error': '', 'loading': False, 'fault': None}

    def said(predictor=None, **changes):
        status = model_status(parameters, predictor, **{**options, **changes})
        return status.level, status.message

    assert said() == (OK, 'not configured')
    assert said(error='no such file') == (ERROR, 'no such file')
    # Asked for again, the old reason is no more than history.
    assert said(error='no such file', loading=True) == (OK, 'loading lite')
    predictor = KnownDepth(DepthParameters(model='known'))
    assert said(predictor) == (OK, 'known depth (test)')
    predictor.problem = 'runs on cpu'
    assert said(predictor) == (WARN, 'runs on cpu')
    health.fault(FaultKind.MODEL, 'inference failed')
    assert said(predictor, fault=health.fault_of(FaultKind.MODEL)) == (ERROR, 'inference failed')


def test_valid_share_that_is_small_is_a_warning(health):
    health.finished(latency_ms=1.0, processing_ms=1.0)
    for share, level in ((0.04, WARN), (0.06, OK), (np.float64(0.0), WARN)):
        health.valid_share = share
        assert statuses(health)['depth'].level == level

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What the node knows about its own health, as diagnostic_msgs.

One status per place where a fault can sit, so that an operator sees at once whom to call:
``camera`` (images), ``calibration`` (CameraInfo), ``model`` (weights, device), ``compute`` (speed)
and ``depth`` (what comes out).
"""
from __future__ import annotations

import math
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
import numpy as np
from scaledepth_ros.ros.camera_health import CameraHealth, Fault, FaultKind, WINDOW_S
from scaledepth_ros.ros.parameters import DepthParameters

# Images that give way for this long, with no depth meanwhile: that is no overload any more.
_STUCK_S = 4.0
_OVERLOAD_SHARE = 0.2
_MIN_VALID_SHARE = 0.05


def camera_statuses(health: CameraHealth, *, active: bool, image_timeout_s: float,
                    publisher_count: int, reliability: str,
                    silence: str) -> list[DiagnosticStatus]:
    """
    Report camera, calibration, compute and depth of one camera.

    Args:
        health: what was noted of it.
        active: the node is active, so images are expected.
        image_timeout_s: silence after which the camera is in doubt.
        publisher_count: how many publishers the image topic has.
        reliability: of the subscription to it.
        silence: why nothing arrives, if nothing does.

    """
    with health.lock:
        now_s = time.monotonic()
        silent = active and (
            now_s - max(health.started_s, health.received.last_s) > image_timeout_s)
        return [_camera_status(health, now_s, active, publisher_count, reliability,
                               silence if silent else ''),
                _calibration_status(health, now_s),
                _compute_status(health, now_s),
                _depth_status(health, now_s)]


def _status(health: CameraHealth, suffix: str, values: dict[str, object]) -> DiagnosticStatus:
    name = f'{health.name}: {suffix}' if health.name else suffix
    return make_status(name, health.frame_id, values)


def _apply_fault(health: CameraHealth, status: DiagnosticStatus, kind: FaultKind,
                 now_s: float) -> bool:
    if kind not in health.faults:
        return False
    fault = health.faults[kind]
    status.level, status.message = fault.level, fault.text
    status.values.append(KeyValue(key='fault age [s]', value=f'{now_s - fault.at_s:.1f}'))
    return True


def _camera_status(health: CameraHealth, now_s: float, active: bool, publisher_count: int,
                   reliability: str, silence: str) -> DiagnosticStatus:
    rate_hz = health.received.rate_hz(now_s)
    status = _status(health, 'camera', {
        'topic': health.image_topic, 'publishers': publisher_count, 'reliability': reliability,
        'rate [Hz]': f'{rate_hz:.1f}', 'received': health.received.total,
        'rejected': health.rejected.total, 'last image': health.last_image,
        'stamp age on arrival p50 [s]': f'{health.stamps.median_s():.3f}'})
    problem = health.stamps.problem()
    # First, because what was wrong with the last image matters less than that none comes.
    if silence:
        status.level = DiagnosticStatus.WARN
        status.message = f'no image on {health.image_topic}: {silence}'
    elif not _apply_fault(health, status, FaultKind.CAMERA, now_s):
        if active and problem:
            status.level, status.message = DiagnosticStatus.WARN, problem
        else:
            status.message = f'{rate_hz:.1f} images/s' if active else 'not active'
    return status


def _calibration_status(health: CameraHealth, now_s: float) -> DiagnosticStatus:
    status = _status(health, 'calibration', {'source': health.calibration_source})
    if _apply_fault(health, status, FaultKind.CALIBRATION, now_s):
        return status
    if health.calibration_source == 'none':
        status.level, status.message = DiagnosticStatus.WARN, 'no CameraInfo yet'
    elif health.calibration_source != 'camera_info':
        status.level = DiagnosticStatus.WARN
        status.message = f'assumed from {health.calibration_source}; distances scale with it'
    else:
        status.message = 'from CameraInfo'
    return status


def _compute_status(health: CameraHealth, now_s: float) -> DiagnosticStatus:
    values: dict[str, object] = {
        'rate [Hz]': f'{health.published.rate_hz(now_s):.1f}',
        'published': health.published.total, 'dropped for a newer image': health.dropped.total,
        'skipped by max_rate_hz': health.skipped.total}
    offset = health.stamps.offset()
    if offset:
        values['stamp to publish'] = f'unknown: {offset}'
    for label, samples in (('stamp to publish', () if offset else health.latency_ms),
                           ('arrival to publish', health.processing_ms)):
        if samples:
            p50, p99 = np.percentile(samples, (50, 99))
            values[f'{label} p50 [ms]'] = f'{p50:.1f}'
            values[f'{label} p99 [ms]'] = f'{p99:.1f}'
    status = _status(health, 'compute', values)
    if _apply_fault(health, status, FaultKind.COMPUTE, now_s):
        return status
    dropped, published = health.dropped.recent(now_s), health.published.recent(now_s)
    stuck_s = health.dropped.since_s(now_s)
    if not published and stuck_s > _STUCK_S:
        status.level = DiagnosticStatus.ERROR
        status.message = (
            f'no depth for {stuck_s:.0f} s or longer while {dropped} images came: the network '
            'hangs, or is far too slow for this machine')
    elif dropped and dropped > _OVERLOAD_SHARE * (dropped + published):
        status.level = DiagnosticStatus.WARN
        status.message = (
            f'slower than the camera: {dropped} of {dropped + published} images dropped in '
            f'{WINDOW_S:.0f} s; depth stays current, set max_rate_hz to save power')
    else:
        status.message = 'idle: no subscriber' if health.idle else 'keeps up'
    return status


def _depth_status(health: CameraHealth, now_s: float) -> DiagnosticStatus:
    values: dict[str, object] = {
        'valid share': f'{health.valid_share:.3f}', 'scale [m]': f'{health.scale_m:.3f}',
        'scene': health.scene, 'scale factor': f'{health.scale_factor:.3f}'}
    correction = health.correction
    if correction is not None:
        values |= {
            'anchor factor': f'{math.exp(correction.log_factor):.3f}',
            'anchor factor sigma': f'{correction.sigma:.3f}',
            'anchor innovation': f'{correction.innovation:.3f}',
            'anchor last measured [s ago]': f'{correction.age_s:.1f}'}
    if health.anchor_sensor:
        values['anchor sensor'] = health.anchor_sensor
    status = _status(health, 'depth', values)
    if _apply_fault(health, status, FaultKind.OUTPUT, now_s):
        return status
    if not health.published.recent(now_s):
        status.message = 'nothing published lately'
    elif health.valid_share < _MIN_VALID_SHARE:
        status.level = DiagnosticStatus.WARN
        status.message = f'only {100 * health.valid_share:.1f} % of the pixels are valid'
    else:
        status.message = f'{100 * health.valid_share:.1f} % of the pixels are valid'
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

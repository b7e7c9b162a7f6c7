# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Which fault is reported where, and what goes to the log."""
from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from known_depth_node import KnownDepth
import numpy as np
import pytest
from ros_harness import make_image
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.ros import diagnostics
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.calibration import Calibration
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.camera_stream import Frame
from scaledepth_ros.ros.diagnostics import CameraHealth, FaultKind, model_status
from scaledepth_ros.ros.frame_processor import FrameProcessor
from scaledepth_ros.ros.frame_scale import FrameScale
from scaledepth_ros.ros.logs import forward_package_log, LogForwarder, ThrottledLog
from scaledepth_ros.ros.parameters import DepthParameters

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Clock:
    """Stands where the module `time` stands."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(diagnostics, 'time', clock)
    return clock


def statuses(health: CameraHealth, *, active: bool = True) -> dict[str, DiagnosticStatus]:
    return {status.name: status for status in health.statuses(
        active=active, image_timeout_s=2.0, publisher_count=1, reliability='reliable',
        silence='nobody publishes it')}


@pytest.fixture
def health(clock) -> CameraHealth:
    return CameraHealth('', '/image', started_s=clock.now_s)


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


def test_fault_can_be_asked_for_after_it_has_gone(health):
    health.fault(FaultKind.MODEL, 'no memory')
    assert health.fault_of(FaultKind.MODEL).text == 'no memory'
    health.clear(FaultKind.MODEL)
    assert health.fault_of(FaultKind.MODEL) is None


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


class Stream:
    """The parts of a CameraStream that the worker thread uses."""

    def __init__(self, publish):
        self.outputs = SimpleNamespace(publish=publish)
        self.scale = FrameScale(pose_from_parameters)
        self.health = CameraHealth('', '/image')
        self.reports: list[tuple[FaultKind, str, bool]] = []

    def report(self, kind, error, *, warning=False):
        self.reports.append((kind, str(error), warning))

    def reject(self, error):
        self.report(FaultKind.CAMERA, error)

    def recovered(self, *kinds):
        pass


def frame(stream: Stream) -> Frame:
    camera = CameraModel.from_fov(64, 48, 60.0)
    calibration = Calibration('/camera_info', 'camera_optical_frame', camera)
    return Frame(stream, make_image(), calibration, DepthParameters(), 0.0, Activation())


def failing(*_arguments, **_options):
    raise ValueError('something is not what it was')


@pytest.mark.parametrize(('part', 'kind', 'text'), [
    ('infer', FaultKind.MODEL, 'inference failed with ValueError: something'),
    ('publish', FaultKind.OUTPUT, 'publishing failed with ValueError: something')])
def test_fault_is_reported_where_it_sits(part, kind, text):
    predictor = KnownDepth(DepthParameters(model='known'))
    if part == 'infer':
        predictor.infer = failing
    stream = Stream(failing if part == 'publish' else lambda *_a, **_o: (1.0, None))
    processor = FrameProcessor(predictor, lambda: 0)
    processor([frame(stream)])
    (reported, message, warning), = stream.reports
    assert (reported, warning) == (kind, False)
    assert message.startswith(text)


def test_batch_that_fails_is_a_warning_while_each_image_works(health):
    predictor = KnownDepth(DepthParameters(model='known'))
    predictor.infer_batch = failing
    published = []

    def publish(*arguments, **_options):
        published.append(arguments)
        return 1.0, None

    streams = [Stream(publish), Stream(publish)]
    processor = FrameProcessor(predictor, lambda: 0)
    processor([frame(stream) for stream in streams])
    assert len(published) == 2
    for stream in streams:
        (kind, text, warning), = stream.reports
        assert (kind, warning) == (FaultKind.COMPUTE, True)
        assert text == ('the batch of 2 failed, trying one by one: '
                        'ValueError: something is not what it was')


def test_camera_that_was_deactivated_costs_the_other_of_a_batch_nothing():
    published = []
    streams = [Stream(lambda *_a, name=name, **_o: published.append(name) or (1.0, None))
               for name in ('left', 'right')]
    frames = [frame(stream) for stream in streams]
    frames[0].activation.end()
    FrameProcessor(KnownDepth(DepthParameters(model='known')), lambda: 0)(frames)
    assert published == ['right']
    assert [stream.health.published.total for stream in streams] == [0, 1]


class Logger:
    """Notes what an rclpy logger is told."""

    def __init__(self):
        self.lines: list[tuple[str, str]] = []
        for level in ('info', 'warning', 'error'):
            setattr(self, level, lambda text, level=level: self.lines.append((level, text)))


def test_what_the_package_logs_goes_to_the_node():
    logger, package = Logger(), logging.getLogger('scaledepth_ros')
    level = package.level
    forward_package_log(logger)
    try:
        part = logging.getLogger('scaledepth_ros.inference.engines.switching')
        part.info('%s serves', 'openvino')
        part.warning('%s; using PyTorch', 'openvino differs')
        part.error('worse')
        part.debug('too much')
    finally:
        for handler in [h for h in package.handlers if isinstance(h, LogForwarder)]:
            package.removeHandler(handler)
        package.setLevel(level)
    assert logger.lines == [('info', 'openvino serves'),
                            ('warning', 'openvino differs; using PyTorch'), ('error', 'worse')]


def test_suppressed_faults_are_counted():
    logger = Logger()
    period_s = [3600.0]
    log = ThrottledLog(logger, lambda: period_s[0])
    for _ in range(4):
        log.fault('camera', 'bad image')
    period_s[0] = 0.0
    log.fault('camera', 'bad image')
    log.recovered('camera', 'works again')
    log.recovered('camera', 'works again')
    assert logger.lines == [
        ('error', 'bad image'), ('error', 'bad image (3 more since the last message)'),
        ('info', 'works again')]


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


def test_valid_share_that_is_small_is_a_warning(health):
    health.finished(latency_ms=1.0, processing_ms=1.0)
    for share, level in ((0.04, WARN), (0.06, OK), (np.float64(0.0), WARN)):
        health.valid_share = share
        assert statuses(health)['depth'].level == level

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera of the node reports, and how many of its images it passes on."""
from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from ros_harness import make_image, make_info
from scaledepth_ros.ros import camera_stream
from scaledepth_ros.ros.camera_health import FaultKind
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.camera_stream import CameraStream
from scaledepth_ros.ros.parameters import DepthParameters

pytestmark = pytest.mark.ros


def test_what_the_end_of_the_process_interrupts_is_no_fault(domain: int) -> None:
    """A signal ends the context, and every publisher with it, while a frame is on its way."""
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('camera', context=context)
    said: list[str] = []
    log = SimpleNamespace(fault=lambda _key, text, **_options: said.append(text))
    stream = CameraStream(
        node, '', DepthParameters, lambda _frame: False, log, pose_from_parameters)
    stream.report(FaultKind.OUTPUT, 'before')
    context.try_shutdown()
    stream.report(FaultKind.OUTPUT, 'after')
    assert said == ['depth: before']
    assert stream.health.fault_of(FaultKind.OUTPUT).text == 'before'
    node.destroy_node()


@pytest.mark.parametrize(('failing', 'kind'), [
    ('_info', FaultKind.CALIBRATION), ('_image', FaultKind.CAMERA)])
def test_subscription_that_cannot_be_replaced_is_a_fault_and_costs_nothing_else(
        domain: int, monkeypatch: pytest.MonkeyPatch, failing: str, kind: FaultKind) -> None:
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('camera', context=context)
    said: list[str] = []
    log = SimpleNamespace(fault=lambda _key, text, **_options: said.append(text))
    stream = CameraStream(
        node, 'front', DepthParameters, lambda _frame: False, log, pose_from_parameters)
    followed: list[str] = []

    def fail() -> None:
        raise RuntimeError('no more entities')
    for name in ('_info', '_image'):
        monkeypatch.setattr(getattr(stream, name), 'follow_publishers', fail if name == failing
                            else lambda name=name: followed.append(name))
    monkeypatch.setattr(stream._ranges, 'follow', lambda *, wanted: followed.append('_ranges'))
    stream.follow_publishers()
    topic = getattr(stream, failing).topic
    text = f'cannot subscribe to {topic} anew: RuntimeError: no more entities'
    assert stream.health.fault_of(kind).text == text
    assert said == [f'front {kind.value}: {text}']
    assert followed == [name for name in ('_info', '_image', '_ranges') if name != failing]
    # The context may go away at any moment; that is no fault.
    context.try_shutdown()
    stream.follow_publishers()
    assert len(said) == 1
    node.destroy_node()


class Limited:
    """A camera at a limited rate, and a clock that only its images move."""

    def __init__(self, domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.passed, self.parameters = 1000.0, 0, None
        monkeypatch.setattr(
            camera_stream, 'time', SimpleNamespace(monotonic=lambda: self.now_s))
        self._context = Context()
        self._context.init(domain_id=domain)
        self._node = LifecycleNode('camera', context=self._context)
        log = SimpleNamespace(fault=lambda *_, **__: None, recovered=lambda *_: None)
        self.limit(0.0)
        self.stream = CameraStream(
            self._node, '', lambda: self.parameters, self._submit, log, pose_from_parameters)
        monkeypatch.setattr(self.stream.outputs, 'wanted', lambda: True)
        self._image = make_image()

    def close(self) -> None:
        self._node.destroy_node()
        self._context.try_shutdown()

    def limit(self, rate_hz: float) -> None:
        self.parameters = DepthParameters(max_rate_hz=rate_hz, horizontal_fov_deg=60.0)

    def run(self, seconds: float, camera_hz: float = 30.0) -> int:
        """Return how many images are passed on in this time."""
        before, start_s = self.passed, self.now_s
        for index in range(round(camera_hz * seconds)):
            self.now_s = start_s + index / camera_hz
            self.stream._on_image(self._image)
        return self.passed - before

    def _submit(self, _frame: Any) -> bool:
        self.passed += 1
        return False


@pytest.fixture
def limited(domain: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Limited]:
    made = Limited(domain, monkeypatch)
    yield made
    made.close()


def test_a_higher_limit_acts_at_once(limited: Limited) -> None:
    limited.limit(0.05)
    # One more than its share may pass after a pause.
    assert limited.run(2.0) <= 2
    assert limited.run(2.0) == 0
    limited.limit(15.0)
    assert limited.run(2.0) == pytest.approx(30, abs=2)


def test_an_activation_does_not_wait_for_the_one_before(limited: Limited) -> None:
    limited.limit(0.05)
    # One more than its share may pass after a pause.
    assert limited.run(2.0) <= 2
    assert limited.run(2.0) == 0
    limited.stream.unsubscribe()
    limited.stream.subscribe()
    assert limited.run(0.1) > 0


def test_camera_info_that_came_once_lasts_beyond_a_deactivation(limited: Limited) -> None:
    limited.parameters = DepthParameters()
    assert limited.run(0.1) == 0
    info = make_info()
    info.header.frame_id = 'camera_optical_frame'
    limited.stream._on_camera_info(info)
    limited.stream.unsubscribe()
    limited.stream.subscribe()
    assert limited.run(0.1) == 3


@pytest.mark.parametrize(('camera_hz', 'limit_hz', 'expected_hz'), [
    (30.0, 20.0, 20.0), (30.0, 10.0, 10.0), (50.0, 30.0, 30.0), (30.0, 30.0, 30.0),
    (10.0, 20.0, 10.0), (30.0, 0.0, 30.0)])
def test_limited_rate_is_what_was_asked_for_and_no_whole_part_of_the_cameras(
        limited: Limited, camera_hz: float, limit_hz: float, expected_hz: float) -> None:
    limited.limit(limit_hz)
    # A stall in between is not made up for by a burst.
    for start_s in (1000.0, 1100.0):
        # Nudged, because no camera is exact to the last bit of a float.
        limited.now_s = start_s + 0.01 / camera_hz
        count = limited.run(5.0, camera_hz)
        assert count == pytest.approx(5.0 * expected_hz, abs=2.0)

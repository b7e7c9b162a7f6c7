# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera of the node reports, and how many of its images it passes on."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from ros_harness import make_image
from scaledepth_ros.ros import camera_stream
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.camera_stream import CameraStream
from scaledepth_ros.ros.diagnostics import FaultKind
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


@pytest.mark.parametrize(('camera_hz', 'limit_hz', 'expected_hz'), [
    (30.0, 20.0, 20.0), (30.0, 10.0, 10.0), (50.0, 30.0, 30.0), (30.0, 30.0, 30.0),
    (10.0, 20.0, 10.0), (30.0, 0.0, 30.0)])
def test_limited_rate_is_what_was_asked_for_and_no_whole_part_of_the_cameras(
        domain: int, monkeypatch: pytest.MonkeyPatch, camera_hz: float, limit_hz: float,
        expected_hz: float) -> None:
    now_s = 1000.0
    monkeypatch.setattr(camera_stream, 'time', SimpleNamespace(monotonic=lambda: now_s))
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('camera', context=context)
    parameters = DepthParameters(max_rate_hz=limit_hz, horizontal_fov_deg=60.0)
    passed_s: list[float] = []

    def submit(_frame: Any) -> bool:
        passed_s.append(now_s)
        return False

    log = SimpleNamespace(fault=lambda *_, **__: None, recovered=lambda *_: None)
    stream = CameraStream(
        node, '', lambda: parameters, submit, log, pose_from_parameters)
    monkeypatch.setattr(stream.outputs, 'wanted', lambda: True)
    image = make_image()
    # A stall in between is not made up for by a burst.
    for start_s in (1000.0, 1100.0):
        for index in range(round(5.0 * camera_hz)):
            # Nudged, because no camera is exact to the last bit of a float.
            now_s = start_s + (index + 0.01) / camera_hz
            stream._on_image(image)
        count = sum(at_s >= start_s for at_s in passed_s)
        assert count == pytest.approx(5.0 * expected_hz, abs=2.0)
    node.destroy_node()
    context.try_shutdown()

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera of the node reports."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from scaledepth_ros.ros.camera_stream import CameraStream
from scaledepth_ros.ros.diagnostics import FaultKind
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.scan_output import pose_from_parameters

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

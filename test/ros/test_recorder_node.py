# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder counts everything, thins what is large, and stays within its memory."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

import pytest
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from ros_harness import PACKAGE_ROOT, signal_until_it_ends
from scaledepth_ros.bag import BagReader
from scaledepth_ros.middleware import local_environment
from scaledepth_ros.ros.recorder_node import RecorderNode
from sensor_msgs.msg import Image, PointCloud2

pytestmark = pytest.mark.ros


@pytest.fixture
def recorder(domain: int) -> Iterator[Callable[..., RecorderNode]]:
    """Make recorders in this process."""
    context = Context()
    context.init(domain_id=domain)
    nodes: list[RecorderNode] = []

    def make(**parameters: Any) -> RecorderNode:
        nodes.append(RecorderNode(context=context, parameter_overrides=[
            Parameter(name, value=value) for name, value in parameters.items()]))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


def feed(node: RecorderNode, name: str, kind: type, count: int, period_s: float,
         size: int = 100) -> Any:
    """Hand serialized messages to the callback of a topic, as the executor would."""
    topic = next(topic for topic in node.topics if topic.name == name)
    receive = node._receiver(topic)
    for index in range(count):
        message = kind()
        stamp_ns = 10**18 + round(index * period_s * 1e9)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        message.header.frame_id = 'camera'
        message.data = bytes(size)
        receive(bytes(serialize_message(message)))
    return topic


def test_large_topics_are_thinned_in_the_bag_never_in_the_counts(
    recorder: Callable[..., RecorderNode], tmp_path: Path,
) -> None:
    out = tmp_path / 'new' / 'folder'
    node = recorder(output=str(out), image_rate_hz=5.0, cloud_rate_hz=1.0)
    feed(node, 'depth/image', Image, 40, 0.05)
    feed(node, 'depth/uncertainty', Image, 40, 0.05)
    feed(node, 'points', PointCloud2, 40, 0.05)
    node.save()
    received = json.loads((out / 'received.json').read_text())
    assert [len(received[t]) for t in ('depth/image', 'depth/uncertainty', 'points')] == [40] * 3
    assert [stamp for _, stamp, _ in received['points']] == [
        10**18 + i * 50_000_000 for i in range(40)]
    with BagReader(out / 'bag') as bag:
        # Two seconds at 20 Hz: all depth, five uncertainties a second, one cloud a second.
        assert bag.counts == {'/depth/image': 40, '/depth/uncertainty': 10, '/points': 2,
                              '/tf_static': 1}


def test_uncertainty_is_kept_for_the_frames_whose_image_is_kept(
    recorder: Callable[..., RecorderNode], tmp_path: Path,
) -> None:
    node = recorder(output=str(tmp_path / 'out'), image_rate_hz=4.0)
    feed(node, 'image', Image, 30, 0.07)
    feed(node, 'depth/uncertainty', Image, 30, 0.07)
    node.save()
    stamps: dict[str, list[int]] = {'/image': [], '/depth/uncertainty': []}
    with BagReader(tmp_path / 'out' / 'bag') as bag:
        for message in bag.messages(stamps):
            stamps[message.topic].append(message.value.header.stamp.nanosec)
    assert len(stamps['/image']) == 9
    assert stamps['/image'] == stamps['/depth/uncertainty']


def test_memory_is_bounded(recorder: Callable[..., RecorderNode], tmp_path: Path) -> None:
    node = recorder(output=str(tmp_path / 'out'), max_megabytes=1)
    topic = feed(node, 'depth/image', Image, 30, 0.05, size=100_000)
    assert len(topic.arrivals) == 30
    assert 10 <= len(topic.kept) <= 11
    counting = recorder()
    topic = feed(counting, 'depth/image', Image, 30, 0.05, size=100_000)
    assert (len(topic.arrivals), len(topic.kept)) == (30, 0)


@pytest.mark.parametrize('numbers', [
    (signal.SIGINT,), (signal.SIGTERM,), (signal.SIGTERM, signal.SIGINT)])
@pytest.mark.parametrize('again', [False, True])
def test_a_signal_ends_it_with_what_it_has(
    domain: int, tmp_path: Path, numbers: tuple[int, ...], again: bool,
) -> None:
    environment = {**local_environment(tmp_path, domain=domain), 'PYTHONPATH': os.pathsep.join(
        [str(PACKAGE_ROOT), os.environ.get('PYTHONPATH', '')])}
    process = subprocess.Popen(
        [sys.executable, '-m', 'scaledepth_ros.ros.recorder_node', '--ros-args', '-p',
         f'output:={tmp_path / "out"}', '-p', 'report_progress:=true'],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith('@progress {"state": "recording"')
    if again:
        signal_until_it_ends(process, numbers)
    else:
        process.send_signal(numbers[0])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ''
    received = json.loads((tmp_path / 'out' / 'received.json').read_text())
    assert received['depth/image'] == []
    assert not (tmp_path / 'out' / 'bag').exists()

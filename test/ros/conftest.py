# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain, a depth node process and a peer for each test."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import tempfile
from typing import Any

import pytest
from scaledepth_ros.middleware import local_environment

# Read once, when the middleware loads: nothing of a test may leave this machine or get lost on it.
_FOLDER = tempfile.TemporaryDirectory(prefix='scaledepth_ros_test_')
os.environ.update(local_environment(Path(_FOLDER.name)))

pytest.importorskip('rclpy', reason='rclpy is not installed')

from health_bench import Clock, set_clock  # noqa: E402
from ros_harness import DepthProcess, Peer, reserved_domain  # noqa: E402
from scaledepth_ros.ros.camera_health import CameraHealth  # noqa: E402


@pytest.fixture
def domain() -> Iterator[int]:
    """Reserve a ROS domain."""
    with reserved_domain() as number:
        yield number


@pytest.fixture
def start(domain: int) -> Iterator[Callable[..., DepthProcess]]:
    """Start depth nodes on the domain; they are gone after the test."""
    processes: list[DepthProcess] = []

    def start_one(*arguments: str, **options: Any) -> DepthProcess:
        processes.append(DepthProcess(domain, *arguments, **options))
        return processes[-1]

    yield start_one
    for process in processes:
        process.stop()
        # Shown by pytest when the test failed.
        print(process.log())


@pytest.fixture
def join(domain: int) -> Iterator[Callable[..., Peer]]:
    """Join the domain as a peer."""
    peers: list[Peer] = []

    def join_one(*arguments: Any, **options: Any) -> Peer:
        peers.append(Peer(domain, *arguments, **options))
        return peers[-1]

    yield join_one
    for peer in peers:
        peer.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let a test set the time that health is noted and told by."""
    return set_clock(monkeypatch)


@pytest.fixture
def health(clock: Clock) -> CameraHealth:
    """Give the health of a camera without a name, from which nothing has come."""
    return CameraHealth('', '/image', started_s=clock.now_s)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""In the local environment, nothing is lost beside point clouds of megabytes."""
from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest
from scaledepth_ros.middleware import local_environment
from shared_memory import kill

BURST = Path(__file__).with_name('burst.py')
COUNT = 40


@pytest.mark.ros
def test_no_message_is_lost(domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        monkeypatch.delenv(name, raising=False)
    assert lost_messages(local_environment(tmp_path, domain=domain)) == {}


@pytest.mark.ros
def test_no_message_is_lost_between_the_processes_of_tests(domain: int) -> None:
    assert lost_messages(dict(os.environ, ROS_DOMAIN_ID=str(domain))) == {}


def lost_messages(environment: dict[str, str]) -> dict[str, int]:
    """Return how many messages of each topic do not arrive, without the topics that lose none."""
    receiver, publisher = (
        subprocess.Popen([sys.executable, str(BURST), role, str(COUNT)], env=environment,
                         stdout=subprocess.PIPE, text=True) for role in ('receive', 'publish'))
    try:
        output, _ = receiver.communicate(timeout=150)
    finally:
        for process in (receiver, publisher):
            kill(process)
            process.communicate()
    received = json.loads(output)
    assert set(received) == {'points', 'depth', 'info'}
    return {topic: COUNT - count for topic, count in received.items() if count != COUNT}

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""In the local environment, nothing is lost beside point clouds of megabytes."""
from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest
from scaledepth_ros.middleware import local_environment

BURST = Path(__file__).with_name('burst.py')
COUNT = 40


@pytest.mark.ros
def test_no_message_is_lost(domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    environment = local_environment(tmp_path, domain=domain)
    receiver, publisher = (
        subprocess.Popen([sys.executable, str(BURST), role, str(COUNT)], env=environment,
                         stdout=subprocess.PIPE, text=True) for role in ('receive', 'publish'))
    try:
        output, _ = receiver.communicate(timeout=30)
    finally:
        for process in (receiver, publisher):
            process.kill()
            process.communicate()
    assert json.loads(output) == {'points': COUNT, 'depth': COUNT, 'info': COUNT}

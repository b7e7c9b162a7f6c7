# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that stays with the process."""

import ctypes
from pathlib import Path
import subprocess
import sys

import pytest
from scaledepth_ros.training import allocator

_MEASURE = """
import resource, sys
import numpy as np
sys.path.insert(0, {root!r})
if {keep}:
    from scaledepth_ros.training.allocator import keep_freed_memory
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for round in range(6):
    if round == 1:
        before = faults()
    tensors = [np.ones(1 << 23, np.uint8) for _ in range(4)]
    del tensors
print(faults() - before)
"""


def faults(keep: bool) -> int:
    code = _MEASURE.format(root=str(Path(__file__).resolve().parents[2]), keep=keep)
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), 'mallopt'), reason='needs glibc')
def test_memory_is_faulted_in_once() -> None:
    # Five rounds of 32 MiB are 40,960 pages; huge pages may make them fewer.
    assert faults(keep=True) < 0.2 * faults(keep=False)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.ctypes, 'CDLL', lambda name: object())
    assert not allocator.keep_freed_memory()

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that stays with the process."""

import ctypes
from pathlib import Path
import subprocess
import sys

import pytest
from scaledepth_ros import memory

_MEASURE = """
import resource, sys
import numpy as np
sys.path.insert(0, {root!r})
if {keep}:
    from scaledepth_ros.memory import keep_freed_memory
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


_RESIDENT = """
import sys
import numpy as np
sys.path.insert(0, {root!r})
from scaledepth_ros.memory import give_back_freed_memory, keep_freed_memory
assert keep_freed_memory()
def resident_mb():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096 / 1e6
start = resident_mb()
tensors = [np.ones(1 << 23, np.uint8) for _ in range(8)]
del tensors
kept = resident_mb()
give_back_freed_memory()
print(kept - start, resident_mb() - start)
"""
NEEDS_GLIBC = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'mallopt'), reason='needs glibc')


def said(code: str, **values: object) -> list[float]:
    script = code.format(root=str(Path(__file__).resolve().parents[1]), **values)
    run = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                         check=True)
    return [float(word) for word in run.stdout.split()]


def faults(keep: bool) -> float:
    (count,) = said(_MEASURE, keep=keep)
    return count


@NEEDS_GLIBC
def test_memory_that_was_kept_goes_back_when_asked() -> None:
    kept_mb, left_mb = said(_RESIDENT)
    # 64 MiB were in use; allocating ahead may keep a little more.
    assert kept_mb > 60
    assert left_mb < 5


@NEEDS_GLIBC
def test_memory_is_faulted_in_once() -> None:
    # Five rounds of 32 MiB are 40,960 pages; huge pages may make them fewer.
    assert faults(keep=True) < 0.2 * faults(keep=False)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
    assert not memory.keep_freed_memory()
    memory.give_back_freed_memory()

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Lack of memory: told from other errors, met by another attempt, then by a substitute."""

import errno
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference import out_of_memory
from scaledepth_ros.inference.engines import EngineOutput, Floats
from scaledepth_ros.inference.out_of_memory import GuardedEngine, is_out_of_memory
import torch

FRAME = np.zeros((1, 3, 4, 4), np.float32)
# What the libraries really say.
GPU = torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...')
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate "
                   'memory: you tried to allocate 4294967296 bytes. Error code 12')


class ScriptedEngine:
    """Raises the errors of a script in turn, then answers."""

    name = 'scripted'

    def __init__(self, device: str, *script: Exception) -> None:
        self.device = device
        self.script = list(script)
        self.closed = False

    def run(self, image_B3HW: Floats) -> EngineOutput:
        if self.script:
            raise self.script.pop(0)
        one = np.ones((len(image_B3HW), 1, 1, 1), np.float32)
        return EngineOutput(one, one, one[:, 0, 0], one[:, 0, 0])

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand in for the steady clock [s]."""
    now_s = [1000.0]
    monkeypatch.setattr(out_of_memory, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))
    return now_s


@pytest.mark.parametrize(('error', 'expected'), [
    (MemoryError(), True), (GPU, True), (CPU, True),
    (RuntimeError('not enough memory: you tried to allocate 1024 bytes.'), True),
    (RuntimeError('std::bad_alloc'), True),
    (RuntimeError('Exception from src/inference/src/cpp/core.cpp:107: Check failed: bad '
                  'allocation'), True),
    (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate'), True),
    (RuntimeError('could not create a memory object'), True),
    # A Jetson, see issues 112377 and 185240 of PyTorch.
    (RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/'
                  'CUDACachingAllocator.cpp":830, please report a bug to PyTorch.'), True),
    (RuntimeError('CUDA error: device-side assert triggered'), False),
    (OSError(errno.ENOMEM, 'Cannot allocate memory'), True),
    (cv2.error("OpenCV(4.12.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate "
               "7077888 bytes in function 'OutOfMemoryError'"), True),
    (cv2.error('OpenCV(4.12.0) color.cpp:199: error: (-215:Assertion failed) !_src.empty()'),
     False),
    (OSError(errno.ENOENT, 'No such file or directory'), False),
    (ValueError('out of memory'), False)])
def test_lack_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_torch_says_so_itself() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_second_attempt_is_not_noticed() -> None:
    engine = GuardedEngine(ScriptedEngine('cpu', CPU))
    assert engine.run(FRAME).scale_m == 1.0
    assert engine.problem == ''


def test_without_substitute_the_frame_fails_and_the_next_one_starts_anew() -> None:
    engine = GuardedEngine(ScriptedEngine('cpu', CPU, MemoryError()))
    with pytest.raises(DeviceError, match='Out of memory on cpu, also after freeing caches: '
                                          'MemoryError. Free some'):
        engine.run(FRAME)
    assert engine.run(FRAME).scale_m == 1.0


def test_other_errors_pass_at_once() -> None:
    inner = ScriptedEngine('cuda', RuntimeError('device-side assert'), CPU)
    engine = GuardedEngine(inner, lambda: ScriptedEngine('cpu'))
    with pytest.raises(RuntimeError, match='device-side assert'):
        engine.run(FRAME)
    assert inner.script == [CPU]
    assert engine.device == 'cuda'


def test_cpu_stands_in_until_the_gpu_has_memory_again(clock: list[float]) -> None:
    gpu, cpu = ScriptedEngine('cuda:0', GPU, GPU, GPU, GPU), ScriptedEngine('cpu')
    engine = GuardedEngine(gpu, lambda: cpu)
    assert engine.run(FRAME).scale_m == 1.0
    assert (engine.device, engine.problem) == (
        'cpu', 'Out of memory on cuda:0: runs on cpu until there is some again.')
    clock[0] += 9.0
    engine.run(FRAME)
    assert len(gpu.script) == 2, 'asked again too early'
    clock[0] += 2.0
    engine.run(FRAME)
    assert not gpu.script
    assert engine.device == 'cpu', 'the GPU still had no memory'
    clock[0] += 11.0
    engine.run(FRAME)
    assert (engine.device, engine.problem, cpu.closed) == ('cuda:0', '', True)


def test_substitute_that_cannot_be_made_is_told() -> None:
    def fail() -> ScriptedEngine:
        raise DeviceError('weights file /nowhere does not exist')

    engine = GuardedEngine(ScriptedEngine('cuda', GPU, GPU), fail)
    with pytest.raises(DeviceError, match='Out of memory on cuda.*Nothing can stand in: weights '
                                          'file /nowhere does not exist'):
        engine.run(FRAME)
    assert engine.device == 'cuda'
    assert engine.run(FRAME).scale_m == 1.0


def test_close_closes_both() -> None:
    gpu, cpu = ScriptedEngine('cuda', GPU, GPU), ScriptedEngine('cpu')
    engine = GuardedEngine(gpu, lambda: cpu)
    engine.run(FRAME)
    engine.close()
    assert gpu.closed
    assert cpu.closed

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What to do when memory runs out: know it, free what can be freed, try again, take a CPU."""
from __future__ import annotations

from collections.abc import Callable
import errno
import gc
import logging
import sys
import time

import cv2
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import Engine, EngineOutput, Floats
from scaledepth_ros.memory import give_back_freed_memory

_log = logging.getLogger(__name__)
# How C libraries word it: PyTorch on a GPU and on a CPU, oneDNN, cuBLAS, OpenVINO, std::bad_alloc;
# and PyTorch on a Jetson, where asking NVML how much memory was left fails.
_WORDS = ('out of memory', 'out_of_memory', 'not enough memory', 'allocate memory',
          'alloc_failed', 'bad_alloc', 'bad allocation', 'failed to allocate',
          'could not create a memory', 'insufficient memory', 'nvml_success == r')
# A device that had no memory is asked again after this long.
_RETRY_S = 10.0


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of an engine, or of whatever it is built on, means no memory."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = f'{type(error).__name__}: {error}'.lower()
    return isinstance(error, (RuntimeError, cv2.error)) and (
        'outofmemory' in text or any(words in text for words in _WORDS))


def free_caches() -> None:
    """Give back to the device and to the system what is kept only to be fast."""
    gc.collect()
    torch = sys.modules.get('torch')
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    give_back_freed_memory()


class GuardedEngine:
    """
    An engine that meets a lack of memory with a second attempt, then with a substitute.

    The device is tried again every ten seconds, and the substitute goes when it works.

    Args:
        engine: What normally runs.
        make_substitute: Makes one that runs elsewhere; None if there is no elsewhere.
    """

    def __init__(
        self, engine: Engine, make_substitute: Callable[[], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self._make_substitute = make_substitute
        self._substitute: Engine | None = None
        self._retry_s = 0.0
        # Of what ran last; an engine may change its name while it runs.
        self.name, self.device = engine.name, engine.device
        # What is wrong although there is an answer; empty if nothing is.
        self.problem = ''

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """
        Return what the network says of RGB images, 0 to 255.

        Raises:
            DeviceError: There is not enough memory, also not for a substitute. The next call
                starts anew.
        """
        if self._substitute is not None and time.monotonic() < self._retry_s:
            return self._run(self._substitute, image_B3HW)
        try:
            said = self._run(self._engine, image_B3HW)
        except DeviceError as error:
            if self._make_substitute is None or not is_out_of_memory(error):
                raise
            return self._run_elsewhere(error, image_B3HW)
        self._drop_substitute()
        return said

    def close(self) -> None:
        """Free the memory; the engine is not used afterwards."""
        self._drop_substitute()
        self._engine.close()

    def _run(self, engine: Engine, image_B3HW: Floats) -> EngineOutput:
        said = self._run_twice(engine, image_B3HW)
        self.name, self.device = engine.name, engine.device
        return said

    def _run_twice(self, engine: Engine, image_B3HW: Floats) -> EngineOutput:
        try:
            return engine.run(image_B3HW)
        except (MemoryError, OSError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler, where the failed run's tensors are no longer held.
        free_caches()
        try:
            return engine.run(image_B3HW)
        except (MemoryError, OSError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            first_line = str(error).strip().partition('\n')[0] or type(error).__name__
            raise DeviceError(
                f'Out of memory on {engine.device}, also after freeing caches: {first_line}. Free '
                'some for it, or use a smaller model or image.') from None

    def _run_elsewhere(self, error: DeviceError, image_B3HW: Floats) -> EngineOutput:
        if self._substitute is None:
            assert self._make_substitute is not None
            try:
                self._substitute = self._make_substitute()
            except Exception as other:
                raise DeviceError(f'{error} Nothing can stand in: {other}') from other
            self.problem = (
                f'Out of memory on {self._engine.device}: runs on {self._substitute.device} '
                'until there is some again.')
            _log.warning(self.problem)
        self._retry_s = time.monotonic() + _RETRY_S
        return self._run(self._substitute, image_B3HW)

    def _drop_substitute(self) -> None:
        if self._substitute is not None:
            self._substitute.close()
            self._substitute = None
            _log.info('There is memory on %s again.', self._engine.device)
        self.problem = ''

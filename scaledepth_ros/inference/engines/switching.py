# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Serve with PyTorch at once, and with a faster engine as soon as it can be trusted."""

from contextlib import suppress
from dataclasses import dataclass
import logging
import math
import threading
import time

from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import (
    Engine,
    EngineOutput,
    Floats,
    PreparationLostError,
    PreparedEngine,
    Size,
)
from scaledepth_ros.inference.engines.check import check_frame, disagreement

_log = logging.getLogger(__name__)
# A conversion of the largest network on a slow machine.
PREPARATION_TIMEOUT_S = 600.0
# Within what a robot grants a process that is to end.
_CLOSE_TIMEOUT_S = 0.4
# When preparing beside the serving is tried again after it was lost; what is lost every time is
# given up after these.
_RETRIES_S = (30.0, 300.0)


@dataclass(frozen=True)
class _Refusal:
    """Why the fast engine does not serve a size, and after how long it is tried again."""

    reason: str
    wait_s: float
    since_s: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.since_s >= self.wait_s

    def __str__(self) -> str:
        until = ('until the network is loaded again' if math.isinf(self.wait_s) else
                 f'and another attempt is made after {self.wait_s:.0f} s')
        return f'{self.reason}; PyTorch serves {until}'


class SwitchingEngine:
    """
    Runs images of each size with the fast engine, if that is ready for it and agrees.

    Args:
        reference: Runs every size at once.
        fast: Is prepared for each size on its first image.
        precision: 'fp32', 'bf16' or 'fp16'.
        background: Whether preparing takes place beside the reference's serving; otherwise the
            first image of a size waits for it.
        required: Whether an image fails, instead of being served by the reference, if preparing
            for its size fails while it waits.
    """

    def __init__(
        self, reference: Engine, fast: PreparedEngine, precision: str, *, background: bool,
        required: bool,
    ) -> None:
        self.device = reference.device
        self._reference = reference
        self._fast = fast
        self._precision = precision
        self._background = background
        self._required = required
        self._changed = threading.Condition()
        self._checked: set[Size] = set()
        self._refused: dict[Size, _Refusal] = {}
        # How often in a row.
        self._lost: dict[Size, int] = {}
        self._wanted: Size | None = None
        self._in_work: Size | None = None
        self._last: Size | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The engine that serves images of the last size, and why it is not the fast one."""
        size = self._last
        if size is not None and self._is_ready(size):
            return self._fast.name
        if size in self._refused:
            return f'{self._reference.name} ({self._refused[size].reason})'
        return f'{self._reference.name} ({self._fast.name} in preparation)'

    @property
    def problem(self) -> str:
        """Why images of the last size are served slowly; empty if that is about to change."""
        refusal = None if self._last is None else self._refused.get(self._last)
        return '' if refusal is None else str(refusal)

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """
        Return what the network says of RGB images, 0 to 255.

        Raises:
            DeviceError: The fast engine is required and cannot be prepared while this waits.
        """
        self._last = size = image_B3HW.shape[2], image_B3HW.shape[3]
        if not self._is_ready(size):
            self.request(size)
        if self._is_ready(size):
            # Forgotten between the two, in favour of newer sizes.
            with suppress(KeyError):
                return self._fast.run(image_B3HW)
        elif self._required and not self._background:
            raise DeviceError(
                f'{self._refused[size].reason}. Use engine torch or a higher precision.')
        return self._reference.run(image_B3HW)

    def request(self, size: Size) -> None:
        """Prepare the fast engine for a size, unless it is refused there for now."""
        if self._last is None:
            self._last = size
        refusal = self._refused.get(size)
        if refusal is not None and not refusal.is_over:
            return
        if not self._background:
            self._prepare(size)
            return
        with self._changed:
            if self._closed or size in (self._in_work, self._wanted):
                return
            # Refused since it was asked above.
            if self._refused.get(size) is not refusal:
                return
            self._refused.pop(size, None)
            # One at a time, the latest first: a size that was only passing is not worth it.
            self._wanted = size
            if self._in_work is None:
                self._in_work, self._wanted = size, None
                # A daemon: a process never waits for it.
                threading.Thread(target=self._work, name='engine preparation',
                                 daemon=True).start()

    def wait_until_prepared(self, timeout_s: float = PREPARATION_TIMEOUT_S) -> bool:
        """Wait until nothing is being prepared; return False if that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_work is None, timeout_s)

    def refusal(self, size: Size) -> str | None:
        """Return why the fast engine does not serve a size, or None."""
        refusal = self._refused.get(size)
        return None if refusal is None else refusal.reason

    def close(self) -> None:
        """Give up what is being prepared, and free the memory."""
        with self._changed:
            self._closed = True
            self._wanted = None
        self._fast.close()
        self.wait_until_prepared(_CLOSE_TIMEOUT_S)
        self._reference.close()

    def _is_ready(self, size: Size) -> bool:
        return size in self._checked and self._fast.is_ready(size)

    def _work(self) -> None:
        while (size := self._in_work) is not None:
            self._prepare(size)
            with self._changed:
                self._in_work, self._wanted = self._wanted, None
                self._changed.notify_all()

    def _prepare(self, size: Size) -> None:
        start_s = time.monotonic()
        # Where it was ready once and was forgotten, it would serve from here on, beside the check.
        self._checked.discard(size)
        wait_s = math.inf
        try:
            expected = self._fast.prepare(size)
            said = self._fast.run(check_frame(*size))
            reason = disagreement(said, expected, self._fast.name, self._precision)
        # An engine is foreign code; whatever it raises must not end the serving.
        except Exception as error:
            reason = f'{self._fast.name} cannot run this network: {error}'.rstrip('.')
            if isinstance(error, PreparationLostError) and self._background:
                wait_s = self._wait_s(size)
        if self._closed:
            self._fast.close()
        elif reason is None:
            self._lost.pop(size, None)
            self._checked.add(size)
            _log.info('%s agrees with PyTorch for %d x %d; it serves after %.1f s',
                      self._fast.name, size[1], size[0], time.monotonic() - start_s)
        else:
            refusal = _Refusal(f'{reason}, for {size[1]} x {size[0]}', wait_s, time.monotonic())
            self._refused[size] = refusal
            self._fast.forget(size)
            _log.warning('%s', refusal)

    def _wait_s(self, size: Size) -> float:
        """Count what was lost; return how long to wait before the next attempt."""
        self._lost[size] = count = self._lost.get(size, 0) + 1
        return _RETRIES_S[count - 1] if count <= len(_RETRIES_S) else math.inf

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What goes to the log of a node: faults, throttled, and what the rest of the package says."""
from __future__ import annotations

from collections.abc import Callable
import logging
import threading
import time
from typing import Any


class ThrottledLog:
    """Logs a fault when it appears, then at most once per period, and says when it is over."""

    def __init__(self, logger: Any, period_s: Callable[[], float]) -> None:
        """
        Wrap a logger.

        Args:
            logger: an rclpy logger.
            period_s: asked at every fault, so that the period can change at run time.

        """
        self._logger = logger
        self._period_s = period_s
        self._lock = threading.Lock()
        self._logged_s: dict[Any, float] = {}
        self._suppressed: dict[Any, int] = {}
        self._open: set[Any] = set()

    def fault(self, key: Any, text: str, *, warning: bool = False) -> None:
        """
        Report a fault.

        Args:
            key: faults with the same key are throttled together.
            text: what happened.
            warning: log it as a warning instead of an error.

        """
        now_s = time.monotonic()
        with self._lock:
            last_s = self._logged_s.get(key)
            if last_s is not None and now_s - last_s < self._period_s():
                self._suppressed[key] = self._suppressed.get(key, 0) + 1
                return
            self._logged_s[key] = now_s
            more = self._suppressed.pop(key, 0)
            self._open.add(key)
        if more:
            text = f'{text} ({more} more since the last message)'
        # Two call sites: rclpy refuses one that changes its severity.
        if warning:
            self._logger.warning(text)
        else:
            self._logger.error(text)

    def recovered(self, key: Any, text: str) -> None:
        """
        Say that a logged fault is over; silent if none was logged.

        Args:
            key: as given to ``fault``.
            text: what works again.

        """
        with self._lock:
            if key not in self._open:
                return
            self._open.discard(key)
        self._logger.info(text)


class LogForwarder(logging.Handler):
    """Hands what Python's logging is told to a ROS logger, so that /rosout has it too."""

    def __init__(self, logger: Any) -> None:
        """
        Wrap a logger.

        Args:
            logger: an rclpy logger.

        """
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record."""
        text = self.format(record)
        # A call site each: rclpy refuses one that changes its severity.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def forward_package_log(logger: Any) -> None:
    """
    Let the parts of this package that know no ROS write to the log of a node.

    Args:
        logger: an rclpy logger.

    """
    package = logging.getLogger('scaledepth_ros')
    package.setLevel(logging.INFO)
    package.addHandler(LogForwarder(logger))

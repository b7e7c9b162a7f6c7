# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
One orderly end of a process, however many signals ask for it.

Ctrl-C under ``ros2 launch`` sends SIGINT twice, from the terminal and from launch, and a
supervisor may follow with SIGTERM. Python's own KeyboardInterrupt would then strike in the middle
of cleaning up.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import signal

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.signals import uninstall_signal_handlers


def let_signals_only_end_the_context() -> None:
    """
    Make SIGINT and SIGTERM end rclpy's context and do nothing else, now and after that.

    Call it just before ``rclpy.init``, whose handlers end the context: what spins then raises
    ExternalShutdownException, and ``rclpy.ok()`` is False.
    """
    # rclpy calls the handlers it found, and puts them back in the end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """
    Leave the block quietly when a signal has ended the context.

    From there on signals are ignored. What rclpy waits with may be destroyed after the block, not
    in it: a signal meanwhile crashes Jazzy's rclpy, whose handlers still reach for it.
    """
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # A signal between two waits shows as an error of whatever rclpy was about to do.
        if rclpy.ok():
            raise
    finally:
        uninstall_signal_handlers()

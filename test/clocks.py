# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How long something takes, on a machine that is busy with other things."""

from collections.abc import Callable
import time


def least_thread_s(action: Callable[[], object], repeats: int = 15) -> float:
    """Return the least processor time [s] of this thread: what else runs does not count."""
    used_s = []
    for _ in range(repeats):
        start_s = time.thread_time()
        action()
        used_s.append(time.thread_time() - start_s)
    return min(used_s)

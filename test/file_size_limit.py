# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A disk that runs full, as far as a process can have one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
import resource


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write beyond a size [bytes] fail in the kernel (Python ignores the signal)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

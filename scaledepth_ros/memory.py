# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""When freed memory stays with the process and when it goes back to the system."""

from contextlib import suppress
import ctypes

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """
    Let this process reuse freed memory instead of giving it back to the system.

    Each image, and each step of training on a CPU, allocates and frees the same large arrays.
    glibc may map them anew each time, depending on which sizes came first; the page faults cost a
    sixth of a step of training ``lite``. The peak of the memory in use is the same.

    Returns:
        Whether the C library knows how; other ones are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 1 << 26))
    return all(bool(mallopt(name, value)) for name, value in settings)


def give_back_freed_memory() -> None:
    """Give freed memory back to the system now; only glibc has to be told."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)

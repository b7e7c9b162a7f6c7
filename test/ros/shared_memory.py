# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The files in /dev/shm that Fast DDS moves messages through, and whose they are."""
from __future__ import annotations

from contextlib import suppress
import fcntl
import os
from pathlib import Path
import subprocess
from typing import Any

SHARED_MEMORY = Path('/dev/shm')


def shared_memory_of(pid: int) -> list[Path]:
    """Return the files in /dev/shm that belong to a running process and not to its peers."""
    # Fast DDS locks one file per segment and per port for as long as the owner lives.
    names = []
    for link in Path(f'/proc/{pid}/fd').iterdir():
        with suppress(OSError):
            target = Path(os.readlink(link))
            if target.parent == SHARED_MEMORY and target.name.endswith('_el'):
                names.append(target.name[:-len('_el')])
    return [path for name in names
            for path in (SHARED_MEMORY / name, SHARED_MEMORY / f'{name}_el',
                         SHARED_MEMORY / f'sem.{name}_mutex') if path.exists()]


def kill(process: subprocess.Popen[Any]) -> None:
    """Send SIGKILL, and remove the shared memory that a killed process leaves behind."""
    left: list[Path] = []
    if process.poll() is None:
        with suppress(OSError):
            left = shared_memory_of(process.pid)
        process.kill()
    process.wait()
    for path in left:
        with suppress(FileNotFoundError):
            if _is_abandoned(path):
                path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Tell whether nobody has taken over a port that a killed process had."""
    name = path.name.removeprefix('sem.').removesuffix('_el').removesuffix('_mutex')
    try:
        with open(SHARED_MEMORY / f'{name}_el') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True

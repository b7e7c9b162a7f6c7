# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
/dev/shm is full, as killed processes of other nodes can leave it.

Run as a program, this file is the experiment itself, on a small /dev/shm of its own.
"""
from __future__ import annotations

from dataclasses import asdict
import json
import os
import subprocess
import sys
import time

from bench import Bench, open_bench
from outcome import Fault, NotPossible, Outcome
from shared_memory import SHARED_MEMORY

_SMALL = ('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
          f'mount -t tmpfs -o size=64m tmpfs {SHARED_MEMORY} && exec "$@"', '--')


def shared_memory_is_full(bench: Bench) -> Outcome:
    """Fill /dev/shm under a node, then start the node anew."""
    bench.stop_node()
    # Private to the processes in it, so that nothing else on this machine suffers.
    if subprocess.run([*_SMALL, 'true'], capture_output=True, check=False).returncode:
        raise NotPossible('this system lets users make no mount namespace')
    # Its segment is chosen by the size of /dev/shm, so it needs a profile of its own.
    environment = {name: value for name, value in os.environ.items()
                   if 'PROFILES_FILE' not in name}
    done = subprocess.run([*_SMALL, sys.executable, __file__], env=environment, text=True,
                          capture_output=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def _fill() -> None:
    try:
        with open(SHARED_MEMORY / 'filler', 'wb', buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass
    except OSError:
        assert os.statvfs(SHARED_MEMORY).f_bavail == 0


def _experiment(bench: Bench) -> Outcome:
    bench.ready()
    bench.camera.size = 640, 480
    bench.camera.rate_hz = 5.0
    bench.working()
    with bench.injection(same_process=False) as injection:
        _fill()
        began_s = time.monotonic()
        bench.wait_for_depth(began_s + 1.0)
        bench.start_node()
        bench.working()
        (SHARED_MEMORY / 'filler').unlink()
    return injection.outcome('goes on; a node that starts meanwhile uses UDP; what is lost is '
                             'lost while it restarts')


FAULTS = (
    Fault('shared memory is full', shared_memory_is_full),
)

if __name__ == '__main__':
    with open_bench() as one:
        print(json.dumps(asdict(_experiment(one))))

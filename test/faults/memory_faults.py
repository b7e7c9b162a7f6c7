# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The system refuses memory: the address space of the node is limited while it runs."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import resource
import time

from bench import Bench
from diagnostic_msgs.msg import DiagnosticStatus
from outcome import Fault, Outcome

OK, ERROR = DiagnosticStatus.OK, DiagnosticStatus.ERROR


@contextmanager
def no_more_memory(pid: int, more_bytes: int) -> Iterator[None]:
    """Let a process have only so much more address space, for a while."""
    _soft, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    size_bytes = int(Path(f'/proc/{pid}/statm').read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size_bytes + more_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))


def memory_is_refused(bench: Bench) -> Outcome:
    """Let the network ask for 512 MB a frame where the system has 256 MB, and then more."""
    node = bench.ready()
    with bench.injection() as injection, no_more_memory(node.process.pid, 256 * 2**20):
        bench.network('hungry')
        status = bench.peer.wait_for_status('model', ERROR, 'ran out of memory')
        time.sleep(0.5)
    bench.peer.wait_for_status('model', OK)
    bench.network('')
    return injection.outcome(f'model: {status.message.split(";")[0]}')


def memory_is_refused_while_loading(bench: Bench) -> Outcome:
    """Refuse PyTorch the memory for the packaged weights, and then grant it."""
    bench.camera.reset()
    node = bench.start_node(real=True, model='lite', device='cpu', engine='torch')
    node.wait_for_log('listening to', 120)
    bench.working()
    assert bench.peer.change_state('deactivate')
    assert bench.peer.change_state('cleanup')
    with bench.injection() as injection:
        with no_more_memory(node.process.pid, 8 * 2**20):
            assert not bench.peer.change_state('configure', timeout_s=60)
        assert bench.peer.state() == 'unconfigured'
        status = bench.peer.wait_for_status('model', ERROR, 'llocate memory')
        injection.over()
        assert bench.peer.change_state('configure', timeout_s=120)
        assert bench.peer.change_state('activate')
    reason = status.message.split('from file')[0]
    return injection.outcome(f'configure fails: {reason}; the time is that of loading')


FAULTS = (
    Fault('system refuses memory to the network', memory_is_refused),
    Fault('system refuses memory for loading', memory_is_refused_while_loading, slow=True),
)

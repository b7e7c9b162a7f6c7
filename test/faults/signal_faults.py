# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM in every state: an orderly end, soon, that leaves nothing."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
import signal
import time

from bench import Bench
from outcome import Fault, Outcome
from ros_harness import signal_until_it_ends
from shared_memory import shared_memory_of

# It waits for an inference for 0.7 s, and a busy machine may add to that. Who waits for the end of
# the inference waits for minutes.
_LONGEST_S = 5.0


def _unconfigured(bench: Bench) -> None:
    bench.start_node(autostart=False)
    assert bench.peer.state() == 'unconfigured'


def _configuring(bench: Bench) -> None:
    bench.start_node(model='loading').wait_for_log('loading ...', 60)


def _inactive(bench: Bench) -> None:
    _unconfigured(bench)
    assert bench.peer.change_state('configure')


def _active(bench: Bench) -> None:
    bench.start_node()
    bench.working()


def _inferring(bench: Bench) -> None:
    _active(bench)
    bench.network('stuck')
    time.sleep(0.3)


def _deactivated(bench: Bench) -> None:
    _inferring(bench)
    assert bench.peer.change_state('deactivate')


def _finalized(bench: Bench) -> None:
    _unconfigured(bench)
    assert bench.peer.change_state('unconfigured_shutdown')


_STATES: dict[str, Callable[[Bench], None]] = {
    'unconfigured': _unconfigured, 'configuring': _configuring, 'inactive': _inactive,
    'active': _active, 'active, stuck in an inference': _inferring,
    'inactive, stuck in an inference': _deactivated, 'finalized': _finalized}
_QUICK = ('configuring', 'active', 'active, stuck in an inference')


def _ends(reach: Callable[[Bench], None], numbers: tuple[signal.Signals, ...], *,
          again_and_again: bool, bench: Bench) -> Outcome:
    bench.camera.reset()
    bench.network('')
    bench.forget()
    reach(bench)
    node = bench.node
    assert node is not None
    files = shared_memory_of(node.process.pid)
    assert files
    began_s = time.monotonic()
    if again_and_again:
        signal_until_it_ends(node.process, numbers)
    else:
        node.stop(numbers[0])
    took_s = time.monotonic() - began_s
    bench.network('')
    log = node.log()
    assert node.process.returncode == 0, log
    assert took_s < _LONGEST_S, f'{took_s:.1f} s'
    assert 'Traceback' not in log, log
    assert 'ERROR' not in log, log
    # Ports may have passed to the next process; segments are its own.
    left = [path.name for path in files if path.exists() and 'port' not in path.name]
    assert not left, f'left in /dev/shm: {left}'
    return Outcome(took_s, note='ends with status 0, leaves nothing in /dev/shm')


def _faults() -> list[Fault]:
    faults = []
    for state, reach in _STATES.items():
        for number in (signal.SIGINT, signal.SIGTERM):
            faults.append(Fault(
                f'{number.name} while {state}',
                partial(_run, reach, (number,), False), slow=state not in _QUICK))
    # Ctrl-C under `ros2 launch` is two, and the second finds the node at cleaning up.
    for state in ('active', 'active, stuck in an inference'):
        for numbers in ((signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)):
            names = ' and '.join(number.name for number in numbers)
            faults.append(Fault(
                f'{names} again and again while {state}',
                partial(_run, _STATES[state], numbers, True), slow=state == 'active'))
    return faults


def _run(reach: Callable[[Bench], None], numbers: tuple[signal.Signals, ...],
         again_and_again: bool, bench: Bench) -> Outcome:
    return _ends(reach, numbers, again_and_again=again_and_again, bench=bench)


FAULTS = tuple(_faults())

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the network itself: it raises, stalls, forgets numbers or runs out of memory."""
from __future__ import annotations

from itertools import pairwise
from statistics import median
import time

from bench import Bench
from diagnostic_msgs.msg import DiagnosticStatus
from outcome import Fault, Outcome
from ros_harness import wait_until

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def _network(bench: Bench, fault: str, status_name: str, level: bytes, text: str,
             seconds: float = 0.5) -> Outcome:
    bench.ready()
    with bench.injection() as injection:
        bench.network(fault)
        status = bench.peer.wait_for_status(status_name, level, text)
        time.sleep(seconds)
        bench.network('')
    bench.peer.wait_for_status(status_name, OK)
    return injection.outcome(f'{status_name}: {status.message.split(";")[0]}')


def network_raises(bench: Bench) -> Outcome:
    """Let every inference raise."""
    return _network(bench, 'fails', 'model', ERROR, 'the driver did not answer')


def network_out_of_memory(bench: Bench) -> Outcome:
    """Let every inference raise MemoryError."""
    return _network(bench, 'out of memory', 'model', ERROR, 'out of memory')


def network_returns_nan(bench: Bench) -> Outcome:
    """Return depth without a single number."""
    return _network(bench, 'not a number', 'depth', WARN, '0.0 % of the pixels are valid')


def overload(bench: Bench) -> Outcome:
    """Take 0.3 s a frame: each answer is about the image that was newest at its start."""
    bench.ready()
    with bench.injection() as injection:
        bench.network('slow')
        status = bench.peer.wait_for_status('compute', WARN, 'slower than the camera')

        def arrivals() -> dict[int, float]:
            return {stamp: bench.arrived[stamp] for stamp, at_s in bench.sent().items()
                    if at_s >= injection.began_s and stamp in bench.arrived}

        wait_until(lambda: len(arrivals()) >= 6, 30, lambda: f'six of {bench.arrived}')
        arrived, sent = arrivals(), bench.sent()
        bench.network('')
    ages_s = [at_s - sent[stamp] for stamp, at_s in arrived.items()]
    # Where one more image waits for its turn, the age is twice the period, which is 0.3 s or, on a
    # busy machine, longer.
    period_s = median(b - a for a, b in pairwise(sorted(arrived.values())))
    assert median(ages_s) < 1.5 * period_s, ages_s
    return injection.outcome(f'{status.message.split(":")[0]}; depth at most '
                             f'{max(ages_s):.2f} s old')


def one_slow_inference(bench: Bench) -> Outcome:
    """Take four seconds for one frame, as when a graph is compiled or a GPU wakes up."""
    bench.ready()
    with bench.injection() as injection:
        bench.network('slow once')
        time.sleep(4.2)
    newest_s = max(at_s for stamp, at_s in bench.sent().items() if stamp in bench.arrived)
    assert newest_s > injection.began_s + 4.0
    return injection.outcome('goes on with the newest image')


FAULTS = (
    Fault('network raises an error', network_raises),
    Fault('network runs out of memory', network_out_of_memory),
    Fault('network returns NaN', network_returns_nan),
    Fault('overload: network takes 0.3 s, camera sends at 20 Hz', overload),
    Fault('one inference takes 4 s', one_slow_inference, slow=True),
)

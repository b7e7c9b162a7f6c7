# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Faults on the way out: subscribers that do not read, or die."""
from __future__ import annotations

import time

from bench import Bench, OtherProcess
from outcome import Fault, Outcome
from ros_harness import wait_until


def _with_subscriber(bench: Bench, role: str, *, size: tuple[int, int], seconds: float,
                     die: bool) -> Outcome:
    bench.ready()
    # Large enough that what is not read fills the shared memory of the publisher.
    bench.camera.size = size
    bench.camera.rate_hz = 5.0
    bench.working()
    other = OtherProcess(bench.domain, role)
    try:
        wait_until(lambda: bench.peer.node.count_subscribers('points') > 0)
        # Matching is seen here before the other side sees it.
        time.sleep(0.5)
        with bench.injection() as injection:
            if die:
                other.kill()
            time.sleep(seconds)
    finally:
        other.kill()
        bench.camera.reset()
    # On a busy machine some give way to newer ones.
    assert injection.lost < injection.of / 2, f'{injection.lost} of {injection.of} lost'
    return injection.outcome('the others get every image' if injection.lost == 0
                             else 'the others go on')


def subscriber_does_not_read(bench: Bench) -> Outcome:
    """Ask for a queue of a thousand messages, and never read one."""
    return _with_subscriber(bench, 'sleeper', size=(640, 480), seconds=3.0, die=False)


def subscriber_killed(bench: Bench) -> Outcome:
    """Kill it while it receives clouds."""
    return _with_subscriber(bench, 'subscriber', size=(640, 480), seconds=2.0, die=True)


def sleeping_subscriber_killed(bench: Bench) -> Outcome:
    """Kill it when its queue is full."""
    return _with_subscriber(bench, 'sleeper', size=(640, 480), seconds=2.0, die=True)


FAULTS = (
    Fault('subscriber does not read its 640x480 clouds', subscriber_does_not_read),
    Fault('subscriber killed while it receives', subscriber_killed),
    Fault('subscriber killed with a full queue', sleeping_subscriber_killed, slow=True),
)

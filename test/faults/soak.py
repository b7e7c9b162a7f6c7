# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Send many images through a depth node and print its memory, threads and open files over time.

    python test/faults/soak.py [--frames 20000] [--engine auto] [--known] [--markdown]

The exit status is 1 if resident memory grows by 5 MB or more after the first tenth, if threads or
open files grow, or if more images are lost than one in a hundred. --known takes a network with
known depth instead of the packaged one. --markdown writes the table into docs/reliability.md.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
import sys
import time

from bench import Bench, open_bench
from cycles import engine_of
from outcome import machine, markdown, write_section
from ros_harness import OUTPUT_TYPES, wait_until

HEADER = ('frames', 'after [s]', 'RSS [MB]', 'threads', 'open files', 'lost')
_ROWS = 10
_LARGEST_GROWTH_MB = 5.0
_LARGEST_LOSS = 0.01
# How long an image may take before the next one is sent all the same.
_PATIENCE_S = 1.0


@dataclass(frozen=True)
class Sample:
    """The node after some frames."""

    frames: int
    after_s: float
    rss_mb: float
    threads: int
    files: int
    lost: int

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (str(self.frames), f'{self.after_s:.0f}', f'{self.rss_mb:.1f}', str(self.threads),
                str(self.files), str(self.lost))


def prepare(bench: Bench, engine: str | None) -> str:
    """Start a node, of known depth if no engine is named; return the engine that serves."""
    for topic, kind in OUTPUT_TYPES.items():
        if topic != 'depth/image':
            bench.peer.node.create_subscription(kind, topic, lambda _: None, 2)
    if engine is None:
        node = bench.start_node(camera_height_m=1.0)
    else:
        node = bench.start_node(
            real=True, model='lite', device='cpu', engine=engine, image_width=64,
            image_height=48, camera_height_m=1.0)
    node.wait_for_log('listening to', 180)
    bench.working(60)
    return wait_until(lambda: engine_of(bench), 300, node.log)


def soak(bench: Bench, frames: int) -> Iterator[Sample]:
    """Send images one by one, each when the depth of the one before has come."""
    assert bench.node is not None
    bench.camera.pause()
    began_s, lost = time.monotonic(), 0
    for count in range(1, frames + 1):
        bench.forget()
        bench.camera.send_one()
        stamp, = bench.camera.sent
        deadline_s = time.monotonic() + _PATIENCE_S
        while stamp not in bench.arrived and time.monotonic() < deadline_s:
            time.sleep(0.0005)
        lost += stamp not in bench.arrived
        if count % (frames // _ROWS) == 0:
            rss_kb, threads, files = bench.node.footprint()
            yield Sample(count, time.monotonic() - began_s, rss_kb / 1e3, threads, files, lost)


def verdict(samples: list[Sample], frames: int) -> tuple[bool, str]:
    """Return whether the node passed, and why."""
    first, last = samples[0], samples[-1]
    growth_mb = last.rss_mb - first.rss_mb
    passed = (growth_mb < _LARGEST_GROWTH_MB and last.threads <= first.threads
              and last.files <= first.files and last.lost <= _LARGEST_LOSS * frames)
    return passed, (
        f'{"passed" if passed else "FAILED"}: after the first {first.frames} frames resident '
        f'memory grew by {growth_mb:+.1f} MB, threads by {last.threads - first.threads}, open '
        f'files by {last.files - first.files}; {last.lost} of {frames} frames lost')


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--frames', type=int, default=20000, help='how many images to send')
    parser.add_argument('--engine', default='auto', help='inference engine')
    parser.add_argument('--known', action='store_true', help='take a network with known depth')
    parser.add_argument('--markdown', action='store_true', help='write docs/reliability.md too')
    arguments = parser.parse_args()
    if arguments.frames < _ROWS:
        parser.error(f'--frames is {arguments.frames}; expected {_ROWS} or more')
    with open_bench() as bench:
        engine = prepare(bench, None if arguments.known else arguments.engine)
        samples = []
        print('  '.join(name.rjust(10) for name in HEADER))
        for sample in soak(bench, arguments.frames):
            samples.append(sample)
            print('  '.join(cell.rjust(10) for cell in sample.cells()), flush=True)
        assert bench.node is not None
        assert 'Traceback' not in bench.node.log(), bench.node.log()
    passed, text = verdict(samples, arguments.frames)
    network = 'known depth' if arguments.known else f'lite with {engine}'
    print(f'{text}; {network}, on {machine()}')
    if arguments.markdown:
        write_section('soak', f'`{network}`, measured on {machine()}; {text}.\n\n'
                      f'{markdown(HEADER, (sample.cells() for sample in samples))}')
    return int(not passed)


if __name__ == '__main__':
    sys.exit(main())

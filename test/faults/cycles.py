# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Configure and clean up a node again and again, and print what its memory does.

    python test/faults/cycles.py [--cycles 8] [--engine torch --engine openvino] [--markdown]

Each cycle loads the packaged network, waits until the engine serves, and frees everything.
--markdown writes the table into docs/reliability.md.
"""
from __future__ import annotations

import argparse
import sys

from bench import Bench, open_bench
from outcome import machine, markdown, write_section
from ros_harness import wait_until

_ENGINES = ('torch', 'openvino')
_PREPARATION_S = 300.0


def engine_of(bench: Bench) -> str:
    """Return which engine serves, by the diagnostics; empty while it is being prepared."""
    status = bench.peer.statuses.get('model')
    if status is None:
        return ''
    engine = {value.key: value.value for value in status.values}.get('engine', '')
    return '' if 'in preparation' in engine else engine


def resident_mb(bench: Bench, engine: str, cycles: int) -> list[float]:
    """Return resident memory [MB] after each cleanup."""
    node = bench.start_node(real=True, model='lite', device='cpu', engine=engine, autostart=False,
                            image_width=64, image_height=48)
    found = []
    for _ in range(cycles):
        assert bench.peer.change_state('configure', timeout_s=_PREPARATION_S), node.log()
        assert bench.peer.change_state('activate')
        bench.working(60)
        wait_until(lambda: engine_of(bench), _PREPARATION_S, node.log)
        bench.working(60)
        bench.camera.pause()
        assert bench.peer.change_state('deactivate')
        assert bench.peer.change_state('cleanup')
        bench.peer.statuses.clear()
        found.append(node.footprint()[0] / 1e3)
        print(engine, f'{found[-1]:.1f} MB', flush=True)
    bench.stop_node()
    return found


def main() -> int:
    """Run the cycles of each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--cycles', type=int, default=8, help='how many for each engine')
    parser.add_argument('--engine', action='append', help='torch or openvino; default: both')
    parser.add_argument('--markdown', action='store_true', help='write docs/reliability.md too')
    arguments = parser.parse_args()
    counts = sorted({1, (arguments.cycles + 1) // 2, arguments.cycles})
    rows = []
    with open_bench() as bench:
        for engine in arguments.engine or _ENGINES:
            found = resident_mb(bench, engine, arguments.cycles)
            rows.append((f'`engine: {engine}`', *(
                f'{found[count - 1]:.0f} MB' for count in counts)))
    header = ('resident memory after', *(f'{count} cycle{"s" * (count > 1)}' for count in counts))
    table = markdown(header, rows)
    print(table)
    if arguments.markdown:
        write_section('cycles', f'Measured on {machine()}.\n\n{table}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Inject faults into the depth node and print what came of each.

    python test/faults/run.py [--only TEXT] [--quick] [--markdown]

The exit status is 1 if the node did not survive one of them, or did not recover from it.
--markdown writes the table into docs/reliability.md as well.
"""
from __future__ import annotations

import argparse
import sys
import traceback

from bench import Bench, open_bench
import camera_faults
import memory_faults
import model_file_faults
import network_faults
import node_faults
from outcome import cells, Fault, HEADER, machine, markdown, NotPossible, write_section
import shared_memory_faults
import signal_faults
import subscriber_faults

FAULTS: tuple[Fault, ...] = (
    *camera_faults.FAULTS, *subscriber_faults.FAULTS, *network_faults.FAULTS,
    *memory_faults.FAULTS, *model_file_faults.FAULTS, *node_faults.FAULTS,
    *shared_memory_faults.FAULTS,
    *signal_faults.FAULTS)


def attempt(fault: Fault, bench: Bench) -> tuple[str, ...]:
    """Inject one fault and return its row; tell on stderr why it failed, if it did."""
    try:
        return cells(fault, fault.run(bench))
    except NotPossible as error:
        return fault.name, 'not run', '', '', str(error)
    except Exception as error:
        traceback.print_exc()
        bench.stop_node()
        return fault.name, 'NO', '', '', str(error).partition('\n')[0][:200]


def main() -> int:
    """Run the suite."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument('--only', default='', help='run the faults with this text in their name')
    parser.add_argument('--quick', action='store_true', help='leave out what takes long')
    parser.add_argument('--markdown', action='store_true', help='write docs/reliability.md too')
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if arguments.only in fault.name
              and not (arguments.quick and fault.slow)]
    rows = []
    widths = (max((len(fault.name) for fault in chosen), default=0), 8, 13, 13, 0)
    with open_bench() as bench:
        for row in (HEADER, *chosen):
            if isinstance(row, Fault):
                row = attempt(row, bench)
                rows.append(row)
            print('  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)),
                  flush=True)
    failed = sum(row[1] == 'NO' for row in rows)
    survived = sum(row[1] == 'yes' for row in rows)
    print(f'{survived} of {len(rows)} faults survived, {failed} not, on {machine()}')
    if arguments.markdown:
        write_section('faults', f'Measured on {machine()}.\n\n{markdown(HEADER, rows)}')
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())

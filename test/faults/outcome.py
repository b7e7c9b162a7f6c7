# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What came of a fault, and the table that it is a row of."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
import os
from pathlib import Path
import platform
from typing import Any

from scaledepth_ros.evaluation.card import fill_blocks

REPORT = Path(__file__).resolve().parents[2] / 'docs' / 'reliability.md'
HEADER = ('fault', 'survived', 'recovered [s]', 'messages lost', 'meanwhile')


class NotPossible(Exception):
    """This system does not let the fault be injected."""


@dataclass(frozen=True)
class Outcome:
    """
    How the node came through.

    Attributes:
        recovered_s: from the end of the cause to the next depth image; for a signal, from the
            first one to the end of the process [s].
        lost: images that the camera sent from the injection until then and that no depth came
            for; None where it makes no sense.
        of: how many it sent.
        note: what the node said or did meanwhile.

    """

    recovered_s: float
    lost: int | None = None
    of: int = 0
    note: str = ''


@dataclass(frozen=True)
class Fault:
    """
    A row of the table.

    Attributes:
        name: what is injected.
        run: injects it and returns the outcome; raises AssertionError if the node did not
            come through.
        slow: takes longer than a few seconds.

    """

    name: str
    run: Callable[[Any], Outcome]
    slow: bool = False

    @property
    def key(self) -> str:
        """The name in a form for command lines and test ids."""
        words = ''.join(c if c.isalnum() else ' ' for c in self.name.lower()).split()
        return '-'.join(words)


def cells(fault: Fault, outcome: Outcome) -> tuple[str, ...]:
    """Return the row of a fault that the node came through."""
    lost = '' if outcome.lost is None else f'{outcome.lost} of {outcome.of}'
    return fault.name, 'yes', f'{outcome.recovered_s:.2f}', lost, outcome.note


def markdown(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table."""
    lines = [header, tuple('---' for _ in header), *rows]
    return ''.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |\n'
                   for line in lines)


def machine() -> str:
    """Describe this machine as far as it matters, without its name."""
    model = next((line.split(':', 1)[1].strip()
                  for line in Path('/proc/cpuinfo').read_text().splitlines()
                  if line.startswith('model name')), platform.machine())
    return f'{os.cpu_count()} cores ({model}), Python {platform.python_version()}'


def write_section(name: str, text: str) -> None:
    """Replace what stands between the markers of a section of the report."""
    report = REPORT.read_text(encoding='utf-8')
    REPORT.write_text(fill_blocks(report, {name: text}), encoding='utf-8')

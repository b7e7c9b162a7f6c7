# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of `make faults`, as tests; those that take long are marked slow."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import sys

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import Bench, open_bench  # noqa: E402
from outcome import Fault, NotPossible, REPORT  # noqa: E402
from run import FAULTS  # noqa: E402
from soak import prepare, soak, verdict  # noqa: E402

pytestmark = pytest.mark.ros


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    """Let one node survive as many faults as it can."""
    with open_bench() as one:
        yield one


@pytest.mark.parametrize('fault', [
    pytest.param(fault, id=fault.key, marks=[pytest.mark.slow] if fault.slow else [])
    for fault in FAULTS])
def test_node_survives(bench: Bench, fault: Fault) -> None:
    try:
        outcome = fault.run(bench)
    except NotPossible as error:
        pytest.skip(str(error))
    assert outcome.recovered_s < 60.0
    # Nothing that the camera sent is unaccounted for.
    assert outcome.lost is None or outcome.lost <= outcome.of


@pytest.mark.slow
def test_memory_is_flat_over_many_frames() -> None:
    frames = 20000
    # A bench of its own: with the subscriptions that it needs the others would be slower.
    with open_bench() as one:
        prepare(one, None)
        passed, text = verdict(list(soak(one, frames)), frames)
    assert passed, text


def test_published_table_has_every_fault() -> None:
    rows = [line.split('|')[1:3] for line in REPORT.read_text().splitlines()
            if line.startswith('| ')]
    published = {name.strip(): survived.strip() for name, survived in rows}
    assert {fault.name for fault in FAULTS} <= set(published)
    assert {published[fault.name] for fault in FAULTS} == {'yes'}

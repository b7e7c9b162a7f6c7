# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Children are configured, watched, and never left behind."""

from collections.abc import Callable, Iterator
import math
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import cast

import pytest
from scaledepth_ros.cli import processes
from scaledepth_ros.cli.processes import Child, ProcessError, wait_until_quiet
from scaledepth_ros.progress import parse_progress
import yaml

ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(Path(__file__).resolve().parents[2])}
WAITING = 'import time\nprint("ready", flush=True)\ntime.sleep(600)\n'


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    children: list[Child] = []

    def start_one(code: str) -> Child:
        script = tmp_path / f'script{len(children)}.py'
        script.write_text(code)
        children.append(Child(f'probe{len(children)}', [str(script)],
                              {'text': "it's: [odd]", 'number': 1.5}, ENVIRONMENT, tmp_path))
        return children[-1]

    yield start_one
    for child in children:
        child.stop(0.2)


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


def test_parameters_arrive_as_a_ros_parameter_file(start: Callable[[str], Child]) -> None:
    child = start('import sys\nprint(open(sys.argv[sys.argv.index("--params-file") + 1]).read())')
    assert child.wait(60) == 0
    child.stop()
    assert yaml.safe_load(child.tail()) == {
        '/**': {'ros__parameters': {'text': "it's: [odd]", 'number': 1.5}}}


def test_progress_is_read_and_everything_else_is_logged(start: Callable[[str], Child]) -> None:
    child = start('import sys\n'
                  'from scaledepth_ros.progress import print_progress\n'
                  'print_progress(sent=1, state="a")\nprint("hello")\n'
                  'print_progress(sent=2)\nprint("trouble", file=sys.stderr)\n'
                  'print("@progress no json")\n')
    assert child.wait(60) == 0
    child.stop()
    assert child.progress == {'sent': 2, 'state': 'a'}
    assert sorted(child.tail().splitlines()) == ['@progress no json', 'hello', 'trouble']


def test_a_line_of_progress_is_nothing_else() -> None:
    assert parse_progress('@progress {"a": 1}') == {'a': 1}
    assert parse_progress('progress {"a": 1}') is None
    assert parse_progress('@progress [1]') is None


def test_the_tail_is_the_end(start: Callable[[str], Child]) -> None:
    child = start('for i in range(100): print(i)')
    child.wait(60)
    child.stop()
    assert child.tail(3) == '97\n98\n99'


def test_stop_interrupts_insists_and_kills(start: Callable[[str], Child]) -> None:
    polite = start('import time, signal\n'
                   'signal.signal(signal.SIGINT, lambda *_: exit(7))\n' + WAITING)
    stubborn = start('import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n'
                     'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n' + WAITING)
    for child in (polite, stubborn):
        until(lambda child=child: 'ready' in child.tail())  # type: ignore[misc]
    polite.stop(60.0)
    assert polite.exit_code == 7
    stubborn.stop(0.2)
    assert stubborn.exit_code == -signal.SIGKILL


def test_waiting_too_long_is_told(start: Callable[[str], Child]) -> None:
    child = start(WAITING)
    with pytest.raises(ProcessError, match='probe0 process has not finished within 0 s'):
        child.wait(0.1)


class Played:
    """A child that says what it is meant to say at each time, of a clock that waits for nobody."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, changes_s: list[float]) -> None:
        self.name, self.now_s, self._changes_s = 'played', 0.0, changes_s
        self.ends_s = math.inf
        monkeypatch.setattr(processes, 'time', SimpleNamespace(
            monotonic=lambda: self.now_s, sleep=self._sleep))

    @property
    def exit_code(self) -> int | None:
        return 0 if self.now_s >= self.ends_s else None

    def value(self) -> int:
        return sum(self.now_s >= change_s for change_s in self._changes_s)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait_until_quiet(self, quiet_s: float, timeout_s: float) -> None:
        wait_until_quiet(cast(Child, self), self.value, quiet_s, timeout_s)


def test_quiet_means_that_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Played(monkeypatch, [0.4, 0.8, 1.2, 1.6])
    child.wait_until_quiet(0.5, 10.0)
    assert child.now_s == pytest.approx(1.6 + 0.5, abs=0.11)


def test_waiting_for_quiet_ends_with_the_patience_and_with_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    restless = Played(monkeypatch, [0.1 * i for i in range(1000)])
    restless.wait_until_quiet(0.5, 10.0)
    assert restless.now_s == pytest.approx(10.0, abs=0.11)
    dying = Played(monkeypatch, [])
    dying.ends_s = 0.3
    with pytest.raises(ProcessError, match='ended too early'):
        dying.wait_until_quiet(0.5, 10.0)


def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / 'waiting.py'
    script.write_text(WAITING)
    parent = subprocess.Popen(
        [sys.executable, '-c',
         'import os, pathlib, time\nfrom scaledepth_ros.cli.processes import Child\n'
         f'child = Child("c", [{str(script)!r}], {{}}, os.environ, '
         f'pathlib.Path({str(tmp_path)!r}))\nprint(child.pid, flush=True)\ntime.sleep(600)'],
        stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child_pid = int(parent.stdout.readline())
    assert is_running(child_pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_running(child_pid))

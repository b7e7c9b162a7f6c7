# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Child processes of a command: started with parameters, watched, and never left behind."""

from collections.abc import Callable, Mapping
import ctypes
from functools import partial
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from scaledepth_ros.errors import ScaleDepthError
from scaledepth_ros.middleware import local_environment
from scaledepth_ros.progress import parse_progress
import yaml

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


class ProcessError(ScaleDepthError):
    """A child process died, or did not do in time what it was started for."""


def ros_environment(log_folder: Path) -> dict[str, str]:
    """Make the environment of Python processes that talk among themselves and to nobody else."""
    environment = local_environment(log_folder)
    environment['PYTHONUNBUFFERED'] = '1'
    paths = [str(_PACKAGE_PARENT), environment.get('PYTHONPATH', '')]
    environment['PYTHONPATH'] = os.pathsep.join(p for p in paths if p)
    return environment


class Child:
    """
    A ROS node in a process of its own.

    It gets a session of its own, so that Ctrl-C in a terminal reaches only the parent, which
    stops its children in order; and the kernel ends it if the parent is killed.

    Attributes:
        name: What it is called in messages.
        progress: The latest values of its lines of progress.

    """

    def __init__(
        self, name: str, command: list[str], parameters: Mapping[str, Any],
        environment: Mapping[str, str], log_folder: Path,
    ) -> None:
        self.name = name
        self.progress: dict[str, Any] = {}
        self.log_path = log_folder / f'{name}.log'
        parameter_path = log_folder / f'{name}.yaml'
        # A file instead of arguments: no quoting, and it documents the run.
        parameter_path.write_text(yaml.safe_dump({'/**': {'ros__parameters': dict(parameters)}}))
        self._log = self.log_path.open('wb')
        self._process = subprocess.Popen(
            [sys.executable, *command, '--ros-args', '--params-file', str(parameter_path)],
            env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self._log, start_new_session=True, preexec_fn=_end_with_parent())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def interrupt(self) -> None:
        """Ask it to finish, as Ctrl-C would."""
        self._signal(signal.SIGINT)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Make it end: first ask, then insist, then kill."""
        for number, patience_s in ((signal.SIGINT, timeout_s), (signal.SIGTERM, 1.0),
                                   (signal.SIGKILL, None)):
            self._signal(number)
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(1.0)
        self._log.close()

    def tail(self, line_count: int = 15) -> str:
        """Give the last lines it has logged."""
        lines = self.log_path.read_text(errors='replace').splitlines()
        return '\n'.join(lines[-line_count:])

    def wait(self, timeout_s: float) -> int:
        """
        Wait until it has ended by itself.

        Raises:
            ProcessError: It has not.

        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(
                f'The {self.name} process has not finished within {timeout_s:.0f} s.') from None

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for raw in stream:
                values = parse_progress(raw.decode(errors='replace'))
                if values is not None:
                    self.progress.update(values)
                else:
                    self._log.write(raw)
                    self._log.flush()


def _end_with_parent() -> partial[int] | None:
    """Give what a child runs before its program starts, so that it never outlives its parent."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None
    return partial(prctl, _PR_SET_PDEATHSIG, int(signal.SIGKILL))


def wait_until_quiet(
    child: Child, value: Callable[[], object], quiet_s: float, timeout_s: float,
) -> None:
    """
    Wait until something that a child reports has not changed for a while.

    Args:
        child: Has to stay alive.
        value: Reads what may change.
        quiet_s: How long it has to stay the same.
        timeout_s: When to give up waiting, without an error.

    Raises:
        ProcessError: The child has ended.

    """
    deadline_s = time.monotonic() + timeout_s
    before, since_s = value(), time.monotonic()
    while time.monotonic() < deadline_s and time.monotonic() - since_s < quiet_s:
        if child.exit_code is not None:
            raise ProcessError(f'The {child.name} process ended too early.')
        time.sleep(0.05)
        if value() != before:
            before, since_s = value(), time.monotonic()

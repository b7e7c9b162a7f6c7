# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a run tells: a line of JSON every step, TensorBoard where installed, and progress."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
import json
from pathlib import Path
import sys
import time
from types import TracebackType
from typing import Any

from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.checkpoint import write_atomically
from scaledepth_ros.training.step import StepResult
from tqdm import tqdm


class RunLog:
    """
    Writes ``log.jsonl``, ``dev.jsonl`` and TensorBoard events, and shows how far the run is.

    On a terminal it draws a progress bar; elsewhere it prints a line every ``interval`` steps.

    Args:
        folder: Where to write.
        start_step: First step of this part of the run; later lines of an older one are dropped.
        steps: Steps of the whole run.
        interval: Steps between lines and TensorBoard points.

    Raises:
        CheckpointError: On construction or later, the folder is not writable or full.
    """

    def __init__(self, folder: Path, start_step: int, steps: int, interval: int) -> None:
        self._folder = folder
        self._interval = interval
        self._steps = steps
        self._start_step = start_step
        self._files = {}
        with _writing(folder):
            for name in ('log', 'dev'):
                path = folder / f'{name}.jsonl'
                _keep_steps(path, start_step)
                self._files[name] = path.open('a', encoding='utf-8')
            self._board = _tensorboard(folder, start_step)
        self._bar = (tqdm(total=steps, initial=start_step, unit='step', dynamic_ncols=True)
                     if sys.stderr.isatty() else None)
        self._begun = self._last = time.monotonic()
        self._waited_s = self._waited_total_s = 0.0
        self._images = self._images_total = 0

    def __enter__(self) -> 'RunLog':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # On a full disk closing fails as writing did, which has been said.
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        if self._board is not None:
            with suppress(OSError):
                self._board.close()
        if self._bar is not None:
            self._bar.close()

    def step(self, step: int, result: StepResult, images: int, waited_s: float) -> None:
        """
        Record a step.

        Args:
            step: Its number, from 0.
            result: What it did.
            images: Frames of the whole batch.
            waited_s: Time that this process waited for data.
        """
        self._write('log', {'step': step, 'loss': result.loss, 'lr': result.lr,
                            'grad_norm': result.grad_norm, 'updated': result.updated,
                            **result.terms})
        self._waited_s += waited_s
        self._images += images
        if self._bar is not None:
            self._bar.update()
        done = step + 1
        if done % self._interval and done != self._steps:
            return
        now = time.monotonic()
        self._waited_total_s += self._waited_s
        self._images_total += self._images
        speed = self._images / max(now - self._last, 1e-9)
        waited = self._waited_s / max(now - self._last, 1e-9)
        left_s = (self._steps - done) * (now - self._begun) / max(done - self._start_step, 1)
        self._last, self._waited_s, self._images = now, 0.0, 0
        self._points(done, 'train', {
            'loss': result.loss, 'lr': result.lr, 'images_per_s': speed,
            'grad_norm': result.grad_norm, **result.terms})
        figures = f'loss {result.loss:.4f}, {speed:.1f} images/s, {waited:.0%} waiting for data'
        if self._bar is not None:
            self._bar.set_postfix_str(figures)
        else:
            self.say(f'step {done}/{self._steps}: {figures}, {_duration(left_s)} left')

    def dev(self, step: int, results: Mapping[str, Mapping[str, float]]) -> None:
        """Record an evaluation on held-out scenes after so many steps."""
        self._write('dev', {'step': step, **results})
        for domain, result in results.items():
            self._points(step, f'dev_{domain}', result)
            self.say(f'held-out {domain} after {step} steps ({result["scenes"]} scenes, '
                     f'{result["frames"]} frames): d1 {result["d1"]:.3f}, abs_rel '
                     f'{result["abs_rel"]:.3f}, aligned d1 {result["aligned_d1"]:.3f}, scale '
                     f'error {result["scale_error"]:.3f}')

    def say(self, text: str) -> None:
        """Print a line without breaking the progress bar."""
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, flush=True)

    def _write(self, name: str, values: Mapping[str, Any]) -> None:
        with _writing(self._folder):
            self._files[name].write(json.dumps(values) + '\n')
            self._files[name].flush()

    def _points(self, step: int, group: str, values: Mapping[str, float]) -> None:
        if self._board is None:
            return
        with _writing(self._folder):
            for name, value in values.items():
                self._board.add_scalar(f'{group}/{name}', value, step)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say what to do where the log cannot be written."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f'The log in {folder} could not be written ({error.strerror or error}); free space or '
            'choose another folder. The last checkpoint is unharmed.') from error


def _keep_steps(path: Path, steps: int) -> None:
    """Drop what an interrupted run logged after its last checkpoint, and a torn last line."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding='utf-8').splitlines():
        try:
            done = json.loads(line)['step'] + (path.stem == 'log')
        except (ValueError, KeyError, TypeError):
            continue
        if done <= steps:
            kept.append(line + '\n')
    write_atomically(path, ''.join(kept).encode())


def _tensorboard(folder: Path, start_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / 'tensorboard'), purge_step=start_step + 1)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}'

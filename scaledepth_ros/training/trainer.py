# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The training loop.

A run's folder holds ``config.yaml``, ``log.jsonl``, ``dev.jsonl``, ``last.ckpt`` to resume from,
``last.safetensors``, the model, and ``best.safetensors``, the one that did best on held-out
scenes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import signal
import time
from types import FrameType

from scaledepth_ros.data.training_set import NetworkBatch
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.model.checkpoint import save_model, write_atomically
from scaledepth_ros.training.config import config_to_mapping, TrainConfig
from scaledepth_ros.training.config_io import flatten
from scaledepth_ros.training.dev import evaluate_frames, score
from scaledepth_ros.training.distributed import Processes
from scaledepth_ros.training.ema import WeightAverage
from scaledepth_ros.training.frames import Frames, make_loader, open_frames
from scaledepth_ros.training.initialisation import initial_model
from scaledepth_ros.training.optimiser import build_optimiser
from scaledepth_ros.training.precision import cpu_computes_bf16
from scaledepth_ros.training.run_log import RunLog
from scaledepth_ros.training.state import load_progress, load_state, Progress, save_state
from scaledepth_ros.training.step import TrainStep
import torch
import yaml


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """
    How this part of a run goes; nothing of it changes what is learnt.

    Attributes:
        output: Folder of the run.
        resume: Go on from its last checkpoint.
        stop_at: Stop, with a checkpoint, after so many steps of the run; None: at its end.
        minutes: Stop, with a checkpoint, after so much time; None: no limit.
        command: The command line, kept in the model file.

    Raises:
        ConfigError: A limit is not positive.
    """

    output: Path
    resume: bool = False
    stop_at: int | None = None
    minutes: float | None = None
    command: str = ''

    def __post_init__(self) -> None:
        if self.stop_at is not None and self.stop_at < 1:
            raise ConfigError(f'stop_at is {self.stop_at}; expected at least 1, or none to go on '
                              'to the end.')
        if self.minutes is not None and not self.minutes > 0:
            raise ConfigError(f'minutes is {self.minutes:g}; expected a positive number, or none '
                              'for no limit.')


class Trainer:
    """
    Trains a network.

    Args:
        config: What to do.
        options: Where, and for how long.
        processes: This process among the others.

    Raises:
        ConfigError, CheckpointError, DatasetError: Something that the run needs cannot be used.
    """

    def __init__(
        self, config: TrainConfig, options: RunOptions, processes: Processes | None = None,
    ) -> None:
        self.config = config
        self.options = options
        self.processes = processes or Processes()
        self.frames: Frames = open_frames(config.data, config.dev, config.seed)
        self._checkpoint = options.output / 'last.ckpt'
        self._check_output()
        device = self.processes.device
        self.model = initial_model(config.model.network(), config.initialisation, config.seed,
                                   chosen=config.model.overrides)
        self.model.to(device)
        if config.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.optimiser = build_optimiser(self.model, config.optimiser)
        self.average = WeightAverage(self.model, config.ema) if config.ema.decay else None
        self._step = TrainStep(self.model, self.optimiser, config, self.processes)
        self.done = 0
        self.best: float | None = None
        if options.resume:
            self._restore()
        self._stop = False

    def run(self) -> int:
        """
        Train until the end of the run or of this part of it.

        Returns:
            Steps done in all.

        Raises:
            DivergedError: The loss is not finite; the last checkpoint is unharmed.
            CheckpointError: A checkpoint cannot be written; the older one is unharmed.
        """
        config, options = self.config, self.options
        end = min(config.steps, options.stop_at or config.steps)
        deadline = time.monotonic() + 60 * options.minutes if options.minutes else None
        if self.processes.leads:
            self._introduce()
        loader = make_loader(self.frames, config, self.processes, self.done, end)
        # From here on a signal asks for a stop; reading frames into memory it still interrupts.
        handlers = {number: signal.signal(number, self._ask_to_stop)
                    for number in (signal.SIGINT, signal.SIGTERM)}
        log = None
        try:
            log = self._open_log()
            if log is not None and self.done == end:
                # A run may have ended between its last checkpoint and the model file.
                self._save_model('last.safetensors', {})
                log.say(f'{self.done} of {config.steps} steps were done before; '
                        f'{options.output / "last.safetensors"} written.')
            batches = iter(loader)
            while self.done < end:
                begun = time.monotonic()
                parts = self._next_parts(batches)
                if self.processes.any(not parts):
                    self._stop_before_step(log)
                    break
                waited_s = time.monotonic() - begun
                result = self._step(parts, self.done)
                if self.average is not None and result.updated:
                    self.average.update(self.model, self.done)
                if log is not None:
                    log.step(self.done, result, config.batch_size, waited_s)
                self.done += 1
                late = deadline is not None and time.monotonic() > deadline
                stop = self.done == end or self.processes.any(self._stop or late)
                self._after_step(log, stop)
                if stop:
                    break
        finally:
            if log is not None:
                log.__exit__(None, None, None)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self.done

    def _next_parts(self, batches: Iterator[NetworkBatch]) -> list[NetworkBatch]:
        """Return what a step learns from; nothing where a stop ended the workers, too."""
        try:
            return [_next_batch(batches) for _ in range(self.config.accumulation)]
        except RuntimeError as error:
            # torch has no other name for a worker that is gone.
            if self._stop and str(error).startswith('DataLoader worker (pid'):
                return []
            raise

    def _stop_before_step(self, log: RunLog | None) -> None:
        """Save what was learnt, if anything was."""
        if log is None:
            return
        if self.done:
            self._save_and_say(log)
        else:
            log.say('Stopped before the first step; there is nothing to resume.')

    def _after_step(self, log: RunLog | None, stop: bool) -> None:
        """Evaluate and save where it is time to."""
        config = self.config
        finished = self.done == config.steps
        interval = config.dev.interval
        if self.frames.dev is not None and (
                finished or (interval and self.done % interval == 0)):
            if log is not None:
                self._evaluate(log)
            self.processes.barrier()
        if log is None:
            return
        if stop:
            self._save_and_say(log)
        elif self.done % config.save_interval == 0:
            self._save()

    def _save_and_say(self, log: RunLog) -> None:
        self._save()
        log.say(f'{self.done} of {self.config.steps} steps done; {self._checkpoint} and '
                f'{self.options.output / "last.safetensors"} written.')

    def _evaluate(self, log: RunLog) -> None:
        assert self.frames.dev is not None
        model = self.model if self.average is None else self.average.model
        results = evaluate_frames(model, self.frames.dev, self.processes.device)
        if not results:
            log.say(f'No held-out frame has depth within {model.config.max_depth_m:g} m; nothing '
                    'to choose by.')
            return
        log.dev(self.done, results)
        if self.best is None or score(results) > self.best:
            self.best = score(results)
            self._save_model('best.safetensors', {'dev': json.dumps(results)})

    def _save(self) -> None:
        scaler = self._step.scaler
        progress = Progress(
            step=self.done, config=config_to_mapping(self.config),
            data_sha256=self.frames.sha256, best=self.best,
            loss_scale=scaler.state_dict() if scaler.is_enabled() else None)
        save_state(self._checkpoint, progress, self.model, self.optimiser, self.average)
        self._save_model('last.safetensors', {})

    def _save_model(self, name: str, extra: Mapping[str, str]) -> None:
        config = self.config
        save_model(
            self.model if self.average is None else self.average.model,
            self.options.output / name,
            description=f'{config.model.preset}: trained for {self.done} of {config.steps} steps '
                        f'of {config.batch_size} frames, seed {config.seed}',
            extra={**extra, 'command': self.options.command, 'seed': str(config.seed),
                   'steps': str(self.done), 'data_sha256': self.frames.sha256,
                   'training_config': json.dumps(config_to_mapping(config))})

    def _check_output(self) -> None:
        if not self.options.resume and self._checkpoint.exists():
            raise ConfigError(f'{self._checkpoint} exists; go on with --resume, or choose another '
                              '--output.')

    def _restore(self) -> None:
        progress = load_progress(self._checkpoint)
        before, now = flatten(progress.config), flatten(config_to_mapping(self.config))
        changed = {key: (before.get(key), now.get(key)) for key in sorted(before | now)
                   if before.get(key) != now.get(key)}
        fixed = [key for key in changed if key.startswith('model.')]
        if fixed:
            raise ConfigError(f'{self._checkpoint} was written with another {", ".join(fixed)}; '
                              'resume with the same network or start a new run.')
        progress = load_state(self._checkpoint, self.model, self.optimiser, self.average)
        if progress.loss_scale is not None and self._step.scaler.is_enabled():
            self._step.scaler.load_state_dict(dict(progress.loss_scale))
        self.done, self.best = progress.step, progress.best
        if self.processes.leads:
            for key, (old, new) in changed.items():
                print(f'Resuming with another {key}: {old!r} became {new!r}.')
            if progress.data_sha256 != self.frames.sha256:
                print('Resuming with another list of frames than before.')

    def _open_log(self) -> RunLog | None:
        if not self.processes.leads:
            return None
        output = self.options.output
        write_atomically(output / 'config.yaml', yaml.safe_dump(
            config_to_mapping(self.config), sort_keys=False).encode())
        return RunLog(output, self.done, self.config.steps, self.config.log_interval)

    def _introduce(self) -> None:
        config, processes, frames = self.config, self.processes, self.frames
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        scenes = len({info.scene for info in frames.infos})
        dev = len({info.scene for info in frames.dev.infos}) if frames.dev is not None else 0
        print(f'Training {config.model.preset} ({parameters / 1e6:.2f} million parameters) on '
              f'{len(frames.infos)} frames of {scenes} scenes, {dev} scenes held out; '
              f'{config.steps} steps of {config.batch_size} frames; {processes.count} x '
              f'{processes.device}, {self._step.precision}.', flush=True)
        if (self._step.precision == 'bf16' and processes.device.type == 'cpu'
                and not cpu_computes_bf16()):
            print('This CPU has no bf16 instructions that are known to help; without any, '
                  'training is several times slower than in fp32. precision: auto chooses.',
                  flush=True)
        if (processes.count > 1 and processes.device.type == 'cpu'
                and config.batch_norm == 'train'):
            print("Batch normalisation is not synchronised on CPUs; batch_norm: 'freeze' keeps "
                  'the result independent of the number of processes.', flush=True)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


def _next_batch(loader: Iterator[NetworkBatch]) -> NetworkBatch:
    try:
        return next(loader)
    except DatasetError as error:
        # A worker process puts its traceback before the message.
        message = str(error).strip().splitlines()[-1]
        raise DatasetError(message.removeprefix(f'{DatasetError.__module__}.DatasetError: ')
                           ) from error

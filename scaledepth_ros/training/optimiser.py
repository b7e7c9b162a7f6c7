# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""AdamW with the parameter groups of the published training, and its learning rate."""

import math
from typing import TypedDict

from scaledepth_ros.training.config import OptimiserConfig, ScheduleConfig
import torch
from torch import nn

# Learned tables that are no weights of a layer; the published training does not decay them.
_TABLES = ('query_decoder.query_feat', 'query_decoder.query_embed', 'query_decoder.level_embed')
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


class Group(TypedDict):
    """One parameter group of the optimiser; lr is lr_factor times the scheduled rate."""

    params: list[nn.Parameter]
    lr_factor: float
    weight_decay: float


def parameter_groups(model: nn.Module, config: OptimiserConfig) -> list[Group]:
    """
    Sort parameters by learning rate and decay.

    The encoder learns at ``encoder_lr_factor``. Norms of the head and its query tables are not
    decayed; all other weights and biases are, those of the encoder's norms by choice.

    Args:
        model: The network; its encoder is called image_encoder.
        config: Rates.
    """
    norms = {id(parameter) for module in model.modules() if isinstance(module, _NORMS)
             for parameter in module.parameters(recurse=False)}
    groups: dict[tuple[float, float], Group] = {}
    for name, parameter in model.named_parameters():
        encoder = name.startswith('image_encoder.')
        if encoder:
            decays = config.decay_encoder_norms or not (
                id(parameter) in norms or parameter.ndim < 2)
        else:
            decays = id(parameter) not in norms and name not in _TABLES
        key = (config.encoder_lr_factor if encoder else 1.0,
               config.weight_decay if decays else 0.0)
        group = groups.setdefault(key, Group(params=[], lr_factor=key[0], weight_decay=key[1]))
        group['params'].append(parameter)
    return list(groups.values())


def build_optimiser(model: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """
    Return AdamW over all parameters; those that are not to learn get no gradient.

    Args:
        model: The network, on its device.
        config: Rates; an encoder_lr_factor of 0 turns the encoder's gradients off.
    """
    if config.encoder_lr_factor == 0:
        for name, parameter in model.named_parameters():
            if name.startswith('image_encoder.'):
                parameter.requires_grad_(False)
    groups = parameter_groups(model, config)
    return torch.optim.AdamW(
        groups,  # type: ignore[arg-type]
        lr=config.lr, betas=config.betas, eps=config.eps, fused=True)


def lr_factor(step: int, steps: int, config: ScheduleConfig) -> float:
    """
    Return the factor on the learning rate at one step.

    Args:
        step: Number of the step, from 0.
        steps: Steps of the whole run.
        config: Shape of the curve.

    Returns:
        A pure function of its arguments, so that resuming needs no state.
    """
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    t = min((step - config.warmup_steps) / max(steps - config.warmup_steps, 1), 1.0)
    if config.kind == 'poly':
        factor = float((1 - t) ** config.power)
    elif config.kind == 'cosine':
        factor = 0.5 * (1 + math.cos(math.pi * t))
    else:
        factor = 1.0
    return config.final_factor + (1 - config.final_factor) * factor


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Set every group's learning rate to its factor of a common one."""
    for group in optimiser.param_groups:
        group['lr'] = lr * group['lr_factor']

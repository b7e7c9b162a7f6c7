# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Parameter groups and the learning rate."""

import pytest
from scaledepth_ros.model.build import build_model, PRESETS
from scaledepth_ros.training.config import EmaConfig, OptimiserConfig, ScheduleConfig
from scaledepth_ros.training.ema import WeightAverage
from scaledepth_ros.training.optimiser import (
    build_optimiser,
    lr_factor,
    parameter_groups,
    set_lr,
)
import torch
from torch import nn


def rates(model: nn.Module, config: OptimiserConfig) -> dict[str, tuple[float, float]]:
    """Return (lr factor, weight decay) of every parameter by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [(names[id(parameter)], (group['lr_factor'], group['weight_decay']))
             for group in parameter_groups(model, config) for parameter in group['params']]
    assert len(found) == len(dict(found)) == len(names)
    return dict(found)


@pytest.fixture(scope='module')
def lite() -> nn.Module:
    return build_model(PRESETS['lite'])


def test_groups_of_the_published_training() -> None:
    with torch.device('meta'):
        model = build_model(PRESETS['nk'])
    found = rates(model, OptimiserConfig(decay_encoder_norms=True))
    for name, (factor, decay) in found.items():
        if name.startswith('image_encoder.'):
            assert (factor, decay) == (0.1, 0.05), name
    undecayed = {name for name, rate in found.items() if rate == (1.0, 0.0)}
    # query_feat, query_embed, level_embed; 6 x 2 + 9 x 3 + 1 layer norms and 5 group norms.
    tables = {'query_decoder.query_feat', 'query_decoder.query_embed', 'query_decoder.level_embed'}
    assert tables <= undecayed
    assert len(undecayed) == 3 + 2 * (6 * 2 + 9 * 3 + 1 + 5)
    assert all('norm' in name or '.gn.' in name for name in undecayed - tables)
    assert found['pixel_decoder.level_encoding'] == (1.0, 0.05)
    assert found['query_decoder.mask_embed.0.bias'] == (1.0, 0.05)
    assert found['scene_scale.fc.weight'] == (1.0, 0.05)


def test_norms_of_the_encoder_are_not_decayed_unless_asked_for(lite: nn.Module) -> None:
    found = rates(lite, OptimiserConfig(encoder_lr_factor=0.2))
    assert found['image_encoder.stem.0.weight'] == (0.2, 0.05)
    assert found['image_encoder.stem.1.weight'] == (0.2, 0.0)
    assert found['image_encoder.stem.1.bias'] == (0.2, 0.0)


def test_a_factor_of_zero_freezes_the_encoder() -> None:
    model = build_model(PRESETS['lite'])
    build_optimiser(model, OptimiserConfig(encoder_lr_factor=0))
    assert not any(p.requires_grad for p in model.image_encoder.parameters())
    assert all(p.requires_grad for p in model.query_decoder.parameters())


def test_every_group_gets_its_own_rate(lite: nn.Module) -> None:
    optimiser = build_optimiser(lite, OptimiserConfig(lr=1.0))
    set_lr(optimiser, 0.5)
    assert {group['lr'] for group in optimiser.param_groups} == {0.5, 0.05}


@pytest.mark.parametrize(('step', 'factor'), [
    (0, 1.0), (20_000, 0.5 ** 0.9), (39_999, (1 / 40_000) ** 0.9), (40_000, 0.0), (50_000, 0.0),
])
def test_poly_schedule(step: int, factor: float) -> None:
    assert lr_factor(step, 40_000, ScheduleConfig()) == pytest.approx(factor)


def test_warm_up_then_cosine_to_its_floor() -> None:
    config = ScheduleConfig(kind='cosine', warmup_steps=4, final_factor=0.1)
    values = [lr_factor(step, 24, config) for step in (0, 1, 3, 4, 14, 24)]
    assert values == pytest.approx([0.2, 0.4, 0.8, 1.0, 0.55, 0.1])
    assert lr_factor(9, 24, ScheduleConfig(kind='constant', warmup_steps=4)) == 1.0


def test_the_average_follows_weights_and_copies_buffers() -> None:
    model = build_model(PRESETS['lite'])
    average = WeightAverage(model, EmaConfig(decay=0.75, warmup=False))
    start = model.scene_scale.fc.bias.detach().clone()
    with torch.no_grad():
        model.scene_scale.fc.bias.add_(4)
        model.image_encoder.get_buffer('stem.1.running_mean').fill_(7)
    average.update(model, 0)
    torch.testing.assert_close(average.model.scene_scale.fc.bias, start + 1)
    average.update(model, 1)
    torch.testing.assert_close(average.model.scene_scale.fc.bias, start + 1.75)
    assert bool((average.model.image_encoder.get_buffer('stem.1.running_mean') == 7).all())
    assert not any(p.requires_grad for p in average.model.parameters())


def test_a_young_average_follows_faster() -> None:
    model = build_model(PRESETS['lite'])
    average = WeightAverage(model, EmaConfig(decay=0.999, warmup=True))
    start = model.scene_scale.fc.bias.detach().clone()
    with torch.no_grad():
        model.scene_scale.fc.bias.add_(1)
    average.update(model, 2)
    # Decay (1 + 2) / (10 + 2).
    torch.testing.assert_close(average.model.scene_scale.fc.bias, start + 0.75)

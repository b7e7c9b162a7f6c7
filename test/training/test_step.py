# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One optimiser step."""

from dataclasses import replace
from pathlib import Path

from miniature import miniature_config, write_miniature
import pytest
from scaledepth_ros.data.training_set import NetworkBatch
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.scaledepth import NetworkOutput, ScaleDepth
from scaledepth_ros.training.config import TrainConfig
from scaledepth_ros.training.distributed import Processes
from scaledepth_ros.training.frames import make_loader, open_frames
from scaledepth_ros.training.initialisation import initial_model
from scaledepth_ros.training.optimiser import build_optimiser
from scaledepth_ros.training.step import align_scale, StepResult, TrainStep
import torch


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    index = write_miniature(tmp_path_factory.mktemp('data'))
    return miniature_config(index, 'model.overrides.drop_path_rate=0', 'optimiser.eps=1e-2')


def batches(config: TrainConfig) -> list[NetworkBatch]:
    frames = open_frames(config.data, config.dev, config.seed)
    return list(make_loader(frames, config, Processes(), 0, 1))


def take(config: TrainConfig, parts: list[NetworkBatch]) -> tuple[ScaleDepth, StepResult]:
    model = initial_model(config.model.network(), config.initialisation, 0)
    step = TrainStep(model, build_optimiser(model, config.optimiser), config, Processes())
    return model, step(parts, 0)


def test_two_halves_give_the_gradient_of_the_whole(config: TrainConfig) -> None:
    whole, result = take(config, batches(config))
    halves = replace(config, accumulation=2)
    parts = batches(halves)
    assert [len(part) for part in parts] == [2, 2]
    split, split_result = take(halves, parts)
    # Every frame of these counts alike, so the mean of the halves is the loss of the whole.
    assert split_result.loss == pytest.approx(result.loss, rel=1e-4)
    assert split_result.grad_norm == pytest.approx(result.grad_norm, rel=1e-3)
    for (name, one), two in zip(whole.named_parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-3, atol=2e-5, msg=name)


def test_what_a_step_reports(config: TrainConfig) -> None:
    _, result = take(config, batches(config))
    assert result.loss == pytest.approx(sum(result.terms.values()))
    assert {'loss_depth', 'aux_loss_depth_0'} <= set(result.terms)
    assert result.lr == 2e-3
    assert result.updated


def test_gradients_are_clipped_together(config: TrainConfig) -> None:
    clipped = replace(config, optimiser=replace(config.optimiser, clip_norm=1e-3))
    model, result = take(clipped, batches(config))
    assert result.grad_norm > 1
    total = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    assert total.item() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize('mode', ['train', 'freeze'])
def test_statistics_of_batch_normalisation(config: TrainConfig, mode: str) -> None:
    model, _ = take(replace(config, batch_norm=mode), batches(config))
    moved = bool(model.image_encoder.get_buffer('stem.1.running_mean').any())
    assert moved == (mode == 'train')
    assert model.image_encoder.get_submodule('stem.1').weight.grad is not None


def test_bf16_trains_too(config: TrainConfig) -> None:
    _, result = take(replace(config, precision='bf16'), batches(config))
    _, exact = take(config, batches(config))
    assert result.loss == pytest.approx(exact.loss, rel=0.05)
    assert result.loss != exact.loss


def test_fp16_needs_cuda(config: TrainConfig) -> None:
    with pytest.raises(ConfigError, match="precision is 'fp16' on cpu; expected fp32 or bf16"):
        take(replace(config, precision='fp16'), [])


def test_channels_last_is_only_a_layout(config: TrainConfig) -> None:
    _, result = take(config, batches(config))
    _, other = take(replace(config, channels_last=True), batches(config))
    assert other.loss == pytest.approx(result.loss, rel=1e-4)


def test_stochastic_depth_follows_seed_and_step(tmp_path: Path) -> None:
    config = miniature_config(write_miniature(tmp_path), 'model.overrides.drop_path_rate=0.5')
    parts = batches(config)
    losses = []
    for _ in range(2):
        torch.manual_seed(len(losses))
        losses.append(take(config, parts)[1].loss)
    assert losses[0] == losses[1]
    assert take(replace(config, seed=1), parts)[1].loss != losses[0]


def test_frames_without_focal_length_teach_no_scale() -> None:
    relative = torch.linspace(0.2, 0.8, 24).view(1, 1, 4, 6).repeat(2, 1, 1, 1)
    output = NetworkOutput(relative, relative, torch.tensor([[10.0], [10.0]]), relative, relative)
    depth = 3.0 * relative
    depth[:, :, 0, 0] = torch.nan
    aligned = align_scale(output, depth, torch.tensor([True, False]))
    torch.testing.assert_close(aligned.scale_m, torch.tensor([[3.0], [10.0]]))
    assert aligned.relative_depth is output.relative_depth
    empty = align_scale(output, torch.full_like(depth, torch.nan), torch.tensor([True, True]))
    torch.testing.assert_close(empty.scale_m, output.scale_m)


def test_unknown_focal_lengths_leave_the_scale_head_alone(tmp_path: Path) -> None:
    index = write_miniature(tmp_path, unknown_focal=True)
    norms = {}
    for align in (True, False):
        config = miniature_config(index, f'align_unknown_focal={align}', 'loss.mean_share=1.0')
        model, _ = take(config, batches(config))
        norms[align] = abs(model.scene_scale.fc.bias.grad.item())
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters()
                   if p.grad is not None)
    assert norms[True] < 1e-4 * norms[False]

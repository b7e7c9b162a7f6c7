# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The learned uncertainty: what it learns, and that depth does not notice."""

from dataclasses import replace

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.inference.predictor import Predictor
from scaledepth_ros.model.build import build_model
from scaledepth_ros.model.checkpoint import save_model
from scaledepth_ros.model.deviation import DeviationHead
from scaledepth_ros.training.loss_terms import likelihood_loss
from scaledepth_ros.training.losses import LossConfig, ScaleDepthLoss
from small_network import SMALL, small_network
import torch

LEARNED = replace(SMALL, uncertainty='learned')


def test_it_learns_where_the_errors_are():
    torch.manual_seed(0)
    head = DeviationHead(64)
    # Zero embeddings leave the biases; those of the hidden layer are small.
    assert head(torch.zeros(1, 64, 2, 2)).flatten().tolist() == pytest.approx([0.2] * 4, rel=0.5)
    pixels = torch.randn(4, 64, 8, 8)
    # Where the first channel is positive, errors are ten times as large.
    wanted = torch.where(pixels[:, :1] > 0, 0.5, 0.05)
    error = wanted * torch.randn(4, 1, 8, 8)
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        likelihood_loss(error, head(pixels), torch.ones_like(error, dtype=torch.bool)).backward()
        optimiser.step()
    said = head(pixels).detach()
    assert said[wanted == 0.5].median() > 4 * said[wanted == 0.05].median()


def test_depth_does_not_notice():
    plain, learned = small_network(), build_model(LEARNED).eval()
    learned.load_state_dict(plain.state_dict(), strict=False)
    image = 255 * torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    said, expected = learned(image), plain(image)
    assert torch.equal(said.relative_depth, expected.relative_depth)
    assert torch.equal(said.scale_m, expected.scale_m)
    assert not torch.equal(said.deviation, expected.deviation)
    terms = ScaleDepthLoss(LossConfig(nll_weight=1.0, scene_weight=0.0))(
        [said], torch.full((1, 1, 64, 96), 2.0))
    terms['loss_nll'].backward()
    moved = {name for name, parameter in learned.named_parameters() if parameter.grad is not None
             and bool(parameter.grad.any())}
    assert {name.split('.')[0] for name in moved} == {'deviation'}


def test_the_predictor_states_it_in_metres_and_times_the_calibration(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    found = []
    for factor in (1.0, 2.5):
        torch.manual_seed(0)
        model = build_model(replace(LEARNED, uncertainty_scale=factor)).eval()
        path = tmp_path / f'{factor}.safetensors'
        save_model(model, path, description='for tests', dtype=torch.float32)
        predictor = Predictor(str(path), device='cpu', engine='torch')
        found.append(predictor.infer(rgb))
        predictor.close()
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        pixels, _ = model.pixel_decoder(model.image_encoder(image))
        relative = model.deviation(pixels)
    # Far from the borders of the cells of stride 4, resizing does not matter.
    share = found[0].uncertainty_m / found[0].depth_m
    assert share.mean() == pytest.approx(relative.mean().item(), rel=1e-2)
    np.testing.assert_array_equal(found[1].depth_m, found[0].depth_m)
    np.testing.assert_allclose(found[1].uncertainty_m, 2.5 * found[0].uncertainty_m, rtol=1e-6)


@pytest.mark.parametrize(('changes', 'says'), [
    ({'uncertainty': 'guessed'}, "uncertainty is 'guessed'; expected one of"),
    ({'uncertainty_scale': 0.0}, 'uncertainty_scale is 0.0; expected a positive number'),
])
def test_bad_values_are_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        replace(SMALL, **changes)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The loss against hand-computed numbers and properties.

test/golden compares losses and gradients of whole networks with those of the official code.
"""

from dataclasses import replace
import math

import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.scaledepth import NetworkOutput
from scaledepth_ros.training.loss_terms import (
    gradient_loss,
    likelihood_loss,
    log_scale_loss,
    scale_invariant_log_loss,
    scene_loss,
)
from scaledepth_ros.training.losses import LossConfig, ScaleDepthLoss
import torch

# So small an offset that a logarithm of a ratio can be computed by hand.
EXACT = LossConfig(log_offset_m=1e-12, scene_weight=0.0)


def said(relative, scale, logits=None):
    relative = torch.as_tensor(relative, dtype=torch.float32)
    batch = len(relative)
    if logits is None:
        logits = torch.zeros(batch, 28)
    return NetworkOutput(
        relative[:, None], torch.zeros_like(relative[:, None]),
        torch.as_tensor(scale, dtype=torch.float32).view(batch, 1), logits, torch.zeros(batch, 65))


def depth_of(values):
    return torch.as_tensor(values, dtype=torch.float32)[:, None]


def test_depth_loss_by_hand():
    # Log ratios 0, ln 2, ln 4: mean ln 2, unbiased variance (ln 2)^2.
    out = said([[[0.5, 0.5, 0.5]]], [2.0])
    terms = ScaleDepthLoss(EXACT)([out], depth_of([[[1.0, 0.5, 0.25]]]))
    expected = 10 * math.log(2) * math.sqrt(1 + 0.15)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(
        {'loss_depth': expected}, rel=1e-5)


def test_log_offset_is_added_to_both_depths():
    out = said([[[1.0, 1.0]]], [1.0])
    config = replace(EXACT, log_offset_m=1.0)
    loss = ScaleDepthLoss(config)([out], depth_of([[[3.0, 3.0]]]))['loss_depth']
    assert loss.item() == pytest.approx(10 * math.sqrt(0.15) * math.log(2), rel=1e-5)


@pytest.mark.parametrize('bad', [0.0, -1.0, math.nan, math.inf, 11.0])
def test_invalid_ground_truth_does_not_count(bad):
    config = replace(EXACT, max_depth_m=10.0, gradient_weight=1.0, log_scale_weight=1.0)
    relative = torch.tensor([[[0.2, 0.4, 0.9], [0.3, 0.1, 0.5]]], requires_grad=True)
    loss = ScaleDepthLoss(config)
    terms = loss([said(relative, [3.0])], depth_of([[[1.0, 2.0, bad], [1.5, bad, bad]]]))
    sum(terms.values()).backward()
    assert relative.grad[0, 0, 2] == 0
    assert relative.grad[0, 1, 1] == 0
    assert relative.grad.isfinite().all()
    assert relative.grad[0, 0, 0] != 0
    only_valid = loss([said(relative[:, :1, :2], [3.0])], depth_of([[[1.0, 2.0]]]))
    with_more = loss([said(relative[:, :1], [3.0])], depth_of([[[1.0, 2.0, bad]]]))
    for name in ('loss_depth', 'loss_log_scale'):
        assert with_more[name].item() == pytest.approx(only_valid[name].item(), rel=1e-6)


def test_without_a_valid_pixel_loss_and_gradient_are_zero():
    config = LossConfig(gradient_weight=1.0, log_scale_weight=1.0, scene_scores='logits')
    relative = torch.full((2, 4, 4), 0.5, requires_grad=True)
    logits = torch.randn(2, 28, requires_grad=True)
    terms = ScaleDepthLoss(config)(
        [said(relative, [1.0, 2.0], logits)], torch.zeros(2, 1, 4, 4), torch.tensor([-1, -100]))
    assert {name: value.item() for name, value in terms.items()} == {
        'loss_depth': 0, 'loss_scene': 0, 'loss_log_scale': 0, 'loss_gradient': 0}
    sum(terms.values()).backward()
    assert relative.grad.abs().max() == 0
    assert logits.grad.abs().max() == 0


def test_one_valid_pixel_is_a_mean_without_variance():
    terms = ScaleDepthLoss(EXACT)([said([[[1.0, 1.0]]], [1.0])], depth_of([[[math.e, 0.0]]]))
    assert terms['loss_depth'].item() == pytest.approx(10 * math.sqrt(0.15), rel=1e-5)


def test_exact_prediction_has_a_finite_gradient():
    relative = torch.full((1, 2, 2), 0.5, requires_grad=True)
    terms = ScaleDepthLoss(EXACT)([said(relative, [2.0])], torch.ones(1, 1, 2, 2))
    terms['loss_depth'].backward()
    assert terms['loss_depth'].item() == pytest.approx(0, abs=1e-4)
    assert relative.grad.isfinite().all()


def test_batch_and_image_grouping_differ_as_stated():
    # Image 0 is 2 times too far, image 1 2 times too near, and both have the right shape.
    difference = torch.tensor([math.log(2), -math.log(2)]).view(2, 1, 1, 1).expand(2, 1, 1, 4)
    valid = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    image = scale_invariant_log_loss(difference, valid, mean_share=0.15, group='image')
    batch = scale_invariant_log_loss(difference, valid, mean_share=0.15, group='batch')
    assert image.item() == pytest.approx(math.sqrt(0.15) * math.log(2), rel=1e-5)
    assert batch.item() == pytest.approx(math.sqrt(8 / 7) * math.log(2), rel=1e-5)


def test_image_grouping_leaves_out_images_without_ground_truth():
    difference = torch.tensor([[1.0, 3.0], [5.0, 5.0]]).view(2, 1, 1, 2)
    valid = torch.tensor([[True, True], [False, False]]).view(2, 1, 1, 2)
    loss = scale_invariant_log_loss(difference, valid, mean_share=1.0, group='image')
    assert loss.item() == pytest.approx(math.sqrt(2 + 4), rel=1e-6)


def test_relative_depth_is_resized_before_the_scale_applies():
    # Corner pixels of a bilinear upsampling by 2 keep the corner values.
    relative = torch.tensor([[[0.2, 0.4], [0.6, 0.8]]])
    depth = torch.zeros(1, 1, 4, 4)
    depth[0, 0, 0, 0], depth[0, 0, 3, 3] = 0.4, 1.6
    terms = ScaleDepthLoss(EXACT)([said(relative, [2.0])], depth)
    assert terms['loss_depth'].item() == pytest.approx(0, abs=1e-4)


def test_focal_ratio_multiplies_the_scale():
    relative = torch.rand(2, 3, 3) + 0.1
    depth = torch.rand(2, 1, 3, 3) + 0.5
    loss = ScaleDepthLoss(replace(EXACT, log_scale_weight=1.0))
    ratio = loss([said(relative, [1.0, 2.0])], depth, focal_ratio=torch.tensor([3.0, 0.5]))
    scaled = loss([said(relative, [3.0, 1.0])], depth)
    assert {k: v.item() for k, v in ratio.items()} == {k: v.item() for k, v in scaled.items()}


def test_published_cross_entropy_sees_probabilities():
    logits = torch.zeros(1, 28)
    logits[0, 3] = 50.0
    label = torch.tensor([3])
    # P = one-hot up to e^-50, and the loss is -log softmax(P)[3] = log(27 + e) - 1.
    assert scene_loss(logits, label, 'probabilities').item() == pytest.approx(
        math.log(27 + math.e) - 1, rel=1e-5)
    assert scene_loss(logits, label, 'logits').item() == pytest.approx(0, abs=1e-5)


def test_unknown_scenes_are_left_out_of_the_mean():
    logits = torch.randn(3, 28, generator=torch.Generator().manual_seed(0))
    logits[1] = math.nan
    mixed = scene_loss(logits, torch.tensor([4, -1, 9]), 'logits')
    known = scene_loss(logits[[0, 2]], torch.tensor([4, 9]), 'logits')
    assert mixed.item() == known.item()


def layers_of(loss):
    outputs = [said([[[0.5, 0.25]]], [1.0], torch.zeros(1, 28)) for _ in range(3)]
    return {name: value.item() for name, value in loss(
        outputs, depth_of([[[1.0, 1.0]]]), torch.tensor([0])).items()}


def test_auxiliary_layers_weigh_depth_and_as_published_not_the_scene():
    supervised = ((2, 0.25), (5, 0.5))
    terms = layers_of(ScaleDepthLoss(LossConfig(), supervised))
    assert set(terms) == {'aux_loss_depth_2', 'aux_loss_scene_2', 'aux_loss_depth_5',
                          'aux_loss_scene_5', 'loss_depth', 'loss_scene'}
    assert terms['aux_loss_depth_2'] == pytest.approx(terms['loss_depth'] / 4)
    assert terms['aux_loss_depth_5'] == pytest.approx(terms['loss_depth'] / 2)
    assert terms['aux_loss_scene_2'] == pytest.approx(0.01 * math.log(28))
    assert terms['aux_loss_scene_2'] == terms['loss_scene']
    scaled = layers_of(ScaleDepthLoss(LossConfig(scale_auxiliary_scene=True), supervised))
    assert scaled['aux_loss_scene_2'] == pytest.approx(terms['loss_scene'] / 4)


def test_extra_terms_look_at_the_layers_they_should():
    config = LossConfig(gradient_weight=2.0, log_scale_weight=3.0, scene_weight=0.0)
    terms = layers_of(ScaleDepthLoss(config, ((2, 0.25), (5, 0.5))))
    assert 'aux_loss_gradient_2' not in terms
    # Aligned by medians (of two values torch takes the lower one): S* = 1 / 0.25.
    assert terms['loss_log_scale'] == pytest.approx(3 * math.log(4))
    assert terms['aux_loss_log_scale_5'] == pytest.approx(1.5 * math.log(4))
    # One horizontal step of ln 2 in a single row, seen at one of four levels.
    assert terms['loss_gradient'] == pytest.approx(2 * math.log(2.0) / 4, rel=0.01)


def test_log_scale_teaches_the_scale_only():
    scale = torch.tensor([[2.0]], requires_grad=True)
    relative = torch.tensor([[[[0.25, 0.5, 0.75]]]], requires_grad=True)
    loss = log_scale_loss(scale, relative, torch.full((1, 1, 1, 3), 4.0),
                          torch.ones(1, 1, 1, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(math.log(8 / 2))
    loss.backward()
    assert scale.grad.item() == pytest.approx(-1 / 2)
    assert relative.grad is None


def test_gradient_loss_is_blind_to_scale_and_needs_valid_neighbours():
    valid = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    flat = torch.full((1, 1, 8, 8), 0.7)
    assert gradient_loss(flat, valid, 4).item() == 0
    step = flat.clone()
    step[..., 4:] += 1.0
    # One of 7 horizontal steps at full size, of 3 and of 1 at the next; the last has none.
    assert gradient_loss(step, valid, 4).item() == pytest.approx((1 / 7 + 1 / 3 + 1) / 4)
    hidden = valid.clone()
    hidden[..., 4] = False
    assert gradient_loss(step, hidden, 1).item() == 0


def test_reduced_precision_outputs_are_compared_in_float32():
    relative = torch.rand(1, 4, 4) * 0.5 + 0.25
    depth = torch.rand(1, 1, 4, 4) + 1
    out = said(relative, [2.0])
    half = NetworkOutput(*(value.bfloat16() for value in out))
    terms = ScaleDepthLoss(LossConfig(gradient_weight=1.0, log_scale_weight=1.0))(
        [half], depth, torch.tensor([0]))
    for value in terms.values():
        assert value.dtype == torch.float32
        assert value.isfinite()


def test_wrong_number_of_outputs_is_refused():
    loss = ScaleDepthLoss(LossConfig(), ((2, 0.25),))
    with pytest.raises(ConfigError, match='1 outputs arrived; expected 2'):
        loss([said([[[0.5]]], [1.0])], torch.ones(1, 1, 1, 1))


@pytest.mark.parametrize(('changes', 'message'), [
    ({'depth_weight': -1.0}, 'depth_weight is -1.0'),
    ({'scene_weight': math.nan}, 'scene_weight is nan'),
    ({'log_offset_m': 0.0}, 'log_offset_m is 0.0'),
    ({'max_depth_m': -3.0}, 'max_depth_m is -3.0'),
    ({'gradient_levels': 0}, 'gradient_levels is 0'),
    ({'depth_group': 'frame'}, "depth_group is 'frame'; expected one of"),
    ({'scene_scores': 'odds'}, "scene_scores is 'odds'; expected one of"),
])
def test_bad_configuration_is_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        LossConfig(**changes)


def test_likelihood_by_hand():
    # Image 0: errors 0.3 and 0.1 (0.9 does not count); image 1 has nothing that counts.
    difference = torch.tensor([[[[0.3, -0.1, 0.9]]], [[[1.0, 1.0, 1.0]]]], requires_grad=True)
    deviation = torch.tensor([[[[0.2, 0.4, 0.1]]], [[[0.1, 0.1, 0.1]]]], requires_grad=True)
    valid = torch.tensor([[[[True, True, False]]], [[[False] * 3]]])
    loss = likelihood_loss(difference, deviation, valid)
    expected = (math.log(0.2) + math.sqrt(2) * 1.5 + math.log(0.4) + math.sqrt(2) * 0.25) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    loss.backward()
    assert difference.grad is None
    # d/ds (log s + sqrt(2) e / s) = 1/s - sqrt(2) e / s^2, halved by the mean over pixels.
    assert deviation.grad[0].flatten().tolist() == pytest.approx(
        [(5 - math.sqrt(2) * 7.5) / 2, (2.5 - math.sqrt(2) * 0.625) / 2, 0.0], rel=1e-5)
    assert not deviation.grad[1].any()


def test_the_likelihood_is_least_at_root_two_times_the_mean_error():
    error = torch.tensor([0.1, -0.3, 0.5]).view(1, 1, 1, 3)
    valid = torch.ones_like(error, dtype=torch.bool)

    def loss(sigma):
        return likelihood_loss(error, torch.full_like(error, sigma), valid).item()
    best = math.sqrt(2) * 0.3
    assert loss(best) < min(loss(0.98 * best), loss(1.02 * best))
    assert math.isfinite(loss(0.0))


def test_the_deviation_counts_as_a_share_of_the_depth_on_the_last_layer_alone():
    # Depth 1 m for a truth of 2 m: the error is ln 2; a deviation of 0.1 of R = 0.5 is 0.2.
    out = said([[[0.5, 0.5]]], [2.0])._replace(deviation=torch.full((1, 1, 1, 2), 0.1))
    config = replace(EXACT, nll_weight=0.5)
    terms = ScaleDepthLoss(config, ((0, 0.25),))([out, out], depth_of([[[2.0, 2.0]]]))
    assert terms['loss_nll'].item() == pytest.approx(
        0.5 * (math.log(0.2) + math.sqrt(2) * math.log(2) / 0.2), rel=1e-5)
    assert sorted(terms) == ['aux_loss_depth_0', 'loss_depth', 'loss_nll']
    with pytest.raises(ConfigError, match='nll_weight is not 0, but the network predicts no unc'):
        ScaleDepthLoss(config)([out._replace(deviation=None)], depth_of([[[2.0, 2.0]]]))

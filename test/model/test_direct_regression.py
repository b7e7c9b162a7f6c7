# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The direct-regression baseline: the same interface, nothing claimed that it cannot say."""

from dataclasses import replace
import math

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError, DeviceError
from scaledepth_ros.inference.predictor import Predictor
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import load_model, save_model
from scaledepth_ros.model.direct_regression import DirectRegression
from scaledepth_ros.model.scaledepth import metric_depth
from scaledepth_ros.training.losses import LossConfig, ScaleDepthLoss
from small_network import SMALL
import torch

REGRESSION = replace(SMALL, head='regression', supervised_layers=(), decoder_layers=1)


def network(config=REGRESSION, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(config).eval()
        torch.nn.init.normal_(model.head.log_depth.weight, std=0.3)
    return model


def test_depth_is_the_exponential_of_what_the_head_says():
    model = network()
    image = 255 * torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        out = model(image)
        log_depth = model.head(*model.pixel_decoder(model.image_encoder(image)))
    assert out.relative_depth.shape == (2, 1, 16, 24)
    assert (out.deviation, out.scene_logits, out.bin_edges) == (None, None, None)
    torch.testing.assert_close(metric_depth(out, (16, 24)), log_depth.exp())
    # The scale is the largest depth of each image, so relative depth ends at 1.
    torch.testing.assert_close(out.scale_m[:, 0], log_depth.exp().flatten(1).max(dim=1).values)
    torch.testing.assert_close(out.relative_depth.flatten(1).max(dim=1).values, torch.ones(2))
    assert not model.has_scenes


def test_the_gradient_is_that_of_the_depth_alone():
    model = network()
    image = 255 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    out, = model.forward_layers(image)
    (out.relative_depth * out.scale_m[:, :, None, None]).log().mean().backward()
    # d log exp(b) / d b = 1, whatever pixel the scale was read from.
    assert model.head.log_depth.bias.grad.item() == pytest.approx(1.0, rel=1e-4)


def test_it_has_as_many_parameters_as_lite_to_five_per_cent():
    def count(config):
        return sum(parameter.numel() for parameter in build_model(config).parameters())
    lite = preset('lite')
    ratio = count(replace(lite, head='regression', supervised_layers=())) / count(lite)
    assert 0.95 < ratio < 1.05


def test_it_starts_where_scaledepth_starts():
    model = network()
    torch.nn.init.zeros_(model.head.log_depth.weight)
    model.start_at(6.0)
    depth_m = metric_depth(model(torch.full((1, 3, 64, 64), 100.0)), (64, 64))
    torch.testing.assert_close(depth_m, torch.full((1, 1, 64, 64), 3.0))


def test_a_saved_one_predicts_depth_without_scene_and_uncertainty(tmp_path):
    path = tmp_path / 'regression.safetensors'
    model = network()
    save_model(model, path, description='for tests', dtype=torch.float32)
    loaded, _ = load_model(path)
    assert isinstance(loaded, DirectRegression)
    assert loaded.config == REGRESSION
    rgb = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    predictor = Predictor(str(path), device='cpu')
    assert predictor.engine == 'torch'
    output = predictor.infer(rgb)
    predictor.close()
    expected = metric_depth(
        model(torch.from_numpy(rgb).permute(2, 0, 1)[None].float()), (64, 96))[0, 0]
    np.testing.assert_allclose(output.depth_m, expected.detach(), rtol=1e-3)
    assert np.isnan(output.uncertainty_m).all()
    assert output.uncertainty_m.shape == output.depth_m.shape
    assert (output.scene, output.scene_probabilities) == (None, None)


def test_what_it_cannot_do_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match='no decoder layers to supervise; expected .*_layers'):
        replace(SMALL, head='regression')
    with pytest.raises(ConfigError, match="head is 'bin'; expected one of"):
        replace(SMALL, head='bin')
    path = tmp_path / 'regression.safetensors'
    save_model(network(), path, description='for tests')
    with pytest.raises(ConfigError, match="slide_flip .* has head 'regression'"):
        Predictor(str(path), device='cpu', mode='slide_flip')
    with pytest.raises(DeviceError, match="engine openvino cannot run head 'regression'; use"):
        Predictor(str(path), device='cpu', engine='openvino')
    out = network()(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ConfigError, match='loss.scene_weight is not 0, but the network predicts'):
        ScaleDepthLoss(LossConfig())([out], torch.ones(1, 1, 64, 64), torch.tensor([3]))
    terms = ScaleDepthLoss(LossConfig(scene_weight=0.0))(
        [out], torch.ones(1, 1, 64, 64), torch.tensor([3]))
    assert list(terms) == ['loss_depth']
    assert math.isfinite(terms['loss_depth'].item())

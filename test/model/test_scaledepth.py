# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The network on sizes, batches, number types and weights that are not the usual ones."""

from dataclasses import replace

import pytest
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.model.build import build_model, preset, PRESETS
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.scaledepth import metric_depth
from small_network import SMALL, small_network
import torch
from torch.overrides import TorchFunctionMode

SIZES = [(32, 32), (33, 47), (97, 131), (64, 250), (90, 122)]


@pytest.fixture(scope='module')
def model():
    return small_network()


def picture(*shape, seed=0):
    """Return smooth images with some noise, 0 to 255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(shape[0], 3, 5, 5, generator=generator) * 255
    smooth = torch.nn.functional.interpolate(coarse, shape[1:], mode='bicubic').clamp(0, 255)
    return (smooth + torch.randn(smooth.shape, generator=generator)).clamp(0, 255)


@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_any_size_from_32_pixels_gives_finite_depth_of_that_size(model, size):
    out = model(picture(2, *size))
    depth = metric_depth(out, size)
    assert depth.shape == (2, 1, *size)
    assert depth.isfinite().all()
    assert (depth > 0).all()
    assert out.deviation.shape == out.relative_depth.shape
    assert (out.deviation >= 0).all()
    assert out.scale_m.shape == (2, 1)
    assert out.scene_logits.shape == (2, 28)
    edges = out.bin_edges
    assert (edges[:, 1:] > edges[:, :-1]).all()
    assert torch.allclose(edges[:, 0], torch.tensor(1e-3))
    assert torch.allclose(edges[:, -1], torch.tensor(1.001), atol=1e-5)


class Calls(TorchFunctionMode):
    """Notes the names of the functions of PyTorch that are called."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_function__(self, function, _types, arguments=(), options=None):
        self.names.add(getattr(function, '__name__', str(function)))
        return function(*arguments, **(options or {}))


# Each makes the host wait for a GPU, or the GPU for the host.
CROSSING = {'tensor', 'as_tensor', 'new_tensor', 'from_numpy', 'item', 'tolist', 'numpy', 'cpu',
            'nonzero', '__bool__', '__int__', '__float__', '__index__', 'arange'}


@pytest.mark.parametrize('training', [False, True])
def test_a_gpu_is_not_waited_for_within_the_network(training):
    network = small_network().train(training)
    for part in network.modules():
        if isinstance(part, DeformableAttention):
            # The way that a GPU takes.
            part.sampling = 'grid_sample'
    images = picture(2, 64, 96)
    # Tables that depend on sizes only are made once.
    network(images)
    with Calls() as calls:
        network(images)
    assert 'grid_sample' in calls.names
    assert not calls.names & CROSSING


@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(model, size):
    images = picture(3, *size)
    together = model(images)
    for index in range(3):
        alone = model(images[index:index + 1])
        for whole, single in zip(together, alone, strict=True):
            # Scene logits of random weights reach thousands, and cancel.
            atol = max(1e-3, 1e-5 * float(single.abs().max()))
            assert torch.allclose(whole[index], single[0], rtol=1e-4, atol=atol), index


@pytest.mark.parametrize('shape', [(1, 3, 31, 64), (1, 3, 64, 16), (3, 64, 64), (1, 1, 64, 64),
                                   (1, 4, 64, 64), (1, 3, 0, 64)])
def test_another_shape_is_named(model, shape):
    with pytest.raises(ImageError, match='got a tensor of shape .*at least 32 pixels'):
        model(torch.zeros(shape))
    with pytest.raises(ImageError):
        model.forward_layers(torch.zeros(shape))


@torch.no_grad()
def test_layers_come_in_order_and_the_last_is_the_forward_pass(model):
    image = picture(1, 64, 96)
    first, last = model.forward_layers(image)
    assert torch.equal(last.relative_depth, model(image).relative_depth)
    assert not torch.allclose(first.relative_depth, last.relative_depth)
    everything = model.decode(model.image_encoder(image), range(3))
    assert torch.equal(everything[0].scale_m, first.scale_m)


def typical(ours, exact):
    return (ours.float() - exact.float()).abs().median().item()


@pytest.mark.parametrize(('dtype', 'limit'), [(torch.bfloat16, 3e-2), (torch.float16, 5e-3)])
@torch.no_grad()
def test_reduced_precision_is_near_and_its_outputs_are_float32(model, dtype, limit):
    image = picture(2, 96, 128)
    exact = model(image)
    with torch.autocast('cpu', dtype):
        under_autocast = model(image)
    converted = small_network().to(dtype)(image.to(dtype))
    for out in (under_autocast, converted):
        assert all(value.dtype == torch.float32 for value in out[:3])
        assert typical(out.relative_depth, exact.relative_depth) < limit
        assert typical(out.scale_m.log(), exact.scale_m.log()) < limit


@torch.no_grad()
def test_heads_keep_full_precision_under_autocast(model):
    queries = torch.randn(4, 3, 64)
    with torch.autocast('cpu', torch.bfloat16):
        scale = model.scene_scale.scale_m(queries)
        logits = model.scene_scale.scene_logits(queries)
    assert torch.equal(scale, model.scene_scale.scale_m(queries))
    assert torch.equal(logits, model.scene_scale.scene_logits(queries))


@torch.no_grad()
def test_nan_weights_give_nan_not_a_crash_or_a_number():
    model = small_network()
    model.pixel_decoder.mask_feature.weight[0] = torch.nan
    assert metric_depth(model(picture(1, 64, 64)), (64, 64)).isnan().all()


def test_everything_that_is_trained_gets_a_gradient():
    model = small_network().train()
    # Tables that inference has left behind for this size must not get in the way.
    with torch.inference_mode():
        small_network()(picture(2, 64, 96))
    outputs = model.forward_layers(picture(2, 64, 96))
    total = sum(out.relative_depth.square().mean() * out.scale_m.mean()
                + out.scene_logits.logsumexp(1).mean() for out in outputs)
    total.backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert not without
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize('name', sorted(PRESETS))
def test_presets_build_and_scale_to_metres(name):
    config = preset(name)
    with torch.device('meta'):
        model = build_model(config)
        out = model(torch.zeros(1, 3, 64, 96))
    assert out.scale_m.shape == (1, 1)
    assert out.bin_edges.shape == (1, config.bin_queries + 1)


@pytest.mark.parametrize(('changes', 'says'), [
    ({'channels': 32}, 'channels is 32; expected at least 64'),
    ({'channels': 100}, 'channels is 100'),
    ({'heads': 7}, 'of heads .7.'),
    ({'decoder_layers': 0}, 'decoder_layers is 0'),
    ({'bin_queries': 2.5}, 'bin_queries is 2.5'),
    ({'scene_categories': 29}, 'scene_categories is 29; expected at most 28'),
    ({'temperature': float('nan')}, 'temperature is nan'),
    ({'scale_activation': 'tanh'}, "scale_activation is 'tanh'"),
    ({'supervised_layers': ((2, 0.5),)}, 'names layer 2; expected 0 to 1'),
    ({'canonical_focal_px': -1.0}, 'canonical_focal_px is -1.0'),
    ({'encoder': 'resnet_900'}, "encoder is 'resnet_900'"),
])
def test_a_senseless_configuration_is_refused_by_name(changes, says):
    with pytest.raises(ConfigError, match=says):
        build_model(replace(SMALL, **changes))


def test_an_unknown_preset_is_named():
    with pytest.raises(ConfigError, match="model is 'huge'; expected one of"):
        preset('huge')

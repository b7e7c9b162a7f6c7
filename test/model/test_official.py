# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Names, shapes and parts of the published checkpoint, and how it becomes a network."""

from dataclasses import replace
import json
from pathlib import Path

import pytest
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.official import import_official, official_name
from small_network import SMALL, small_network
import torch

KEYS = Path(__file__).parents[1] / 'golden' / 'state_dict_keys.json'
CLIP = 'backbone.clip_model.'


def published(model):
    """Return a state dict as the authors would save it, with parts that nobody needs."""
    state = {official_name(name): value.clone() for name, value in model.state_dict().items()}
    state[CLIP + 'transformer.resblocks.0.ln_1.weight'] = torch.zeros(1000, 250)
    state[CLIP + 'visual.head.mlp.fc1.weight'] = torch.zeros(10)
    return state


def test_every_published_tensor_is_used_or_known_to_be_unused():
    keys = {name: tuple(shape) for name, shape, _ in json.loads(KEYS.read_text())}
    assert len(keys) == 838
    with torch.device('meta'):
        model = build_model(preset('nk'))
    ours = {official_name(name): tuple(value.shape)
            for name, value in model.state_dict().items()}
    assert ours.items() <= keys.items()
    unused = set(keys) - set(ours)
    starts = {name.removeprefix(CLIP).split('.')[0] for name in unused}
    assert starts == {'transformer', 'token_embedding', 'positional_embedding', 'ln_final',
                      'text_projection', 'logit_scale', 'visual'}
    assert {name for name in unused if '.visual.' in name} == {
        CLIP + 'visual.head.mlp.fc1.weight', CLIP + 'visual.head.mlp.fc1.bias',
        CLIP + 'visual.head.mlp.fc2.weight',
        CLIP + 'visual.trunk.head.norm.weight', CLIP + 'visual.trunk.head.norm.bias'}
    # 216 460 162 parameters are needed at inference, and 28 x 768 embeddings are no parameters.
    assert sum(parameter.numel() for parameter in model.parameters()) == 216_460_162


@pytest.mark.parametrize('name', ['n', 'k'])
def test_published_variants_have_one_architecture(name):
    with torch.device('meta'):
        ours = build_model(preset(name)).state_dict()
        expected = build_model(preset('nk')).state_dict()
    assert ({key: value.shape for key, value in ours.items()}
            == {key: value.shape for key, value in expected.items()})


def test_a_name_of_no_part_is_an_error():
    with pytest.raises(KeyError):
        official_name('optimizer.step')


def test_tensors_arrive_and_the_rest_is_counted():
    model = small_network()
    state = published(model)
    imported, report = import_official(
        {f'module.{name}': value for name, value in state.items()}, SMALL, 'x.pth')
    for name, value in model.state_dict().items():
        assert torch.equal(imported.state_dict()[name], value), name
    assert not imported.training
    assert report.dropped == {'text tower': (1, 250_000, 1.0), 'CLIP image head': (1, 10, 4e-5)}
    assert report.tensors == len(state) - 2
    assert 'dropped text tower: 1 tensors, 250,000 parameters, 1.0 MB' in str(report)
    assert 'scene names: 28 categories' in str(report)


@pytest.mark.parametrize(('change', 'says'), [
    (lambda s: s.pop('decode_head.cls_embed.bias'), 'missing: decode_head.cls_embed.bias'),
    (lambda s: s.update({'decode_head.extra': torch.ones(1)}), 'unexpected: decode_head.extra'),
    (lambda s: s.update({'decode_head.query_feat.weight': torch.ones(12, 64)}),
     r'wrong shape: decode_head.query_feat.weight \(12, 64\) instead of \(11, 64\)'),
    (lambda s: s['decode_head.scale_predictor.fc.bias'].fill_(torch.nan),
     r'not finite \(decode_head.scale_predictor.fc.bias\)'),
    (lambda s: s.update({'decode_head.class_embeddings': torch.ones(5, 192)}),
     '5 rows in decode_head.class_embeddings; expected 28'),
    (lambda s: [s.pop(name) for name in list(s) if 'transformer_decoder' in name],
     r'missing: .*and \d+ more'),
])
def test_a_tensor_that_does_not_fit_is_named(change, says):
    state = published(small_network())
    change(state)
    with pytest.raises(CheckpointError, match=says) as caught:
        import_official(state, SMALL, 'x.pth')
    assert '\n' not in str(caught.value)


def test_a_variant_without_embeddings_names_no_scenes():
    state = published(small_network())
    del state['decode_head.class_embeddings']
    model, report = import_official(state, SMALL, 'k.pth')
    assert not model.scene_scale.text_embeddings.any()
    assert 'scene names: none' in str(report)


def test_a_variant_of_27_categories_leaves_out_the_last():
    model = small_network(replace(SMALL, scene_categories=27))
    imported, report = import_official(published(model), SMALL, 'n.pth')
    assert imported.config.scene_categories == 27
    with torch.no_grad():
        assert imported(torch.zeros(1, 3, 64, 64)).scene_logits.shape == (1, 27)
    assert '27 categories; outdoor_scene is not among them' in str(report)

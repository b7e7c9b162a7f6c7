# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Model files: what is saved comes back, and a file that is not right is refused."""

import builtins
from dataclasses import replace
import hashlib
import json
import os

from file_size_limit import largest_file
import pytest
from safetensors.torch import load_file, safe_open, save_file
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.checkpoint import copy_model, load_model, save_model, write_atomically
from small_network import small_network
import torch


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / 'deep' / 'model.safetensors'
    save_model(small_network(), path, description='for tests', dtype=torch.float32,
               extra={'command': 'train'})
    return path


def rewrite(path, tensors=None, **header):
    """Change a model file behind its back."""
    with safe_open(path, framework='pt') as file:
        old = file.metadata()
    save_file(load_file(path) if tensors is None else tensors, path, {**old, **header})


def test_weights_configuration_and_origin_come_back(saved):
    model, info = load_model(saved)
    expected = small_network()
    assert model.config == expected.config
    assert not model.training
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert (info.description, info.trained, info.path) == ('for tests', True, saved)
    assert info.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    with safe_open(saved, framework='pt') as file:
        assert file.metadata()['command'] == 'train'


def test_half_precision_storage_is_read_as_float32(tmp_path):
    path = tmp_path / 'half.safetensors'
    save_model(small_network(), path, description='x', trained=False)
    model, info = load_model(path)
    assert not info.trained
    weight = small_network().query_decoder.query_feat
    assert model.query_decoder.query_feat.dtype == torch.float32
    assert torch.equal(model.query_decoder.query_feat, weight.half().float())
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize('keep', [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved, keep):
    saved.write_bytes(saved.read_bytes()[:int(keep * saved.stat().st_size)])
    with pytest.raises(CheckpointError, match='is not a readable safetensors file'):
        load_model(saved)


@pytest.mark.parametrize(('change', 'says'), [
    (lambda path: rewrite(path, format='other/9'), "format 'other/9' in its header"),
    (lambda path: rewrite(path, config='{'), 'unusable configuration'),
    (lambda path: rewrite(path, config='{"future": 1}'), r"unknown keys \['future'\]"),
    (lambda path: rewrite(path, config='[]'), 'unusable configuration'),
    (lambda path: rewrite(path, {'a': torch.ones(1)}), r'missing: .* and \d+ more; unexpected: a'),
    (lambda path: rewrite(path, {**load_file(path),
                                 'query_decoder.query_feat': torch.full((11, 64), torch.inf)}),
     'not finite .query_decoder.query_feat.'),
    (lambda path: path.unlink(), 'does not exist'),
    (lambda path: (path.unlink(), path.mkdir()), 'is no file; expected a .safetensors'),
])
def test_a_file_that_does_not_fit_says_why(saved, change, says):
    change(saved)
    with pytest.raises(CheckpointError, match=says):
        load_model(saved)


def test_a_configuration_without_later_additions_is_still_read(saved):
    with safe_open(saved, framework='pt') as file:
        config = json.loads(file.metadata()['config'])
    del config['scene_categories']
    rewrite(saved, config=json.dumps(config))
    assert load_model(saved)[0].config.scene_categories == 28


def test_the_old_file_survives_a_full_disk(saved, monkeypatch):
    before = saved.read_bytes()

    def full(_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(CheckpointError, match='No space left on device'):
        save_model(small_network(seed=1), saved, description='new')
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_the_old_file_survives_a_real_full_disk(saved):
    before = saved.read_bytes()
    with largest_file(len(before) // 4), pytest.raises(CheckpointError, match='File too large'):
        save_model(small_network(seed=1), saved, description='new')
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    save_model(small_network(seed=1), saved, description='new')
    assert saved.read_bytes() != before
    assert saved.stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(CheckpointError, match='could not be written'):
        write_atomically(tmp_path / 'file' / 'model.safetensors', b'x')


def test_loading_runs_no_pickle(saved, monkeypatch):
    import pickle

    def refuse(*_, **__):
        raise AssertionError('a model file must not be unpickled')
    monkeypatch.setattr(pickle, 'loads', refuse)
    monkeypatch.setattr(pickle, 'load', refuse)
    monkeypatch.setattr(pickle, 'Unpickler', refuse)
    monkeypatch.setattr(builtins, 'eval', refuse)
    load_model(saved)


def test_a_copy_differs_in_what_was_asked_for_alone(saved, tmp_path):
    target = tmp_path / 'copy.safetensors'
    copy_model(saved, target, uncertainty_scale=2.5)
    model, info = load_model(target)
    original, original_info = load_model(saved)
    assert model.config.uncertainty_scale == 2.5
    assert replace(model.config, uncertainty_scale=1.0) == original.config
    assert info.description == original_info.description
    for name, value in load_file(saved).items():
        assert torch.equal(load_file(target)[name], value), name
    with safe_open(target, framework='pt') as file:
        assert file.metadata()['command'] == 'train'
    with pytest.raises(CheckpointError, match='unusable configuration'):
        copy_model(saved, target, uncertainty_scale=-1.0)
    with pytest.raises(CheckpointError, match='missing: .*deviation'):
        copy_model(saved, target, uncertainty='learned')
    assert load_model(target)[0].config.uncertainty_scale == 2.5

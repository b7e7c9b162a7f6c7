# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Sampling: shares, scenes, sizes, determinism and resuming."""

from collections import Counter

from mini_frames import make_info
import pytest
from scaledepth_ros.data.sampler import NetworkSize, SamplerConfig, SceneSampler
from scaledepth_ros.errors import ConfigError, DatasetError

SIZE = NetworkSize(height=96, width=128)


def _infos():
    """Return 1000 frames of one office, 10 of a kitchen, 5 streets, 20 of a rendered room."""
    infos = [make_info(i, scene='office') for i in range(1000)]
    infos += [make_info(i, scene='kitchen') for i in range(10)]
    infos += [
        make_info(i, scene=f'street{i}', domain='outdoor', width=120, height=40) for i in range(5)
    ]
    return infos + [make_info(i, scene='rendered', kind='synthetic') for i in range(20)]


def _drawn(config, steps=200, **changes):
    infos = _infos()
    sampler = SceneSampler(infos, config, num_steps=steps, **changes)
    return [[infos[key.frame_index] for key in batch] for batch in sampler], sampler


def test_every_scene_is_drawn_equally_often():
    batches, _ = _drawn(SamplerConfig(batch_size=8, sizes=(SIZE,)))
    counts = Counter(info.scene for batch in batches for info in batch)
    assert len(counts) == 8
    assert all(count == 200 for count in counts.values())


def test_temperature_one_draws_every_frame_equally_often():
    config = SamplerConfig(batch_size=10, sizes=(SIZE,), scene_temperature=1.0)
    batches, sampler = _drawn(config)
    counts = Counter(info.scene for batch in batches for info in batch)
    assert counts['office'] / 2000 == pytest.approx(1000 / 1035, abs=0.01)
    assert sampler.scene_probabilities()['office'] == pytest.approx(1000 / 1035)


def test_a_factor_on_a_scene_changes_its_part_of_its_share_alone():
    config = SamplerConfig(
        batch_size=10, sizes=(SIZE,), scene_factors={'office': 3.0},
        shares={'indoor': 2, 'outdoor': 1},
    )
    odds = _drawn(config)[1].scene_probabilities()
    # The rendered room counts as indoor, so three scenes share two thirds as 3 : 1 : 1.
    assert odds['office'] == pytest.approx(2 / 3 * 3 / 5)
    assert odds['kitchen'] == odds['rendered'] == pytest.approx(2 / 3 / 5)
    assert odds['street0'] == pytest.approx(1 / 3 / 5)


def test_shares_hold_within_each_batch():
    config = SamplerConfig(
        batch_size=10, sizes=(SIZE,), shares={'indoor': 5, 'outdoor': 3, 'synthetic': 2}
    )
    batches, _ = _drawn(config)
    for batch in batches:
        counts = Counter('syn' if i.kind == 'synthetic' else i.domain for i in batch)
        assert counts == {'indoor': 5, 'outdoor': 3, 'syn': 2}


def test_synthetic_frames_count_by_the_most_specific_key_and_unlisted_groups_are_not_drawn():
    config = SamplerConfig(batch_size=4, sizes=(SIZE,), shares={'synthetic-indoor': 1})
    batches, _ = _drawn(config, steps=20)
    assert {info.scene for batch in batches for info in batch} == {'rendered'}
    config = SamplerConfig(batch_size=4, sizes=(SIZE,), shares={'indoor': 1})
    scenes = {info.scene for batch in _drawn(config, steps=20)[0] for info in batch}
    assert scenes == {'office', 'kitchen', 'rendered'}


def test_no_frame_repeats_in_a_batch_before_its_scene_is_used_up():
    infos = [make_info(i, scene='a') for i in range(6)]
    sampler = SceneSampler(infos, SamplerConfig(batch_size=6, sizes=(SIZE,)), num_steps=20)
    for batch in sampler:
        assert sorted(key.frame_index for key in batch) == list(range(6))


def test_a_batch_has_one_size_that_suits_its_frames():
    wide = NetworkSize(height=64, width=192, share=1.0, min_aspect=2.0)
    config = SamplerConfig(batch_size=4, sizes=(SIZE, wide))
    infos = _infos()
    sizes = Counter()
    for batch in SceneSampler(infos, config, num_steps=300):
        (size,) = {(key.height, key.width) for key in batch}
        sizes[size] += 1
        if size == (64, 192):
            assert all(infos[key.frame_index].domain == 'outdoor' for key in batch)
    assert sizes[(64, 192)] == pytest.approx(150, abs=40)


def test_a_batch_depends_on_seed_and_step_alone():
    config = SamplerConfig(batch_size=8, seed=3, sizes=(SIZE,))
    infos = _infos()
    whole = list(SceneSampler(infos, config, num_steps=30))
    resumed = SceneSampler(infos, config, num_steps=30, start_step=17)
    assert list(resumed) == whole[17:]
    assert len(resumed) == 13
    assert list(resumed) == whole[17:], 'iterating must not change what comes'
    other = SamplerConfig(batch_size=8, seed=4, sizes=(SIZE,))
    assert list(SceneSampler(infos, other, num_steps=30)) != whole
    assert [key.position for key in whole[0]] == list(range(8))
    assert {key.step for key in whole[5]} == {5}


def test_processes_share_one_global_batch():
    config = SamplerConfig(batch_size=6, seed=3, sizes=(SIZE,))
    infos = _infos()
    whole = SceneSampler(infos, config, num_steps=5).batch(2)
    parts = [
        SceneSampler(infos, config, num_steps=5, rank=rank, world_size=3).batch(2)
        for rank in range(3)
    ]
    assert sorted(key for part in parts for key in part) == sorted(whole)
    with pytest.raises(ConfigError, match='Batch of 6 for rank 0 of 4'):
        SceneSampler(infos, config, num_steps=5, rank=0, world_size=4)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'batch_size': 0}, 'batch_size is 0'),
        ({'seed': -1}, 'seed is -1'),
        ({'sizes': ()}, 'sizes is empty'),
        ({'scene_temperature': 2.0}, 'scene_temperature is 2'),
        ({'scene_factors': {'office': 0.0}}, 'scene_factors has office: 0.0'),
        ({'shares': {'space': 1.0}}, 'shares has space'),
        ({'shares': {'indoor': -1.0}}, 'shares has indoor: -1.0'),
    ],
)
def test_senseless_settings_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        SamplerConfig(**{'batch_size': 4, **changes})


def test_sizes_and_shares_without_frames_are_refused():
    with pytest.raises(ConfigError, match='at least 32x32'):
        NetworkSize(height=16, width=320)
    with pytest.raises(ConfigError, match='share > 0'):
        NetworkSize(height=64, width=64, share=0.0)
    tall = NetworkSize(height=128, width=64, max_aspect=0.8)
    with pytest.raises(DatasetError, match='network size 128x64: 0 scenes suit its aspect'):
        SceneSampler(_infos(), SamplerConfig(batch_size=4, sizes=(tall,)), num_steps=1)
    outdoor = SamplerConfig(batch_size=4, shares={'synthetic-outdoor': 1.0})
    with pytest.raises(DatasetError, match='No frame can be drawn'):
        SceneSampler(_infos(), outdoor, num_steps=1)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The ablation script: what it holds out, what it would run, what it makes of the results."""

import json
from pathlib import Path
import subprocess
import sys

from file_size_limit import largest_file
import pytest
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import ConfigError, DatasetError, ScaleDepthError, SourceError
from scaledepth_ros.training.config import load_config

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'benchmarks'))

import ablations  # noqa: E402


def info(scene, dataset='a', domain='indoor', kind='real', completed=False):
    return FrameInfo(name=scene, dataset=dataset, domain=domain, scene=scene, width=64, height=48,
                     kind=kind, completed=completed)


def test_every_fourth_scene_in_the_order_of_data_set_and_size_is_held_out():
    infos = [info('a_small'), *[info('a_big')] * 3, *[info('b_small', 'b')] * 2,
             *[info('b_big', 'b')] * 9, info('c_one', 'c'), *[info('c_two', 'c')] * 2,
             # Nothing of these can be measured.
             info('rendered', kind='synthetic'), info('stereo', kind='real-sgbm'),
             info('filled', completed=True),
             info('street_b', 'b', 'outdoor'), info('street_a', 'a', 'outdoor')]
    # Indoor order: a_small a_big b_small b_big c_one c_two; the second and the sixth.
    assert ablations.dev_scenes(infos) == ['a_big', 'c_two', 'street_a']
    assert ablations.dev_scenes(infos[::-1]) == ['a_big', 'c_two', 'street_a']
    with pytest.raises(DatasetError, match='no real scene to hold out'):
        ablations.dev_scenes([info('rendered', kind='synthetic')])


@pytest.fixture
def options(tmp_path):
    def parsed(*extra):
        found = []
        arguments = ['run', '--data', 'index.csv', '--data', 'more:2', '--steps', '101',
                     '--output', str(tmp_path / 'out'), *extra]
        original, ablations.run = ablations.run, lambda values: found.append(values) or 0
        try:
            assert ablations.main(arguments) == 0
        finally:
            ablations.run = original
        return found[0]
    return parsed


def overrides(command):
    return [value for key, value in zip(command, command[1:], strict=False) if key == '--set']


@pytest.mark.parametrize('name', list(ablations.VARIANTS))
def test_every_variant_is_a_valid_configuration(options, tmp_path, name):
    base = load_config(ROOT / 'config' / 'train_lite.yaml')
    for stage in ablations.VARIANTS[name].stages:
        command = ablations.training_command(
            options('--set', 'batch_size=6'), ['x', 'y'], stage, 3, tmp_path, None)
        config = load_config(ROOT / 'config' / 'train_lite.yaml', overrides(command))
        assert (config.batch_size, config.seed) == (6, 3)
        assert command[command.index('--dev-scenes') + 1] == 'x,y'
        assert [command[i + 1] for i, word in enumerate(command) if word == '--data'] == [
            'index.csv', 'more:2']
        shares, network = config.sampling.shares, config.model.network()
        assert (network.head == 'regression') == (name == 'regression')
        assert (network.canonical_focal_px is None) == ('focal' in name)
        real, synthetic = (sum(shares[key] for key in keys) for keys in (
            ('indoor', 'outdoor'), ('synthetic-indoor', 'synthetic-outdoor')))
        if name in ('real', 'synthetic', 'synthetic-then-real'):
            assert (real == 0) != (synthetic == 0)
        else:
            assert shares == base.sampling.shares
        assert (config.loss.scene_weight == 0) == (name in ('regression', 'no-text'))


def test_stages_follow_one_another_and_a_finished_variant_is_left_alone(
    options, tmp_path, monkeypatch,
):
    called = []

    def call(command, _threads):
        called.append(command)
        output = Path(command[command.index('--output') + 1])
        output.mkdir(parents=True, exist_ok=True)
        if command[3] == 'train':
            write_model(output / 'last.safetensors', command[command.index('--steps') + 1])
            (output / 'last.ckpt').touch()
        else:
            (output / 'evaluation.json').write_text('{}')

    monkeypatch.setattr(ablations, 'call', call)
    parsed = options()
    for _ in range(2):
        ablations.run_variant(parsed, ['x'], 'synthetic-then-real', 0)
    folder = tmp_path / 'out' / 'synthetic-then-real-seed0'
    first, second, evaluation = called
    assert first[first.index('--steps') + 1] == second[second.index('--steps') + 1] == '50'
    assert not any('initialisation.model' in word for word in first)
    assert f'initialisation.model={folder / "stage0" / "last.safetensors"}' in second
    assert '--resume' not in first + second
    assert evaluation[evaluation.index('--model') + 1] == str(
        folder / 'stage1' / 'last.safetensors')
    (folder / 'evaluation.json').unlink()
    ablations.run_variant(parsed, ['x'], 'synthetic-then-real', 0)
    assert '--resume' in called[3]
    with pytest.raises(ConfigError, match='was run with another dev_scenes; choose another'):
        ablations.run_variant(parsed, ['y'], 'synthetic-then-real', 0)


def test_a_plan_that_does_not_fit_on_the_disk_leaves_none(tmp_path):
    plan = {'dev_scenes': ['a' * 40]}
    path = tmp_path / 'plan.json'
    # Half a plan would keep the same command from going on.
    with largest_file(10), pytest.raises(SourceError, match=r'plan\.json cannot be written'):
        ablations.remember(path, plan)
    assert list(tmp_path.iterdir()) == []
    ablations.remember(path, plan)
    ablations.remember(path, plan)
    assert json.loads(path.read_text()) == plan


def write_model(path, steps):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({'a': np.zeros(1, np.float32)}, path, {'steps': steps})


def test_a_training_that_was_stopped_is_not_measured(options, tmp_path, monkeypatch):
    def call(command, _threads):
        output = Path(command[command.index('--output') + 1])
        output.mkdir(parents=True)
        write_model(output / 'last.safetensors', '7')

    monkeypatch.setattr(ablations, 'call', call)
    with pytest.raises(ScaleDepthError, match='was stopped after 7 steps; the same command'):
        ablations.run_variant(options(), ['x'], 'base', 0)


def write_result(folder, variant, seed, rooms):
    """Write what a finished run leaves; rooms are d1 by scene."""
    target = folder / f'{variant}-seed{seed}'
    target.mkdir(parents=True)
    (target / 'plan.json').write_text(json.dumps({'variant': variant, 'seed': seed, 'steps': 9}))
    (target / 'evaluation.json').write_text(json.dumps({'by_scene': {
        scene: {'domain': 'indoor', 'raw': {'d1': d1, 'abs_rel': 1 - d1},
                'aligned': {'d1': 0.5}, 'scale_error': 0.25}
        for scene, d1 in rooms.items()}}))


def test_the_table_pairs_scenes_and_averages_seeds(tmp_path, capsys):
    write_result(tmp_path, 'base', 0, {'a': 0.5, 'b': 0.9})
    write_result(tmp_path, 'base', 1, {'a': 0.7, 'b': 0.9})
    write_result(tmp_path, 'no-text', 0, {'a': 0.5, 'b': 0.8})
    assert ablations.main(['table', str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Indoor: 2 held-out scenes, 9 steps, seeds 0, 1'
    # Base: (0.6 + 0.9) / 2. Both scenes are worse by 0.1, so the interval has no width although
    # the scenes are 0.3 apart.
    assert lines[4] == '| the recipe as it is | 0.750 | 0.250 | 0.500 | 0.250 |  |  |  |'
    assert lines[5] == ("| without SASP's text term | 0.650 | 0.350 | 0.500 | 0.250 | "
                        '-0.100 [-0.100, -0.100] | +0.100 [+0.100, +0.100] | '
                        '+0.000 [+0.000, +0.000] |')


def test_a_table_needs_the_base_and_the_same_scenes(tmp_path, capsys):
    write_result(tmp_path, 'no-text', 0, {'a': 0.5})
    assert ablations.main(['table', str(tmp_path)]) == 1
    assert "no finished run of 'base'" in capsys.readouterr().err
    write_result(tmp_path, 'base', 0, {'b': 0.5})
    assert ablations.main(['table', str(tmp_path)]) == 1
    assert 'measured on other scenes (a, b)' in capsys.readouterr().err


def test_a_failing_command_ends_the_script(capfd):
    with pytest.raises(ScaleDepthError, match='ended with 3'):
        ablations.call([sys.executable, '-c', 'raise SystemExit(3)'])
    ablations.call([sys.executable, '-c', 'import os; print(os.environ["OMP_NUM_THREADS"])'], 5)
    assert capfd.readouterr().out.splitlines()[-1] == '5'


def test_help_names_the_variants():
    done = subprocess.run([sys.executable, str(ROOT / 'benchmarks' / 'ablations.py'), 'run', '-h'],
                          capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ablations.VARIANTS)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The network against golden arrays of the official code.

The full-size cases are too large for this folder and take a minute; where they are kept, run
    SCALEDEPTH_GOLDEN_DIR=... python -m pytest -m slow test/golden
"""

import json
import os
from pathlib import Path
import shutil

import numpy as np
import pytest
import torch
import verify

HERE = Path(__file__).parent
CASES = sorted(path for path in HERE.glob('golden_*.json') if path.stem != 'golden_depth_metric')
ELSEWHERE = os.environ.get('SCALEDEPTH_GOLDEN_DIR')
LARGE = sorted(Path(ELSEWHERE).glob('golden_*.json')) if ELSEWHERE else []


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads that wait for each other on a busy machine take longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize('path', CASES, ids=lambda path: path.stem)
def test_small_cases(path):
    result = verify.verify(path)
    assert not result.failures
    assert len(result.texts) >= 9


@pytest.mark.parametrize('path', CASES, ids=lambda path: path.stem)
def test_small_cases_as_the_engine_runs_them(path):
    assert not verify.verify(path, packed=True).failures


@pytest.mark.slow
@pytest.mark.skipif(not LARGE, reason='SCALEDEPTH_GOLDEN_DIR names no folder of golden cases')
@pytest.mark.parametrize('path', LARGE, ids=lambda path: path.stem)
def test_cases_of_another_folder(path):
    result = verify.verify(path)
    if result is None:
        pytest.skip('no case')
    assert not result.failures


@pytest.fixture
def folder(tmp_path):
    for suffix in ('.json', '.npz'):
        shutil.copy(HERE / f'golden_tiny_64x96{suffix}', tmp_path)
    return tmp_path


def change_array(folder, name, change):
    path = folder / 'golden_tiny_64x96.npz'
    arrays = dict(np.load(path))
    arrays[name] = change(arrays[name])
    np.savez(path, **arrays)


@pytest.mark.parametrize(('name', 'change', 'says'), [
    ('S', lambda a: a + np.eye(*a.shape, dtype=a.dtype) * 3e-4, 'S is 3.0'),
    ('bin_edges', lambda a: a - 2e-4, 'edges is 2.0'),
    ('mask_features_sub', lambda a: a * 1.001, 'features is'),
    ('R_quarter_last', lambda a: a + 2e-4, 'R is 2.0'),
    ('M_full_sub', lambda a: a * 1.0002, 'M rel is 2.0'),
    ('P', lambda a: np.where(np.arange(28) == 3, np.nan, a), 'P is nan'),
    ('attn_mask_bits', lambda a: a ^ (np.arange(a.size) == 5).astype(np.uint8),
     'a mask bit differs'),
])
def test_a_wrong_value_is_noticed(folder, capsys, name, change, says):
    change_array(folder, name, change)
    assert verify.main([str(folder), '--threads', '1']) == 1
    printed = capsys.readouterr().out
    assert printed.startswith('FAIL tiny_64x96')
    assert says in printed
    assert '1 cases, 1 failed' in printed


@pytest.mark.parametrize(('change', 'says'), [
    (lambda f: f['loss']['losses'].update({'aux_loss_depth_2': 2.593}), 'losses is'),
    (lambda f: f['loss']['losses'].update({'loss_extra': 1.0}), 'losses are'),
    (lambda f: f['loss']['grad_norms'].update({'decode_head.query_feat.weight': 9.0}),
     'gradients'),
    (lambda f: f['loss']['grad_norms'].update({'decode_head.unknown': 1.0}), 'no gradient for'),
])
def test_a_wrong_loss_or_gradient_is_noticed(folder, capsys, change, says):
    path = folder / 'golden_tiny_64x96.json'
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    assert verify.main([str(folder), '--threads', '1']) == 1
    assert says in capsys.readouterr().out


def test_evaluation_metrics_are_compared_too(tmp_path, capsys):
    facts = json.loads((HERE / 'golden_depth_metric.json').read_text())
    path = tmp_path / 'golden_depth_metric.json'
    for change, code in ((0.0, 0), (1e-4, 1)):
        facts['cases'][7]['metrics']['rmse'] *= 1 + change
        path.write_text(json.dumps(facts))
        assert verify.main([str(tmp_path)]) == code
    assert 'rmse is 1.0' in capsys.readouterr().out


def test_an_empty_folder_is_no_success(tmp_path):
    assert verify.main([str(tmp_path)]) == 2
    (tmp_path / 'golden_other.json').write_text('{"meaning": "no network"}')
    assert verify.main([str(tmp_path)]) == 1

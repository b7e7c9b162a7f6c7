# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints to resume from."""

import os
from pathlib import Path
import pickle
import subprocess
import sys

from miniature import VALUES
import pytest
from safetensors.torch import save_file
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.build import build_model
from scaledepth_ros.model.scaledepth import ScaleDepth
from scaledepth_ros.training.config import config_from_mapping, EmaConfig, OptimiserConfig
from scaledepth_ros.training.ema import WeightAverage
from scaledepth_ros.training.optimiser import build_optimiser
from scaledepth_ros.training.state import load_progress, load_state, Progress, save_state
import torch

PROGRESS = Progress(step=3, config={'steps': 6}, data_sha256='ab', best=0.5,
                    loss_scale={'scale': 1024.0})


def network(**overrides: object) -> ScaleDepth:
    model = {**VALUES['model']}
    model['overrides'] = {**model['overrides'], **overrides}
    return build_model(config_from_mapping({'model': model}).model.network())


def trained(
    layout: torch.memory_format = torch.contiguous_format,
) -> tuple[ScaleDepth, torch.optim.Optimizer, WeightAverage]:
    model = network().to(memory_format=layout)
    optimiser = build_optimiser(model, OptimiserConfig())
    average = WeightAverage(model, EmaConfig(decay=0.5))
    # A parameter without gradient has no optimiser state; that must not matter.
    for name, parameter in model.named_parameters():
        if name != 'scene_scale.fc.bias':
            parameter.grad = torch.full_like(parameter, 0.1)
    optimiser.step()
    average.update(model, 0)
    return model, optimiser, average


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_everything_comes_back_bit_for_bit(tmp_path: Path, layout: torch.memory_format) -> None:
    model, optimiser, average = trained(layout)
    save_state(tmp_path / 'a.ckpt', PROGRESS, model, optimiser, average)
    other = network().to(memory_format=layout)
    other_optimiser = build_optimiser(other, OptimiserConfig())
    other_average = WeightAverage(other, EmaConfig(decay=0.5))
    assert load_state(tmp_path / 'a.ckpt', other, other_optimiser, other_average) == PROGRESS
    for one, two in ((model, other), (average.model, other_average.model)):
        for name, value in one.state_dict().items():
            assert torch.equal(value, two.state_dict()[name]), name
    others = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        state = optimiser.state.get(parameter, {})
        assert set(state) == set(other_optimiser.state.get(others[name], {}))
        for key, value in state.items():
            restored = other_optimiser.state[others[name]][key]
            assert torch.equal(value, restored), (name, key)
            # A fused step takes values in the order in which they lie in memory.
            assert value.stride() == restored.stride(), (name, key)
            assert not restored.requires_grad
    assert len(optimiser.state) == len(others) - 1


def test_an_average_begins_with_the_weights_where_none_was_kept(tmp_path: Path) -> None:
    model, optimiser, _ = trained()
    save_state(tmp_path / 'a.ckpt', PROGRESS, model, optimiser, None)
    other = network()
    average = WeightAverage(other, EmaConfig(decay=0.5))
    load_state(tmp_path / 'a.ckpt', other, build_optimiser(other, OptimiserConfig()), average)
    assert torch.equal(average.model.query_decoder.query_feat, model.query_decoder.query_feat)


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    save_state(tmp_path / 'a.ckpt', PROGRESS, *trained())
    other = network(bin_queries=9)
    with pytest.raises(CheckpointError, match='query_decoder.query_feat .11, 64. instead of'):
        load_state(tmp_path / 'a.ckpt', other, build_optimiser(other, OptimiserConfig()), None)


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / 'a.ckpt'
    model, optimiser, average = trained()
    save_state(path, PROGRESS, model, optimiser, average)
    before = path.read_bytes()
    # The kernel itself refuses to let a file of this process grow beyond 1 MiB.
    code = ('import resource, sys\n'
            'from test_state import *\n'
            'resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n'
            'try:\n'
            '    save_state(Path(sys.argv[1]), PROGRESS, *trained())\n'
            'except CheckpointError as error:\n'
            '    print(error)\n')
    run = subprocess.run(
        [sys.executable, '-c', code, path], capture_output=True, text=True, timeout=250,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(
            [str(Path(__file__).parent), str(Path(__file__).parents[2])])})
    assert 'a.ckpt could not be written' in run.stdout, run.stderr
    assert 'older checkpoint of this name is unchanged' in run.stdout
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['a.ckpt']


class Evil:
    """A pickle of this writes a file when it is loaded carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize('content', ['pickle', 'truncated', 'other', 'header', 'missing'])
def test_anything_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'a.ckpt'
    if content == 'pickle':
        path.write_bytes(pickle.dumps(Evil(tmp_path / 'touched')))
    elif content == 'truncated':
        save_state(path, PROGRESS, *trained())
        path.write_bytes(path.read_bytes()[:-100])
    elif content == 'other':
        save_file({'a': torch.zeros(1)}, path)
    elif content == 'header':
        save_file({'a': torch.zeros(1)}, path, {
            'format': 'scaledepth_ros/training/1', 'progress': '{"steps": 1}'})
    with pytest.raises(CheckpointError, match=r'a\.ckpt'):
        load_progress(path)
    assert not (tmp_path / 'touched').exists()

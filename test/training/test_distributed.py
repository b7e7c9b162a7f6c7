# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Two processes learn what one does."""

import json
import os
from pathlib import Path
import subprocess
import sys

from miniature import VALUES, write_miniature
import pytest
from safetensors.torch import load_file
from scaledepth_ros.errors import ConfigError, DeviceError
from scaledepth_ros.training.distributed import joined_processes, Processes
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]


def train(folder: Path, index: Path, processes: int, *arguments: str) -> list[dict[str, float]]:
    """Run the train command, in one process or under torchrun, and return its log."""
    command = [sys.executable, '-m']
    if processes > 1:
        command += ['torch.distributed.run', '--standalone', '--nproc-per-node', str(processes),
                    '-m']
    run = subprocess.run(
        [*command, 'scaledepth_ros.cli', 'train', '--config', folder.parent / 'config.yaml',
         '--data', index, '--output', folder, '--threads', '1', *arguments],
        cwd=ROOT, env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True,
        timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    return [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]


# Three processes that load PyTorch, two of them at a time.
@pytest.mark.timeout(600)
def test_two_processes_give_the_loss_and_the_weights_of_one(tmp_path: Path) -> None:
    index = write_miniature(tmp_path / 'data')
    # Unknown focal lengths in one of the frames must be aligned in whichever process has it.
    write_miniature(tmp_path / 'more', dataset='unknown', scenes=1, unknown_focal=True)
    # One variance over the batch, as published: the mean of two halves' losses is another number.
    values = {
        **VALUES, 'steps': 4, 'loss': {'depth_group': 'batch'},
        'model': {**VALUES['model'], 'overrides': {
            **VALUES['model']['overrides'], 'drop_path_rate': 0.0}},
        # Adam turns gradients that are zero but for rounding into full steps; eps stops that.
        'optimiser': {**VALUES['optimiser'], 'eps': 1e-2},
        'dev': {'scenes': ['miniature_3'], 'interval': 2}}
    (tmp_path / 'config.yaml').write_text(yaml.safe_dump(values))
    more = ('--data', str(tmp_path / 'more' / 'index.csv'))
    one = train(tmp_path / 'one', index, 1, *more)
    two = train(tmp_path / 'two', index, 2, *more)

    assert len(one) == len(two) == 4
    for alone, together in zip(one, two, strict=True):
        for name, value in alone.items():
            # Rounding that opens or closes an attention mask moves later gradients by a per cent.
            gradient = 5e-3 if alone['step'] < 3 else 3e-2
            limit = gradient if name == 'grad_norm' else 5e-4
            assert together[name] == pytest.approx(value, rel=limit), (alone['step'], name)
    assert one[-1]['loss'] < one[0]['loss']
    weights, others = (load_file(tmp_path / name / 'last.ckpt') for name in ('one', 'two'))
    assert set(weights) == set(others)
    for name, value in weights.items():
        if name.startswith('model.') and value.is_floating_point():
            torch.testing.assert_close(others[name], value, rtol=1e-3, atol=2e-4, msg=name)
    dev = [[json.loads(line) for line in (tmp_path / name / 'dev.jsonl').read_text().splitlines()]
           for name in ('one', 'two')]
    assert dev[0][-1]['indoor'] == pytest.approx(dev[1][-1]['indoor'], abs=2e-2)


def test_alone_everything_stays_as_it_is() -> None:
    processes = Processes()
    value = torch.rand(2, 3, requires_grad=True)
    assert processes.gather(value) is value
    assert processes.gather_lists(['a']) == ['a']
    assert processes.any(True)
    assert not processes.any(False)
    assert processes.leads


@pytest.mark.parametrize('name', ['tpu', 'mps:0', 'cuda:99'])
def test_an_absent_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match=f'device is .?{name}'), joined_processes(name):
        pass


def test_processes_may_not_share_a_named_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(ConfigError, match="'cuda:0' for 2 processes"), joined_processes('cuda:0'):
        pass

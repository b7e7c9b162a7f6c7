# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Whole runs on a miniature data set."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from miniature import miniature_config, VALUES, write_miniature
import numpy as np
import pytest
from safetensors import safe_open
from scaledepth_ros.data.training_set import NetworkBatch
from scaledepth_ros.errors import CheckpointError, ConfigError, DatasetError
from scaledepth_ros.model.checkpoint import copy_model, load_model
from scaledepth_ros.training import trainer as trainer_module
from scaledepth_ros.training.state import load_progress
from scaledepth_ros.training.step import DivergedError, TrainStep
from scaledepth_ros.training.trainer import RunOptions, Trainer
import torch
import yaml


@pytest.fixture(scope='module')
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_miniature(tmp_path_factory.mktemp('data'))


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]


def test_the_loss_falls_and_the_run_leaves_what_it_promises(index: Path, tmp_path: Path) -> None:
    config = miniature_config(index, 'steps=20', 'dev.fraction=0.25', 'dev.interval=10',
                              'initialisation.encoder=imagenet', 'batch_norm=train',
                              'initialisation.scene_text=minilm', 'save_interval=15')
    assert Trainer(config, RunOptions(output=tmp_path, command='the command')).run() == 20

    losses = [row['loss'] for row in log_of(tmp_path)]
    assert len(losses) == 20
    assert np.mean(losses[-4:]) < 0.6 * np.mean(losses[:4])
    model, info = load_model(tmp_path / 'last.safetensors')
    assert info.trained
    assert 'trained for 20 of 20 steps of 4 frames, seed 0' in info.description
    assert bool(model.scene_scale.text_embeddings.any())
    with safe_open(tmp_path / 'last.safetensors', framework='pt') as file:
        header = file.metadata()
    assert header['command'] == 'the command'
    assert header['steps'] == '20'
    assert len(header['data_sha256']) == 64
    held_out = [json.loads(line) for line in (tmp_path / 'dev.jsonl').read_text().splitlines()]
    assert [row['step'] for row in held_out] == [10, 20]
    assert held_out[0]['indoor']['scenes'] == 1
    assert held_out[0]['indoor']['frames'] == 2
    best = max(row['indoor']['d1'] for row in held_out)
    assert load_progress(tmp_path / 'last.ckpt').best == pytest.approx(best)
    assert (tmp_path / 'best.safetensors').is_file()
    assert list((tmp_path / 'tensorboard').iterdir())
    assert yaml.safe_load((tmp_path / 'config.yaml').read_text())['steps'] == 20


def test_held_out_frames_beyond_the_range_do_not_end_the_run(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    # All that the held-out scene shows is at 2.7 m or more; the wall of another is at 2 m.
    config = miniature_config(index, 'steps=1', 'dev.scenes=[miniature_3]',
                              'model.overrides.max_depth_m=2.1')
    assert Trainer(config, RunOptions(output=tmp_path)).run() == 1
    assert 'No held-out frame has depth within 2.1 m' in capsys.readouterr().out
    assert (tmp_path / 'dev.jsonl').read_text() == ''
    assert (tmp_path / 'last.safetensors').is_file()
    assert not (tmp_path / 'best.safetensors').exists()


@pytest.mark.parametrize('channels_last', ['false', 'true'])
def test_a_resumed_run_is_the_same_bit_for_bit(
    index: Path, tmp_path: Path, channels_last: str,
) -> None:
    config = miniature_config(index, 'batch_norm=train', 'augmentation.zoom_max=1.5',
                              'augmentation.colour={}', 'schedule.warmup_steps=2',
                              f'channels_last={channels_last}')
    straight = Trainer(config, RunOptions(output=tmp_path / 'straight'))
    straight.run()
    assert Trainer(config, RunOptions(output=tmp_path / 'parts', stop_at=3)).run() == 3
    # What is drawn in between must not matter.
    torch.manual_seed(99)
    resumed = Trainer(config, RunOptions(output=tmp_path / 'parts', resume=True))
    assert resumed.done == 3
    resumed.run()

    log = (tmp_path / 'straight' / 'log.jsonl').read_bytes()
    assert (tmp_path / 'parts' / 'log.jsonl').read_bytes() == log
    assert len(log.splitlines()) == 6
    for one, other in ((straight.model, resumed.model),
                       (straight.average.model, resumed.average.model)):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


def test_workers_change_nothing(index: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        config = miniature_config(index, 'steps=2', f'sampling.workers={workers}',
                                  'sampling.cache_short_side_px=64', 'augmentation.colour={}')
        Trainer(config, RunOptions(output=tmp_path / str(workers))).run()
    assert log_of(tmp_path / '0') == log_of(tmp_path / '2')


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_frames(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(miniature_config(index, 'save_interval=2'), RunOptions(output=tmp_path))
    seen: list[NetworkBatch] = []
    forward = TrainStep._forward

    def poisoned(self: TrainStep, part: NetworkBatch) -> dict[str, torch.Tensor]:
        seen.append(part)
        terms = forward(self, part)
        return {name: value * (torch.nan if len(seen) == 4 else 1)
                for name, value in terms.items()}
    monkeypatch.setattr(TrainStep, '_forward', poisoned)
    with pytest.raises(DivergedError, match='The loss of step 3 is not finite') as error:
        trainer.run()
    for info in seen[3].infos:
        assert f'miniature: {info.name}' in str(error.value)
    assert all(bool(p.isfinite().all()) for p in trainer.model.parameters())
    assert load_progress(tmp_path / 'last.ckpt').step == 2
    assert len(log_of(tmp_path)) == 3

    monkeypatch.setattr(TrainStep, '_forward', forward)
    assert Trainer(trainer.config, RunOptions(output=tmp_path, resume=True)).run() == 6
    assert [row['step'] for row in log_of(tmp_path)] == list(range(6))


def test_a_run_whose_last_model_file_failed_is_finished_by_resuming(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = miniature_config(index, 'steps=2')
    trainer = Trainer(config, RunOptions(output=tmp_path))

    def full(*_arguments: object, **_options: object) -> None:
        raise CheckpointError('No space left on device')
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, 'save_model', full)
        with pytest.raises(CheckpointError, match='No space left on device'):
            trainer.run()
    assert load_progress(tmp_path / 'last.ckpt').step == 2
    assert not (tmp_path / 'last.safetensors').exists()

    assert Trainer(config, RunOptions(output=tmp_path, resume=True)).run() == 2
    assert '2 of 2 steps were done before' in capsys.readouterr().out
    model, info = load_model(tmp_path / 'last.safetensors')
    assert 'trained for 2 of 2 steps' in info.description
    for name, value in trainer.average.model.state_dict().items():
        assert torch.equal(value.half(), model.state_dict()[name].half()), name
    assert len(log_of(tmp_path)) == 2


def test_a_full_disk_leaves_the_old_checkpoint(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(miniature_config(index, 'save_interval=2'), RunOptions(output=tmp_path))

    def fails_later(tensors: object, path: Path, header: object) -> None:
        if trainer.done == 4:
            path.write_bytes(b'part of a file')
            raise OSError(28, 'No space left on device')
        save_file(tensors, path, header)
    from scaledepth_ros.training import state
    save_file = state.save_file
    monkeypatch.setattr(state, 'save_file', fails_later)
    with pytest.raises(CheckpointError, match='No space left on device.* unchanged'):
        trainer.run()
    assert load_progress(tmp_path / 'last.ckpt').step == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith('.last.ckpt')]


@pytest.mark.parametrize('workers', [0, 1])
def test_a_damaged_frame_is_named(tmp_path: Path, workers: int) -> None:
    index = write_miniature(tmp_path / 'data', scenes=1, frames=1)
    depth = tmp_path / 'data' / 'miniature_0_0.png'
    depth.write_bytes(depth.read_bytes()[:200])
    trainer = Trainer(miniature_config(index, f'sampling.workers={workers}'),
                      RunOptions(output=tmp_path / 'run'))
    with pytest.raises(DatasetError, match=r'^\S*miniature_0_0\.png[^\n]*$'):
        trainer.run()


def test_a_new_run_does_not_overwrite_an_old_one(index: Path, tmp_path: Path) -> None:
    (tmp_path / 'last.ckpt').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'last.ckpt exists; go on with --resume'):
        Trainer(miniature_config(index), RunOptions(output=tmp_path))


def test_resuming_says_what_changed_and_refuses_another_network(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    Trainer(miniature_config(index), RunOptions(output=tmp_path, stop_at=1)).run()
    Trainer(miniature_config(index, 'optimiser.lr=1e-5'),
            RunOptions(output=tmp_path, resume=True))
    assert 'another optimiser.lr: 0.002 became 1e-05' in capsys.readouterr().out
    with pytest.raises(ConfigError, match='another model.overrides.bin_queries'):
        Trainer(miniature_config(index, 'model.overrides.bin_queries=9'),
                RunOptions(output=tmp_path, resume=True))
    with pytest.raises(CheckpointError, match='does not exist'):
        Trainer(miniature_config(index), RunOptions(output=tmp_path / 'other', resume=True))


def test_fine_tuning_starts_from_the_model(index: Path, tmp_path: Path) -> None:
    first = Trainer(miniature_config(index, 'ema.decay=0'), RunOptions(output=tmp_path / 'a'))
    first.run()
    second = Trainer(
        miniature_config(index, f'initialisation.model={tmp_path / "a" / "last.safetensors"}'),
        RunOptions(output=tmp_path / 'b'))
    for name, value in first.model.state_dict().items():
        assert torch.equal(value.half(), second.model.state_dict()[name].half()), name
    copy_model(tmp_path / 'a' / 'last.safetensors', tmp_path / 'fitted.safetensors',
               uncertainty_scale=1.5)
    for overrides, scale in (((), 1.5), (('model.overrides.uncertainty_scale=1',), 1.0)):
        third = Trainer(
            miniature_config(index, f'initialisation.model={tmp_path / "fitted.safetensors"}',
                             'steps=1', *overrides), RunOptions(output=tmp_path / str(scale)))
        third.run()
        tuned, _ = load_model(tmp_path / str(scale) / 'last.safetensors')
        assert tuned.config.uncertainty_scale == scale
    with pytest.raises(ConfigError, match='trained with canonical_focal_px 80.0 instead of 90.0'):
        Trainer(miniature_config(
            index, 'model.overrides.canonical_focal_px=90',
            f'initialisation.model={tmp_path / "a" / "last.safetensors"}'),
            RunOptions(output=tmp_path / 'c'))


def test_fine_tuning_may_add_a_learnt_deviation(index: Path, tmp_path: Path) -> None:
    first = Trainer(miniature_config(index, 'ema.decay=0'), RunOptions(output=tmp_path / 'a'))
    first.run()
    second = Trainer(
        miniature_config(index, f'initialisation.model={tmp_path / "a" / "last.safetensors"}',
                         'model.overrides.uncertainty=learned', 'loss.nll_weight=0.1'),
        RunOptions(output=tmp_path / 'b'))
    ours, theirs = second.model.state_dict(), first.model.state_dict()
    assert {name for name in ours if name not in theirs} == {
        name for name in ours if name.startswith('deviation.')} != set()
    for name, value in theirs.items():
        assert torch.equal(value.half(), ours[name].half()), name


def test_the_time_limit_ends_a_part(index: Path, tmp_path: Path) -> None:
    config = miniature_config(index)
    assert Trainer(config, RunOptions(output=tmp_path, minutes=1e-9)).run() == 1
    assert load_progress(tmp_path / 'last.ckpt').step == 1


def test_sigterm_leaves_a_checkpoint(index: Path, tmp_path: Path) -> None:
    config = tmp_path / 'config.yaml'
    config.write_text(yaml.safe_dump({**VALUES, 'steps': 100000}))
    process = subprocess.Popen(
        [sys.executable, '-m', 'scaledepth_ros.cli', 'train', '--config', config, '--data', index,
         '--output', tmp_path / 'run', '--threads', '1'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(trainer_module.__file__).parents[2])
    try:
        log = tmp_path / 'run' / 'log.jsonl'
        deadline = time.monotonic() + 150
        while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    done = load_progress(tmp_path / 'run' / 'last.ckpt').step
    assert 1 <= done < 100000
    assert f'{done} of 100000 steps done' in out


# A source whose frames take a while, as over a network, and say that they have begun to.
SLOWLY = """
import sys, time
from pathlib import Path
from scaledepth_ros.cli.__main__ import main
from scaledepth_ros.data.training_set import TrainingSet
folder, taken = Path(sys.argv[1]), TrainingSet.__getitem__

def slowly(self, key):
    (folder / f'reading_{key.step}').touch()
    if key.step >= 1:
        time.sleep(0.5)
        while (folder / 'blocked').exists():
            time.sleep(0.1)
    return taken(self, key)

TrainingSet.__getitem__ = slowly
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize('end', ['signals to the group', 'no worker any more'])
def test_a_stop_while_waiting_for_data_leaves_a_checkpoint(
    index: Path, tmp_path: Path, end: str,
) -> None:
    config = tmp_path / 'config.yaml'
    config.write_text(yaml.safe_dump({
        **VALUES, 'steps': 100000, 'sampling': {**VALUES['sampling'], 'workers': 1}}))
    blocked = tmp_path / 'blocked'
    blocked.touch()
    process = subprocess.Popen(
        [sys.executable, '-c', SLOWLY, tmp_path, 'train', '--config', config, '--data', index,
         '--output', tmp_path / 'run', '--threads', '1'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        cwd=Path(trainer_module.__file__).parents[2])
    try:
        log = tmp_path / 'run' / 'log.jsonl'
        deadline = time.monotonic() + 150
        while not (log.exists() and log.stat().st_size and (tmp_path / 'reading_1').exists()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if end == 'signals to the group':
            for number in (signal.SIGINT, signal.SIGTERM):
                os.killpg(process.pid, number)
            # A worker that these ended would be missed long before.
            time.sleep(1)
            blocked.unlink()
        else:
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
            children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()
            for child in map(int, children.split()):
                os.kill(child, signal.SIGKILL)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        # A worker looks after its parent only between two batches.
        blocked.unlink(missing_ok=True)
    assert process.returncode == 0, err
    assert 'Traceback' not in err
    done = 2 if end == 'signals to the group' else 1
    assert load_progress(tmp_path / 'run' / 'last.ckpt').step == done
    assert load_model(tmp_path / 'run' / 'last.safetensors')[1].trained
    assert f'{done} of 100000 steps done' in out

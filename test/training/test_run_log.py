# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a run writes down and prints."""

import json
from pathlib import Path
import sys

import pytest
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.training.run_log import RunLog
from scaledepth_ros.training.step import StepResult


def result(loss: float) -> StepResult:
    return StepResult(loss=loss, terms={'loss_depth': loss}, grad_norm=2.0, lr=0.1, updated=True)


def test_every_step_has_its_line_and_every_interval_its_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    with RunLog(tmp_path, 0, 5, 2) as log:
        for step in range(5):
            log.step(step, result(5.0 - step), 8, 0.0)
    rows = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [(row['step'], row['loss'], row['loss_depth']) for row in rows] == [
        (step, 5.0 - step, 5.0 - step) for step in range(5)]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(':')[0] for line in lines] == ['step 2/5', 'step 4/5', 'step 5/5']
    assert 'loss 4.0000' in lines[0]
    assert 'images/s' in lines[0]
    assert lines[-1].endswith('0:00:00 left')


def test_resuming_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / 'log.jsonl').write_text(
        ''.join(json.dumps({'step': step}) + '\n' for step in range(6)) + '{"step": 6, "lo')
    (tmp_path / 'dev.jsonl').write_text('{"step": 4}\n{"step": 5}\n')
    with RunLog(tmp_path, 4, 10, 5) as log:
        log.step(4, result(1.0), 8, 0.0)
    rows = [json.loads(line) for line in (tmp_path / 'log.jsonl').read_text().splitlines()]
    assert [row['step'] for row in rows] == [0, 1, 2, 3, 4]
    assert (tmp_path / 'dev.jsonl').read_text() == '{"step": 4}\n'


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0, 5, 2)
    # Writing to this device fails as on a full disk, closing too while something is unwritten.
    log._files['log'].close()
    with Path('/dev/full').open('w', encoding='utf-8') as full:
        log._files['log'] = full
        with log, pytest.raises(CheckpointError, match='The log in .* .No space left.*unharmed'):
            log.step(0, result(1.0), 8, 0.0)
    assert full.closed


def test_held_out_scenes_are_printed_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    figures = {'d1': 0.5, 'abs_rel': 0.25, 'aligned_d1': 0.75, 'scale_error': 0.2,
               'frames': 6, 'scenes': 3}
    with RunLog(tmp_path, 0, 5, 2) as log:
        log.dev(2, {'indoor': figures})
    assert json.loads((tmp_path / 'dev.jsonl').read_text()) == {'step': 2, 'indoor': figures}
    assert capsys.readouterr().out == (
        'held-out indoor after 2 steps (3 scenes, 6 frames): d1 0.500, abs_rel 0.250, '
        'aligned d1 0.750, scale error 0.200\n')


def test_tensorboard_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    with RunLog(tmp_path, 0, 2, 1) as log:
        log.step(0, result(1.0), 8, 0.0)
    assert not (tmp_path / 'tensorboard').exists()


def test_tensorboard_holds_the_points(tmp_path: Path) -> None:
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    with RunLog(tmp_path, 0, 4, 2) as log:
        for step in range(4):
            log.step(step, result(5.0 - step), 8, 0.0)
    events = accumulator.EventAccumulator(str(tmp_path / 'tensorboard'))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars('train/loss')] == [(2, 4.0), (4, 2.0)]

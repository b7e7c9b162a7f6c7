# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The train command's arguments."""

import json
from pathlib import Path

from miniature import VALUES, write_miniature
import pytest
from scaledepth_ros.cli.__main__ import main
from scaledepth_ros.cli.train import parse_dev_scenes, parse_source
import yaml


@pytest.mark.parametrize(('text', 'values'), [
    ('index.csv', {'source': 'index.csv'}),
    ('a/index.csv:0.25', {'source': 'a/index.csv', 'weight': 0.25}),
    ('nyu:/data/nyu', {'source': 'nyu:/data/nyu'}),
    ('nyu:/data/nyu:3', {'source': 'nyu:/data/nyu', 'weight': 3.0}),
    (':3', {'source': ':3'}),
])
def test_a_weight_is_a_number_after_the_last_colon(text: str, values: dict[str, object]) -> None:
    assert parse_source(text) == values


def test_dev_scenes_are_a_share_or_names() -> None:
    assert parse_dev_scenes('0.2') == {'fraction': 0.2, 'scenes': []}
    assert parse_dev_scenes('a, b,') == {'fraction': 0.0, 'scenes': ['a', 'b']}
    # Many data sets number their scenes.
    for text, names in (('101', ['101']), ('101,7', ['101', '7']), ('1', ['1']), ('nan', ['nan']),
                        ('0,', ['0']), ('0.5,', ['0.5'])):
        assert parse_dev_scenes(text) == {'fraction': 0.0, 'scenes': names}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / 'config.yaml'
    path.write_text(yaml.safe_dump({**VALUES, 'data': [{'source': 'nowhere'}]}))
    return path


def test_arguments_override_the_configuration(tmp_path: Path, config: Path) -> None:
    index = write_miniature(tmp_path / 'data')
    assert main([
        'train', '--config', str(config), '--data', f'{index}:2', '--output',
        str(tmp_path / 'run'), '--steps', '3', '--stop-at', '1', '--set', 'optimiser.lr=5e-4',
        '--dev-scenes', 'miniature_1', '--device', 'cpu']) == 0
    written = yaml.safe_load((tmp_path / 'run' / 'config.yaml').read_text())
    assert written['data'] == [{'source': str(index), 'split': 'train', 'weight': 2.0}]
    assert written['steps'] == 3
    assert written['optimiser']['lr'] == 5e-4
    assert written['dev']['scenes'] == ['miniature_1']
    log = [json.loads(line) for line in (tmp_path / 'run' / 'log.jsonl').read_text().splitlines()]
    assert [row['lr'] for row in log] == [5e-4]


@pytest.mark.parametrize(('arguments', 'message'), [
    (['--set', 'optimiser.lrr=1'], 'Unknown key optimiser.lrr'),
    (['--set', 'optimiser'], 'is no assignment'),
    (['--steps', '0'], 'steps is 0; expected at least 1'),
    (['--threads', '0'], '--threads is 0'),
    (['--stop-at', '0'], 'stop_at is 0; expected at least 1'),
    (['--stop-at', '-3'], 'stop_at is -3; expected at least 1'),
    (['--minutes', '0'], 'minutes is 0; expected a positive number'),
    (['--minutes', 'nan'], 'minutes is nan; expected a positive number'),
    (['--dev-scenes', '0'], "--dev-scenes is '0', which holds out nothing"),
    (['--dev-scenes', '-0.2'], "--dev-scenes is '-0.2', which holds out nothing"),
    (['--dev-scenes', ','], "--dev-scenes is ',', which holds out nothing"),
    (['--device', 'tpu'], "device is 'tpu'"),
    ([], 'nowhere'),
])
def test_bad_input_is_one_clear_line(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str],
    message: str,
) -> None:
    code = main(['train', '--config', str(config), '--output', str(tmp_path / 'run'), *arguments])
    error = capsys.readouterr().err
    assert code != 0
    assert message in error
    assert 'Traceback' not in error
    assert not (tmp_path / 'run').exists()

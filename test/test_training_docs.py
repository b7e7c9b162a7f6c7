# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/training.md are ones that the programs take."""

import argparse
from pathlib import Path
import re
import shlex
import sys

import pytest
from scaledepth_ros.cli.__main__ import command_parser
from scaledepth_ros.cli.train import parse_dev_scenes, parse_source
from scaledepth_ros.preprocessing import network_size
from scaledepth_ros.training.config import config_from_mapping
from scaledepth_ros.training.config_io import apply_overrides, read_yaml
from scaledepth_ros.training.initialisation import initial_model

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'docs' / 'training.md').read_text(encoding='utf-8')
sys.path.insert(0, str(ROOT / 'benchmarks'))


def commands(start: str) -> list[list[str]]:
    """Return the words of each command of a code block that begins like this, after that."""
    lines = re.sub(r' *\\\n *', ' ', TEXT).splitlines()
    return [shlex.split(line.strip().removeprefix(start)) for line in lines
            if line.startswith('    ') and line.strip().startswith(start)]


# Those with 'CONFIG' and the like describe the form of a command.
TRAINING = [words for words in commands('python -m scaledepth_ros.cli train ')
            if 'CONFIG' not in words]


def test_there_are_commands_to_check() -> None:
    assert len(TRAINING) >= 2
    assert len(commands('python -m scaledepth_ros.cli evaluate ')) >= 2
    assert len(commands('python benchmarks/ablations.py ')) == 2
    assert len(commands('python benchmarks/model_card.py ')) == 2


@pytest.mark.parametrize('words', TRAINING)
def test_a_training_is_configured_as_written_and_can_start(words: list[str]) -> None:
    options = command_parser('train').parse_args(words)
    values = read_yaml(ROOT / options.config)
    values['data'] = [parse_source(text) for text in options.data]
    values = apply_overrides(values, options.overrides)
    if options.dev_scenes is not None:
        values['dev'] = {**(values.get('dev') or {}), **parse_dev_scenes(options.dev_scenes)}
    config = config_from_mapping(values)
    network = config.model.network()
    # A network that means something else by its weights would be refused here.
    model = initial_model(network, config.initialisation, config.seed)
    assert model.config.uncertainty == 'learned'


@pytest.mark.parametrize('command', ['evaluate', 'simulate'])
def test_other_commands_are_understood(command: str) -> None:
    for words in commands(f'python -m scaledepth_ros.cli {command} '):
        parsed = command_parser(command).parse_args(words)
        assert isinstance(parsed, argparse.Namespace)


@pytest.mark.parametrize('script', ['ablations', 'model_card'])
def test_scripts_are_understood(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__(script)
    called = []
    for name in ('run', 'measure', 'write', 'read_results', 'format_table'):
        if hasattr(module, name):
            monkeypatch.setattr(
                module, name, lambda *_, name=name: called.append(name) or 0)
    for words in commands(f'python benchmarks/{script}.py '):
        assert module.main(words) == 0
    assert set(called) >= {'ablations': {'run', 'format_table'},
                           'model_card': {'measure', 'write'}}[script]


def test_the_table_of_sizes_is_what_the_network_sees() -> None:
    cells = re.search(r'\| `height`, `width` \|(.*)\|', TEXT)
    assert cells is not None
    written = [tuple(int(side) for side in cell.split(',')) for cell in cells[1].split('|')]
    cameras = ((480, 640), (720, 1280), (480, 848), (375, 1242))
    assert written == [network_size(*camera, 240 * 320, 16) for camera in cameras]

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that write model files refuse a place before the work, not after it."""

from pathlib import Path
from typing import Any

import pytest
from scaledepth_ros.cli import embed_scenes, import_checkpoint
from scaledepth_ros.cli.__main__ import main


def untouched(*_: Any, **__: Any) -> None:
    raise AssertionError('the work has begun')


@pytest.mark.parametrize(('command', 'module', 'work'), [
    (['import-checkpoint', 'iter_40000.pth'], import_checkpoint, 'read_official_file'),
    (['embed-scenes', '--encoder', 'minilm'], embed_scenes, 'sentence_text_encoder'),
])
def test_a_place_that_takes_no_file_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: list[str], module: Any, work: str,
) -> None:
    monkeypatch.setattr(module, work, untouched)
    (tmp_path / 'note').write_text('')
    assert main([*command, str(tmp_path / 'note' / 'model.safetensors')]) == 2
    told = capsys.readouterr()
    assert 'note cannot be written (File exists); choose another folder.' in told.err
    assert (told.out, told.err.count('\n')) == ('', 1)
    with pytest.raises(AssertionError, match='the work has begun'):
        main([*command, str(tmp_path / 'new' / 'model.safetensors')])

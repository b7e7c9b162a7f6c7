# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2's own linters, where they are installed; elsewhere ruff checks the same rules."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [str(ROOT / name) for name in ('scaledepth_ros', 'test', 'launch', 'setup.py')]
NOT_INSTALLED = 'comes only with a ROS 2 installation'


# pycodestyle calls PEP 8's own `ham[lower + offset : upper + offset]` wrong.
SLICES = ['E203']
# Continuation lines may hang from a comprehension, and a class may begin with its first method.
LAYOUT = ['E127', 'E128', 'CNL100']
# ruff checks these without taking every mention of a name for the thing itself: an attribute or a
# module inside a package shadows no builtin, and `depth (H, W)` is no signature.
NAMES = ['A003', 'A005', 'D402']
# Sections of docstrings are laid out as Google's, not as numpy's.
SECTIONS = ['D406', 'D407', 'D413', 'D417']
# ament_pep257 takes properties, which read as nouns, for functions.
PROPERTIES = ['D401']


def test_ament_flake8(tmp_path: Path) -> None:
    linter = pytest.importorskip('ament_flake8.main', reason=f'ament_flake8 {NOT_INSTALLED}')
    defaults = (Path(linter.__file__).parent / 'configuration/ament_flake8.ini').read_text()
    config = tmp_path / 'flake8.ini'
    extra = ','.join([*SLICES, *LAYOUT, *NAMES])
    config.write_text(defaults.replace('extend-ignore = ', f'extend-ignore = {extra},'))
    assert extra in config.read_text()
    status, errors = linter.main_with_errors(argv=['--config', str(config), *PYTHON])
    assert status == 0, '\n'.join(errors)


def test_ament_pep257(capsys: pytest.CaptureFixture[str]) -> None:
    linter = pytest.importorskip('ament_pep257.main', reason=f'ament_pep257 {NOT_INSTALLED}')
    ignored = ['--add-ignore', 'D402', *SECTIONS, *PROPERTIES, '--']
    assert linter.main(argv=[*ignored, *PYTHON]) == 0, capsys.readouterr().err

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A file is whole or not there, whatever stops its writing."""

import os
from pathlib import Path

from file_size_limit import largest_file
import pytest
from scaledepth_ros.errors import ConfigError, SourceError
from scaledepth_ros.whole_file import make_output_folder, replacing, write_file


def test_a_file_takes_the_place_of_another_with_the_permissions_of_a_new_one(
    tmp_path: Path,
) -> None:
    # The longest name that a file can have.
    path = tmp_path / ('n' * 255)
    path.write_text('old')
    path.chmod(0o600)
    before = os.umask(0o027)
    try:
        write_file(path, b'new')
    finally:
        os.umask(before)
    assert path.read_bytes() == b'new'
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_where_the_new_one_finds_no_space(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.write_text('old')
    with largest_file(1000), pytest.raises(SourceError) as told:
        write_file(path, bytes(1001))
    assert str(told.value) == (
        f'{path} cannot be written (File too large); free space there or choose another folder.')
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
    with largest_file(1000):
        write_file(path, bytes(1000))
    assert path.stat().st_size == 1000


def test_an_error_names_the_file_that_was_meant(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        with replacing(path) as part:
            part.write_bytes(bytes(1001))

    for place in (tmp_path / 'file', tmp_path / 'absent' / 'file'):
        with largest_file(1000), pytest.raises(OSError, match=str(place)) as told:
            write(place)
        assert told.value.filename == str(place)
    assert isinstance(told.value, FileNotFoundError)


def test_nothing_is_left_of_a_block_that_was_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / 'file') as part:
            part.write_text('half')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('place', 'reason'), [
    ('absent/file', 'No such file or directory'),
    ('note/file', 'Not a directory'),
    ('folder', 'Is a directory'),
])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / 'note').write_text('')
    (tmp_path / 'folder').mkdir()
    with pytest.raises(SourceError, match=rf'{place} cannot be written \({reason}\)'):
        write_file(tmp_path / place, b'x')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['folder', 'note']


def test_a_folder_for_results_is_made_and_left_empty(tmp_path: Path) -> None:
    for _ in range(2):
        make_output_folder(tmp_path / 'a' / 'b')
        assert not list((tmp_path / 'a' / 'b').iterdir())
    (tmp_path / 'note').write_text('')
    with pytest.raises(ConfigError, match=r'note cannot be written \(File exists\); choose ano'):
        make_output_folder(tmp_path / 'note')


@pytest.mark.skipif(not Path('/proc/self').is_dir(), reason='needs /proc')
def test_a_folder_that_is_there_but_takes_no_file_is_refused() -> None:
    # Not even root may make one here.
    with pytest.raises(ConfigError, match=r'/proc/self cannot be written \('):
        make_output_folder(Path('/proc/self'))


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced = []
    monkeypatch.setattr(os, 'fsync', lambda _: synced.append((tmp_path / 'file').exists()))
    with replacing(tmp_path / 'file', durable=True) as part:
        part.write_text('new')
    assert synced == [False]
    write_file(tmp_path / 'other', b'')
    assert synced == [False]

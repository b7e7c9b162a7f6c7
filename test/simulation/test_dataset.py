# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The training set writer: format, exactness of depth, determinism, resuming, the command."""

import argparse
import csv
import errno
import hashlib
from multiprocessing import active_children
import os
from pathlib import Path
import re

import cv2
from file_size_limit import largest_file
import numpy as np
import pytest
from scaledepth_ros.cli import simulate
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.simulation import dataset
from scaledepth_ros.simulation.dataset import (
    COLUMNS,
    DatasetSettings,
    encode_depth,
    jobs,
    KIND_SHARES,
    write_dataset,
)

SMALL = DatasetSettings(kind='room', width=48, height=32, seed=3, samples=1)


def digest(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / 'index.csv').open() as stream:
        return list(csv.DictReader(stream))


def test_index_has_the_columns_and_files_of_the_real_frames(tmp_path: Path) -> None:
    assert write_dataset(tmp_path, SMALL, 4) == 4
    rows = rows_of(tmp_path)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 4
    for row in rows:
        assert (row['split'], row['domain'], row['kind']) == ('train', 'indoor', 'synthetic')
        rgb = cv2.imread(str(tmp_path / row['rgb']))
        depth = cv2.imread(str(tmp_path / row['depth']), cv2.IMREAD_UNCHANGED)
        assert rgb.shape == (32, 48, 3)
        assert depth.dtype == np.uint16
        assert depth.shape == (32, 48)
        assert (depth > 0).mean() > 0.95
        # A room is at most 17 m across its diagonal.
        assert depth.max() / float(row['depth_scale']) < 20
        assert 45 < 2 * np.degrees(np.arctan(24 / float(row['fx']))) < 91
    assert len({row['scene'] for row in rows}) == 2


def test_depth_is_written_to_half_a_unit_and_0_means_none() -> None:
    depth = np.array([[1.2344, np.nan, 70.0, np.inf, 65.0]], np.float32)
    assert encode_depth(depth, 1000.0).tolist() == [[1234, 0, 0, 0, 65000]]


def test_number_of_workers_does_not_change_the_frames(tmp_path: Path) -> None:
    write_dataset(tmp_path / 'one', SMALL, 5)
    write_dataset(tmp_path / 'two', SMALL, 5, workers=2)
    assert digest(tmp_path / 'one') == digest(tmp_path / 'two')


def test_an_interrupted_run_goes_on_and_a_longer_one_extends_it(tmp_path: Path) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    write_dataset(whole, SMALL, 6)

    class Stop(Exception):
        pass

    def interrupt(count: int) -> None:
        if count:
            raise Stop

    with pytest.raises(Stop):
        write_dataset(parts, SMALL, 3, progress=interrupt)
    assert not (parts / 'index.csv').exists()
    # A record that was cut off while being written does not count.
    (parts / 'scenes' / '000001.json').write_text('[{"split": "tr')
    counts: list[int] = []
    write_dataset(parts, SMALL, 6, progress=counts.append)
    assert counts[0] > 0
    assert sum(counts) == 6
    assert digest(parts) == digest(whole)


def test_index_of_a_run_that_goes_on_lists_what_is_finished(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, '_INDEX_INTERVAL_S', 0.0)
    seen: list[int] = []

    def look(count: int) -> None:
        if count:
            seen.append(len(rows_of(tmp_path)))

    write_dataset(tmp_path, SMALL, 6, progress=look)
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == 6


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, SMALL, 1)
    other = DatasetSettings(kind='room', width=48, height=32, seed=4, samples=1)
    with pytest.raises(DatasetError, match=r'begun with other settings \(seed=3\)'):
        write_dataset(tmp_path, other, 1)
    file = tmp_path / 'file'
    file.write_text('')
    with pytest.raises(DatasetError, match='cannot use'):
        write_dataset(file, SMALL, 1)


def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_later(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace
    monkeypatch.setattr(os, 'replace', _full)
    with pytest.raises(DatasetError, match=r'cannot write .*\(No space left on device\): free'):
        write_dataset(tmp_path, SMALL, 2)
    monkeypatch.setattr(os, 'replace', replace)
    assert write_dataset(tmp_path, SMALL, 2) == 2


@pytest.mark.parametrize(('size', 'file'), [
    (100, r'simulate\.json'), (600, r'room_\d+/000\.jpg'), (1300, r'room_\d+/000\.png'),
])
def test_a_real_full_disk_leaves_no_half_file(tmp_path: Path, size: int, file: str) -> None:
    text = rf'^cannot write .*/{file} \(File too large\): free space and repeat the command, .*$'
    with largest_file(size), pytest.raises(DatasetError, match=text):
        write_dataset(tmp_path, SMALL, 2)
    left = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert not [path for path in left if re.search(rf'{file}$|part', str(path))]
    assert write_dataset(tmp_path, SMALL, 2) == 2
    assert len(rows_of(tmp_path)) == 2


def test_a_process_that_was_ended_is_one_clear_line(tmp_path: Path) -> None:
    ended = []

    def end_all(count: int) -> None:
        # As the kernel does where memory runs out, as soon as there is a first frame.
        for process in active_children() if count and not ended else ():
            ended.append(process)
            process.kill()
    with pytest.raises(DatasetError, match=r'^one of 2 processes was ended from outside, most '
                                           r'likely because memory ran out: .*fewer processes'):
        write_dataset(tmp_path, SMALL, 60, workers=2, progress=end_all)
    assert ended
    finished = len(list((tmp_path / 'scenes').iterdir()))
    assert 1 <= finished < len(list(jobs(SMALL, 60)))
    # What was finished is used: only a scene at most is rendered for this.
    assert write_dataset(tmp_path, SMALL, 2) == 2


def _full(source: object, target: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))


@pytest.mark.parametrize(('values', 'text'), [
    ({'kind': 'moon'}, "kind 'moon' arrived, expected all or one of room"),
    ({'width': 8}, 'size 8x240 arrived'),
    ({'views': (3, 2)}, r'views=\(3, 2\)'),
    ({'seed': -1}, 'seed=-1'),
])
def test_senseless_settings_are_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        DatasetSettings(**values)  # type: ignore[arg-type]


def test_mixture_holds_its_shares() -> None:
    planned = list(jobs(DatasetSettings(), 6000))
    assert sum(job.frames for job in planned) == 6000
    for kind, share in KIND_SHARES.items():
        part = sum(job.frames for job in planned if job.kind == kind) / 6000
        assert part == pytest.approx(share, abs=0.025)
    assert len({job.name for job in planned}) == len(planned)


def test_command_writes_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    args = parser.parse_args(['--output', str(tmp_path), '--kind', 'corridor', '--frames', '2',
                              '--size', '40x30', '--workers', '1', '--samples', '1'])
    assert simulate.run(args) == 0
    assert '2 frames in' in capsys.readouterr().out
    assert [row['kind'] for row in rows_of(tmp_path)] == ['synthetic'] * 2
    assert simulate.run(args) == 0
    captured = capsys.readouterr()
    assert '0 rendered' in captured.out
    assert '2/2' in captured.err
    (tmp_path / 'file').write_text('')
    args.output = tmp_path / 'file'
    with pytest.raises(DatasetError, match='cannot use'):
        simulate.run(args)
    assert capsys.readouterr().err == '', 'no bar above the message'
    args.output, args.size = tmp_path, '40by30'
    with pytest.raises(ConfigError, match="'40by30' arrived, WIDTHxHEIGHT"):
        simulate.run(args)

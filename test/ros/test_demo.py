# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The demo as a whole: real processes, real middleware, and no process left behind."""
from __future__ import annotations

from contextlib import suppress
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
import pytest
from ros_harness import KNOWN_DEPTH_NODE, PACKAGE_ROOT, wait_until
from scaledepth_ros.bag import BagReader
from scaledepth_ros.cli import demo
from scaledepth_ros.cli.__main__ import main

pytestmark = pytest.mark.ros

HEIGHT, WIDTH, FRAMES = 48, 64, 30
# So few a second that a busy machine, where each process may stand still for a while, keeps up.
RATE_HZ = 6


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Make images whose true depth is known to be twice what the stand-in will say."""
    folder = tmp_path / 'images'
    folder.mkdir()
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    lines = ['rgb,depth,depth_scale,fx,fy,cx,cy']
    for index in range(3):
        rgb = np.full((HEIGHT, WIDTH, 3), 80 * index, np.uint8)
        cv2.imwrite(str(folder / f'f{index}.png'), rgb)
        truth = np.rint(2000 * (rows + columns / 100)).astype(np.uint16)
        truth[:2] = 0
        truth[31:] = 0
        cv2.imwrite(str(folder / f'd{index}.png'), truth)
        lines.append(f'f{index}.png,d{index}.png,1000,60,60,31.5,23.5')
    (folder / 'index.csv').write_text('\n'.join(lines))
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the node whose depth is row + column / 100 in the place of the real network."""
    monkeypatch.setattr(demo, 'DEPTH_NODE', [str(KNOWN_DEPTH_NODE)])


def children_of(pid: int) -> list[int]:
    children = []
    for path in Path('/proc').glob('[0-9]*/stat'):
        with suppress(OSError):
            fields = path.read_text().rpartition(')')[2].split()
            if int(fields[1]) == pid and fields[0] != 'Z':
                children.append(int(path.parent.name))
    return children


def nodes_of(pid: int) -> list[int]:
    """Return the children that have become ROS nodes and are no copies of their parent."""
    nodes = []
    for child in children_of(pid):
        with suppress(OSError):
            if b'--ros-args' in Path(f'/proc/{child}/cmdline').read_bytes():
                nodes.append(child)
    return nodes


def is_running(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.mark.usefixtures('stand_in')
def test_every_product_of_a_run(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'out'
    code = main(['demo', '--source', str(images), '--frames', str(FRAMES), '--rate', str(RATE_HZ),
                 '--model', 'known', '--out', str(out)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    summary: dict[str, Any] = json.loads((out / 'summary.json').read_text())
    assert summary['frames_sent'] == FRAMES
    # The newest frame wins: a busy machine may drop some, never many.
    assert FRAMES * 0.7 <= summary['depth_received'] <= FRAMES
    # Nothing that was published is lost on the way.
    counts = {name: topic['received'] for name, topic in summary['topics'].items()}
    assert counts['image'] == counts['camera_info'] == FRAMES
    assert len({counts[t] for t in ('depth/image', 'depth/camera_info', 'depth/uncertainty',
                                    'points', 'scale', 'scene')}) == 1
    assert summary['weights'] == 'known depth (test)'
    assert 0 < summary['p50_ms'] <= summary['p99_ms']
    assert summary['fps'] == pytest.approx(RATE_HZ, rel=0.4)
    # Row 0 is 0 m and one pixel of row 1 unknown: both are NaN in the message.
    assert summary['finite_share'] == pytest.approx(1 - (WIDTH + 1) / (WIDTH * HEIGHT))
    assert summary['zero_depth_pixels'] == 0
    assert (summary['scale_m'], summary['scene']) == (7.5, 'kitchen')
    assert summary['intrinsics'] == 'index.csv'
    assert summary['error']['raw']['abs_rel'] == pytest.approx(0.5, abs=1e-3)
    assert summary['error']['aligned']['abs_rel'] == pytest.approx(0.0, abs=1e-3)
    with BagReader(out / 'bag') as bag:
        assert bag.counts['/depth/image'] == counts['depth/image']
        assert {'/image', '/points', '/tf_static', '/diagnostics'} <= set(bag.topics)
    assert cv2.imread(str(out / 'strip.png')) is not None
    assert (out / 'cloud.ply').read_bytes().startswith(b'ply\nformat binary_little_endian')
    assert 'weights  known depth (test)' in printed.out
    assert children_of(os.getpid()) == []


@pytest.mark.usefixtures('stand_in')
def test_a_model_that_cannot_be_loaded_is_told(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(['demo', '--source', str(images), '--model', 'missing', '--out',
                 str(tmp_path / 'out')])
    assert code == 1
    error = capsys.readouterr().err
    assert 'weights file /nowhere.safetensors does not exist' in error
    assert 'end of' in error
    assert not (tmp_path / 'out' / 'summary.json').exists()
    assert children_of(os.getpid()) == []


def test_a_child_that_dies_is_told_with_its_last_words(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / 'dying.py'
    script.write_text('import sys\nprint("no GPU, no fun", file=sys.stderr)\nsys.exit(4)\n')
    monkeypatch.setattr(demo, 'DEPTH_NODE', [str(script)])
    code = main(['demo', '--source', str(images), '--out', str(tmp_path / 'out')])
    assert code == 1
    error = capsys.readouterr().err
    assert 'The depth process ended with code 4' in error
    assert 'no GPU, no fun' in error
    assert children_of(os.getpid()) == []


@pytest.mark.parametrize(('number', 'expected'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_leaves_no_process(
    images: Path, tmp_path: Path, number: signal.Signals, expected: int,
) -> None:
    # A shell that runs this in the background lets its children ignore SIGINT.
    code = ('import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n'
            'from scaledepth_ros.cli import demo\n'
            f'demo.DEPTH_NODE = [{str(KNOWN_DEPTH_NODE)!r}]\n'
            'from scaledepth_ros.cli.__main__ import main\nsys.exit(main(sys.argv[1:]))')
    process = subprocess.Popen(
        [sys.executable, '-c', code, 'demo', '--source', str(images), '--model', 'loading',
         '--out', str(tmp_path / 'out')], cwd=PACKAGE_ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    children = wait_until(lambda: (
        started if len(started := nodes_of(process.pid)) == 3 else None), 120)
    time.sleep(1.0)
    process.send_signal(number)
    assert process.wait(60) == expected
    assert not any(is_running(child) for child in children)


def test_foreign_files_are_not_touched(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'mine'
    (out / 'log').mkdir(parents=True)
    (out / 'log' / 'precious.txt').write_text('x')
    assert main(['demo', '--source', str(images), '--out', str(out)]) == 2
    assert 'not of an earlier demo' in capsys.readouterr().err
    assert (out / 'log' / 'precious.txt').exists()


@pytest.mark.parametrize(('arguments', 'text'), [
    (['--source', '/nowhere'], 'There is no source'),
    (['--frames', '0'], '--frames is 0'),
    (['--fx', '-3'], 'expected > 0'),
])
def test_bad_options_are_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str,
) -> None:
    assert main(['demo', '--out', str(tmp_path / 'out'), *arguments]) == 2
    assert text in capsys.readouterr().err


# It converts the network before it begins.
@pytest.mark.timeout(600)
def test_the_real_node_on_a_simulated_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'out'
    code = main(['demo', '--frames', str(FRAMES), '--rate', str(RATE_HZ), '--size', '160x120',
                 '--start-timeout', '500', '--out', str(out)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['depth_received'] == summary['points_received'] > FRAMES / 3
    assert summary['finite_share'] > 0.9
    assert summary['error']['frames'] > 0
    assert summary['weights'] != 'unknown'
    assert summary['weights'] in printed.out

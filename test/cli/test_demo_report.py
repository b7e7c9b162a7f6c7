# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's numbers are those of its recording, computed here by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from rosbags.typesys import get_typestore, Stores
from scaledepth_ros.bag import BagWriter
from scaledepth_ros.cli.demo import Pipeline
from scaledepth_ros.cli.demo_report import format_table, problems_of, report
from scaledepth_ros.cli.processes import Child, ProcessError

TYPES = get_typestore(Stores.ROS2_JAZZY).types
SECOND = 10**9
HEIGHT, WIDTH = 4, 6
FACTS = {'model': 'lite', 'start_s': 3.0, 'ros_domain_id': 7, 'model_status': {
    'weights': 'known (test)', 'sha256': 'abc', 'device': 'cpu', 'engine': 'torch'}}


def header(stamp_ns: int) -> Any:
    stamp = TYPES['builtin_interfaces/msg/Time'](*divmod(stamp_ns, SECOND))
    return TYPES['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')


def image(stamp_ns: int, encoding: str, pixels: npt.NDArray[np.generic]) -> Any:
    data = np.frombuffer(pixels.tobytes(), np.uint8)
    return TYPES['sensor_msgs/msg/Image'](
        header=header(stamp_ns), height=HEIGHT, width=WIDTH, encoding=encoding, is_bigendian=0,
        step=data.size // HEIGHT, data=data)


def cloud(stamp_ns: int, depth_m: npt.NDArray[np.float32]) -> Any:
    points = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    points[..., 2] = depth_m
    fields = [TYPES['sensor_msgs/msg/PointField'](name=n, offset=4 * i, datatype=7, count=1)
              for i, n in enumerate(('x', 'y', 'z', 'rgb'))]
    return TYPES['sensor_msgs/msg/PointCloud2'](
        header=header(stamp_ns), height=HEIGHT, width=WIDTH, fields=fields, is_bigendian=False,
        point_step=16, row_step=16 * WIDTH, is_dense=False,
        data=np.frombuffer(points.tobytes(), np.uint8))


def record(folder: Path, *, with_truth: bool = True, depth_value_m: float = 3.0) -> None:
    """Write a run of four frames, the last of which was dropped, as the processes would."""
    (folder / 'truth').mkdir()
    stamps = [100 * SECOND + i * SECOND // 10 for i in range(4)]
    depth_m = np.full((HEIGHT, WIDTH), depth_value_m, np.float32)
    depth_m[0] = np.nan
    arrivals: dict[str, list[list[int]]] = {
        name: [] for name in ('image', 'depth/image', 'points', 'scale', '/diagnostics')}
    with BagWriter(folder / 'bag') as bag:
        for index, stamp in enumerate(stamps):
            kind = 'sensor_msgs/msg/Image'
            rgb = np.full((HEIGHT, WIDTH, 3), 50 * index, np.uint8)
            bag.write_value('/image', kind, stamp + 1000, image(stamp, 'rgb8', rgb))
            arrivals['image'].append([stamp + 1_000_000, stamp, 72])
            if with_truth:
                np.save(folder / 'truth' / f'truth_{index:05d}.npy',
                        np.full((HEIGHT, WIDTH), 2.0, np.float32))
            if index == 3:
                continue
            at = stamp + 20_000_000 + 1_000_000 * index
            bag.write_value('/depth/image', kind, at, image(stamp, '32FC1', depth_m))
            bag.write_value('/depth/uncertainty', kind, at,
                            image(stamp, '32FC1', np.full_like(depth_m, 0.1)))
            bag.write_value('/points', 'sensor_msgs/msg/PointCloud2', at, cloud(stamp, depth_m))
            bag.write_value('/scale', 'std_msgs/msg/Float32', at,
                            TYPES['std_msgs/msg/Float32'](data=5.0 + index))
            bag.write_value('/scene', 'std_msgs/msg/String', at,
                            TYPES['std_msgs/msg/String'](data='office' if index else 'kitchen'))
            arrivals['depth/image'].append([at, stamp, 96])
            arrivals['points'].append([at + 5_000_000, stamp, 384])
            arrivals['scale'].append([at, None, 8])  # type: ignore[list-item]
    (folder / 'received.json').write_text(json.dumps(arrivals))
    (folder / 'truth' / 'sent.json').write_text(json.dumps({
        'intrinsics': 'focal length 40 px', 'description': 'test', 'rate_hz': 10.0,
        'sent': [[stamp, index] for index, stamp in enumerate(stamps)]}))


def test_numbers_by_hand(tmp_path: Path) -> None:
    record(tmp_path)
    summary = report(tmp_path, tmp_path / 'truth', FACTS)
    assert summary == json.loads((tmp_path / 'summary.json').read_text())
    assert (summary['frames_sent'], summary['depth_received'], summary['points_received']) == (
        4, 3, 3)
    # Depth after 20, 21 and 22 ms, each cloud 5 ms later.
    assert summary['topics']['depth/image']['p50_ms'] == 21.0
    assert summary['p50_ms'] == 26.0
    assert summary['p99_ms'] == pytest.approx(26.98)
    assert summary['fps'] == pytest.approx(2 / 0.202, abs=0.01)
    assert summary['topics']['image']['received'] == 4
    assert summary['topics']['scale']['p50_ms'] is None
    assert summary['finite_share'] == summary['points_finite_share'] == 0.75
    assert (summary['median_depth_m'], summary['scale_m']) == (3.0, 6.0)
    assert summary['scene'] == 'office'
    assert (summary['weights'], summary['weights_sha256']) == ('known (test)', 'abc')
    assert summary['sizes'] == {'6x4': 3}
    error = summary['error']
    assert error['frames'] == 3
    # 3 m where 2 m are true, in every pixel.
    assert error['raw']['abs_rel'] == pytest.approx(0.5)
    assert error['raw']['rmse'] == pytest.approx(1.0)
    assert error['raw']['d2'] == pytest.approx(1.0)
    assert error['aligned']['abs_rel'] == pytest.approx(0.0, abs=1e-9)
    assert np.exp(error['log_scale_error']) == pytest.approx(1.5)
    assert problems_of(summary) == []
    strip = cv2.imread(str(tmp_path / 'strip.png'))
    assert strip.shape[1] > 1400
    assert b'weights: known (test)' in (tmp_path / 'cloud.ply').read_bytes()[:400]


def test_the_table_says_what_the_summary_says(tmp_path: Path) -> None:
    record(tmp_path)
    text = format_table(report(tmp_path, tmp_path / 'truth', FACTS))
    lines = text.splitlines()
    row = next(line for line in lines if line.startswith('depth/image'))
    assert row.split() == ['depth/image', '3', '/', '4', '9.9', '21.0', '22.0']
    assert next(line for line in lines if line.startswith('weights')) == 'weights  known (test)'
    assert 'AbsRel 0.500, delta1 0.000, RMSE 1.00 m; scale off by a factor of 1.50' in text
    assert 'focal length 40 px' in text


def test_without_a_truth_there_is_no_error(tmp_path: Path) -> None:
    record(tmp_path, with_truth=False)
    summary = report(tmp_path, tmp_path / 'truth', FACTS)
    assert summary['error'] is None
    assert 'error' not in format_table(summary)
    assert (tmp_path / 'strip.png').exists()


@pytest.mark.parametrize(('depth_value_m', 'text'), [
    (0.0, '54 depths are 0, which REP 117 forbids'),
    (np.inf, 'Only 0.0 % of the depth is finite'),
])
def test_senseless_depth_is_a_problem(tmp_path: Path, depth_value_m: float, text: str) -> None:
    record(tmp_path, depth_value_m=depth_value_m)
    problems = problems_of(report(tmp_path, tmp_path / 'truth', FACTS))
    assert any(text in problem for problem in problems)


def test_nothing_received_is_a_problem(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / 'bag').rename(tmp_path / 'elsewhere')
    (tmp_path / 'received.json').write_text(json.dumps({'depth/image': [], 'points': []}))
    summary = report(tmp_path, tmp_path / 'truth', FACTS)
    assert problems_of(summary) == ['No depth image was received for 4 images.',
                                    'No point cloud was received for 4 images.']
    assert 'depth/image' in format_table(summary)


def test_what_the_depth_node_reports_is_one_sentence() -> None:
    pipeline = object.__new__(Pipeline)
    pipeline._children = []
    pipeline._recorder = cast(Child, SimpleNamespace(
        progress={'model': {'failed': True, 'message': "model is 'nope'; expected lite."}}))
    pipeline._depth = cast(Child, SimpleNamespace(log_path='depth.log', tail=lambda: 'last'))
    with pytest.raises(ProcessError) as told:
        pipeline._check_children()
    assert str(told.value) == (
        "The depth node reports: model is 'nope'; expected lite.\n--- end of depth.log ---\nlast")

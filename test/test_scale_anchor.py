# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The measurement of what the floor is worth: poses from true depth, and the table."""

import math
from pathlib import Path
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.sample import FrameInfo, RgbdSample
from scaledepth_ros.laser_scan import camera_pose

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'benchmarks'))

import scale_anchor  # noqa: E402

CAMERA = CameraModel.from_fov(160, 120, 70.0)


def room(pose):
    """Return the depth of a floor with a wall 4 m ahead, and of a table 0.7 m high."""
    rays = CAMERA.rays()

    def plane(axis, position_m):
        with np.errstate(divide='ignore'):
            depth = (position_m - pose[axis, 3]) / (rays @ pose[axis, :3])
        return np.where(depth > 0.0, depth, np.inf)

    depth_m = np.minimum(plane(2, 0.0), plane(0, 4.0))
    top_m = plane(2, 0.7)
    top_m[:, :5 * CAMERA.width // 8] = np.inf
    return np.where(top_m < 1.6, np.minimum(top_m, depth_m), depth_m).astype(np.float32)


@pytest.mark.parametrize(('pitch_deg', 'roll_deg'), [(10.0, 0.0), (30.0, 5.0), (45.0, -8.0)])
def test_pose_is_found_in_true_depth(pitch_deg: float, roll_deg: float) -> None:
    pose = camera_pose(1.1, pitch_deg=pitch_deg, roll_deg=roll_deg)
    depth_m = room(pose) + np.random.default_rng(0).normal(0.0, 0.003, (120, 160))
    found = scale_anchor.floor_pose(depth_m.astype(np.float32), CAMERA.rays())
    # Height and the direction of up; where forward is, nobody can know.
    assert found[2, 3] == pytest.approx(1.1, abs=0.01)
    np.testing.assert_allclose(found[2, :3], pose[2, :3], atol=0.01)
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(found[:3, :3]) == pytest.approx(1.0)


def test_no_pose_without_a_floor() -> None:
    assert scale_anchor.floor_pose(np.full((120, 160), 2.0, np.float32), CAMERA.rays()) is None
    assert scale_anchor.floor_pose(np.full((120, 160), np.nan, np.float32), CAMERA.rays()) is None


class Frames:
    """Two frames of a place, one of another with a wall alone, one that is not measured by."""

    infos = [FrameInfo(name=str(i), dataset='rooms', domain='indoor', scene=scene, width=160,
                       height=120, kind=kind)
             for i, (scene, kind) in enumerate(
                 (('a', 'real'), ('a', 'real'), ('b', 'real'), ('b', 'real-sgbm')))]

    def __getitem__(self, index):
        pose = camera_pose(1.1, pitch_deg=20.0 + 5.0 * index)
        depth_m = np.full((120, 160), 2.0, np.float32) if index == 2 else room(pose)
        return RgbdSample(info=self.infos[index], rgb_HW3=np.full((120, 160, 3), index, np.uint8),
                          depth_m_HW=depth_m, camera=CAMERA)


def test_table_says_what_the_floor_changes() -> None:
    """The network sees everything at 1.3 times its distance."""
    frames = Frames()
    predictor = SimpleNamespace(infer=lambda rgb, _camera: SimpleNamespace(
        depth_m=frames[int(rgb[0, 0, 0])].depth_m_HW * np.float32(1.3)))
    results = scale_anchor.measure(frames, predictor)
    assert list(results) == [('indoor', 'floor'), ('indoor', 'scanner')]
    left = math.log(1.3) * (1.0 - 0.0625 / 0.0725)
    for (rows, count, could_see), expected in zip(results.values(), (2, 3), strict=True):
        assert (len(rows), count, could_see) == (expected, 3, expected)
        for row in rows:
            assert row.before[0] == pytest.approx(math.log(1.3), abs=1e-5)
            assert row.before[1] == 0.0
            assert row.after[0] == pytest.approx(left, abs=0.01)
            assert row.after[1] == 1.0
    lines = scale_anchor.table(results)
    assert len(lines) == 6
    assert lines[2].startswith(
        '| indoor, before floor | 3 | 2 | 2 | 1 | 0.262 | 0.000 | 0.300 |')
    assert lines[5].startswith('| indoor, after scanner | 3 | 3 | 3 | 2 | 0.0')


def test_scanner_sees_what_the_ground_truth_knows() -> None:
    """Of a scanner that sees nothing there is nothing; a wall at 2 m is 1 / 1.2 of its depth."""
    truth_m = np.full((120, 160), np.nan, np.float32)
    assert scale_anchor.scan_of(truth_m, CAMERA) is None
    truth_m[60, 20:140] = 2.0
    compare = scale_anchor.scan_of(truth_m, CAMERA)
    measurement = compare(np.full((120, 160), 2.4, np.float32))
    assert measurement.log_factor == pytest.approx(-math.log(1.2), abs=1e-5)


def test_camera_on_its_way_is_measured_with_every_setting(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The network sees everything at 1.3 times its distance, with S alternating by 10 %."""
    def trajectory(index, _rate_hz):
        return camera_pose(1.1, pitch_deg=20.0 + index)

    class Simulated:
        def __init__(self, camera, _scene):
            monkeypatch.setattr(sys.modules[__name__], 'CAMERA', camera)

        def render(self, pose, seed):
            return SimpleNamespace(rgb=seed, depth_m=room(pose))

    def infer(seed, _camera):
        factor = 1.3 * (1.1 if seed % 2 else 1.0)
        return SimpleNamespace(scale_m=4.0 * factor,
                               depth_m=room(trajectory(seed, 15.0)) * np.float32(factor))

    monkeypatch.setattr(scale_anchor, 'make_scene',
                        lambda kind, seed: SimpleNamespace(trajectory=trajectory))
    monkeypatch.setattr(scale_anchor, 'SimulatedCamera', Simulated)
    monkeypatch.setattr(scale_anchor, 'Predictor',
                        lambda *_arguments, **_options: SimpleNamespace(infer=infer))
    rows = dict(zip(scale_anchor.SETTINGS, scale_anchor.simulated(
        'room:7', SimpleNamespace(infer=infer), 20), strict=True))
    error, jitter, d1 = rows['network']
    assert error == pytest.approx(math.log(1.3) + 0.5 * math.log(1.1))
    assert jitter == pytest.approx(math.log(1.1), rel=0.01)
    assert d1 == 0.0
    # A filter of 1 s lets 6 % of an alternation through at 15 Hz.
    assert rows['smoothed 1 s'][1] < 0.1 * jitter
    assert rows['floor'][0] < 0.2 * error
    assert rows['floor'][2] > 0.9
    assert scale_anchor.main(['--simulated', 'room:7', '--frames', '4']) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == ('| scale error / jitter / delta1 | network | smoothed 0.2 s | '
                        'smoothed 1 s | floor | floor, smoothed 0.2 s |')
    assert table[2].startswith('| room:7 | 0.310 / 0.')

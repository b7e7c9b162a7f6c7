# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The command predict: files hold what the network said, in the units that are promised."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
from file_size_limit import largest_file
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.cli.__main__ import main
from scaledepth_ros.cli.predict import write_depth_png
from scaledepth_ros.errors import ImageError
from scaledepth_ros.model.scaledepth import DepthOutput
from scaledepth_ros.whole_file import write_file

HEIGHT, WIDTH = 48, 64


class KnownPredictor:
    """Depth is 2 m in the left half, 4 m in the right; one pixel unknown, one beyond a PNG."""

    device, engine = 'cpu', 'test'
    weights = SimpleNamespace(description='known depth (test)', trained=True, sha256='0')
    cameras: list[CameraModel] = []

    def __init__(self, model: str, **options: Any) -> None:
        assert set(options) == {'weights', 'device', 'engine', 'precision'}

    def infer(self, rgb: npt.NDArray[np.uint8], camera: CameraModel) -> Any:
        if min(rgb.shape[:2]) < 32:
            raise ImageError('The image is too small.')
        self.cameras.append(camera)
        depth_m = np.full(rgb.shape[:2], 2.0, np.float32)
        depth_m[:, rgb.shape[1] // 2:] = 4.0
        depth_m[0, 0] = np.nan
        depth_m[0, 1] = 70.0
        return SimpleNamespace(depth_m=depth_m, uncertainty_m=np.full_like(depth_m, 0.25),
                               scale_m=5.0, scene='kitchen')

    def close(self) -> None:
        pass


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / 'images'
    folder.mkdir()
    for index in range(4):
        rgb = np.full((HEIGHT, WIDTH, 3), 60 * index, np.uint8)
        cv2.imwrite(str(folder / f'f{index}.png'), rgb)
    return folder


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[CameraModel]:
    monkeypatch.setattr('scaledepth_ros.inference.predictor.Predictor', KnownPredictor)
    KnownPredictor.cameras = []
    return KnownPredictor.cameras


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_kind_of_output(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'out'
    assert main(['predict', str(images), '-o', str(out), '--fx', '40', '--npy', '--ply']) == 0
    assert names(out) == ['cloud', 'depth', 'npy', 'predictions.csv', 'strip']
    assert names(out / 'depth') == names(out / 'strip') == [f'f{i}.png' for i in range(4)]
    stored = cv2.imread(str(out / 'depth' / 'f2.png'), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert stored[5, [0, -1]].tolist() == [2000, 4000]
    assert stored[0, :3].tolist() == [0, 0, 2000]
    depth_m = np.load(out / 'npy' / 'f2.npy')
    assert depth_m.dtype == np.float32
    assert depth_m[0, 1] == 70.0
    assert np.isnan(depth_m[0, 0])
    assert np.unique(np.load(out / 'npy' / 'f2_sigma.npy')).tolist() == [0.25]
    header, _, body = (out / 'cloud' / 'f2.ply').read_bytes().partition(b'end_header\n')
    assert b'known depth (test)' in header
    points = np.frombuffer(body, [('xyz', '<f4', 3), ('rgb', 'u1', 3)])
    assert points.size == HEIGHT * WIDTH - 1
    # The last pixel: 31.5 px right of the centre and 23.5 below, at 4 m, focal length 40 px.
    np.testing.assert_allclose(points['xyz'][-1], [4 * 31.5 / 40, 4 * 23.5 / 40, 4], rtol=1e-6)
    assert points['rgb'][-1].tolist() == [120, 120, 120]
    assert {camera.fx_px for camera in known} == {40.0}
    with (out / 'predictions.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == ['f0', 'f1', 'f2', 'f3']
    assert (rows[0]['scale_m'], rows[0]['scene'], rows[0]['width']) == ('5', 'kitchen', '64')
    assert float(rows[0]['finite_share']) == pytest.approx(1 - 1 / (HEIGHT * WIDTH), abs=1e-5)
    printed = capsys.readouterr().out
    assert 'weights known depth (test)' in printed
    assert 'intrinsics: focal length 40 px' in printed
    assert 'beyond 65.535 m' in printed


def test_selection_and_no_pictures(images: Path, tmp_path: Path, known: list[CameraModel]) -> None:
    out = tmp_path / 'out'
    assert main(['predict', str(images), '-o', str(out), '--fov', '90', '--every', '2',
                 '--frames', '2', '--no-strips']) == 0
    assert names(out) == ['depth', 'predictions.csv']
    assert names(out / 'depth') == ['f0.png', 'f2.png']


def test_images_that_cannot_be_used_are_left_out_and_counted(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cv2.imwrite(str(images / 'f1.png'), np.zeros((HEIGHT, 8, 3), np.uint8))
    (images / 'f2.png').write_bytes(b'no image')
    command = ['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', '40']
    assert main(command) == 0
    assert names(tmp_path / 'out' / 'depth') == ['f0.png', 'f3.png']
    assert 'note    2 image(s) could not be used and are left out' in capsys.readouterr().out
    assert 'f1: The image is too small. It is left out.' in caplog.text
    assert 'f2.png cannot be decoded' in caplog.text
    for name in ('f0', 'f2', 'f3'):
        (images / f'{name}.png').unlink()
    assert main(command) == 2
    assert 'images has no frame that can be used.' in capsys.readouterr().err


def test_names_that_are_not_utf_8(tmp_path: Path, known: list[CameraModel]) -> None:
    folder = tmp_path / 'b\udcff'
    folder.mkdir()
    (folder / 'a\udcff.png').write_bytes(
        cv2.imencode('.png', np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes())
    assert main(['predict', str(folder), '-o', str(folder / 'out'), '--fx', '40', '--ply']) == 0
    assert names(folder / 'out' / 'depth') == ['a\udcff.png']
    with (folder / 'out' / 'predictions.csv').open(encoding='utf-8') as file:
        assert [row['name'] for row in csv.DictReader(file)] == ['a\\udcff']


def test_a_run_that_ends_early_lists_what_it_has_written(
    images: Path, tmp_path: Path, known: list[CameraModel], monkeypatch: pytest.MonkeyPatch,
) -> None:
    def infer(self: KnownPredictor, rgb: npt.NDArray[np.uint8], camera: CameraModel) -> Any:
        if rgb[0, 0, 0] == 120:
            raise KeyboardInterrupt
        return original(self, rgb, camera)

    original = KnownPredictor.infer
    monkeypatch.setattr(KnownPredictor, 'infer', infer)
    assert main(['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', '40']) == 130
    assert names(tmp_path / 'out' / 'depth') == ['f0.png', 'f1.png']
    with (tmp_path / 'out' / 'predictions.csv').open() as file:
        assert [row['name'] for row in csv.DictReader(file)] == ['f0', 'f1']


def test_assumed_intrinsics_are_told(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['predict', str(images), '-o', str(tmp_path / 'out'), '--frames', '1']) == 0
    assert 'ASSUMED field of view 60 deg' in capsys.readouterr().out


def test_images_that_differ_in_their_ending_alone_are_all_kept(
    images: Path, tmp_path: Path, known: list[CameraModel],
) -> None:
    out = tmp_path / 'out'
    cv2.imwrite(str(images / 'f1.jpg'), np.full((HEIGHT, WIDTH + 2, 3), 60, np.uint8))
    assert main(['predict', str(images), '-o', str(out), '--fx', '40', '--npy', '--ply']) == 0
    stems = ['f0', 'f1.jpg', 'f1.png', 'f2', 'f3']
    assert names(out / 'depth') == names(out / 'strip') == [f'{stem}.png' for stem in stems]
    assert names(out / 'cloud') == [f'{stem}.ply' for stem in stems]
    assert np.load(out / 'npy' / 'f1.jpg.npy').shape == (HEIGHT, WIDTH + 2)
    assert np.load(out / 'npy' / 'f1.png.npy').shape == (HEIGHT, WIDTH)
    with (out / 'predictions.csv').open() as file:
        assert [row['name'] for row in csv.DictReader(file)] == stems


def test_an_image_named_as_the_deviation_of_another_is_refused_before_the_start(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
) -> None:
    (images / 'f1.png').rename(images / 'f2_sigma.png')
    command = ['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', '40']
    assert main([*command, '--npy']) == 2
    error = capsys.readouterr().err
    assert 'both the deviation of f2 and the depth of f2_sigma to npy/f2_sigma.npy' in error
    assert error.count('\n') == 1
    assert not known
    assert not (tmp_path / 'out').exists()
    assert main(command) == 0
    assert names(tmp_path / 'out' / 'depth') == ['f0.png', 'f2.png', 'f2_sigma.png', 'f3.png']


@pytest.mark.parametrize(('focal_px', 'text'), [
    # 64 px wide: 2 atan(32 / f).
    ('4', '--fx 4 makes a field of view of 166 degrees'), ('40', ''), ('900', ''),
    ('2000', '--fx 2000 makes a field of view of 1.83 degrees'),
])
def test_a_focal_length_that_is_none_in_pixels_is_told_once(
    images: Path, tmp_path: Path, known: list[CameraModel], caplog: pytest.LogCaptureFixture,
    focal_px: str, text: str,
) -> None:
    assert main(['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', focal_px]) == 0
    assert caplog.text.count('in pixels, not in millimetres?') == bool(text)
    assert text in caplog.text


@pytest.mark.filterwarnings('error')
def test_scale_is_tied_to_the_floor_of_each_image(
    images: Path, tmp_path: Path, known: list[CameraModel], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network sees a floor at 1.25 times its distance; one frame shows a wall instead."""
    below = (np.arange(HEIGHT, dtype=np.float32) - 23.5) / 40.0
    floor_m = np.where(below > 0.1, 1.2 / np.maximum(below, 0.1), 12.0).astype(np.float32)
    floor_m = np.repeat(floor_m[:, None], WIDTH, axis=1)

    def infer(_self: KnownPredictor, rgb: npt.NDArray[np.uint8], _camera: CameraModel) -> Any:
        is_wall = rgb[0, 0, 0] == 120
        depth_m = np.full_like(floor_m, 3.0) if is_wall else floor_m * np.float32(1.25)
        return DepthOutput(
            depth_m=depth_m, relative_depth=depth_m / 5.0, uncertainty_m=depth_m / 10.0,
            scale_m=5.0, scene=None, scene_probabilities=None)

    monkeypatch.setattr(KnownPredictor, 'infer', infer)
    out = tmp_path / 'out'
    assert main(['predict', str(images), '-o', str(out), '--fx', '40', '--npy', '--no-strips',
                 '--camera-height', '1.2']) == 0
    with (out / 'predictions.csv').open() as file:
        rows = list(csv.DictReader(file))
    # Of the logarithm of 1 / 1.25, the share of the prior's variance: 0.0625 / 0.0725.
    factor = 1.25 ** (-0.0625 / 0.0725)
    assert [float(row['scale_factor']) for row in rows] == pytest.approx(
        [factor, factor, 1.0, factor], rel=2e-3)
    assert float(rows[0]['scale_m']) == pytest.approx(5.0 * factor, rel=2e-3)
    np.testing.assert_allclose(
        np.load(out / 'npy' / 'f0.npy'), floor_m * 1.25 * factor, rtol=2e-3)
    np.testing.assert_allclose(
        np.load(out / 'npy' / 'f0_sigma.npy'), floor_m * 0.125 * factor, rtol=2e-3)
    assert np.unique(np.load(out / 'npy' / 'f2.npy')).tolist() == [3.0]


def test_frames_without_any_depth_are_told(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def infer(self: KnownPredictor, rgb: npt.NDArray[np.uint8], camera: CameraModel) -> Any:
        output = original(self, rgb, camera)
        if rgb[0, 0, 0] >= least:
            output.depth_m[:] = np.nan
        return output

    original = KnownPredictor.infer
    monkeypatch.setattr(KnownPredictor, 'infer', infer)
    command = ['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', '40']
    least = 120
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert 'note    2 frame(s) have no finite depth; check the focal length' in printed
    assert 'median depth 4.00 m' in printed
    least = 0
    assert main(command) == 0
    assert 'median depth unknown' in capsys.readouterr().out


def test_error_against_an_index(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
) -> None:
    truth = np.full((HEIGHT, WIDTH), 2500, np.uint16)
    truth[0] = 0
    cv2.imwrite(str(images / 'truth.png'), truth)
    (images / 'index.csv').write_text('rgb,depth,depth_scale,fx,fy,cx,cy\n'
                                      'f0.png,truth.png,1000,40,40,16,12\n')
    out = tmp_path / 'out'
    assert main(['predict', str(images), '-o', str(out), '--frames', '1', '--fx', '40']) == 0
    with (out / 'predictions.csv').open() as file:
        row = next(csv.DictReader(file))
    # Half of the pixels 0.5 m too near, half 1.5 m too far, of 2.5 m.
    assert float(row['abs_rel']) == pytest.approx((0.5 + 1.5) / 2 / 2.5, rel=1e-4)
    assert float(row['rmse']) == pytest.approx(((0.25 + 2.25) / 2) ** 0.5, rel=1e-4)
    assert float(row['d1']) == 0.0
    assert 'AbsRel 0.400, delta1 0.000, RMSE 1.118 m' in capsys.readouterr().out


@pytest.mark.parametrize(('arguments', 'text'), [
    (['/nowhere', '-o', 'OUT'], 'There is no source'),
    (['IMAGES', '-o', 'OUT', '--every', '0'], '--every is 0; expected at least 1'),
    (['IMAGES', '-o', 'OUT', '--fx', '5', '--fov', '60'], 'were given together'),
    (['IMAGES', '-o', 'FILE/out'], 'cannot be written'),
    (['IMAGES', '-o', 'OUT', '--camera-height', '0'], '--camera-height is 0.0; expected metres'),
    (['IMAGES', '-o', 'OUT', '--camera-height', 'nan'], '--camera-height is nan; expected metres'),
    (['IMAGES', '-o', 'OUT', '--camera-height', 'inf'], 'expected finite numbers'),
    (['IMAGES', '-o', 'OUT', '--camera-pitch', '5'], 'say nothing without --camera-height'),
])
def test_bad_input_is_one_line(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
    arguments: list[str], text: str,
) -> None:
    (tmp_path / 'file').write_text('')
    places = {'IMAGES': str(images), 'OUT': str(tmp_path / 'out'),
              'FILE/out': str(tmp_path / 'file' / 'out')}
    assert main(['predict', *(places.get(a, a) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count('\n') == 1
    assert not known


@pytest.mark.parametrize(('options', 'file'), [
    ([], 'depth/f0.png'), ([], 'depth/f1.png'), (['--npy'], 'npy/f1.npy'),
    (['--npy'], 'npy/f1_sigma.npy'),
    (['--ply'], 'cloud/f1.ply'), ([], 'strip/f1.png'), ([], 'predictions.csv'),
])
def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    images: Path, tmp_path: Path, known: list[CameraModel], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, options: list[str], file: str,
) -> None:
    command = ['predict', str(images), '-o', str(tmp_path / 'out'), '--fx', '40', *options]
    assert main(command) == 0
    before = {path: path.read_bytes() for path in (tmp_path / 'out').rglob('*.*')}
    capsys.readouterr()

    def written(path: Path, data: bytes) -> None:
        # The disk has room for all of this file but the last byte.
        with largest_file(len(data) - (path == tmp_path / 'out' / file)):
            write_file(path, data)

    for module in ('cli.predict', 'visualization'):
        monkeypatch.setattr(f'scaledepth_ros.{module}.write_file', written)
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error == (f'scaledepth predict: {tmp_path / "out" / file} cannot be written '
                     '(File too large); free space there or choose another folder.\n')
    after = {path: path.read_bytes() for path in (tmp_path / 'out').rglob('*.*')}
    table = tmp_path / 'out' / 'predictions.csv'
    if file not in (table.name, 'depth/f0.png'):
        # The first frame was written.
        assert after.pop(table).count(b'\n') == 2
        del before[table]
    assert after == before


def test_depth_png_round_trip(tmp_path: Path) -> None:
    depth_m = np.array([[0.0004, 0.0006, 1.2345, 65.535, 65.536, np.inf, -np.inf, np.nan, -1.0]],
                       np.float32)
    write_depth_png(tmp_path / 'd.png', depth_m)
    stored = cv2.imread(str(tmp_path / 'd.png'), cv2.IMREAD_UNCHANGED)
    assert stored.tolist() == [[0, 1, 1234, 65535, 0, 0, 0, 0, 0]]


def test_the_real_network(images: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    assert main(['predict', str(images), '-o', str(out), '--fx', '40', '--frames', '1',
                 '--engine', 'torch']) == 0
    stored = cv2.imread(str(out / 'depth' / 'f0.png'), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (HEIGHT, WIDTH)
    assert (stored > 0).all()

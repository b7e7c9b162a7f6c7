# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Calibration files: what camera_calibration writes, and everything else that a path may name."""

from pathlib import Path

import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import CameraInfoError

CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: front
camera_matrix:
  rows: 3
  cols: 3
  data: [ 438.78, 0.     , 305.59,
            0.     , 437.35, 243.74,
            0.     , 0.     , 1.     ]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.36, 0.11, 0.001, -0.0005, 0.0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [393.65, 0, 322.80, 0, 0, 241.09, 242.67, 0, 0, 0, 1, 0]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / 'front.yaml'
    path.write_text(text)
    return path


def test_file_of_camera_calibration(tmp_path: Path) -> None:
    expected = CameraModel(
        width=640, height=480, fx_px=438.78, fy_px=437.35, cx_px=305.59, cy_px=243.74,
        distortion_model='plumb_bob', distortion=(-0.36, 0.11, 0.001, -0.0005, 0.0))
    path = write(tmp_path, CALIBRATION)
    assert CameraModel.from_yaml(path) == expected
    assert CameraModel.from_yaml(f'file://{path}') == expected


def test_rectified_images_use_the_projection_matrix(tmp_path: Path) -> None:
    assert CameraModel.from_yaml(write(tmp_path, CALIBRATION), rectified=True) == CameraModel(
        width=640, height=480, fx_px=393.65, fy_px=241.09, cx_px=322.80, cy_px=242.67)


def test_files_without_a_model_name_mean_plumb_bob(tmp_path: Path) -> None:
    text = CALIBRATION.replace('distortion_model: plumb_bob\n', '')
    assert CameraModel.from_yaml(write(tmp_path, text)).distortion_model == 'plumb_bob'


def test_fisheye_file(tmp_path: Path) -> None:
    text = CALIBRATION.replace('plumb_bob', 'fisheye').replace(', 0.0]', ']')
    camera = CameraModel.from_yaml(write(tmp_path, text))
    assert camera.distortion_model == 'equidistant'
    assert camera.distortion == (-0.36, 0.11, 0.001, -0.0005)


@pytest.mark.parametrize(('text', 'message'), [
    ('', 'holds NoneType instead of named values'),
    ('- 1\n- 2\n', 'holds list instead of named values'),
    ('{', 'is not YAML; expected the calibration YAML'),
    ('%YAML:1.0\n---\nM: !!opencv-matrix\n   rows: 3\n', 'is not YAML'),
    ('depth_node:\n  ros__parameters: {}\n', "'camera_matrix' is missing; expected"),
    (CALIBRATION.replace('  data: [-0.36', '  numbers: [-0.36'), "'data' is missing"),
    (CALIBRATION.replace('438.78', 'wide'), "camera_matrix is 'wide'; expected a number"),
    (CALIBRATION.replace('438.78', '-438.78'), 'fx=-438.78.*positive'),
    (CALIBRATION.replace('438.78, ', ''), 'K arrived with 8 numbers'),
    (CALIBRATION.replace('image_width: 640', 'image_width: big'), "image_width is 'big'"),
    (CALIBRATION.replace('plumb_bob', 'kannala'), "Unknown distortion model 'kannala'"),
])
def test_files_that_are_something_else(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CameraInfoError, match=message) as caught:
        CameraModel.from_yaml(path)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CameraInfoError, match=r'Cannot read .*lost\.yaml \(No such file'):
        CameraModel.from_yaml(tmp_path / 'lost.yaml')


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(CameraInfoError, match='Cannot read .*directory'):
        CameraModel.from_yaml(tmp_path)


def test_binary_and_large_files(tmp_path: Path) -> None:
    path = tmp_path / 'clip.mp4'
    path.write_bytes(b'\x00\xff\xfe\x80' * 100)
    with pytest.raises(CameraInfoError, match='is not YAML'):
        CameraModel.from_yaml(path)
    path.write_bytes(b'\x00' * (1 << 20) + b'\x00')
    with pytest.raises(CameraInfoError, match='larger than 1 MiB'):
        CameraModel.from_yaml(path)


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    target = tmp_path / 'touched'
    path = write(tmp_path, f'image_width: !!python/object/apply:pathlib.Path.touch [{target}]\n')
    with pytest.raises(CameraInfoError, match='is not YAML'):
        CameraModel.from_yaml(path)
    assert not target.exists()

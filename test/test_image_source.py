# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Image sources give the right images, with the right intrinsics, or say what is wrong."""

from collections.abc import Sequence
import errno
import os
from pathlib import Path
import re

import cv2
import numpy as np
import numpy.typing as npt
from picture_files import picture, save
import pytest
from scaledepth_ros.bag import BagWriter
from scaledepth_ros.errors import CameraInfoError, ConfigError, SourceError
from scaledepth_ros.image_source import open_source
from scaledepth_ros.source_options import SourceOptions

CALIBRATION = """
image_width: 64
image_height: 48
camera_name: front
camera_matrix:
  rows: 3
  cols: 3
  data: [60.0, 0.0, 31.0, 0.0, 61.0, 23.0, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.1, 0.01, 0.0, 0.0, 0.0]
"""


def rgbd_folder(root: Path, rows: Sequence[str]) -> Path:
    folder = root / 'indoor' / 'hall'
    folder.mkdir(parents=True)
    for index in (2, 10):
        save(folder / f'f{index}.jpg', picture(level=index))
        save(folder / f'f{index}.png', np.full((48, 64), 1000 * index, np.uint16))
    (root / 'index.csv').write_text('\n'.join(['rgb,depth,depth_scale,fx,fy,cx,cy', *rows]) + '\n')
    return folder


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    # Python stands for a byte that is none by a half of a surrogate pair, which crashes OpenCV.
    for name, pixels in (('a\udcff.png', picture()), ('b\udcff.tiff', picture()[..., 0])):
        (tmp_path / name).write_bytes(cv2.imencode(Path(name).suffix, pixels)[1].tobytes())
    frames = list(open_source(str(tmp_path)))
    assert [frame.name for frame in frames] == ['a\udcff', 'b\udcff']
    assert frames[0].rgb_HW3.shape == (48, 64, 3)
    (tmp_path / 'v\udcff.mp4').write_bytes(b'')
    with pytest.raises(SourceError, match='a name that is not UTF-8'):
        open_source(str(tmp_path / 'v\udcff.mp4'))


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_an_image_that_may_not_be_read_is_left_out_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ('a.png', 'b.jpg', 'c.png'):
        save(tmp_path / name, picture())
    for name in ('a.png', 'b.jpg'):
        (tmp_path / name).chmod(0)
    assert [frame.name for frame in open_source(str(tmp_path))] == ['c']
    assert caplog.text.count('cannot be read (Permission denied); is it there') == 2


def test_folder_gives_all_frames_twice_with_the_stated_focal_length(tmp_path: Path) -> None:
    save(tmp_path / 'f1.png', picture())
    save(tmp_path / 'f2.png', picture(24, 40))
    source = open_source(str(tmp_path), SourceOptions(focal_px=55.0))
    assert source.frame_count == 2
    assert source.intrinsics == 'focal length 55 px'
    assert source.rate_hz is None
    for _ in range(2):
        first, second = list(source)
        np.testing.assert_array_equal(first.rgb_HW3, picture())
        assert (first.name, first.camera.fx_px, first.camera.cx_px) == ('f1', 55.0, 31.5)
        # The principal point follows the size, the focal length is what the user said.
        assert (second.camera.width, second.camera.height) == (40, 24)
        assert (second.camera.fx_px, second.camera.cy_px) == (55.0, 11.5)
        assert first.truth_m_HW is None


def test_index_gives_intrinsics_and_truth(tmp_path: Path) -> None:
    folder = rgbd_folder(tmp_path, [
        'indoor/hall/f10.jpg,indoor/hall/f10.png,1000,70,71,30,20',
        'indoor/hall/f2.jpg,indoor/hall/f2.png,256,50,51,32,24',
        'indoor/other/x.jpg,indoor/other/x.png,bad,1,1,1,1',
    ])
    source = open_source(str(folder))
    assert source.intrinsics == 'index.csv'
    second, tenth = list(source)
    assert [second.name, tenth.name] == ['f2', 'f10']
    assert (tenth.camera.fx_px, tenth.camera.cy_px) == (70.0, 20.0)
    assert second.truth_m_HW is not None
    assert tenth.truth_m_HW is not None
    assert np.unique(second.truth_m_HW).tolist() == [2000 / 256]
    assert np.unique(tenth.truth_m_HW).tolist() == [10.0]
    # A stated focal length wins, the truth stays.
    stated = list(open_source(str(folder), SourceOptions(focal_px=99.0)))
    assert stated[0].camera.fx_px == 99.0
    assert stated[0].truth_m_HW is not None


def test_unknown_depth_is_nan_and_unknown_intrinsics_are_assumed_aloud(tmp_path: Path) -> None:
    folder = rgbd_folder(tmp_path, ['indoor/hall/f2.jpg,indoor/hall/f2.png,1000,,,,'])
    depth = np.full((48, 64), 1500, np.uint16)
    depth[0] = 0
    save(folder / 'f2.png', depth)
    source = open_source(str(folder))
    assert source.intrinsics == 'ASSUMED field of view 60 deg'
    frame = next(iter(source))
    assert frame.camera.fx_px == pytest.approx(32 / np.tan(np.radians(30)))
    assert frame.truth_m_HW is not None
    assert np.isnan(frame.truth_m_HW[0]).all()
    assert np.unique(frame.truth_m_HW[1:]).tolist() == [1.5]


@pytest.mark.parametrize(('row', 'text'), [
    ('indoor/hall/f2.jpg,indoor/hall/f2.png,0,,,,', 'depth_scale is 0; expected'),
    ('indoor/hall/f2.jpg,indoor/hall/f2.png,1000,x,1,1,1', 'expected numbers'),
    ('indoor/hall/f2.jpg,indoor/hall/f2.png', 'depth_scale is nan; expected'),
    ('indoor/hall/f2.jpg', 'there is no depth image'),
])
def test_a_senseless_index_row_is_named(tmp_path: Path, row: str, text: str) -> None:
    with pytest.raises(SourceError, match=text) as caught:
        open_source(str(rgbd_folder(tmp_path, [row])))
    assert 'index.csv:2' in str(caught.value)


@pytest.mark.parametrize(('depth', 'text'), [
    (None, r'f2\.png is not a readable 16-bit image of one channel'),
    (np.full((48, 64), 9, np.uint8), r'f2\.png is not a readable 16-bit image of one channel'),
    (np.full((24, 32), 9, np.uint16), r'f2\.png is 32x24 and its image 64x48; expected one size'),
])
def test_an_image_whose_truth_is_no_use_is_used_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: npt.NDArray[np.generic] | None,
    text: str,
) -> None:
    folder = rgbd_folder(tmp_path, [
        'indoor/hall/f2.jpg,indoor/hall/f2.png,1000,70,71,30,20',
        'indoor/hall/f10.jpg,indoor/hall/f10.png,1000,70,71,30,20'])
    (folder / 'f2.png').unlink()
    if depth is not None:
        save(folder / 'f2.png', depth)
    second, tenth = list(open_source(str(folder)))
    assert second.truth_m_HW is None
    assert second.camera.fx_px == 70.0
    assert tenth.truth_m_HW is not None
    assert re.search(rf'{text}.* The image is used without it', caplog.text)
    assert caplog.text.count('used without it') == 1


def test_a_table_of_another_kind_beside_the_images_does_no_harm(tmp_path: Path) -> None:
    save(tmp_path / 'f1.png', picture())
    for content in (b'name,colour\na,b\n', 'Größe,Farbe\n'.encode('latin-1'), bytes(range(256))):
        (tmp_path / 'index.csv').write_bytes(content)
        assert open_source(str(tmp_path)).intrinsics.startswith('ASSUMED')


def test_calibration_is_used_at_its_size_and_scaled_to_others(tmp_path: Path) -> None:
    calibration = tmp_path / 'front.yaml'
    calibration.write_text(CALIBRATION)
    (tmp_path / 'images').mkdir()
    save(tmp_path / 'images' / 'a.png', picture())
    save(tmp_path / 'images' / 'b.png', picture(96, 128))
    source = open_source(str(tmp_path / 'images'), SourceOptions(camera_yaml=calibration))
    assert source.intrinsics == 'calibration front.yaml'
    same, double = (f.camera for f in source)
    assert (same.fx_px, same.cx_px, same.distortion[:2]) == (60.0, 31.0, (-0.1, 0.01))
    # Pixel centres are at integers, so the centre of pixel 31 of 64 lies at 62.5 of 128.
    assert (double.fx_px, double.cx_px, double.cy_px) == (120.0, 62.5, 46.5)
    save(tmp_path / 'images' / 'b.png', picture(64, 64))
    with pytest.raises(CameraInfoError, match='64x48, but an image has 64x64'):
        list(source)


def test_a_calibration_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CameraInfoError, match='absent.yaml'):
        SourceOptions(camera_yaml=tmp_path / 'absent.yaml')


def test_an_unreadable_image_is_left_out_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    save(tmp_path / 'a.png', picture())
    (tmp_path / 'b.png').write_bytes(b'\x89PNG\r\n\x1a\n torn')
    source = open_source(str(tmp_path), SourceOptions(focal_px=50))
    assert [f.name for f in source] == ['a']
    assert 'b.png cannot be decoded' in caplog.text
    assert source.left_out == 1
    (tmp_path / 'b.png').write_bytes(b'')
    (tmp_path / 'c.png').symlink_to('nowhere')
    (tmp_path / 'd.pgm').write_bytes(b'P5\n100000 100000\n255\n')
    assert [f.name for f in open_source(str(tmp_path))] == ['a']
    assert 'b.png cannot be decoded as an image; it is empty' in caplog.text
    assert 'c.png cannot be read (No such file or directory)' in caplog.text
    assert 'd.pgm cannot be decoded as an image; it is empty, damaged, too large' in caplog.text
    (tmp_path / 'a.png').unlink()
    with pytest.raises(SourceError, match='None of the images'):
        list(open_source(str(tmp_path), SourceOptions(focal_px=50)))


def test_video_gives_every_frame_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / 'drive.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10.0, (64, 48))
    for level in (20, 120, 220):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    source = open_source(str(path), SourceOptions(horizontal_fov_deg=90.0))
    assert (source.rate_hz, source.frame_count, source.live) == (10.0, 3, False)
    frames = list(source)
    assert [f.time_s for f in frames] == [0.0, 0.1, 0.2]
    assert [f.name for f in frames] == ['drive_00000', 'drive_00001', 'drive_00002']
    np.testing.assert_allclose([f.rgb_HW3.mean() for f in frames], [20, 120, 220], atol=3)
    assert frames[0].camera.fx_px == pytest.approx(32.0)
    assert len(list(source)) == 3


def write_camera_bag(path: Path, *, image_topic: str = '/cam/image_raw',
                     empty: Sequence[tuple[str, str]] = ()) -> None:
    """Write two images, the CameraInfo after the first of them; and topics without messages."""
    from rosbags.typesys import get_typestore, Stores

    types = get_typestore(Stores.ROS2_JAZZY).types
    k = np.array([50, 0, 1.5, 0, 50, 0.5, 0, 0, 1.0])
    with BagWriter(path) as bag:
        for topic, kind in empty:
            bag.add_topic(topic, kind)
        for second in (1, 2):
            stamp = types['builtin_interfaces/msg/Time'](sec=second, nanosec=0)
            header = types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
            for topic, encoding, kind in ((image_topic, 'bgr8', np.uint8),
                                          ('/cam/depth', '32FC1', np.float32)):
                channels = 3 if encoding == 'bgr8' else 1
                values = np.zeros((2, 4, channels), kind)
                values[..., 0] = second
                data = values.reshape(-1).view(np.uint8)
                bag.write_value(topic, 'sensor_msgs/msg/Image', second * 10**9,
                                types['sensor_msgs/msg/Image'](
                                    header=header, height=2, width=4, encoding=encoding,
                                    is_bigendian=0, step=data.size // 2, data=data))
            roi = types['sensor_msgs/msg/RegionOfInterest'](
                x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
            info = types['sensor_msgs/msg/CameraInfo'](
                header=header, height=2, width=4, distortion_model='plumb_bob', d=np.zeros(5),
                k=k, r=np.eye(3).ravel(), p=np.zeros(12), binning_x=0, binning_y=0, roi=roi)
            bag.write_value('/cam/camera_info', 'sensor_msgs/msg/CameraInfo',
                            second * 10**9 + 5 * 10**8, info)


def test_bag_gives_its_colour_images_with_its_camera_info(tmp_path: Path) -> None:
    write_camera_bag(tmp_path / 'run')
    source = open_source(str(tmp_path / 'run'))
    assert source.intrinsics == '/cam/camera_info'
    assert (source.frame_count, source.description) == (2, 'run /cam/image_raw')
    first, second = list(source)
    assert first.rgb_HW3[0, 0].tolist() == [0, 0, 1]
    assert second.rgb_HW3[0, 0].tolist() == [0, 0, 2]
    assert (first.camera.fx_px, first.camera.cx_px) == (50.0, 1.5)
    assert [first.time_s, second.time_s] == [0.0, 1.0]
    assert next(iter(open_source(str(tmp_path / 'run' / 'run.mcap'),
                                 SourceOptions(focal_px=9.0)))).camera.fx_px == 9.0
    with pytest.raises(SourceError, match='no image topic /nope; it has /cam/image_raw'):
        open_source(str(tmp_path / 'run'), SourceOptions(image_topic='/nope'))


IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'


def test_a_topic_that_a_bag_only_lists_gives_way_to_one_with_images(tmp_path: Path) -> None:
    path = tmp_path / 'run'
    # Both would be the first choice, one by its name, the other by its kind.
    write_camera_bag(path, empty=[('/a/image_raw', IMAGE), ('/a/camera_info', INFO),
                                  ('/b/image_raw', 'sensor_msgs/msg/CompressedImage')])
    for spec in (path, path / 'run.mcap'):
        source = open_source(str(spec))
        assert (source.description, source.frame_count) == (f'{spec.name} /cam/image_raw', 2)
        assert source.intrinsics == '/cam/camera_info'
        assert [frame.rgb_HW3[0, 0, 2] for frame in source] == [1, 2]
        with pytest.raises(SourceError, match='lists the image topic /a/image_raw and holds no '
                                              'message of it; .* images: /cam/image_raw, /cam/d'):
            open_source(str(spec), SourceOptions(image_topic='/a/image_raw'))


@pytest.mark.parametrize('image_topic', [None, '/a/image_raw'])
def test_a_bag_with_nothing_but_an_empty_image_topic_is_refused(
        tmp_path: Path, image_topic: str | None) -> None:
    with BagWriter(tmp_path / 'run') as bag:
        bag.add_topic('/a/image_raw', IMAGE)
    for spec in (tmp_path / 'run', tmp_path / 'run' / 'run.mcap'):
        with pytest.raises(SourceError, match=f'{spec.name} lists the image topic /a/image_raw '
                                              'and holds no message of it; record it again'):
            open_source(str(spec), SourceOptions(image_topic=image_topic))


def test_intrinsics_of_a_camera_info_that_is_only_listed_are_assumed_aloud(
        tmp_path: Path) -> None:
    write_camera_bag(tmp_path / 'run', image_topic='/other/image_raw',
                     empty=[('/other/camera_info', INFO)])
    source = open_source(str(tmp_path / 'run'))
    assert source.description == 'run /other/image_raw'
    assert source.intrinsics == 'ASSUMED field of view 60 deg'


def test_a_bag_that_has_lost_its_images_says_so(tmp_path: Path) -> None:
    write_camera_bag(tmp_path / 'run')
    source = open_source(str(tmp_path / 'run'))
    with BagWriter(tmp_path / 'other') as bag:
        bag.add_topic('/cam/image_raw', IMAGE)
    (tmp_path / 'other' / 'other.mcap').replace(tmp_path / 'run' / 'run.mcap')
    with pytest.raises(SourceError, match='run holds no image on /cam/image_raw, although it'):
        list(source)


def test_simulation_is_repeatable_and_has_exact_depth() -> None:
    options = SourceOptions(width=80, height=60, frames=2, rate_hz=10.0)
    source = open_source('simulated:room:5', options)
    assert source.frame_count == 2
    first, second = list(source)
    assert first.rgb_HW3.shape == (60, 80, 3)
    assert first.truth_m_HW is not None
    assert first.truth_m_HW.shape == (60, 80)
    assert np.nanmin(first.truth_m_HW) > 0
    assert (first.rgb_HW3 != second.rgb_HW3).any()
    again = next(iter(open_source('simulated:room:5', options)))
    np.testing.assert_array_equal(again.rgb_HW3, first.rgb_HW3)
    np.testing.assert_array_equal(again.truth_m_HW, first.truth_m_HW)
    assert first.camera.horizontal_fov_deg == pytest.approx(60.0)


@pytest.mark.parametrize(('spec', 'text'), [
    ('/nowhere', 'There is no source'),
    ('', "There is no source ''"),
    ('simulated:moon', "no source 'simulated:moon'; expected simulated"),
    ('simulated:room:x', 'a whole number as SEED'),
    ('empty', 'holds no image'),
    ('notes.mp4', r'cannot be opened; expected a video .*, an image \(.jpg, .* or a bag \(.mcap'),
    ('torn.mcap', 'cannot be read as a bag'),
    ('/dev/null', 'expected a V4L2 camera'),
])
def test_what_is_no_source_is_refused(tmp_path: Path, spec: str, text: str) -> None:
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'notes.mp4').write_text('no video')
    (tmp_path / 'torn.mcap').write_bytes(b'\x89MCAP0\r\n')
    is_file = spec in ('empty', 'notes.mp4', 'torn.mcap')
    with pytest.raises(SourceError, match=text):
        open_source(str(tmp_path / spec) if is_file else spec)


@pytest.mark.parametrize(('width', 'height'), [(15, 48), (48, 15), (4097, 48)])
def test_simulated_images_have_a_size_that_can_be_rendered(width: int, height: int) -> None:
    with pytest.raises(ConfigError, match=f'{width}x{height} were asked for; .* 16 to 4096 pixel'):
        open_source('simulated', SourceOptions(width=width, height=height))
    smallest = open_source('simulated', SourceOptions(width=16, height=16, frames=1))
    assert next(iter(smallest)).rgb_HW3.shape == (16, 16, 3)


def test_a_calibration_of_other_images_names_the_image(tmp_path: Path) -> None:
    (tmp_path / 'front.yaml').write_text(CALIBRATION)
    save(tmp_path / 'a.png', picture())
    save(tmp_path / 'b.png', picture(48, 48))
    frames = iter(open_source(str(tmp_path), SourceOptions(camera_yaml=tmp_path / 'front.yaml')))
    assert next(frames).name == 'a'
    with pytest.raises(CameraInfoError, match=r'b\.png: .*front\.yaml calibrates .* has 48x48'):
        next(frames)


def test_what_may_not_be_read_is_told_with_the_reason(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, 'Permission denied', str(path))

    monkeypatch.setattr(Path, 'iterdir', refuse)
    with pytest.raises(SourceError, match=r'cannot be read \(Permission denied\)'):
        open_source(str(tmp_path))
    with pytest.raises(SourceError, match=r'cannot be read \(File name too long\)'):
        open_source('x' * 300)


@pytest.mark.parametrize(('options', 'text'), [
    ({'horizontal_fov_deg': 0.0}, 'field of view of 0.0 degrees .* more than 0'),
    ({'horizontal_fov_deg': 180.0}, 'less than 180'),
    ({'focal_px': 5.0, 'horizontal_fov_deg': 60.0}, 'focal_px and horizontal_fov_deg were given'),
    ({'focal_px': 0.0}, 'expected > 0'),
    ({'focal_px': float('nan')}, 'expected > 0'),
    ({'frames': 0}, '0 frames at 15.0 Hz'),
    ({'rate_hz': float('nan')}, '90 frames at nan Hz'),
])
def test_senseless_options_are_refused(options: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        SourceOptions(**options)  # type: ignore[arg-type]

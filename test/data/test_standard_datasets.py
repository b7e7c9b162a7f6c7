# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Loaders of the standard data sets on miniature trees that follow their layouts."""

import csv
import json

import numpy as np
from picture_files import save
import pytest
from scaledepth_ros.data.listed_frames import kb_crop
from scaledepth_ros.data.registry import DATASETS, open_dataset, split_spec
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.protocols import PROTOCOLS


def _rgb(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _picture(path, height, width):
    save(path, np.full((height, width, 3), 90, np.uint8))


def _depth(path, values):
    save(path, np.asarray(values, np.uint16))


def test_nyu(tmp_path):
    folder = tmp_path / 'sync/office_kitchen_0001b'
    _picture(folder / 'rgb_00045.jpg', 48, 64)
    stored = np.full((48, 64), 2500)
    stored[0] = 0
    _depth(folder / 'sync_depth_00045.png', stored)
    (tmp_path / 'nyudepthv2_train_files_with_gt.txt').write_text(
        '/office_kitchen_0001b/rgb_00045.jpg /office_kitchen_0001b/sync_depth_00045.png 518.8\n'
        '/office_kitchen_0001b/rgb_00046.jpg None 518.8579\n')
    frames = open_dataset(f'nyu:{tmp_path}', 'train')
    sample = frames[0]
    assert len(frames) == 1, 'frames without ground truth are left out'
    assert sample.depth_m_HW[20, 20] == np.float32(2.5)
    assert np.isnan(sample.depth_m_HW[0]).all()
    assert (sample.info.scene, sample.info.category) == ('nyu_office_kitchen_0001',
                                                         'office_kitchen')
    # The camera of 640x480, at a tenth of the size.
    assert sample.camera.fx_px == pytest.approx(51.88579)


def test_nyu_test_frames_are_scenes_of_their_own(tmp_path):
    lines = []
    for number in (1, 2):
        folder = tmp_path / 'official_splits/test/excercise_room'
        _picture(folder / f'rgb_0000{number}.jpg', 48, 64)
        _depth(folder / f'sync_depth_0000{number}.png', np.full((48, 64), 900))
        lines.append(f'excercise_room/rgb_0000{number}.jpg '
                     f'excercise_room/sync_depth_0000{number}.png 518.8579\n')
    (tmp_path / 'nyu_test.txt').write_text(''.join(lines))
    frames = open_dataset(f'nyu:{tmp_path}')
    assert len({info.scene for info in frames.infos}) == 2
    assert {info.category for info in frames.infos} == {'exercise_room'}
    with pytest.raises(DatasetError, match="no split 'dev'"):
        open_dataset(f'nyu:{tmp_path}', 'dev')


def _kitti(root, calibration=None, day='2011_09_26', size=(375, 1242)):
    drive = f'{day}_drive_0002_sync'
    image = f'{day}/{drive}/image_02/data/0000000069.png'
    depth = f'{drive}/proj_depth/groundtruth/image_02/0000000069.png'
    rgb = _rgb(*size)
    stored = np.zeros(size, np.uint16)
    stored[size[0] - 352 :: 7, 13::5] = 20 * 256
    stored[-1, -1] = 3 * 256
    save(root / 'input' / image, rgb)
    _depth(root / 'gt_depth' / depth, stored)
    (root / 'kitti_eigen_test.txt').write_text(
        f'{image} {depth} 721.5377\n{day}/{drive}/image_02/data/0000000070.png None 721.5377\n')
    if calibration:
        (root / 'input' / day / 'calib_cam_to_cam.txt').write_text(calibration)
    return rgb


def test_kitti_is_cropped_as_the_benchmark_does(tmp_path):
    rgb = _kitti(tmp_path)
    frames = open_dataset(f'kitti:{tmp_path}')
    sample = frames[0]
    assert len(frames) == 1
    assert np.array_equal(sample.rgb_HW3, rgb[23:375, 13:1229])
    assert sample.depth_m_HW.shape == (352, 1216)
    assert sample.depth_m_HW[0, 0] == 20.0
    assert not (sample.depth_m_HW == 3.0).any(), 'the corner lies right of the crop'
    assert sample.camera.fx_px == pytest.approx(721.5377)
    assert sample.camera.cx_px == pytest.approx(609.5593 - 13)
    assert sample.camera.cy_px == pytest.approx(172.854 - 23)
    assert sample.info.scene == 'kitti_2011_09_26_drive_0002'
    assert sample.category_index is not None
    assert frames.infos[0].aspect == pytest.approx(1216 / 352)


def test_kitti_reads_the_calibration_of_the_day(tmp_path):
    _kitti(tmp_path, calibration='corner_dist: 9.95e-02\n'
           'P_rect_02: 700 0 600 44 0 705 170 0.2 0 0 1 0.002\n', day='2031_01_01')
    camera = open_dataset(f'kitti:{tmp_path}')[0].camera
    assert (camera.fx_px, camera.fy_px) == (700, 705)
    assert (camera.cx_px, camera.cy_px) == (600 - 13, 170 - 23)


def test_kitti_says_what_is_wrong(tmp_path):
    _kitti(tmp_path, day='2031_01_01')
    with pytest.raises(DatasetError, match='calibration of 2031_01_01 is unknown'):
        open_dataset(f'kitti:{tmp_path}')
    for calibration in ('P_rect_03: 1\n', f'P_rect_02: {"x " * 12}\n'):
        _kitti(tmp_path, calibration=calibration, day='2031_01_01')
        with pytest.raises(DatasetError, match=r'has no P_rect_02 of 12 numbers'):
            open_dataset(f'kitti:{tmp_path}')
    save(tmp_path / 'input/2011_09_26/0000000069.png', _rgb(375, 1242))
    for image in ('2011_09_26/0000000069.png', '0000000069.png'):
        (tmp_path / 'kitti_eigen_test.txt').write_text(f'{image} depth.png 721.5377\n')
        with pytest.raises(DatasetError, match=rf'kitti_eigen_test.txt: {image} has .*DAY/DRIVE/'):
            open_dataset(f'kitti:{tmp_path}')
    with pytest.raises(DatasetError, match='320x240 cannot be cropped to 1216x352'):
        kb_crop(240, 320)


def test_sunrgbd_rotates_the_bits_back_and_reads_intrinsics(tmp_path):
    frame = tmp_path / 'SUNRGBD/kv2/kinect2data/000002_resize'
    _picture(frame / 'image/0000103.jpg', 53, 73)
    millimetres = np.full((53, 73), 2345, np.uint16)
    millimetres[0] = 0
    # From 8192 mm on, the rotation brings bits round to the other end.
    millimetres[1] = 9876
    _depth(frame / 'depth_bfx/0000103.png', (millimetres << 3) | (millimetres >> 13))
    (frame / 'intrinsics.txt').write_text('52.9 0 36.5\n0 53.1 26.5\n0 0 1\n')
    (frame / 'scene.txt').write_text('office')
    base = 'SUNRGBD/kv2/kinect2data/000002_resize'
    (tmp_path / 'SUNRGBD_val_splits.txt').write_text(
        f'{base}/image/0000103.jpg {base}/depth_bfx/0000103.png 529.5\n')
    sample = open_dataset(f'sunrgbd:{tmp_path}')[0]
    assert sample.depth_m_HW[5, 5] == np.float32(2.345)
    assert sample.depth_m_HW[1, 5] == np.float32(9.876)
    assert np.isnan(sample.depth_m_HW[0, 0])
    assert (sample.camera.fx_px, sample.camera.cy_px) == (52.9, 26.5)
    assert sample.info.category == 'office'
    (frame / 'scene.txt').write_text('idk')
    assert open_dataset(f'sunrgbd:{tmp_path}').infos[0].category is None
    (frame / 'intrinsics.txt').write_text('52.9 0 36.5')
    with pytest.raises(DatasetError, match=r'intrinsics\.txt: is no 3x3 matrix'):
        open_dataset(f'sunrgbd:{tmp_path}')


def test_ibims_applies_both_masks(tmp_path):
    _picture(tmp_path / 'rgb/livingroom_01.png', 48, 64)
    _depth(tmp_path / 'depth/livingroom_01.png', np.full((48, 64), 13107))
    for row, folder in enumerate(('mask_invalid', 'mask_transp')):
        mask = np.full((48, 64), 255, np.uint8)
        mask[row] = 0
        save(tmp_path / folder / 'livingroom_01.png', mask)
    (tmp_path / 'calib').mkdir()
    (tmp_path / 'calib/livingroom_01.txt').write_text('55.0,56.0,32.0,24.0')
    (tmp_path / 'imagelist.txt').write_text('livingroom_01\n')
    sample = open_dataset(f'ibims:{tmp_path}')[0]
    assert sample.depth_m_HW[5, 5] == pytest.approx(10.0)
    assert np.isnan(sample.depth_m_HW[:2]).all()
    assert sample.mask_HW.sum() == 46 * 64
    assert (sample.camera.fy_px, sample.camera.cx_px) == (56.0, 32.0)
    assert sample.info.category == 'living_room'
    (tmp_path / 'mask_transp/livingroom_01.png').unlink()
    with pytest.raises(DatasetError, match=r'mask_transp/livingroom_01\.png: is missing'):
        open_dataset(f'ibims:{tmp_path}')[0]
    with pytest.raises(DatasetError, match="no split 'train'"):
        open_dataset(f'ibims:{tmp_path}', 'train')


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_diode(tmp_path, domain):
    stem = tmp_path / f'val/{domain}s/scene_00019/scan_00183/00019_00183_170_020'
    _picture(stem.with_suffix('.png'), 48, 64)
    depth = np.full((48, 64, 1), 7.5, np.float32)
    mask = np.ones((48, 64), np.float32)
    mask[:, 0] = 0
    np.save(f'{stem}_depth.npy', depth)
    np.save(f'{stem}_depth_mask.npy', mask)
    sample = open_dataset(f'diode_{domain}:{tmp_path}')[0]
    assert sample.depth_m_HW[0, 1] == 7.5
    assert np.isnan(sample.depth_m_HW[:, 0]).all()
    assert sample.info.domain == domain
    assert sample.scene == 'diode_scene_00019'
    assert sample.camera.fx_px == pytest.approx(886.81 / 16)
    np.save(f'{stem}_depth_mask.npy', mask[1:])
    with pytest.raises(DatasetError, match='expected one size'):
        open_dataset(f'diode_{domain}:{tmp_path}')[0]


def test_diode_refuses_pickled_arrays(tmp_path):
    stem = tmp_path / 'val/indoors/scene_00019/scan_00183/frame'
    _picture(stem.with_suffix('.png'), 48, 64)
    np.save(f'{stem}_depth.npy', np.array([{'a': 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match=r'frame_depth\.npy: cannot be read as an array'):
        open_dataset(f'diode_indoor:{tmp_path}')[0]
    with pytest.raises(DatasetError, match='no frame was found there'):
        open_dataset(f'diode_outdoor:{tmp_path}')


def _hypersim_list(root, rows):
    with (root / 'metadata_images_split_scene_v1.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['scene_name', 'camera_name', 'frame_id', 'included_in_public_release',
                         'exclude_reason', 'split_partition_name'])
        writer.writerows(rows)


def test_hypersim_turns_distance_into_depth(tmp_path):
    h5py = pytest.importorskip('h5py')
    images = tmp_path / 'ai_001_010/images'
    _picture(images / 'scene_cam_00_final_preview/frame.0003.tonemap.jpg', 96, 128)
    # A wall at 4 m, as the distances that the data set stores; one pixel shows nothing.
    focal_px = 886.81 / 8
    y, x = np.mgrid[:96, :128]
    distance = 4.0 * np.sqrt(1 + ((x - 63.5) / focal_px) ** 2 + ((y - 47.5) / focal_px) ** 2)
    distance[3, 3] = np.nan
    path = images / 'scene_cam_00_geometry_hdf5/frame.0003.depth_meters.hdf5'
    path.parent.mkdir()
    with h5py.File(path, 'w') as file:
        file['dataset'] = distance.astype(np.float16)
    _hypersim_list(tmp_path, [
        ['ai_001_010', 'cam_00', 3, 'True', '', 'test'],
        ['ai_001_010', 'cam_00', 4, 'False', 'broken', ''],
        ['ai_001_011', 'cam_00', 0, 'True', '', 'train'],
    ])
    frames = open_dataset(f'hypersim:{tmp_path}')
    sample = frames[0]
    assert len(frames) == 1
    assert np.nanmax(np.abs(sample.depth_m_HW - 4.0)) < 4e-3
    assert np.isnan(sample.depth_m_HW[3, 3])
    assert sample.info.kind == 'synthetic'
    assert sample.camera.horizontal_fov_deg == pytest.approx(60.0, abs=0.1)
    path.write_bytes(b'not hdf5')
    with pytest.raises(DatasetError, match='cannot be read as Hypersim depth'):
        frames[0]


def test_virtual_kitti(tmp_path):
    scene = tmp_path / 'Scene01/fog/frames'
    _picture(scene / 'rgb/Camera_0/rgb_00007.jpg', 375, 1242)
    stored = np.full((375, 1242), 1550)
    stored[:100] = 65535
    _depth(scene / 'depth/Camera_0/depth_00007.png', stored)
    (tmp_path / 'test.txt').write_text(
        'data/vkitti2.0/Scene01/fog/frames/rgb/Camera_0/rgb_00007.jpg\n')
    for split in ('test', 'all'):
        sample = open_dataset(f'vkitti:{tmp_path}', split)[0]
        assert sample.depth_m_HW.shape == (352, 1216)
        assert sample.depth_m_HW[-1, 0] == np.float32(15.5)
        assert np.isnan(sample.depth_m_HW[: 100 - 23]).all(), 'the sky has no depth'
        assert sample.camera.cx_px == pytest.approx(620.5 - 13)
        assert (sample.scene, sample.info.kind) == ('vkitti_Scene01', 'synthetic')
    (tmp_path / 'test.txt').write_text('somewhere/rgb_00007.jpg\n')
    with pytest.raises(DatasetError, match='lies in no folder SceneNN'):
        open_dataset(f'vkitti:{tmp_path}')


def test_ddad(tmp_path):
    _picture(tmp_path / '000150/rgb/CAMERA_01/1.png', 60, 96)
    stored = np.zeros((60, 96))
    stored[30:, ::4] = 512
    _depth(tmp_path / '000150/depth/CAMERA_01/1.png', stored)
    (tmp_path / 'camera01.txt').write_text(
        '000150/rgb/CAMERA_01/1.png 000150/depth/CAMERA_01/1.png\n')
    sample = open_dataset(f'ddad:{tmp_path}')[0]
    assert np.nanmax(sample.depth_m_HW) == 2.0
    assert sample.camera is None
    assert sample.scene == 'ddad_000150'
    path = tmp_path / '000150/calibration/abc.json'
    path.parent.mkdir()
    path.write_text(json.dumps({
        'names': ['LIDAR', 'CAMERA_01'],
        'intrinsics': [{}, {'fx': 90.0, 'fy': 91.0, 'cx': 48.0, 'cy': 30.0, 'skew': 0.0}],
    }))
    camera = open_dataset(f'ddad:{tmp_path}')[0].camera
    assert (camera.fx_px, camera.fy_px, camera.cx_px) == (90.0, 91.0, 48.0)
    path.write_text('{"names": []}')
    with pytest.raises(DatasetError, match=r'abc\.json: has no intrinsics of CAMERA_01'):
        open_dataset(f'ddad:{tmp_path}')


def test_diml(tmp_path):
    _picture(tmp_path / 'test/LR/outleft/0155.png', 38, 64)
    _depth(tmp_path / 'test/LR/depthmap/0155.png', np.full((38, 64), 12500))
    (tmp_path / 'test_outdoor.txt').write_text(
        'test/LR/outleft/0155.png test/LR/depthmap/0155.png\n')
    sample = open_dataset(f'diml:{tmp_path}')[0]
    assert (sample.depth_m_HW == 12.5).all()
    assert sample.camera is None
    assert sample.info.domain == 'outdoor'


@pytest.mark.parametrize('name', list(DATASETS))
def test_missing_roots_are_named(tmp_path, name):
    with pytest.raises(DatasetError, match=str(tmp_path / 'nowhere')):
        open_dataset(f'{name}:{tmp_path / "nowhere"}')


def test_lists_that_are_too_short_are_refused_with_the_line(tmp_path):
    (tmp_path / 'test_outdoor.txt').write_text('\n0155.png\n')
    with pytest.raises(DatasetError, match=r'test_outdoor\.txt:2: has 1 column'):
        open_dataset(f'diml:{tmp_path}')


def test_a_depth_of_another_size_is_refused_by_name(tmp_path):
    test_diml(tmp_path)
    _depth(tmp_path / 'test/LR/depthmap/0155.png', np.full((38, 63), 12500))
    with pytest.raises(DatasetError, match=r'0155\.png: depth is 63x38, its image 64x38'):
        open_dataset(f'diml:{tmp_path}')[0]


def test_every_standard_data_set_has_its_protocol():
    assert set(DATASETS) <= set(PROTOCOLS)


def test_specs(tmp_path, folder):
    folder.add()
    path = folder.write()
    assert split_spec(f'nyu:{tmp_path}') == ('nyu', tmp_path)
    assert split_spec(path) == (None, path)
    assert len(open_dataset(str(path))) == len(open_dataset(tmp_path, 'train')) == 1
    with pytest.raises(DatasetError, match=r'nyo:/data: there is no such .* NAME one of nyu, ki'):
        open_dataset('nyo:/data')

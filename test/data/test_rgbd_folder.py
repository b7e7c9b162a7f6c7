# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The index.csv format, good and bad."""

import numpy as np
from picture_files import save
import pytest
from scaledepth_ros.data.rgbd_folder import RgbdFolder
from scaledepth_ros.data.sample import ConcatFrames, SelectedFrames
from scaledepth_ros.errors import DatasetError


def test_a_row_becomes_a_sample(folder):
    depth = np.full((24, 32), 1500, np.uint16)
    depth[0, 0] = 0
    row = folder.add('kitchen_3', depth=depth, category='kitchen', kind='synthetic', completed=1)
    frames = RgbdFolder(folder.write())
    sample = frames[0]
    assert len(frames) == 1
    assert sample.depth_m_HW.dtype == np.float32
    assert sample.depth_m_HW[5, 5] == np.float32(1.5)
    assert np.isnan(sample.depth_m_HW[0, 0])
    assert sample.mask_HW.sum() == 24 * 32 - 1
    assert (sample.camera.fx_px, sample.camera.cy_px, sample.camera.width) == (30, 12, 32)
    assert sample.info == frames.infos[0]
    assert sample.info.name == row['rgb']
    assert (sample.info.dataset, sample.scene) == ('mini', 'kitchen_3')
    assert (sample.info.kind, sample.info.completed) == ('synthetic', True)
    assert sample.info.category == 'kitchen'
    assert 0 <= sample.category_index < 28


def test_depth_scale_and_missing_optional_columns(folder):
    folder.add(depth=np.full((24, 32), 2560, np.uint16), depth_scale=256, domain='outdoor',
               fx='', fy='', cx='', cy='', kind='', completed='', dataset='')
    sample = RgbdFolder(folder.write())[0]
    assert (sample.depth_m_HW == 10.0).all()
    assert sample.camera is None
    assert sample.category_index is None
    assert (sample.info.domain, sample.info.kind, sample.info.completed) == (
        'outdoor', 'real', False)
    assert sample.info.dataset == folder.root.name


def test_splits_filters_and_the_folder_itself_as_a_path(folder):
    for split, completed in (('train', 0), ('val', 0), ('val', 1), ('train', 0)):
        folder.add(split=split, completed=completed)
    folder.write()
    assert len(RgbdFolder(folder.root)) == 4
    assert len(RgbdFolder(folder.root, 'val')) == 2
    assert len(RgbdFolder(folder.root, 'val', keep=lambda info: not info.completed)) == 1
    with pytest.raises(DatasetError, match=r"split 'test'; the file has .*\['train', 'val'\]"):
        RgbdFolder(folder.root, 'test')


@pytest.mark.parametrize(
    ('columns', 'message'),
    [
        ({'rgb': 'gone.png'}, r'gone\.png: cannot be read'),
        ({'depth': 'gone.png'}, r'gone\.png: cannot be read'),
        ({'scene': ''}, r'index\.csv:2: scene is empty'),
        ({'domain': 'underwater'}, "domain is 'underwater'"),
        ({'kind': 'guessed'}, "kind is 'guessed'"),
        ({'category': 'cave'}, "category 'cave' is none of the 28"),
        ({'depth_scale': '0'}, r'index\.csv:2: depth_scale is 0'),
        ({'depth_scale': 'mm'}, r"index\.csv:2: depth_scale is 'mm'"),
        ({'fx': 'nan'}, r"index\.csv:2: fx is 'nan'"),
        ({'fx': ''}, 'only fy, cx, cy of the intrinsics'),
        ({'fx': '-3'}, r'index\.csv:2: '),
        ({'completed': 'yes'}, "completed is 'yes'"),
    ],
)
def test_bad_rows_are_refused_with_their_place(folder, columns, message):
    folder.add().update(columns)
    with pytest.raises(DatasetError, match=message):
        RgbdFolder(folder.write())


def test_bad_rows_can_be_skipped_and_are_told(folder):
    for columns in ({}, {'rgb': 'gone.png'}, {'scene': ''}, {'kind': 'guessed'}, {'split': ''},
                    {'category': 'cave'}):
        folder.add().update(columns)
    told = []
    frames = RgbdFolder(folder.write(), 'train', skip=told.append)
    # What a frame shows can be measured without knowing what to call it.
    assert [info.category for info in frames.infos] == [None, None]
    assert [str(error).partition(': ')[2].split(';')[0] for error in told] == [
        'cannot be read (No such file or directory)', 'scene is empty',
        "kind is 'guessed'", 'split is empty']
    with pytest.raises(DatasetError, match=r"split 'val', 1 cannot be used; .* \['train'\]"):
        RgbdFolder(folder.root, 'val', skip=told.append)


def test_lists_saved_by_a_spreadsheet_are_read(folder):
    folder.add('a room')
    path = folder.write()
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes().replace(b'\r\n', b'\n')
                     .replace(b'\n', b'\r\n'))
    assert [info.scene for info in RgbdFolder(path, 'train').infos] == ['a room']


def test_shifted_sizes_are_refused_when_the_list_is_opened(folder):
    folder.add(depth=np.full((24, 31), 900, np.uint16))
    with pytest.raises(DatasetError, match=r'_depth\.png is 31x24, .*\.png 32x24'):
        RgbdFolder(folder.write())


def test_eight_bit_depth_and_empty_masks_are_refused_by_name(folder):
    folder.add(depth=np.full((24, 32), 9, np.uint8))
    folder.add(depth=np.zeros((24, 32), np.uint16))
    frames = RgbdFolder(folder.write())
    with pytest.raises(DatasetError, match=r'0000_depth\.png: depth has 8 bits'):
        frames[0]
    with pytest.raises(DatasetError, match=r'0001_depth\.png: only 0 of 768 depth pixels'):
        frames[1]


def test_a_file_replaced_after_opening_is_still_refused(folder):
    row = folder.add()
    frames = RgbdFolder(folder.write())
    save(folder.root / row['depth'], np.full((10, 10), 900, np.uint16))
    with pytest.raises(DatasetError, match=r'depth is 10x10, its image 32x24'):
        frames[0]


def test_unreadable_lists_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r'none\.csv does not exist; expected an index'):
        RgbdFolder(tmp_path / 'none.csv')
    with pytest.raises(DatasetError, match=r'index\.csv does not exist; .* a folder that holds'):
        RgbdFolder(tmp_path)
    (tmp_path / 'index.csv').write_text('split,rgb\ntrain,a.png\n')
    with pytest.raises(DatasetError, match='column.s. domain, scene, depth, depth_scale are'):
        RgbdFolder(tmp_path)


def test_joining_and_selecting_keep_order(folder, tmp_path_factory):
    folder.add('a')
    folder.add('b')
    frames = RgbdFolder(folder.write())
    both = ConcatFrames([frames, SelectedFrames(frames, [1])])
    assert [info.scene for info in both.infos] == ['a', 'b', 'b']
    assert [both[i].scene for i in range(3)] == ['a', 'b', 'b']
    with pytest.raises(IndexError):
        both[3]
    with pytest.raises(DatasetError, match='No frame source'):
        ConcatFrames([])

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Image files: what is read is what was written, and what cannot be read is named."""

import cv2
import numpy as np
from picture_files import save
import pytest
from scaledepth_ros.data.images import image_size, read_depth_png, read_rgb
from scaledepth_ros.errors import DatasetError


def test_colours_keep_their_order(tmp_path):
    rgb = np.zeros((4, 5, 3), np.uint8)
    rgb[..., 0] = 200
    save(tmp_path / 'red.png', rgb)
    assert (read_rgb(tmp_path / 'red.png') == rgb).all()
    assert cv2.imread(str(tmp_path / 'red.png'))[0, 0].tolist() == [0, 0, 200]


def test_grey_images_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / 'grey.png'), np.full((4, 5), 7, np.uint8))
    assert read_rgb(tmp_path / 'grey.png').tolist() == np.full((4, 5, 3), 7).tolist()


def test_depth_round_trip(tmp_path):
    depth = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000
    save(tmp_path / 'depth.png', depth)
    assert (read_depth_png(tmp_path / 'depth.png') == depth).all()


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_size_from_the_header_is_the_size_of_the_pixels(tmp_path, suffix):
    path = tmp_path / f'image{suffix}'
    save(path, np.zeros((37, 53, 3), np.uint8))
    assert image_size(path) == (37, 53)


def test_size_of_a_jpeg_with_long_metadata(tmp_path):
    plain = cv2.imencode('.jpg', np.zeros((21, 34, 3), np.uint8))[1].tobytes()
    comment = b'\xff\xfe' + (60_000).to_bytes(2, 'big') + bytes(59_998)
    path = tmp_path / 'long.jpg'
    path.write_bytes(plain[:2] + comment * 3 + plain[2:])
    assert image_size(path) == (21, 34)


@pytest.mark.parametrize('read', [read_rgb, read_depth_png, image_size])
def test_missing_empty_and_broken_files_are_named(tmp_path, read):
    with pytest.raises(DatasetError, match=r'absent\.png: cannot be read \(No such file'):
        read(tmp_path / 'absent.png')
    (tmp_path / 'empty.png').touch()
    with pytest.raises(DatasetError, match=r'empty\.png: the file is empty'):
        read(tmp_path / 'empty.png')
    (tmp_path / 'text.png').write_text('no image at all')
    with pytest.raises(DatasetError, match=r'text\.png: this is no image'):
        read(tmp_path / 'text.png')


def test_eight_bit_and_colour_depth_are_refused(tmp_path):
    save(tmp_path / 'depth8.png', np.zeros((4, 5), np.uint8))
    with pytest.raises(DatasetError, match=r'depth8\.png: depth has 8 bits and 1 channel'):
        read_depth_png(tmp_path / 'depth8.png')
    save(tmp_path / 'colour.png', np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(DatasetError, match=r'8 bits and 3 channel'):
        read_depth_png(tmp_path / 'colour.png')

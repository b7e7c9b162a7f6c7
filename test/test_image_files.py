# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Image files: which are pictures, what they are called, and what is in them."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from picture_files import picture, save
import pytest
from scaledepth_ros.errors import SourceError
from scaledepth_ros.image_files import colour_images, frame_names, natural_key, read_rgb


def test_files_are_in_natural_order() -> None:
    names = ['f10.png', 'f9.png', 'F1.png', 'a2b10.png', 'a2b9.png']
    ordered = sorted((Path(n) for n in names), key=natural_key)
    assert [p.name for p in ordered] == ['a2b9.png', 'a2b10.png', 'F1.png', 'f9.png', 'f10.png']


def test_no_two_images_of_a_folder_share_a_name() -> None:
    def named(*files: str) -> list[str]:
        return frame_names([Path('folder') / name for name in files])

    assert named('a.jpg', 'b.png', 'c.d.jpg') == ['a', 'b', 'c.d']
    assert named('a.jpg', 'a.png', 'b.png') == ['a.jpg', 'a.png', 'b']
    # What a twin is called may be what a third one would be.
    assert named('a.jpg', 'a.png', 'a.jpg.png') == ['a.jpg', 'a.png', 'a.jpg.png']
    assert named('A.jpg', 'a.jpg') == ['A', 'a']


def test_depth_images_are_not_taken_for_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    grey = np.full((8, 8), 77, np.uint8)
    save(tmp_path / 'a.jpg', picture(8, 8))
    save(tmp_path / 'a.png', np.full((8, 8), 1000, np.uint16))   # 16-bit depth, same stem
    save(tmp_path / 'b.png', picture(8, 8))
    save(tmp_path / 'b_depth.png', np.full((8, 8), 9, np.uint16))  # 16-bit depth, own stem
    save(tmp_path / 'c.jpg', picture(8, 8))
    save(tmp_path / 'c.png', grey)                               # 8-bit depth, same stem
    save(tmp_path / 'd.png', grey)                               # a grey camera
    save(tmp_path / 'e.tiff', np.full((8, 8), 9, np.uint16))
    (tmp_path / 'notes.txt').write_text('x')
    assert [p.name for p in colour_images(tmp_path)] == ['a.jpg', 'b.png', 'c.jpg', 'd.png']
    # Only of c.png it is a guess.
    assert caplog.text.count('left out as depth') == 1
    assert '1 of 8 images' in caplog.text
    assert 'such as c.png' in caplog.text


def test_grey_images_of_one_stem_are_all_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    save(tmp_path / 'a.png', np.full((8, 8), 77, np.uint8))
    save(tmp_path / 'a.pgm', np.full((8, 8), 78, np.uint8))
    save(tmp_path / 'b.png', np.full((8, 8), 79, np.uint8))
    save(tmp_path / 'b.tiff', np.full((8, 8), 9, np.uint16))
    (tmp_path / 'folder.png').mkdir()
    assert [p.name for p in colour_images(tmp_path)] == ['a.pgm', 'a.png', 'b.png']
    assert not caplog.text


def test_a_folder_without_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / 'below').mkdir()
    save(tmp_path / 'below' / 'a.png', picture(8, 8))
    with pytest.raises(SourceError, match='holds no image; .* not in folders below'):
        colour_images(tmp_path)
    save(tmp_path / 'depth.png', np.full((8, 8), 9, np.uint16))
    with pytest.raises(SourceError, match=r'holds 1 image\(s\), all of one channel with 16 bits'):
        colour_images(tmp_path)


def test_grey_and_deep_pictures_become_rgb_bytes(tmp_path: Path) -> None:
    grey = read_rgb(save(tmp_path / 'g.png', np.full((4, 4), 77, np.uint8)))
    assert grey.shape == (4, 4, 3)
    assert np.unique(grey).tolist() == [77]
    deep = np.full((4, 4, 3), 0x8000, np.uint16)
    deep[..., 0] = 0xFFFF
    assert read_rgb(save(tmp_path / 'd.png', deep))[0, 0].tolist() == [255, 128, 128]


@pytest.mark.parametrize('progressive', [0, 1])
def test_a_jpeg_that_is_cut_off_is_not_read(tmp_path: Path, progressive: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)

    def encoded(pixels: npt.NDArray[np.uint8]) -> bytes:
        return bytes(cv2.imencode('.jpg', pixels, [
            cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes())

    # A segment APP1 with a thumbnail, filling before the next marker, and what phones append.
    thumbnail = encoded(rgb[:8, :8])
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    whole = b'\xff\xd8' + segment + b'\xff\xff' + encoded(rgb)[2:]
    path = tmp_path / 'a.jpg'
    for data in (encoded(rgb), whole, whole + b'trailer'):
        path.write_bytes(data)
        assert read_rgb(path).shape == (48, 64, 3)
    for size in (len(whole) // 2, len(whole) - 20, len(whole) - 2):
        path.write_bytes(whole[:size])
        with pytest.raises(SourceError, match=r'a\.jpg is cut off'):
            read_rgb(path)

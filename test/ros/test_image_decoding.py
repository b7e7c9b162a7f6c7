# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding against pixels worked out by hand or by definition; malformed messages."""
from __future__ import annotations

import array
from types import SimpleNamespace
from typing import Any

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from scaledepth_ros.errors import ImageError
from scaledepth_ros.ros import image_decoding
from scaledepth_ros.ros.cv_bridge_decoder import CvBridgeDecoder, find_cv_bridge
from scaledepth_ros.ros.image_decoding import (
    check_image,
    decode_compressed_image,
    decode_image,
    ENCODINGS,
)
from sensor_msgs.msg import CompressedImage, Image

COLOURS = np.array([[[200, 30, 60], [10, 220, 90]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def image(encoding: str, samples: np.ndarray, height: int, width: int, *, padding: int = 0,
          big_endian: bool = False) -> Image:
    """Pack rows of samples; `samples` is (rows, samples per row)."""
    if big_endian:
        samples = samples.astype(samples.dtype.newbyteorder('>'))
    rows = np.ascontiguousarray(samples).view(np.uint8).reshape(samples.shape[0], -1)
    # Padding that is not zero shows up when it is read as pixels.
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAA)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1],
                    is_bigendian=int(big_endian))
    message.data = array.array('B', rows.tobytes())
    return message


def interleaved(encoding: str, *, padding: int = 0, big_endian: bool = False) -> Image:
    """Pack COLOURS, 2x2."""
    order = {'rgb': [0, 1, 2], 'bgr': [2, 1, 0], '8UC': [2, 1, 0], '16U': [2, 1, 0]}[encoding[:3]]
    pixels = COLOURS[..., order]
    if 'a' in encoding or encoding.endswith('C4'):
        pixels = np.dstack((pixels, np.full((2, 2), 77, np.uint8)))
    if '16' in encoding:
        pixels = pixels.astype(np.uint16) * 257
    return image(encoding, pixels.reshape(2, -1), 2, 2, padding=padding, big_endian=big_endian)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', '8UC3', '8UC4'])
def test_interleaved_8_bit(encoding, padding):
    rgb = decode_image(interleaved(encoding, padding=padding))
    assert rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, COLOURS)


@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('encoding', ['rgb16', 'bgr16', 'rgba16', 'bgra16', '16UC3', '16UC4'])
def test_interleaved_16_bit(encoding, big_endian):
    message = interleaved(encoding, padding=2, big_endian=big_endian)
    np.testing.assert_array_equal(decode_image(message), COLOURS)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_mono_8_bit(encoding):
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    rgb = decode_image(image(encoding, grey, 2, 3, padding=1))
    np.testing.assert_array_equal(rgb, np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_mono_16_bit(encoding, big_endian):
    grey = np.array([[0, 257, 65535], [32768, 514, 128]], np.uint16)
    rgb = decode_image(image(encoding, grey, 2, 3, big_endian=big_endian))
    np.testing.assert_array_equal(rgb[..., 1], [[0, 1, 255], [128, 2, 0]])


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer(pattern, bits):
    """A uniform colour, seen through the mosaic that the encoding's name spells."""
    colour = {'r': 200, 'g': 120, 'b': 40}
    tile = np.array([colour[letter] for letter in pattern], np.uint8).reshape(2, 2)
    mosaic = np.tile(tile, (4, 5))
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) * 257
    rgb = decode_image(image(f'bayer_{pattern}{bits}', mosaic, 8, 10, padding=4))
    np.testing.assert_array_equal(rgb, np.broadcast_to([200, 120, 40], (8, 10, 3)))


def ycbcr(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """BT.601, limited range, from its definition."""
    r, g, b = (value / 255 for value in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return (round(16 + 219 * y), round(128 + 224 * (b - y) / 1.772),
            round(128 + 224 * (r - y) / 1.402))


def yuv_samples(encoding: str, height: int, width: int,
                colour: tuple[int, int, int]) -> np.ndarray:
    y, cb, cr = ycbcr(colour)
    luma = np.full((height, width), y, np.uint8)
    if encoding in ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'):
        quad = [cb, y, cr, y] if encoding in ('yuv422', 'uyvy') else [y, cb, y, cr]
        return np.tile(np.array(quad, np.uint8), (height, width // 2))
    pair = [cr, cb] if encoding == 'nv21' else [cb, cr]
    return np.vstack((luma, np.tile(np.array(pair, np.uint8), (height // 2, width // 2))))


@pytest.mark.parametrize('padding', [0, 10])
@pytest.mark.parametrize(
    'encoding', ['yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'nv12', 'nv21'])
def test_yuv(encoding, padding):
    colour = (210, 90, 40)
    message = image(encoding, yuv_samples(encoding, 4, 6, colour), 4, 6, padding=padding)
    error = np.abs(decode_image(message).astype(int) - colour)
    assert error.max() <= 3


@pytest.mark.parametrize('padding', [0, 10])
def test_nv24_keeps_colour_per_pixel(padding):
    height, width = 3, 5
    rgb = np.random.default_rng(0).integers(40, 210, (height, width, 3))
    yuv = np.array([[ycbcr(tuple(pixel)) for pixel in row] for row in rgb], np.uint8)
    luma = np.pad(yuv[..., 0], ((0, 0), (0, padding)), constant_values=0xAA)
    chroma = np.pad(yuv[..., 1:].reshape(height, -1), ((0, 0), (0, 2 * padding)),
                    constant_values=0xAA)
    message = Image(height=height, width=width, encoding='nv24', step=width + padding)
    message.data = array.array('B', luma.tobytes() + chroma.tobytes())
    assert np.abs(decode_image(message).astype(int) - rgb).max() <= 3


def test_chroma_of_yuy2_belongs_to_its_pair():
    samples = np.array([[*(ycbcr((255, 0, 0))[i] for i in (0, 1, 0, 2)),
                         *(ycbcr((0, 0, 255))[i] for i in (0, 1, 0, 2))]] * 2, np.uint8)
    rgb = decode_image(image('yuv422_yuy2', samples, 2, 4)).astype(int)
    assert np.abs(rgb[:, :2] - (255, 0, 0)).max() <= 3
    assert np.abs(rgb[:, 2:] - (0, 0, 255)).max() <= 3


def random_image(encoding: str) -> Image:
    generator = np.random.default_rng(1)
    channels = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4}.get(encoding, 1)
    return image(encoding, generator.integers(0, 256, (12, 10 * channels), np.uint8), 12, 10)


BRIDGED = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8')


@pytest.mark.skipif(find_cv_bridge() is None, reason='cv_bridge is not installed')
@pytest.mark.parametrize('encoding', BRIDGED)
def test_cv_bridge_and_opencv_agree(encoding, monkeypatch):
    calls = []
    bridge = find_cv_bridge()()

    class Spy:
        def imgmsg_to_cv2(self, *arguments):
            calls.append(encoding)
            return bridge.imgmsg_to_cv2(*arguments)

    monkeypatch.setattr(image_decoding, '_cv_bridge', CvBridgeDecoder(Spy))
    bridged = decode_image(random_image(encoding))
    assert calls == [encoding]
    monkeypatch.setattr(image_decoding, '_cv_bridge', CvBridgeDecoder(None))
    np.testing.assert_array_equal(bridged, decode_image(random_image(encoding)))


def test_cv_bridge_is_asked_for_what_it_reads_and_not_for_padded_rows(monkeypatch):
    asked = []

    class Spy:
        def imgmsg_to_cv2(self, message, encoding):
            asked.append((message.encoding, encoding))
            return np.full((message.height, message.width, 3), 7, np.uint8)

    monkeypatch.setattr(image_decoding, '_cv_bridge', CvBridgeDecoder(Spy))
    for encoding in (*BRIDGED, '8UC1'):
        rgb = decode_image(random_image(encoding))
        assert (np.unique(rgb).tolist() == [7]) is (encoding in BRIDGED)
    np.testing.assert_array_equal(decode_image(interleaved('bgr8', padding=6)), COLOURS)
    assert asked == [(encoding, 'rgb8') for encoding in BRIDGED]


def test_broken_cv_bridge_is_not_needed_and_tried_once(monkeypatch, caplog):
    attempts = []

    class Broken:
        def __init__(self):
            attempts.append('made')

        def imgmsg_to_cv2(self, *_arguments):
            attempts.append('used')
            raise SystemError('built for another NumPy')

    monkeypatch.setattr(image_decoding, '_cv_bridge', CvBridgeDecoder(Broken))
    for encoding in ('bgr8', 'rgb8', 'bgr8'):
        np.testing.assert_array_equal(decode_image(interleaved(encoding)), COLOURS)
    assert attempts == ['made', 'used']
    assert len(caplog.records) == 1


def damaged(**changes: Any) -> SimpleNamespace:
    fields = {'encoding': 'rgb8', 'height': 2, 'width': 2, 'step': 6, 'is_bigendian': 0,
              'data': array.array('B', bytes(12))}
    return SimpleNamespace(**{**fields, **changes})


@pytest.mark.parametrize(('changes', 'text'), [
    ({'encoding': '32FC1'}, "'32FC1' is not supported; publish one of .*rgb8"),
    ({'encoding': ''}, "'' is not supported"),
    ({'height': 0}, '2x0 pixels arrived'),
    ({'width': 100000, 'step': 300000}, '100000x2 pixels arrived'),
    ({'step': 5}, 'step 5; a row takes at least 6'),
    ({'step': 7}, 'carries 12 bytes; it must carry 14'),
    ({'data': array.array('B', bytes(11))}, 'carries 11 bytes; it must carry 12'),
    ({'data': array.array('B')}, 'carries 0 bytes; it must carry 12'),
    ({'encoding': 'yuyv', 'width': 3}, 'needs even sides'),
    ({'encoding': 'nv12', 'height': 3}, 'needs even sides'),
    ({'encoding': 'mono16', 'is_bigendian': 7}, 'is_bigendian is 7'),
])
def test_damaged_image_is_refused(changes, text):
    with pytest.raises(ImageError, match=text):
        decode_image(damaged(**changes))


@settings(max_examples=1500, deadline=None)
@given(encoding=st.sampled_from((*ENCODINGS, 'rgb', '', '32FC1')), height=st.integers(0, 40),
       width=st.integers(0, 40), step=st.integers(0, 400), big=st.integers(0, 3),
       length=st.one_of(st.none(), st.integers(0, 4000)))
def test_any_image_is_decoded_or_refused(encoding, height, width, step, big, length):
    """No combination raises anything but ImageError, and what passes has the right shape."""
    if length is None:
        length = step * height * (3 if encoding == 'nv24' else 1)
    message = damaged(encoding=encoding, height=height, width=width, step=step,
                      is_bigendian=big, data=array.array('B', bytes(length)))
    try:
        check_image(message)
    except ImageError:
        with pytest.raises(ImageError):
            decode_image(message)
        return
    rgb = decode_image(message)
    assert (rgb.shape, rgb.dtype) == ((height, width, 3), np.uint8)


@pytest.mark.parametrize(('suffix', 'tolerance'), [('.png', 0), ('.jpg', 4)])
def test_compressed(suffix, tolerance):
    rgb = np.zeros((16, 24, 3), np.uint8)
    rgb[:] = (200, 90, 30)
    data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
    message = CompressedImage(format=f'rgb8; {suffix[1:]} compressed bgr8')
    message.data = array.array('B', data.tobytes())
    assert np.abs(decode_compressed_image(message).astype(int) - rgb).max() <= tolerance


def test_compressed_16_bit_mono():
    data = cv2.imencode('.png', np.full((4, 4), 257 * 100, np.uint16))[1]
    message = CompressedImage(format='mono16; png compressed ')
    message.data = array.array('B', data.tobytes())
    np.testing.assert_array_equal(decode_compressed_image(message), np.full((4, 4, 3), 100))


@pytest.mark.parametrize(('format_name', 'data', 'text'), [
    ('jpeg', b'', 'carries no data'),
    ('jpeg', b'\xff\xd8\xff\xe0 not a jpeg', 'cannot be decoded; expected an intact jpeg'),
    ('', b'12345', "format 'unnamed'"),
    ('16UC1; compressedDepth png', b'12345', 'is a depth image'),
])
def test_damaged_compressed_image_is_refused(format_name, data, text):
    message = CompressedImage(format=format_name)
    message.data = array.array('B', data)
    with pytest.raises(ImageError, match=text):
        decode_compressed_image(message)


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, 700), noise=st.binary(max_size=40), at=st.integers(0, 600))
def test_damaged_jpeg_or_png_never_raises_anything_else(cut, noise, at):
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    for suffix in ('.png', '.jpg'):
        data = bytearray(cv2.imencode(suffix, picture)[1].tobytes())
        data[at:at + len(noise)] = noise
        message = CompressedImage(format=suffix[1:])
        message.data = array.array('B', bytes(data[:cut]))
        try:
            rgb = decode_compressed_image(message)
        except ImageError:
            continue
        assert rgb.dtype == np.uint8
        assert rgb.ndim == 3

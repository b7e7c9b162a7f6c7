# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Decode sensor_msgs/Image and sensor_msgs/CompressedImage to RGB arrays.

Encodings are those of sensor_msgs/image_encodings.hpp that a colour or mono camera uses, and
``nv12``, which drivers publish too. YUV is read as BT.601 in limited range, as V4L2 cameras send
it. 16-bit images are taken to use their full range.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ImageError
from scaledepth_ros.ros.cv_bridge_decoder import CvBridgeDecoder, find_cv_bridge

RgbImage = npt.NDArray[np.uint8]

# Larger sides are no camera's; they come from a damaged message or a decompression bomb.
MAX_SIDE_PX = 16384


@dataclass(frozen=True)
class _Layout:
    """How one encoding lies in memory; ``convert`` takes the samples as (rows, width, C)."""

    channels: int
    # None for nv24, which OpenCV has no code for and whose rows are not all alike.
    convert: Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]] | None
    bits: int = 8
    # Rows of ``step`` bytes per image row: more than one where further planes follow the first.
    rows_per_row: tuple[int, int] = (1, 1)
    even_width: bool = False
    even_height: bool = False
    # cv_bridge reads it: 8 bits, interleaved.
    bridged: bool = False


def _drop_to_8_bits(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale 0..65535 to 0..255; other types are 8 bits already."""
    if samples.dtype == np.uint8:
        return samples
    return cv2.convertScaleAbs(samples, alpha=255.0 / 65535.0)


def _with_opencv(code: int) -> Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]]:
    def convert(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        return _drop_to_8_bits(cv2.cvtColor(samples, code))
    return convert


def _nv24_to_rgb(rows: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    """Convert a Y plane and a full-resolution CbCr plane, whose rows take two steps each."""
    height, step = rows.shape[0] // 3, rows.shape[1]
    chroma = rows[height:].reshape(height, 2 * step)[:, :2 * width].reshape(height, width, 2)
    ycbcr = np.concatenate((rows[:height, :width, np.newaxis], chroma), axis=2)
    # BT.601, limited range: Y in 16..235, Cb and Cr in 16..240 around 128.
    to_rgb = np.array([[1.164384, 0.0, 1.596027],
                       [1.164384, -0.391762, -0.812968],
                       [1.164384, 2.017232, 0.0]])
    offset = to_rgb @ np.array([-16.0, -128.0, -128.0])
    return cv2.transform(ycbcr, np.column_stack((to_rgb, offset)))


def _layouts() -> dict[str, _Layout]:
    layouts = {
        'rgb8': _Layout(3, _drop_to_8_bits, bridged=True),
        'bgr8': _Layout(3, _with_opencv(cv2.COLOR_BGR2RGB), bridged=True),
        'rgba8': _Layout(4, _with_opencv(cv2.COLOR_RGBA2RGB), bridged=True),
        'bgra8': _Layout(4, _with_opencv(cv2.COLOR_BGRA2RGB), bridged=True),
        'mono8': _Layout(1, _with_opencv(cv2.COLOR_GRAY2RGB), bridged=True),
        'rgb16': _Layout(3, _drop_to_8_bits, bits=16),
        'bgr16': _Layout(3, _with_opencv(cv2.COLOR_BGR2RGB), bits=16),
        'rgba16': _Layout(4, _with_opencv(cv2.COLOR_RGBA2RGB), bits=16),
        'bgra16': _Layout(4, _with_opencv(cv2.COLOR_BGRA2RGB), bits=16),
        'mono16': _Layout(1, _with_opencv(cv2.COLOR_GRAY2RGB), bits=16),
        # The generic names say nothing of colour order; OpenCV's order is their convention.
        '8UC1': _Layout(1, _with_opencv(cv2.COLOR_GRAY2RGB)),
        '8UC3': _Layout(3, _with_opencv(cv2.COLOR_BGR2RGB)),
        '8UC4': _Layout(4, _with_opencv(cv2.COLOR_BGRA2RGB)),
        '16UC1': _Layout(1, _with_opencv(cv2.COLOR_GRAY2RGB), bits=16),
        '16UC3': _Layout(3, _with_opencv(cv2.COLOR_BGR2RGB), bits=16),
        '16UC4': _Layout(4, _with_opencv(cv2.COLOR_BGRA2RGB), bits=16),
        'nv12': _Layout(1, _with_opencv(cv2.COLOR_YUV2RGB_NV12), rows_per_row=(3, 2),
                        even_width=True, even_height=True),
        'nv21': _Layout(1, _with_opencv(cv2.COLOR_YUV2RGB_NV21), rows_per_row=(3, 2),
                        even_width=True, even_height=True),
        'nv24': _Layout(1, None, rows_per_row=(3, 1)),
    }
    for name in ('yuv422', 'uyvy'):
        layouts[name] = _Layout(2, _with_opencv(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
    for name in ('yuv422_yuy2', 'yuyv'):
        layouts[name] = _Layout(2, _with_opencv(cv2.COLOR_YUV2RGB_YUY2), even_width=True)
    # OpenCV names a mosaic by its second row's middle, ROS by its first four pixels.
    for ros_name, code in (('rggb', cv2.COLOR_BayerBG2RGB), ('bggr', cv2.COLOR_BayerRG2RGB),
                           ('gbrg', cv2.COLOR_BayerGR2RGB), ('grbg', cv2.COLOR_BayerGB2RGB)):
        for bits in (8, 16):
            layouts[f'bayer_{ros_name}{bits}'] = _Layout(1, _with_opencv(code), bits=bits)
    return layouts


_LAYOUTS = _layouts()
_cv_bridge = CvBridgeDecoder(find_cv_bridge())

ENCODINGS = tuple(sorted(_LAYOUTS))
"""Every encoding that ``decode_image`` reads."""


def check_image(message: Any) -> int:
    """
    Check that encoding, size, step and data length of a sensor_msgs/Image fit together.

    Args:
        message: a sensor_msgs/Image, or any object with its fields.

    Returns:
        The number of rows of ``step`` bytes in its data.

    Raises:
        ImageError: they do not fit.

    """
    name = message.encoding
    layout = _LAYOUTS.get(name)
    if layout is None:
        raise ImageError(
            f'image encoding {name!r} is not supported; publish one of {", ".join(ENCODINGS)}')
    height, width, step = message.height, message.width, message.step
    if not (0 < height <= MAX_SIDE_PX and 0 < width <= MAX_SIDE_PX):
        raise ImageError(
            f'image of {width}x{height} pixels arrived; each side must be 1..{MAX_SIDE_PX}')
    if (layout.even_width and width % 2) or (layout.even_height and height % 2):
        raise ImageError(
            f'{name} image of {width}x{height} pixels arrived; {name} shares colour between '
            f'neighbours and needs even sides')
    if message.is_bigendian not in (0, 1):
        raise ImageError(f'is_bigendian is {message.is_bigendian}; it must be 0 or 1')
    row_bytes = width * layout.channels * layout.bits // 8
    if step < row_bytes:
        raise ImageError(
            f'{name} image {width} pixels wide has step {step}; a row takes at least '
            f'{row_bytes} bytes')
    numerator, denominator = layout.rows_per_row
    rows = height * numerator // denominator
    if len(message.data) != step * rows:
        raise ImageError(
            f'{name} image of {width}x{height} pixels with step {step} carries '
            f'{len(message.data)} bytes; it must carry {step * rows}')
    return rows


def decode_image(message: Any) -> RgbImage:
    """
    Decode a sensor_msgs/Image to RGB.

    Args:
        message: a sensor_msgs/Image, or any object with its fields.

    Returns:
        uint8 (H, W, 3), contiguous; it may share memory with the message: do not write to it.

    Raises:
        ImageError: size, encoding, step or data length do not fit together.

    """
    rows = check_image(message)
    layout, width, step = _LAYOUTS[message.encoding], message.width, message.step
    if layout.bridged and step == width * layout.channels:
        rgb = _cv_bridge.decode(message)
        if rgb is not None:
            return rgb
    if layout.convert is None:
        whole_rows = np.frombuffer(message.data, np.uint8).reshape(rows, step)
        return _nv24_to_rgb(whole_rows, width)
    dtype = np.dtype(np.uint8)
    if layout.bits == 16:
        dtype = np.dtype('>u2' if message.is_bigendian else '<u2')
    samples = np.ndarray(
        (rows, width, layout.channels), dtype, buffer=message.data,
        strides=(step, layout.channels * dtype.itemsize, dtype.itemsize))
    # OpenCV reads only native numbers in rows that start at a whole number of them.
    if not dtype.isnative or step % dtype.itemsize:
        samples = samples.astype(dtype.newbyteorder('='))
    return np.ascontiguousarray(layout.convert(samples))


def decode_compressed_image(message: Any) -> RgbImage:
    """
    Decode a sensor_msgs/CompressedImage (jpeg, png and what else OpenCV reads) to RGB.

    Args:
        message: a sensor_msgs/CompressedImage, or any object with its fields.

    Returns:
        uint8 (H, W, 3) in the sensor's orientation: EXIF rotation is ignored because the
        CameraInfo describes the stored pixels.

    Raises:
        ImageError: the data is empty, damaged, or not a colour or mono picture.

    """
    name = message.format or 'unnamed'
    if 'compressedDepth' in name:
        raise ImageError(
            f'compressed image with format {name!r} is a depth image; expected jpeg or png of a '
            'colour or mono camera')
    if len(message.data) == 0:
        raise ImageError(f'compressed image with format {name!r} carries no data')
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    except cv2.error:
        bgr = None
    if bgr is None:
        raise ImageError(
            f'compressed image with format {name!r} and {len(message.data)} bytes cannot be '
            'decoded; expected an intact jpeg or png')
    if max(bgr.shape[:2]) > MAX_SIDE_PX:
        raise ImageError(
            f'compressed image of {bgr.shape[1]}x{bgr.shape[0]} pixels arrived; each side must '
            f'be 1..{MAX_SIDE_PX}')
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The wire format of image_transport's compressedDepth, written without its plugin.

12 bytes of header, the int32 0 and two float32 A and B, then a 16-bit PNG. For 16UC1 the PNG
holds the millimetres. For 32FC1 it holds ``code = A / depth + B`` and 0 where there is no depth,
so that precision falls with distance as that of stereo and of this network does.

A and B are the same for every frame: were they fitted to its nearest and farthest pixel, the step
would change with them, and images would be half as large again for digits that this depth does
not have. A is what image_transport's own encoder has by default, that is
``depth_quantization * (depth_quantization + 1)`` of 100, so a step is ``depth^2 / 10100``: 1 cm
at 10 m. B only shifts the codes so that its ``depth_max`` gets the first one, and depth beyond is
lost; with B = 0 nothing is, at the price of that many codes: of 65,535, 126 for 80 m.
"""
from __future__ import annotations

import array
import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image

_LARGEST_CODE = 65535
_A, _B = 100.0 * (100.0 + 1.0), 0.0


def compress_depth(image: Image, pixels: npt.NDArray[Any]) -> CompressedImage:
    """
    Compress a depth image.

    Args:
        image: 32FC1 or 16UC1; its header is taken over.
        pixels: (H, W) its pixels, float32 [m] or uint16 [mm].

    Returns:
        A message that image_transport's compressedDepth subscribers read. NaN, the infinities
        and what is not positive are all 0 in it: the format has no more than that. In 32FC1 what
        is nearer than 0.154 m is at 0.154 m in it, where the codes end.

    """
    if image.encoding == '16UC1':
        codes, a, b = pixels, 0.0, 0.0
    else:
        codes, a, b = _inverse_depth_codes(pixels), _A, _B
    done, png = cv2.imencode('.png', codes, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    if not done:
        raise RuntimeError('OpenCV could not encode the depth as PNG')
    message = CompressedImage(
        header=image.header, format=f'{image.encoding}; compressedDepth png')
    data = array.array('B', struct.pack('<iff', 0, a, b))
    data.frombytes(memoryview(png.ravel()))
    message.data = data
    return message


def _inverse_depth_codes(depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    with np.errstate(divide='ignore', invalid='ignore'):
        codes = np.float32(_A) / depth_m
        # To the nearest code: the conversion to integers cuts off.
        codes += np.float32(_B + 0.5)
        # After the conversion it would be too late: integers wrap around.
        np.clip(codes, 1.0, _LARGEST_CODE, out=codes)
        codes[~((depth_m > 0.0) & (depth_m < np.inf))] = 0.0
    return codes.astype(np.uint16)

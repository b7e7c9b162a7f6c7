# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The wire format of image_transport's compressedDepth, written without its plugin.

12 bytes of header, the int32 0 and two float32 A and B, then a 16-bit PNG. For 16UC1 the PNG
holds the millimetres. For 32FC1 it holds ``code = A / depth + B`` and 0 where there is no depth,
so that precision falls with distance as that of stereo and of this network does.
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
# A single pixel at a millimetre would take all precision from the rest.
_NEAREST_M = 0.1


def compress_depth(image: Image, pixels: npt.NDArray[Any]) -> CompressedImage:
    """
    Compress a depth image.

    Args:
        image: 32FC1 or 16UC1; its header is taken over.
        pixels: (H, W) its pixels, float32 [m] or uint16 [mm].

    Returns:
        A message that image_transport's compressedDepth subscribers read. NaN and the infinities
        are all 0 in it: the format has no more than that.

    """
    if image.encoding == '16UC1':
        codes, a, b = pixels, 0.0, 0.0
    else:
        codes, a, b = _inverse_depth_codes(pixels)
    done, png = cv2.imencode('.png', codes, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    if not done:
        raise RuntimeError('OpenCV could not encode the depth as PNG')
    message = CompressedImage(
        header=image.header, format=f'{image.encoding}; compressedDepth png')
    data = array.array('B', struct.pack('<iff', 0, a, b))
    data.frombytes(memoryview(png.ravel()))
    message.data = data
    return message


def _inverse_depth_codes(
        depth_m: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint16], float, float]:
    finite = np.isfinite(depth_m)
    if not finite.any():
        return np.zeros(depth_m.shape, np.uint16), 1.0, 0.0
    # Each frame uses all codes: the nearest pixel gets the largest and the farthest gets 1.
    nearest_m = max(float(np.min(depth_m, where=finite, initial=np.inf)), _NEAREST_M)
    farthest_m = float(np.max(depth_m, where=finite, initial=0.0))
    far_inverse = 1.0 / farthest_m if farthest_m > 1.001 * nearest_m else 0.0
    a = (_LARGEST_CODE - 1) / (1.0 / nearest_m - far_inverse)
    b = 1.0 - a * far_inverse
    with np.errstate(divide='ignore', invalid='ignore'):
        codes = np.float32(a) / depth_m + np.float32(b + 0.5)
    # After the conversion to integers it would be too late: they wrap around.
    np.clip(codes, 1.0, _LARGEST_CODE, out=codes)
    codes[~finite] = 0.0
    return codes.astype(np.uint16), a, b

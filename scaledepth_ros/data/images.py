# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Image files: colour images, 16-bit depth, sizes without decoding."""

from pathlib import Path
import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import DatasetError

_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# JPEG start-of-frame markers; C4, C8 and CC are tables, not frames.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """
    Decode a colour (or grey) image file.

    Args:
        path: Image file of any format that OpenCV reads.

    Returns:
        uint8 RGB (H, W, 3). Any EXIF orientation is ignored, as depth has none.

    Raises:
        DatasetError: The file is missing or is no image.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = cv2.imdecode(_content(path), flags)
    if bgr is None:
        raise DatasetError(f'{path}: this is no image that OpenCV can decode; replace the file.')
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_depth_png(path: Path) -> NDArray[np.uint16]:
    """
    Decode a 16-bit depth image.

    Args:
        path: Single-channel 16-bit PNG.

    Returns:
        Stored values (H, W), uint16; 0 is unknown.

    Raises:
        DatasetError: The file is missing, no image, or not 16-bit with one channel.
    """
    depth = cv2.imdecode(_content(path), cv2.IMREAD_UNCHANGED)
    if depth is None:
        raise DatasetError(f'{path}: this is no image that OpenCV can decode; replace the file.')
    if depth.dtype != np.uint16 or depth.ndim != 2:
        bits, channels = depth.dtype.itemsize * 8, 1 if depth.ndim == 2 else depth.shape[2]
        raise DatasetError(
            f'{path}: depth has {bits} bits and {channels} channel(s); expected a 16-bit PNG with '
            'one channel (8-bit depth is a picture of depth, not metres).'
        )
    return np.asarray(depth, dtype=np.uint16)


def image_size(path: Path) -> tuple[int, int]:
    """
    Return (height, width) of an image from its header, hardly reading the file.

    Args:
        path: PNG or JPEG; other formats are decoded.

    Raises:
        DatasetError: The file is missing or is no image.
    """
    try:
        with path.open('rb') as file:
            start = file.read(26)
            if start.startswith(_PNG_SIGNATURE) and len(start) == 26:
                width, height = struct.unpack('>II', start[16:24])
                return height, width
            if start.startswith(b'\xff\xd8'):
                size = _jpeg_size(start + file.read(1 << 20))
                if size is not None:
                    return size
    except OSError as error:
        raise _missing(path, error) from error
    height, width = read_rgb(path).shape[:2]
    return height, width


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Walk the JPEG segments to the frame header; None if it lies beyond the content."""
    position = 2
    while position + 9 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack('>HH', content[position + 5 : position + 9])
            return height, width
        else:
            position += 2 + int(struct.unpack('>H', content[position + 2 : position + 4])[0])
    return None


def _content(path: Path) -> NDArray[np.uint8]:
    """Read a whole file; OpenCV's own reader cannot tell a missing file from a broken one."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise _missing(path, error) from error
    if content.size == 0:
        raise DatasetError(f'{path}: the file is empty; replace it.')
    return content


def _missing(path: Path, error: OSError) -> DatasetError:
    reason = error.strerror or type(error).__name__
    return DatasetError(f'{path}: cannot be read ({reason}); check the path in the list.')

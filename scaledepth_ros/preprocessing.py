# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""From a camera image to the network's input; shared by training and inference."""

import math

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ImageError

_MIN_SIDE = 32


def check_rgb(rgb_HW3: npt.NDArray[np.uint8]) -> None:
    """
    Check that an image can be used.

    Raises:
        ImageError: It is not (H, W, 3) uint8 with sides of at least 32 pixels.
    """
    if not isinstance(rgb_HW3, np.ndarray):
        raise ImageError(f'The image is a {type(rgb_HW3).__name__}; expected a numpy array of '
                         'shape (height, width, 3) and type uint8.')
    if rgb_HW3.dtype != np.uint8 or rgb_HW3.ndim != 3 or rgb_HW3.shape[2] != 3:
        raise ImageError(
            f'The image has shape {rgb_HW3.shape} and type {rgb_HW3.dtype}; expected '
            '(height, width, 3) and uint8. Convert it to 8-bit RGB first.')
    if min(rgb_HW3.shape[:2]) < _MIN_SIDE:
        raise ImageError(
            f'The image is {rgb_HW3.shape[1]} x {rgb_HW3.shape[0]} pixels; expected at least '
            f'{_MIN_SIDE} x {_MIN_SIDE}.')


def network_size(
    height: int, width: int, input_pixels: int | None, divisor: int,
) -> tuple[int, int]:
    """
    Return the size (height, width) at which the network sees an image.

    Args:
        height, width: Size of the image in pixels.
        input_pixels: Wanted number of pixels; None keeps the image's own size.
        divisor: Sides become multiples of this, so the aspect ratio is kept to about
            divisor / side.
    """
    if input_pixels is None:
        return height, width
    scale = math.sqrt(input_pixels / (height * width))

    def snap(side: int) -> int:
        return max(_MIN_SIDE, round(side * scale / divisor) * divisor)
    return snap(height), snap(width)


def resize_rgb(
    rgb_HW3: npt.NDArray[np.uint8], size: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    """Return the image at another (height, width), without aliasing when it shrinks."""
    height, width = size
    if rgb_HW3.shape[:2] == size:
        return rgb_HW3
    shrinks = height * width < rgb_HW3.shape[0] * rgb_HW3.shape[1]
    resized = cv2.resize(
        rgb_HW3, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def to_network_input(
    rgb_HW3: npt.NDArray[np.uint8], size: tuple[int, int],
) -> npt.NDArray[np.float32]:
    """
    Return the network's input for one image.

    Args:
        rgb_HW3: Image, uint8.
        size: (height, width) from network_size.

    Returns:
        Array (3, height, width), RGB, 0 to 255; the network normalises by itself.
    """
    resized = resize_rgb(rgb_HW3, size)
    return np.ascontiguousarray(resized.transpose(2, 0, 1), dtype=np.float32)

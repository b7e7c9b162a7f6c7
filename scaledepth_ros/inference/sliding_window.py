# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Sliding-window inference with horizontal flips, the test mode of the published -NK results.

Eight network runs for a 640 x 480 image instead of one: for evaluation, not for a robot.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError

Floats = npt.NDArray[np.float32]


def window_origins(
    height: int, width: int, crop: tuple[int, int], stride: tuple[int, int],
) -> list[tuple[int, int]]:
    """
    Return the upper left corner (y, x) of each window, row by row.

    The last window of a row or column is moved back to the image's border, so windows may
    overlap by more than the stride says; an image smaller than the crop is one window.

    Raises:
        ConfigError: A crop or a stride is not positive, or windows would leave gaps.
    """
    if min(*crop, *stride) < 1:
        raise ConfigError(f'crop is {crop} and stride is {stride}; expected positive pixels.')
    if stride[0] > crop[0] or stride[1] > crop[1]:
        raise ConfigError(
            f'stride {stride} is larger than crop {crop}, so pixels between the windows would '
            'have no depth; use a smaller stride.')

    def starts(length: int, size: int, step: int) -> Iterator[int]:
        last = max(length - size, 0)
        yield from range(0, last, step)
        yield last
    return [(y, x) for y in starts(height, crop[0], stride[0])
            for x in starts(width, crop[1], stride[1])]


def slide_flip(
    run: Callable[[Floats], Floats], image_BCHW: Floats, *, crop: tuple[int, int],
    stride: tuple[int, int],
) -> Floats:
    """
    Run windows of an image and their mirror images apart, and average where they overlap.

    Every run sees its own part only, so it predicts a scale of its own.

    Args:
        run: From images (B, C, h, w) to maps (B, K, h, w) that can be averaged, such as depth
            in metres.
        image_BCHW: The images.
        crop: (height, width) of a window.
        stride: (rows, columns) from one window to the next.

    Returns:
        Maps (B, K, H, W), the mean over windows.

    Raises:
        ConfigError: Crop or stride are unusable.
    """
    height, width = image_BCHW.shape[-2:]
    total: npt.NDArray[np.float64] | None = None
    count = np.zeros((height, width))
    for y, x in window_origins(height, width, crop, stride):
        rows, columns = slice(y, y + crop[0]), slice(x, x + crop[1])
        window = image_BCHW[..., rows, columns]
        seen = run(np.ascontiguousarray(window))
        mirrored = run(np.ascontiguousarray(window[..., ::-1]))[..., ::-1]
        if total is None:
            total = np.zeros((*seen.shape[:2], height, width))
        total[..., rows, columns] += seen
        total[..., rows, columns] += mirrored
        count[rows, columns] += 2
    assert total is not None  # there is always a window
    return np.asarray(total / count, np.float32)

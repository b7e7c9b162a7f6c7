# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Resizing of frames: colours are averaged, depths are picked, never blended or invented.

A blend of foreground and background depth is a surface that does not exist. Dense depth takes the
nearest pixel; sparse depth (lidar) moves each point to the pixel it falls into, the nearest
surface winning, because picking would lose most points when shrinking.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.data.sample import RgbdSample

# Below this share of known pixels depth counts as sparse; lidar frames have 1 to 20 %, RGB-D
# sensors with their holes 60 % and more.
SPARSE_SHARE = 0.4


def is_sparse(depth_m_HW: NDArray[Any]) -> bool:
    """Return whether depth is known at scattered points only."""
    return bool(np.count_nonzero(np.isfinite(depth_m_HW)) < SPARSE_SHARE * depth_m_HW.size)


def resize_rgb(rgb_HW3: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """
    Resize a colour image: area average down, bilinear up.

    Args:
        rgb_HW3: uint8 image.
        height: New rows.
        width: New columns.
    """
    if rgb_HW3.shape[:2] == (height, width):
        return rgb_HW3
    shrinks = height * width < rgb_HW3.shape[0] * rgb_HW3.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb_HW3, (width, height), interpolation=method), dtype=np.uint8)


def resize_depth(
    depth_m_HW: NDArray[np.float32], height: int, width: int, *, sparse: bool | None = None
) -> NDArray[np.float32]:
    """
    Resize a depth map without making up depths.

    Args:
        depth_m_HW: float32 depth [m], NaN where unknown.
        height: New rows.
        width: New columns.
        sparse: Move points instead of picking pixels; None decides by the share of known pixels.

    Returns:
        float32 depth (height, width) [m]; every finite value occurs in the input.
    """
    old_height, old_width = depth_m_HW.shape
    if (old_height, old_width) == (height, width):
        return depth_m_HW
    if is_sparse(depth_m_HW) if sparse is None else sparse:
        rows, columns = np.nonzero(np.isfinite(depth_m_HW))
        depth_m = depth_m_HW[rows, columns]
        new_rows = (rows * 2 + 1) * height // (2 * old_height)
        new_columns = (columns * 2 + 1) * width // (2 * old_width)
        resized = np.full(height * width, np.inf, dtype=np.float32)
        np.minimum.at(resized, new_rows * width + new_columns, depth_m)
        resized[np.isinf(resized)] = np.nan
        return resized.reshape(height, width)
    return np.asarray(
        cv2.resize(depth_m_HW, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        dtype=np.float32,
    )


def resize_sample(sample: RgbdSample, height: int, width: int) -> RgbdSample:
    """
    Resize a frame and its intrinsics; depth stays in metres.

    Args:
        sample: The frame.
        height: New rows.
        width: New columns.
    """
    if sample.depth_m_HW.shape == (height, width):
        return sample
    return RgbdSample(
        info=replace(sample.info, height=height, width=width),
        rgb_HW3=resize_rgb(sample.rgb_HW3, height, width),
        depth_m_HW=resize_depth(sample.depth_m_HW, height, width),
        camera=None if sample.camera is None else sample.camera.resized(width, height),
    )

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures for tests that read files."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt


def picture(height: int = 48, width: int = 64, level: int = 100) -> npt.NDArray[np.uint8]:
    """Make an RGB picture, left half in red."""
    rgb = np.full((height, width, 3), level, np.uint8)
    rgb[:, :width // 2] = (200, 0, 0)
    return rgb


def save(path: Path, rgb: npt.NDArray[np.generic]) -> Path:
    """Write an RGB picture or a map of one channel, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR) if rgb.ndim == 3 else rgb
    assert cv2.imwrite(str(path), bgr)
    return path

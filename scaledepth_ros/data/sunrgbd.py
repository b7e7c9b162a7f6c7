# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
SUN RGB-D (Song et al. 2015).

::

    ROOT/SUNRGBD_val_splits.txt     lines: IMAGE DEPTH [FOCAL], relative to ROOT
    ROOT/SUNRGBD/kv2/kinect2data/FRAME/image/0000103.jpg, depth_bfx/0000103.png
    ROOT/SUNRGBD/kv2/kinect2data/FRAME/intrinsics.txt    3x3 matrix
    ROOT/SUNRGBD/kv2/kinect2data/FRAME/scene.txt         name of the scene's type

Depth is 16-bit PNG in millimetres whose bits are rotated left by three places.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.images import image_size, read_depth_png
from scaledepth_ros.data.listed_frames import FrameFiles, ListedFrames, read_list
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError


class SunRgbd(ListedFrames):
    """
    SUN RGB-D; each frame is a place of its own.

    Args:
        root: Folder as above.
        split: NAME of ``SUNRGBD_NAME_splits.txt``, usually ``'val'``.

    Raises:
        DatasetError: The list, an image or its intrinsics are missing.
    """

    def __init__(self, root: Path, split: str) -> None:
        path = root / f'SUNRGBD_{split}_splits.txt'
        files = []
        for image, depth, *_ in read_list(path, columns=2):
            rgb_path = root / image
            frame = rgb_path.parent.parent
            height, width = image_size(rgb_path)
            info = FrameInfo(
                name=image,
                dataset='SUN RGB-D',
                domain='indoor',
                scene='sunrgbd_' + frame.relative_to(root).as_posix(),
                width=width,
                height=height,
                category=_category(frame / 'scene.txt'),
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=root / depth,
                    camera=_camera(frame / 'intrinsics.txt', height, width),
                )
            )
        super().__init__(files, path, depth_scale=1000.0)

    def _read_depth(self, path: Path) -> NDArray[np.uint16]:
        stored = read_depth_png(path)
        rotated: NDArray[np.uint16] = (stored >> np.uint16(3)) | (stored << np.uint16(13))
        return rotated


def _camera(path: Path, height: int, width: int) -> CameraModel:
    try:
        values = [float(text) for text in path.read_text().split()]
        fx, _, cx, _, fy, cy, _, _, _ = values
    except (OSError, ValueError) as error:
        raise DatasetError(
            f'{path}: is no 3x3 matrix of intrinsics ({error}); expected the file of SUN RGB-D.'
        ) from error
    return CameraModel(width=width, height=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)


def _category(path: Path) -> str | None:
    """Return the scene's type if it is one of the 28 categories; the data set has others too."""
    from scaledepth_ros.model.scene_text import SCENE_CATEGORIES

    if not path.exists():
        return None
    name = path.read_text().strip()
    return name if name in SCENE_CATEGORIES else None

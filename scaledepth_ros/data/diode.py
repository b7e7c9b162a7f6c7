# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
DIODE (Vasiljevic et al. 2019): indoor and outdoor frames with laser-scanned depth.

::

    ROOT/val/indoors/scene_00019/scan_00183/00019_00183_indoors_170_020.png
        ..._depth.npy (H, W, 1) float32 [m], ..._depth_mask.npy (H, W) 1 where depth is valid
    ROOT/val/outdoors/...
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import FolderSizes, FrameFiles, ListedFrames
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

_CAMERA = CameraModel(width=1024, height=768, fx_px=886.81, fy_px=927.06, cx_px=512, cy_px=384)


class Diode(ListedFrames):
    """
    One domain of DIODE.

    Args:
        root: Folder as above.
        split: ``'train'`` or ``'val'``.
        domain: ``'indoor'`` or ``'outdoor'``.

    Raises:
        DatasetError: There are no frames.
    """

    def __init__(self, root: Path, split: str, *, domain: str) -> None:
        folder = root / split / f'{domain}s'
        size_of = FolderSizes()
        files = []
        for rgb_path in sorted(folder.glob('scene_*/scan_*/*.png')):
            height, width = size_of(rgb_path)
            info = FrameInfo(
                name=rgb_path.relative_to(root).as_posix(),
                dataset=f'DIODE {domain}',
                domain=domain,
                scene=f'diode_{rgb_path.parent.parent.name}',
                width=width,
                height=height,
                category='outdoor_scene' if domain == 'outdoor' else None,
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=rgb_path.with_name(rgb_path.stem + '_depth.npy'),
                    camera=_CAMERA.resized(width, height),
                )
            )
        super().__init__(files, folder)

    def _read_depth(self, path: Path) -> NDArray[np.float32]:
        depth_m_HW = _load(path).astype(np.float32)
        valid_HW = _load(path.with_name(path.stem + '_mask.npy'))
        if valid_HW.shape != depth_m_HW.shape:
            raise DatasetError(
                f'{path}: depth is {depth_m_HW.shape}, its mask {valid_HW.shape}; expected one '
                'size.'
            )
        depth_m_HW[valid_HW == 0] = 0.0
        return depth_m_HW


def _load(path: Path) -> NDArray[np.float32]:
    """Load a map (H, W) or (H, W, 1); pickled content is refused."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f'{path}: cannot be read as an array ({error}).') from error
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        raise DatasetError(f'{path}: has shape {array.shape}; expected (height, width).')
    return np.asarray(array, dtype=np.float32)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
iBims-1 (Koch et al. 2018): 100 indoor frames with laser-scanned depth.

::

    ROOT/imagelist.txt                lines: NAME
    ROOT/rgb/NAME.png, depth/NAME.png, calib/NAME.txt (fx,fy,cx,cy)
    ROOT/mask_invalid/NAME.png, mask_transp/NAME.png     0 where depth must not be used

Depth is 16-bit PNG; 65535 is 50 m.
"""

from pathlib import Path
import re

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.images import image_size, read_depth_png
from scaledepth_ros.data.listed_frames import FrameFiles, ListedFrames, read_list
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

# Room types of the file names that are among the 28 categories.
_CATEGORIES = {
    'bathroom': 'bathroom',
    'bedroom': 'bedroom',
    'kitchen': 'kitchen',
    'livingroom': 'living_room',
    'office': 'office',
    'storageroom': 'home_storage',
}
_MASKS = ('mask_invalid', 'mask_transp')


class Ibims(ListedFrames):
    """
    iBims-1, all of it; each frame is a place of its own.

    Args:
        root: The folder ``ibims1_core_raw``.
        split: ``'test'``, the only one.

    Raises:
        DatasetError: A file is missing, or another split is asked for.
    """

    def __init__(self, root: Path, split: str = 'test') -> None:
        if split != 'test':
            raise DatasetError(f'iBims-1 has no split {split!r}; it is all test.')
        path = root / 'imagelist.txt'
        files = []
        for (name, *_) in read_list(path, columns=1):
            rgb_path = root / 'rgb' / f'{name}.png'
            height, width = image_size(rgb_path)
            info = FrameInfo(
                name=f'rgb/{name}.png',
                dataset='iBims-1',
                domain='indoor',
                scene=f'ibims_{name}',
                width=width,
                height=height,
                category=_CATEGORIES.get(re.sub(r'_\d+$', '', name)),
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=root / 'depth' / f'{name}.png',
                    camera=_camera(root / 'calib' / f'{name}.txt', height, width),
                )
            )
        super().__init__(files, path, depth_scale=65535.0 / 50.0)

    def _read_depth(self, path: Path) -> NDArray[np.uint16]:
        depth: NDArray[np.uint16] = read_depth_png(path).copy()
        for folder in _MASKS:
            mask_path = path.parent.parent / folder / path.name
            mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
            if mask is None or mask.shape != depth.shape:
                raise DatasetError(
                    f'{mask_path}: is missing or has another size than its depth; expected a '
                    f'mask of {depth.shape[1]}x{depth.shape[0]}.'
                )
            depth[mask == 0] = 0
        return depth


def _camera(path: Path, height: int, width: int) -> CameraModel:
    try:
        fx, fy, cx, cy = (float(t) for t in path.read_text().replace(',', ' ').split())
    except (OSError, ValueError) as error:
        raise DatasetError(f'{path}: has no fx, fy, cx, cy ({error}).') from error
    return CameraModel(width=width, height=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)

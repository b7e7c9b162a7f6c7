# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
DDAD (Guizilini et al. 2020), front camera, with lidar depth that was projected beforehand.

::

    ROOT/camera01.txt                        lines: IMAGE DEPTH, relative to ROOT
    ROOT/000150/rgb/CAMERA_01/15616458249936530.png
    ROOT/000150/depth/CAMERA_01/15616458249936530.png
    ROOT/000150/calibration/*.json           optional: names and intrinsics, as in the data set

Depth is 16-bit PNG in 1/256 m.
"""

import json
from pathlib import Path

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import FolderSizes, FrameFiles, ListedFrames, read_list
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError


class Ddad(ListedFrames):
    """
    DDAD; a recording is a scene.

    Args:
        root: Folder as above.
        split: NAME of a list ``NAME.txt``; that of the front camera is ``'camera01'``.

    Raises:
        DatasetError: The list or an image is missing, or a calibration is damaged.
    """

    def __init__(self, root: Path, split: str) -> None:
        path = root / f'{split}.txt'
        size_of = FolderSizes()
        cameras: dict[Path, CameraModel | None] = {}
        files = []
        for image, depth, *_ in read_list(path, columns=2):
            rgb_path = root / image
            folder = rgb_path.parent
            height, width = size_of(rgb_path)
            scene = Path(image).parts[0]
            if folder not in cameras:
                cameras[folder] = _camera(root / scene, folder.name, height, width)
            info = FrameInfo(
                name=image,
                dataset='DDAD',
                domain='outdoor',
                scene=f'ddad_{scene}',
                width=width,
                height=height,
                category='outdoor_scene',
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=root / depth,
                    camera=cameras[folder],
                )
            )
        super().__init__(files, path, depth_scale=256.0)


def _camera(folder: Path, name: str, height: int, width: int) -> CameraModel | None:
    """Return the intrinsics of a recording's camera, None without a calibration file."""
    paths = sorted((folder / 'calibration').glob('*.json'))
    if not paths:
        return None
    try:
        calibration = json.loads(paths[0].read_text())
        values = calibration['intrinsics'][calibration['names'].index(name)]
        fx, fy, cx, cy = (float(values[key]) for key in ('fx', 'fy', 'cx', 'cy'))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DatasetError(
            f'{paths[0]}: has no intrinsics of {name} ({error}); restore the original file.'
        ) from error
    return CameraModel(width=width, height=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)

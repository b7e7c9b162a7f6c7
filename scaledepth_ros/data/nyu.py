# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
NYU Depth V2 (Silberman et al. 2012) in the layout that the BTS scripts make.

::

    ROOT/nyudepthv2_train_files_with_gt.txt   lines: IMAGE DEPTH FOCAL (or nyu_train.txt)
    ROOT/nyudepthv2_test_files_with_gt.txt    (or nyu_test.txt)
    ROOT/sync/kitchen_0028b/rgb_00045.jpg, sync_depth_00045.png
    ROOT/official_splits/test/kitchen/rgb_00045.jpg, sync_depth_00045.png

Depth is 16-bit PNG in millimetres.
"""

from pathlib import Path
import re

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import (
    first_existing,
    FolderSizes,
    FrameFiles,
    ListedFrames,
    read_list,
)
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

_FOLDERS = {'train': 'sync', 'test': 'official_splits/test'}
# RGB intrinsics of the data set's toolbox, whose pixels count from 1.
_CAMERA = CameraModel(
    width=640, height=480, fx_px=518.8579, fy_px=519.4696, cx_px=324.5824, cy_px=252.7362
)
# As the data set spells them.
_CATEGORY_NAMES = {'excercise_room': 'exercise_room', 'nyu_office': 'office'}


class NyuDepthV2(ListedFrames):
    """
    NYU Depth V2.

    Parts of one training recording (``kitchen_0028a``, ``kitchen_0028b``) are one scene. The
    official test frames do not say where they were taken; each counts as a scene of its own.

    Args:
        root: Folder as above.
        split: ``'train'`` or ``'test'``.

    Raises:
        DatasetError: The list or an image is missing, or the split is unknown.
    """

    def __init__(self, root: Path, split: str) -> None:
        if split not in _FOLDERS:
            raise DatasetError(f'NYU Depth V2 has no split {split!r}; expected train or test.')
        path = first_existing(
            root, (f'nyudepthv2_{split}_files_with_gt.txt', f'nyu_{split}.txt')
        )
        folder = root / _FOLDERS[split]
        size_of = FolderSizes()
        files = []
        for image, depth, *_ in read_list(path, columns=2):
            # Lines of the training list begin with a slash.
            rgb_path = folder / image.lstrip('/')
            height, width = size_of(rgb_path)
            info = FrameInfo(
                name=image.lstrip('/'),
                dataset='NYU Depth V2',
                domain='indoor',
                scene=_scene(rgb_path, split),
                width=width,
                height=height,
                category=_category(rgb_path.parent.name),
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=folder / depth.lstrip('/'),
                    camera=_CAMERA.resized(width, height),
                )
            )
        super().__init__(files, path, depth_scale=1000.0)


def _scene(rgb_path: Path, split: str) -> str:
    folder = rgb_path.parent.name
    if split == 'test':
        return f'nyu_test_{folder}_{rgb_path.stem}'
    return 'nyu_' + re.sub(r'(\d{4})[a-z]$', r'\1', folder)


def _category(folder: str) -> str | None:
    """Return the category from a folder such as ``office_kitchen_0001a`` or ``kitchen``."""
    from scaledepth_ros.model.scene_text import SCENE_CATEGORIES

    name = re.sub(r'_?\d.*$', '', folder)
    name = _CATEGORY_NAMES.get(name, name)
    return name if name in SCENE_CATEGORIES else None

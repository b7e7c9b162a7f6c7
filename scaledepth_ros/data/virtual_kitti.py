# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Virtual KITTI 2 (Cabon et al. 2020): rendered streets.

::

    ROOT/train.txt, test.txt      optional lists of images; lines may have a longer prefix
    ROOT/Scene01/clone/frames/rgb/Camera_0/rgb_00001.jpg
    ROOT/Scene01/clone/frames/depth/Camera_0/depth_00001.png

Depth is 16-bit PNG in centimetres; the sky has the largest value. Frames are cropped to 352x1216
as those of KITTI.
"""

from pathlib import Path

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import (
    FolderSizes,
    FrameFiles,
    kb_crop,
    KB_CROP_HW,
    ListedFrames,
    read_list,
)
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

_FOCAL_PX, _CX_PX, _CY_PX = 725.0087, 620.5, 187.0
_SKY_M = 655.35


class VirtualKitti2(ListedFrames):
    """
    Virtual KITTI 2; weathers and angles of one scene are one place.

    Args:
        root: Folder as above.
        split: NAME of a list ``NAME.txt``, or ``'all'``.

    Raises:
        DatasetError: The list or an image is missing.
    """

    def __init__(self, root: Path, split: str) -> None:
        if split == 'all':
            where = root
            found = sorted(root.glob('Scene*/*/frames/rgb/Camera_*/rgb_*.jpg'))
            images = [path.relative_to(root).as_posix() for path in found]
        else:
            where = root / f'{split}.txt'
            images = [_below_scene(where, fields[0]) for fields in read_list(where, columns=1)]
        size_of = FolderSizes()
        files = []
        for image in images:
            rgb_path = root / image
            height, width = size_of(rgb_path)
            left, top = kb_crop(height, width)
            info = FrameInfo(
                name=image,
                dataset='Virtual KITTI 2',
                domain='outdoor',
                scene=f'vkitti_{Path(image).parts[0]}',
                width=KB_CROP_HW[1],
                height=KB_CROP_HW[0],
                category='outdoor_scene',
                kind='synthetic',
            )
            depth = image.replace('/rgb/', '/depth/').replace('rgb_', 'depth_')
            camera = CameraModel(
                width=width,
                height=height,
                fx_px=_FOCAL_PX,
                fy_px=_FOCAL_PX,
                cx_px=_CX_PX,
                cy_px=_CY_PX,
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=(root / depth).with_suffix('.png'),
                    camera=camera.cropped(left, top, *reversed(KB_CROP_HW)),
                    crop_xy=(left, top),
                )
            )
        super().__init__(files, where, depth_scale=100.0, max_depth_m=_SKY_M)


def _below_scene(where: Path, image: str) -> str:
    """Return a path from its scene folder on; lists often hold the author's own prefix."""
    parts = Path(image).parts
    for index, part in enumerate(parts):
        if part.startswith('Scene'):
            return '/'.join(parts[index:])
    raise DatasetError(f'{where}: {image} lies in no folder SceneNN; expected such a path.')

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
KITTI (Geiger et al. 2013) with the Eigen split and the improved ground truth of Uhrig et al. 2017.

::

    ROOT/kitti_eigen_train.txt, kitti_eigen_test.txt   lines: IMAGE DEPTH FOCAL; DEPTH may be None
    ROOT/input/2011_09_26/calib_cam_to_cam.txt          optional
    ROOT/input/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png
    ROOT/gt_depth/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png

Depth is 16-bit PNG in 1/256 m. Frames are cropped to 352x1216 (bottom, centred), as the benchmark
does.
"""

from pathlib import Path
import re

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import (
    first_existing,
    FolderSizes,
    FrameFiles,
    kb_crop,
    KB_CROP_HW,
    ListedFrames,
    read_list,
)
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

# fx = fy, cx, cy [px] of the rectified cameras, by day of recording.
_RECTIFIED = {
    '2011_09_26': (721.5377, 609.5593, 172.8540),
    '2011_09_28': (707.0493, 604.0814, 180.5066),
    '2011_09_29': (718.3351, 600.3891, 181.5122),
    '2011_09_30': (707.0912, 601.8873, 183.1104),
    '2011_10_03': (718.8560, 607.1928, 185.2157),
}


class KittiEigen(ListedFrames):
    """
    KITTI, Eigen split; a drive is a scene.

    Args:
        root: Folder as above.
        split: ``'train'`` or ``'test'``, or any NAME with a ``kitti_eigen_NAME.txt``.

    Raises:
        DatasetError: The list or an image is missing, a line names no image of a drive, or the
            day's calibration is unknown.
    """

    def __init__(self, root: Path, split: str) -> None:
        path = first_existing(
            root, (f'kitti_eigen_{split}.txt', f'eigen_{split}_files_with_gt.txt')
        )
        size_of = FolderSizes()
        cameras: dict[Path, CameraModel] = {}
        files = []
        for image, depth, *_ in read_list(path, columns=2):
            parts = Path(image).parts
            if len(parts) < 3:
                raise DatasetError(
                    f'{path}: {image} has {len(parts)} of at least 3 folders and names; expected '
                    'DAY/DRIVE/CAMERA/data/FRAME.png.'
                )
            rgb_path = root / 'input' / image
            height, width = size_of(rgb_path)
            left, top = kb_crop(height, width)
            if rgb_path.parent not in cameras:
                stored = _camera(root / 'input', image, height, width)
                cameras[rgb_path.parent] = stored.cropped(left, top, *reversed(KB_CROP_HW))
            info = FrameInfo(
                name=image,
                dataset='KITTI Eigen',
                domain='outdoor',
                scene='kitti_' + parts[1].removesuffix('_sync'),
                width=KB_CROP_HW[1],
                height=KB_CROP_HW[0],
                category='outdoor_scene',
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=root / 'gt_depth' / depth,
                    camera=cameras[rgb_path.parent],
                    crop_xy=(left, top),
                )
            )
        super().__init__(files, path, depth_scale=256.0)


def _camera(folder: Path, image: str, height: int, width: int) -> CameraModel:
    """Return the intrinsics of a drive, from its calibration file if there is one."""
    day, _, camera_name, *_ = Path(image).parts
    calibration = folder / day / 'calib_cam_to_cam.txt'
    if calibration.exists():
        number = camera_name.removeprefix('image_')
        match = re.search(rf'^P_rect_{number}: (.+)$', calibration.read_text(), re.MULTILINE)
        try:
            values = [float(text) for text in match.group(1).split()] if match else []
        except ValueError:
            values = []
        if len(values) != 12:
            raise DatasetError(
                f'{calibration}: has no P_rect_{number} of 12 numbers; expected the file that '
                'comes with the raw data.'
            )
        fx, cx, fy, cy = values[0], values[2], values[5], values[6]
    elif day in _RECTIFIED:
        fx, cx, cy = _RECTIFIED[day]
        fy = fx
    else:
        raise DatasetError(
            f'{image}: the calibration of {day} is unknown; add {calibration} from the raw data.'
        )
    return CameraModel(width=width, height=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Hypersim (Roberts et al. 2021): rendered rooms.

::

    ROOT/metadata_images_split_scene_v1.csv
    ROOT/ai_001_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg
    ROOT/ai_001_010/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5

What the data set calls depth is the distance to the optical centre; here it is depth along the
optical axis, as everywhere in this package. Reading needs the package h5py.
"""

import csv
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.listed_frames import FolderSizes, FrameFiles, ListedFrames
from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.errors import DatasetError

# The renderer's camera: 60 degrees of horizontal field of view at 1024x768.
_FOCAL_PX_AT_1024 = 886.81


class HyperSim(ListedFrames):
    """
    Hypersim.

    Args:
        root: Folder as above.
        split: ``'train'``, ``'val'`` or ``'test'`` of the official list.

    Raises:
        DatasetError: The list, an image or h5py is missing, or the split is empty.
    """

    def __init__(self, root: Path, split: str) -> None:
        path = root / 'metadata_images_split_scene_v1.csv'
        size_of = FolderSizes()
        files = []
        for row in _read_split(path, split):
            images = root / row['scene_name'] / 'images'
            stem, frame = f'scene_{row["camera_name"]}', f'frame.{int(row["frame_id"]):04d}'
            rgb_path = images / f'{stem}_final_preview' / f'{frame}.tonemap.jpg'
            height, width = size_of(rgb_path)
            focal_px = _FOCAL_PX_AT_1024 * width / 1024.0
            info = FrameInfo(
                name=rgb_path.relative_to(root).as_posix(),
                dataset='Hypersim',
                domain='indoor',
                scene=f'hypersim_{row["scene_name"]}',
                width=width,
                height=height,
                kind='synthetic',
            )
            files.append(
                FrameFiles(
                    info=info,
                    rgb_path=rgb_path,
                    depth_path=images / f'{stem}_geometry_hdf5' / f'{frame}.depth_meters.hdf5',
                    camera=CameraModel(
                        width=width,
                        height=height,
                        fx_px=focal_px,
                        fy_px=focal_px,
                        cx_px=(width - 1) / 2.0,
                        cy_px=(height - 1) / 2.0,
                    ),
                )
            )
        super().__init__(files, path)

    def _read_depth(self, path: Path) -> NDArray[np.float32]:
        try:
            h5py = import_module('h5py')
        except ImportError as error:
            raise DatasetError('Hypersim depth is HDF5; install the package h5py.') from error
        try:
            with h5py.File(path, 'r') as file:
                distance_m_HW = np.asarray(file['dataset'], dtype=np.float32)
        except (OSError, KeyError) as error:
            raise DatasetError(f'{path}: cannot be read as Hypersim depth ({error}).') from error
        height, width = distance_m_HW.shape
        focal_px = _FOCAL_PX_AT_1024 * width / 1024.0
        x_W = (np.arange(width) - (width - 1) / 2.0) / focal_px
        y_H = (np.arange(height) - (height - 1) / 2.0) / focal_px
        length_HW = np.sqrt(1.0 + x_W[None] ** 2 + y_H[:, None] ** 2)
        depth_m_HW: NDArray[np.float32] = (distance_m_HW / length_HW).astype(np.float32)
        return depth_m_HW


def _read_split(path: Path, split: str) -> list[dict[str, str]]:
    """Return the released frames of a split."""
    try:
        with path.open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file))
        return [
            row
            for row in rows
            if row['included_in_public_release'] == 'True'
            and row['split_partition_name'] == split
        ]
    except (OSError, KeyError, csv.Error) as error:
        raise DatasetError(f'{path}: cannot be read as the list of Hypersim ({error}).') from error

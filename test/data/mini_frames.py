# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Miniature RGB-D frames for the tests of this folder."""

import csv

import numpy as np
from picture_files import save
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.rgbd_folder import INDEX_COLUMNS
from scaledepth_ros.data.sample import FrameInfo, RgbdSample


class Folder:
    """An index.csv in the making."""

    def __init__(self, root):
        self.root = root
        self.rows = []

    def add(self, scene='room', *, size=(24, 32), depth=None, rgb=None, **columns):
        """Write one frame and its row; keyword arguments replace columns."""
        name = f'{scene}/{len(self.rows):04d}'
        if rgb is None:
            rgb = np.random.default_rng(len(self.rows)).integers(0, 256, (*size, 3), np.uint8)
        if depth is None:
            depth = np.full(size, 2500, np.uint16)
        save(self.root / f'{name}.png', rgb)
        save(self.root / f'{name}_depth.png', depth)
        row = dict.fromkeys(INDEX_COLUMNS, '')
        row.update(
            split='train', domain='indoor', dataset='mini', scene=scene, depth_scale='1000',
            rgb=f'{name}.png', depth=f'{name}_depth.png', fx='30', fy='30', cx='16', cy='12',
            kind='real', completed='0',
        )
        row.update({key: str(value) for key, value in columns.items()})
        self.rows.append(row)
        return row

    def write(self):
        """Write the index and return its path."""
        path = self.root / 'index.csv'
        with path.open('w', newline='') as file:
            writer = csv.DictWriter(file, INDEX_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        return path


def make_info(index=0, **changes):
    """Return the description of a frame."""
    fields = {
        'name': f'frame {index}', 'dataset': 'mini', 'domain': 'indoor', 'scene': 'room',
        'width': 32, 'height': 24, **changes,
    }
    return FrameInfo(**fields)


def make_sample(rgb_HW3, depth_m_HW, focal_px=None, **changes):
    """Return a frame with a centred camera of the given focal length."""
    height, width = depth_m_HW.shape
    camera = focal_px and CameraModel(
        width=width, height=height, fx_px=focal_px, fy_px=focal_px,
        cx_px=(width - 1) / 2, cy_px=(height - 1) / 2,
    )
    return RgbdSample(
        info=make_info(width=width, height=height, **changes),
        rgb_HW3=rgb_HW3,
        depth_m_HW=depth_m_HW.astype(np.float32),
        camera=camera or None,
    )


class ListFrames:
    """Frames held in a list, counting how often each was read."""

    def __init__(self, samples):
        self.samples = samples
        self.infos = tuple(sample.info for sample in samples)
        self.reads = [0] * len(samples)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        self.reads[index] += 1
        return self.samples[index]

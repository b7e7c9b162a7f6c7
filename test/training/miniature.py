# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A data set of a few small frames, and a network that trains on it in seconds."""

import csv
from pathlib import Path

import cv2
import numpy as np
from scaledepth_ros.training.config import config_from_mapping, TrainConfig
from scaledepth_ros.training.config_io import apply_overrides

HEIGHT, WIDTH = 72, 96
FIELDS = ('split', 'domain', 'dataset', 'scene', 'category', 'rgb', 'depth', 'depth_scale', 'fx',
          'fy', 'cx', 'cy', 'kind', 'sensor', 'completed', 'licence')

VALUES = {
    'model': {'preset': 'lite', 'overrides': {
        'channels': 64, 'heads': 4, 'encoder_layers': 1, 'decoder_layers': 2,
        'encoder_hidden': 32, 'decoder_hidden': 32, 'bin_queries': 8, 'points': 2,
        'supervised_layers': [[0, 0.5]], 'canonical_focal_px': 80.0, 'input_pixels': 64 * 96,
        'drop_path_rate': 0.2}},
    'initialisation': {'encoder': 'random', 'scene_text': 'none'},
    'sampling': {'sizes': [{'height': 64, 'width': 96}]},
    'augmentation': {'zoom_min': 1.0, 'zoom_max': 1.2, 'colour': None},
    'loss': {'depth_group': 'image', 'mean_share': 0.5},
    'optimiser': {'lr': 2e-3, 'encoder_lr_factor': 0.5, 'clip_norm': 5.0},
    'ema': {'decay': 0.9},
    'steps': 6, 'batch_size': 4, 'batch_norm': 'freeze', 'save_interval': 100, 'log_interval': 100,
}


def write_miniature(
    root: Path, *, scenes: int = 4, frames: int = 2, dataset: str = 'miniature',
    domain: str = 'indoor', unknown_focal: bool = False, kind: str = 'real',
) -> Path:
    """
    Write frames of a floor before a wall; what is far is dark, so depth can be learnt.

    Args:
        root: Folder to make.
        scenes: Number of scenes; each has its own distance to the wall.
        frames: Frames of each scene.
        dataset: Name of the data set.
        domain: 'indoor' or 'outdoor'.
        unknown_focal: Leave the intrinsics out.
        kind: 'real', 'real-sgbm' or 'synthetic'.

    Returns:
        The index.csv.
    """
    rng = np.random.default_rng(7)
    rows = []
    root.mkdir(parents=True, exist_ok=True)
    for scene in range(scenes):
        for frame in range(frames):
            name = f'{dataset}_{scene}_{frame}'
            wall_m = 2.0 + scene + 0.2 * frame
            below = np.arange(HEIGHT, dtype=np.float64) - HEIGHT / 2
            floor_m = np.where(below > 0, 80.0 * 1.2 / np.maximum(below, 1e-9), np.inf)
            depth_m = np.repeat(np.minimum(floor_m, wall_m)[:, None], WIDTH, axis=1)
            grey = 255 * np.exp(-depth_m / 3) + rng.normal(0, 4, depth_m.shape)
            rgb = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            cv2.imwrite(str(root / f'{name}.jpg'), rgb)
            depth_mm = (1000 * depth_m).astype(np.uint16)
            depth_mm[:, :4] = 0
            cv2.imwrite(str(root / f'{name}.png'), depth_mm)
            focal = ('', '', '', '') if unknown_focal else (80.0, 80.0, 47.5, 35.5)
            rows.append(('train', domain, dataset, f'{dataset}_{scene}', 'office',
                         f'{name}.jpg', f'{name}.png', 1000, *focal, kind, 'none', 0, 'CC0'))
    index = root / 'index.csv'
    with index.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(rows)
    return index


def miniature_config(index: Path, *overrides: str) -> TrainConfig:
    """Return the configuration of a run of a few seconds on the frames of an index."""
    return config_from_mapping(apply_overrides(
        {**VALUES, 'data': [{'source': str(index)}]}, overrides))

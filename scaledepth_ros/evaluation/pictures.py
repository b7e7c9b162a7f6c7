# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the frames a predictor does worst on, for people to look at."""

from collections.abc import Sequence
from dataclasses import replace
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.data.resize import is_sparse, resize_depth
from scaledepth_ros.data.sample import FrameSource
from scaledepth_ros.evaluation.evaluate import DepthPredictor, FrameResult
from scaledepth_ros.visualization import (
    Column,
    depth_scale,
    draw_strip,
    relative_error_percent,
    relative_error_scale,
    Row,
    uncertainty_scale,
    write_picture,
)

_SPARSE_WIDTH = 160
_STEP = 0.05


def write_frame_pictures(
    results: Sequence[FrameResult],
    frames: FrameSource,
    predictor: DepthPredictor,
    folder: Path,
    *,
    title: str,
) -> list[Path]:
    """
    Write one strip a frame: image, ground truth, prediction, relative error.

    Args:
        results: Frames to draw, in order; the file names carry the rank.
        frames: The source that was measured.
        predictor: Run again on these frames, so that no depth had to be kept.
        folder: Where to write; created if missing.
        title: First line of each strip; says whose weights these are.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index_of = {info: index for index, info in enumerate(frames.infos)}
    paths = []
    for rank, result in enumerate(results, start=1):
        sample = frames[index_of[result.info]]
        depth_m_HW = predictor.infer(sample.rgb_HW3, sample.camera).depth_m
        truth_m_HW = sample.depth_m_HW
        error_HW = relative_error_percent(depth_m_HW, truth_m_HW).astype(np.float32)
        if is_sparse(truth_m_HW):
            truth_m_HW, error_HW = (_visible(values) for values in (truth_m_HW, error_HW))
        # Over the truth alone: a prediction that is far off shall not stretch the colours.
        scale = depth_scale([truth_m_HW])
        strip = draw_strip(
            [title, f'{result.info.dataset}, {result.info.name}'],
            [
                Column(title='image'),
                Column(title='ground truth', scale=scale),
                Column(title='prediction, metres as predicted', scale=scale),
                Column(title='(prediction - truth) / truth', scale=relative_error_scale()),
            ],
            [
                Row(
                    caption=f'raw d1 {result.raw["d1"]:.2f}, AbsRel {result.raw["abs_rel"]:.2f}; '
                    f'scale off by x{math.exp(result.scale_offset):.2f}; '
                    f'aligned d1 {result.aligned["d1"]:.2f}',
                    cells=[sample.rgb_HW3, truth_m_HW, depth_m_HW, error_HW],
                )
            ],
        )
        path = folder / f'worst_{rank:02d}_{result.info.domain}.png'
        write_picture(path, strip)
        paths.append(path)
    return paths


def draw_output_maps(
    results: Sequence[FrameResult],
    frames: FrameSource,
    predictor: DepthPredictor,
    *,
    title: Sequence[str],
    cell_width: int,
) -> NDArray[np.uint8]:
    """
    Draw what may be shown of frames that may not be passed on: the prediction and its error.

    Neither the image nor the ground truth is in the picture.

    Args:
        results: Frames to draw, one below the other.
        frames: The source that was measured.
        predictor: Run again on these frames.
        title: Lines above; they say whose weights these are.
        cell_width: Width of each map [px].

    Returns:
        RGB, (H, W, 3) uint8.
    """
    index_of = {info: index for index, info in enumerate(frames.infos)}
    rows, depths = [], []
    for result in results:
        sample = frames[index_of[result.info]]
        size = (round(cell_width * sample.info.height / sample.info.width), cell_width)
        output = predictor.infer(sample.rgb_HW3, sample.camera)
        with np.errstate(invalid='ignore', divide='ignore'):
            error_HW = np.abs(np.log(output.depth_m) - np.log(sample.depth_m_HW))
        # In steps of 5 %, which the eye takes for smooth and a PNG file packs far better.
        log_depth_HW = np.log(resize_depth(output.depth_m, *size, sparse=False))
        depths.append(np.exp(np.round(log_depth_HW / _STEP) * _STEP))
        error_HW = resize_depth(error_HW, *size, sparse=is_sparse(sample.depth_m_HW))
        error_HW = np.round(error_HW / _STEP) * _STEP
        rows.append(Row(
            caption=f'{result.info.dataset[:30]}: delta1 {result.raw["d1"]:.2f} '
            f'({result.aligned["d1"]:.2f} aligned), scale x{math.exp(result.scale_offset):.2f}',
            cells=[depths[-1], error_HW]))
    columns = [
        Column(title='predicted depth', scale=depth_scale(depths)),
        # delta1 ends at 0.22; a factor of 2.7 is the end of the scale.
        Column(title='|log(depth / truth)|',
               scale=replace(uncertainty_scale([]), high=1.0, unit='')),
    ]
    return draw_strip(title, columns, rows, cell_width=cell_width)


def _visible(values_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gather lidar points in coarse cells; single points would vanish when drawn small."""
    height, width = values_HW.shape
    return resize_depth(
        values_HW, round(height * _SPARSE_WIDTH / width), _SPARSE_WIDTH, sparse=True
    )

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The strip every command draws: image, depth, and its error or else its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.visualization import (
    Column,
    depth_scale,
    draw_strip,
    relative_error_percent,
    relative_error_scale,
    Rgb,
    Row,
    uncertainty_scale,
)


@dataclass(frozen=True, kw_only=True)
class StripFrame:
    """
    One row of a strip.

    Attributes:
        caption: Drawn under the row.
        rgb_HW3: The image.
        depth_m: Its depth [m], (H, W).
        uncertainty_m: One standard deviation of it [m], (H, W), if known.
        truth_m: True depth [m], (H, W), if known.

    """

    caption: str
    rgb_HW3: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.floating]
    uncertainty_m: npt.NDArray[np.floating] | None = None
    truth_m: npt.NDArray[np.floating] | None = None


def draw_depth_strip(title: Sequence[str], frames: Sequence[StripFrame]) -> Rgb:
    """
    Draw frames one below the other, with common scales.

    Args:
        title: Lines above everything; has to say which weights made the depth.
        frames: At least one. The last column is the error if all of them have a truth, else the
            uncertainty.

    Returns:
        The strip, (H, W, 3) uint8 RGB.

    """
    third: list[npt.NDArray[Any]]
    if all(frame.truth_m is not None for frame in frames):
        third = [relative_error_percent(f.depth_m, np.asarray(f.truth_m)) for f in frames]
        column = Column(title='error (depth - truth) / truth [%], blue too near',
                        scale=relative_error_scale())
    else:
        third = [np.full_like(f.depth_m, np.nan) if f.uncertainty_m is None else f.uncertainty_m
                 for f in frames]
        column = Column(title='uncertainty, one sigma [m]', scale=uncertainty_scale(third))
    scale = depth_scale([f.depth_m for f in frames])
    columns = [Column(title='image'), Column(title='depth [m], near red, far blue', scale=scale),
               column]
    return draw_strip(title, columns, [
        Row(caption=f.caption, cells=[f.rgb_HW3, f.depth_m, values])
        for f, values in zip(frames, third, strict=True)])


def frame_caption(time_s: float | None, median_m: float, metrics: dict[str, float] | None) -> str:
    """Write the caption of a frame: when it was, its median depth, and its errors if known."""
    parts = [] if time_s is None else [f't = {time_s:.2f} s']
    parts.append(f'median {median_m:.2f} m')
    if metrics:
        parts.append(f'AbsRel {metrics["abs_rel"]:.3f}   delta1 {metrics["d1"]:.3f}   '
                     f'RMSE {metrics["rmse"]:.2f} m')
    return '    '.join(parts)

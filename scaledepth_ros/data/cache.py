# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Frames kept in memory at training resolution, because decoding full-size files is slow."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.resize import resize_sample
from scaledepth_ros.data.sample import FrameInfo, FrameSource, RgbdSample
from scaledepth_ros.errors import ConfigError


@dataclass(frozen=True)
class _Kept:
    """A frame as it is kept: half-precision depth errs by less than 0.05 %."""

    rgb_HW3: NDArray[np.uint8]
    depth_m_HW: NDArray[np.float16]
    camera: CameraModel | None


class CachedFrames:
    """
    A source whose frames are shrunk on first access and then kept.

    Worker processes that are forked share what was loaded before the fork: call ``preload()``
    first, or every worker loads its own copy.

    Args:
        source: Where frames come from.
        short_side_px: Shrink frames whose shorter side is longer than this; None keeps the size.
    """

    def __init__(self, source: FrameSource, *, short_side_px: int | None = None) -> None:
        if short_side_px is not None and short_side_px < 1:
            raise ConfigError(f'short_side_px is {short_side_px}; expected at least 1, or None.')
        self._source = source
        self._kept: list[_Kept | None] = [None] * len(source)
        self.infos: tuple[FrameInfo, ...] = tuple(
            _shrunk(info, short_side_px) for info in source.infos
        )

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> RgbdSample:
        kept = self._kept[index]
        if kept is None:
            info = self.infos[index]
            small = resize_sample(self._source[index], info.height, info.width)
            kept = self._kept[index] = _Kept(
                small.rgb_HW3, small.depth_m_HW.astype(np.float16), small.camera
            )
        return RgbdSample(
            info=self.infos[index],
            rgb_HW3=kept.rgb_HW3,
            depth_m_HW=kept.depth_m_HW.astype(np.float32),
            camera=kept.camera,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are kept so far."""
        kept = [item for item in self._kept if item is not None]
        return sum(item.rgb_HW3.nbytes + item.depth_m_HW.nbytes for item in kept)

    def preload(self, progress: Callable[[int, int], None] | None = None) -> None:
        """
        Load every frame now.

        Args:
            progress: Called with (frames loaded, frames in all) after each.
        """
        for index in range(len(self)):
            self[index]
            if progress is not None:
                progress(index + 1, len(self))


def _shrunk(info: FrameInfo, short_side_px: int | None) -> FrameInfo:
    """Return the frame's description at the size it will be kept in."""
    if short_side_px is None or min(info.height, info.width) <= short_side_px:
        return info
    factor = short_side_px / min(info.height, info.width)
    return replace(
        info, height=round(info.height * factor), width=round(info.width * factor)
    )

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
One RGB-D frame, what is known about it without decoding, and sources of such frames.

One convention for depth everywhere: float32 metres along the optical axis, NaN where unknown.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import DatasetError

DOMAINS = ('indoor', 'outdoor')
KINDS = ('real', 'real-sgbm', 'synthetic')
# Fewer known pixels than this teach and measure nothing, and are a sign of a wrong file.
MIN_VALID_PIXELS = 16


@dataclass(frozen=True, kw_only=True)
class FrameInfo:
    """
    What is known about a frame without decoding it.

    Attributes:
        name: What messages call the frame; usually the path of its image below the root.
        dataset: Name of the data set.
        domain: ``'indoor'`` or ``'outdoor'``.
        scene: Identifier of the place, unique over all data sets; frames of one place are never
            split or counted apart, whichever data set they come from.
        width: Columns of the image [px].
        height: Rows of the image [px].
        category: One of the 28 scene categories, or None if unknown.
        kind: ``'real'``, ``'real-sgbm'`` (depth from stereo matching) or ``'synthetic'``.
        completed: Depth was interpolated: good for training, not for headline numbers.
    """

    name: str
    dataset: str
    domain: str
    scene: str
    width: int
    height: int
    category: str | None = None
    kind: str = 'real'
    completed: bool = False

    def __post_init__(self) -> None:
        for field, value, choices in (
            ('domain', self.domain, DOMAINS),
            ('kind', self.kind, KINDS),
        ):
            if value not in choices:
                raise DatasetError(
                    f'{self.name}: {field} is {value!r}; expected one of {", ".join(choices)}.'
                )
        if self.width < 1 or self.height < 1:
            raise DatasetError(
                f'{self.name}: size is {self.width}x{self.height}; expected at least 1x1.'
            )
        if self.category is not None:
            # Imported here, because the list lives with the network and pulls in torch.
            from scaledepth_ros.model.scene_text import SCENE_CATEGORIES

            if self.category not in SCENE_CATEGORIES:
                raise DatasetError(
                    f'{self.name}: category {self.category!r} is none of the 28 scene '
                    f'categories ({", ".join(SCENE_CATEGORIES)}); leave it empty if none fits.'
                )

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def category_index(self) -> int | None:
        """Index of the category among the 28, None if unknown."""
        if self.category is None:
            return None
        from scaledepth_ros.model.scene_text import SCENE_CATEGORIES

        return SCENE_CATEGORIES.index(self.category)


@dataclass(frozen=True, kw_only=True)
class RgbdSample:
    """
    One decoded frame.

    Attributes:
        info: What is known about the frame; its size is that of the arrays.
        rgb_HW3: uint8 RGB.
        depth_m_HW: float32 depth along the optical axis [m], NaN where unknown.
        camera: Intrinsics at this size, or None if unknown.
    """

    info: FrameInfo
    rgb_HW3: NDArray[np.uint8]
    depth_m_HW: NDArray[np.float32]
    camera: CameraModel | None = None

    def __post_init__(self) -> None:
        height, width = self.info.height, self.info.width
        if self.rgb_HW3.shape != (height, width, 3) or self.rgb_HW3.dtype != np.uint8:
            raise DatasetError(
                f'{self.info.name}: image is {self.rgb_HW3.dtype} {self.rgb_HW3.shape}; expected '
                f'uint8 ({height}, {width}, 3).'
            )
        if self.depth_m_HW.shape != (height, width) or self.depth_m_HW.dtype != np.float32:
            raise DatasetError(
                f'{self.info.name}: depth is {self.depth_m_HW.dtype} {self.depth_m_HW.shape}; '
                f'expected float32 ({height}, {width}), the size of the image.'
            )
        if self.camera is not None and (self.camera.height, self.camera.width) != (height, width):
            raise DatasetError(
                f'{self.info.name}: intrinsics are for {self.camera.width}x{self.camera.height}, '
                f'the image is {width}x{height}; give intrinsics of the stored image.'
            )

    @property
    def mask_HW(self) -> NDArray[np.bool_]:
        """Where depth is known."""
        return np.isfinite(self.depth_m_HW)

    @property
    def scene(self) -> str:
        """Identifier of the place."""
        return self.info.scene

    @property
    def category_index(self) -> int | None:
        """Index of the scene category among the 28, None if unknown."""
        return self.info.category_index


class FrameSource(Protocol):
    """Anything that lists frames and decodes them on demand."""

    @property
    def infos(self) -> Sequence[FrameInfo]:
        """Every frame, in order, without decoding."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, index: int, /) -> RgbdSample:
        """Decode one frame; raise ``DatasetError`` naming the file if it cannot be used."""


class ConcatFrames:
    """
    Several sources one after the other.

    Args:
        sources: At least one source.
    """

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        if not sources:
            raise DatasetError('No frame source was given; expected at least one.')
        self._sources = tuple(sources)
        self._ends = tuple(accumulate(len(source) for source in sources))
        self.infos: tuple[FrameInfo, ...] = tuple(i for source in sources for i in source.infos)

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> RgbdSample:
        if not 0 <= index < len(self):
            raise IndexError(f'frame {index} of {len(self)}')
        which = bisect_right(self._ends, index)
        start = self._ends[which - 1] if which else 0
        return self._sources[which][index - start]


class SelectedFrames:
    """
    Some frames of a source, in a given order.

    Args:
        source: Where the frames come from.
        indices: Which of its frames.
    """

    def __init__(self, source: FrameSource, indices: Sequence[int]) -> None:
        self._source = source
        self._indices = tuple(indices)
        self.infos: tuple[FrameInfo, ...] = tuple(source.infos[i] for i in self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> RgbdSample:
        return self._source[self._indices[index]]


def metric_depth(
    name: str,
    depth: NDArray[Any],
    depth_scale: float = 1.0,
    *,
    max_depth_m: float = float('inf'),
) -> NDArray[np.float32]:
    """
    Turn stored depth into metres with NaN where unknown.

    Args:
        name: File named by errors.
        depth: Stored values (H, W); 0, negative and non-finite ones are unknown.
        depth_scale: Stored value of one metre.
        max_depth_m: Values at or beyond this [m] are unknown too (sky, sensor limits).

    Returns:
        float32 depth (H, W) [m].

    Raises:
        DatasetError: Hardly any pixel is known.
    """
    depth_m: NDArray[np.float32] = depth.astype(np.float32)
    depth_m /= np.float32(depth_scale)
    with np.errstate(invalid='ignore'):
        known = np.isfinite(depth_m) & (depth_m > 0) & (depth_m < max_depth_m)
    if np.count_nonzero(known) < MIN_VALID_PIXELS:
        raise DatasetError(
            f'{name}: only {np.count_nonzero(known)} of {depth.size} depth pixels are valid; '
            'expected more, drop this frame from the list.'
        )
    depth_m[~known] = np.nan
    return depth_m

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What the loaders of the standard data sets share: lists of files, sizes, crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.images import image_size, read_depth_png, read_rgb
from scaledepth_ros.data.sample import FrameInfo, metric_depth, RgbdSample
from scaledepth_ros.errors import DatasetError

KB_CROP_HW = (352, 1216)


@dataclass(frozen=True, kw_only=True)
class FrameFiles:
    """
    Where one frame lies.

    Attributes:
        info: The frame as it comes out, after cropping.
        rgb_path: Image file.
        depth_path: Depth file.
        camera: Intrinsics after cropping, None if unknown.
        crop_xy: First column and row that are kept; None keeps the whole image.
    """

    info: FrameInfo
    rgb_path: Path
    depth_path: Path
    camera: CameraModel | None = None
    crop_xy: tuple[int, int] | None = None


class ListedFrames:
    """
    Frames from a list of files; a data set says how its depth is stored.

    Args:
        files: The frames.
        where: List file or folder that they come from, named when it holds none.
        depth_scale: Stored value of one metre.
        max_depth_m: Stored depth from here on [m] means unknown.
    """

    def __init__(
        self,
        files: Sequence[FrameFiles],
        where: Path,
        *,
        depth_scale: float = 1.0,
        max_depth_m: float = float('inf'),
    ) -> None:
        if not files:
            raise DatasetError(f'{where}: no frame was found there; check the layout of the data.')
        self._files = tuple(files)
        self._depth_scale = depth_scale
        self._max_depth_m = max_depth_m
        self.infos: tuple[FrameInfo, ...] = tuple(item.info for item in files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> RgbdSample:
        files = self._files[index]
        rgb_HW3 = read_rgb(files.rgb_path)
        stored_HW = self._read_depth(files.depth_path)
        if rgb_HW3.shape[:2] != stored_HW.shape:
            raise DatasetError(
                f'{files.depth_path}: depth is {stored_HW.shape[1]}x{stored_HW.shape[0]}, its '
                f'image {rgb_HW3.shape[1]}x{rgb_HW3.shape[0]}; expected one size.'
            )
        if files.crop_xy is not None:
            left, top = files.crop_xy
            window = (
                slice(top, top + files.info.height),
                slice(left, left + files.info.width),
            )
            rgb_HW3, stored_HW = rgb_HW3[window], stored_HW[window]
        return RgbdSample(
            info=files.info,
            rgb_HW3=np.ascontiguousarray(rgb_HW3),
            depth_m_HW=metric_depth(
                str(files.depth_path), stored_HW, self._depth_scale, max_depth_m=self._max_depth_m
            ),
            camera=files.camera,
        )

    def _read_depth(self, path: Path) -> NDArray[np.uint16] | NDArray[np.float32]:
        """Return stored depth (H, W): 16-bit PNG unless a data set overrides this."""
        return read_depth_png(path)


class FolderSizes:
    """Sizes of images, reading one header a folder: all frames of a sequence have one size."""

    def __init__(self) -> None:
        self._sizes: dict[Path, tuple[int, int]] = {}

    def __call__(self, path: Path) -> tuple[int, int]:
        """
        Return (height, width) of an image from the first one asked for in its folder.

        Args:
            path: Image file.
        """
        if path.parent not in self._sizes:
            self._sizes[path.parent] = image_size(path)
        return self._sizes[path.parent]


def read_list(path: Path, columns: int) -> list[list[str]]:
    """
    Read a text file of space-separated columns, skipping frames without ground truth.

    Args:
        path: The file.
        columns: Columns that each line has at least.

    Returns:
        Fields of each line; lines with ``None`` for the depth (second column) are left out.

    Raises:
        DatasetError: The file is missing or a line is too short.
    """
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f'{path}: cannot be read as a list of frames ({error}).') from error
    rows = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < columns:
            raise DatasetError(
                f'{path}:{number}: has {len(fields)} column(s); expected at least {columns}.'
            )
        if columns < 2 or fields[1] != 'None':
            rows.append(fields)
    return rows


def first_existing(root: Path, names: Sequence[str]) -> Path:
    """
    Return the first of several files that exists.

    Args:
        root: Folder of the files.
        names: Names to try, in order.

    Raises:
        DatasetError: None of them exists.
    """
    for name in names:
        if (root / name).exists():
            return root / name
    raise DatasetError(f'{root}: holds none of {", ".join(names)}; expected one of them.')


def kb_crop(height: int, width: int) -> tuple[int, int]:
    """
    Return the first (column, row) of the KITTI benchmark crop: bottom, centred, 352x1216.

    Args:
        height: Rows of the stored image.
        width: Columns of the stored image.

    Raises:
        DatasetError: The image is smaller than the crop.
    """
    if height < KB_CROP_HW[0] or width < KB_CROP_HW[1]:
        raise DatasetError(
            f'An image of {width}x{height} cannot be cropped to '
            f'{KB_CROP_HW[1]}x{KB_CROP_HW[0]}; expected full-size KITTI frames.'
        )
    return (width - KB_CROP_HW[1]) // 2, height - KB_CROP_HW[0]

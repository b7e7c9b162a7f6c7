# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One way to open any data set: ``open_dataset('nyu:/data/nyu', 'test')``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scaledepth_ros.data.ddad import Ddad
from scaledepth_ros.data.diml import DimlOutdoor
from scaledepth_ros.data.diode import Diode
from scaledepth_ros.data.hypersim import HyperSim
from scaledepth_ros.data.ibims import Ibims
from scaledepth_ros.data.kitti import KittiEigen
from scaledepth_ros.data.nyu import NyuDepthV2
from scaledepth_ros.data.rgbd_folder import RgbdFolder
from scaledepth_ros.data.sample import FrameSource
from scaledepth_ros.data.sunrgbd import SunRgbd
from scaledepth_ros.data.virtual_kitti import VirtualKitti2
from scaledepth_ros.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class DatasetKind:
    """
    A standard data set.

    Attributes:
        open: Makes the source from its root folder and a split.
        test_split: Split that published numbers are measured on.
    """

    open: Callable[[Path, str], FrameSource]
    test_split: str


# The names are those of the evaluation protocols.
DATASETS: dict[str, DatasetKind] = {
    'nyu': DatasetKind(open=NyuDepthV2, test_split='test'),
    'kitti': DatasetKind(open=KittiEigen, test_split='test'),
    'sunrgbd': DatasetKind(open=SunRgbd, test_split='val'),
    'ibims': DatasetKind(open=Ibims, test_split='test'),
    'diode_indoor': DatasetKind(open=partial(Diode, domain='indoor'), test_split='val'),
    'diode_outdoor': DatasetKind(open=partial(Diode, domain='outdoor'), test_split='val'),
    'hypersim': DatasetKind(open=HyperSim, test_split='test'),
    'vkitti': DatasetKind(open=VirtualKitti2, test_split='test'),
    'ddad': DatasetKind(open=Ddad, test_split='camera01'),
    'diml': DatasetKind(open=DimlOutdoor, test_split='test'),
}


def split_spec(spec: str | Path) -> tuple[str | None, Path]:
    """
    Split what a user gives for data into the name of a standard data set and a path.

    Args:
        spec: ``NAME:FOLDER`` of a standard data set, or the path of an index.csv or its folder.

    Returns:
        The name, None for an index.csv, and the path.

    Raises:
        DatasetError: It is neither.
    """
    name, colon, folder = str(spec).partition(':')
    if colon and name in DATASETS:
        return name, Path(folder)
    path = Path(spec)
    if not path.exists():
        raise DatasetError(
            f'{spec}: there is no such file or folder; expected an index.csv, its folder, or '
            f'NAME:FOLDER with NAME one of {", ".join(DATASETS)}.'
        )
    return None, path


def open_dataset(
    spec: str | Path, split: str | None = None, *,
    skip: Callable[[DatasetError], None] | None = None,
) -> FrameSource:
    """
    Open a data set.

    Args:
        spec: As in ``split_spec``.
        split: Which part; None is all of an index.csv, and the test split of a standard data set.
        skip: What to do with a row of an index.csv that cannot be used; see ``RgbdFolder``. A
            standard data set is whole or refused.

    Returns:
        The frames; pixels are read on access.

    Raises:
        DatasetError: The data set is missing or damaged; the message names the file.
    """
    name, path = split_spec(spec)
    if name is None:
        return RgbdFolder(path, split, skip=skip)
    kind = DATASETS[name]
    return kind.open(path, split or kind.test_split)

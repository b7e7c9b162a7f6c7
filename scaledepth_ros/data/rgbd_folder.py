# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
``RgbdFolder``: RGB-D frames listed in an ``index.csv``, the package's own format.

One row a frame; paths are relative to the folder of the file. Columns (others are ignored)::

    split        train, val, ...                             required
    domain       indoor | outdoor                            required
    scene        identifier of the place                     required
    rgb, depth   image file, 16-bit PNG of the same size     required
    depth_scale  stored value of one metre (1000, 256, ...)  required
    dataset      name of the data set                        default: name of the folder
    category     one of the 28 scene categories              default: unknown
    fx fy cx cy  intrinsics of the stored image [px]         default: unknown (all or none)
    kind         real | real-sgbm | synthetic                default: real
    completed    1: interpolated depth                       default: 0
"""

from collections.abc import Callable, Iterator
import csv
from dataclasses import dataclass
import math
from pathlib import Path

from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.images import image_size, read_depth_png, read_rgb
from scaledepth_ros.data.sample import FrameInfo, metric_depth, RgbdSample
from scaledepth_ros.errors import CameraInfoError, DatasetError

REQUIRED_COLUMNS = ('split', 'domain', 'scene', 'rgb', 'depth', 'depth_scale')
INDEX_COLUMNS = (
    *('split', 'domain', 'dataset', 'scene', 'category', 'rgb', 'depth', 'depth_scale'),
    *('fx', 'fy', 'cx', 'cy', 'kind', 'completed'),
)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """Where one frame lies and how to read it."""

    info: FrameInfo
    rgb_path: Path
    depth_path: Path
    depth_scale: float
    camera: CameraModel | None


class RgbdFolder:
    """
    Frames of an ``index.csv``.

    Every row is checked on construction: the columns, that both files are there, that their
    headers state one size, that the intrinsics are sane. Pixels are read on access.

    Args:
        index_path: The csv file, or the folder that holds an ``index.csv``.
        split: Keep the rows of this split; None keeps all.
        keep: Further filter on what is known of a frame, for example
            ``lambda info: not info.completed``.
        skip: Called with what is wrong with a row, which is then left out; None raises it. With
            it, a category that is none of the 28 counts as unknown.

    Raises:
        DatasetError: The file or a listed file is missing, a row is senseless, or nothing is left;
            the message names the file or the line.
    """

    def __init__(
        self,
        index_path: Path | str,
        split: str | None = None,
        *,
        keep: Callable[[FrameInfo], bool] | None = None,
        skip: Callable[[DatasetError], None] | None = None,
    ) -> None:
        path = Path(index_path)
        if path.is_dir():
            path = path / 'index.csv'
        self.path = path
        rows, splits, skipped = [], set(), 0
        for where, fields in _read_rows(path):
            its_split = fields.get('split', '')
            splits.add(its_split)
            if split is not None and its_split not in ('', split):
                continue
            try:
                _check_filled(where, fields)
                row = _parse_row(where, fields, path.parent, any_category=skip is not None)
            except DatasetError as error:
                if skip is None:
                    raise
                skip(error)
                skipped += 1
                continue
            if keep is None or keep(row.info):
                rows.append(row)
        if not rows:
            unusable = f', {skipped} cannot be used' if skipped else ''
            raise DatasetError(
                f'{path}: no frame is left of split {split!r}{unusable}; the file has the splits '
                f'{sorted(splits - {""})}.'
            )
        self._rows = tuple(rows)
        self.infos: tuple[FrameInfo, ...] = tuple(row.info for row in rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> RgbdSample:
        row = self._rows[index]
        rgb_HW3 = read_rgb(row.rgb_path)
        depth = read_depth_png(row.depth_path)
        if rgb_HW3.shape[:2] != depth.shape:
            raise DatasetError(
                f'{row.depth_path}: depth is {depth.shape[1]}x{depth.shape[0]}, its image '
                f'{rgb_HW3.shape[1]}x{rgb_HW3.shape[0]}; register them to one size.'
            )
        return RgbdSample(
            info=row.info,
            rgb_HW3=rgb_HW3,
            depth_m_HW=metric_depth(str(row.depth_path), depth, row.depth_scale),
            camera=row.camera,
        )


def _read_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield ('file:line', fields) of each row."""
    try:
        # Spreadsheets begin UTF-8 with a byte order mark, which is no part of the first column.
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(
                    f'{path}: column(s) {", ".join(missing)} are missing; expected at least '
                    f'{", ".join(REQUIRED_COLUMNS)}.'
                )
            for fields in reader:
                where = f'{path}:{reader.line_num}'
                cleaned = {
                    key: value.strip()
                    for key, value in fields.items()
                    if isinstance(key, str) and isinstance(value, str)
                }
                yield where, cleaned
    except FileNotFoundError as error:
        raise DatasetError(f'{path} does not exist; expected an index.csv, or a folder that holds '
                           'one.') from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f'{path}: cannot be read as a list of frames ({error}).') from error


def _check_filled(where: str, fields: dict[str, str]) -> None:
    for name in REQUIRED_COLUMNS:
        if not fields.get(name):
            raise DatasetError(f'{where}: {name} is empty; every frame needs one.')


def _parse_row(
    where: str, fields: dict[str, str], root: Path, *, any_category: bool,
) -> _Row:
    """Check one row and its files; a category that does not exist may be taken as unknown."""
    rgb_path, depth_path = root / fields['rgb'], root / fields['depth']
    height, width = image_size(rgb_path)
    depth_height, depth_width = image_size(depth_path)
    if (height, width) != (depth_height, depth_width):
        raise DatasetError(
            f'{where}: {fields["depth"]} is {depth_width}x{depth_height}, {fields["rgb"]} '
            f'{width}x{height}; register them to one size.'
        )
    depth_scale = _number(where, 'depth_scale', fields['depth_scale'])
    if not depth_scale > 0:
        raise DatasetError(
            f'{where}: depth_scale is {depth_scale:g}; expected the stored value of one metre, '
            'such as 1000 or 256.'
        )
    completed = fields.get('completed') or '0'
    if completed not in ('0', '1'):
        raise DatasetError(f'{where}: completed is {completed!r}; expected 0 or 1.')
    category = fields.get('category') or None
    if any_category and category is not None:
        # Imported here, because the list lives with the network and pulls in torch.
        from scaledepth_ros.model.scene_text import SCENE_CATEGORIES

        category = category if category in SCENE_CATEGORIES else None
    info = FrameInfo(
        name=fields['rgb'],
        dataset=fields.get('dataset') or root.resolve().name,
        domain=fields['domain'],
        scene=fields['scene'],
        width=width,
        height=height,
        category=category,
        kind=fields.get('kind') or 'real',
        completed=completed == '1',
    )
    return _Row(
        info=info,
        rgb_path=rgb_path,
        depth_path=depth_path,
        depth_scale=depth_scale,
        camera=_camera(where, fields, width, height),
    )


def _camera(where: str, fields: dict[str, str], width: int, height: int) -> CameraModel | None:
    """Return the intrinsics of a row, None if all four are empty."""
    names = ('fx', 'fy', 'cx', 'cy')
    given = [name for name in names if fields.get(name)]
    if not given:
        return None
    if len(given) != len(names):
        raise DatasetError(
            f'{where}: only {", ".join(given)} of the intrinsics are given; give fx, fy, cx and '
            'cy, or none of them.'
        )
    fx, fy, cx, cy = (_number(where, name, fields[name]) for name in names)
    try:
        return CameraModel(
            width=width, height=height, fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy
        )
    except CameraInfoError as error:
        raise DatasetError(f'{where}: {error}') from error


def _number(where: str, name: str, text: str) -> float:
    """Parse a finite number of a named column."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f'{where}: {name} is {text!r}; expected a finite number.')
    return value

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Which files of a folder are colour images, and what an ``index.csv`` beside them knows.

Folders of RGB-D data keep depth images next to the colour ones, often under the same stem. A
16-bit image of one channel is taken for depth, an 8-bit one where a colour image has its stem.
"""

from collections import Counter
import csv
from dataclasses import dataclass
import logging
import math
from pathlib import Path
import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import SourceError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm')
# How far above a folder of images its index.csv is looked for.
_PARENTS = 3
_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xda', b'\xff\xd9'

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IndexedFrame:
    """What an ``index.csv`` says of one image: intrinsics if known, and its depth image."""

    intrinsics_px: tuple[float, float, float, float] | None
    depth_path: Path
    depth_scale: float

    def camera(self, height: int, width: int) -> CameraModel | None:
        """Give the camera model of the image, whose size the file does not state."""
        if self.intrinsics_px is None:
            return None
        fx_px, fy_px, cx_px, cy_px = self.intrinsics_px
        return CameraModel(width=width, height=height, fx_px=fx_px, fy_px=fy_px, cx_px=cx_px,
                           cy_px=cy_px)

    def read_depth_m(self) -> npt.NDArray[np.float32]:
        """Read the depth image [m], NaN where unknown."""
        try:
            stored = _decoded(self.depth_path.read_bytes(), cv2.IMREAD_UNCHANGED)
        except OSError:
            stored = None
        if stored is None or stored.ndim != 2 or stored.dtype != np.uint16:
            raise SourceError(
                f'{self.depth_path} is not a readable 16-bit image of one channel, as depth in an '
                'index.csv has to be.'
            )
        depth_m: npt.NDArray[np.float32] = np.divide(stored, self.depth_scale, dtype=np.float32)
        depth_m[stored == 0] = np.nan
        return depth_m


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Give the sorting key that puts ``frame9`` before ``frame10``."""
    parts = re.split(r'(\d+)', path.name)
    return [(1, int(p), '') if p.isdecimal() else (0, 0, p.lower()) for p in parts]


def colour_images(folder: Path) -> list[Path]:
    """
    List the colour images of a folder in natural order.

    Depth images are left out: every 16-bit image of one channel, and, with a warning, an 8-bit
    one with the stem of a colour image.

    Args:
        folder: Where to look, not below.

    Returns:
        At least one path.

    Raises:
        SourceError: There is none.

    """
    images = sorted((p for p in folder.iterdir()
                     if p.suffix.lower() in IMAGE_SUFFIXES and not p.is_dir()), key=natural_key)
    if not images:
        raise SourceError(
            f'{folder} holds no image; expected files ending in {", ".join(IMAGE_SUFFIXES)}, and '
            'not in folders below.'
        )
    grey_bits = {p: _grey_bits(p) for p in images}
    colour_stems = {p.stem for p, bits in grey_bits.items() if not bits}
    beside = [p for p, bits in grey_bits.items() if 0 < bits <= 8 and p.stem in colour_stems]
    left_out = {*beside, *(p for p, bits in grey_bits.items() if bits > 8)}
    if len(left_out) == len(images):
        raise SourceError(
            f'{folder} holds {len(images)} image(s), all of one channel with 16 bits, which are '
            'taken for depth; expected colour or 8-bit grey ones (convert those of a 16-bit '
            'camera).'
        )
    if beside:
        _logger.warning(
            '%d of %d images of %s are left out as depth, being grey and named like a colour '
            'image, such as %s; rename them if they are pictures.',
            len(beside), len(images), folder, beside[0].name)
    return [p for p in images if p not in left_out]


def frame_names(images: list[Path]) -> list[str]:
    """
    Name images of one folder so that no two of them share a name.

    Args:
        images: Paths of one folder.

    Returns:
        For each its name without the ending, or with it where another image would have the same.

    """
    names = [path.stem for path in images]
    # Again, because the whole name of one image may be the stem of another (a.jpg, a.jpg.png).
    while len(counts := Counter(names)) < len(names):
        names = [path.name if counts[name] > 1 else name
                 for path, name in zip(images, names, strict=True)]
    return names


def _grey_bits(path: Path) -> int:
    """Return the bits of a pixel of an image that has one channel and may be depth, else 0."""
    # A damaged file is no depth image; reading it will tell what is wrong with it.
    try:
        if path.suffix.lower() == '.png':
            with path.open('rb') as file:
                header = file.read(26)
            if len(header) == 26 and header.startswith(_PNG_SIGNATURE) and not header[25] & 2:
                return header[24]
        elif path.suffix.lower() in ('.tif', '.tiff', '.pgm'):
            image = _decoded(path.read_bytes(), cv2.IMREAD_UNCHANGED)
            if image is not None and image.ndim == 2:
                return 8 * image.dtype.itemsize
    except OSError:
        pass
    return 0


def _decoded(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Decode an image as cv2.imread() does, which a file name that is not UTF-8 crashes."""
    # OpenCV raises for a file that is empty or larger than it allows, and returns None for any
    # other that it cannot decode.
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None


def read_index(images: list[Path]) -> dict[Path, IndexedFrame]:
    """
    Look the images up in the nearest ``index.csv`` in their folder or up to three above.

    Args:
        images: Images of one folder.

    Returns:
        What is known, by path; empty if there is no such file or it lists none of them.

    Raises:
        SourceError: A row of one of the images is senseless.

    """
    folder = images[0].resolve().parent
    wanted = {p.resolve(): p for p in images}
    for parent in (folder, *folder.parents[:_PARENTS]):
        index = parent / 'index.csv'
        if not index.is_file():
            continue
        found: dict[Path, IndexedFrame] = {}
        # What is not UTF-8 is somebody else's table, unless its column names say otherwise.
        with index.open(newline='', encoding='utf-8', errors='replace') as file:
            rows = csv.DictReader(file)
            if not {'rgb', 'depth', 'depth_scale'} <= set(rows.fieldnames or ()):
                return {}
            for row in rows:
                image = wanted.get(parent / (row['rgb'] or ''))
                if image is not None:
                    found[image] = _parse_row(f'{index}:{rows.line_num}', row, parent)
        return found
    return {}


def _parse_row(where: str, row: dict[str, str | None], root: Path) -> IndexedFrame:
    if not row['depth']:
        raise SourceError(f'{where}: there is no depth image; expected its path.')
    try:
        depth_scale = float(row['depth_scale'] or 'nan')
        fx_px, fy_px, cx_px, cy_px = (float(row.get(name) or 'nan')
                                      for name in ('fx', 'fy', 'cx', 'cy'))
    except ValueError as error:
        raise SourceError(f'{where}: {error}; expected numbers.') from error
    if not depth_scale > 0:
        raise SourceError(
            f'{where}: depth_scale is {depth_scale:g}; expected the stored value of one metre.'
        )
    intrinsics_px = (fx_px, fy_px, cx_px, cy_px)
    return IndexedFrame(
        intrinsics_px=intrinsics_px if all(map(math.isfinite, intrinsics_px)) else None,
        depth_path=root / row['depth'], depth_scale=depth_scale,
    )


def read_rgb(path: Path, *, upright: bool = True) -> npt.NDArray[np.uint8]:
    """
    Read an image as RGB.

    Args:
        path: The file.
        upright: Turn it as its EXIF orientation says; depth images have none, so their partners
            are read without.

    Returns:
        (H, W, 3) uint8; a grey image is repeated, 16 bits are reduced to 8.

    Raises:
        SourceError: The file cannot be read, or not be decoded to its end.

    """
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f'{path} cannot be read ({error.strerror}); is it there, and may this user read it?'
        ) from error
    if _is_cut_off(content):
        # OpenCV may fill the rest with grey, whose depth would mean nothing.
        raise SourceError(f'{path} is cut off, a JPEG without its end; copy it once more.')
    bgr = _decoded(content, flags)
    if bgr is None:
        raise SourceError(
            f'{path} cannot be decoded as an image; it is empty, damaged, too large or of an '
            'unknown kind.'
        )
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _is_cut_off(data: bytes) -> bool:
    """Tell whether a file is a JPEG whose picture does not reach its end."""
    if not data.startswith(_JPEG_START):
        return False
    # What precedes the picture may hold a whole JPEG, as a thumbnail.
    place = len(_JPEG_START)
    while data[place:place + 1] == b'\xff' and data[place + 1:place + 2] != _JPEG_SCAN:
        is_filling = data[place + 1:place + 2] == b'\xff'
        place += 1 if is_filling else 2 + int.from_bytes(data[place + 2:place + 4], 'big')
    return data.find(_JPEG_END, place) < 0

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Depth for the eye: coloured maps with their scale beside them, strips of pictures, and PLY clouds.

Depth is drawn with the Turbo colormap, reversed, over the logarithm of the distance: near is
red, far is blue, and equal steps of colour are equal ratios of depth, so that a room and a
street are both readable. One standard deviation is drawn with Viridis (dark is certain), a
signed error with blue (too near), white (right) and red (too far). Pixels without a value are
grey in every map.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ImageError, SourceError
from scaledepth_ros.pointcloud import known_mask
from scaledepth_ros.whole_file import write_file

FloatMap = npt.NDArray[np.floating]
Rgb = npt.NDArray[np.uint8]

NO_VALUE_RGB = (110, 110, 110)
_INK_RGB = (25, 25, 25)
_PAPER_RGB = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BOLD_FONT = cv2.FONT_HERSHEY_DUPLEX
_TEXT_SCALE = 0.5
_LINE_HEIGHT = 22
_MARGIN = 12
_GAP = 10
_BAR_HEIGHT = 14
# Below this share of known pixels a map is drawn as dots.
_SPARSE_SHARE = 0.2


def _lut(colormap: int, *, reverse: bool = False) -> Rgb:
    ramp = np.arange(256, dtype=np.uint8)[::-1 if reverse else 1]
    bgr = cv2.applyColorMap(np.ascontiguousarray(ramp).reshape(1, -1), colormap)
    return np.array(bgr[0, :, ::-1], np.uint8)


def _diverging_lut() -> Rgb:
    """Blue over white to red, linear in RGB on both sides."""
    anchors = np.array([[33, 78, 168], [255, 255, 255], [178, 24, 43]], np.float64)
    at = np.linspace(0.0, 2.0, 256)
    ramps = [np.interp(at, [0, 1, 2], anchors[:, channel]) for channel in range(3)]
    return np.array(np.stack(ramps, axis=-1).round(), np.uint8)


@dataclass(frozen=True, kw_only=True)
class ColorScale:
    """
    Maps values of one unit to colours between low and high.

    Values outside are drawn in the colour of the nearer end; values that are not finite in grey.
    """

    low: float
    high: float
    unit: str
    lut: Rgb
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ImageError(
                f'A colour scale from {self.low} to {self.high} {self.unit} was asked for; '
                'expected finite limits, the lower one first.'
            )
        if self.logarithmic and self.low <= 0:
            raise ImageError(
                f'A logarithmic colour scale cannot start at {self.low} {self.unit}; expected a '
                'lower limit above 0.'
            )

    def position(self, values: FloatMap | float) -> npt.NDArray[np.float64]:
        """
        Give the place of values between low (0) and high (1).

        NaN where a value is not finite, or has no logarithm on a logarithmic scale.
        """
        numbers = np.asarray(values, np.float64)
        known = np.isfinite(numbers)
        with np.errstate(divide='ignore', invalid='ignore'):
            if self.logarithmic:
                known = known & (numbers > 0)
                span = np.log(self.high / self.low)
                place = np.log(np.maximum(numbers, self.low) / self.low) / span
            else:
                place = (numbers - self.low) / (self.high - self.low)
        return np.where(known, np.clip(place, 0.0, 1.0), np.nan)

    def colorize(self, values_HW: FloatMap) -> Rgb:
        """
        Draw a map.

        Args:
            values_HW: Values in the unit of the scale, (H, W).

        Returns:
            Colours, (H, W, 3) uint8 RGB.

        """
        place = self.position(values_HW)
        known = np.isfinite(place)
        index = (np.where(known, place, 0.0) * 255.0).round().astype(np.uint8)
        rgb: Rgb = self.lut[index]
        rgb[~known] = NO_VALUE_RGB
        return rgb

    def ticks(self) -> list[float]:
        """Give four to nine round values that lie on the scale."""
        if self.logarithmic:
            decades = range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))))
            halves = tuple(0.5 * m for m in range(2, 20))
            for mantissas in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), halves):
                marks = [m * 10.0 ** d for d in decades for m in mantissas]
                inside = [m for m in marks if self.low <= m <= self.high]
                if len(inside) >= 4:
                    return inside
        step = 10.0 ** np.floor(np.log10(self.high - self.low))
        while (self.high - self.low) / step < 4:
            step /= 2
        first = int(np.ceil(self.low / step - 1e-9))
        last = int(np.floor(self.high / step + 1e-9))
        return [float(k * step) for k in range(first, last + 1)]


def depth_scale(depths_m: Iterable[FloatMap], *, unit: str = 'm') -> ColorScale:
    """
    Choose a common depth scale for several maps, from their 1st to their 99th percentile.

    Args:
        depths_m: Depth maps [m], (H, W) each; values that are not finite or not positive do not
            count.
        unit: What the scale is labelled with.

    Returns:
        A logarithmic scale that spans at least a factor of two.

    """
    samples = [np.asarray(d)[::2, ::2].ravel() for d in depths_m]
    values = np.concatenate(samples) if samples else np.empty(0)
    values = values[known_mask(values)]
    low, high = (float(v) for v in np.percentile(values, [1, 99])) if values.size else (1.0, 10.0)
    if high < 2 * low:
        middle = (low * high) ** 0.5
        low, high = middle / 2 ** 0.5, middle * 2 ** 0.5
    return ColorScale(low=low, high=high, unit=unit, lut=_lut(cv2.COLORMAP_TURBO, reverse=True),
                      logarithmic=True)


def uncertainty_scale(sigmas_m: Iterable[FloatMap]) -> ColorScale:
    """Choose a common linear scale [m] for standard deviations, from 0 to the 99th percentile."""
    samples = [np.asarray(s)[::2, ::2].ravel() for s in sigmas_m]
    values = np.concatenate(samples) if samples else np.empty(0)
    values = values[np.isfinite(values)]
    high = float(np.percentile(values, 99)) if values.size else 1.0
    return ColorScale(low=0.0, high=max(high, 1e-3), unit='m', lut=_lut(cv2.COLORMAP_VIRIDIS))


def relative_error_scale(limit_percent: float = 50.0) -> ColorScale:
    """Give the scale [%] of signed relative errors: blue too near, red too far."""
    return ColorScale(low=-limit_percent, high=limit_percent, unit='%', lut=_diverging_lut())


def relative_error_percent(depth_m: FloatMap, truth_m: FloatMap) -> npt.NDArray[np.float64]:
    """Give (depth - truth) / truth in percent, NaN where either is unknown."""
    if depth_m.shape != truth_m.shape:
        raise ImageError(
            f'A depth map of shape {depth_m.shape} was compared with a truth of shape '
            f'{truth_m.shape}; expected equal shapes.'
        )
    known = np.isfinite(depth_m) & known_mask(truth_m)
    safe_truth = np.where(known, truth_m, 1.0).astype(np.float64)
    return np.where(known, 100.0 * (np.where(known, depth_m, 1.0) - safe_truth) / safe_truth,
                    np.nan)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a strip: a title, and the scale of its maps (None: colour pictures)."""

    title: str
    scale: ColorScale | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a strip: a caption and one picture (H, W, 3) or map (H, W) for each column."""

    caption: str
    cells: Sequence[Rgb | FloatMap]


def draw_strip(
    title: Sequence[str], columns: Sequence[Column], rows: Sequence[Row], *, cell_width: int = 480,
) -> Rgb:
    """
    Draw rows of pictures under column headings, with the colour bars at the bottom.

    Args:
        title: Lines above everything; the place to say which weights made the depth.
        columns: From left to right.
        rows: From top to bottom; the pictures of a row may have any size.
        cell_width: Width [px] that every picture is brought to.

    Returns:
        The strip, (H, W, 3) uint8 RGB.

    """
    for row in rows:
        if len(row.cells) != len(columns):
            raise ImageError(
                f'A row of a strip has {len(row.cells)} pictures; expected one for each of the '
                f'{len(columns)} columns.'
            )
    width = 2 * _MARGIN + len(columns) * cell_width + (len(columns) - 1) * _GAP
    left = [_MARGIN + i * (cell_width + _GAP) for i in range(len(columns))]
    pieces = [_canvas(_MARGIN // 2, width)]
    for index, line in enumerate(title):
        pieces.append(_text_line(width, [(_MARGIN, line)], bold=index == 0))
    pieces.append(_canvas(_GAP // 2, width))
    pieces.append(_text_line(width, [(x, c.title) for x, c in zip(left, columns, strict=True)],
                             bold=True))
    for row in rows:
        cells = [_fit(cell, column.scale, cell_width)
                 for cell, column in zip(row.cells, columns, strict=True)]
        band = _canvas(max(c.shape[0] for c in cells), width)
        for x, cell in zip(left, cells, strict=True):
            band[:cell.shape[0], x:x + cell_width] = cell
        pieces += [band, _text_line(width, [(_MARGIN, row.caption)])]
    if any(c.scale for c in columns):
        bars = _canvas(_BAR_HEIGHT + _LINE_HEIGHT + 6, width)
        for x, column in zip(left, columns, strict=True):
            if column.scale is not None:
                bar = color_bar(column.scale, cell_width)
                bars[4:4 + bar.shape[0], x:x + cell_width] = bar
        pieces += [bars]
    pieces.append(_canvas(_MARGIN // 2, width))
    return np.concatenate(pieces)


def color_bar(scale: ColorScale, width: int) -> Rgb:
    """
    Draw a horizontal colour bar with ticks, numbers and the unit.

    Args:
        scale: What to draw.
        width: Width [px].

    Returns:
        The bar, (H, width, 3) uint8 RGB.

    """
    bar = _canvas(_BAR_HEIGHT + _LINE_HEIGHT, width)
    (unit_width, _), _ = cv2.getTextSize(scale.unit, _FONT, _TEXT_SCALE, 1)
    length = width - unit_width - 8
    ramp = np.linspace(0.0, 255.0, length).round().astype(np.uint8)
    bar[:_BAR_HEIGHT, :length] = scale.lut[ramp]
    cv2.rectangle(bar, (0, 0), (length - 1, _BAR_HEIGHT - 1), _INK_RGB, 1)
    _put_text(bar, scale.unit, (length + 6, 12))
    free_from = 0
    for tick in scale.ticks():
        x = round(float(scale.position(tick)) * (length - 1))
        text = f'{tick:+g}' if scale.low < 0 < abs(tick) else f'{tick:g}'
        (text_width, _), _ = cv2.getTextSize(text, _FONT, _TEXT_SCALE, 1)
        at = min(max(x - text_width // 2, 0), length - text_width)
        cv2.line(bar, (x, 0), (x, _BAR_HEIGHT + 3), _INK_RGB, 1)
        # A number that would touch the one before it is left out; its tick stays.
        if at >= free_from:
            _put_text(bar, text, (at, _BAR_HEIGHT + 17))
            free_from = at + text_width + 8
    return bar


def _canvas(height: int, width: int) -> Rgb:
    return np.full((height, width, 3), _PAPER_RGB, np.uint8)


def _put_text(image: Rgb, text: str, origin: tuple[int, int], *, bold: bool = False) -> None:
    font = _BOLD_FONT if bold else _FONT
    cv2.putText(image, text, origin, font, _TEXT_SCALE, _INK_RGB, 1, cv2.LINE_AA)


def _text_line(width: int, texts: Sequence[tuple[int, str]], *, bold: bool = False) -> Rgb:
    line = _canvas(_LINE_HEIGHT, width)
    for x, text in texts:
        # The vector font has ASCII only, and would draw question marks for anything else.
        plain = text.encode('ascii', 'replace').decode()
        _put_text(line, plain, (x, 16), bold=bold)
    return line


def _fit(cell: Rgb | FloatMap, scale: ColorScale | None, width: int) -> Rgb:
    picture: npt.NDArray[Any] = np.asarray(cell)
    if scale is not None:
        picture = scale.colorize(_enlarge_dots(picture, width))
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ImageError(
            f'A picture of a strip has shape {picture.shape} and type {picture.dtype}; expected '
            '(H, W, 3) uint8, or a column with a colour scale.'
        )
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    shrinks = width < picture.shape[1]
    return np.asarray(cv2.resize(picture, (width, height),
                                 interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST))


def _enlarge_dots(values_HW: FloatMap, width: int) -> FloatMap:
    """Spread the points of a sparse map, such as a lidar's, which shrinking would wipe out."""
    known = np.isfinite(values_HW)
    if not known.any() or known.mean() > _SPARSE_SHARE:
        return values_HW
    side = 1 + 2 * -(-values_HW.shape[1] // width)
    lowest = np.where(known, values_HW, -np.inf).astype(np.float32)
    spread = cv2.dilate(lowest, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.where(known, values_HW, spread)


def write_picture(path: str | Path, rgb_HW3: Rgb) -> None:
    """Write an RGB picture as PNG or JPEG, by the ending of its name."""
    write_pixels(Path(path), cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2BGR))


def write_pixels(path: Path, pixels: npt.NDArray[Any]) -> None:
    """
    Write pixels as they are in OpenCV: BGR, or one channel of 8 or 16 bits.

    Args:
        path: Where to; its ending picks the format.
        pixels: (H, W, 3) or (H, W).

    Raises:
        SourceError: The format takes no such pixels, or the file cannot be written.

    """
    try:
        encoded, data = cv2.imencode(path.suffix, pixels)
    except cv2.error:
        encoded = False
    if not encoded:
        raise SourceError(f'{path} could not be encoded; expected a name ending in .png or .jpg.')
    write_file(path, data.tobytes())


def write_ply(
    path: str | Path,
    points_m: FloatMap,
    rgb: Rgb | None = None,
    *,
    comments: Sequence[str] = (),
) -> int:
    """
    Write the finite points of a cloud as binary little-endian PLY.

    Args:
        path: Where to.
        points_m: Coordinates [m], (..., 3).
        rgb: Colours, (..., 3) uint8, of the same leading shape.
        comments: Lines for the header, for example which weights made the depth.

    Returns:
        The number of points written.

    """
    points = np.asarray(points_m).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    fields = [('x', '<f4'), ('y', '<f4'), ('z', '<f4')]
    names = ['float x', 'float y', 'float z']
    if rgb is not None:
        if rgb.shape != np.asarray(points_m).shape:
            raise ImageError(
                f'A cloud of shape {np.shape(points_m)} came with colours of shape {rgb.shape}; '
                'expected equal shapes.'
            )
        fields += [('red', 'u1'), ('green', 'u1'), ('blue', 'u1')]
        names += ['uchar red', 'uchar green', 'uchar blue']
    vertices = np.empty(int(finite.sum()), fields)
    for index, name in enumerate(('x', 'y', 'z')):
        vertices[name] = points[finite, index]
    if rgb is not None:
        for index, name in enumerate(('red', 'green', 'blue')):
            vertices[name] = rgb.reshape(-1, 3)[finite, index]
    lines = ['ply', 'format binary_little_endian 1.0']
    lines += ['comment ' + ' '.join(c.split()) for c in comments]
    lines += [f'element vertex {vertices.size}', *(f'property {n}' for n in names), 'end_header']
    header = '\n'.join(lines).encode('ascii', 'replace') + b'\n'
    write_file(Path(path), header + vertices.tobytes())
    return int(vertices.size)

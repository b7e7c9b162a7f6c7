# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The curves of a training run as one picture, drawn with OpenCV: nothing else is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import DatasetError

_INK = (25, 25, 25)
_GRID = (226, 226, 226)
# Colours that people with colour-blindness tell apart (Okabe and Ito 2008), RGB.
_COLORS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 44, 44
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve: a name and its points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A diagram: a title, the meaning of its axis below, and its curves."""

    title: str
    x_label: str
    lines: Sequence[Line]


def training_panels(run: Path, dev_run: Path | None = None) -> list[Panel]:
    """
    Read what a run logged.

    Args:
        run: Folder of the run; its loss is drawn, smoothed over a fiftieth of the run.
        dev_run: A run whose held-out scenes are drawn; the same one if None.

    Returns:
        The loss, and delta1 on held-out scenes if there were any.

    Raises:
        DatasetError: There is no log.
    """
    losses = _read(run / 'log.jsonl')
    if not losses:
        raise DatasetError(f'{run} has no log.jsonl with steps; expected the folder of a run.')
    panels = [Panel(title='depth loss of the last layer', x_label='steps', lines=[Line(
        name='', points=_smoothed([(row['step'] + 1, row['loss_depth']) for row in losses]))])]
    dev = _read((dev_run or run) / 'dev.jsonl')
    lines = []
    for domain in ('indoor', 'outdoor'):
        for key, name in (('d1', domain), ('aligned_d1', f'{domain}, aligned')):
            points = [(row['step'], row[domain][key]) for row in dev if domain in row]
            if points:
                lines.append(Line(name=name, points=points))
    if lines:
        panels.append(Panel(
            title='delta1 on held-out scenes', x_label='steps', lines=lines))
    return panels


def draw_panels(
    panels: Sequence[Panel], *, width: int = 460, height: int = 300,
) -> NDArray[np.uint8]:
    """
    Draw diagrams side by side.

    Args:
        panels: At least one.
        width, height: Size of each [px].

    Returns:
        RGB, (height, width * panels, 3) uint8.
    """
    return np.concatenate([_draw(panel, width, height) for panel in panels], axis=1)


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return means of neighbouring points, about fifty of them."""
    size = max(1, len(points) // 50)
    chunks = [points[i:i + size] for i in range(0, len(points), size)]
    return [(float(np.mean([x for x, _ in chunk])), float(np.mean([y for _, y in chunk])))
            for chunk in chunks]


def _draw(panel: Panel, width: int, height: int) -> NDArray[np.uint8]:
    image = np.full((height, width, 3), 255, np.uint8)
    points = np.array([point for line in panel.lines for point in line.points], np.float64)
    (x_low, y_low), (x_high, y_high) = points.min(axis=0), points.max(axis=0)
    x_ticks, y_ticks = _ticks(min(x_low, 0.0), x_high), _ticks(y_low, y_high)
    x_range, y_range = (x_ticks[0], max(x_ticks[-1], x_high)), (y_ticks[0], y_ticks[-1])

    def place(x: float, y: float) -> tuple[int, int]:
        across = (x - x_range[0]) / (x_range[1] - x_range[0])
        up = (y - y_range[0]) / (y_range[1] - y_range[0])
        return (round(_LEFT + across * (width - _LEFT - _RIGHT)),
                round(height - _BOTTOM - up * (height - _TOP - _BOTTOM)))

    for y in y_ticks:
        at = place(x_range[0], y)
        cv2.line(image, at, place(x_range[1], y), _GRID, 1)
        _text(image, f'{y:g}', (at[0] - 6, at[1] + 4), align=1.0)
    for x in x_ticks:
        at = place(x, y_range[0])
        cv2.line(image, at, (at[0], at[1] + 4), _INK, 1)
        _text(image, f'{x:g}', (at[0], at[1] + 18), align=0.5)
    cv2.line(image, place(x_range[0], y_range[0]), place(x_range[1], y_range[0]), _INK, 1)
    _text(image, panel.title, (_LEFT, 16), scale=0.48)
    _text(image, panel.x_label, (width - _RIGHT, height - 8), align=1.0)
    left = _LEFT
    for line, color in zip(panel.lines, _COLORS, strict=False):
        path = np.array([place(x, y) for x, y in line.points], np.int32)
        cv2.polylines(image, [path], False, color, 2, cv2.LINE_AA)
        if line.name:
            cv2.line(image, (left, 30), (left + 14, 30), color, 2, cv2.LINE_AA)
            left += 20 + _text(image, line.name, (left + 18, 34)) + 10
    return image


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers that enclose a range."""
    span = max(high - low, 1e-9 * max(abs(high), 1.0))
    power = 10.0 ** math.floor(math.log10(span / _TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _TICKS >= span)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 12) for i in range(first, max(last, first + 1) + 1)]


def _text(
    image: NDArray[np.uint8], text: str, origin: tuple[int, int], *, align: float = 0.0,
    scale: float = 0.4,
) -> int:
    """Write a text that starts (align 0), is centred (0.5) or ends (1) there; return its width."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.putText(image, text, (origin[0] - round(align * width), origin[1]),
                cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
    return width

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures mapped once over a face: posters, book covers and spines, screens, keyboards, views."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scaledepth_ros.simulation.mesh import FloatArray
from scaledepth_ros.simulation.noise import (
    any_colour,
    canvas,
    fractal_noise,
    grey,
    hsv,
    mix,
    modulate,
    Rng,
    to_uint8,
    value_noise,
    warm,
)
from scaledepth_ros.simulation.textures import SIZE, Texture

_WORDS = ('LAB', 'ROBOT', 'Open', 'Fig. 2', 'EXIT', 'Summer', 'Results', 'No. 7', 'Vision', 'TEA',
          'Abstract', '2026', 'Sale', 'MAX', 'Plan', 'Kitchen', 'Team', 'Maps', 'Atlas', 'Paris')
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def _unit(image: FloatArray) -> Texture:
    return Texture(to_uint8(image), (1.0, 1.0))


def _write(rng: Rng, image: FloatArray, x: int, y: int, scale: float,
           colour: Sequence[float]) -> None:
    word = str(rng.choice(_WORDS))
    font = int(rng.choice(_FONTS))
    thickness = max(1, round(scale * 2))
    cv2.putText(image, word, (x, y), font, scale, tuple(colour), thickness, cv2.LINE_AA)


def _text_block(rng: Rng, image: FloatArray, x0: int, y0: int, x1: int, y1: int,
                colour: Sequence[float], pitch: int = 7) -> None:
    """Draw lines of word-like dashes, which is what text looks like from a few metres."""
    for y in range(y0, y1 - 2, pitch):
        x = x0
        end = x1 - int(rng.integers(0, max(2, (x1 - x0) // 3)))
        while x < end:
            length = int(rng.integers(4, 18))
            cv2.line(image, (x, y), (min(x + length, end), y), tuple(colour), max(1, pitch // 3))
            x += length + int(rng.integers(3, 6))


def landscape(rng: Rng, size: int = SIZE) -> FloatArray:
    """Paint sky, hills and ground, or an abstract composition, in 0..1."""
    image = canvas(size, hsv(float(rng.uniform(0.5, 0.65)), float(rng.uniform(0, 0.6)), 0.9))
    image = modulate(image, fractal_noise(rng, size, 3, 4), 0.15)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    level = float(rng.uniform(0.35, 0.6))
    for _ in range(int(rng.integers(1, 5))):
        ridge = level + 0.12 * fractal_noise(rng, size, 3, 4)[0]
        colour = np.asarray(any_colour(rng, 0.3), np.float32)
        mask = (y > ridge[None]).astype(np.float32)
        image = mix(image, np.broadcast_to(colour, image.shape).astype(np.float32), mask)
        level += float(rng.uniform(0.05, 0.2))
    return modulate(image, fractal_noise(rng, size, 16, 3), 0.2)


def poster(rng: Rng) -> Texture:
    """Draw a framed picture, an advertisement, a scientific poster, a map or a calendar."""
    kind = rng.choice(['landscape', 'abstract', 'advert', 'paper', 'calendar', 'photo'])
    if kind == 'landscape':
        image = landscape(rng)
    elif kind == 'photo':
        image = landscape(rng)
        skin = hsv(0.06, float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.3, 0.95)))
        for _ in range(int(rng.integers(1, 4))):
            x = int(rng.integers(60, 200))
            radius = int(rng.integers(15, 40))
            cv2.ellipse(image, (x, 150 + 2 * radius), (int(radius * 1.8), 2 * radius), 0, 0, 360,
                        any_colour(rng, 0.5), -1)
            cv2.ellipse(image, (x, 140), (int(radius * 0.75), radius), 0, 0, 360, skin, -1)
    elif kind == 'abstract':
        image = canvas(SIZE, any_colour(rng, 0.3))
        for _ in range(int(rng.integers(4, 20))):
            a, b = rng.integers(0, SIZE, 2), rng.integers(0, SIZE, 2)
            colour = any_colour(rng, 0.7)
            if rng.random() < 0.5:
                cv2.rectangle(image, a.tolist(), b.tolist(), colour, -1)
            else:
                cv2.circle(image, a.tolist(), int(rng.integers(8, 70)), colour, -1, cv2.LINE_AA)
    elif kind == 'advert':
        image = canvas(SIZE, any_colour(rng, 0.8))
        cv2.circle(image, rng.integers(60, 190, 2).tolist(), int(rng.integers(20, 80)),
                   any_colour(rng, 0.8), -1, cv2.LINE_AA)
        for y in (60, 220):
            _write(rng, image, 15, y, float(rng.uniform(1.2, 2.5)), any_colour(rng, 0.8))
    elif kind == 'paper':
        image = canvas(SIZE, (0.93, 0.93, 0.9))
        cv2.rectangle(image, (0, 0), (SIZE, 30), any_colour(rng, 0.7), -1)
        for column in range(3):
            x = 10 + column * 82
            _text_block(rng, image, x, 45, x + 70, 150, (0.2, 0.2, 0.2))
            cv2.rectangle(image, (x, 160), (x + 70, 235), any_colour(rng, 0.4), -1)
    else:
        image = canvas(SIZE, (0.95, 0.95, 0.95))
        image[:110] = landscape(rng, SIZE)[:110]
        for y in range(125, 240, 22):
            for x in range(12, 240, 34):
                cv2.putText(image, str(int(rng.integers(1, 31))), (x, y + 14), _FONTS[0], 0.45,
                            (0.1, 0.1, 0.1), 1, cv2.LINE_AA)
    border = int(rng.choice([0, 0, 6, 12, 24]))
    if border:
        inner = cv2.resize(image, (SIZE - 2 * border, SIZE - 2 * border),
                           interpolation=cv2.INTER_AREA)
        image = canvas(SIZE, grey(rng, 0.8, 1.0) if rng.random() < 0.6 else grey(rng, 0, 0.2))
        image[border:-border, border:-border] = inner
    return _unit(image)


def book_cover(rng: Rng) -> Texture:
    """Draw the front of a book or a magazine."""
    image = canvas(SIZE // 2, any_colour(rng, 0.6))
    half = SIZE // 2
    if rng.random() < 0.6:
        picture = cv2.resize(landscape(rng, 64), (int(rng.integers(50, 110)),) * 2)
        side = picture.shape[0]
        x, y = int(rng.integers(0, half - side)), int(rng.integers(0, half - side))
        image[y : y + side, x : x + side] = picture
    _write(rng, image, 6, int(rng.integers(25, 60)), float(rng.uniform(0.6, 1.2)),
           any_colour(rng, 0.5))
    return _unit(image)


def book_row(rng: Rng, *, tidy: bool = False) -> Texture:
    """Draw spines side by side over 1 m of shelf, 0.32 m high at most, dark gaps above."""
    image = canvas(SIZE * 2, (0.05, 0.045, 0.04))
    size, x = SIZE * 2, 0
    series = any_colour(rng, 0.5)
    while x < size:
        width = int(rng.integers(7, 28))
        height = int(size * (0.85 if tidy else rng.uniform(0.65, 1.0)))
        colour = series if tidy else any_colour(rng, 0.4)
        cv2.rectangle(image, (x, size), (x + width - 1, size - height), colour, -1)
        ink = any_colour(rng, 0.3)
        top = size - height
        for band in rng.uniform(0.05, 0.95, int(rng.integers(0, 3))):
            y = top + int(band * height)
            cv2.rectangle(image, (x, y), (x + width - 1, y + int(rng.integers(3, 30))), ink, -1)
        if width > 9:
            y0 = top + int(height * 0.3)
            cv2.line(image, (x + width // 2, y0), (x + width // 2, y0 + int(height * 0.35)), ink,
                     max(1, width // 5))
        cv2.line(image, (x, top), (x, size), (0.02, 0.02, 0.02), 1)
        x += width
    return _unit(image)


def screen(rng: Rng) -> Texture:
    """Draw what a monitor or a laptop shows: off, desktop, terminal, document or video."""
    kind = rng.choice(['off', 'off', 'desktop', 'terminal', 'document', 'video'])
    if kind == 'off':
        image = modulate(canvas(SIZE, grey(rng, 0.01, 0.06)), fractal_noise(rng, SIZE, 2, 2), 0.3)
    elif kind == 'terminal':
        image = canvas(SIZE, hsv(float(rng.random()), 0.5, float(rng.uniform(0.03, 0.25))))
        for y in range(12, SIZE - 10, 12):
            if rng.random() < 0.8:
                x = 8 + 12 * int(rng.integers(0, 5))
                _text_block(rng, image, x, y, x + int(rng.integers(30, 180)), y + 4,
                            any_colour(rng, 0.8), 6)
    elif kind == 'video':
        image = landscape(rng)
    else:
        image = landscape(rng) if kind == 'desktop' else canvas(SIZE, grey(rng, 0.3, 0.6))
        for _ in range(int(rng.integers(1, 4))):
            x, y = int(rng.integers(0, 120)), int(rng.integers(0, 120))
            w, h = int(rng.integers(80, 180)), int(rng.integers(60, 160))
            cv2.rectangle(image, (x, y), (x + w, y + h), grey(rng, 0.85, 1.0), -1)
            cv2.rectangle(image, (x, y), (x + w, y + 10), any_colour(rng, 0.4), -1)
            _text_block(rng, image, x + 8, y + 20, x + w - 8, y + h - 6, (0.25, 0.25, 0.3))
        cv2.rectangle(image, (0, SIZE - 12), (SIZE, SIZE), grey(rng, 0.05, 0.9), -1)
    return _unit(image)


def keyboard(rng: Rng) -> Texture:
    """Draw rows of keys."""
    case = grey(rng, 0.04, 0.12) if rng.random() < 0.7 else grey(rng, 0.6, 0.9)
    key = np.clip(np.asarray(case) * rng.uniform(1.3, 2.2), 0, 1).tolist()
    image = canvas(SIZE, case)
    for row in range(6):
        y = 10 + row * 40
        x = 6
        while x < SIZE - 12:
            width = 11 if rng.random() < 0.85 else 26
            cv2.rectangle(image, (x, y), (min(x + width, SIZE - 6), y + 32), key, -1)
            x += width + 3
    return _unit(image)


def label(rng: Rng) -> Texture:
    """Draw a product label: can, carton, bottle, box of cereals."""
    image = canvas(SIZE // 2, any_colour(rng, 0.6))
    half = SIZE // 2
    y = int(rng.integers(20, 70))
    cv2.rectangle(image, (0, y), (half, y + int(rng.integers(15, 60))), any_colour(rng, 0.6), -1)
    if rng.random() < 0.5:
        cv2.circle(image, rng.integers(30, 100, 2).tolist(), int(rng.integers(10, 35)),
                   any_colour(rng, 0.7), -1, cv2.LINE_AA)
    _write(rng, image, 8, y + 20, float(rng.uniform(0.5, 1.0)), any_colour(rng, 0.4))
    _text_block(rng, image, 10, 95, half - 10, 120, any_colour(rng, 0.2), 5)
    return _unit(image)


def carton(rng: Rng) -> Texture:
    """Draw corrugated cardboard with tape and print."""
    half = SIZE // 2
    image = canvas(half, hsv(float(rng.uniform(0.07, 0.1)), 0.4, float(rng.uniform(0.5, 0.7))))
    cv2.rectangle(image, (56, 0), (72, half), warm(rng, 0.5, 0.8), -1)
    if rng.random() < 0.7:
        _write(rng, image, 8, 100, 0.8, (0.1, 0.08, 0.08))
        cv2.rectangle(image, (82, 10), (120, 40), (0.9, 0.9, 0.88), -1)
        _text_block(rng, image, 85, 15, 118, 38, (0.1, 0.1, 0.1), 5)
    return _unit(modulate(image, value_noise(rng, half, 64), 0.05))


def document(rng: Rng) -> Texture:
    """Draw a sheet of paper with print or handwriting."""
    image = canvas(SIZE // 2, grey(rng, 0.85, 0.97))
    half = SIZE // 2
    end = int(rng.integers(60, half - 8))
    _text_block(rng, image, 12, 16, half - 12, end, (0.2, 0.2, 0.25), 6)
    if rng.random() < 0.4:
        cv2.rectangle(image, (14, 70), (half - 14, 110), any_colour(rng, 0.3), -1)
    return _unit(image)


def whiteboard(rng: Rng) -> Texture:
    """Draw a board with scribbles, or a green chalkboard."""
    chalk = rng.random() < 0.25
    image = canvas(SIZE * 2, (0.08, 0.2, 0.14) if chalk else grey(rng, 0.86, 0.97, 0.01))
    image = modulate(image, fractal_noise(rng, SIZE * 2, 4, 4), 0.08 if chalk else 0.02)
    for _ in range(int(rng.integers(0, 14))):
        colour = grey(rng, 0.7, 0.95) if chalk else any_colour(rng, 0.9)
        start = rng.integers(20, 440, 2)
        kind = int(rng.integers(0, 3))
        if kind == 0:
            steps = rng.normal(0, 14, (int(rng.integers(5, 30)), 2)) + [5, 0]
            path = (start + np.cumsum(steps, 0)).astype(np.int32)
            cv2.polylines(image, [path], False, colour, 2, cv2.LINE_AA)
        elif kind == 1:
            end = (start + rng.integers(20, 130, 2)).tolist()
            cv2.rectangle(image, start.tolist(), end, colour, 2)
        else:
            _write(rng, image, int(start[0]), int(start[1]), float(rng.uniform(0.7, 1.6)), colour)
    return _unit(image)


def outside_view(rng: Rng) -> Texture:
    """Draw what a window shows: a bright sky over trees, grass or a house, out of focus."""
    image = canvas(SIZE, hsv(0.57, float(rng.uniform(0, 0.35)), 1.0))
    y = np.linspace(1, 0, SIZE, dtype=np.float32)[:, None]
    horizon = float(rng.uniform(0.3, 0.65)) + 0.08 * fractal_noise(rng, SIZE, 4, 4)[:1]
    green = hsv(float(rng.uniform(0.2, 0.35)), float(rng.uniform(0.2, 0.6)), rng.uniform(0.2, 0.6))
    trees = modulate(canvas(SIZE, green), fractal_noise(rng, SIZE, 12, 4), 0.6)
    image = mix(image, trees, (y < horizon).astype(np.float32))
    if rng.random() < 0.5:
        left, width = int(rng.integers(0, 180)), int(rng.integers(50, 140))
        wall = warm(rng, 0.5, 0.9)
        cv2.rectangle(image, (left, int(rng.integers(20, 110))), (left + width, SIZE), wall, -1)
        for row in range(60, SIZE, 50):
            for column in range(left + 12, left + width - 18, 34):
                cv2.rectangle(image, (column, row), (column + 15, row + 26), (0.2, 0.22, 0.25), -1)
    blurred = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(1, 4)))
    return _unit(np.asarray(blurred, np.float32))

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural textures of the outdoors: asphalt, paving, grass, foliage, facades, roofs."""

from __future__ import annotations

import cv2
import numpy as np
from scaledepth_ros.simulation.mesh import FloatArray
from scaledepth_ros.simulation.noise import (
    any_colour,
    canvas,
    Colour,
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
from scaledepth_ros.simulation.textures import bricks, concrete, SIZE, Texture


def _texture(image: FloatArray, tile_u_m: float, tile_v_m: float | None = None) -> Texture:
    return Texture(to_uint8(image), (tile_u_m, tile_u_m if tile_v_m is None else tile_v_m))


def asphalt(rng: Rng) -> Texture:
    """Road surface: speckled grey with cracks, patches and wheel tracks along u; v is 3.2 m."""
    size = SIZE * 2
    image = canvas(size, grey(rng, 0.25, 0.55, 0.015))
    image = modulate(image, value_noise(rng, size, size), float(rng.uniform(0.1, 0.3)))
    image = modulate(image, fractal_noise(rng, size, 4, 5), float(rng.uniform(0.05, 0.2)))
    across = np.cos(np.linspace(0, 4 * np.pi, size, endpoint=False)).astype(np.float32)
    tracks = np.broadcast_to(across[:, None], (size, size))
    image = modulate(image, tracks, float(rng.uniform(-0.08, 0.06)))
    for _ in range(int(rng.integers(0, 5))):
        x, y = (int(v) for v in rng.integers(0, size - 140, 2))
        w, h = (int(v) for v in rng.integers(30, 140, 2))
        image[y : y + h, x : x + w] *= np.float32(rng.uniform(0.7, 0.92))
    for _ in range(int(rng.integers(0, 8))):
        steps = np.cumsum(rng.normal(0, 9, (40, 2)), 0) + rng.integers(0, size, 2)
        cv2.polylines(image, [steps.astype(np.int32)], False, (0.12, 0.12, 0.12), 1, cv2.LINE_AA)
    return _texture(image, 6.0, 6.4)


def paving(rng: Rng) -> Texture:
    """Pavement of slabs 0.3-0.5 m, or of small setts of 0.1-0.2 m."""
    setts = rng.random() < 0.3
    count = 8 if setts else 4
    side = float(rng.uniform(0.1, 0.2) if setts else rng.uniform(0.3, 0.5))
    image = canvas(SIZE, grey(rng, 0.4, 0.75, 0.03))
    image = modulate(image, fractal_noise(rng, SIZE, 16, 4), 0.2)
    cell = SIZE // count
    bond = rng.random() < 0.5
    for row in range(count):
        shift = (cell // 2) if bond and row % 2 else 0
        for column in range(count):
            xs = (np.arange(column * cell, (column + 1) * cell) + shift) % SIZE
            image[row * cell : (row + 1) * cell, xs] *= np.float32(1 + 0.07 * rng.normal())
            image[row * cell : (row + 1) * cell, xs[:2]] *= 0.65
        image[row * cell : row * cell + 2] *= 0.65
    return _texture(image, side * count)


def grass(rng: Rng) -> Texture:
    """Lawn or meadow, more or less dry."""
    colour = hsv(float(rng.uniform(0.16, 0.32)), float(rng.uniform(0.3, 0.7)),
                 float(rng.uniform(0.25, 0.5)))
    dry = np.broadcast_to(np.asarray(warm(rng, 0.4, 0.7), np.float32), (SIZE, SIZE, 3))
    image = mix(canvas(SIZE, colour), dry.astype(np.float32),
                0.3 + 0.6 * fractal_noise(rng, SIZE, 4, 5))
    image = modulate(image, fractal_noise(rng, SIZE, 64, 2), float(rng.uniform(0.3, 0.6)))
    return _texture(image, float(rng.uniform(2.0, 4.0)))


def soil(rng: Rng) -> Texture:
    """Earth, gravel or fallen leaves."""
    image = modulate(canvas(SIZE, warm(rng, 0.3, 0.65)), fractal_noise(rng, SIZE, 8, 6, 0.7), 0.4)
    stones = (value_noise(rng, SIZE, 128) > 0.7).astype(np.float32)
    return _texture(modulate(image, stones, float(rng.uniform(-0.3, 0.4))), 2.0)


def foliage(rng: Rng, colour: Colour | None = None) -> Texture:
    """Leaves seen as a mass: strong dark and light speckle."""
    if colour is None:
        colour = leaf_colour(rng)
    image = modulate(canvas(SIZE, colour), fractal_noise(rng, SIZE, 24, 4, 0.7), 0.75)
    dark = (fractal_noise(rng, SIZE, 32, 2) < -0.25).astype(np.float32)
    return _texture(modulate(image, dark, -0.6), float(rng.uniform(1.2, 2.0)))


def leaf_colour(rng: Rng) -> Colour:
    """Draw the green of a season, at times autumn."""
    if rng.random() < 0.08:
        return hsv(float(rng.uniform(0.05, 0.14)), float(rng.uniform(0.4, 0.75)), 0.55)
    return hsv(float(rng.uniform(0.17, 0.33)), float(rng.uniform(0.3, 0.75)),
               float(rng.uniform(0.22, 0.5)))


def bark(rng: Rng) -> Texture:
    """Bark of a trunk, furrowed along v."""
    rough = fractal_noise(rng, SIZE, 32, 4, 0.6, stretch=8).T
    return _texture(modulate(canvas(SIZE, warm(rng, 0.2, 0.5)), np.ascontiguousarray(rough), 0.6),
                    0.8)


def roof_tiles(rng: Rng) -> Texture:
    """Clay or concrete roof tiles, rows 0.33 m apart."""
    colour = hsv(float(rng.uniform(0.0, 0.06)), float(rng.uniform(0.3, 0.7)), 0.5) \
        if rng.random() < 0.6 else grey(rng, 0.2, 0.45)
    image = modulate(canvas(SIZE, colour), fractal_noise(rng, SIZE, 8, 5), 0.25)
    rows, columns = 8, 8
    step = SIZE // rows
    ramp = np.tile(np.linspace(1.15, 0.6, step, dtype=np.float32), rows)
    image *= ramp[:, None, None]
    image[:, :: SIZE // columns] *= 0.7
    return _texture(image, 2.4, 2.64)


def _pane(rng: Rng, image: FloatArray, x0: int, y0: int, x1: int, y1: int) -> None:
    """Draw a window with frame, glass, curtain and sill into a facade."""
    glass = np.asarray(hsv(0.58, float(rng.uniform(0, 0.4)), float(rng.uniform(0.08, 0.35))))
    frame = (0.9, 0.9, 0.88) if rng.random() < 0.7 else tuple(any_colour(rng, 0.3))
    cv2.rectangle(image, (x0, y0), (x1, y1), frame, -1)
    t = max(2, (x1 - x0) // 14)
    height = y1 - y0 - 2 * t
    shade = np.linspace(1.6, 0.7, max(height, 1), dtype=np.float32)[:, None, None]
    image[y0 + t : y0 + t + height, x0 + t : x1 - t] = glass.astype(np.float32) * shade
    if rng.random() < 0.5:
        curtain = grey(rng, 0.45, 0.8)
        width = int((x1 - x0) * rng.uniform(0.1, 0.4))
        image[y0 + t : y1 - t, x0 + t : x0 + t + width] = curtain
        image[y0 + t : y1 - t, x1 - t - width : x1 - t] = curtain
    middle = (x0 + x1) // 2
    cv2.rectangle(image, (middle - t // 2, y0), (middle + t // 2, y1), frame, -1)
    if rng.random() < 0.4:
        level = y0 + (y1 - y0) // 3
        cv2.rectangle(image, (x0, level - t // 2), (x1, level + t // 2), frame, -1)
    cv2.rectangle(image, (x0 - 4, y1), (x1 + 4, y1 + 4), grey(rng, 0.5, 0.85), -1)
    cv2.rectangle(image, (x0 - 4, y1 + 5), (x1 + 4, y1 + 8), (0.15, 0.15, 0.15), -1)
    cv2.line(image, (x0, y0 - 1), (x1, y0 - 1), (0.1, 0.1, 0.1), 2)


def wall_finish(rng: Rng) -> FloatArray:
    """Draw the bare wall of a building, 512 texels wide, in 0..1."""
    kind = rng.random()
    if kind < 0.55:
        if rng.random() < 0.7:
            colour = warm(rng, 0.6, 0.95)
        else:
            colour = hsv(float(rng.random()), float(rng.uniform(0.1, 0.4)), 0.8)
        base = concrete(rng, colour).image
    elif kind < 0.85:
        tiled = np.tile(bricks(rng).image, (4, 4, 1))
        small = cv2.resize(tiled, (SIZE * 2, SIZE * 2), interpolation=cv2.INTER_AREA)
        base = np.asarray(small, np.uint8)
    else:
        base = concrete(rng).image
    image = np.asarray(base, np.float32) / 255
    return np.asarray(cv2.resize(image, (SIZE * 2, SIZE * 2)), np.float32)


def facade(rng: Rng, wall: FloatArray, bay_m: float, floor_m: float) -> Texture:
    """Two by two bays of windows; each 0.8-1.6 m wide and 1.2-1.8 m high."""
    image = wall.copy()
    cell = SIZE
    ribbon = rng.random() < 0.15
    w = bay_m if ribbon else float(rng.uniform(0.8, min(1.6, bay_m * 0.75)))
    h = float(rng.uniform(1.2, min(1.8, floor_m * 0.62)))
    sill = float(rng.uniform(0.7, 1.0))
    for row in range(2):
        for column in range(2):
            if rng.random() < 0.06:
                continue
            px_w, px_h = int(w / bay_m * cell), int(h / floor_m * cell)
            x0 = column * cell + (cell - px_w) // 2
            y1 = (row + 1) * cell - int(sill / floor_m * cell)
            _pane(rng, image, x0, y1 - px_h, x0 + px_w, y1)
    if rng.random() < 0.4:
        band = np.asarray(grey(rng, 0.5, 0.9), np.float32)
        for row in (0, cell):
            image[row : row + 6] = band
    return _texture(image, 2 * bay_m, 2 * floor_m)


def shop_front(rng: Rng, bay_m: float, floor_m: float) -> Texture:
    """Two bays of shop windows with a sign above."""
    size = SIZE * 2
    image = canvas(size, any_colour(rng, 0.4))
    for k in range(2):
        x0 = k * SIZE + 16
        glass = canvas(SIZE, grey(rng, 0.08, 0.3))
        inside = modulate(glass, fractal_noise(rng, SIZE, 6, 4), 0.9)
        image[int(size * 0.28) : int(size * 0.95), x0 : x0 + SIZE - 32] = cv2.resize(
            inside, (SIZE - 32, int(size * 0.95) - int(size * 0.28)))
    cv2.rectangle(image, (0, 40), (size, 130), any_colour(rng, 0.7), -1)
    cv2.putText(image, str(rng.choice(['CAFE', 'Bakery', 'BANK', 'Books', 'MARKET', 'Salon'])),
                (40, 112), cv2.FONT_HERSHEY_DUPLEX, 2.2, tuple(any_colour(rng, 0.4)), 5,
                cv2.LINE_AA)
    return _texture(image, 2 * bay_m, floor_m)


def planked_fence(rng: Rng) -> Texture:
    """Boards of a fence along v, 0.1-0.15 m wide."""
    count = 8
    image = canvas(SIZE, warm(rng, 0.25, 0.75))
    image = modulate(image, np.ascontiguousarray(
        fractal_noise(rng, SIZE, 16, 4, 0.6, stretch=8).T), 0.3)
    step = SIZE // count
    for k in range(count):
        image[:, k * step : (k + 1) * step] *= np.float32(1 + 0.1 * rng.normal())
        image[:, k * step : k * step + 3] *= 0.35
    return _texture(image, float(rng.uniform(0.8, 1.2)))


def cloud_map(rng: Rng, cover: float) -> FloatArray:
    """Draw the share of cloud over the sky, (N,N) in 0..1; ``cover`` 0 is clear, 1 is grey."""
    noise = fractal_noise(rng, SIZE, 3, 5, 0.55)
    return np.asarray(np.clip((noise + 2.2 * cover - 1.0) * 2.0, 0, 1), np.float32)

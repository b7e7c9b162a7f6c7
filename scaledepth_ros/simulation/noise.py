# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Tileable noise and colour helpers for procedural textures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation.mesh import FloatArray

Rng = np.random.Generator
Colour = tuple[float, float, float]


def value_noise(rng: Rng, size: int, cells_y: int, cells_x: int | None = None) -> FloatArray:
    """
    Draw smooth noise that repeats seamlessly.

    Args:
        rng: Source of randomness.
        size: Side of the square result in texels.
        cells_y: Random values along y (and along x unless ``cells_x`` is given).
        cells_x: Random values along x.

    Returns:
        (size, size) in about -1..1.
    """
    cells_x = cells_y if cells_x is None else cells_x
    grid = rng.uniform(-1, 1, (cells_y, cells_x)).astype(np.float32)
    # Two extra cells on each side give the cubic filter its neighbours across the seam.
    margin = 2
    wrapped = np.pad(grid, margin, mode='wrap')
    height, width = wrapped.shape
    scale_y, scale_x = size / cells_y, size / cells_x
    large = cv2.resize(
        wrapped,
        (round(width * scale_x), round(height * scale_y)),
        interpolation=cv2.INTER_CUBIC,
    )
    y, x = round(margin * scale_y), round(margin * scale_x)
    return np.ascontiguousarray(large[y : y + size, x : x + size], np.float32)


def fractal_noise(
    rng: Rng,
    size: int,
    cells: int = 4,
    octaves: int = 4,
    gain: float = 0.5,
    stretch: int = 1,
) -> FloatArray:
    """Sum octaves of value noise; ``stretch`` > 1 draws it out along x."""
    total = np.zeros((size, size), np.float32)
    amplitude, norm = 1.0, 0.0
    for octave in range(octaves):
        count = min(cells * 2**octave, size)
        total += amplitude * value_noise(rng, size, count, max(1, count // stretch))
        norm += amplitude
        amplitude *= gain
    return np.asarray(total / np.float32(norm), np.float32)


def canvas(size: int, colour: ArrayLike) -> FloatArray:
    """Return an image of one colour, (size, size, 3) in 0..1."""
    colour32 = np.asarray(colour, np.float32)
    return np.array(np.broadcast_to(colour32, (size, size, 3)), order='C')


def modulate(image: FloatArray, factor: FloatArray, amount: float) -> FloatArray:
    """Lighten and darken an image by a noise field."""
    return np.asarray(image * (1 + amount * factor[..., None]), np.float32)


def mix(a: FloatArray, b: FloatArray, weight: FloatArray) -> FloatArray:
    """Blend two images by a weight field in 0..1."""
    w = np.clip(weight, 0, 1)[..., None]
    return np.asarray(a * (1 - w) + b * w, np.float32)


def to_uint8(image: FloatArray) -> np.ndarray:
    """Convert 0..1 to bytes."""
    return np.asarray(np.clip(image * 255 + 0.5, 0, 255), np.uint8)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Convert a colour; all arguments in 0..1, the hue wraps."""
    sector = (hue % 1.0) * 6
    c = value * saturation
    x = c * (1 - abs(sector % 2 - 1))
    r, g, b = [(c, x, 0), (x, c, 0), (0, c, x), (0, x, c), (x, 0, c), (c, 0, x)][int(sector) % 6]
    m = value - c
    return (r + m, g + m, b + m)


def any_colour(rng: Rng, strong: float = 0.5) -> Colour:
    """Draw a colour of man-made things: often grey, sometimes strong."""
    if rng.random() > 0.5 + strong / 2:
        return grey(rng, 0.04, 0.97, 0.02)
    saturation = rng.beta(1.3, 3.0) if rng.random() > strong else rng.uniform(0.3, 0.85)
    # Red, orange, brown and blue things outnumber green and violet ones.
    hue = rng.random() if rng.random() < 0.3 else rng.choice([0.02, 0.07, 0.1, 0.58, 0.62])
    return hsv(float(hue + rng.normal(0, 0.025)), float(saturation), float(rng.uniform(0.1, 0.92)))


def grey(rng: Rng, low: float, high: float, tint: float = 0.03) -> Colour:
    """Draw a nearly neutral grey between two levels."""
    level = rng.uniform(low, high)
    r, g, b = np.clip(level + rng.uniform(-tint, tint, 3), 0, 1)
    return (float(r), float(g), float(b))


def warm(rng: Rng, low: float, high: float) -> Colour:
    """Draw beige, cream or brown."""
    return hsv(
        float(rng.uniform(0.06, 0.13)),
        float(rng.uniform(0.08, 0.45)),
        float(rng.uniform(low, high)),
    )

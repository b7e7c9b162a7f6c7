# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Procedural surface textures: what floors, walls, ground and furniture are made of.

Each function draws one seamless square picture and says how many metres it covers, so that
tiles, bricks and planks have the size that they have in the world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
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

SIZE = 256


@dataclass(frozen=True)
class Texture:
    """A square sRGB picture (N,N,3) uint8, N a power of two, covering ``tile_m`` along u, v."""

    image: NDArray[np.uint8]
    tile_m: tuple[float, float]


def _texture(image: np.ndarray, tile_u_m: float, tile_v_m: float | None = None) -> Texture:
    return Texture(to_uint8(image), (tile_u_m, tile_u_m if tile_v_m is None else tile_v_m))


def wood_colour(rng: Rng) -> Colour:
    """Draw the colour of a timber, from birch to wenge, or of a painted board."""
    value = float(rng.choice([0.85, 0.72, 0.6, 0.45, 0.3, 0.2])) * float(rng.uniform(0.85, 1.15))
    return hsv(float(rng.uniform(0.05, 0.11)), float(rng.uniform(0.25, 0.65)), min(value, 0.95))


def plaster(rng: Rng, colour: Colour) -> Texture:
    """Painted wall: almost even, with faint grain and large stains."""
    image = canvas(SIZE, colour)
    image = modulate(image, fractal_noise(rng, SIZE, 64, 2), float(rng.uniform(0.0, 0.03)))
    image = modulate(image, fractal_noise(rng, SIZE, 3, 3), float(rng.uniform(0.01, 0.04)))
    return _texture(image, float(rng.uniform(1.5, 3.0)))


def wallpaper(rng: Rng) -> Texture:
    """Repeat a small motif or stripes on a light ground."""
    base = np.array(any_colour(rng, 0.1)) * 0.3 + 0.62
    image = canvas(SIZE, base)
    ink = np.clip(base + rng.uniform(-0.25, 0.2, 3), 0, 1).astype(np.float32)
    mask = np.zeros((SIZE, SIZE), np.float32)
    count = int(rng.integers(2, 6))
    step = SIZE // (1 << int(rng.integers(1, 4)))
    if rng.random() < 0.4:
        for x in range(0, SIZE, step):
            mask[:, x : x + int(step * rng.uniform(0.2, 0.6))] = 1
    else:
        cell = np.zeros((step, step), np.float32)
        for _ in range(count):
            centre = (int(rng.integers(0, step)), int(rng.integers(0, step)))
            axes = (int(rng.integers(1, step // 3 + 2)), int(rng.integers(1, step // 4 + 2)))
            cv2.ellipse(cell, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        mask = np.tile(cell, (SIZE // step, SIZE // step))
    image = mix(image, np.broadcast_to(ink, image.shape).astype(np.float32), mask * 0.8)
    return _texture(image, float(rng.uniform(0.6, 1.2)))


def wood(rng: Rng, colour: Colour | None = None) -> Texture:
    """Draw a board with grain along u."""
    colour = wood_colour(rng) if colour is None else colour
    grain = fractal_noise(rng, SIZE, 8, 5, 0.65, stretch=16)
    rings = np.sin((grain * rng.uniform(4, 14) + np.linspace(0, 1, SIZE)[:, None]) * 2 * np.pi)
    image = modulate(canvas(SIZE, colour), grain, float(rng.uniform(0.15, 0.4)))
    image = modulate(image, rings.astype(np.float32), float(rng.uniform(0.02, 0.1)))
    return _texture(image, 1.2, 0.6)


def planks(rng: Rng, colour: Colour | None = None) -> Texture:
    """Floor boards 0.1-0.2 m wide along u, staggered, each of its own shade."""
    colour = wood_colour(rng) if colour is None else colour
    rows = int(rng.choice([4, 8]))
    width_m = float(rng.uniform(0.09, 0.2))
    image = modulate(
        canvas(SIZE, colour), fractal_noise(rng, SIZE, 8, 5, 0.6, stretch=16), 0.25
    )
    spread = float(rng.uniform(0.03, 0.18))
    height = SIZE // rows
    for row in range(rows):
        shift = int(rng.integers(0, SIZE))
        for part in range(2):
            shade = 1 + spread * rng.normal()
            columns = (np.arange(SIZE // 2) + shift + part * SIZE // 2) % SIZE
            image[row * height : (row + 1) * height, columns] *= np.float32(shade)
            image[row * height : (row + 1) * height, columns[0]] *= 0.6
        image[row * height] *= np.float32(rng.uniform(0.55, 0.85))
    return _texture(image, float(rng.uniform(1.2, 2.4)), width_m * rows)


def tiles(rng: Rng, colour: Colour | None = None, side_m: float | None = None) -> Texture:
    """Ceramic or stone tiles with grout; 4 x 4 tiles in a picture."""
    colour = (grey(rng, 0.3, 0.95) if rng.random() < 0.6 else warm(rng, 0.5, 0.95)) \
        if colour is None else colour
    side = float(rng.uniform(0.3, 0.6)) if side_m is None else side_m
    grout = np.clip(np.array(colour) * rng.uniform(0.45, 1.1), 0, 1)
    count, cell = 4, SIZE // 4
    image = modulate(canvas(SIZE, colour), fractal_noise(rng, SIZE, 8, 4), rng.uniform(0.0, 0.15))
    other = np.clip(np.array(any_colour(rng, 0.2)), 0.05, 0.95)
    checker = rng.random() < 0.12
    for y in range(count):
        for x in range(count):
            patch = image[y * cell : (y + 1) * cell, x * cell : (x + 1) * cell]
            patch *= np.float32(1 + rng.normal() * 0.025)
            if checker and (x + y) % 2:
                patch[:] = patch * 0.15 + other.astype(np.float32) * 0.85
    width = max(1, round(cell * 0.006 / side))
    for k in range(count):
        image[k * cell : k * cell + width] = grout
        image[:, k * cell : k * cell + width] = grout
    return _texture(image, side * count)


def carpet(rng: Rng, colour: Colour | None = None) -> Texture:
    """Cut-pile or loop carpet: speckle, sometimes squares of half a metre."""
    if colour is None:
        colour = any_colour(rng, 0.15) if rng.random() < 0.5 else grey(rng, 0.15, 0.6)
    image = canvas(SIZE, colour)
    image = modulate(image, value_noise(rng, SIZE, SIZE), float(rng.uniform(0.1, 0.35)))
    image = modulate(image, fractal_noise(rng, SIZE, 32, 3), float(rng.uniform(0.05, 0.25)))
    tile = 1.0
    if rng.random() < 0.4:
        half = SIZE // 2
        image[:half, :half] *= np.float32(rng.uniform(0.9, 1.1))
        image[half:, half:] *= np.float32(rng.uniform(0.9, 1.1))
    return _texture(image, tile)


def fabric(rng: Rng, colour: Colour | None = None) -> Texture:
    """Cloth: plain weave, stripes, checks or dots."""
    colour = any_colour(rng, 0.4) if colour is None else colour
    image = canvas(SIZE, colour)
    other = np.asarray(any_colour(rng, 0.4), np.float32)
    kind = rng.choice(['plain', 'plain', 'plain', 'stripes', 'checks', 'dots', 'flowers'])
    grid = np.arange(SIZE)
    period = SIZE // int(rng.choice([4, 8, 16]))
    width = period * float(rng.uniform(0.15, 0.6))
    mask = np.zeros((SIZE, SIZE), np.float32)
    if kind in ('stripes', 'checks'):
        mask += (grid % period < width)[None] * 0.7
        if kind == 'checks':
            mask += (grid % period < width)[:, None] * 0.5
    elif kind == 'dots':
        for y in range(0, SIZE, period):
            for x in range(0, SIZE, period):
                cv2.circle(mask, (x + period // 2, y + period // 2), int(period * 0.3), 1.0, -1)
    elif kind == 'flowers':
        for _ in range(60):
            point = (int(rng.integers(8, SIZE - 8)), int(rng.integers(8, SIZE - 8)))
            axes = (int(rng.integers(3, 14)), int(rng.integers(2, 8)))
            cv2.ellipse(mask, point, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    image = mix(image, np.broadcast_to(other, image.shape).astype(np.float32), mask)
    image = modulate(image, value_noise(rng, SIZE, SIZE), float(rng.uniform(0.03, 0.15)))
    image = modulate(image, fractal_noise(rng, SIZE, 4, 4), float(rng.uniform(0.03, 0.12)))
    return _texture(image, float(rng.uniform(0.3, 0.9)))


def rug(rng: Rng) -> Texture:
    """Patterned rug, mapped once over its rectangle."""
    colours = [np.asarray(any_colour(rng, 0.6), np.float32) for _ in range(4)]
    image = canvas(SIZE, colours[0])
    inset = 0
    for colour in colours[1:]:
        inset += int(rng.integers(6, 30))
        cv2.rectangle(
            image, (inset, inset), (SIZE - inset, SIZE - inset), colour.tolist(), -1
        )
    for _ in range(int(rng.integers(0, 30))):
        colour = colours[int(rng.integers(0, 4))].tolist()
        x, y = int(rng.integers(0, SIZE // 2)), int(rng.integers(0, SIZE // 2))
        radius = int(rng.integers(3, 16))
        for px, py in ((x, y), (SIZE - x, y), (x, SIZE - y), (SIZE - x, SIZE - y)):
            cv2.circle(image, (px, py), radius, colour, -1 if radius > 8 else 2)
    return _texture(modulate(image, value_noise(rng, SIZE, SIZE), 0.2), 1.0)


def bricks(rng: Rng, colour: Colour | None = None) -> Texture:
    """Brick wall in running bond, bricks 0.25 x 0.075 m."""
    if colour is None:
        colour = hsv(float(rng.uniform(0.0, 0.08)), float(rng.uniform(0.2, 0.65)),
                     float(rng.uniform(0.35, 0.8)))
    mortar = grey(rng, 0.45, 0.85)
    image = canvas(SIZE, mortar)
    rows, columns = 8, 4
    height, width = SIZE // rows, SIZE // columns
    for row in range(rows):
        offset = (row % 2) * width // 2
        for column in range(columns):
            shade = np.asarray(colour) * (1 + 0.15 * rng.normal())
            x = np.arange(column * width + 2, (column + 1) * width - 1) + offset
            image[row * height + 3 : (row + 1) * height - 2, x % SIZE] = shade
    image = modulate(image, fractal_noise(rng, SIZE, 32, 3), 0.2)
    return _texture(image, 1.0, 0.6)


def concrete(rng: Rng, colour: Colour | None = None) -> Texture:
    """Concrete, screed or render: cloudy grey with pores."""
    colour = grey(rng, 0.35, 0.7) if colour is None else colour
    image = modulate(canvas(SIZE, colour), fractal_noise(rng, SIZE, 3, 6, 0.6), 0.18)
    pores = (value_noise(rng, SIZE, SIZE) > 0.93).astype(np.float32)
    return _texture(modulate(image, pores, -0.25), float(rng.uniform(1.5, 3.0)))


def marble(rng: Rng) -> Texture:
    """Veined or speckled stone for worktops."""
    base = grey(rng, 0.1, 0.95) if rng.random() < 0.7 else warm(rng, 0.3, 0.9)
    image = canvas(SIZE, base)
    if rng.random() < 0.5:
        veins = np.abs(fractal_noise(rng, SIZE, 4, 5, 0.6))
        image = modulate(image, np.exp(-veins * 25).astype(np.float32), rng.uniform(-0.4, 0.3))
    else:
        image = modulate(image, value_noise(rng, SIZE, SIZE), 0.4)
    return _texture(image, 1.0)


def panels(rng: Rng) -> Texture:
    """Suspended ceiling: 0.6 m mineral panels in a metal grid."""
    image = modulate(canvas(SIZE, grey(rng, 0.8, 0.95)), value_noise(rng, SIZE, SIZE), 0.06)
    line = grey(rng, 0.6, 0.95)
    half = SIZE // 2
    for k in (0, half):
        image[k : k + 3] = line
        image[:, k : k + 3] = line
        image[k + 3] *= 0.8
        image[:, k + 3] *= 0.8
    return _texture(image, 1.2)


def brushed_metal(rng: Rng) -> Texture:
    """Brushed steel or aluminium."""
    image = canvas(SIZE, grey(rng, 0.45, 0.75, 0.01))
    return _texture(modulate(image, fractal_noise(rng, SIZE, 64, 2, stretch=32), 0.1), 0.8)


def speckle(rng: Rng, colour: Colour, amount: float = 0.06) -> Texture:
    """Plastic, leather, skin, paint: one colour with a little life."""
    image = modulate(canvas(SIZE // 4, colour), fractal_noise(rng, SIZE // 4, 4, 4), amount)
    return _texture(image, float(rng.uniform(0.4, 0.9)))


def wicker(rng: Rng) -> Texture:
    """Woven cane or rattan."""
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    step = SIZE // 16
    over = (((x // step) + (y // step)) % 2 == 0)
    bump = np.where(over, np.sin(np.pi * (y % step) / step), np.sin(np.pi * (x % step) / step))
    image = modulate(canvas(SIZE, warm(rng, 0.25, 0.7)), bump.astype(np.float32), 0.35)
    return _texture(image, 0.3)


SURFACES: dict[str, Callable[[Rng], Texture]] = {
    'planks': planks, 'tiles': tiles, 'carpet': carpet, 'bricks': bricks, 'concrete': concrete,
    'wood': wood, 'fabric': fabric, 'marble': marble, 'wallpaper': wallpaper, 'panels': panels,
    'brushed_metal': brushed_metal, 'wicker': wicker, 'rug': rug,
}

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Shelves, cupboards, kitchen units and appliances in their true sizes."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation import clutter, textures
from scaledepth_ros.simulation.furniture import drawer_unit
from scaledepth_ros.simulation.items import Item, legs, Style, Top
from scaledepth_ros.simulation.mesh import box, merge, Mesh, quads, rectangle, rotation_x
from scaledepth_ros.simulation.noise import grey
from scaledepth_ros.simulation.solids import cylinder, tube


def _book_row(style: Style, x0: float, x1: float, y: float, z: float, material: int) -> Mesh:
    """Stand books 0.18-0.32 m high side by side, spines in the plane y."""
    height = style.uniform(0.2, 0.3)
    start = style.uniform(0, 1)
    span = x1 - x0
    face = quads(
        [[[x1, y, z], [x0, y, z], [x0, y, z + height], [x1, y, z + height]]],
        [[[start, 0], [start + span, 0], [start + span, 1], [start, 1]]],
        material,
    )
    dark = style.paint((0.12, 0.1, 0.09))
    body = box((span, 0.16, height - 0.015), dark, at=((x0 + x1) / 2, y - 0.081, z))
    return merge([face, body])


def shelf(
    style: Style,
    width: tuple[float, float] = (0.6, 1.2),
    height: tuple[float, float] = (1.0, 2.2),
    load: str = 'books',
    name: str = 'shelf',
) -> Item:
    """Build a shelf, boards 0.3-0.4 m apart, with books and things on it."""
    w, h, d = style.uniform(*width), style.uniform(*height), style.uniform(0.28, 0.4)
    board, thick = style.board(), 0.02
    levels = max(2, round(h / style.uniform(0.3, 0.4)))
    step = (h - thick) / levels
    parts = [box((thick, d, h), board, at=(s * (w - thick) / 2, 0, 0)) for s in (-1, 1)]
    if style.chance(0.8):
        parts.append(box((w, 0.008, h), board, at=(0, -d / 2 + 0.004, 0)))
    for k in range(levels + 1):
        parts.append(box((w - 2 * thick, d, thick), board, at=(0, 0, k * step)))
    for k in range(levels):
        z, room = k * step + thick, step - thick
        x = -w / 2 + thick
        while x < w / 2 - 0.15:
            span = min(style.uniform(0.15, 0.6), w / 2 - thick - x)
            what = style.rng.random()
            if load == 'books' and what < 0.65 and room > 0.22:
                row = _book_row(style, x, x + span, d / 2 - style.uniform(0.02, 0.1), z,
                                style.picture('book_row'))
                parts.append(row)
            elif what < 0.85:
                pool = clutter.SHELF if load != 'stock' else (
                    clutter.parcel, clutter.storage_box, clutter.carton, clutter.can)
                item = pool[style.integer(0, len(pool) - 1)](style)
                if item.size_m[2] < room and item.size_m[0] < span + 0.05 and item.size_m[1] < d:
                    span = max(item.size_m[0] + 0.02, 0.1)
                    if x + span < w / 2 - thick:
                        parts.append(item.mesh.translated(x + span / 2, 0.02, z))
            x += span + style.uniform(0.01, 0.1)
    return Item.of(name, parts, [Top(0, 0, w, d, h, 0.5)])


def low_shelf(style: Style) -> Item:
    """Build a shelf of half height."""
    return shelf(style, (0.8, 1.6), (0.7, 1.0))


def stock_rack(style: Style) -> Item:
    """Build a rack full of boxes."""
    return shelf(style, (0.9, 1.8), (1.6, 2.2), 'stock', 'rack')


def cupboard(
    style: Style,
    width: tuple[float, float] = (0.8, 2.0),
    depth: tuple[float, float] = (0.4, 0.62),
    height: tuple[float, float] = (1.7, 2.3),
    name: str = 'cupboard',
) -> Item:
    """Build a wardrobe or cupboard with doors 0.4-0.6 m wide."""
    w, d, h = style.uniform(*width), style.uniform(*depth), style.uniform(*height)
    board = style.board()
    front = board if style.chance(0.6) else style.board()
    metal = style.metal()
    doors = max(1, round(w / style.uniform(0.4, 0.6)))
    step = w / doors
    parts = [box((w, d - 0.02, h), board, at=(0, -0.01, 0))]
    for k in range(doors):
        x = -w / 2 + (k + 0.5) * step
        parts.append(box((step - 0.006, 0.02, h - 0.1), front, at=(x, d / 2 - 0.01, 0.08),
                         lengthwise=True))
        side = 1 if k % 2 == 0 else -1
        parts.append(box((0.015, 0.03, 0.14), metal, at=(x + side * (step / 2 - 0.05),
                                                         d / 2 + 0.01, h * 0.48)))
    return Item.of(name, parts, [Top(0, 0, w, d, h, 0.4)])


def sideboard(style: Style) -> Item:
    """Build a low cupboard."""
    return cupboard(style, (1.0, 1.9), (0.38, 0.5), (0.6, 0.95), 'sideboard')


def locker(style: Style) -> Item:
    """Build a steel locker."""
    return cupboard(style, (0.4, 1.2), (0.45, 0.55), (1.75, 1.95), 'locker')


def chest(style: Style) -> Item:
    """Build a chest of drawers."""
    depth, height = style.uniform(0.4, 0.5), style.uniform(0.7, 1.2)
    return drawer_unit(style, (0.6, 1.2), depth, height, 'chest')


def bedside(style: Style) -> Item:
    """Build a bedside table."""
    return drawer_unit(style, (0.38, 0.5), 0.4, style.uniform(0.42, 0.6), 'bedside table')


def file_cabinet(style: Style) -> Item:
    """Build a filing cabinet of steel."""
    height = float(style.rng.choice([0.7, 1.03, 1.33]))
    return drawer_unit(style, (0.42, 0.5), 0.6, height, 'filing cabinet')


def kitchen_unit(style: Style) -> Item:
    """Build base units 0.6 m deep under a worktop at 0.88-0.94 m, with wall units above."""
    count = style.integer(2, 5)
    step, depth, h = 0.6, 0.6, style.uniform(0.88, 0.94)
    width = count * step
    stone = style.palette.add(textures.marble(style.rng), gloss=0.04, roughness=0.1)
    top = stone if style.chance(0.6) else style.wood()
    front, metal, dark = style.board(), style.metal(), style.dark_plastic()
    parts = [
        box((width, depth - 0.07, 0.1), dark, at=(0, -0.035, 0)),
        box((width, depth - 0.04, h - 0.14), front, at=(0, -0.02, 0.1)),
        box((width + 0.02, depth + 0.02, 0.04), top, at=(0, 0.01, h - 0.04)),
    ]
    for k in range(count):
        x = -width / 2 + (k + 0.5) * step
        kind = style.integer(0, 3)
        if kind == 0:
            parts.append(box((step - 0.01, 0.02, h - 0.16), metal, at=(x, depth / 2 - 0.03, 0.11)))
            parts.append(box((step - 0.1, 0.01, 0.3), dark, at=(x, depth / 2 - 0.015, 0.25)))
            parts.append(box((step - 0.1, 0.03, 0.015), metal, at=(x, depth / 2, h - 0.25)))
            parts.append(box((0.56, 0.5, 0.006), dark, at=(x, 0, h)))
        elif kind == 1:
            rows = 3
            for r in range(rows):
                dz = (h - 0.16) / rows
                parts.append(box((step - 0.008, 0.02, dz - 0.008), front,
                                 at=(x, depth / 2 - 0.03, 0.11 + r * dz)))
                parts.append(box((0.16, 0.03, 0.012), metal,
                                 at=(x, depth / 2 - 0.01, 0.11 + (r + 0.75) * dz)))
        else:
            panel = (step - 0.008, 0.02, h - 0.16)
            parts.append(box(panel, front, at=(x, depth / 2 - 0.03, 0.11)))
            parts.append(box((0.14, 0.03, 0.012), metal, at=(x, depth / 2 - 0.01, h - 0.14)))
    sink = -width / 2 + (style.integer(0, count - 1) + 0.5) * step
    parts.append(box((0.5, 0.4, 0.004), metal, at=(sink, 0.02, h)))
    parts.append(tube([[sink, -0.2, h], [sink, -0.2, h + 0.25], [sink, -0.12, h + 0.31],
                       [sink, -0.04, h + 0.26]], 0.012, metal))
    if style.chance(0.75):
        bottom, tall = h + style.uniform(0.5, 0.6), style.uniform(0.6, 0.9)
        wall_front = front if style.chance(0.7) else style.board()
        for k in range(count):
            if style.chance(0.15):
                continue
            x = -width / 2 + (k + 0.5) * step
            parts.append(box((step - 0.005, 0.35, tall), wall_front,
                             at=(x, -depth / 2 + 0.175, bottom)))
            parts.append(box((0.12, 0.02, 0.012), metal,
                             at=(x, -depth / 2 + 0.36, bottom + 0.06)))
    tops = [Top(-width / 4, 0.02, width / 2, depth - 0.1, h, 0.45),
            Top(width / 4, 0.02, width / 2, depth - 0.1, h, 0.45)]
    return Item.of('kitchen unit', parts, tops)


def fridge(style: Style) -> Item:
    """Build a fridge, 0.6 x 0.65 x 0.85-2.0 m."""
    h = float(style.rng.choice([0.85, 1.5, 1.8, 2.0]))
    body = style.paint(grey(style.rng, 0.85, 0.97), 0.04) if style.chance(0.6) else style.metal()
    metal = style.metal()
    split = h * style.uniform(0.3, 0.65)
    parts = [box((0.6, 0.62, h), body, at=(0, -0.015, 0)),
             box((0.59, 0.03, split - 0.06), body, at=(0, 0.31, 0.05)),
             box((0.59, 0.03, h - split - 0.01), body, at=(0, 0.31, split))]
    for z in (split - 0.35, split + 0.05):
        parts.append(tube([[-0.25, 0.35, max(z, 0.1)], [-0.25, 0.35, z + 0.3]], 0.01, metal))
    return Item.of('fridge', parts, [Top(0, 0, 0.55, 0.55, h, 0.4)])


def washing_machine(style: Style) -> Item:
    """Build a front loader, 0.6 x 0.6 x 0.85 m."""
    body = style.paint(grey(style.rng, 0.85, 0.97), 0.04)
    dark, metal = style.dark_plastic(), style.metal()
    door = merge([cylinder(0.19, 0.04, metal, segments=32),
                  cylinder(0.14, 0.055, dark, segments=32)]).transformed(rotation_x(-1.5708))
    parts = [box((0.6, 0.58, 0.85), body), door.translated(0, 0.29, 0.42),
             box((0.58, 0.012, 0.1), style.paint(grey(style.rng, 0.5, 0.9)), at=(0, 0.29, 0.74)),
             box((0.16, 0.016, 0.06), dark, at=(-0.1, 0.293, 0.76))]
    return Item.of('washing machine', parts, [Top(0, 0, 0.55, 0.5, 0.85, 0.8)])


def copier(style: Style) -> Item:
    """Build an office copier on the floor, 1.0-1.2 m high."""
    h = style.uniform(1.0, 1.2)
    light, dark = style.paint(grey(style.rng, 0.7, 0.9)), style.dark_plastic()
    parts = [box((0.62, 0.65, h - 0.25), light)]
    for k in range(3):
        parts.append(box((0.56, 0.02, 0.13), light, at=(0, 0.325, 0.1 + 0.15 * k)))
        parts.append(box((0.2, 0.025, 0.02), dark, at=(0, 0.33, 0.19 + 0.15 * k)))
    parts += [box((0.62, 0.3, 0.12), dark, at=(0, -0.17, h - 0.25)),
              box((0.62, 0.6, 0.13), light, at=(0, 0, h - 0.13)),
              box((0.3, 0.15, 0.03), dark, at=(0.1, 0.34, h - 0.16)),
              box((0.3, 0.35, 0.02), light, at=(-0.42, 0, h - 0.35))]
    return Item.of('copier', parts)


def television(style: Style) -> Item:
    """Build a television of 40-65 inches on a low board."""
    stand = cupboard(style, (1.2, 1.9), (0.38, 0.45), (0.4, 0.55), 'board')
    w = style.uniform(0.88, 1.4)
    tall, z = w * 0.5625, stand.size_m[2]
    case = style.dark_plastic()
    face = rectangle((w / 2 - 0.015, 0.025, z + 0.075), (-(w - 0.03), 0, 0), (0, 0, tall - 0.03),
                     style.picture('screen'), unit_uv=True)
    parts = [stand.mesh, box((w, 0.045, tall), case, at=(0, 0, z + 0.06)), face,
             box((w * 0.5, 0.2, 0.015), case, at=(0, 0, z)),
             box((0.1, 0.03, 0.1), case, at=(0, -0.02, z))]
    return Item.of('television', parts)


def dumbbell_rack(style: Style) -> Item:
    """Build a rack of dumb-bells."""
    metal, dark = style.metal(), style.dark_plastic()
    parts = [box((1.6, 0.5, 0.05), metal, at=(0, 0, z)) for z in (0.3, 0.75)]
    parts += legs(1.6, 0.5, 0.8, 0.06, metal)
    for z in (0.35, 0.8):
        for k in range(5):
            x = -0.64 + 0.32 * k
            for y in (-0.1, 0.1):
                disc = cylinder(0.07, 0.07, dark).transformed(
                    rotation_x(np.pi / 2))
                parts.append(disc.translated(x, y, z + 0.07))
    return Item.of('rack', parts)

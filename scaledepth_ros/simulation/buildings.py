# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Houses and street furniture; fronts face +y, y = 0 is the line of the facade."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation import ground, textures
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.mesh import box, merge, Mesh, quads, rectangle
from scaledepth_ros.simulation.noise import any_colour, grey, hsv, to_uint8
from scaledepth_ros.simulation.solids import cylinder, ellipsoid, lathe, tube
from scaledepth_ros.simulation.textures import Texture


def building(style: Style, width: float, floors: int, *, shop: bool = False) -> Item:
    """
    Build a house with windowed walls, a door and a flat or pitched roof.

    Args:
        style: Materials.
        width: Length of the front in metres; rounded to whole window bays.
        floors: Storeys of 2.7-3.4 m.
        shop: Shop windows on the ground floor.

    Returns:
        The house; its front lies in the plane y = depth / 2.
    """
    rng, palette = style.rng, style.palette
    floor_m, bay_m = style.uniform(2.7, 3.4), style.uniform(2.2, 3.6)
    bays = max(2, round(width / bay_m))
    width, depth = bays * bay_m, style.uniform(8, 13)
    height = floors * floor_m
    finish = ground.wall_finish(rng)
    windows = palette.add(ground.facade(rng, finish, bay_m, floor_m))
    plain = palette.add(Texture(to_uint8(finish), (2 * bay_m, 2 * floor_m)))
    base = 0.0
    parts: list[Mesh] = []
    if shop:
        front = palette.add(ground.shop_front(rng, bay_m, floor_m), gloss=0.03)
        parts.append(rectangle((width / 2, depth / 2, 0), (-width, 0, 0), (0, 0, floor_m), front))
        base = floor_m
    upper = height - base
    if upper > 0:
        parts.append(rectangle((width / 2, depth / 2, base), (-width, 0, 0), (0, 0, upper),
                               windows))
    parts.append(rectangle((-width / 2, -depth / 2, 0), (width, 0, 0), (0, 0, height), windows))
    side = windows if style.chance(0.4) else plain
    for x in (-1, 1):
        parts.append(rectangle((x * width / 2, -x * depth / 2, 0), (0, x * depth, 0),
                               (0, 0, height), side))
    if floors <= 4 and style.chance(0.75):
        parts += _pitched_roof(style, width, depth, height, plain)
    else:
        edge = style.paint(grey(rng, 0.4, 0.9))
        parts.append(box((width + 0.3, depth + 0.3, style.uniform(0.3, 0.9)), edge,
                         at=(0, 0, height - 0.05)))
    if not shop:
        parts += _entrance(style, width, depth, bay_m)
    if floors > 2 and style.chance(0.3):
        rail, slab = style.metal(), style.paint(grey(rng, 0.5, 0.9))
        for floor in range(1, floors):
            for bay in range(0, bays, 2):
                along, z = (bay + 0.5 - bays / 2) * bay_m, floor * floor_m
                parts.append(box((bay_m * 0.9, 1.1, 0.15), slab, at=(along, depth / 2 + 0.55, z)))
                parts.append(box((bay_m * 0.9, 0.04, 0.9), rail,
                                 at=(along, depth / 2 + 1.08, z + 0.15)))
    return Item('building', merge(parts), (width, depth, height))


def _pitched_roof(style: Style, width: float, depth: float, height: float, gable: int
                  ) -> list[Mesh]:
    """Put a gable roof with its ridge along x on the walls, 30-50 degrees steep."""
    tiles = style.palette.add(ground.roof_tiles(style.rng))
    rise = float(depth / 2 * np.tan(np.radians(style.uniform(28, 48))))
    over, x = 0.4, width / 2
    drop = float(over * rise / (depth / 2))
    ridge = height + rise
    parts = []
    for side in (-1, 1):
        eave = [side * (x + 0.25), side * (depth / 2 + over), height - drop]
        along = [-side * (width + 0.5), 0, 0]
        slope = [0, -side * (depth / 2 + over), rise + drop]
        parts.append(rectangle(eave, along, slope, tiles))
        face = [(side * x, -side * depth / 2, height), (side * x, side * depth / 2, height),
                (side * x, 0.0, ridge), (side * x, 0.0, ridge)]
        uv = [(0.0, 0.0), (depth, 0.0), (depth / 2, rise), (depth / 2, rise)]
        parts.append(quads(np.array([face]), np.array([uv]), gable))
    chimney = style.palette.add(textures.bricks(style.rng)) if style.chance(0.5) else gable
    if style.chance(0.7):
        parts.append(box((0.6, 0.5, 1.2), chimney, at=(style.uniform(-0.3, 0.3) * width, 0.8,
                                                       ridge - 0.9)))
    return parts


def _entrance(style: Style, width: float, depth: float, bay: float) -> list[Mesh]:
    """Set a door 1.0 x 2.1 m with a step and a canopy into the front, sometimes a garage."""
    x, y = style.uniform(-0.35, 0.35) * width, depth / 2
    leaf, stone = style.paint(any_colour(style.rng, 0.5)), style.paint(grey(style.rng, 0.4, 0.8))
    parts = [box((1.3, 0.1, 2.35), stone, at=(x, y, 0)),
             box((1.0, 0.14, 2.1), leaf, at=(x, y, 0.1)),
             box((1.6, 0.8, 0.15), stone, at=(x, y + 0.35, 0))]
    if style.chance(0.5):
        parts.append(box((1.8, 0.9, 0.1), stone, at=(x, y + 0.45, 2.45)))
    if style.chance(0.3):
        gate = style.paint(grey(style.rng, 0.6, 0.95))
        at = x + (3.2 if x < 0 else -3.2)
        parts.append(box((2.5, 0.1, 2.1), gate, at=(at, y, 0)))
    return parts


def lamp_post(style: Style) -> Item:
    """Build a street lamp, 5-9 m high, with an arm."""
    h, metal = style.uniform(5, 9), style.paint(grey(style.rng, 0.3, 0.6))
    reach = style.uniform(0.4, 1.8)
    t = np.linspace(0, np.pi / 2, 6)
    arm = np.stack([0 * t, reach * (1 - np.cos(t)), h - 0.6 + 0.6 * np.sin(t)], -1)
    parts = [tube([(0.0, 0.0, 0.0), (0.0, 0.0, h - 0.6)], [0.08, 0.05], metal, segments=10),
             tube(arm, 0.04, metal), cylinder(0.11, 0.9, metal),
             box((0.25, 0.6, 0.12), metal, at=(0, reach + 0.2, h - 0.06))]
    return Item('lamp post', merge(parts), (0.25, reach + 0.5, h))


def traffic_light(style: Style) -> Item:
    """Build a traffic light, 3.2 m high."""
    metal, dark = style.paint(grey(style.rng, 0.3, 0.5)), style.paint((0.06, 0.06, 0.06))
    red, green = style.paint((0.8, 0.1, 0.08)), style.paint((0.1, 0.5, 0.25))
    parts = [tube([(0.0, 0.0, 0.0), (0.0, 0.0, 3.2)], 0.055, metal), box((0.3, 0.2, 0.9), dark,
                                                              at=(0, 0.12, 2.25))]
    for z, material in ((2.95, red), (2.45, green)):
        parts.append(ellipsoid((0.1, 0.03, 0.1), material, at=(0, 0.23, z), segments=10, rings=6))
    return Item.of('traffic light', parts)


def road_sign(style: Style) -> Item:
    """Build a traffic sign on a pole, 2.2-2.8 m high."""
    h = style.uniform(2.2, 2.8)
    metal = style.paint(grey(style.rng, 0.45, 0.7))
    colours = [(0.75, 0.06, 0.07), (0.06, 0.2, 0.6), (0.9, 0.75, 0.1)]
    face = style.paint(colours[style.integer(0, 2)])
    white = style.paint((0.92, 0.92, 0.92))
    parts = [tube([(0.0, 0.0, 0.0), (0.0, 0.0, h)], 0.03, metal)]
    if style.chance(0.6):
        disc = merge([cylinder(0.3, 0.015, face, segments=24),
                      cylinder(0.2, 0.02, white, segments=24)])
        turn = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
        parts.append(disc.transformed(turn).translated(0, 0.04, h - 0.32))
    else:
        parts += [box((0.6, 0.015, 0.6), face, at=(0, 0.04, h - 0.62)),
                  box((0.35, 0.02, 0.2), white, at=(0, 0.04, h - 0.42))]
    return Item.of('sign', parts)


def bollard(style: Style) -> Item:
    """Build a bollard, 0.9-1.1 m."""
    h = style.uniform(0.9, 1.1)
    paint = style.paint(grey(style.rng, 0.1, 0.5))
    profile = [(0, 0), (0.08, 0), (0.07, h - 0.08), (0.05, h), (0, h)]
    return Item.of('bollard', [lathe(profile, paint, segments=14)])


def street_bin(style: Style) -> Item:
    """Build a wheeled refuse bin, 0.55 x 0.6 x 1.07 m."""
    body = style.paint(hsv(float(style.rng.choice([0.0, 0.15, 0.33, 0.6])), 0.5,
                           style.uniform(0.1, 0.4)))
    parts = [box((0.5, 0.52, 0.95), body, at=(0, 0, 0.06)),
             box((0.55, 0.6, 0.06), style.paint(grey(style.rng, 0.1, 0.3)), at=(0, 0, 1.01)),
             box((0.5, 0.12, 0.16), style.dark_plastic(), at=(0, -0.25, 0))]
    return Item.of('refuse bin', parts)


def park_bench(style: Style) -> Item:
    """Build a bench with a back, 1.8 m wide."""
    wood, metal = style.wood(), style.metal()
    parts = [box((1.8, 0.09, 0.03), wood, at=(0, -0.2 + 0.12 * k, 0.43)) for k in range(4)]
    parts += [box((1.8, 0.03, 0.09), wood, at=(0, -0.28, 0.55 + 0.13 * k)) for k in range(3)]
    for x in (-0.75, 0.75):
        parts += [box((0.05, 0.45, 0.43), metal, at=(x, -0.02, 0)),
                  box((0.05, 0.04, 0.9), metal, at=(x, -0.25, 0))]
    return Item.of('bench', parts)


def bus_shelter(style: Style) -> Item:
    """Build a bus shelter, 4 x 1.5 x 2.5 m."""
    metal = style.metal()
    glass = style.palette.plain(grey(style.rng, 0.2, 0.4), gloss=0.12, roughness=0.0)
    parts = [box((4.0, 1.5, 0.12), metal, at=(0, 0, 2.4)),
             box((3.9, 0.03, 1.9), glass, at=(0, -0.7, 0.35)),
             box((1.8, 0.4, 0.06), style.wood(), at=(0, -0.4, 0.45)),
             box((0.05, 1.2, 1.7), style.picture('poster'), at=(1.9, 0, 0.5), unit_uv=True)]
    for x in (-1.95, 1.95):
        for y in (-0.7, 0.6):
            parts.append(box((0.08, 0.08, 2.4), metal, at=(x, y, 0)))
    return Item.of('bus shelter', parts)


def fence(style: Style, length: float, kind: str) -> Mesh:
    """Build a fence or a garden wall along x, 0.8-2.0 m high."""
    rng = style.rng
    if kind == 'boards':
        material = style.palette.add(ground.planked_fence(rng))
        return box((length, 0.04, style.uniform(1.2, 1.9)), material)
    if kind == 'wall':
        finish = textures.bricks(rng) if style.chance(0.5) else textures.concrete(rng)
        h = style.uniform(0.5, 2.0)
        material, cap = style.palette.add(finish), style.paint(grey(rng, 0.4, 0.7))
        return merge([box((length, 0.24, h), material), box((length, 0.32, 0.06), cap,
                                                            at=(0, 0, h))])
    metal, h = style.metal(), style.uniform(0.9, 1.5)
    parts = [box((length, 0.03, 0.04), metal, at=(0, 0, z)) for z in (0.12, h - 0.06)]
    for x in np.arange(-length / 2, length / 2, 0.14):
        parts.append(box((0.018, 0.018, h), metal, at=(float(x), 0, 0)))
    return merge(parts)

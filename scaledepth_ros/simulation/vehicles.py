# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, lorries, buses and bicycles in their true sizes; all drive towards +y."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.mesh import (
    box,
    DoubleArray,
    IntArray,
    merge,
    Mesh,
    rotation_z,
    surface,
)
from scaledepth_ros.simulation.noise import any_colour, Colour, grey, hsv, Rng
from scaledepth_ros.simulation.people import person
from scaledepth_ros.simulation.solids import cylinder, ellipsoid, tube


@dataclass(frozen=True)
class Shape:
    """
    Side view of a car.

    ``profile`` lists (share of the length from the tail, share of the height) of the upper
    outline; ``belt`` is the share of the height at which the windows begin, ``roof`` that of the
    width which is left at the top.
    """

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    profile: tuple[tuple[float, float], ...]
    belt: float
    roof: float


_HATCH = Shape((3.7, 4.3), (1.68, 1.82), (1.45, 1.56),
               ((0, 0.42), (0.01, 0.62), (0.1, 0.9), (0.22, 0.99), (0.4, 1.0), (0.53, 0.95),
                (0.72, 0.66), (0.9, 0.58), (0.98, 0.5), (1, 0.35)), 0.61, 0.72)
_SEDAN = Shape((4.4, 4.95), (1.76, 1.88), (1.4, 1.5),
               ((0, 0.4), (0.01, 0.64), (0.14, 0.69), (0.28, 0.95), (0.42, 1.0), (0.52, 0.97),
                (0.69, 0.68), (0.9, 0.58), (0.98, 0.5), (1, 0.35)), 0.64, 0.7)
_SUV = Shape((4.2, 4.8), (1.8, 1.95), (1.6, 1.8),
             ((0, 0.4), (0.01, 0.62), (0.08, 0.93), (0.2, 1.0), (0.42, 1.0), (0.55, 0.96),
              (0.7, 0.66), (0.92, 0.6), (0.98, 0.5), (1, 0.35)), 0.62, 0.76)
_VAN = Shape((4.8, 6.0), (1.95, 2.05), (1.95, 2.6),
             ((0, 0.3), (0.005, 0.95), (0.03, 1.0), (0.5, 1.0), (0.72, 0.98), (0.8, 0.9),
              (0.93, 0.52), (0.99, 0.45), (1, 0.25)), 0.55, 0.86)
_CITY = (_HATCH, _HATCH, _SEDAN, _SUV, _HATCH, _SEDAN, _SUV, _VAN)


def car_colour(rng: Rng) -> Colour:
    """Draw a car colour with the frequencies of the road: grey, black, white, blue, red."""
    kind = rng.random()
    if kind < 0.28:
        return grey(rng, 0.3, 0.65)
    if kind < 0.5:
        return grey(rng, 0.02, 0.12)
    if kind < 0.72:
        return grey(rng, 0.85, 0.97)
    if kind < 0.84:
        return hsv(float(rng.uniform(0.56, 0.66)), 0.75, float(rng.uniform(0.15, 0.6)))
    if kind < 0.93:
        return hsv(float(rng.uniform(-0.02, 0.03)), 0.85, float(rng.uniform(0.35, 0.75)))
    return any_colour(rng, 0.7)


def _wheel(radius: float, width: float, tyre: int, hub: int, at: tuple[float, float]) -> Mesh:
    """Build a wheel whose axle points along x."""
    rubber = cylinder(radius, width, tyre, segments=20)
    rim = cylinder(radius * 0.64, width + 0.015, hub, at=(0, 0, -0.0075), segments=16)
    turn = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
    return merge([rubber, rim]).transformed(turn).translated(at[0] - width / 2, at[1], radius)


def car(style: Style, shape: Shape | None = None) -> Item:
    """Build a car: 3.7-4.9 m long, 1.7-1.95 m wide, 1.4-1.8 m high; a van is larger."""
    rng = style.rng
    form = _CITY[style.integer(0, len(_CITY) - 1)] if shape is None else shape
    length, width = style.uniform(*form.length_m), style.uniform(*form.width_m)
    height = style.uniform(*form.height_m)
    paint = style.palette.plain(car_colour(rng), gloss=0.06, roughness=0.02)
    glass = style.palette.plain(grey(rng, 0.03, 0.1), gloss=0.12, roughness=0.0)
    dark = style.palette.plain(grey(rng, 0.03, 0.07))
    hub = style.palette.plain(grey(rng, 0.4, 0.75), gloss=0.15)
    body = _body(form, length, width, height, paint, glass, dark)
    parts = [body]
    r = style.uniform(0.3, 0.34) * (1.1 if height > 1.58 else 1.0)
    for y in (-0.3 * length, 0.31 * length):
        for side in (-1, 1):
            parts.append(_wheel(r, 0.2, dark, hub, (side * (width / 2 - 0.1), y)))
            arch = _wheel(r * 1.14, 0.1, dark, dark, (side * (width / 2 - 0.055), y))
            parts.append(arch.translated(z=-0.14 * r + 0.03))
    lamp = style.palette.plain(grey(rng, 0.75, 0.95), gloss=0.15)
    red = style.palette.plain((0.55, 0.03, 0.04), gloss=0.08)
    for side in (-1, 1):
        parts.append(ellipsoid((0.16, 0.12, 0.08), lamp, segments=10, rings=7,
                               at=(side * width * 0.36, length * 0.462, height * 0.46)))
        parts.append(ellipsoid((0.12, 0.06, 0.12), red, segments=10, rings=7,
                               at=(side * width * 0.41, -length * 0.478, height * 0.55)))
        parts.append(ellipsoid((0.11, 0.06, 0.08), paint, segments=8, rings=6,
                               at=(side * (width / 2 + 0.03), length * 0.17, height * 0.66)))
    plate = style.palette.plain((0.9, 0.9, 0.85))
    for end in (-1, 1):
        parts.append(box((0.5, 0.03, 0.11), plate, at=(0, end * (length / 2 - 0.005),
                                                       height * 0.3)))
    return Item.of('van' if form is _VAN else 'car', parts)


def _body(form: Shape, length: float, width: float, height: float, paint: int, glass: int,
          dark: int) -> Mesh:
    """Loft the body over stations along the car; glass above the belt line."""
    knots = np.array(form.profile)
    share = np.unique(np.concatenate([np.linspace(0, 1, 33), knots[:, 0]]))
    top = np.interp(share, knots[:, 0], knots[:, 1]) * height
    y = (share - 0.5) * length
    half = width / 2 * (1 - 0.16 * np.clip((np.abs(share - 0.5) - 0.36) / 0.14, 0, 1) ** 2)
    sill = 0.2 + 0.12 * np.clip((np.abs(share - 0.5) - 0.4) / 0.1, 0, 1)
    belt = np.minimum(form.belt * height, top - 0.05)
    cabin = np.clip((top - form.belt * height) / (height * (1 - form.belt)), 0, 1)
    shoulder = half * (1 - (1 - form.roof) * cabin * 0.95)
    fillet = 0.04 + 0.03 * cabin
    columns = [
        (half * 0.93, sill), (half * 0.99, sill + 0.1), (half, (sill + belt) / 2),
        (half * 0.975, belt), (shoulder * 1.02, np.maximum(top - fillet, belt)),
        (shoulder * 0.9, top - 0.008), (shoulder * 0.45, top), (shoulder * 0, top),
    ]
    xs = np.stack([c[0] for c in columns] + [-c[0] for c in columns[-2::-1]], 1)
    zs = np.stack([c[1] for c in columns] + [c[1] for c in columns[-2::-1]], 1)
    ys = np.broadcast_to(y[:, None], xs.shape)
    cell = _glazing(form, share, top / height, xs.shape[1] - 1, paint, glass)
    cell[:, [0, -1]] = dark
    shell = surface(np.stack([xs, ys, zs], -1), cell, flip=True)
    floor = box((width * 0.9, length * 0.96, 0.1), dark, at=(0, 0, 0.18))
    caps = []
    for end in (0, -1):
        ring = np.stack([xs[end], ys[end], zs[end]], -1)
        centre = np.repeat(ring.mean(0)[None], len(ring), 0)
        caps.append(surface(np.stack([centre, ring]), paint, flat=True, flip=end == 0))
    return merge([shell, floor, *caps])


def _glazing(form: Shape, share: DoubleArray, top: DoubleArray, columns: int, paint: int,
             glass: int) -> IntArray:
    """Tell paint from glass for each cell of the shell (stations - 1, columns)."""
    cell = np.full((len(share) - 1, columns), paint, np.int32)
    middle, level = (share[1:] + share[:-1]) / 2, (top[1:] + top[:-1]) / 2
    slope = np.abs(np.diff(top)) / np.diff(share)
    cabin = (level - form.belt) / (1 - form.belt)
    side = cabin > 0.3
    # Pillars between the doors, and closed flanks behind the driver of a van.
    side &= np.abs(middle - 0.36) > 0.018
    side &= (middle > 0.66) if form is _VAN else (np.abs(middle - 0.57) > 0.012)
    for column in (3, columns - 4):
        cell[side, column] = glass
    screen = (cabin > 0.04) & (cabin < 0.97) & (slope > 0.7)
    if form is _VAN:
        screen &= middle > 0.6
    cell[screen, 5 : columns - 5] = glass
    return cell


def lorry(style: Style) -> Item:
    """Build a rigid lorry, 6.5-10 m long, 2.5 m wide, 3.2-3.8 m high."""
    length, height, width = style.uniform(6.5, 10), style.uniform(3.2, 3.8), 2.5
    cab = style.palette.plain(car_colour(style.rng), gloss=0.05)
    box_paint = style.palette.plain(grey(style.rng, 0.6, 0.95) if style.chance(0.6)
                                    else any_colour(style.rng))
    dark = style.palette.plain(grey(style.rng, 0.03, 0.08))
    glass = style.palette.plain((0.05, 0.06, 0.07), gloss=0.12, roughness=0.0)
    cab_y = length / 2 - 0.95
    parts = [
        box((width, length - 2.1, height - 0.95), box_paint, at=(0, -1.05, 0.95)),
        box((width - 0.1, 1.9, 2.0), cab, at=(0, cab_y, 0.55)),
        box((width - 0.25, 0.03, 0.85), glass, at=(0, cab_y + 0.95, 1.5)),
        box((width - 0.07, 0.8, 0.7), glass, at=(0, cab_y + 0.3, 1.55)),
        box((0.9, length - 0.4, 0.25), dark, at=(0, 0, 0.6)),
        box((width - 0.1, 0.1, 0.3), dark, at=(0, cab_y + 0.96, 0.45)),
    ]
    for y in (cab_y - 0.1, -length / 2 + 1.6, -length / 2 + 2.7):
        for side in (-1, 1):
            parts.append(_wheel(0.48, 0.3, dark, style.metal(), (side * (width / 2 - 0.16), y)))
    return Item.of('lorry', parts)


def bus(style: Style) -> Item:
    """Build a city bus, 12 x 2.55 x 3.1 m."""
    paint = style.palette.plain(any_colour(style.rng, 0.7), gloss=0.05)
    dark = style.palette.plain((0.05, 0.05, 0.05))
    glass = style.palette.plain((0.06, 0.07, 0.08), gloss=0.12, roughness=0.0)
    parts = [box((2.55, 12.0, 2.75), paint, at=(0, 0, 0.35)),
             box((2.57, 11.4, 1.0), glass, at=(0, 0.1, 1.4)),
             box((2.3, 12.03, 1.4), glass, at=(0, 0, 1.2))]
    for y in (-3.2, 3.6):
        for side in (-1, 1):
            parts.append(_wheel(0.48, 0.3, dark, style.metal(), (side * 1.14, y)))
    return Item.of('bus', parts)


def bicycle(style: Style, *, rider: bool = False) -> Item:
    """Build a bicycle 1.75 m long, with a rider on request."""
    paint, dark = style.paint(gloss=0.05), style.dark_plastic()
    ring = np.linspace(0, 2 * np.pi, 25)
    parts = []
    for y in (-0.53, 0.53):
        wheel = np.stack([0 * ring, y + 0.33 * np.cos(ring), 0.35 + 0.33 * np.sin(ring)], -1)
        parts.append(tube(wheel, 0.018, dark, segments=6, capped=False))
    for path in ([[0, -0.53, 0.35], [0, -0.1, 0.32], [0, 0.38, 0.85], [0, -0.2, 0.8],
                  [0, -0.53, 0.35]],
                 [[0, -0.1, 0.32], [0, -0.22, 0.95]],
                 [[0, 0.53, 0.35], [0, 0.36, 1.05]],
                 [[-0.28, 0.3, 1.05], [0, 0.38, 1.05], [0.28, 0.3, 1.05]]):
        parts.append(tube(path, 0.017, paint, segments=6))
    parts.append(ellipsoid((0.08, 0.13, 0.04), dark, at=(0, -0.23, 0.97)))
    if rider:
        figure = person(style, walking=True)
        lean = np.array([[1, 0, 0, 0], [0, 1, 0.18, -0.35], [0, 0, 0.95, 0.22], [0, 0, 0, 1]])
        parts.append(figure.mesh.transformed(lean))
    return Item.of('cyclist' if rider else 'bicycle', parts)


def repainted(style: Style, item: Item) -> Item:
    """Give a vehicle another colour; cheaper than building a new one."""
    rng = style.rng
    corner = item.mesh.corners_m
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    body = np.bincount(item.mesh.material, np.linalg.norm(cross, axis=1)).argmax()
    paint = style.palette.plain(car_colour(rng), gloss=0.06, roughness=0.02)
    material = np.where(item.mesh.material == body, paint, item.mesh.material)
    return Item(item.name, replace(item.mesh, material=material.astype(np.int32)), item.size_m)


def turned(mesh: Mesh, heading_rad: float, x: float, y: float, z: float = 0.0) -> Mesh:
    """Place a vehicle so that it drives along a heading, counter-clockwise from +x."""
    return mesh.transformed(rotation_z(heading_rad - np.pi / 2)).translated(x, y, z)

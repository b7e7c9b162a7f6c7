# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What is fixed to walls and ceilings: doors, windows, radiators, pictures, boards, lamps.

Wall fixtures are built in the frame of a wall: x along it, z up, +y into the room, y = 0 on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation import pictures, textures
from scaledepth_ros.simulation.items import Style
from scaledepth_ros.simulation.mesh import box, merge, Mesh, rectangle, rotation_x, surface
from scaledepth_ros.simulation.noise import grey
from scaledepth_ros.simulation.solids import cylinder, ellipsoid, lathe, tube

LightRow = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, bool]


@dataclass(frozen=True)
class Fixture:
    """A fixture with its extent (x0, x1, z0, z1) on the wall and the lamps that it carries."""

    name: str
    mesh: Mesh
    extent_m: tuple[float, float, float, float]
    recess_m: float = 0.0
    lights: tuple[LightRow, ...] = field(default_factory=tuple)


def door(style: Style, height_m: float = 2.0) -> Fixture:
    """Build a door leaf 0.8-0.95 m wide and 1.98-2.1 m high with frame and handle."""
    w, h = style.uniform(0.8, 0.95), style.uniform(1.98, 2.1) * height_m / 2.0
    leaf = style.board() if style.chance(0.6) else style.paint()
    frame, metal = style.board(), style.metal()
    recess = style.uniform(0.03, 0.12)
    parts = [box((w, 0.04, h), leaf, at=(0, -recess - 0.02, 0), lengthwise=True)]
    for x in (-1, 1):
        parts.append(box((0.07, 0.03, h + 0.07), frame, at=(x * (w / 2 + 0.035), 0.015, 0)))
    parts.append(box((w, 0.03, 0.07), frame, at=(0, 0.015, h)))
    if style.chance(0.4):
        panel_h = (h - 0.45) / 2
        for z in (0.15, 0.3 + panel_h):
            parts.append(box((w - 0.3, 0.02, panel_h), leaf, at=(0, -recess + 0.003, z)))
    side = 1 if style.chance(0.5) else -1
    parts.append(box((0.04, 0.012, 0.2), metal, at=(side * (w / 2 - 0.07), -recess + 0.006, 0.95)))
    parts.append(tube([[side * (w / 2 - 0.07), -recess + 0.05, 1.05],
                       [side * (w / 2 - 0.19), -recess + 0.05, 1.05]], 0.01, metal))
    if style.chance(0.2):
        glass = style.palette.plain(grey(style.rng, 0.5, 0.8), gloss=0.1)
        parts.append(box((w * 0.5, 0.005, h * 0.35), glass, at=(0, -recess + 0.002, h * 0.55)))
    return Fixture('door', merge(parts), (-w / 2, w / 2, 0.0, h), recess)


def window(
    style: Style, radiance: float, ceiling_m: float, pane: int, width: float | None = None
) -> Fixture:
    """
    Build a window with its frame; the pane shows the outside and shines.

    Args:
        style: Materials.
        radiance: Mean radiance of the pane; below 2 it does not light the room.
        ceiling_m: Height of the room.
        pane: Material of the outside view.
        width: Width in metres; random without it.
    """
    w = style.uniform(0.8, 2.4) if width is None else width
    sill = style.uniform(0.0, 0.2) if style.chance(0.12) else style.uniform(0.75, 1.05)
    h = min(style.uniform(1.1, 1.6), ceiling_m - sill - 0.15) if sill > 0.5 else ceiling_m - 0.5
    recess, frame = style.uniform(0.06, 0.22), style.paint(
        grey(style.rng, 0.8, 0.97) if style.chance(0.75) else grey(style.rng, 0.08, 0.4))
    top = sill + h
    parts = [rectangle((w / 2, -recess, sill), (-w, 0, 0), (0, 0, h), pane, unit_uv=True)]
    bar, y = 0.06, -recess + 0.03
    for x in (-w / 2 + bar / 2, w / 2 - bar / 2):
        parts.append(box((bar, 0.06, h), frame, at=(x, y, sill)))
    for z in (sill, top - bar):
        parts.append(box((w, 0.06, bar), frame, at=(0, y, z)))
    wings = max(1, round(w / style.uniform(0.6, 1.1)))
    for k in range(1, wings):
        parts.append(box((bar * 1.3, 0.06, h), frame, at=(-w / 2 + k * w / wings, y, sill)))
    if style.chance(0.25):
        parts.append(box((w, 0.05, 0.04), frame, at=(0, y, sill + h * 0.62)))
    if sill > 0.3:
        parts.append(box((w + 0.1, recess + 0.12, 0.03), frame, at=(0, 0.03, sill - 0.03)))
    lights: list[LightRow] = []
    blind = style.rng.random()
    if blind < 0.2:
        slat = style.paint(grey(style.rng, 0.7, 0.95))
        drop = style.uniform(0.2, 1.0) * h
        for k in range(int(drop / 0.05)):
            z = top - 0.03 - k * 0.05
            parts.append(box((w - 0.04, 0.03, 0.004), slat, at=(0, -recess + 0.09, z)))
        top -= drop * 0.6
    elif blind < 0.5:
        parts += curtains(style, w, sill, top, ceiling_m)
    if radiance > 2.0:
        shine = np.full(3, radiance) * [0.92, 0.97, 1.0]
        lights.append(((w / 2 - 0.05, -recess + 0.07, sill + 0.05), (-(w - 0.1), 0, 0),
                       (0, 0, top - sill - 0.1), shine, False))
    return Fixture('window', merge(parts), (-w / 2, w / 2, sill, sill + h), recess, tuple(lights))


def curtains(style: Style, width: float, sill: float, top: float, ceiling: float) -> list[Mesh]:
    """Hang two wavy curtains at the sides of a window."""
    cloth = style.fabric() if style.chance(0.6) else style.cloth()
    low = 0.03 if style.chance(0.6) else sill - 0.1
    high = min(top + 0.12, ceiling - 0.02)
    parts = [tube([[-width / 2 - 0.25, 0.08, high], [width / 2 + 0.25, 0.08, high]], 0.013,
                  style.metal())]
    reach = style.uniform(0.25, 0.45)
    for side in (-1, 1):
        t = np.linspace(0, 1, 40)
        x = side * (width / 2 + 0.2 - t * reach)
        y = 0.085 + 0.03 * np.sin(t * reach * 2 * np.pi / 0.09)
        z = np.array([low, high])
        points = np.stack([np.broadcast_to(x[:, None], (40, 2)),
                           np.broadcast_to(y[:, None], (40, 2)),
                           np.broadcast_to(z[None], (40, 2))], -1)
        parts.append(surface(points, cloth, flip=side > 0))
    return parts


def radiator(style: Style) -> Fixture:
    """Build a radiator, 0.5-0.6 m high."""
    w, h = style.uniform(0.6, 1.6), style.uniform(0.45, 0.6)
    paint = style.paint(grey(style.rng, 0.82, 0.95), 0.02)
    parts = [box((w, 0.02, h), paint, at=(0, 0.05, 0.12))]
    for k in range(int(w / 0.07)):
        parts.append(box((0.045, 0.05, h - 0.02), paint,
                         at=(-w / 2 + 0.04 + 0.07 * k, 0.085, 0.13)))
    return Fixture('radiator', merge(parts), (-w / 2, w / 2, 0.1, h + 0.12))


def picture(style: Style) -> Fixture:
    """Hang a poster or a framed picture, 0.3-1.2 m."""
    w, h = style.uniform(0.3, 1.2), style.uniform(0.3, 1.0)
    z = style.uniform(1.45, 1.65) - h / 2
    parts = [rectangle((w / 2, 0.012, z), (-w, 0, 0), (0, 0, h), style.picture('poster'),
                       unit_uv=True)]
    if style.chance(0.5):
        frame = style.wood() if style.chance(0.5) else style.metal()
        for x in (-1, 1):
            parts.append(box((0.03, 0.025, h + 0.06), frame,
                             at=(x * (w / 2 + 0.015), 0.0125, z - 0.03)))
        for dz in (-0.03, h):
            parts.append(box((w, 0.025, 0.03), frame, at=(0, 0.0125, z + dz)))
    else:
        parts.append(box((w, 0.01, h), style.board(), at=(0, 0.005, z)))
    return Fixture('picture', merge(parts), (-w / 2, w / 2, z, z + h))


def board(style: Style) -> Fixture:
    """Hang a whiteboard or a chalkboard, 1.2-3.0 x 0.9-1.2 m."""
    w, h, z = style.uniform(1.2, 3.0), style.uniform(0.9, 1.2), style.uniform(0.85, 1.0)
    frame = style.metal()
    parts = [rectangle((w / 2, 0.022, z), (-w, 0, 0), (0, 0, h), style.picture('whiteboard'),
                       unit_uv=True),
             box((w + 0.04, 0.02, h + 0.04), frame, at=(0, 0.01, z - 0.02)),
             box((w * 0.6, 0.08, 0.015), frame, at=(0, 0.05, z - 0.02))]
    return Fixture('board', merge(parts), (-w / 2, w / 2, z, z + h))


def clock(style: Style) -> Fixture:
    """Hang a clock."""
    r = style.uniform(0.13, 0.18)
    face, rim = style.paint((0.95, 0.95, 0.93)), style.dark_plastic()
    disc = merge([cylinder(r, 0.03, rim, segments=28),
                  cylinder(r * 0.9, 0.034, face, segments=28),
                  box((0.012, r * 0.7, 0.036), rim, at=(0, r * 0.25, 0)),
                  box((r * 0.5, 0.014, 0.036), rim, at=(r * 0.2, 0, 0))])
    turned = disc.transformed(rotation_x(-np.pi / 2)).translated(z=1.95)
    return Fixture('clock', turned, (-r, r, 1.95 - r, 1.95 + r))


def wall_shelf(style: Style) -> Fixture:
    """Fix a board with things on it to the wall."""
    from scaledepth_ros.simulation.clutter import SHELF

    w, z = style.uniform(0.6, 1.5), style.uniform(1.3, 1.7)
    wood = style.board()
    parts = [box((w, 0.25, 0.025), wood, at=(0, 0.125, z))]
    x = -w / 2 + 0.1
    while x < w / 2 - 0.15:
        item = SHELF[style.integer(0, len(SHELF) - 1)](style)
        wide = item.size_m[0]
        if item.size_m[1] < 0.28 and x + wide < w / 2:
            parts.append(item.mesh.translated(x + wide / 2, 0.13, z + 0.025))
        x += wide + style.uniform(0.02, 0.2)
    return Fixture('wall shelf', merge(parts), (-w / 2, w / 2, z - 0.05, z + 0.35))


def coats(style: Style) -> Fixture:
    """Hang jackets from hooks, 1.0-1.2 m long."""
    count = style.integer(1, 4)
    width = 0.28 * count
    parts = [box((width, 0.03, 0.1), style.wood(), at=(0, 0.015, 1.65))]
    for k in range(count):
        cloth = style.cloth() if style.chance(0.7) else style.fabric()
        long = style.uniform(0.65, 1.1)
        body = ellipsoid((0.19, 0.08, long / 2), cloth, squareness=0.45)
        parts.append(body.translated((k - (count - 1) / 2) * 0.28, 0.11, 1.7 - long / 2))
        for side in (-1, 1):
            arm = tube([[side * 0.13, 0.12, 1.6], [side * 0.2, 0.13, 1.62 - long * 0.6]],
                       0.05, cloth)
            parts.append(arm.translated(x=(k - (count - 1) / 2) * 0.28))
    return Fixture('coats', merge(parts), (-width / 2 - 0.1, width / 2 + 0.1, 0.6, 1.75))


def mirror(style: Style) -> Fixture:
    """Hang a mirror; its depth is that of the glass."""
    w, h = style.uniform(0.5, 1.0), style.uniform(0.6, 0.9)
    glass = style.palette.plain((0.1, 0.1, 0.1), gloss=0.8, roughness=0.0)
    parts = [rectangle((w / 2, 0.02, 1.1), (-w, 0, 0), (0, 0, h), glass),
             box((w + 0.05, 0.018, h + 0.05), style.metal(), at=(0, 0.009, 1.075))]
    return Fixture('mirror', merge(parts), (-w / 2, w / 2, 1.1, 1.1 + h))


def switch(style: Style) -> Fixture:
    """Fix a light switch or a socket, 0.08 m."""
    z = 1.05 if style.chance(0.5) else 0.3
    plate = style.paint(grey(style.rng, 0.85, 0.97))
    return Fixture('switch', box((0.08, 0.012, 0.08), plate, at=(0, 0.006, z)),
                   (-0.04, 0.04, z, z + 0.08))


def ceiling_panel(style: Style, x: float, y: float, z: float, radiance: float,
                  colour: tuple[float, float, float], size: tuple[float, float]) -> Fixture:
    """Build a flat lamp flush with the ceiling."""
    w, d = size
    glow = style.palette.plain((0.95, 0.95, 0.95), emission=radiance)
    frame = style.paint(grey(style.rng, 0.75, 0.95))
    parts = [box((w + 0.05, d + 0.05, 0.03), frame, at=(x, y, z - 0.03)),
             rectangle((x - w / 2, y + d / 2, z - 0.032), (w, 0, 0), (0, -d, 0), glow)]
    light = ((x - w / 2, y + d / 2, z - 0.04), (w, 0, 0), (0, -d, 0),
             np.asarray(colour) * radiance, False)
    return Fixture('lamp', merge(parts), (0, 0, 0, 0), 0.0, (light,))


def _omni(x: float, y: float, z: float, side: float, power: float,
          colour: tuple[float, float, float]) -> LightRow:
    return ((x - side / 2, y + side / 2, z), (side, 0, 0), (0, -side, 0),
            np.asarray(colour) * power / side**2, True)


def pendant(style: Style, x: float, y: float, z: float, power: float,
            colour: tuple[float, float, float]) -> Fixture:
    """Hang a lamp with a shade or a globe from the ceiling height z."""
    drop = style.uniform(0.3, 0.9)
    bottom = z - drop
    cord = style.dark_plastic()
    parts = [tube([[x, y, z], [x, y, bottom + 0.2]], 0.005, cord, segments=6, capped=False)]
    r = style.uniform(0.12, 0.28)
    if style.chance(0.5):
        paint = style.paint(gloss=0.05) if style.chance(0.5) else style.fabric()
        shade = lathe([(r, 0), (r * style.uniform(0.3, 0.9), 0.2)], paint)
        parts.append(shade.translated(x, y, bottom))
        light = _omni(x, y, bottom + 0.03, 0.08, power, colour)
    else:
        glow = style.palette.plain((0.95, 0.93, 0.88), emission=1.8)
        parts.append(ellipsoid((r, r, r), glow, at=(x, y, bottom + 0.2)))
        light = _omni(x, y, bottom + 0.2 - r - 0.03, 0.15, power, colour)
    return Fixture('lamp', merge(parts), (0, 0, 0, 0), 0.0, (light,))


def floor_lamp(style: Style, x: float, y: float, power: float,
               colour: tuple[float, float, float]) -> Fixture:
    """Stand a lamp with an open shade on the floor, 1.4-1.8 m high."""
    h, r = style.uniform(1.4, 1.8), style.uniform(0.15, 0.24)
    metal = style.metal()
    shade = style.palette.plain((0.9, 0.85, 0.75), emission=1.2)
    parts = [cylinder(0.14, 0.02, metal, at=(x, y, 0)),
             tube([[x, y, 0], [x, y, h - 0.2]], 0.012, metal),
             lathe([(r, 0), (r * 0.7, 0.27)], shade).translated(x, y, h - 0.27)]
    return Fixture('floor lamp', merge(parts), (0, 0, 0, 0), 0.0,
                   (_omni(x, y, h - 0.14, 0.08, power, colour),))


def outside_material(style: Style, radiance: float) -> int:
    """Register the view through the windows of a room."""
    view = pictures.outside_view(style.rng)
    mean = float(((view.image / 255.0) ** 2.2).mean())
    return style.palette.add(view, emission=radiance / max(mean, 0.05), transparent=True)


def tiled_band(style: Style, width: float, z0: float, z1: float) -> Mesh:
    """Cover a stretch of wall with small tiles, as behind a worktop."""
    tile = style.palette.add(textures.tiles(style.rng, side_m=style.uniform(0.1, 0.2)), gloss=0.04)
    return rectangle((width / 2, 0.008, z0), (-width, 0, 0), (0, 0, z1 - z0), tile)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Tables, seats and beds in their true sizes (DIN EN 1729, EN 1335 and shop catalogues)."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation.items import Item, legs, Style, Top
from scaledepth_ros.simulation.mesh import box, merge, Mesh, rotation_x, surface
from scaledepth_ros.simulation.solids import cushion, cylinder, ellipsoid, lathe, tube


def table(
    style: Style,
    width: tuple[float, float] = (1.2, 2.0),
    depth: tuple[float, float] = (0.75, 1.0),
    height: tuple[float, float] = (0.72, 0.76),
    name: str = 'table',
) -> Item:
    """Build a table with four legs, two frames or two panels."""
    w, d, h = style.uniform(*width), style.uniform(*depth), style.uniform(*height)
    thick = style.uniform(0.02, 0.045)
    top, under = style.board(), style.wood()
    parts = [box((w, d, thick), top, at=(0, 0, h - thick), lengthwise=True)]
    kind = style.rng.choice(['legs', 'legs', 'frame', 'panel'])
    if kind == 'legs':
        leg = style.uniform(0.04, 0.08)
        material = under if style.chance(0.6) else style.metal()
        parts += legs(w, d, h - thick, leg, material)
        if style.chance(0.6):
            apron = style.uniform(0.06, 0.1)
            for y in (-1, 1):
                parts.append(box((w - 0.2, 0.02, apron), material,
                                 at=(0, y * (d / 2 - 0.07), h - thick - apron)))
            for x in (-1, 1):
                parts.append(box((0.02, d - 0.2, apron), material,
                                 at=(x * (w / 2 - 0.07), 0, h - thick - apron)))
    elif kind == 'frame':
        metal = style.metal()
        for x in (-1, 1):
            at_x = x * (w / 2 - 0.08)
            for y in (-1, 1):
                parts.append(box((0.05, 0.05, h - thick), metal, at=(at_x, y * (d / 2 - 0.06), 0)))
            parts.append(box((0.05, d - 0.1, 0.04), metal, at=(at_x, 0, h - thick - 0.04)))
            parts.append(box((0.05, d - 0.1, 0.03), metal, at=(at_x, 0, 0.0)))
    else:
        for x in (-1, 1):
            parts.append(box((0.025, d * 0.95, h - thick), top, at=(x * (w / 2 - 0.02), 0, 0)))
        parts.append(box((w - 0.06, 0.02, 0.35), top, at=(0, -d / 2 + 0.08, h - thick - 0.36)))
    return Item.of(name, parts, [Top(0, 0, w, d, h)])


def round_table(style: Style, radius: tuple[float, float] = (0.4, 0.65),
                height: tuple[float, float] = (0.72, 0.76), name: str = 'round table') -> Item:
    """Build a round table on one column."""
    r, h = style.uniform(*radius), style.uniform(*height)
    metal, top = style.metal(), style.board()
    thick = style.uniform(0.02, 0.035)
    parts = [
        cylinder(r, thick, top, at=(0, 0, h - thick), segments=40),
        cylinder(0.035, h - thick, metal),
        cylinder(r * 0.55, 0.03, metal, segments=28, top_radius_m=r * 0.5),
    ]
    side = r * 1.35
    return Item.of(name, parts, [Top(0, 0, side, side, h)])


def coffee_table(style: Style) -> Item:
    """Build a low table for a sofa."""
    if style.chance(0.25):
        return round_table(style, (0.35, 0.5), (0.38, 0.48), 'coffee table')
    item = table(style, (0.8, 1.3), (0.5, 0.7), (0.38, 0.48), 'coffee table')
    if style.chance(0.4):
        w, d, _ = item.size_m
        shelf = box((w - 0.1, d - 0.1, 0.018), style.board(), at=(0, 0, 0.14))
        return Item(item.name, merge([item.mesh, shelf]), item.size_m, item.tops)
    return item


def desk(style: Style) -> Item:
    """Build a desk, often with a drawer unit below."""
    item = table(style, (1.2, 1.8), (0.65, 0.85), name='desk')
    if not style.chance(0.5):
        return item
    w, d, h = item.size_m
    drawer = drawer_unit(style, (0.4, 0.45), min(d, 0.6) - 0.05, h - 0.12)
    side = 1 if style.chance(0.5) else -1
    moved = drawer.mesh.translated(side * (w / 2 - 0.3), 0.02)
    return Item(item.name, merge([item.mesh, moved]), item.size_m, item.tops)


def drawer_unit(style: Style, width: tuple[float, float] = (0.4, 0.9),
                depth: float = 0.45, height: float = 0.75, name: str = 'drawers') -> Item:
    """Build a chest of drawers; fronts 0.12-0.25 m high with handles."""
    w, board = style.uniform(*width), style.board()
    front = board if style.chance(0.6) else style.board()
    metal = style.metal()
    rows = max(2, round(height / style.uniform(0.14, 0.25)))
    step = (height - 0.06) / rows
    parts = [box((w, depth - 0.02, height), board, at=(0, -0.01, 0))]
    for row in range(rows):
        z = 0.05 + row * step
        parts.append(box((w - 0.01, 0.02, step - 0.008), front, at=(0, depth / 2 - 0.01, z)))
        parts.append(box((min(0.12, w * 0.4), 0.025, 0.012), metal,
                         at=(0, depth / 2 + 0.01, z + step * 0.6)))
    return Item.of(name, parts, [Top(0, 0, w, depth, height, 0.8)])


def chair(style: Style) -> Item:
    """Build a four-legged chair, seat at 0.44-0.47 m, back to 0.8-1.0 m."""
    w, d = style.uniform(0.4, 0.48), style.uniform(0.4, 0.5)
    seat, total = style.uniform(0.44, 0.47), style.uniform(0.8, 1.0)
    wooden = style.chance(0.6)
    frame = style.wood() if wooden else style.metal()
    pad = style.fabric() if style.chance(0.5) else (frame if wooden else style.paint())
    leg = style.uniform(0.025, 0.045)
    parts = [box((w, d, 0.03), pad, at=(0, 0, seat - 0.03))]
    if style.chance(0.4):
        parts[0] = cushion((w, d, 0.06), pad, at=(0, 0, seat - 0.05))
    parts += legs(w, d, seat - 0.02, leg, frame, inset=0.0)
    for x in (-1, 1):
        parts.append(box((leg, leg, total - seat), frame,
                         at=(x * (w - leg) / 2, -d / 2 + leg / 2, seat)))
    if style.chance(0.5):
        for k in range(style.integer(2, 4)):
            parts.append(box((w - leg, 0.018, 0.05), frame,
                             at=(0, -d / 2 + leg / 2, total - 0.07 - 0.1 * k)))
    else:
        height = style.uniform(0.2, total - seat - 0.03)
        parts.append(box((w, 0.025, height), pad, at=(0, -d / 2 + 0.02, total - height)))
    return Item.of('chair', parts)


def shell_chair(style: Style) -> Item:
    """Build a chair with a moulded shell on thin legs."""
    shell = style.paint()
    u = np.linspace(-1, 1, 9)[:, None]
    t = np.linspace(0, 1, 14)[None]
    # The profile runs from the front edge along the seat and bends up into the back.
    forward = np.where(t < 0.5, 0.22 - t * 0.8, -0.18 - (t - 0.5) * 0.16)
    up = 0.45 + np.where(t < 0.5, -0.03 * np.sin(t * 2 * np.pi), (t - 0.5) * 0.76)
    width = 0.24 * (1 - 0.25 * np.clip(t - 0.5, 0, 1))
    curl = 0.04 * u**2
    shape = np.broadcast_shapes(u.shape, t.shape)
    points = np.stack([np.broadcast_to(u * width, shape), np.broadcast_to(forward + curl, shape),
                       np.broadcast_to(up + curl * (t < 0.5), shape)], -1)
    parts = [surface(points, shell)]
    leg = style.metal() if style.chance(0.6) else style.wood()
    for x in (-1, 1):
        for y in (-1, 1):
            parts.append(tube([[x * 0.12, y * 0.1, 0.44], [x * 0.22, y * 0.2, 0.0]], 0.011, leg))
    return Item.of('chair', parts)


def office_chair(style: Style) -> Item:
    """Build a swivel chair on five castors, seat at 0.42-0.52 m."""
    base = style.dark_plastic()
    pad = style.fabric() if style.chance(0.5) else style.cloth()
    seat = style.uniform(0.42, 0.52)
    total = style.uniform(0.85, 1.15)
    parts = [
        cushion((0.48, 0.47, 0.08), pad, at=(0, 0, seat - 0.08)),
        cushion((0.44, 0.08, total - seat - 0.1), pad, at=(0, -0.24, seat + 0.1)),
        box((0.06, 0.03, 0.3), base, at=(0, -0.26, seat - 0.05)),
        cylinder(0.025, seat - 0.12, base, at=(0, 0, 0.07)),
    ]
    for angle in np.arange(5) * 2 * np.pi / 5:
        end = [0.29 * np.cos(angle), 0.29 * np.sin(angle), 0.075]
        parts.append(tube([[0, 0, 0.11], end], 0.018, base, segments=6))
        parts.append(ellipsoid((0.03, 0.03, 0.03), base, at=(end[0], end[1], 0.03), segments=8,
                               rings=6))
    if style.chance(0.6):
        for x in (-1, 1):
            parts.append(box((0.04, 0.03, 0.2), base, at=(x * 0.27, 0.0, seat)))
            parts.append(box((0.05, 0.26, 0.025), base, at=(x * 0.27, 0.03, seat + 0.2)))
    return Item.of('office chair', parts)


def stool(style: Style, height: tuple[float, float] = (0.42, 0.48), name: str = 'stool') -> Item:
    """Build a round stool; 0.65-0.8 m high at a bar."""
    h, r = style.uniform(*height), style.uniform(0.15, 0.19)
    leg = style.wood() if style.chance(0.5) else style.metal()
    top = style.board() if style.chance(0.6) else style.leather()
    parts = [cylinder(r, 0.04, top, at=(0, 0, h - 0.04), segments=28)]
    for k in range(4):
        a = np.pi / 4 + k * np.pi / 2
        parts.append(tube([[0.6 * r * np.cos(a), 0.6 * r * np.sin(a), h - 0.04],
                           [1.1 * r * np.cos(a), 1.1 * r * np.sin(a), 0]], 0.014, leg))
    ring = np.linspace(0, 2 * np.pi, 17)
    z = h * 0.35
    r2 = 0.92 * r
    parts.append(tube(np.stack([r2 * np.cos(ring), r2 * np.sin(ring), np.full(17, z)], -1), 0.008,
                      leg, segments=6, capped=False))
    return Item.of(name, parts)


def bar_stool(style: Style) -> Item:
    """Build a stool for a counter."""
    return stool(style, (0.65, 0.8), 'bar stool')


def sofa(style: Style, seats: int | None = None) -> Item:
    """Build a sofa or an armchair: 0.6 m a seat, 0.8-1.0 m deep, seat at 0.38-0.46 m."""
    n = style.integer(2, 4) if seats is None else seats
    cover = style.fabric() if style.chance(0.75) else style.leather()
    seat_w, arm = style.uniform(0.55, 0.75), style.uniform(0.12, 0.25)
    depth, seat = style.uniform(0.8, 1.0), style.uniform(0.38, 0.46)
    total = style.uniform(0.7, 0.95)
    width = n * seat_w + 2 * arm
    back = style.uniform(0.18, 0.26)
    foot = style.uniform(0.03, 0.14)
    arm_h = style.uniform(seat + 0.08, min(total, seat + 0.25))
    soft = style.chance(0.6)

    def block(size: tuple[float, float, float], at: tuple[float, float, float]) -> Mesh:
        return cushion(size, cover, at=at) if soft else box(size, cover, at=at)

    parts = [box((width - 0.04, depth - 0.04, seat - 0.14 - foot), cover, at=(0, 0, foot)),
             block((width - arm, back, total - foot), (0, -depth / 2 + back / 2, foot))]
    for side in (-1, 1):
        parts.append(block((arm, depth, arm_h - foot), (side * (width - arm) / 2, 0, foot)))
    for middle in (np.arange(n) - (n - 1) / 2) * seat_w:
        x = float(middle)
        parts.append(cushion((seat_w, depth - back, 0.17), cover, at=(x, back / 2, seat - 0.15)))
        parts.append(cushion((seat_w * 0.97, 0.2, total - seat), cover,
                             at=(x, -depth / 2 + back + 0.06, seat)))
    parts += legs(width, depth, foot, 0.05, style.wood())
    for _ in range(style.integer(0, n)):
        pillow = cushion((0.42, 0.15, 0.42), style.fabric())
        x = style.uniform(-width / 2 + arm + 0.2, width / 2 - arm - 0.2)
        tilt = pillow.transformed(rotation_x(style.uniform(0.1, 0.5)))
        parts.append(tilt.moved(style.uniform(-0.3, 0.3), x, -depth / 2 + back + 0.25, seat))
    return Item.of('sofa' if n > 1 else 'armchair', parts,
                   [Top(0, back / 2, n * seat_w * 0.9, depth - back - 0.25, seat, 0.3)])


def armchair(style: Style) -> Item:
    """Build an armchair."""
    return sofa(style, 1)


def bed(style: Style, width: float | None = None) -> Item:
    """Build a bed for a mattress 2.0 m long and 0.9-1.8 m wide, surface at 0.45-0.6 m."""
    w = float(style.rng.choice([0.9, 1.0, 1.2, 1.4, 1.6, 1.8])) if width is None else width
    length, height = 2.0, style.uniform(0.45, 0.6)
    frame = style.board()
    sheet, cover = style.fabric(), style.fabric()
    thick = style.uniform(0.16, 0.24)
    parts = [
        box((w + 0.06, length + 0.06, style.uniform(0.12, 0.2)), frame,
            at=(0, 0, height - thick - 0.14)),
        cushion((w, length, thick), sheet, at=(0, 0, height - thick)),
        box((w + 0.08, 0.05, style.uniform(0.75, 1.15)), frame, at=(0, -length / 2 - 0.05, 0)),
    ]
    parts += legs(w, length, height - thick - 0.12, 0.07, frame)
    if style.chance(0.3):
        parts.append(box((w + 0.08, 0.05, style.uniform(0.45, 0.75)), frame,
                         at=(0, length / 2 + 0.05, 0)))
    reach = style.uniform(0.9, 1.6)
    parts.append(cushion((w + 0.12, reach, thick + 0.05), cover,
                         at=(0, length / 2 - reach / 2 + 0.03, height - thick + 0.01)))
    for k in range(1 if w < 1.3 else 2):
        x = 0.0 if w < 1.3 else (k - 0.5) * w * 0.48
        pillow = cushion((min(0.7, w * 0.7 if w < 1.3 else w * 0.44), 0.42, 0.16), style.fabric())
        parts.append(pillow.moved(style.uniform(-0.15, 0.15), x, -length / 2 + 0.3, height - 0.03))
    return Item.of('bed', parts, [Top(0, 0.3, w * 0.8, 1.0, height + 0.05, 0.8)])


def bench(style: Style) -> Item:
    """Build a bench without a back."""
    return table(style, (1.0, 1.6), (0.3, 0.4), (0.42, 0.47), 'bench')


def column(style: Style, radius: float, height: float, material: int) -> Item:
    """Build a round pillar from floor to ceiling."""
    profile = [(0, 0), (radius * 1.15, 0), (radius * 1.15, 0.08), (radius, 0.1), (radius, height),
               (0, height)]
    return Item.of('pillar', [lathe(profile, material, segments=28)])

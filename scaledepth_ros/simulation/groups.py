# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of furniture that belong together: a table with its chairs, a desk with its computer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scaledepth_ros.simulation import clutter, fixtures, furniture, storage
from scaledepth_ros.simulation.items import Item, Style, Top
from scaledepth_ros.simulation.layout import Placed, Room
from scaledepth_ros.simulation.mesh import box, rectangle
from scaledepth_ros.simulation.noise import grey
from scaledepth_ros.simulation.solids import ellipsoid
from scaledepth_ros.simulation.textures import rug as rug_texture

SeatMaker = Callable[[Style], Item]


def any_seat(style: Style) -> SeatMaker:
    """Choose one kind of chair for a whole room."""
    choice: list[SeatMaker] = [furniture.chair, furniture.chair, furniture.shell_chair]
    return choice[style.integer(0, 2)]


def identical(style: Style, maker: SeatMaker) -> SeatMaker:
    """Return a maker that repeats one piece, as sets of chairs do."""
    item = maker(style)
    return lambda _: item


def rug(room: Room, x: float, y: float, width: float, depth: float, angle: float = 0.0) -> None:
    """Lay a rug; it is 8 mm high and blocks nothing."""
    width, depth = min(width, room.width_m - 0.3), min(depth, room.depth_m - 0.3)
    material = room.style.palette.add(rug_texture(room.style.rng))
    edge = room.style.cloth()
    mesh = rectangle((-width / 2, -depth / 2, 0.0085), (width, 0, 0), (0, depth, 0), material,
                     unit_uv=True)
    room.add_mesh('rug', mesh.moved(angle, x, y))
    room.add_mesh('rug edge', box((width, depth, 0.008), edge).moved(angle, x, y))


def seats_around(room: Room, host: Placed, maker: SeatMaker, fill: float = 0.85) -> None:
    """Stand chairs around a table, pushed in or pulled out a little."""
    style, item = room.style, host.item
    w, d, _ = item.size_m
    per_side = max(1, int(w / 0.65))
    places: list[tuple[float, float, float]] = []
    for k in range(per_side):
        x = (k - (per_side - 1) / 2) * (w / per_side)
        places += [(x, d / 2, np.pi), (x, -d / 2, 0.0)]
    if w > 1.1:
        places += [(w / 2, 0.0, np.pi / 2), (-w / 2, 0.0, -np.pi / 2)]
    for x, y, turn in places:
        if not style.chance(fill):
            continue
        seat = maker(style)
        out = style.uniform(-0.12, 0.25) + seat.size_m[1] / 2
        dx = x + np.sign(x) * out if abs(abs(turn) - np.pi / 2) < 0.1 else x
        dy = y + np.sign(y) * out if dx == x else y
        wobble = style.rng.normal(0, 0.12)
        room.beside(host, seat, dx, dy, turn + wobble, overlap=True)


def dining_group(room: Room, *, centre: bool = True, large: bool = False) -> Placed | None:
    """Place a table with chairs and things on it."""
    style = room.style
    if style.chance(0.25) and not large:
        item = furniture.round_table(style, (0.45, 0.65))
    else:
        width = (1.8, 3.2) if large else (0.9, 1.8)
        item = furniture.table(style, width, (0.75, 1.2 if large else 0.95), name='dining table')
    placed = room.on_floor(item, angle=float(style.rng.choice([0, np.pi / 2])), gap=0.55,
                           centre=centre)
    if placed is None:
        placed = room.on_floor(item, angle=np.pi / 2, gap=0.2)
    if placed is None:
        return None
    maker = any_seat(style) if not large else furniture.office_chair
    seats_around(room, placed, identical(style, maker))
    room.scatter(placed, clutter.DINING, style.integer(0, 9))
    return placed


def workplace(room: Room, *, wall: int | None = None, item: Item | None = None) -> Placed | None:
    """Place a desk with computer, chair and papers against a wall."""
    style = room.style
    piece = furniture.desk(style) if item is None else item
    # A desk's open side faces the room, where the chair stands.
    placed = room.against_wall(piece, wall=wall, side_by_side=style.chance(0.4))
    if placed is not None:
        equip_desk(room, placed)
    return placed


def equip_desk(room: Room, placed: Placed, seat: SeatMaker | None = None) -> None:
    """Put computer, clutter and a chair to a desk that stands with its back to -y."""
    style = room.style
    w, d, h = placed.item.size_m
    top = replace(placed.item.tops[0], headroom=1.0)
    taken: list[tuple[float, float, float, float]] = []
    x = style.uniform(-w / 4, w / 4)
    if style.chance(0.8):
        screens = style.integer(1, 2) if w > 1.4 else 1
        for k in range(screens):
            shift = (k - (screens - 1) / 2) * 0.6
            room.lay(placed, top, clutter.monitor(style), taken,
                     (x + shift, -d / 2 + 0.18, style.uniform(-0.15, 0.15)))
        room.lay(placed, top, clutter.keyboard(style), taken,
                 (x, d / 2 - 0.2, style.uniform(-0.1, 0.1)))
    for _ in range(style.integer(2, 14)):
        maker = clutter.DESK[style.integer(0, len(clutter.DESK) - 1)]
        room.lay(placed, top, maker(style), taken)
    if style.chance(0.4):
        tower = clutter.computer(style)
        px, py = placed.world(style.uniform(-w / 4, w / 4), -d / 4)
        room.put(tower, placed.angle, px, py, solid=False)
    if style.chance(0.9):
        maker = seat if seat is not None else (
            furniture.office_chair if style.chance(0.75) else furniture.chair)
        room.beside(placed, maker(style), x, d / 2 + style.uniform(0.1, 0.4),
                    np.pi + style.rng.normal(0, 0.4), overlap=True)


def desk_island(room: Room, rows: int, columns: int, divider: bool) -> None:
    """Fill a room with pairs of desks face to face, as in offices and computer rooms."""
    style = room.style
    desk = furniture.table(style, (1.2, 1.6), (0.7, 0.8), name='desk')
    seat = identical(style, furniture.office_chair)
    w, d, h = desk.size_m
    screen = style.cloth()
    pitch_x, pitch_y = w + 0.02, 2 * d + 1.7
    for row in range(rows):
        y = (row - (rows - 1) / 2) * pitch_y
        for column in range(columns):
            x = (column - (columns - 1) / 2) * pitch_x
            for side, angle in ((1, 0.0), (-1, np.pi)):
                cy = y + side * d / 2
                rect = room.footprint(desk, angle, x, cy)
                if not room.fits(rect, -0.03):
                    continue
                equip_desk(room, room.put(desk, angle, x, cy), seat)
            if divider:
                room.add_mesh('divider', box((w, 0.04, style.uniform(1.1, 1.5)), screen,
                                             at=(x, y, 0)))


def class_rows(room: Room) -> None:
    """Fill a room with rows of tables and chairs that face wall 0."""
    style = room.style
    item = furniture.table(style, (1.2, 1.5), (0.5, 0.7), name='school desk')
    seat = identical(style, any_seat(style))
    w, d, _ = item.size_m
    gap = style.uniform(0.75, 0.95)
    aisle = style.uniform(0.4, 0.8)
    rows = int((room.depth_m - 2.6) / (d + gap))
    columns = int((room.width_m - 0.6) / (w + aisle))
    for row in range(rows):
        y = -room.depth_m / 2 + 2.3 + row * (d + gap)
        for column in range(columns):
            x = (column - (columns - 1) / 2) * (w + aisle)
            if not room.fits(room.footprint(item, 0, x, y)):
                continue
            placed = room.put(item, float(style.rng.normal(0, 0.02)), x, y)
            room.scatter(placed, clutter.DESK, style.integer(0, 2))
            for k in (-1, 1):
                if style.chance(0.9):
                    room.beside(placed, seat(style), k * w / 4, d / 2 + style.uniform(0.05, 0.3),
                                np.pi + style.rng.normal(0, 0.15), overlap=True)


def sofa_group(room: Room) -> None:
    """Place a sofa, a coffee table, a rug, an armchair and a television."""
    style = room.style
    placed = room.against_wall(furniture.sofa(style))
    if placed is None:
        return
    d = placed.item.size_m[1]
    x, y = placed.world(0, d / 2 + 0.8)
    if style.chance(0.6):
        rug(room, x, y, style.uniform(1.6, 2.4), style.uniform(1.2, 2.0), placed.angle)
    low = room.beside(placed, furniture.coffee_table(style), style.uniform(-0.2, 0.2),
                      d / 2 + style.uniform(0.6, 0.8))
    if low is not None:
        room.scatter(low, clutter.DINING, style.integer(0, 6))
    for side in (-1, 1):
        if style.chance(0.5):
            room.beside(placed, furniture.armchair(style),
                        side * (placed.item.size_m[0] / 2 + 0.3), d / 2 + 1.0, -side * np.pi / 2)
    if style.chance(0.7):
        room.against_wall(storage.television(style),
                          wall=(round(placed.angle / (np.pi / 2)) + 2) % 4)


def bed_group(room: Room, *, single: bool = False) -> None:
    """Place a bed with bedside tables and lamps."""
    style = room.style
    item = furniture.bed(style, 0.9 if single else None)
    placed = room.against_wall(item, gap=0.03, side_by_side=style.chance(0.3))
    if placed is None:
        item = furniture.bed(style, 0.9)
        placed = room.against_wall(item, gap=0.03)
    if placed is None:
        return
    w, d, _ = item.size_m
    for side in (-1, 1):
        if style.chance(0.75):
            table = storage.bedside(style)
            beside = room.beside(placed, table, side * (w / 2 + 0.32),
                                 -d / 2 + table.size_m[1] / 2 + 0.05)
            if beside is not None:
                makers = (clutter.desk_lamp, clutter.book, clutter.cup, clutter.vase,
                          clutter.tablet)
                room.scatter(beside, makers, style.integer(1, 3))
    if style.chance(0.3):
        toys: list[tuple[float, float, float, float]] = []
        things = (clutter.bag, clutter.toy, clutter.book, clutter.laptop)
        room.lay(placed, item.tops[0], things[style.integer(0, 3)](style), toys)
    if style.chance(0.4):
        x, y = placed.world(0, d / 2)
        rug(room, x, y, w + 0.8, 1.4, placed.angle)


def kitchen_row(room: Room, runs: int = 1) -> None:
    """Place kitchen units, a fridge and sometimes an island with stools."""
    style = room.style
    for _ in range(runs):
        placed = room.against_wall(storage.kitchen_unit(style), side_by_side=True)
        if placed is None:
            continue
        room.scatter(placed, clutter.KITCHEN, style.integer(3, 12))
        if style.chance(0.6):
            width, _, h = placed.item.size_m
            band = fixtures.tiled_band(style, width, 0.9, 1.5)
            x, y = placed.world(0, -placed.item.size_m[1] / 2 - 0.015)
            room.add_mesh('tiles', band.moved(placed.angle, x, y))
    room.against_wall(storage.fridge(style), side_by_side=True)
    if style.chance(0.3):
        island = furniture.table(style, (1.2, 2.0), (0.7, 0.95), (0.88, 0.94), 'island')
        placed = room.on_floor(island, angle=0.0, gap=0.7, centre=True)
        if placed is not None:
            room.scatter(placed, clutter.KITCHEN, style.integer(1, 7))
            seats_around(room, placed, identical(style, furniture.bar_stool), 0.5)


def bathroom_set(room: Room) -> None:
    """Place bath tub or shower, toilet, basin and mirror."""
    style = room.style
    white = style.paint(grey(style.rng, 0.88, 0.97), 0.06)
    metal = style.metal()
    h = style.uniform(0.52, 0.6)
    tub = Item.of('bath tub', [
        box((1.7, 0.08, h), white, at=(0, 0.31, 0)), box((1.7, 0.08, h), white, at=(0, -0.31, 0)),
        box((0.1, 0.7, h), white, at=(0.8, 0, 0)), box((0.1, 0.7, h), white, at=(-0.8, 0, 0)),
        box((1.6, 0.6, 0.15), white),
        box((0.04, 0.04, 0.15), metal, at=(0.75, -0.25, h))])
    if style.chance(0.75):
        room.against_wall(tub, side_by_side=True)
    toilet = Item.of('toilet', [
        box((0.38, 0.18, 0.4), white, at=(0, -0.24, 0.38)),
        ellipsoid((0.18, 0.24, 0.05), white, at=(0, 0.05, 0.4), squareness=0.2),
        ellipsoid((0.14, 0.2, 0.2), white, at=(0, 0.0, 0.2), squareness=0.4)
    ])
    room.against_wall(toilet)
    vanity = storage.cupboard(style, (0.6, 1.2), (0.42, 0.5), (0.8, 0.88), 'vanity')
    w, d, top = vanity.size_m
    basin = ellipsoid((0.24, 0.17, 0.09), white, at=(0, 0, top + 0.05), squareness=0.25)
    unit = Item.of('washbasin', [vanity.mesh, basin, box((0.03, 0.12, 0.16), metal,
                                                         at=(0, -d / 2 + 0.08, top))],
                   [Top(-w / 3, 0, w / 4, d * 0.8, top, 0.4), Top(w / 3, 0, w / 4, d * 0.8, top,
                                                                 0.4)])
    placed = room.against_wall(unit)
    if placed is not None:
        room.scatter(placed, clutter.BATH, style.integer(1, 6))
        mirror = fixtures.mirror(style)
        x, y = placed.world(0, -placed.item.size_m[1] / 2 - 0.018)
        room.add_mesh('mirror', mirror.mesh.moved(placed.angle, x, y))
    towel = style.cloth()
    if style.chance(0.7):
        rail = fixtures.Fixture('towel', box((0.5, 0.04, 0.7), towel, at=(0, 0.04, 0.75)),
                                (-0.25, 0.25, 0.7, 1.5))
        room.hang(style.integer(0, 3), rail)


def rows_of(room: Room, maker: SeatMaker, count: int) -> None:
    """Place several items against the walls, then free."""
    for _ in range(count):
        placed = room.against_wall(maker(room.style), side_by_side=room.style.chance(0.5))
        if placed is not None and placed.item.tops and room.style.chance(0.75):
            room.scatter(placed, clutter.SHELF + clutter.DESK, room.style.integer(1, 7))


def aisles(room: Room, maker: SeatMaker, pitch: float = 1.6) -> None:
    """Fill the middle with parallel rows, as shops and stores do."""
    style = room.style
    y = -room.depth_m / 2 + 1.6
    while y < room.depth_m / 2 - 1.4:
        x = -room.width_m / 2 + 1.2
        while x < room.width_m / 2 - 1.2:
            item = maker(style)
            cx, half = x + item.size_m[0] / 2, item.size_m[1] / 2 + 0.01
            for angle, dy in ((np.pi, -half), (0.0, half)):
                if room.fits(room.footprint(item, angle, cx, y + dy), 0.0):
                    room.put(item, angle, cx, y + dy)
            x += item.size_m[0] + 0.01
        y += pitch

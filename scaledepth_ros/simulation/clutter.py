# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Small things of known size that lie on tables, shelves and floors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scaledepth_ros.simulation.items import Item, Style, Top
from scaledepth_ros.simulation.mesh import (
    box,
    merge,
    Mesh,
    rectangle,
    rotation_x,
    rotation_z,
    surface,
)
from scaledepth_ros.simulation.noise import any_colour, grey, hsv, warm
from scaledepth_ros.simulation.solids import cushion, cylinder, ellipsoid, lathe, tube


def cup(style: Style) -> Item:
    """Build a mug, 0.08-0.1 m high, with a handle."""
    r, h = style.uniform(0.036, 0.045), style.uniform(0.08, 0.105)
    paint = style.paint(gloss=0.04)
    body = lathe([(0, 0), (r, 0), (r, h), (r - 0.004, h), (r - 0.004, 0.008), (0, 0.008)], paint)
    a = np.linspace(-np.pi / 2, np.pi / 2, 7)
    handle = tube(np.stack([r + 0.024 * np.cos(a), 0 * a, h / 2 + 0.026 * np.sin(a)], -1), 0.005,
                  paint, segments=6)
    return Item.of('cup', [merge([body, handle]).rotated_z(style.uniform(0, 6.28))])


def bottle(style: Style) -> Item:
    """Build a bottle, 0.2-0.33 m high, with a label."""
    r, h = style.uniform(0.03, 0.045), style.uniform(0.2, 0.33)
    glass = style.palette.plain(any_colour(style.rng, 0.4), gloss=0.06, roughness=0.05)
    neck = r * style.uniform(0.3, 0.45)
    profile = [(0, 0), (r, 0), (r, h * 0.6), (r * 0.85, h * 0.68), (neck, h * 0.8),
               (neck, h * 0.95)]
    cap = cylinder(neck * 1.15, h * 0.05, style.paint(), at=(0, 0, h * 0.95), segments=12)
    band = lathe([(r + 0.001, h * 0.2), (r + 0.001, h * 0.5)], style.picture('label'))
    return Item.of('bottle', [lathe(profile, glass), cap, band])


def can(style: Style) -> Item:
    """Build a drinks or food can."""
    r, h = style.uniform(0.033, 0.045), style.uniform(0.09, 0.13)
    metal = style.metal()
    side = lathe([(r, 0), (r, h)], style.picture('label'))
    return Item.of('can', [side, cylinder(r * 0.95, h - 0.002, metal)])


def carton(style: Style) -> Item:
    """Build a box of cereals, tea or tissues."""
    size = (style.uniform(0.08, 0.25), style.uniform(0.05, 0.1), style.uniform(0.08, 0.3))
    return Item.of('carton', [box(size, style.picture('label'), unit_uv=True)])


def parcel(style: Style) -> Item:
    """Build a cardboard box, 0.2-0.6 m."""
    size = (style.uniform(0.25, 0.6), style.uniform(0.2, 0.45), style.uniform(0.15, 0.45))
    return Item.of('parcel', [box(size, style.picture('carton'), unit_uv=True)],
                   [Top(0, 0, size[0], size[1], size[2], 0.5)])


def storage_box(style: Style) -> Item:
    """Build a plastic or fabric box."""
    w, d, h = style.uniform(0.25, 0.45), style.uniform(0.25, 0.4), style.uniform(0.15, 0.32)
    body = style.paint() if style.chance(0.6) else style.fabric()
    lid = box((w + 0.02, d + 0.02, 0.03), body, at=(0, 0, h - 0.03))
    parts = [box((w, d, h - 0.03), body), lid]
    return Item.of('storage box', parts)


def book(style: Style) -> Item:
    """Build a book that lies flat."""
    w, d, h = style.uniform(0.13, 0.22), style.uniform(0.19, 0.3), style.uniform(0.008, 0.045)
    cover = style.picture('book_cover')
    pages = style.paint(warm(style.rng, 0.85, 0.95))
    parts = [box((w - 0.006, d - 0.006, h - 0.004), pages, at=(0.002, 0, 0.002))]
    top = rectangle((-w / 2, -d / 2, h), (w, 0, 0), (0, d, 0), cover, unit_uv=True)
    edge = style.paint()
    parts += [top, box((w, d, 0.002), edge), box((w, d, 0.0018), edge, at=(0, 0, h - 0.002)),
              box((0.004, d, h - 0.001), edge, at=(-w / 2 + 0.002, 0, 0))]
    return Item.of('book', [merge(parts)])


def book_pile(style: Style) -> Item:
    """Build a pile of 2-6 books."""
    parts, z = [], 0.0
    for _ in range(style.integer(2, 6)):
        item = book(style)
        parts.append(item.mesh.moved(style.uniform(-0.25, 0.25), style.uniform(-0.02, 0.02),
                                     style.uniform(-0.02, 0.02), z))
        z += item.size_m[2]
    return Item.of('books', parts)


def paper(style: Style) -> Item:
    """Build some sheets of A4 (0.21 x 0.297 m)."""
    parts = []
    for k in range(style.integer(1, 4)):
        sheet = rectangle((-0.105, -0.1485, 0), (0.21, 0, 0), (0, 0.297, 0),
                          style.picture('document'), unit_uv=True)
        parts.append(sheet.moved(style.uniform(-0.4, 0.4), style.uniform(-0.08, 0.08),
                                 style.uniform(-0.08, 0.08), 0.002 + 0.002 * k))
    return Item.of('paper', parts)


def plate(style: Style) -> Item:
    """Build a plate or a bowl."""
    r, h = style.uniform(0.08, 0.14), style.uniform(0.02, 0.08)
    paint = style.paint(grey(style.rng, 0.6, 0.97) if style.chance(0.7) else None, 0.05)
    profile = [(0, 0), (r * 0.55, 0), (r, h), (r - 0.005, h), (r * 0.5, 0.006), (0, 0.006)]
    return Item.of('plate', [lathe(profile, paint, segments=28)])


def fruit(style: Style) -> Item:
    """Build some fruits, 0.06-0.09 m, in a heap."""
    colours = [hsv(0.0, 0.8, 0.7), hsv(0.1, 0.9, 0.95), hsv(0.25, 0.7, 0.6), hsv(0.15, 0.8, 0.9)]
    parts = []
    for _ in range(style.integer(1, 6)):
        r = style.uniform(0.03, 0.045)
        paint = style.paint(colours[style.integer(0, 3)], 0.03)
        parts.append(ellipsoid((r, r, r * 0.95), paint, at=(style.uniform(-0.1, 0.1),
                                                            style.uniform(-0.1, 0.1), r)))
    return Item.of('fruit', parts)


def monitor(style: Style) -> Item:
    """Build a monitor of 19-32 inches on its stand."""
    w = style.uniform(0.42, 0.72)
    h = w * float(style.rng.choice([0.5625, 0.625, 0.75]))
    case = style.dark_plastic()
    lift = style.uniform(0.1, 0.2)
    face = rectangle((w / 2 - 0.012, 0.016, lift + 0.015), (-(w - 0.024), 0, 0), (0, 0, h - 0.03),
                     style.picture('screen'), unit_uv=True)
    parts = [box((w, 0.03, h), case, at=(0, 0, lift)), face,
             box((0.08, 0.03, lift + 0.1), case, at=(0, -0.035, 0)),
             box((0.25, 0.2, 0.015), case, at=(0, -0.02, 0))]
    return Item.of('monitor', parts)


def keyboard(style: Style) -> Item:
    """Build a keyboard (0.29-0.45 m wide), sometimes with a mouse."""
    w = style.uniform(0.29, 0.45)
    keys = style.picture('keyboard')
    case = style.dark_plastic()
    parts = [box((w, 0.14, 0.02), case),
             rectangle((w / 2, 0.068, 0.0205), (-w, 0, 0), (0, -0.136, 0), keys, unit_uv=True)]
    if style.chance(0.7):
        parts.append(ellipsoid((0.03, 0.055, 0.018), case, at=(-w / 2 - 0.08, 0, 0.016)))
    return Item.of('keyboard', parts)


def laptop(style: Style) -> Item:
    """Build an open laptop of 13-16 inches."""
    w = style.uniform(0.3, 0.37)
    d = w * 0.68
    case = style.dark_plastic() if style.chance(0.6) else style.paint(grey(style.rng, 0.5, 0.75))
    base = [box((w, d, 0.016), case),
            rectangle((w / 2 - 0.015, d / 2 - 0.09, 0.0165), (-(w - 0.03), 0, 0), (0, -0.12, 0),
                      style.picture('keyboard'), unit_uv=True)]
    lid = merge([box((w, 0.008, d), case),
                 rectangle((w / 2 - 0.008, 0.005, 0.012), (-(w - 0.016), 0, 0), (0, 0, d - 0.024),
                           style.picture('screen'), unit_uv=True)])
    opened = lid.transformed(rotation_x(style.uniform(0.1, 0.5))).translated(0, -d / 2, 0.014)
    return Item.of('laptop', [*base, opened])


def computer(style: Style) -> Item:
    """Build a tower case."""
    size = (style.uniform(0.17, 0.21), style.uniform(0.4, 0.48), style.uniform(0.36, 0.46))
    case = style.dark_plastic()
    parts = [box(size, case),
             box((size[0] * 0.75, 0.01, 0.05), style.metal(), at=(0, size[1] / 2, size[2] * 0.75))]
    return Item.of('computer', parts)


def printer(style: Style) -> Item:
    """Build a desk printer."""
    w, d, h = style.uniform(0.38, 0.5), style.uniform(0.35, 0.45), style.uniform(0.18, 0.35)
    case = style.paint(grey(style.rng, 0.75, 0.92) if style.chance(0.6) else grey(
        style.rng, 0.05, 0.2))
    dark = style.dark_plastic()
    parts = [box((w, d, h), case), box((w * 0.7, 0.02, 0.06), dark, at=(0, d / 2, h * 0.35)),
             box((w * 0.3, 0.015, 0.06), dark, at=(w * 0.25, d / 2, h * 0.75)),
             box((w * 0.6, d * 0.4, 0.01), dark, at=(0, -0.02, h))]
    return Item.of('printer', parts, [Top(0, 0, w * 0.8, d * 0.8, h + 0.01, 0.3)])


def desk_lamp(style: Style) -> Item:
    """Build a jointed lamp, 0.35-0.5 m high, switched off."""
    metal = style.metal() if style.chance(0.5) else style.paint(gloss=0.05)
    h = style.uniform(0.3, 0.45)
    parts = [cylinder(0.085, 0.02, metal), tube([[0, 0, 0.02], [-0.12, 0, h * 0.6], [0.1, 0, h]],
                                                0.008, metal)]
    shade = lathe([(0.02, 0.08), (0.075, 0.0)], metal).transformed(rotation_x(0.3))
    parts.append(shade.translated(0.13, 0, h - 0.07))
    return Item.of('desk lamp', [merge(parts).rotated_z(style.uniform(0, 6.28))])


def pen_pot(style: Style) -> Item:
    """Build a pot with pens."""
    parts = [lathe([(0, 0), (0.04, 0), (0.04, 0.1), (0.036, 0.1), (0.036, 0.01)], style.paint())]
    for _ in range(style.integer(2, 6)):
        x, y = style.uniform(-0.02, 0.02), style.uniform(-0.02, 0.02)
        end = [x * 2.2, y * 2.2, style.uniform(0.13, 0.17)]
        parts.append(tube([[x, y, 0.01], end], 0.004, style.paint(), segments=6))
    return Item.of('pen pot', parts)


def plant(style: Style, height: tuple[float, float] = (0.2, 0.45)) -> Item:
    """Build a pot plant of arching leaves."""
    h = style.uniform(*height)
    pot = style.paint(warm(style.rng, 0.3, 0.8) if style.chance(0.5) else None)
    pot_h = h * style.uniform(0.25, 0.4)
    r = pot_h * style.uniform(0.4, 0.55)
    leaves = [style.leaf() for _ in range(3)]
    parts = [lathe([(0, 0), (r * 0.75, 0), (r, pot_h), (r * 0.9, pot_h), (0, pot_h * 0.9)], pot)]
    count = style.integer(16, 40)
    long, wide = h * style.uniform(0.4, 0.8), h * style.uniform(0.03, 0.11)
    t = np.linspace(0, 1, 6)
    for _ in range(count):
        angle, lean = style.uniform(0, 2 * np.pi), style.uniform(0.2, 1.4)
        reach = long * style.uniform(0.6, 1.1)
        out = reach * (np.sin(lean) * t + 0.25 * t**2)
        up = pot_h + reach * (np.cos(lean) * t - 0.35 * t**2 * np.sin(lean)) * 1.4
        half = wide * np.sin(np.pi * np.clip(t * 0.92 + 0.06, 0, 1))
        centre = np.stack([out, np.zeros_like(out), up], -1)
        side = np.stack([np.zeros_like(half), half, np.zeros_like(half)], -1)
        leaf = surface(np.stack([centre - side, centre + side], 1),
                       leaves[style.integer(0, 2)])
        parts.append(leaf.transformed(rotation_z(angle)))
    return Item.of('plant', parts)


def floor_plant(style: Style) -> Item:
    """Build a plant that stands on the floor, 0.8-1.7 m high."""
    return plant(style, (0.8, 1.7))


def vase(style: Style) -> Item:
    """Build a vase or a jar."""
    r, h = style.uniform(0.04, 0.09), style.uniform(0.12, 0.35)
    paint = style.paint(gloss=0.05)
    z = np.linspace(0, 1, 9)
    bulge = 0.55 + 0.45 * np.sin(np.pi * (z * style.uniform(0.7, 1.0) + style.uniform(0, 0.2)))
    profile = [(0.0, 0.0), *zip(r * bulge, h * z, strict=True)]
    return Item.of('vase', [lathe(profile, paint)])


def bag(style: Style) -> Item:
    """Build a rucksack or a sports bag, 0.4-0.5 m."""
    cloth = style.cloth()
    w, d, h = style.uniform(0.28, 0.36), style.uniform(0.15, 0.25), style.uniform(0.38, 0.5)
    parts = [cushion((w, d, h), cloth), cushion((w * 0.75, d * 0.5, h * 0.45), style.cloth(),
                                                at=(0, d * 0.4, 0.02))]
    for x in (-1, 1):
        parts.append(tube([[x * w * 0.25, -d * 0.4, h * 0.85], [x * w * 0.3, -d * 0.75, h * 0.5],
                           [x * w * 0.25, -d * 0.4, h * 0.1]], 0.014, cloth, segments=6))
    return Item.of('bag', parts)


def waste_bin(style: Style) -> Item:
    """Build a waste-paper basket or a bin."""
    r, h = style.uniform(0.12, 0.18), style.uniform(0.28, 0.6)
    body = style.paint() if style.chance(0.6) else style.metal()
    profile = [(0, 0), (r * 0.8, 0), (r, h), (r - 0.008, h), (r * 0.75, 0.02), (0, 0.02)]
    return Item.of('bin', [lathe(profile, body)])


def ball(style: Style) -> Item:
    """Build a ball: tennis to gymnastics."""
    r = float(style.rng.choice([0.033, 0.07, 0.11, 0.12, 0.33]))
    return Item.of('ball', [ellipsoid((r, r, r), style.fabric() if style.chance(0.3)
                                      else style.paint(gloss=0.02), at=(0, 0, r))])


def toy(style: Style) -> Item:
    """Build a stack of blocks or a soft animal."""
    if style.chance(0.5):
        parts: list[Mesh] = []
        for _ in range(style.integer(2, 7)):
            side = style.uniform(0.03, 0.07)
            parts.append(box((side, side, side), style.paint(hsv(style.uniform(0, 1), 0.8, 0.8)))
                         .moved(style.uniform(0, 1.5), style.uniform(-0.1, 0.1),
                                style.uniform(-0.1, 0.1)))
        return Item.of('toy', parts)
    fur = style.cloth(warm(style.rng, 0.3, 0.9) if style.chance(0.5) else None)
    s = style.uniform(0.6, 1.2)
    parts = [ellipsoid((0.09, 0.08, 0.11), fur, at=(0, 0, 0.11)),
             ellipsoid((0.075, 0.07, 0.07), fur, at=(0, 0.01, 0.27))]
    for x in (-1, 1):
        parts.append(ellipsoid((0.03, 0.02, 0.03), fur, at=(x * 0.06, 0, 0.34)))
        parts.append(ellipsoid((0.035, 0.03, 0.07), fur, at=(x * 0.1, 0.02, 0.16)))
        parts.append(ellipsoid((0.04, 0.08, 0.04), fur, at=(x * 0.06, 0.09, 0.04)))
    return Item.of('soft toy', [merge(parts).transformed(np.diag([s, s, s, 1.0]))])


def tablet(style: Style) -> Item:
    """Build a phone or a tablet lying flat."""
    w, d = ((0.07, 0.15) if style.chance(0.5) else (0.17, 0.24))
    face = rectangle((-w / 2, -d / 2, 0.0092), (w, 0, 0), (0, d, 0), style.picture('screen'),
                     unit_uv=True)
    return Item.of('tablet', [box((w, d, 0.009), style.dark_plastic()), face])


def pot(style: Style) -> Item:
    """Build a cooking pot with handles."""
    r, h = style.uniform(0.08, 0.13), style.uniform(0.08, 0.18)
    metal = style.metal()
    parts = [cylinder(r, h, metal, segments=24), cylinder(r * 1.02, 0.012, metal, at=(0, 0, h)),
             ellipsoid((0.018, 0.018, 0.018), style.dark_plastic(), at=(0, 0, h + 0.025)),
             box((2 * r + 0.1, 0.03, 0.012), metal, at=(0, 0, h * 0.75))]
    return Item.of('pot', parts)


def appliance(style: Style) -> Item:
    """Build a microwave, a toaster or a kettle."""
    kind = style.integer(0, 2)
    dark = style.dark_plastic()
    if kind == 0:
        w = style.uniform(0.44, 0.52)
        return Item.of('microwave', [
            box((w, 0.36, 0.28), style.metal()),
            box((w * 0.7, 0.012, 0.24), dark, at=(w * 0.12, 0.18, 0.02)),
            box((w * 0.18, 0.012, 0.24), style.metal(), at=(-w * 0.38, 0.18, 0.02))])
    if kind == 1:
        return Item.of('toaster', [cushion((0.28, 0.17, 0.19), style.metal()),
                                   box((0.2, 0.03, 0.005), dark, at=(0, 0, 0.19))])
    r = 0.08
    body = lathe([(0, 0), (r, 0), (r * 0.8, 0.18), (r * 0.5, 0.23), (0, 0.24)], style.metal())
    grip = tube([[r * 0.7, 0, 0.2], [r + 0.05, 0, 0.19], [r + 0.05, 0, 0.06], [r * 0.9, 0, 0.04]],
                0.01, dark)
    return Item.of('kettle', [body, grip])


Maker = Callable[[Style], Item]

DESK: tuple[Maker, ...] = (cup, bottle, book, book_pile, paper, paper, pen_pot, laptop, desk_lamp,
                           tablet, plant, carton, can, keyboard, fruit)
DINING: tuple[Maker, ...] = (cup, bottle, plate, plate, fruit, vase, paper, book, can, tablet,
                             carton)
KITCHEN: tuple[Maker, ...] = (cup, bottle, plate, pot, appliance, appliance, carton, fruit, can,
                              vase, plant)
SHELF: tuple[Maker, ...] = (book_pile, vase, plant, storage_box, carton, toy, cup, can, parcel)
BATH: tuple[Maker, ...] = (bottle, bottle, cup, can, carton, vase)
PLAY: tuple[Maker, ...] = (toy, toy, ball, book, storage_box, carton)
FLOOR: tuple[Maker, ...] = (bag, waste_bin, parcel, storage_box, ball, floor_plant)

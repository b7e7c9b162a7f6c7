# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Corridors and halls: long rooms with doors, lights, pillars and things along the walls."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation import clutter, fixtures, furniture, groups, storage, textures
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.layout import Room
from scaledepth_ros.simulation.lighting import AreaLights, Lighting
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import box, merge
from scaledepth_ros.simulation.noise import grey
from scaledepth_ros.simulation.people import person
from scaledepth_ros.simulation.rooms import lamp_colour, wall_colour
from scaledepth_ros.simulation.scene import Scene, Track, Viewing


def make_corridor(seed: int) -> Scene:
    """Build a corridor along x, 1.5-4 m wide and 10-40 m long; its middle stays free."""
    rng = np.random.default_rng([seed, 2])
    style = Style(rng, Palette(rng))
    width, length = style.uniform(1.5, 4.0), style.uniform(10, 40)
    room = Room(style, length, width, style.uniform(2.3, 3.5))
    daylight = style.chance(0.6)
    radiance = float(np.exp(style.uniform(np.log(3), np.log(20)))) if daylight else 0.03
    pane = fixtures.outside_material(style, radiance)
    door = fixtures.door(style)
    for wall in (0, 2):
        for _ in range(style.integer(2, int(length / 2.2))):
            room.open_wall(wall, door)
    windowed = style.chance(0.5)
    for _ in range(style.integer(2, 7) if windowed else 0):
        room.open_wall(0, fixtures.window(style, radiance, room.height_m, pane))
    for wall in (1, 3):
        if width > 1.9 and style.chance(0.6):
            end = fixtures.window(style, radiance, room.height_m, pane, 1.2)
            room.open_wall(wall, door if style.chance(0.6) else end)
    _shell(room)
    # The lane in the middle is kept free for the camera.
    free = max(0.75, 0.45 * width)
    room.occupied.append((-length / 2 + 0.5, -free / 2, length / 2 - 0.5, free / 2))
    _fill(room)
    _lamps(room, 1.0 if not (daylight and windowed) else style.uniform(0.2, 1.0))
    path = np.array([[-length / 2 + 0.8, 0.0], [length / 2 - 0.8, 0.0]])
    tracks = (Track(path, (0.25, 1.8), np.radians(14), 1.0, both_ways=True),)
    viewing = Viewing((-length / 2 + 0.5, -width / 2 + 0.3), (length / 2 - 0.5, width / 2 - 0.3),
                      path_m=path, speed_m_s=style.uniform(0.6, 1.2), height_m=(0.4, 1.6),
                      tracks=tracks)
    category = 'foyer' if width > 2.6 else 'office'
    return Scene(
        kind='corridor', category=category, seed=seed, mesh=merge(room.meshes),
        materials=style.palette.table(), lighting=Lighting(AreaLights.from_rows(room.lights)),
        objects=tuple(room.objects), viewing=viewing,
    )


def _shell(room: Room) -> None:
    style, rng = room.style, room.style.rng
    kind = str(rng.choice(['carpet', 'tiles', 'tiles', 'concrete', 'planks', 'marble']))
    floor = style.palette.add(textures.SURFACES[kind](rng),
                              gloss=0.0 if kind == 'carpet' else style.uniform(0.02, 0.08),
                              roughness=style.uniform(0.02, 0.2))
    wall = style.palette.add(textures.plaster(rng, wall_colour(rng)))
    if style.chance(0.15):
        wall = style.palette.add(textures.bricks(rng))
    panels = style.chance(0.6)
    ceiling = style.palette.add(textures.panels(rng) if panels else
                                textures.plaster(rng, grey(rng, 0.75, 0.95)))
    room.build_shell([wall] * 4, floor, ceiling, style.board() if style.chance(0.7) else None)
    if style.chance(0.3):
        room.strips(style.paint(), style.uniform(0.85, 1.0), 0.12)


def _fill(room: Room) -> None:
    style = room.style
    column = style.paint(grey(style.rng, 0.6, 0.95))
    if room.depth_m > 2.4 and style.chance(0.4):
        pitch = style.uniform(3, 6)
        for x in np.arange(-room.width_m / 2 + 1.5, room.width_m / 2 - 1, pitch):
            for side in (-1, 1):
                pillar = furniture.column(style, 0.16, room.height_m, column) \
                    if style.chance(0.5) else Item.of(
                        'pillar', [box((0.32, 0.32, room.height_m), column)])
                y = side * (room.depth_m / 2 - 0.2)
                if room.fits(room.footprint(pillar, 0, float(x), y), 0.02):
                    room.put(pillar, 0, float(x), y)
    makers = [furniture.bench, clutter.waste_bin, clutter.floor_plant, storage.locker,
              storage.low_shelf, furniture.chair, clutter.parcel, storage.sideboard]
    for _ in range(style.integer(1, 10)):
        item = makers[style.integer(0, len(makers) - 1)](style)
        room.against_wall(item, wall=2 * style.integer(0, 1))
    for _ in range(style.integer(0, 8)):
        room.hang(2 * style.integer(0, 1), fixtures.picture(style))
    for wall in (0, 2):
        if style.chance(0.3):
            room.hang(wall, fixtures.board(style))
        room.hang(wall, fixtures.switch(style))
    for _ in range(int(style.rng.poisson(0.8))):
        hand = float(style.rng.choice([-1, 1]))
        x = style.uniform(-0.45, 0.45) * room.width_m
        figure = person(style)
        y = hand * (room.depth_m / 2 - 0.35)
        turn = style.uniform(-0.3, 0.3) + hand * np.pi / 2
        if room.fits(room.footprint(figure, turn, x, y), 0.0):
            room.put(figure, turn, x, y)
    if style.chance(0.15):
        groups.rug(room, 0, 0, room.width_m * 0.6, room.depth_m * 0.4)


def _lamps(room: Room, level: float) -> None:
    style = room.style
    colour = lamp_colour(style.rng)
    pitch = style.uniform(2.4, 4.5)
    shape = [(0.6, 0.6), (1.2, 0.25), (0.3, 0.3), (0.2, 1.2)][style.integer(0, 3)]
    size = (shape[0], min(shape[1], room.depth_m * 0.7))
    radiance = 6.0 * level / (size[0] * size[1]) * style.uniform(0.6, 1.4)
    for x in np.arange(-room.width_m / 2 + pitch / 2, room.width_m / 2, pitch)[:14]:
        # Some tubes are always broken.
        shine = max(radiance * float(style.chance(0.92)), 0.1)
        lamp = fixtures.ceiling_panel(style, float(x), 0.0, room.height_m - 0.002, shine, colour,
                                      size)
        room.add_mesh('lamp', lamp.mesh)
        if shine > 2.0:
            room.lights += list(lamp.lights)

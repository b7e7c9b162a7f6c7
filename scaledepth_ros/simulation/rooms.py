# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Furnished rooms: shell, openings, light and what a recipe puts into them."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation import (
    clutter,
    fixtures,
    furniture,
    groups,
    storage,
    textures,
)
from scaledepth_ros.simulation.clutter import Maker
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.layout import Room
from scaledepth_ros.simulation.lighting import AreaLights, Lighting, Sun
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import box, merge
from scaledepth_ros.simulation.noise import any_colour, Colour, grey, hsv, Rng, warm
from scaledepth_ros.simulation.people import person
from scaledepth_ros.simulation.recipes import Recipe, RECIPES
from scaledepth_ros.simulation.scene import Scene, Viewing


def wall_colour(rng: Rng) -> Colour:
    """Draw a wall colour: mostly off-white, at times pastel, seldom strong."""
    kind = rng.random()
    if kind < 0.6:
        return grey(rng, 0.78, 0.97, 0.02)
    if kind < 0.78:
        return warm(rng, 0.75, 0.95)
    if kind < 0.93:
        saturation, value = float(rng.uniform(0.08, 0.35)), float(rng.uniform(0.6, 0.95))
        return hsv(float(rng.random()), saturation, value)
    return any_colour(rng, 0.7)


def surfaces(style: Style, recipe: Recipe) -> tuple[list[int], int, int, int | None]:
    """Choose materials of the four walls, floor, ceiling and skirting."""
    rng, palette = style.rng, style.palette
    tiled = style.chance(recipe.tiled)
    if tiled:
        floor = palette.add(textures.tiles(rng), gloss=0.04, roughness=0.06)
    else:
        kinds = ['carpet', 'carpet', 'carpet', 'concrete', 'planks', 'tiles'] if recipe.public \
            else ['planks', 'planks', 'planks', 'carpet', 'tiles', 'wood']
        kind = str(rng.choice(kinds))
        gloss = 0.0 if kind in ('carpet',) else style.uniform(0.0, 0.05)
        floor = palette.add(textures.SURFACES[kind](rng), gloss=gloss,
                            roughness=style.uniform(0.03, 0.3))
    if tiled and recipe.tiled > 0.8 and style.chance(0.6):
        wall = palette.add(textures.tiles(rng, side_m=style.uniform(0.15, 0.3)), gloss=0.04,
                           roughness=0.05)
    elif style.chance(0.1):
        wall = palette.add(textures.wallpaper(rng))
    else:
        wall = palette.add(textures.plaster(rng, wall_colour(rng)))
    walls = [wall] * 4
    if style.chance(0.3):
        kind = str(rng.choice(['plaster', 'plaster', 'bricks', 'wood', 'wallpaper', 'concrete']))
        accent = textures.plaster(rng, any_colour(rng, 0.5)) if kind == 'plaster' else (
            textures.SURFACES[kind](rng))
        walls[style.integer(0, 3)] = palette.add(accent)
    if recipe.public and style.chance(0.6):
        ceiling = palette.add(textures.panels(rng))
    else:
        ceiling = palette.add(textures.plaster(rng, grey(rng, 0.82, 0.97, 0.01)))
    skirting = style.board() if style.chance(0.7) and not tiled else None
    return walls, floor, ceiling, skirting


def lamp_colour(rng: Rng) -> Colour:
    """Draw the colour of lamps between 2700 K and 6500 K, linear."""
    t = float(rng.random())
    return (1.0, 0.75 + 0.25 * t, 0.48 + 0.52 * t)


def add_lamps(room: Room, public: bool, level: float) -> None:
    """Hang lamps from the ceiling; ``level`` scales their power, 0 leaves them switched off."""
    style = room.style
    colour = lamp_colour(style.rng)
    made: list[fixtures.Fixture] = []
    z = room.height_m - 0.002
    if public or style.chance(0.25):
        size = (0.6, 0.6) if style.chance(0.5) else (1.2, 0.3)
        nx = max(1, round(room.width_m / style.uniform(2.0, 3.0)))
        ny = max(1, round(room.depth_m / style.uniform(2.0, 3.0)))
        nx, ny = min(nx, 4), min(ny, 5)
        for i in range(nx):
            for j in range(ny):
                x = ((i + 0.5) / nx - 0.5) * room.width_m
                y = ((j + 0.5) / ny - 0.5) * room.depth_m
                made.append(fixtures.ceiling_panel(style, x, y, z, max(15 * level, 0.05), colour,
                                                   size))
    else:
        for _ in range(style.integer(1, 2)):
            x = style.uniform(-0.2, 0.2) * room.width_m
            y = style.uniform(-0.2, 0.2) * room.depth_m
            if style.chance(0.5) and room.height_m > 2.4:
                made.append(fixtures.pendant(style, x, y, z, 9 * level, colour))
            else:
                side = style.uniform(0.25, 0.45)
                made.append(fixtures.ceiling_panel(style, x, y, z, max(60 * level, 0.05), colour,
                                                   (side, side)))
        if style.chance(0.3):
            x = style.uniform(-0.45, 0.45) * room.width_m
            y = float(style.rng.choice([-0.46, 0.46])) * (room.depth_m - 0.5)
            made.append(fixtures.floor_lamp(style, x, y, 4 * level, colour))
    for lamp in made:
        room.add_mesh(lamp.name, lamp.mesh)
        if level > 0.02:
            room.lights += list(lamp.lights)


def make_room(seed: int, category: str | None = None) -> Scene:
    """
    Build a furnished room.

    Args:
        seed: Determines everything.
        category: One of ``RECIPES``; drawn by weight without it.

    Returns:
        The scene; its origin lies on the floor in the middle of the room.
    """
    rng = np.random.default_rng([seed, 1])
    names = list(RECIPES)
    if category is None:
        weight = np.array([RECIPES[name].weight for name in names])
        category = str(rng.choice(names, p=weight / weight.sum()))
    recipe = RECIPES[category]
    style = Style(rng, Palette(rng))
    room = Room(style, style.uniform(*recipe.width_m), style.uniform(*recipe.depth_m),
                style.uniform(*recipe.height_m))
    daylight = style.chance(0.7)
    radiance = float(np.exp(style.uniform(np.log(3), np.log(25)))) if daylight else 0.03
    pane = fixtures.outside_material(style, radiance)
    for _ in range(style.integer(1, 2)):
        room.open_wall(style.integer(0, 3), fixtures.door(style))
    window_wall = style.integer(0, 3)
    for _ in range(style.integer(*recipe.windows)):
        wall = window_wall if style.chance(0.8) else style.integer(0, 3)
        if room.open_wall(wall, fixtures.window(style, radiance, room.height_m, pane)) and \
                style.chance(0.4):
            room.hang(wall, fixtures.radiator(style))
    walls, floor, ceiling, skirting = surfaces(style, recipe)
    room.build_shell(walls, floor, ceiling, skirting)
    _corner_shafts(room, walls[0])
    recipe.furnish(room)
    _crowd(room, recipe.public)
    _finish(room, recipe)
    bright = daylight and bool(room.lights)
    level = style.uniform(0.4, 1.2) if not bright else float(style.rng.choice([0.0, 0.3, 0.8]))
    add_lamps(room, recipe.public, level)
    if not room.lights:
        add_lamps(room, recipe.public, 0.8)
    sun = None
    if bright and style.chance(0.35):
        matrix = room.wall_matrix(window_wall)
        out = matrix[:3, :3] @ np.array([style.uniform(-0.8, 0.8), -1.0, style.uniform(0.35, 1.2)])
        irradiance = np.array([1.0, 0.9, 0.75]) * radiance * style.uniform(1.0, 2.5)
        sun = Sun((out / np.linalg.norm(out)).astype(np.float32), irradiance.astype(np.float32))
    margin = 0.25
    viewing = Viewing(
        (-room.width_m / 2 + margin, -room.depth_m / 2 + margin),
        (room.width_m / 2 - margin, room.depth_m / 2 - margin),
        targets_m=np.array(room.targets, np.float64).reshape(-1, 3),
    )
    return Scene(
        kind='room', category=category, seed=seed, mesh=merge(room.meshes),
        materials=style.palette.table(),
        lighting=Lighting(AreaLights.from_rows(room.lights), sun=sun),
        objects=tuple(room.objects), viewing=viewing,
    )


def _corner_shafts(room: Room, wall: int) -> None:
    """Box in a chimney or pipes in some corners, from floor to ceiling."""
    style = room.style
    for sx, sy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        if not style.chance(0.08):
            continue
        side = style.uniform(0.25, 0.6)
        shaft = Item.of('shaft', [box((side, side, room.height_m), wall)])
        x, y = sx * (room.width_m - side) / 2, sy * (room.depth_m - side) / 2
        if room.fits(room.footprint(shaft, 0, x, y), -0.01):
            room.put(shaft, 0.0, x, y)


_HOME: tuple[Maker, ...] = (
    storage.shelf, storage.low_shelf, storage.chest, storage.sideboard, storage.cupboard,
    furniture.armchair, furniture.stool, furniture.chair, clutter.floor_plant, clutter.parcel,
    clutter.storage_box, storage.stock_rack)
_PUBLIC: tuple[Maker, ...] = (
    storage.shelf, storage.low_shelf, storage.file_cabinet, storage.cupboard, storage.locker,
    furniture.chair, furniture.table, furniture.office_chair, clutter.floor_plant,
    clutter.parcel, storage.sideboard, storage.copier)


def _crowd(room: Room, public: bool) -> None:
    """Add furniture along the walls until a share of the floor is taken, as rooms fill up."""
    style = room.style
    wanted = style.uniform(0.05, 0.5) * room.width_m * room.depth_m
    pool = _PUBLIC if public else _HOME
    for _ in range(14):
        taken = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in room.occupied)
        if taken > wanted:
            return
        groups.rows_of(room, pool[style.integer(0, len(pool) - 1)], 1)


def _finish(room: Room, recipe: Recipe) -> None:
    """Add what any room collects: pictures, bags, bins, people, switches."""
    style = room.style
    for _ in range(style.integer(*recipe.pictures) + style.integer(0, 3)):
        fixture = fixtures.picture if style.chance(0.8) else fixtures.clock
        room.hang(style.integer(0, 3), fixture(style))
    for _ in range(style.integer(0, 2)):
        room.hang(style.integer(0, 3), fixtures.wall_shelf(style))
    for _ in range(style.integer(1, 4)):
        room.hang(style.integer(0, 3), fixtures.switch(style))
    if style.chance(0.2):
        room.hang(style.integer(0, 3), fixtures.coats(style))
    for _ in range(style.integer(0, 7)):
        item = clutter.FLOOR[style.integer(0, len(clutter.FLOOR) - 1)](style)
        if style.chance(0.5):
            room.against_wall(item)
        else:
            room.on_floor(item)
    while style.chance(recipe.people):
        room.on_floor(person(style), gap=0.05)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What furnishes a room of each of the 27 indoor scene categories, and how large it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scaledepth_ros.simulation import clutter, fixtures, furniture, groups, storage
from scaledepth_ros.simulation.layout import Room

Span = tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """Size of a room in metres, its character, and what furnishes it."""

    furnish: Callable[[Room], None]
    width_m: Span = (3.0, 5.5)
    depth_m: Span = (3.0, 6.0)
    height_m: Span = (2.4, 2.8)
    public: bool = False
    tiled: float = 0.1
    windows: tuple[int, int] = (1, 2)
    pictures: tuple[int, int] = (0, 4)
    people: float = 0.15
    weight: float = 1.0


def _bedroom(room: Room) -> None:
    groups.bed_group(room)
    if room.style.chance(0.2):
        groups.bed_group(room, single=True)
    groups.rows_of(room, storage.cupboard, room.style.integer(0, 1))
    groups.rows_of(room, storage.chest, room.style.integer(0, 1))
    if room.style.chance(0.4):
        groups.workplace(room)
    groups.rows_of(room, storage.shelf, room.style.integer(0, 1))


def _living(room: Room) -> None:
    groups.sofa_group(room)
    groups.rows_of(room, storage.shelf, room.style.integer(0, 2))
    groups.rows_of(room, storage.sideboard, room.style.integer(0, 1))
    if room.style.chance(0.35):
        groups.dining_group(room, centre=False)
    groups.rows_of(room, clutter.floor_plant, room.style.integer(0, 2))


def _office(room: Room) -> None:
    for _ in range(room.style.integer(1, 3)):
        groups.workplace(room)
    groups.rows_of(room, storage.file_cabinet, room.style.integer(0, 2))
    groups.rows_of(room, storage.shelf, room.style.integer(0, 2))
    if room.style.chance(0.25):
        groups.dining_group(room)


def _open_office(room: Room) -> None:
    columns = max(1, int((room.width_m - 2.0) / 1.7))
    rows = max(1, int((room.depth_m - 1.5) / 3.2))
    groups.desk_island(room, rows, min(columns, 4), room.style.chance(0.6))
    groups.rows_of(room, storage.cupboard, room.style.integer(0, 2))
    groups.rows_of(room, storage.shelf, room.style.integer(0, 2))


def _kitchen(room: Room) -> None:
    groups.kitchen_row(room, room.style.integer(1, 2))
    if room.style.chance(0.5):
        groups.dining_group(room, centre=False)


def _dining(room: Room) -> None:
    groups.dining_group(room)
    groups.rows_of(room, storage.sideboard, room.style.integer(0, 2))
    groups.rows_of(room, storage.shelf, room.style.integer(0, 1))
    groups.rows_of(room, clutter.floor_plant, room.style.integer(0, 1))


def _dinette(room: Room) -> None:
    groups.dining_group(room)
    groups.kitchen_row(room)


def _conference(room: Room) -> None:
    groups.dining_group(room, large=True)
    room.hang(0, fixtures.board(room.style))
    groups.rows_of(room, storage.sideboard, room.style.integer(0, 1))
    groups.rows_of(room, furniture.chair, room.style.integer(0, 3))


def _classroom(room: Room) -> None:
    for _ in range(room.style.integer(1, 2)):
        room.hang(0, fixtures.board(room.style))
    groups.workplace(room, wall=None)
    groups.class_rows(room)
    groups.rows_of(room, storage.cupboard, room.style.integer(0, 1))


def _bathroom(room: Room) -> None:
    groups.bathroom_set(room)
    if room.style.chance(0.4):
        room.against_wall(storage.washing_machine(room.style))
    groups.rows_of(room, clutter.waste_bin, room.style.integer(0, 1))


def _laundry(room: Room) -> None:
    for _ in range(room.style.integer(1, 4)):
        placed = room.against_wall(storage.washing_machine(room.style), side_by_side=True)
        if placed is not None:
            room.scatter(placed, (clutter.bottle, clutter.carton, clutter.storage_box), 2)
    groups.rows_of(room, storage.stock_rack, room.style.integer(0, 1))
    groups.rows_of(room, storage.cupboard, 1)


def _storage(room: Room) -> None:
    groups.rows_of(room, storage.stock_rack, room.style.integer(2, 5))
    for _ in range(room.style.integer(3, 9)):
        room.on_floor(clutter.parcel(room.style), gap=0.0)
    groups.rows_of(room, storage.locker, room.style.integer(0, 2))
    if room.style.chance(0.4):
        groups.workplace(room)


def _bookstore(room: Room) -> None:
    groups.rows_of(room, storage.shelf, room.style.integer(4, 9))
    style = room.style
    groups.aisles(room, storage.low_shelf if style.chance(0.5) else storage.shelf)
    for _ in range(style.integer(0, 2)):
        placed = room.on_floor(furniture.table(style), gap=0.4)
        if placed is not None:
            room.scatter(placed, (clutter.book, clutter.book_pile), 12)


def _cafe(room: Room) -> None:
    style = room.style
    chair = groups.identical(style, groups.any_seat(style))
    for _ in range(style.integer(3, 9)):
        item = furniture.round_table(style, (0.3, 0.45)) if style.chance(0.5) else (
            furniture.table(style, (0.65, 1.2), (0.65, 0.8), name='table'))
        placed = room.on_floor(item, angle=0.0, gap=0.6)
        if placed is not None:
            groups.seats_around(room, placed, chair, 0.7)
            room.scatter(placed, clutter.DINING, style.integer(0, 4))
    groups.kitchen_row(room)


def _gym(room: Room) -> None:
    style = room.style
    groups.rows_of(room, furniture.bench, style.integer(1, 3))
    for _ in range(style.integer(2, 6)):
        room.on_floor(clutter.ball(style))
    for _ in range(style.integer(1, 3)):
        groups.rug(room, style.uniform(-1, 1), style.uniform(-1, 1), 0.65, 1.8,
                   style.uniform(0, 3))
    groups.rows_of(room, storage.locker, style.integer(1, 3))
    groups.rows_of(room, storage.dumbbell_rack, 1)


def _foyer(room: Room) -> None:
    groups.rows_of(room, storage.chest, room.style.integer(0, 1))
    groups.rows_of(room, furniture.bench, room.style.integer(0, 2))
    groups.rows_of(room, clutter.floor_plant, room.style.integer(0, 3))
    groups.rows_of(room, furniture.armchair, room.style.integer(0, 3))


def _furniture_store(room: Room) -> None:
    for _ in range(room.style.integer(2, 4)):
        groups.sofa_group(room)
    for _ in range(room.style.integer(1, 3)):
        groups.dining_group(room, centre=False)
    groups.rows_of(room, storage.cupboard, room.style.integer(1, 4))
    groups.rows_of(room, furniture.bed, room.style.integer(0, 2))


def _study(room: Room) -> None:
    groups.workplace(room)
    groups.rows_of(room, storage.shelf, room.style.integer(1, 4))
    groups.rows_of(room, furniture.armchair, room.style.integer(0, 1))


def _playroom(room: Room) -> None:
    style = room.style
    groups.rows_of(room, storage.low_shelf, style.integer(1, 3))
    for _ in range(style.integer(4, 14)):
        room.on_floor(clutter.PLAY[style.integer(0, len(clutter.PLAY) - 1)](style), gap=0.0)
    low = furniture.table(style, (0.8, 1.2), (0.6, 0.8), (0.45, 0.56), 'play table')
    placed = room.on_floor(low, gap=0.4, centre=True)
    if placed is not None:
        room.scatter(placed, clutter.PLAY, style.integer(1, 7))
        groups.seats_around(room, placed, groups.identical(
            style, lambda s: furniture.stool(s, (0.28, 0.34))), 0.6)
    groups.rows_of(room, furniture.sofa, style.integer(0, 1))
    groups.rug(room, 0, 0, style.uniform(1.5, 3), style.uniform(1.5, 2.5))


def _printers(room: Room) -> None:
    groups.rows_of(room, storage.copier, room.style.integer(1, 3))
    placed = room.against_wall(furniture.table(room.style))
    if placed is not None:
        room.scatter(placed, (clutter.printer, clutter.paper, clutter.paper, clutter.parcel), 5)
    groups.rows_of(room, storage.shelf, room.style.integer(1, 2))


def _reception(room: Room) -> None:
    style = room.style
    counter = furniture.table(style, (1.8, 3.0), (0.6, 0.8), (1.0, 1.15), 'counter')
    placed = room.on_floor(counter, angle=0.0, gap=0.8, centre=True)
    if placed is not None:
        room.scatter(placed, clutter.DESK, style.integer(1, 5))
    groups.rows_of(room, furniture.armchair, style.integer(1, 4))
    groups.rows_of(room, furniture.sofa, style.integer(0, 1))
    groups.rows_of(room, clutter.floor_plant, style.integer(0, 3))


def _lounge(room: Room) -> None:
    for _ in range(room.style.integer(1, 2)):
        groups.sofa_group(room)
    for _ in range(room.style.integer(1, 3)):
        groups.dining_group(room, centre=False)


def _balcony(room: Room) -> None:
    groups.dining_group(room, centre=False)
    groups.rows_of(room, clutter.floor_plant, room.style.integer(1, 5))
    groups.rows_of(room, furniture.armchair, room.style.integer(0, 2))


def _basement(room: Room) -> None:
    groups.rows_of(room, storage.stock_rack, room.style.integer(1, 3))
    groups.rows_of(room, storage.washing_machine, room.style.integer(0, 1))
    for _ in range(room.style.integer(2, 8)):
        room.on_floor(clutter.parcel(room.style), gap=0.0)
    if room.style.chance(0.5):
        groups.workplace(room)
    if room.style.chance(0.3):
        groups.rows_of(room, furniture.sofa, 1)


RECIPES: dict[str, Recipe] = {
    'basement': Recipe(_basement, (3.5, 8), (3.5, 8), (2.1, 2.6), windows=(0, 1), weight=0.7),
    'bathroom': Recipe(_bathroom, (1.8, 3.5), (2.2, 4), tiled=0.9, windows=(0, 1),
                       pictures=(0, 1), people=0.03, weight=1.4),
    'bedroom': Recipe(_bedroom, (2.6, 5), (3.0, 5.5), weight=3.0),
    'bookstore': Recipe(_bookstore, (5, 12), (5, 12), (2.7, 3.5), public=True, people=0.4),
    'cafe': Recipe(_cafe, (5, 10), (5, 12), (2.6, 3.4), public=True, people=0.5),
    'classroom': Recipe(_classroom, (6, 10), (6, 12), (2.7, 3.4), public=True, windows=(2, 4),
                        people=0.35, weight=1.6),
    'computer_lab': Recipe(_open_office, (6, 12), (6, 12), (2.6, 3.2), public=True,
                           windows=(1, 4), people=0.3, weight=1.5),
    'conference_room': Recipe(_conference, (3.5, 6.5), (4.5, 9), (2.5, 3.2), public=True,
                              people=0.3, weight=1.2),
    'dinette': Recipe(_dinette, (3, 5), (3, 5), tiled=0.5),
    'dining_room': Recipe(_dining, (3, 5.5), (3.2, 6), weight=2.0),
    'exercise_room': Recipe(_gym, (4, 9), (4, 9), (2.5, 3.5), public=True, people=0.3),
    'foyer': Recipe(_foyer, (2.2, 6), (3, 8), (2.5, 3.5), tiled=0.5, people=0.3),
    'furniture_store': Recipe(_furniture_store, (8, 14), (8, 14), (2.8, 3.5), public=True),
    'home_office': Recipe(_study, (2.5, 4.5), (2.5, 5), weight=2.0),
    'home_storage': Recipe(_storage, (2.0, 5), (2.2, 6), (2.2, 2.7), windows=(0, 1),
                           pictures=(0, 1), weight=1.2),
    'indoor_balcony': Recipe(_balcony, (1.6, 3), (3, 7), windows=(2, 4), tiled=0.7, weight=0.5),
    'kitchen': Recipe(_kitchen, (2.4, 5), (2.8, 6), tiled=0.6, weight=2.5),
    'laundry_room': Recipe(_laundry, (1.8, 3.5), (2, 4), tiled=0.7, windows=(0, 1), weight=0.7),
    'living_room': Recipe(_living, (3.2, 7), (3.5, 8), weight=3.0),
    'office': Recipe(_office, (2.8, 6), (3.2, 7), public=True, weight=3.0),
    'office_kitchen': Recipe(_kitchen, (3, 5.5), (3, 6), public=True, tiled=0.5, weight=1.2),
    'playroom': Recipe(_playroom, (3, 5.5), (3, 6), weight=1.0),
    'printer_room': Recipe(_printers, (2.2, 4), (2.5, 5), public=True, windows=(0, 1)),
    'reception_room': Recipe(_reception, (4, 8), (4, 8), (2.6, 3.4), public=True, people=0.4),
    'student_lounge': Recipe(_lounge, (5, 9), (5, 10), (2.6, 3.2), public=True, people=0.4),
    'study': Recipe(_study, (2.6, 4.5), (3, 5), weight=1.2),
    'study_room': Recipe(_open_office, (4, 8), (4, 8), (2.6, 3.0), public=True, people=0.3),
}

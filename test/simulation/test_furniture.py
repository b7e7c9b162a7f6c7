# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Things have the size that they have in the world: it is what teaches a network scale."""

from collections.abc import Callable

import numpy as np
import pytest
from scaledepth_ros.simulation import buildings, clutter, furniture, storage, vegetation, vehicles
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.people import person

Span = tuple[float, float]
Maker = Callable[[Style], Item]


def style(seed: int) -> Style:
    rng = np.random.default_rng(seed)
    return Style(rng, Palette(rng))


# Width, depth and height in metres, from standards and catalogues.
SIZES: list[tuple[Maker, Span, Span, Span]] = [
    (furniture.table, (1.1, 2.1), (0.7, 1.05), (0.71, 0.77)),
    (furniture.desk, (1.1, 1.9), (0.6, 0.9), (0.71, 0.77)),
    (furniture.coffee_table, (0.6, 1.35), (0.45, 1.05), (0.36, 0.5)),
    (furniture.chair, (0.38, 0.5), (0.38, 0.56), (0.78, 1.02)),
    (furniture.office_chair, (0.5, 0.72), (0.5, 0.72), (0.8, 1.2)),
    (furniture.bar_stool, (0.28, 0.45), (0.28, 0.45), (0.64, 0.82)),
    (furniture.sofa, (1.3, 3.6), (0.75, 1.3), (0.68, 1.0)),
    (furniture.armchair, (0.75, 1.35), (0.75, 1.3), (0.65, 1.0)),
    (furniture.bed, (0.9, 2.0), (2.0, 2.25), (0.6, 1.2)),
    (storage.shelf, (0.58, 1.22), (0.26, 0.45), (0.98, 2.22)),
    (storage.cupboard, (0.78, 2.02), (0.38, 0.68), (1.68, 2.32)),
    (storage.kitchen_unit, (1.1, 3.1), (0.58, 0.66), (0.9, 2.5)),
    (storage.fridge, (0.58, 0.62), (0.6, 0.75), (0.8, 2.05)),
    (storage.washing_machine, (0.58, 0.62), (0.55, 0.68), (0.83, 0.87)),
    (clutter.cup, (0.06, 0.16), (0.06, 0.16), (0.07, 0.11)),
    (clutter.bottle, (0.05, 0.1), (0.05, 0.1), (0.19, 0.35)),
    (clutter.book, (0.12, 0.23), (0.18, 0.31), (0.007, 0.05)),
    (clutter.monitor, (0.4, 0.75), (0.15, 0.25), (0.3, 0.78)),
    (clutter.keyboard, (0.28, 0.65), (0.1, 0.18), (0.01, 0.05)),
    (clutter.laptop, (0.29, 0.38), (0.2, 0.4), (0.18, 0.3)),
    (person, (0.4, 0.85), (0.2, 1.0), (1.45, 2.0)),
    (vehicles.bus, (2.5, 2.65), (11.9, 12.2), (3.0, 3.2)),
    (vehicles.lorry, (2.45, 2.6), (6.4, 10.2), (3.1, 3.9)),
    (vehicles.bicycle, (0.5, 0.65), (1.6, 1.9), (0.9, 1.2)),
    (buildings.bollard, (0.1, 0.2), (0.1, 0.2), (0.85, 1.15)),
]


@pytest.mark.parametrize(('maker', 'width', 'depth', 'height'), SIZES,
                         ids=[row[0].__name__ for row in SIZES])
def test_true_size(maker: Maker, width: Span, depth: Span, height: Span) -> None:
    for seed in range(6):
        item = maker(style(seed))
        for extent, (low, high) in zip(item.size_m, (width, depth, height), strict=True):
            assert low <= extent <= high, f'{item.name} (seed {seed}) measures {item.size_m}'
        lower, upper = item.mesh.bounds_m
        # Things stand on the floor, around their origin, and the size is that of the mesh.
        assert -0.15 < lower[2] < 0.03
        np.testing.assert_allclose((lower + upper)[:2], 0, atol=0.02)
        np.testing.assert_allclose(item.size_m[:2], (upper - lower)[:2], atol=1e-4)


def test_cars_are_as_large_as_cars() -> None:
    seen = set()
    for seed in range(24):
        car = vehicles.car(style(seed))
        width, length, height = car.size_m
        seen.add(car.name)
        if car.name == 'car':
            assert 3.65 < length < 5.05
            assert 1.65 < width < 2.25  # mirrors included
            assert 1.38 < height < 1.85
        else:
            assert 4.75 < length < 6.1
            assert 1.9 < height < 2.65
        assert vehicles.repainted(style(seed), car).size_m == car.size_m
    assert seen == {'car', 'van'}


def test_trees_stand_on_their_trunks() -> None:
    for seed in range(4):
        tree = vegetation.tree(style(seed))
        assert 4.5 < tree.size_m[2] < 12.5
        assert 0.2 < max(tree.size_m[:2]) / tree.size_m[2] < 1.2
        corners = tree.mesh.corners_m.reshape(-1, 3)
        foot = corners[np.abs(corners[:, 2]) < 0.3]
        assert len(foot) > 10
        assert np.linalg.norm(foot[:, :2], axis=1).max() < 0.5


def test_seats_are_at_the_height_of_a_knee() -> None:
    for seed in range(8):
        mesh = furniture.chair(style(seed)).mesh
        level = mesh.normals[:, 0, 2] > 0.99
        corner = mesh.corners_m[level]
        area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]),
                              axis=1) / 2
        heights = corner[:, :, 2].mean(1)
        seat = heights[(heights > 0.2) & (heights < 0.7)]
        weight = area[(heights > 0.2) & (heights < 0.7)]
        assert 0.42 < np.average(seat, weights=weight) < 0.5


@pytest.mark.parametrize('floors', [1, 3, 6])
def test_houses_have_storeys_of_about_three_metres(floors: int) -> None:
    for seed in range(4):
        house = buildings.building(style(seed), 14.0, floors)
        walls = house.size_m[2]
        assert 2.6 * floors < walls < 3.5 * floors
        roof = house.mesh.bounds_m[1, 2] - walls
        assert 0.2 < roof < 8.5


def test_tops_lie_on_the_surface_and_within_it() -> None:
    for maker in (furniture.table, furniture.desk, storage.chest, storage.sideboard):
        item = maker(style(3))
        for top in item.tops:
            inside = (np.abs(item.mesh.corners_m[..., 0] - top.x) <= top.width / 2 + 1e-3).all(1)
            heights = item.mesh.corners_m[inside][..., 2]
            assert np.abs(heights - top.z).min() < 2e-3
            assert top.width <= item.size_m[0] + 1e-6

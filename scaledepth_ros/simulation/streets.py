# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Streets: carriageway, kerbs, pavements, vehicles, houses, trees and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scaledepth_ros.simulation import buildings, ground, textures, vegetation, vehicles
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import merge, Mesh, surface
from scaledepth_ros.simulation.noise import grey, hsv, value_noise
from scaledepth_ros.simulation.people import person
from scaledepth_ros.simulation.road import Road
from scaledepth_ros.simulation.scene import Scene, Track, Viewing
from scaledepth_ros.simulation.weather import daylight

Span = tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """Cross-section of a street (metres) and the density of what stands along it (0..1)."""

    lanes: tuple[int, int]
    lane_m: Span
    pavement_m: Span
    setback_m: Span
    floors: tuple[int, int]
    gap_m: Span
    parking: float
    verge: float
    trees: float
    shops: float
    people: float
    traffic: float
    houses: float = 1.0
    weight: float = 1.0


PLANS: dict[str, Plan] = {
    'residential': Plan((2, 2), (2.6, 3.2), (1.3, 2.4), (1.5, 7), (1, 3), (0, 9), 0.65, 0.4, 0.6,
                        0.05, 0.25, 0.4, weight=3.0),
    'urban': Plan((2, 4), (2.9, 3.4), (2.2, 4.5), (0, 1), (3, 6), (0, 2), 0.6, 0.1, 0.35, 0.6,
                  0.8, 0.7, weight=2.0),
    'rural': Plan((2, 2), (2.8, 3.5), (0, 0), (6, 20), (1, 2), (15, 60), 0.0, 1.0, 1.0, 0.0, 0.05,
                  0.35, houses=0.3, weight=2.0),
    'avenue': Plan((4, 6), (3.0, 3.6), (2.5, 4.5), (4, 15), (3, 9), (2, 20), 0.3, 0.9, 0.8, 0.3,
                   0.4, 0.8, weight=1.5),
    'lane': Plan((1, 1), (2.8, 3.8), (0, 1.2), (0.5, 3), (1, 3), (0, 6), 0.25, 0.2, 0.4, 0.0, 0.3,
                 0.1, weight=1.5),
    'path': Plan((1, 1), (2.0, 4.0), (0, 0), (5, 25), (1, 4), (5, 40), 0.0, 1.0, 1.0, 0.0, 0.6,
                 0.0, houses=0.5, weight=1.2),
}


def make_street(seed: int) -> Scene:
    """Build a street; the road lies around the origin and runs along x."""
    rng = np.random.default_rng([seed, 3])
    names = list(PLANS)
    weight = np.array([PLANS[name].weight for name in names])
    name = str(rng.choice(names, p=weight / weight.sum()))
    plan = PLANS[name]
    style = Style(rng, Palette(rng))
    bend = 0.0 if style.chance(0.5) else float(rng.choice([-1, 1])) / style.uniform(70, 400)
    road = Road(style, bend, 240.0)
    lanes, lane_m = style.integer(*plan.lanes), style.uniform(*plan.lane_m)
    half = lanes * lane_m / 2
    _carriageway(road, name, lanes, lane_m)
    stock = _Stock.make(style, plan)
    walks = []
    for side in (-1, 1):
        walks.append(_roadside(road, plan, stock, side, half, name == 'path'))
    ego = -lane_m / 2 if lanes > 1 else 0.0
    if lanes >= 4 and style.chance(0.5):
        ego -= lane_m
    stop = style.uniform(5, 35)
    _traffic(road, plan, stock, lanes, lane_m, ego, stop)
    _backdrop(road)
    tracks = [Track(road.path(ego, -75.0, stop), (1.3, 1.9), np.radians(5), 5.0)]
    for d, z in walks:
        tracks.append(Track(road.path(d, -60.0, 60.0), (z + 0.3, z + 1.75), np.radians(40), 0.9))
    viewing = Viewing((-60.0, -half), (60.0, half), path_m=road.path(ego, -75.0, stop),
                      speed_m_s=style.uniform(2.0, 6.0), height_m=(1.4, 1.75),
                      tracks=tuple(tracks))
    return Scene(
        kind='street', category='outdoor_scene', seed=seed, mesh=merge(road.meshes),
        materials=style.palette.table(), lighting=daylight(rng), objects=tuple(road.objects),
        viewing=viewing,
    )


@dataclass(frozen=True)
class _Stock:
    """Models that are built once for a street and placed many times."""

    cars: list[Item]
    trees: list[Item]
    bushes: list[Item]
    leaves: list[int]

    @staticmethod
    def make(style: Style, plan: Plan) -> _Stock:
        models = [vehicles.car(style) for _ in range(5)]
        cars = [vehicles.repainted(style, models[k % 5]) for k in range(14)] + models
        kinds = 2 if plan.trees < 0.7 else 3
        trees = [vegetation.tree(style) for _ in range(kinds)]
        if style.chance(0.3):
            trees.append(vegetation.conifer(style))
        bushes = [vegetation.bush(style) for _ in range(2)]
        return _Stock(cars, trees, bushes, vegetation.leaf_materials(style))


def _carriageway(road: Road, name: str, lanes: int, lane_m: float) -> None:
    style, rng = road.style, road.style.rng
    half = lanes * lane_m / 2
    paved = ground.asphalt
    if name in ('lane', 'path') and style.chance(0.6):
        paved = ground.paving if style.chance(0.5) else ground.soil
    surface_id = style.palette.add(paved(rng))
    for k in range(max(1, lanes // 2)):
        width = 2 * half / max(1, lanes // 2)
        road.strip('road', -half + k * width, -half + (k + 1) * width, 0, 0, surface_id)
    paint = style.palette.add(textures.concrete(rng, grey(rng, 0.75, 0.95)))
    if name in ('lane', 'path'):
        return
    yellow = style.palette.plain((0.75, 0.55, 0.12))
    if style.chance(0.85):
        centre = yellow if style.chance(0.25) else paint
        if lanes > 2 or style.chance(0.2):
            for d in (-0.12, 0.12):
                road.line(d, 0.1, centre)
        else:
            road.line(0.0, 0.12, centre, (3.0, float(rng.choice([3.0, 6.0, 9.0]))))
    for k in range(1, lanes // 2):
        for side in (-1, 1):
            road.line(side * k * lane_m, 0.12, paint, (3.0, 6.0))
    if style.chance(0.5):
        for side in (-1, 1):
            road.line(side * (half - 0.2), 0.12, paint)
    if style.chance(0.35):
        road.crossing(style.uniform(-40, 40), -half, half, paint)


def _roadside(road: Road, plan: Plan, stock: _Stock, side: int, edge: float, park: bool
              ) -> tuple[float, float]:
    """Build all that lies between the carriageway and the backs of the houses."""
    style, rng = road.style, road.style.rng

    def strip(name: str, a: float, b: float, z0: float, z1: float, material: int) -> None:
        if side > 0:
            road.strip(name, a, b, z0, z1, material)
        else:
            road.strip(name, -b, -a, z1, z0, material)

    at = edge
    has_pavement = plan.pavement_m[1] > 0.3
    level = 0.13 if has_pavement else 0.02
    turf = style.palette.add(ground.grass(rng) if style.chance(0.8) else ground.soil(rng))
    if style.chance(plan.parking):
        bay = style.palette.add(ground.asphalt(rng) if style.chance(0.6) else ground.paving(rng))
        strip('parking', at, at + 2.1, 0, 0, bay)
        _park_cars(road, stock, side, at + 1.05)
        at += 2.1
    if has_pavement:
        kerb = style.paint(grey(rng, 0.45, 0.8))
        strip('kerb', at, at + 0.001, 0, level, kerb)
        strip('kerb', at, at + 0.15, level, level, kerb)
        at += 0.15
    if style.chance(plan.verge):
        width = style.uniform(1.0, 3.5)
        strip('verge', at, at + width, level, level, turf)
        _row(road, plan, stock, side, at + width / 2, level)
        at += width
    walk = at + 0.6
    if has_pavement:
        width = style.uniform(*plan.pavement_m)
        slabs = style.palette.add(ground.paving(rng) if style.chance(0.7) else
                                  ground.asphalt(rng))
        strip('pavement', at, at + width, level, level, slabs)
        walk = at + width * 0.55
        _furniture(road, side, at + 0.3, level, plan)
        _people(road, plan, side, at, at + width, level)
        at += width
    elif park:
        # People keep to the sides; the middle is the camera's.
        _people(road, plan, side, 0.5, max(edge, 1.2), 0.0)
        _furniture(road, side, at + 0.8, level, plan)
    setback = style.uniform(*plan.setback_m)
    strip('garden', at, at + setback + 40, level, level, turf)
    if setback > 1.0:
        _gardens(road, plan, stock, side, at, at + setback, level)
    _houses(road, plan, stock, side, at + setback, level)
    return side * walk, level


def _park_cars(road: Road, stock: _Stock, side: int, d: float) -> None:
    style = road.style
    s, fill = -95.0, style.uniform(0.35, 0.95)
    while s < 95:
        car = road.pick(stock.cars)
        if style.chance(fill):
            turn = -np.pi / 2 if (side < 0 or style.chance(0.2)) else np.pi / 2
            road.put(car, s, side * d + float(style.rng.normal(0, 0.08)),
                     turn + float(style.rng.normal(0, 0.015)))
        s += car.size_m[1] + style.uniform(0.7, 2.2)


def _traffic(road: Road, plan: Plan, stock: _Stock, lanes: int, lane_m: float, ego: float,
             stop: float) -> None:
    """Put vehicles on the lanes; the camera's own lane stays free as far as it drives."""
    style = road.style
    if plan.traffic <= 0:
        return
    for k in range(lanes):
        d = (k + 0.5 - lanes / 2) * lane_m
        forward = d < 0 or lanes == 1
        own = abs(d - ego) < lane_m / 2
        s = stop + style.uniform(7, 25) if own else -100 + style.uniform(0, 40)
        while s < 110:
            large = style.rng.random()
            vehicle = road.pick(stock.cars)
            if large < 0.06:
                vehicle = vehicles.lorry(style)
            elif large < 0.1 and plan.people > 0.3:
                vehicle = vehicles.bus(style)
            elif large < 0.14:
                vehicle = vehicles.bicycle(style, rider=True)
            if style.chance(plan.traffic):
                turn = -np.pi / 2 if forward else np.pi / 2
                road.put(vehicle, s + vehicle.size_m[1] / 2,
                         d + float(style.rng.normal(0, 0.15)), turn)
            s += vehicle.size_m[1] + style.uniform(6, 35)


def _row(road: Road, plan: Plan, stock: _Stock, side: int, d: float, z: float) -> None:
    """Plant trees along a verge."""
    style = road.style
    if not style.chance(plan.trees):
        return
    pitch, s = style.uniform(5, 14), -100 + style.uniform(0, 6)
    while s < 100:
        if style.chance(0.85):
            road.put(road.pick(stock.trees), s, side * d, style.uniform(0, 6.28), z)
        s += pitch * style.uniform(0.8, 1.25)


def _furniture(road: Road, side: int, d: float, z: float, plan: Plan) -> None:
    """Set lamp posts, signs, bins, benches and bollards along the kerb."""
    style = road.style
    inwards = 0.0 if side < 0 else np.pi
    post = buildings.lamp_post(style)
    for s in np.arange(-90 + style.uniform(0, 20), 90, style.uniform(22, 38)):
        road.put(post, float(s), side * d, inwards, z)
    makers = [buildings.road_sign, buildings.street_bin, buildings.bollard, buildings.road_sign,
              buildings.park_bench]
    for _ in range(style.integer(2, 12)):
        item = makers[style.integer(0, len(makers) - 1)](style)
        turn = inwards + (0.0 if item.name == 'bench' else style.uniform(-0.5, 0.5))
        if item.name == 'sign':
            turn = -np.pi / 2 if side > 0 else np.pi / 2
        road.put(item, style.uniform(-80, 80), side * (d + 0.2), turn, z)
    if style.chance(0.3 * plan.traffic):
        road.put(buildings.traffic_light(style), style.uniform(0, 60), side * d, np.pi / 2, z)
    if style.chance(0.15 * plan.people):
        shelter = buildings.bus_shelter(style)
        road.put(shelter, style.uniform(-50, 50), side * (d + 1.0), inwards, z)


def _people(road: Road, plan: Plan, side: int, d0: float, d1: float, z: float) -> None:
    style = road.style
    for _ in range(int(style.rng.poisson(10 * plan.people))):
        d = style.uniform(min(d0 + 0.3, d1), d1)
        turn = float(style.rng.choice([-1, 1])) * np.pi / 2 + float(style.rng.normal(0, 0.3))
        road.put(person(style), style.uniform(-85, 85), side * d, turn, z)
    for _ in range(int(style.rng.poisson(2 * plan.people))):
        road.put(vehicles.bicycle(style), style.uniform(-80, 80), side * (d1 - 0.3),
                 style.uniform(0, 3.1), z)


def _gardens(road: Road, plan: Plan, stock: _Stock, side: int, d0: float, d1: float, z: float
             ) -> None:
    """Fence front gardens and plant them; in the country this is the forest's edge."""
    style = road.style
    if plan.houses > 0.6:
        s = -95.0
        while s < 95:
            length = style.uniform(6, 16)
            kind = style.rng.random()
            mesh: Mesh | None = None
            if kind < 0.3:
                mesh, name = vegetation.hedge(style, length, stock.leaves,
                                              style.uniform(0.8, 2.2)), 'hedge'
            elif kind < 0.7:
                fence = str(style.rng.choice(['boards', 'wall', 'bars']))
                mesh, name = buildings.fence(style, length, fence), 'fence'
            if mesh is not None:
                road.run(mesh, name, s + length / 2, side * (d0 + 0.4), z)
            s += length + style.uniform(0.5, 4)
    wild = plan.houses < 0.6
    depth = max(d1 - d0, 1.0) + (25 if wild else 0)
    for _ in range(style.integer(25, 60) if wild else style.integer(6, 22)):
        d = d0 + 1.0 + style.uniform(0, 1) ** 1.5 * (depth - 1.0)
        plant = road.pick(stock.bushes) if style.chance(0.4) else road.pick(stock.trees)
        if plant.name == 'tree' and d - d0 < 2.0 and not wild:
            continue
        road.put(plant, style.uniform(-110, 110), side * d, style.uniform(0, 6.28), z)


def _houses(road: Road, plan: Plan, stock: _Stock, side: int, d: float, z: float) -> None:
    """Line up houses whose fronts look at the road."""
    style = road.style
    inwards = np.pi if side > 0 else 0.0
    s = -125.0 + style.uniform(0, 15)
    models = []
    for _ in range(5):
        floors = style.integer(*plan.floors)
        models.append(buildings.building(style, style.uniform(8, 22), floors,
                                         shop=style.chance(plan.shops)))
    while s < 130:
        house = road.pick(models)
        if style.chance(plan.houses):
            off = style.uniform(0, 1.5) if plan.gap_m[1] > 3 else 0.0
            road.put(house, s + house.size_m[0] / 2, side * (d + house.size_m[1] / 2 + off),
                     inwards, z)
        s += house.size_m[0] + style.uniform(*plan.gap_m) * float(style.chance(0.7))


def _backdrop(road: Road) -> None:
    """Close the view: far ground, hills, and a row of houses or trees behind both ends."""
    style, rng = road.style, road.style.rng
    x = np.linspace(-600, 600, 41)
    gx, gy = np.meshgrid(x, x, indexing='ij')
    distance = np.hypot(gx, gy)
    relief = value_noise(rng, 64, 6)[:41, :41].astype(np.float64)
    height = np.clip((distance - 160) / 300, 0, 1) * style.uniform(5, 70) * (0.6 + relief)
    points = np.stack([gx, gy, np.where(distance < 160, -0.06, np.maximum(height, -0.06))], -1)
    turf = style.palette.add(ground.grass(rng))
    far = style.palette.add(ground.foliage(rng, hsv(style.uniform(0.2, 0.4),
                                                    style.uniform(0.2, 0.5), 0.35)))
    mesh = surface(points, turf)
    away = np.linalg.norm(mesh.corners_m[:, :, :2].mean(1), axis=1) > 200
    material = np.where(away, far, turf).astype(np.int32)
    road.add('ground', Mesh(mesh.corners_m, mesh.normals, mesh.uv, material))
    for end in (-1, 1):
        if style.chance(0.6):
            for _ in range(style.integer(2, 6)):
                house = buildings.building(style, style.uniform(10, 30), style.integer(2, 7))
                road.put(house, end * (150 + style.uniform(0, 60)), style.uniform(-60, 60),
                         end * np.pi / 2 + float(style.rng.choice([0.0, 0.3])))
        trees = [vegetation.tree(style, (7, 16), 0.6)]
        for _ in range(style.integer(4, 16)):
            road.put(trees[0], end * (130 + style.uniform(0, 80)), style.uniform(-60, 60))

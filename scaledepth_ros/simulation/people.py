# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Human figures, 1.5-1.95 m tall, with the proportions of standard anthropometry."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.mesh import DoubleArray, merge, Mesh, surface
from scaledepth_ros.simulation.noise import any_colour, grey, hsv
from scaledepth_ros.simulation.solids import ellipsoid, tube


def person(style: Style, *, walking: bool | None = None) -> Item:
    """
    Build a standing or walking figure that faces +y.

    Args:
        style: Materials; clothes, skin and hair are drawn anew.
        walking: Take a step; by chance when None.
    """
    h = float(np.clip(style.rng.normal(1.71, 0.1), 1.5, 1.95))
    girth = style.uniform(0.9, 1.25)
    skin = style.paint(hsv(style.uniform(0.04, 0.08), style.uniform(0.25, 0.6),
                           style.uniform(0.3, 0.95)))
    hair = style.paint(hsv(style.uniform(0.03, 0.12), style.uniform(0.1, 0.7),
                           float(style.rng.choice([0.05, 0.12, 0.3, 0.7]))))
    shirt = style.fabric() if style.chance(0.4) else style.cloth()
    trousers = style.cloth(hsv(0.6, style.uniform(0, 0.6), style.uniform(0.08, 0.5)))
    shoes = style.paint(grey(style.rng, 0.03, 0.3) if style.chance(0.7) else any_colour(style.rng))
    stride = style.uniform(0.12, 0.3) if (style.chance(0.5) if walking is None else walking) \
        else style.uniform(0.0, 0.05)
    hip, shoulder, neck = 0.52 * h, 0.82 * h, 0.86 * h
    parts = [_torso(hip - 0.055 * h, shoulder, h, girth, shirt)]
    parts += _head(neck, h, skin, hair, long_hair=style.chance(0.4))
    parts.append(tube([[0, 0, shoulder - 0.02], [0, 0.01, neck + 0.03]], 0.032 * h, skin))
    parts.append(ellipsoid((0.095 * h * girth, 0.07 * h * girth, 0.075 * h), trousers,
                           at=(0, 0, hip)))
    for side in (-1, 1):
        step = side * stride
        parts += _leg(side, step, hip, h, girth, trousers, shoes)
        swing = -0.7 * step
        bend = style.uniform(0.02, 0.18)
        elbow = [side * 0.135 * h * girth, swing * 0.4, shoulder - 0.19 * h]
        hand = [side * 0.13 * h * girth, swing + bend, elbow[2] - 0.15 * h + bend * 0.5]
        start = [side * 0.102 * h * girth, 0, shoulder - 0.035 * h]
        sleeve = tube([start, elbow], [0.027 * h * girth, 0.023 * h], shirt)
        bare = style.chance(0.4)
        parts += [sleeve, tube([elbow, hand], [0.024 * h, 0.017 * h], skin if bare else shirt),
                  ellipsoid((0.02 * h, 0.02 * h, 0.035 * h), skin,
                            at=(hand[0], hand[1], hand[2] - 0.03 * h))]
    item = Item.of('person', parts)
    lower = item.mesh.bounds_m[0, 2]
    return Item('person', item.mesh.translated(z=-float(lower)), item.size_m)


def _torso(low: float, high: float, h: float, girth: float, shirt: int) -> Mesh:
    t = np.linspace(0, 1, 9)
    width = h * girth * np.array([0.107, 0.106, 0.097, 0.093, 0.1, 0.11, 0.117, 0.1, 0.04])
    deep = h * girth * np.array([0.083, 0.082, 0.074, 0.07, 0.074, 0.075, 0.068, 0.05, 0.03])
    angle = np.linspace(0, 2 * np.pi, 21)
    z = low + (high - low) * t
    points: DoubleArray = np.stack([
        np.cos(angle)[:, None] * width[None],
        np.sin(angle)[:, None] * deep[None],
        np.broadcast_to(z[None], (21, 9)),
    ], -1)
    return surface(points, shirt, closed_u=True)


def _head(neck: float, h: float, skin: int, hair: int, *, long_hair: bool) -> list[Mesh]:
    middle = neck + 0.07 * h
    top = (h - middle)
    parts = [
        ellipsoid((0.043 * h, 0.055 * h, top), skin, at=(0, 0.008 * h, middle)),
        ellipsoid((0.048 * h, 0.058 * h, top * 0.85), hair,
                  at=(0, -0.008 * h, middle + 0.016 * h)),
        ellipsoid((0.008 * h, 0.012 * h, 0.012 * h), skin, at=(0, 0.064 * h, middle - 0.004 * h)),
    ]
    if long_hair:
        parts.append(ellipsoid((0.05 * h, 0.03 * h, 0.1 * h), hair, at=(0, -0.035 * h,
                                                                       middle - 0.04 * h)))
    return parts


def _leg(side: int, step: float, hip: float, h: float, girth: float, trousers: int, shoes: int
         ) -> list[Mesh]:
    top = [side * 0.05 * h * girth, 0.0, hip]
    knee = [side * 0.052 * h, step * 0.6 + 0.02, 0.28 * h]
    ankle = [side * 0.052 * h, step - abs(step) * 0.3, 0.045 * h + abs(min(step, 0)) * 0.25]
    leg = tube([top, knee, ankle], [0.056 * h * girth, 0.038 * h * girth, 0.028 * h], trousers)
    shoe = ellipsoid((0.028 * h, 0.075 * h, 0.026 * h), shoes,
                     at=(ankle[0], ankle[1] + 0.035 * h, ankle[2] - 0.02 * h))
    return [merge([leg]), shoe]

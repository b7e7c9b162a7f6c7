# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Trees, bushes and hedges of leaf-sized faces, so that light and sight pass through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scaledepth_ros.simulation import ground
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.mesh import DoubleArray, merge, Mesh, quads
from scaledepth_ros.simulation.solids import ellipsoid, tube


def _leaves(style: Style, centres_m: DoubleArray, size_m: float, materials: list[int],
            outward: DoubleArray | None = None) -> Mesh:
    """Put one randomly turned quad at each centre (N,3); it stands for a spray of leaves."""
    rng = style.rng
    count = len(centres_m)
    u = rng.normal(size=(count, 3))
    if outward is not None:
        # Leaves lie flat on the crown's outside rather than end on.
        u -= 0.7 * (u * outward).sum(1, keepdims=True) * outward
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(u, rng.normal(size=(count, 3)))
    v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
    scale = size_m * rng.uniform(0.6, 1.4, (count, 1)) / 2
    u, v = u * scale, v * scale * 0.8
    corner = np.stack([centres_m - u - v, centres_m + u - v, centres_m + u + v, centres_m - u + v],
                      1)
    start = rng.uniform(0, 1, (count, 1, 2))
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size_m
    choice = np.array(materials)[rng.integers(0, len(materials), count)]
    mesh = quads(corner, start + unit[None], choice.tolist())
    if outward is None:
        return mesh
    # Shaded with the normals of the crown, leaves give the soft light of a round body.
    soft = np.repeat(outward.astype(np.float32)[:, None], 6, axis=1).reshape(-1, 3, 3)
    face = mesh.normals * np.sign((mesh.normals * soft).sum(-1, keepdims=True))
    normal = soft + np.float32(0.6) * face + np.array([0, 0, 0.15], np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return replace(mesh, normals=normal.astype(np.float32))


def _rooted(name: str, parts: list[Mesh]) -> Item:
    """Make an item whose origin is where it grows out of the ground, not the middle."""
    mesh = merge(parts)
    lower, upper = mesh.bounds_m
    return Item(name, mesh, (float(upper[0] - lower[0]), float(upper[1] - lower[1]),
                             float(upper[2])))


def leaf_materials(style: Style) -> list[int]:
    """Register three shades of one foliage."""
    colour = ground.leaf_colour(style.rng)
    first = style.palette.add(ground.foliage(style.rng, colour))
    shades = [(0.65, 0.7, 0.6), (1.25, 1.2, 1.0)]
    return [first, *[style.palette.variant(first, shade) for shade in shades]]


def tree(style: Style, height: tuple[float, float] = (5.0, 11.0), detail: float = 1.0) -> Item:
    """Build a broad-leaved tree: trunk, boughs and a crown of leaf clusters."""
    rng = style.rng
    h = style.uniform(*height)
    bole = h * style.uniform(0.2, 0.38)
    radius = h * style.uniform(0.018, 0.028)
    bark = style.palette.add(ground.bark(rng))
    leaves = leaf_materials(style)
    lean = rng.normal(0, 0.03, 2) * h
    top = np.array([lean[0], lean[1], h * 0.85])
    parts = [tube(np.array([[0, 0, -0.1], [lean[0] * 0.2, lean[1] * 0.2, bole], top]),
                  [radius * 1.15, radius * 0.85, radius * 0.2], bark, segments=10)]
    spread = h * style.uniform(0.22, 0.36)
    clusters = int(rng.integers(9, 18))
    centres = []
    for k in range(clusters):
        level = bole + (h - bole) * (0.15 + 0.75 * (k + 0.5) / clusters)
        taper = np.sin(np.pi * np.clip((level - bole) / (h - bole) * 0.85 + 0.12, 0, 1))
        angle = 2.4 * k + style.uniform(-0.4, 0.4)
        reach = spread * taper * style.uniform(0.35, 0.85)
        centre = np.array([reach * np.cos(angle), reach * np.sin(angle), level])
        centres.append(centre)
        start = top * np.clip(level / h - 0.15, 0.2, 0.9)
        parts.append(tube(np.stack([start, centre]), [radius * 0.4, radius * 0.12], bark,
                          segments=5))
    per = int(150 * detail)
    size = style.uniform(0.24, 0.42) / np.sqrt(max(detail, 0.3))
    for centre in centres:
        ball = rng.normal(size=(per, 3))
        ball /= np.linalg.norm(ball, axis=1, keepdims=True)
        shell = ball * rng.uniform(0.55, 1.0, (per, 1)) ** 0.5
        extent = spread * style.uniform(0.35, 0.55) * np.array([1, 1, 0.75])
        parts.append(_leaves(style, centre + shell * extent, size, leaves, ball))
    return _rooted('tree', parts)


def conifer(style: Style, height: tuple[float, float] = (6.0, 14.0)) -> Item:
    """Build a spruce-like tree."""
    rng = style.rng
    h = style.uniform(*height)
    bark = style.palette.add(ground.bark(rng))
    leaves = leaf_materials(style)
    base = h * style.uniform(0.16, 0.24)
    count = 1100
    level = rng.uniform(0, 1, count) ** 0.8
    radius = base * (1 - level) * rng.uniform(0.35, 1.0, count) ** 0.5 + 0.05
    angle = rng.uniform(0, 2 * np.pi, count)
    z = h * (0.1 + 0.9 * level) - radius * 0.35
    outward = np.stack([np.cos(angle), np.sin(angle), 0 * angle + 0.3], -1)
    centres = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    parts = [tube(np.array([[0, 0, 0], [0, 0, h * 0.95]]), [h * 0.018, 0.02], bark, segments=8),
             _leaves(style, centres, 0.45, leaves, outward / 1.044)]
    return _rooted('tree', parts)


def bush(style: Style, height: tuple[float, float] = (0.5, 2.0)) -> Item:
    """Build a bush."""
    rng = style.rng
    h = style.uniform(*height)
    wide = h * style.uniform(0.5, 0.9)
    leaves = leaf_materials(style)
    ball = rng.normal(size=(320, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    centres = ball * rng.uniform(0.8, 1.05, (320, 1)) * [wide, wide, h / 2] + [0, 0, h / 2]
    core = ellipsoid((wide * 0.8, wide * 0.8, h * 0.4), leaves[1], at=(0, 0, h * 0.45))
    return _rooted('bush', [core, _leaves(style, centres, 0.16, leaves, ball)])


def hedge(style: Style, length: float, leaves: list[int], height: float) -> Mesh:
    """Build a clipped hedge along x, 0.6-0.9 m thick."""
    rng = style.rng
    thick = style.uniform(0.5, 0.9)
    count = int(min(length * 70, 2500))
    face = rng.integers(0, 3, count)
    x = rng.uniform(-length / 2, length / 2, count)
    z = np.where(face == 2, height, rng.uniform(0, height, count))
    side = np.where(face == 0, thick / 2, -thick / 2)
    y = np.where(face == 2, rng.uniform(-thick / 2, thick / 2, count), side)
    normal = np.zeros((count, 3))
    normal[face == 2, 2], normal[face == 0, 1], normal[face == 1, 1] = 1, 1, -1
    jitter = rng.normal(0, 0.03, (count, 3))
    body = ellipsoid((length / 2, thick * 0.46, height / 2), leaves[1], at=(0, 0, height / 2),
                     squareness=0.8, segments=24)
    spray = _leaves(style, np.stack([x, y, z], -1) + jitter, 0.13, leaves, normal)
    return merge([body, spray])

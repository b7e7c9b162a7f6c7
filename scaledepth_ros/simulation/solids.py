# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Round bodies with smooth normals: lathed profiles, tubes, cushions, extrusions, in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation.mesh import DoubleArray, merge, Mesh, surface


def lathe(profile_m: ArrayLike, material: int, *, segments: int = 20) -> Mesh:
    """
    Turn a profile about the z axis.

    Args:
        profile_m: (N,2) radius and height; from the bottom to the top gives outward normals.
        material: Material id.
        segments: Number of facets around.

    Returns:
        The body; edges sharper than 35 degrees stay sharp.
    """
    profile = np.asarray(profile_m, np.float64)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    step = np.diff(profile, axis=0)
    direction = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs((np.diff(direction) + np.pi) % (2 * np.pi) - np.pi)
    cuts = [0, *(np.nonzero(turn > np.radians(35))[0] + 1), len(profile) - 1]
    parts = []
    for first, last in zip(cuts[:-1], cuts[1:], strict=True):
        piece = profile[first : last + 1]
        ring = np.stack(
            [
                np.cos(angle)[:, None] * piece[None, :, 0],
                np.sin(angle)[:, None] * piece[None, :, 0],
                np.broadcast_to(piece[None, :, 1], (segments + 1, len(piece))),
            ],
            axis=-1,
        )
        parts.append(surface(ring, material, closed_u=True))
    return merge(parts)


def cylinder(
    radius_m: float,
    height_m: float,
    material: int,
    *,
    at: Sequence[float] = (0.0, 0.0, 0.0),
    segments: int = 18,
    top_radius_m: float | None = None,
) -> Mesh:
    """Build a closed cylinder, or a cone when the top radius differs, standing on ``at``."""
    top = radius_m if top_radius_m is None else top_radius_m
    profile = [(0.0, 0.0), (radius_m, 0.0), (top, height_m), (0.0, height_m)]
    return lathe(profile, material, segments=segments).translated(*at)


def ellipsoid(
    radii_m: Sequence[float],
    material: int,
    *,
    at: Sequence[float] = (0.0, 0.0, 0.0),
    segments: int = 16,
    rings: int = 10,
    squareness: float = 0.0,
) -> Mesh:
    """
    Build an ellipsoid around its centre ``at``.

    Args:
        radii_m: Half axes along x, y, z.
        material: Material id.
        at: Centre.
        segments: Facets around.
        rings: Facets from pole to pole.
        squareness: 0 is an ellipsoid; towards 1 it becomes a box with rounded edges, which
            is the shape of cushions, mattresses and rucksacks (a superellipsoid).
    """
    exponent = 1.0 - squareness
    around, up = np.linspace(0, 2 * np.pi, segments + 1), np.linspace(-np.pi / 2, np.pi / 2, rings)

    def power(value: DoubleArray) -> DoubleArray:
        return np.asarray(np.sign(value) * np.abs(value) ** exponent, np.float64)

    x = power(np.cos(around))[:, None] * power(np.cos(up))[None]
    y = power(np.sin(around))[:, None] * power(np.cos(up))[None]
    z = np.broadcast_to(power(np.sin(up))[None], x.shape)
    points = np.stack([x, y, z], -1) * np.asarray(radii_m, np.float64)
    return surface(points + np.asarray(at, np.float64), material, closed_u=True)


def cushion(
    size_m: Sequence[float], material: int, *, at: Sequence[float] = (0.0, 0.0, 0.0)
) -> Mesh:
    """Build a box with soft edges that stands on ``at``, the centre of its bottom."""
    half = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
    body = ellipsoid(
        half, material, at=(0, 0, half[2]), segments=24, rings=12, squareness=0.72
    )
    return box_mapped(body).translated(*at)


def box_mapped(mesh: Mesh) -> Mesh:
    """Project the texture along the main axis of each face, as cloth lies on a cushion."""
    corner = mesh.corners_m
    normal = np.abs(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]))
    axes = np.array([[1, 2], [0, 2], [0, 1]])[normal.argmax(1)]
    uv = np.take_along_axis(corner, np.broadcast_to(axes[:, None], (len(mesh), 3, 2)), axis=2)
    return replace(mesh, uv=uv)


def tube(
    path_m: ArrayLike,
    radius_m: float | Sequence[float],
    material: int,
    *,
    segments: int = 8,
    capped: bool = True,
) -> Mesh:
    """
    Build a round bar along a polyline.

    Args:
        path_m: (N,3) centre line.
        radius_m: One radius, or one per point.
        material: Material id.
        segments: Facets around.
        capped: Close both ends with round caps.
    """
    path = np.asarray(path_m, np.float64)
    radius = np.broadcast_to(np.asarray(radius_m, np.float64), (len(path),)).copy()
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-12)
    if capped:
        extra = np.sin(np.radians([30, 60, 90]))
        start = path[0] - tangent[0] * radius[0] * extra[::-1, None]
        end = path[-1] + tangent[-1] * radius[-1] * extra[:, None]
        shrink = np.sqrt(np.maximum(1 - extra**2, 0))
        path = np.concatenate([start, path, end])
        tangent = np.concatenate([tangent[:1].repeat(3, 0), tangent, tangent[-1:].repeat(3, 0)])
        radius = np.concatenate([radius[0] * shrink[::-1], radius, radius[-1] * shrink])
    # A reference that is far from every tangent keeps the rings from twisting.
    reference = np.eye(3)[np.argmin(np.abs(tangent).max(0))]
    side = np.cross(tangent, reference)
    side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-12)
    other = np.cross(tangent, side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    ring = (
        path[None]
        + np.cos(angle)[:, None, None] * side[None] * radius[None, :, None]
        + np.sin(angle)[:, None, None] * other[None] * radius[None, :, None]
    )
    return surface(ring, material, closed_u=True)


def prism(
    outline_m: ArrayLike, depth_m: float, material: int, *, cap_material: int | None = None
) -> Mesh:
    """
    Extrude an outline in the x-z plane along y, centred on y = 0.

    Args:
        outline_m: (N,2) x and z, counter-clockwise seen from -y, star-shaped about its mean.
        depth_m: Extent along y.
        material: Material id of the rim.
        cap_material: Material id of the two caps; the rim's by default.
    """
    outline = np.asarray(outline_m, np.float64)
    closed = np.concatenate([outline, outline[:1]])
    cap = material if cap_material is None else cap_material
    centre = outline.mean(0)

    def at(points: DoubleArray, y: float) -> DoubleArray:
        return np.stack([points[:, 0], np.full(len(points), y), points[:, 1]], -1)

    front, back = at(closed, -depth_m / 2), at(closed, depth_m / 2)
    centres = np.repeat(centre[None], len(closed), 0)
    rim = surface(np.stack([front, back], 1), material, flat=True, flip=True)
    front_cap = surface(
        np.stack([at(centres, -depth_m / 2), front], 1), cap, flat=True, flip=True
    )
    back_cap = surface(np.stack([at(centres, depth_m / 2), back], 1), cap, flat=True)
    return merge([rim, front_cap, back_cap])

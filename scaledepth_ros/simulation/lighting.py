# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Light of a scene: area lamps, sun, sky, and the indirect light of interiors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scaledepth_ros.simulation.mesh import dots, FloatArray, IntArray, units
from scaledepth_ros.simulation.tracer import Tracer

RAY_OFFSET_M = 2e-3


@dataclass(frozen=True)
class AreaLights:
    """Rectangular lamps: origin, edges (K,3) m, radiance (K,3); omni ones shine all around."""

    origin_m: FloatArray
    edge_u_m: FloatArray
    edge_v_m: FloatArray
    radiance: FloatArray
    omni: NDArray[np.bool_]

    @staticmethod
    def from_rows(
        rows: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, bool]],
    ) -> AreaLights:
        """Stack (origin, edge_u, edge_v, radiance, omni) rows; the normal is edge_u x edge_v."""

        def column(k: int) -> FloatArray:
            return np.array([row[k] for row in rows], np.float32).reshape(-1, 3)

        return AreaLights(
            column(0), column(1), column(2), column(3), np.array([row[4] for row in rows], bool)
        )

    def __len__(self) -> int:
        return len(self.omni)

    @cached_property
    def area_m2(self) -> FloatArray:
        """Return the areas (K,)."""
        cross = np.cross(self.edge_u_m, self.edge_v_m)
        return np.asarray(np.linalg.norm(cross, axis=-1), np.float32)

    @cached_property
    def normal(self) -> FloatArray:
        """Return the unit normals (K,3)."""
        cross = np.cross(self.edge_u_m, self.edge_v_m)
        return np.asarray(cross / np.maximum(self.area_m2, 1e-9)[:, None], np.float32)

    @cached_property
    def centre_m(self) -> FloatArray:
        """Return the centres (K,3)."""
        return np.asarray(self.origin_m + (self.edge_u_m + self.edge_v_m) / 2, np.float32)


@dataclass(frozen=True)
class Sky:
    """Colours of a clear or clouded sky, (3,) radiance each, and a cloud map (N,N) in 0..1."""

    zenith: FloatArray
    horizon: FloatArray
    ground: FloatArray
    clouds: FloatArray

    def radiance(self, directions: FloatArray, *, detail: bool = False) -> FloatArray:
        """Return the radiance seen along unit directions (N,3); ``detail`` adds the clouds."""
        up = directions[:, 2:3]
        weight = np.clip(up, 0, 1) ** 0.5
        colour = self.horizon * (1 - weight) + self.zenith * weight
        if detail:
            side = self.clouds.shape[0]
            plane = directions[:, :2] / np.maximum(up + 0.12, 0.05)
            xy = np.mod(plane * side * 0.12, side).astype(np.int32)
            cover = self.clouds[xy[:, 1] % side, xy[:, 0] % side][:, None]
            cover = cover * np.clip(up * 6, 0, 1)
            white = np.float32(self.horizon.mean() * 1.1)
            colour = colour * (1 - cover) + white * cover
        below = up < -0.01
        return np.asarray(np.where(below, self.ground, colour), np.float32)


@dataclass(frozen=True)
class Sun:
    """Direction to the sun (3,) unit, irradiance (3,) on a face turned to it."""

    direction: FloatArray
    irradiance: FloatArray


@dataclass(frozen=True)
class Lighting:
    """
    All sources of light; ``sky`` is None indoors, ``sun`` None under clouds.

    ``haze_1_m`` is the extinction of the air: the contrast left after 1 m is exp(-haze).
    """

    lights: AreaLights
    sky: Sky | None = None
    sun: Sun | None = None
    haze_1_m: float = 0.0


def cosine_directions(normals: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Turn uniform numbers (N,) x 2 into directions about normals (N,3), density cos/pi."""
    z = 1 - 2 * u
    radius = np.sqrt(np.maximum(1 - z * z, 0))
    angle = np.float32(2 * np.pi) * v
    sphere = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    direction = normals * np.float32(1.0005) + sphere
    return units(direction)


def _choose(
    lights: AreaLights, points_m: FloatArray, normals: FloatArray | None, uniform: FloatArray
) -> tuple[IntArray, FloatArray]:
    """
    Choose a lamp per receiver, likelier the more light it may send there.

    Returns:
        Lamp (N,) and the probability of that choice (N,).
    """
    centre, normal_l = lights.centre_m, lights.normal
    power = lights.radiance.mean(1) * lights.area_m2
    # Lamps along the first axis keep the long axis contiguous, which numpy is fast on.
    squared = (-2 * centre) @ points_m.T
    squared += dots(points_m, points_m)
    squared += (dots(centre, centre) + 0.3 * lights.area_m2 + 0.05)[:, None]
    weight = power[:, None] / np.maximum(squared, 0.02)
    behind = normal_l @ points_m.T < dots(normal_l, centre)[:, None]
    behind &= ~lights.omni[:, None]
    if normals is not None:
        facing = centre @ normals.T
        facing -= dots(normals, points_m)
        behind |= facing < -0.3
    weight[behind] *= np.float32(0.02)
    total = weight.sum(0)
    level = uniform * total
    chosen = np.zeros(len(points_m), np.int32)
    running = np.zeros_like(total)
    for row in weight[:-1]:
        running += row
        chosen += level > running
    picked = weight[chosen, np.arange(len(chosen))]
    return chosen, np.asarray(picked / np.maximum(total, 1e-12), np.float32)


def sample_lights(
    tracer: Tracer,
    lights: AreaLights,
    points_m: FloatArray,
    normals: FloatArray | None,
    uniform: tuple[FloatArray, FloatArray, FloatArray],
    offset_m: FloatArray | float = RAY_OFFSET_M,
) -> tuple[FloatArray, FloatArray]:
    """
    Estimate the direct light with one random point on one lamp per receiver.

    Args:
        tracer: For the shadow rays.
        lights: The lamps; at least one.
        points_m: (N,3) receivers.
        normals: (N,3) of the receivers, or None for a point in the air.
        uniform: Three arrays (N,) in 0..1: which lamp, and where on it.
        offset_m: Distance by which rays start off the surface.

    Returns:
        Irradiance (N,3), weighted by the receiver's cosine where it has a normal, and the
        directions (N,3) towards the sampled points.
    """
    area, normal_l = lights.area_m2, lights.normal
    count = len(points_m)
    if len(lights) == 1:
        chosen = np.zeros(count, np.int32)
        probability = np.ones(count, np.float32)
    else:
        chosen, probability = _choose(lights, points_m, normals, uniform[0])
    target = (
        lights.origin_m[chosen]
        + lights.edge_u_m[chosen] * uniform[1][:, None]
        + lights.edge_v_m[chosen] * uniform[2][:, None]
    )
    to_light = target - points_m
    squared = dots(to_light, to_light)
    direction = to_light / np.sqrt(np.maximum(squared, 1e-8))[:, None]
    cos_light = -dots(direction, normal_l[chosen])
    cos_light = np.where(lights.omni[chosen], 1.0, np.maximum(cos_light, 0))
    cos_point = (
        np.float32(1.0) if normals is None else np.maximum(dots(direction, normals), 0)
    )
    area_k = area[chosen]
    # Very near a lamp the estimator would explode; a floor on the distance tames it.
    geometry = cos_light * cos_point * area_k / np.maximum(squared, 0.04 * area_k + 1e-4)
    strength = (geometry / np.maximum(probability, 1e-6)).astype(np.float32)
    active = np.nonzero(strength > 1e-7)[0]
    start = points_m if normals is None else points_m + normals * np.asarray(
        offset_m, np.float32
    ).reshape(-1, 1)
    # Stop short of the lamp, whose own surface would shadow it.
    blocked = tracer.occluded(start[active], (target - start)[active], limit=0.985)
    visible = np.zeros(count, np.float32)
    visible[active[~blocked]] = 1.0
    irradiance = lights.radiance[chosen] * (strength * visible)[:, None]
    return np.asarray(irradiance, np.float32), np.asarray(direction, np.float32)

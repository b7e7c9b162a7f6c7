# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Indirect light of an interior, cached on a grid of probes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.simulation.lighting import Lighting, sample_lights
from scaledepth_ros.simulation.materials import MaterialTable
from scaledepth_ros.simulation.mesh import dots, DoubleArray, FloatArray, IntArray
from scaledepth_ros.simulation.tracer import Tracer


@dataclass(frozen=True)
class ProbeGrid:
    """
    Irradiance in an interior, on a grid of points, for the six axis directions.

    Direct and indirect light are both in it, so that a hit of a gather ray can be shaded with
    one look-up instead of a shadow ray.
    """

    origin_m: FloatArray  # (3,)
    cell_m: FloatArray  # (3,)
    shape: tuple[int, int, int]
    irradiance: FloatArray  # (P, 6, 3): +x, -x, +y, -y, +z, -z

    def index(self, points_m: FloatArray) -> IntArray:
        """Return the nearest probe of each point (N,3)."""
        cell = np.rint((points_m - self.origin_m) / self.cell_m).astype(np.int32)
        cell = np.clip(cell, 0, np.array(self.shape, np.int32) - 1)
        return np.asarray((cell[:, 0] * self.shape[1] + cell[:, 1]) * self.shape[2] + cell[:, 2])

    def look_up(self, points_m: FloatArray, normals: FloatArray) -> FloatArray:
        """Return the irradiance (N,3) at points with normals, without interpolation."""
        probe = self.index(points_m)
        squared = normals * normals
        negative = (normals < 0).astype(np.int32)
        result = self.irradiance[probe, negative[:, 0]] * squared[:, 0:1]
        result += self.irradiance[probe, 2 + negative[:, 1]] * squared[:, 1:2]
        result += self.irradiance[probe, 4 + negative[:, 2]] * squared[:, 2:3]
        return result

    @staticmethod
    def build(
        tracer: Tracer,
        face_normals: FloatArray,
        face_material: IntArray,
        materials: MaterialTable,
        lighting: Lighting,
        bounds_m: DoubleArray,
    ) -> ProbeGrid:
        """Bounce light between the surfaces; about 50 ms for a room."""
        rng = np.random.default_rng(0)
        extent = bounds_m[1] - bounds_m[0]
        shape_array = np.clip(np.rint(extent / np.array([0.6, 0.6, 0.6])), 2, [18, 18, 6])
        shape = (int(shape_array[0]), int(shape_array[1]), int(shape_array[2]))
        cell = (extent / shape_array).astype(np.float32)
        origin = (bounds_m[0] + extent / shape_array / 2).astype(np.float32)
        grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing='ij'), -1)
        points = (grid.reshape(-1, 3) * cell + origin).astype(np.float32)
        count = len(points)

        axis = np.concatenate([np.eye(3), -np.eye(3)])[[0, 3, 1, 4, 2, 5]].astype(np.float32)
        direct = np.zeros((count, 6, 3), np.float32)
        samples = 12
        if len(lighting.lights):
            where = np.repeat(points, samples, 0)
            uniform = rng.random((3, len(where)), np.float32)
            light, towards = sample_lights(
                tracer, lighting.lights, where, None, (uniform[0], uniform[1], uniform[2])
            )
            cosine = np.maximum(towards @ axis.T, 0)
            share = (cosine[..., None] * light[:, None]).reshape(count, samples, 6, 3)
            direct = share.mean(1)

        rays = 40
        z = 1 - 2 * (np.arange(rays) + 0.5) / rays
        turn = np.arange(rays) * np.pi * (3 - np.sqrt(5))
        sphere = np.stack(
            [np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], -1
        ).astype(np.float32)
        origins = np.repeat(points, rays, 0)
        directions = np.tile(sphere, (count, 1))
        hits = tracer.intersect(origins, directions)
        face = np.maximum(hits.face, 0)
        hit = hits.face >= 0
        normal = face_normals[face]
        material = face_material[face]
        inside = hit & (dots(normal, directions) > 0)
        position = origins + directions * np.where(hit, hits.distance, 0)[:, None]
        albedo = materials.mean_albedo[material] * np.where(hit, 1, 0)[:, None]
        glow = albedo * materials.emission[material][:, None]
        # Lamps are sampled directly; counting their glow again would double them.
        glow = np.where(materials.emission[material][:, None] > 2.0, 0, glow)
        cosine = np.maximum(sphere @ axis.T, 0) * np.float32(4 * np.pi / rays)
        valid = inside.reshape(count, rays).mean(1) < 0.3

        field = ProbeGrid(origin, cell, shape, direct)
        for _ in range(3):
            light = field.look_up(position + normal * cell.min() * 0.5, normal)
            radiance = (albedo / np.float32(np.pi) * light + glow).reshape(count, rays, 3)
            indirect = np.einsum('prc,ra->pac', radiance, cosine)
            total = _fill_invalid(direct + indirect, valid, shape)
            field = ProbeGrid(origin, cell, shape, total)
        return field


def _fill_invalid(
    irradiance: FloatArray, valid: NDArray[np.bool_], shape: tuple[int, int, int]
) -> FloatArray:
    """Give probes inside furniture the mean of their neighbours in the open."""
    if valid.all():
        return irradiance
    value = irradiance.reshape(*shape, 18) * valid.reshape(*shape, 1)
    weight = valid.reshape(*shape, 1).astype(np.float32)
    for _ in range(3):
        spread_value, spread_weight = value.copy(), weight.copy()
        for dimension in range(3):
            for step in (1, -1):
                keep = [slice(None)] * 4
                keep[dimension] = slice(1, None) if step == 1 else slice(None, -1)
                take = [slice(None)] * 4
                take[dimension] = slice(None, -1) if step == 1 else slice(1, None)
                spread_value[tuple(keep)] += 0.2 * value[tuple(take)]
                spread_weight[tuple(keep)] += 0.2 * weight[tuple(take)]
        value, weight = spread_value, spread_weight
    filled = (value / np.maximum(weight, 1e-6)).reshape(-1, 6, 3)
    return np.where(valid[:, None, None], irradiance, filled).astype(np.float32)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Light at the points that a camera sees: direct light, one gathered bounce, reflections."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scaledepth_ros.simulation.filtering import Guide
from scaledepth_ros.simulation.lighting import cosine_directions, RAY_OFFSET_M, sample_lights
from scaledepth_ros.simulation.mesh import dots, FloatArray, units
from scaledepth_ros.simulation.scene import Scene
from scaledepth_ros.simulation.surfaces import Surfaces

# Steps of a two-dimensional low-discrepancy sequence (Roberts' R2 sequence).
_R2 = (0.7548776662466927, 0.5698402909980532)


def pixel_noise(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Return two (H,W) fields in 0..1 whose neighbours differ as much as possible."""
    shift = rng.random(2).astype(np.float32)
    first, second = _gradient_pattern(height, width)
    # A shift before the last modulus turns the pattern into another of the same quality.
    return np.stack([(first + shift[0]) % np.float32(1), (second + shift[1]) % np.float32(1)])


@lru_cache(maxsize=4)
def _gradient_pattern(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    y, x = np.mgrid[0:height, 0:width]
    # Interleaved gradient noise (Jimenez 2014): every 3x3 block covers 0..1 evenly.
    first = (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1.0)) % 1.0
    second = (52.9829189 * ((0.00583715 * x + 0.06711056 * y) % 1.0)) % 1.0
    return first.astype(np.float32), second.astype(np.float32)


def _numbers(noise: FloatArray, count: int) -> FloatArray:
    """Spread the two noise fields (2,N) into ``count`` arrays of uniform numbers."""
    rows = []
    for k in range(count):
        rows.append((noise[k % 2] + np.float32(_R2[k % 2] * (k + 1) * 1.37)) % np.float32(1))
    return np.stack(rows)


class Irradiance:
    """
    Light arriving at each visible point, (N,3) in ``values``.

    The estimate is noisy with a few rays a pixel; a filter that respects edges cleans it while
    textures, which are multiplied later, stay sharp.
    """

    def __init__(
        self,
        scene: Scene,
        surfaces: Surfaces,
        shape: tuple[int, int],
        noise: FloatArray,
        samples: int,
        stride: int,
    ) -> None:
        self._scene = scene
        height, width = shape
        if stride > 1:
            row, column = surfaces.index // width, surfaces.index % width
            chosen = (row % stride == 0) & (column % stride == 0)
            coarse = surfaces.subset(chosen)
            small = ((height + stride - 1) // stride, (width + stride - 1) // stride)
            index = (row[chosen] // stride) * small[1] + column[chosen] // stride
        else:
            coarse, small, index = surfaces, shape, surfaces.index
        flat_noise = noise.reshape(2, -1)[:, coarse.index]
        soft = self._estimate(coarse, flat_noise, samples)
        sun = self._sunlight(coarse, flat_noise)
        buffer = np.concatenate([soft, sun], axis=1)
        guide = Guide(coarse, index, small)
        filtered = guide.filter(buffer[:, :3], (1, 2, 4) if samples < 4 else (1, 2))
        direct = guide.filter(buffer[:, 3:], (1,)) if sun.any() else buffer[:, 3:]
        total = filtered + direct
        if stride > 1:
            total = guide.interpolate(total, surfaces, width, stride)
        self.values: FloatArray = np.asarray(total, np.float32)

    def _estimate(self, points: Surfaces, noise: FloatArray, samples: int) -> FloatArray:
        scene = self._scene
        offset = RAY_OFFSET_M + 2e-4 * points.distance
        origins = points.position_m + points.flat_normal * offset[:, None]
        total = np.zeros((len(points.index), 3), np.float32)
        for sample in range(samples):
            shift = np.float32(sample / samples)
            spread = _numbers((noise + shift * np.array([[1.0], [0.618]], np.float32)) % 1, 5)
            if len(scene.lighting.lights):
                light, _ = sample_lights(
                    scene.tracer,
                    scene.lighting.lights,
                    points.position_m,
                    points.normal,
                    (spread[0], spread[1], spread[2]),
                    offset,
                )
                total += light
            direction = cosine_directions(points.normal, spread[3], spread[4])
            # Smooth normals may send rays into the face itself; lift those out.
            sunk = dots(direction, points.flat_normal)
            lift = np.where(sunk < 0.02, 0.02 - sunk, 0)[:, None]
            direction = direction + points.flat_normal * lift
            total += np.float32(np.pi) * gathered_radiance(scene, origins, direction)
        return np.asarray(total / np.float32(samples), np.float32)

    def _sunlight(self, points: Surfaces, noise: FloatArray) -> FloatArray:
        scene = self._scene
        result = np.zeros((len(points.index), 3), np.float32)
        sun = scene.lighting.sun
        if sun is None:
            return result
        cosine = points.normal @ sun.direction
        lit = np.flatnonzero(cosine > 0)
        if not len(lit):
            return result
        # The sun's disc is half a degree wide, which softens the shadows of far edges.
        jitter = np.zeros((len(lit), 3), np.float32)
        jitter[:, :2] = (noise[:, lit].T - 0.5) * np.float32(0.012)
        direction = (sun.direction + jitter).astype(np.float32)
        offset = (RAY_OFFSET_M + 4e-4 * points.distance[lit])[:, None]
        # A thin leaf is lit through; a solid shadows the start that is moved into it.
        side = np.sign(points.flat_normal[lit] @ sun.direction)[:, None]
        start = points.position_m[lit] + points.flat_normal[lit] * offset * side
        if scene.lighting.sky is None:
            hits = scene.tracer.intersect(start, direction)
            pane = scene.materials.transparent[scene.mesh.material[np.maximum(hits.face, 0)]]
            visible = (hits.face >= 0) & pane
        else:
            visible = ~scene.tracer.occluded(start, direction, limit=1e4)
        result[lit] = sun.irradiance * (cosine[lit] * visible)[:, None]
        return result


def gathered_radiance(
    scene: Scene, origins_m: FloatArray, directions: FloatArray
) -> FloatArray:
    """Return the radiance (N,3) that unit rays bring in from surfaces and from the sky."""
    hits = scene.tracer.intersect(origins_m, directions)
    face = np.maximum(hits.face, 0)
    found = (hits.face >= 0)[:, None]
    material = scene.mesh.material[face]
    albedo = scene.materials.mean_albedo[material]
    sky, probes = scene.lighting.sky, scene.probes
    if probes is not None:
        position = origins_m + directions * np.where(
            hits.face >= 0, hits.distance - 0.15, 0
        )[:, None]
        arriving = probes.look_up(position, scene.face_normals[face])
        glow = scene.materials.emission[material]
        glow = np.where(glow > 2.0, 0, glow)[:, None]
        radiance = albedo * (arriving / np.float32(np.pi) + glow)
        return np.where(found, radiance, 0).astype(np.float32)
    assert sky is not None
    normal = scene.face_normals[face]
    sky_share = np.float32(0.5) + np.float32(0.5) * normal[:, 2:3]
    mean_sky = (sky.zenith + sky.horizon) / 2
    arriving = np.float32(np.pi) * (0.7 * mean_sky * sky_share + 0.3 * sky.ground)
    sun = scene.lighting.sun
    if sun is not None:
        facing = np.maximum(normal @ sun.direction, 0)[:, None]
        arriving = arriving + np.float32(0.6) * sun.irradiance * facing
    radiance = albedo * arriving / np.float32(np.pi)
    return np.where(found, radiance, sky.radiance(directions)).astype(np.float32)


def reflections(scene: Scene, shine: Surfaces, noise: FloatArray) -> FloatArray:
    """Return what glossy points mirror, (N,3), weighted by Schlick's Fresnel term."""
    cosine = np.clip(-dots(shine.normal, shine.view), 0, 1)
    base = scene.materials.gloss[shine.material]
    fresnel = base + (1 - base) * (1 - cosine) ** 5
    # Rough surfaces lose the strong grazing reflection.
    rough = scene.materials.roughness[shine.material]
    fresnel = np.minimum(fresnel, base + 0.3 * (1 - rough))
    mirrored = shine.view + 2 * cosine[:, None] * shine.normal
    grain = noise.reshape(2, -1)[:, shine.index]
    scatter = np.stack([grain[0], grain[1], (grain[0] + grain[1]) % 1], -1) - np.float32(0.5)
    mirrored = units(mirrored + scatter * rough[:, None])
    offset = (RAY_OFFSET_M + 2e-4 * shine.distance)[:, None]
    origins = shine.position_m + shine.flat_normal * offset
    radiance = gathered_radiance(scene, origins, mirrored)
    hits = scene.tracer.intersect(origins, mirrored)
    material = scene.mesh.material[np.maximum(hits.face, 0)]
    lamp = np.where(hits.face >= 0, scene.materials.emission[material], 0)
    lamp = np.where(lamp > 2.0, lamp, 0)[:, None]
    radiance = radiance + scene.materials.mean_albedo[material] * np.minimum(lamp, 20)
    shone = np.asarray(radiance * fresnel[:, None], np.float32)
    guide = Guide(shine, shine.index, (noise.shape[1], noise.shape[2]))
    return guide.filter(shone, (1, 2))

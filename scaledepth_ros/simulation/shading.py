# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Light at the points that a camera sees: direct light, one gathered bounce, reflections."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.simulation.lighting import cosine_directions, RAY_OFFSET_M, sample_lights
from scaledepth_ros.simulation.mesh import DoubleArray, FloatArray, IntArray
from scaledepth_ros.simulation.scene import Scene

# Steps of a two-dimensional low-discrepancy sequence (Roberts' R2 sequence).
_R2 = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True)
class Surfaces:
    """What N rays met; ``index`` tells which ray each entry belongs to."""

    index: IntArray
    distance: FloatArray  # along the ray, in ray lengths
    material: IntArray
    position_m: FloatArray
    normal: FloatArray  # smooth, turned to the viewer
    flat_normal: FloatArray  # of the face, turned to the viewer
    uv: FloatArray
    footprint_m: FloatArray
    view: FloatArray  # unit direction of the ray
    glossy: NDArray[np.bool_]

    def subset(self, keep: NDArray[Any]) -> Surfaces:
        """Pick some entries by mask or index."""
        return Surfaces(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def look_up_surfaces(
    scene: Scene,
    origin_m: DoubleArray,
    directions: FloatArray,
    index: IntArray,
    pixel_angle_rad: float,
) -> Surfaces:
    """
    Cast rays from one point and collect the attributes of what they hit.

    Args:
        scene: The world.
        origin_m: (3,) common start.
        directions: (N,3), in the lengths in which the distance is counted.
        index: (N,) labels of the rays.
        pixel_angle_rad: Angle that a pixel covers, for the texture filter.
    """
    origin = np.asarray(origin_m, np.float32)
    hits = scene.tracer.intersect(
        np.broadcast_to(origin, directions.shape), directions
    )
    found = np.flatnonzero(hits.face >= 0)
    face, direction = hits.face[found], directions[found]
    flat = scene.face_normals[face]
    # Embree works in float32; intersecting the plane again in float64 makes the depth exact.
    corner = scene.mesh.corners_m[face, 0].astype(np.float64)
    flat64 = flat.astype(np.float64)
    slope = (flat64 * direction).sum(1)
    height = (flat64 * (corner - np.asarray(origin_m, np.float64))).sum(1)
    grazing = np.abs(slope) < 1e-9
    exact = np.where(grazing, hits.distance[found], height / np.where(grazing, 1, slope))
    agrees = np.abs(exact - hits.distance[found]) < 1e-3 * (1 + exact)
    distance = np.where(agrees, exact, hits.distance[found])
    u, v = hits.barycentric[found, 0:1], hits.barycentric[found, 1:2]
    w = 1 - u - v
    corner_normal = scene.mesh.normals[face]
    normal = corner_normal[:, 0] * w + corner_normal[:, 1] * u + corner_normal[:, 2] * v
    corner_uv = scene.mesh.uv[face]
    uv = corner_uv[:, 0] * w + corner_uv[:, 1] * u + corner_uv[:, 2] * v
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    view = direction / length
    away = slope > 0
    flat = np.where(away[:, None], -flat, flat)
    # Leaves carry the normal of their crown, which need not agree with the face.
    turned = (normal * view).sum(1)
    flip = (away & (turned > 0)) | (turned > 0.35)
    normal = np.where(flip[:, None], -normal, normal)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    cosine = np.maximum(-(flat * view).sum(1), 0.03)
    distance32 = distance.astype(np.float32)
    material = scene.mesh.material[face]
    return Surfaces(
        index=index[found],
        distance=distance32,
        material=material,
        position_m=(np.asarray(origin_m, np.float64) + direction * distance[:, None]).astype(
            np.float32
        ),
        normal=normal.astype(np.float32),
        flat_normal=flat,
        uv=uv.astype(np.float32),
        footprint_m=(distance32 * np.float32(pixel_angle_rad) / np.sqrt(cosine)).astype(
            np.float32
        ),
        view=view.astype(np.float32),
        glossy=scene.materials.gloss[material] > 0,
    )


def pixel_noise(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Return two (H,W) fields in 0..1 whose neighbours differ as much as possible."""
    y, x = np.mgrid[0:height, 0:width]
    shift = rng.random(4)
    # Interleaved gradient noise (Jimenez 2014): every 3x3 block covers 0..1 evenly.
    first = (52.9829189 * ((0.06711056 * x + 0.00583715 * y + shift[0]) % 1.0)) % 1.0
    second = (52.9829189 * ((0.00583715 * x + 0.06711056 * y + shift[1]) % 1.0)) % 1.0
    return np.stack([(first + shift[2]) % 1.0, (second + shift[3]) % 1.0]).astype(np.float32)


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
        guide = _Guide(coarse, index, small)
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
            sunk = (direction * points.flat_normal).sum(1)
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
    cosine = np.clip(-(shine.normal * shine.view).sum(1), 0, 1)
    base = scene.materials.gloss[shine.material]
    fresnel = base + (1 - base) * (1 - cosine) ** 5
    # Rough surfaces lose the strong grazing reflection.
    rough = scene.materials.roughness[shine.material]
    fresnel = np.minimum(fresnel, base + 0.3 * (1 - rough))
    mirrored = shine.view + 2 * cosine[:, None] * shine.normal
    grain = noise.reshape(2, -1)[:, shine.index]
    scatter = np.stack([grain[0], grain[1], (grain[0] + grain[1]) % 1], -1) - np.float32(0.5)
    mirrored = mirrored + scatter * rough[:, None]
    mirrored /= np.maximum(np.linalg.norm(mirrored, axis=-1, keepdims=True), 1e-6)
    offset = (RAY_OFFSET_M + 2e-4 * shine.distance)[:, None]
    origins = shine.position_m + shine.flat_normal * offset
    direction = mirrored.astype(np.float32)
    radiance = gathered_radiance(scene, origins, direction)
    hits = scene.tracer.intersect(origins, direction)
    material = scene.mesh.material[np.maximum(hits.face, 0)]
    lamp = np.where(hits.face >= 0, scene.materials.emission[material], 0)
    lamp = np.where(lamp > 2.0, lamp, 0)[:, None]
    radiance = radiance + scene.materials.mean_albedo[material] * np.minimum(lamp, 20)
    shone = np.asarray(radiance * fresnel[:, None], np.float32)
    guide = _Guide(shine, shine.index, (noise.shape[1], noise.shape[2]))
    return guide.filter(shone, (1, 2))


class _Guide:
    """Geometry on an image grid, along which light is filtered and interpolated."""

    def __init__(self, points: Surfaces, index: IntArray, shape: tuple[int, int]) -> None:
        height, width = shape
        self._index, self._shape = index, shape
        self.normal = np.zeros((height * width, 3), np.float32)
        self.normal[index] = points.normal
        self.plane = np.zeros((height * width, 3), np.float32)
        self.plane[index] = points.position_m
        self.inverse = np.zeros(height * width, np.float32)
        self.inverse[index] = 1 / np.maximum(points.distance, 1e-3)

    def filter(self, values: FloatArray, steps: tuple[int, ...]) -> FloatArray:
        """Smooth (N,3) within surfaces, with ever larger steps (a-trous wavelet)."""
        height, width = self._shape
        image = np.zeros((height * width, 3), np.float32)
        image[self._index] = values
        image3: FloatArray = image.reshape(height, width, 3)
        normal = self.normal.reshape(height, width, 3)
        inverse = self.inverse.reshape(height, width)
        for step in steps:
            for axis in (0, 1):
                image3 = _smooth(image3, normal, inverse, step, axis)
        return np.asarray(image3.reshape(-1, 3)[self._index])

    def interpolate(
        self, values: FloatArray, surfaces: Surfaces, width: int, stride: int
    ) -> FloatArray:
        """Bring light from the coarse grid to all visible points, along surfaces."""
        rows, columns = self._shape
        light = np.zeros((rows * columns, 3), np.float32)
        light[self._index] = values
        row, column = surfaces.index // width, surfaces.index % width
        y, x = row / np.float32(stride), column / np.float32(stride)
        y0, x0 = y.astype(np.int32), x.astype(np.int32)
        fy, fx = (y - y0).astype(np.float32), (x - x0).astype(np.float32)
        inverse = 1 / np.maximum(surfaces.distance, 1e-3)
        total = np.zeros((len(row), 3), np.float32)
        norm = np.zeros(len(row), np.float32)
        for dy in (0, 1):
            for dx in (0, 1):
                near = np.minimum(y0 + dy, rows - 1) * columns + np.minimum(x0 + dx, columns - 1)
                share = (fy if dy else 1 - fy) * (fx if dx else 1 - fx) + np.float32(1e-3)
                facing = np.maximum((self.normal[near] * surfaces.normal).sum(1), 0) ** 4
                step = np.abs(self.inverse[near] - inverse) / inverse
                weight = share * (facing + np.float32(1e-3)) / (1 + (step * 40) ** 2)
                weight *= self.inverse[near] > 0
                total += light[near] * weight[:, None]
                norm += weight
        return np.asarray(total / np.maximum(norm, 1e-9)[:, None], np.float32)


def _smooth(
    image: FloatArray, normal: FloatArray, inverse: FloatArray, step: int, axis: int
) -> FloatArray:
    """Average five taps along one axis; taps across an edge get no weight."""
    total, norm = image.copy(), np.ones(image.shape[:2], np.float32)
    for tap in (step, 2 * step):
        if tap >= image.shape[axis]:
            continue
        first = (slice(None, -tap), slice(None)) if axis == 0 else (slice(None), slice(None, -tap))
        second = (slice(tap, None), slice(None)) if axis == 0 else (slice(None), slice(tap, None))
        a, b = inverse[first], inverse[second]
        # Inverse depth is linear along a plane, so its relative step bounds the same surface.
        same = np.abs(a - b) < np.float32(0.02 * (1 + tap)) * np.minimum(a, b)
        same &= np.einsum('ijk,ijk->ij', normal[first], normal[second]) > 0.92
        weight = same * np.float32(0.8 if tap == step else 0.5)
        total[first] += image[second] * weight[..., None]
        total[second] += image[first] * weight[..., None]
        norm[first] += weight
        norm[second] += weight
    return np.asarray(total / norm[..., None], np.float32)

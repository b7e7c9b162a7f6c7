# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A camera in a scene: images with their exact depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.simulation.mesh import dots, DoubleArray, FloatArray, IntArray, units
from scaledepth_ros.simulation.scene import Scene
from scaledepth_ros.simulation.sensor import SensorModel
from scaledepth_ros.simulation.shading import Irradiance, pixel_noise, reflections
from scaledepth_ros.simulation.surfaces import look_up_surfaces, Surfaces


@dataclass(frozen=True)
class Frame:
    """
    One simulated exposure.

    Args:
        rgb: (H,W,3) uint8.
        depth_m: (H,W) float32, Z along the optical axis; NaN where nothing is hit.
        pose: Camera-to-world 4x4, optical convention.
    """

    rgb: np.ndarray
    depth_m: FloatArray
    pose: DoubleArray


class SimulatedCamera:
    """
    Renders a scene through a calibrated camera, lens distortion included.

    Args:
        camera: Intrinsics; one ray is cast through each pixel centre.
        scene: What to look at.
        sensor: Imaging chain.
        samples: Light and gather rays per pixel; 2 is clean after filtering, 4 is finer.
        stride: Light is computed on every ``stride``-th pixel and interpolated along surfaces;
            1 is finer in the corners and half as fast.
        antialias: Cast three more rays where edges cross a pixel.
    """

    def __init__(
        self,
        camera: CameraModel,
        scene: Scene,
        *,
        sensor: SensorModel | None = None,
        samples: int = 2,
        stride: int = 2,
        antialias: bool = True,
    ) -> None:
        if samples < 1 or stride < 1:
            raise ConfigError(
                f'samples={samples} and stride={stride} arrived, both must be at least 1'
            )
        self.camera = camera
        self.scene = scene
        self.sensor = SensorModel() if sensor is None else sensor
        self._samples = samples
        self._stride = stride
        self._antialias = antialias
        rays = np.asarray(camera.rays(), np.float32)
        self._valid: NDArray[np.bool_] = np.asarray(np.isfinite(rays).all(-1), bool)
        self._rays = np.where(self._valid[..., None], rays, 0).astype(np.float32)
        # Rays between pixel centres: good to a small fraction of a pixel for any lens.
        self._step_x = np.gradient(self._rays, axis=1).astype(np.float32)
        self._step_y = np.gradient(self._rays, axis=0).astype(np.float32)

    def depth(self, pose: ArrayLike) -> FloatArray:
        """Return only the exact depth (H,W) float32 in metres; NaN where nothing is hit."""
        depth, _ = self._trace(_check_pose(pose))
        return depth

    def render(self, pose: ArrayLike, *, seed: int = 0) -> Frame:
        """
        Take a picture.

        Args:
            pose: Camera-to-world 4x4, x right, y down, z forward.
            seed: Of the noise; the same seed gives the same bytes.

        Returns:
            The frame.

        Raises:
            ConfigError: The pose is not a finite rigid 4x4 matrix.
        """
        matrix = _check_pose(pose)
        rng = np.random.default_rng(seed)
        depth, surfaces = self._trace(matrix)
        height, width = depth.shape
        radiance = np.zeros((height * width, 3), np.float32)
        sky = self.scene.lighting.sky
        directions = self._world_rays(matrix)
        if sky is not None:
            missed = np.setdiff1d(np.flatnonzero(self._valid), surfaces.index, True)
            radiance[missed] = sky.radiance(units(directions[missed]), detail=True)
        noise = pixel_noise(height, width, rng)
        light = Irradiance(self.scene, surfaces, (height, width), noise, self._samples,
                           self._stride)
        dither = noise[0].reshape(-1)[surfaces.index] - np.float32(0.5)
        radiance[surfaces.index] = self._emitted(surfaces, light.values, dither)
        if surfaces.glossy.any():
            shine = surfaces.subset(surfaces.glossy)
            radiance[shine.index] += reflections(self.scene, shine, noise)
        if self._antialias:
            self._smooth_edges(matrix, surfaces, light.values, radiance, dither)
        haze = self.scene.lighting.haze_1_m
        if haze > 0 and sky is not None:
            clear = np.ones(height * width, np.float32)
            clear[surfaces.index] = np.exp(-np.float32(haze) * surfaces.distance)
            clear[~np.isfinite(depth).reshape(-1)] = 1
            radiance = radiance * clear[:, None] + sky.horizon * (1 - clear[:, None])
        rgb = self.sensor.expose(radiance.reshape(height, width, 3), rng)
        rgb[~self._valid] = 0
        return Frame(rgb, depth, matrix)

    def _world_rays(self, pose: DoubleArray) -> FloatArray:
        rotation = pose[:3, :3].astype(np.float32)
        return np.asarray(self._rays.reshape(-1, 3) @ rotation.T, np.float32)

    def _trace(self, pose: DoubleArray) -> tuple[FloatArray, Surfaces]:
        index = np.flatnonzero(self._valid).astype(np.int32)
        directions = self._world_rays(pose)[index]
        surfaces = look_up_surfaces(
            self.scene, pose[:3, 3], directions, index, 1.0 / self.camera.focal_px
        )
        depth = np.full(self._valid.shape, np.nan, np.float32)
        depth.reshape(-1)[surfaces.index] = surfaces.distance
        return depth, surfaces

    def _emitted(
        self, surfaces: Surfaces, irradiance: FloatArray, dither: FloatArray
    ) -> FloatArray:
        table = self.scene.materials
        albedo = table.sample(
            surfaces.material, surfaces.uv, surfaces.footprint_m, dither
        )
        glow = table.emission[surfaces.material][:, None]
        return np.asarray(albedo * (irradiance / np.float32(np.pi) + glow), np.float32)

    def _smooth_edges(
        self,
        pose: DoubleArray,
        surfaces: Surfaces,
        irradiance: FloatArray,
        radiance: FloatArray,
        dither: FloatArray,
    ) -> None:
        """Average three more rays into pixels that an edge crosses, in place."""
        height, width = self._valid.shape
        slot = np.full(height * width, -1, np.int32)
        slot[surfaces.index] = np.arange(len(surfaces.index), dtype=np.int32)
        edge = np.flatnonzero(_edges(surfaces, slot, height, width) & self._valid.reshape(-1))
        if not len(edge):
            return
        total = radiance[edge].copy()
        row, column = edge // width, edge % width
        sky = self.scene.lighting.sky
        for dx, dy in ((0.37, -0.17), (-0.33, -0.29), (0.08, 0.36)):
            ray = (
                self._rays[row, column]
                + np.float32(dx) * self._step_x[row, column]
                + np.float32(dy) * self._step_y[row, column]
            ) @ pose[:3, :3].T.astype(np.float32)
            extra = look_up_surfaces(
                self.scene,
                pose[:3, 3],
                ray,
                np.arange(len(edge), dtype=np.int32),
                1.0 / self.camera.focal_px,
            )
            colour = np.zeros((len(edge), 3), np.float32)
            if sky is not None:
                colour[:] = sky.radiance(units(ray), detail=True)
            # The light of the pixel nearby that lies on the same surface is good enough.
            step_x, step_y = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
            best = np.full(len(extra.index), np.inf, np.float32)
            nearest = np.zeros(len(extra.index), np.int32)
            r, c = row[extra.index], column[extra.index]
            for y, x in ((0, 0), (0, step_x), (step_y, 0), (step_y, step_x)):
                other = slot[
                    np.clip(r + y, 0, height - 1) * width + np.clip(c + x, 0, width - 1)
                ]
                mismatch = _mismatch(extra, surfaces, other)
                better = mismatch < best
                best[better] = mismatch[better]
                nearest[better] = other[better]
            colour[extra.index] = self._emitted(
                extra, irradiance[nearest], dither[nearest]
            )
            total += colour
        radiance[edge] = total / 4


def _mismatch(extra: Surfaces, surfaces: Surfaces, other: IntArray) -> FloatArray:
    normal = 1 - dots(extra.normal, surfaces.normal[other])
    depth = np.abs(extra.distance - surfaces.distance[other]) / extra.distance
    material = (extra.material != surfaces.material[other]) * np.float32(0.2)
    total = np.where(other < 0, np.float32(1e3), normal + 5 * depth + material)
    return np.asarray(total, np.float32)


def _edges(surfaces: Surfaces, slot: IntArray, height: int, width: int) -> np.ndarray:
    """Mark pixels whose right or lower neighbour lies on another surface."""
    present = slot >= 0
    safe = np.maximum(slot, 0)
    if not len(surfaces.index):
        return np.zeros(height * width, bool)
    material = np.where(present, surfaces.material[safe], -1).reshape(height, width)
    inverse = np.where(present, 1 / surfaces.distance[safe], 0).reshape(height, width)
    normal = np.where(present[:, None], surfaces.normal[safe], 0).reshape(height, width, 3)
    edge = np.zeros((height, width), bool)
    for axis in (0, 1):
        a = tuple([slice(None, -1) if k == axis else slice(None) for k in range(2)])
        b = tuple([slice(1, None) if k == axis else slice(None) for k in range(2)])
        differs = material[a] != material[b]
        differs |= np.abs(inverse[a] - inverse[b]) > 0.04 * np.maximum(inverse[a], inverse[b])
        differs |= dots(normal[a], normal[b]) < 0.9
        edge[a] |= differs
        edge[b] |= differs
    return edge.reshape(-1)


def _check_pose(pose: ArrayLike) -> DoubleArray:
    matrix = np.asarray(pose, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ConfigError(
            f'a pose of shape {matrix.shape} arrived, a finite 4x4 camera-to-world matrix '
            'was expected'
        )
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3:
        raise ConfigError(
            'the rotation of the pose is not orthonormal; pass a rigid camera-to-world matrix'
        )
    return matrix

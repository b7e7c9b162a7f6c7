# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes whose depth can be computed by hand, and cameras to look at them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.simulation import make_scene, Scene
from scaledepth_ros.simulation.lighting import AreaLights, Lighting, Sky, Sun
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import merge, Mesh, rectangle
from scaledepth_ros.simulation.scene import Viewing


@lru_cache(maxsize=8)
def generated(kind: str, seed: int) -> Scene:
    """Make a scene once for several tests; streets take a second."""
    return make_scene(kind, seed)


def open_sky(sun: Sequence[float] | None = None) -> Lighting:
    """Return a grey sky, with a sun in a given direction on request."""
    grey = np.full(3, 0.5, np.float32)
    source = None
    if sun is not None:
        direction = np.asarray(sun, np.float32) / np.linalg.norm(sun).astype(np.float32)
        source = Sun(direction, np.full(3, 5.0, np.float32))
    return Lighting(AreaLights.from_rows([]), Sky(grey, grey, grey, np.zeros((8, 8), np.float32)),
                    source)


def scene_of(*meshes: Mesh, lighting: Lighting | None = None, glossy: bool = False) -> Scene:
    """Put meshes of material 0 into a grey world under an open sky."""
    palette = Palette(np.random.default_rng(0))
    palette.plain((0.5, 0.5, 0.5), gloss=0.5 if glossy else 0.0)
    palette.plain((0.9, 0.9, 0.9))
    return Scene(
        kind='street', category='outdoor_scene', seed=0, mesh=merge(meshes),
        materials=palette.table(), lighting=open_sky() if lighting is None else lighting,
        objects=(), viewing=Viewing((-1.0, -1.0), (1.0, 1.0)),
    )


def floor(z: float = 0.0, half: float = 100.0, material: int = 0) -> Mesh:
    """Return a level square."""
    return rectangle((-half, -half, z), (2 * half, 0, 0), (0, 2 * half, 0), material)


def wall(x: float, half: float = 50.0) -> Mesh:
    """Return an upright square in the plane x, facing -x."""
    return rectangle((x, half, -half), (0, -2 * half, 0), (0, 0, 2 * half), 0)


def camera(width: int = 64, height: int = 48, **lens: object) -> CameraModel:
    """Return a camera whose principal point lies on a pixel centre."""
    return CameraModel(width=width, height=height, fx_px=50.0, fy_px=50.0, cx_px=width / 2,
                       cy_px=height / 2, **lens)  # type: ignore[arg-type]


class Clearance:
    """Distance from points to the nearest face of a scene, computed without ray casting."""

    def __init__(self, scene: Scene) -> None:
        self._corners = scene.mesh.corners_m
        self._lower, self._upper = self._corners.min(1), self._corners.max(1)

    def __call__(self, point_m: np.ndarray) -> float:
        """Return the distance in metres, at most 1."""
        point = np.asarray(point_m, np.float32)
        near = ((self._lower < point + 1) & (self._upper > point - 1)).all(1)
        return distance_to_triangles(point_m, self._corners[near]) if near.any() else 1.0


def distance_to_triangles(point_m: np.ndarray, corners_m: np.ndarray) -> float:
    """
    Return the distance from a point to the nearest of the triangles (F,3,3), in float64.

    Written from the definition: the foot of the perpendicular where it falls inside, else the
    nearest point of the three edges.
    """
    a, b, c = (corners_m[:, k].astype(np.float64) for k in range(3))
    best = np.inf
    for p, q in ((a, b), (b, c), (c, a)):
        edge = q - p
        t = ((point_m - p) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-18)
        foot = p + np.clip(t, 0, 1)[:, None] * edge
        best = min(best, float(np.linalg.norm(point_m - foot, axis=1).min()))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    normal = normal / np.maximum(length, 1e-18)[:, None]
    height = ((point_m - a) * normal).sum(1)
    foot = point_m - height[:, None] * normal
    inside = length > 1e-12
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(q - p, foot - p) * normal).sum(1) >= 0
    if inside.any():
        best = min(best, float(np.abs(height[inside]).min()))
    return best

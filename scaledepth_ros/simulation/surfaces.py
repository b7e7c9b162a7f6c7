# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What rays from a camera meet: positions, normals, texture coordinates and exact depth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.simulation.mesh import dots, DoubleArray, FloatArray, IntArray, units
from scaledepth_ros.simulation.scene import Scene


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
    slope = dots(flat64, direction)
    height = dots(flat64, corner - np.asarray(origin_m, np.float64))
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
    view = units(direction)
    away = slope > 0
    flat = np.where(away[:, None], -flat, flat)
    # Leaves carry the normal of their crown, which need not agree with the face.
    turned = dots(normal, view)
    flip = (away & (turned > 0)) | (turned > 0.35)
    normal = np.where(flip[:, None], -normal, normal)
    normal = units(normal)
    cosine = np.maximum(-dots(flat, view), 0.03)
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

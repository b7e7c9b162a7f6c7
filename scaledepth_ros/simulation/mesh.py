# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Triangle meshes in metres, and the primitives that scenes are built from.

A mesh is a soup of triangles with one normal and one texture coordinate per corner. The world
is right-handed with z up (REP 103). Texture coordinates are metres along the surface, so that a
brick is as large as a brick on every object; ``unit_uv`` maps a picture once over a face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Mesh:
    """Triangles: corners_m (F,3,3), normals (F,3,3) unit, uv (F,3,2), material (F,) ids."""

    corners_m: FloatArray
    normals: FloatArray
    uv: FloatArray
    material: IntArray

    def __len__(self) -> int:
        return len(self.material)

    @property
    def bounds_m(self) -> DoubleArray:
        """Return the lower and upper corner of the bounding box, shape (2, 3)."""
        points = self.corners_m.reshape(-1, 3).astype(np.float64)
        return np.stack([points.min(0), points.max(0)])

    def transformed(self, matrix: ArrayLike) -> Mesh:
        """
        Apply an affine 4x4 matrix.

        Args:
            matrix: Rotation, scale and translation; normals follow by the inverse transpose.

        Returns:
            The mesh in the new frame; a mirroring matrix keeps normals pointing outward.
        """
        m = np.asarray(matrix, np.float64)
        linear = m[:3, :3]
        corners = self.corners_m @ linear.T.astype(np.float32) + m[:3, 3].astype(np.float32)
        normals = self.normals @ np.linalg.inv(linear).astype(np.float32)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        uv = self.uv
        if np.linalg.det(linear) < 0:
            corners, normals, uv = corners[:, ::-1], normals[:, ::-1], uv[:, ::-1]
        return Mesh(
            np.ascontiguousarray(corners, np.float32),
            np.ascontiguousarray(normals, np.float32),
            np.ascontiguousarray(uv, np.float32),
            self.material,
        )

    def translated(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Move by (x, y, z) metres."""
        return replace(self, corners_m=self.corners_m + np.array([x, y, z], np.float32))

    def rotated_z(self, angle_rad: float) -> Mesh:
        """Turn about the vertical axis, counter-clockwise seen from above."""
        return self.transformed(rotation_z(angle_rad))

    def moved(self, angle_rad: float, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Turn about the vertical axis, then move."""
        return self.rotated_z(angle_rad).translated(x, y, z)


def dots(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the dot products of vectors (...,3); einsum is far faster than a sum over 3."""
    return np.asarray(np.einsum('...i,...i->...', a, b))


def units(vectors: FloatArray) -> FloatArray:
    """Scale vectors (...,3) to length 1; zero stays zero."""
    length = np.sqrt(np.maximum(dots(vectors, vectors), 1e-12))
    return np.asarray(vectors / length[..., None], np.float32)


def rotation_z(angle_rad: float) -> DoubleArray:
    """Return the 4x4 rotation about z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float64)


def rotation_x(angle_rad: float) -> DoubleArray:
    """Return the 4x4 rotation about x."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]], np.float64)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """Join meshes into one; an empty list gives a mesh without triangles."""
    parts = [mesh for mesh in meshes if len(mesh)]
    if not parts:
        return Mesh(
            np.zeros((0, 3, 3), np.float32),
            np.zeros((0, 3, 3), np.float32),
            np.zeros((0, 3, 2), np.float32),
            np.zeros(0, np.int32),
        )
    return Mesh(
        np.concatenate([part.corners_m for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.uv for part in parts]),
        np.concatenate([part.material for part in parts]),
    )


def quads(corners_m: ArrayLike, uv: ArrayLike, material: int | Sequence[int]) -> Mesh:
    """
    Build flat four-sided faces.

    Args:
        corners_m: (Q,4,3), counter-clockwise seen from the outside.
        uv: (Q,4,2).
        material: One id for all, or one for each face.
    """
    corner = np.asarray(corners_m, np.float64).reshape(-1, 4, 3)
    coordinate = np.asarray(uv, np.float64).reshape(-1, 4, 2)
    # The diagonals give the normal even where two corners of a face coincide.
    normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    order = np.array([[0, 1, 2], [0, 2, 3]])
    count = len(corner)
    return Mesh(
        corner[:, order].reshape(-1, 3, 3).astype(np.float32),
        np.repeat(normal[:, None], 6, axis=1).reshape(-1, 3, 3).astype(np.float32),
        coordinate[:, order].reshape(-1, 3, 2).astype(np.float32),
        np.repeat(np.broadcast_to(np.asarray(material, np.int32), (count,)), 2),
    )


def rectangle(
    origin_m: ArrayLike,
    edge_u_m: ArrayLike,
    edge_v_m: ArrayLike,
    material: int,
    *,
    unit_uv: bool = False,
) -> Mesh:
    """
    Build a parallelogram whose normal is edge_u x edge_v.

    Args:
        origin_m: The corner where u = v = 0.
        edge_u_m: Vector along u.
        edge_v_m: Vector along v.
        material: Material id.
        unit_uv: Map texture coordinates 0..1 over the face instead of metres.
    """
    o, u, v = (np.asarray(x, np.float64) for x in (origin_m, edge_u_m, edge_v_m))
    length_u, length_v = (1.0, 1.0) if unit_uv else (np.linalg.norm(u), np.linalg.norm(v))
    corner = np.stack([o, o + u, o + u + v, o + v])
    coordinate = np.array([[0, 0], [length_u, 0], [length_u, length_v], [0, length_v]])
    return quads(corner[None], coordinate[None], material)


_BOX_SIGNS = np.array(
    [
        [[1, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]],  # +x
        [[-1, 1, -1], [-1, -1, -1], [-1, -1, 1], [-1, 1, 1]],  # -x
        [[1, 1, -1], [-1, 1, -1], [-1, 1, 1], [1, 1, 1]],  # +y
        [[-1, -1, -1], [1, -1, -1], [1, -1, 1], [-1, -1, 1]],  # -y
        [[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],  # +z
        [[-1, 1, -1], [1, 1, -1], [1, -1, -1], [-1, -1, -1]],  # -z
    ],
    np.float64,
)
_BOX_UV_AXES = ((1, 2), (1, 2), (0, 2), (0, 2), (0, 1), (0, 1))
_UNIT_QUAD = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


def box(
    size_m: Sequence[float],
    material: int,
    *,
    at: Sequence[float] = (0.0, 0.0, 0.0),
    front: int | None = None,
    top: int | None = None,
    unit_uv: bool = False,
    lengthwise: bool = False,
) -> Mesh:
    """
    Build a box that stands on ``at``, the centre of its bottom face.

    Args:
        size_m: Extent along x, y, z.
        material: Material id of all faces but those named below.
        at: Centre of the bottom face.
        front: Material of the +y face.
        top: Material of the +z face.
        unit_uv: Map texture coordinates 0..1 over each face.
        lengthwise: Run u along the longest edge of each face, as wood grain does.
    """
    size = np.asarray(size_m, np.float64)
    corner = _BOX_SIGNS * size / 2 + np.asarray(at, np.float64) + [0, 0, size[2] / 2]
    extent = np.ones((6, 2)) if unit_uv else size[np.array(_BOX_UV_AXES)]
    coordinate = _UNIT_QUAD * extent[:, None]
    if lengthwise and not unit_uv:
        upright = extent[:, 1] > extent[:, 0]
        coordinate[upright] = coordinate[upright][..., ::-1]
    if not unit_uv:
        # Shifts the pattern from box to box; a tile floor is one face and is not affected.
        coordinate += np.abs(np.asarray(at, np.float64)[:2]) * 1.7 % 1.0
    ids = np.full(6, material)
    ids[2] = material if front is None else front
    ids[4] = material if top is None else top
    return quads(corner, coordinate, list(ids))


def surface(
    points_m: ArrayLike,
    material: int | IntArray,
    *,
    flip: bool = False,
    flat: bool = False,
    unit_uv: bool = False,
    closed_u: bool = False,
) -> Mesh:
    """
    Build a smooth surface through a grid of points (M,N,3); its normal is d/dM x d/dN.

    Args:
        points_m: Grid of points; the first axis is u, the second v.
        material: Material id, or one per cell, (M-1,N-1).
        flip: Turn the normals to the other side.
        flat: Facet the surface instead of smoothing it.
        unit_uv: Texture coordinates 0..1 instead of arc length in metres.
        closed_u: The first and the last row coincide; smooth across that seam.
    """
    p = np.asarray(points_m, np.float64)
    rows, columns = p.shape[:2]
    tangent_u, tangent_v = np.gradient(p, axis=0), np.gradient(p, axis=1)
    if closed_u:
        tangent_u[0] = tangent_u[-1] = (p[1] - p[-2]) / 2
    normal = np.cross(tangent_u, tangent_v)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = normal / np.maximum(length, 1e-12)
    # At a pole all points of a line coincide: take the normals of the neighbouring line.
    for axis, count in ((1, columns), (0, rows)):
        bad = np.linalg.norm(normal, axis=-1, keepdims=True) < 0.5
        if bad.any():
            near = np.clip(np.arange(count), 1, count - 2) if count > 2 else np.array([1, 0])
            normal = np.where(bad, np.take(normal, near, axis=axis), normal)
    if unit_uv:
        u = np.broadcast_to(np.linspace(0, 1, rows)[:, None], (rows, columns))
        v = np.broadcast_to(np.linspace(0, 1, columns)[None], (rows, columns))
    else:
        step_u = np.linalg.norm(np.diff(p, axis=0), axis=-1).max(1)
        step_v = np.linalg.norm(np.diff(p, axis=1), axis=-1).max(0)
        u = np.concatenate([[0], np.cumsum(step_u)])[:, None].repeat(columns, 1)
        v = np.concatenate([[0], np.cumsum(step_v)])[None].repeat(rows, 0)
    coordinate = np.stack([u, v], -1)

    def cells(grid: DoubleArray) -> DoubleArray:
        a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
        return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3, grid.shape[-1])

    corners, normals, uv = cells(p), cells(normal), cells(coordinate)
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1
    )
    keep = area > 1e-12
    corners, normals, uv = corners[keep], normals[keep], uv[keep]
    cell = np.broadcast_to(np.asarray(material, np.int32), (rows - 1, columns - 1))
    ids = np.repeat(cell.reshape(-1), 2)[keep]
    if flip:
        corners, normals, uv = corners[:, ::-1], -normals[:, ::-1], uv[:, ::-1]
    if flat:
        face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        face /= np.maximum(np.linalg.norm(face, axis=-1, keepdims=True), 1e-12)
        normals = np.repeat(face[:, None], 3, axis=1)
    return Mesh(
        np.ascontiguousarray(corners, np.float32),
        np.ascontiguousarray(normals, np.float32),
        np.ascontiguousarray(uv, np.float32),
        ids,
    )

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Primitives: volume, outward faces, texture coordinates in metres, transforms."""

import numpy as np
import pytest
from scaledepth_ros.simulation.mesh import box, merge, Mesh, rectangle, rotation_z, surface
from scaledepth_ros.simulation.solids import (
    cushion,
    cylinder,
    ellipsoid,
    lathe,
    prism,
    tube,
)


def volume(mesh: Mesh) -> float:
    """Return the volume by the divergence theorem; negative if the faces turn inwards."""
    a, b, c = (mesh.corners_m[:, k].astype(np.float64) for k in range(3))
    return float(np.einsum('fi,fi->', a, np.cross(b, c)) / 6)


def agreement(mesh: Mesh) -> float:
    """Return the share of faces whose winding and normals point to the same side."""
    a, b, c = (mesh.corners_m[:, k] for k in range(3))
    return float((np.einsum('fi,fi->f', np.cross(b - a, c - a), mesh.normals.mean(1)) > 0).mean())


@pytest.mark.parametrize(('mesh', 'expected', 'tolerance'), [
    (box((1.0, 2.0, 3.0), 0), 6.0, 1e-6),
    (cylinder(0.5, 2.0, 0, segments=200), np.pi * 0.25 * 2, 1e-3),
    (cylinder(0.5, 2.0, 0, segments=200, top_radius_m=0.0), np.pi * 0.25 * 2 / 3, 1e-3),
    (ellipsoid((1.0, 0.5, 0.25), 0, segments=128, rings=65), 4 / 3 * np.pi * 0.125, 5e-3),
    (tube([[0, 0, 0], [0, 0, 3]], 0.2, 0, segments=128), np.pi * 0.04 * (3 + 4 / 3 * 0.2), 0.02),
    (prism([[0, 0], [1, 0], [1, 1], [0, 1]], 2.0, 0), 2.0, 1e-6),
    (lathe([(0, 0), (1, 0), (1, 1), (0, 1)], 0, segments=200), np.pi, 1e-3),
])
def test_closed_bodies_have_their_volume_and_face_outward(
        mesh: Mesh, expected: float, tolerance: float) -> None:
    assert volume(mesh) == pytest.approx(expected, rel=tolerance)
    assert agreement(mesh) == 1.0
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=-1), 1, atol=1e-4)


def test_cushion_fills_most_of_its_box() -> None:
    mesh = cushion((0.6, 0.5, 0.2), 0, at=(1.0, 2.0, 3.0))
    np.testing.assert_allclose(mesh.bounds_m, [[0.7, 1.75, 3.0], [1.3, 2.25, 3.2]], atol=0.02)
    assert 0.75 < volume(mesh.translated(-1, -2, -3)) / 0.06 < 1.0


def test_box_stands_on_its_place_and_names_its_faces() -> None:
    mesh = box((1.0, 2.0, 3.0), 4, at=(5.0, 6.0, 7.0), front=8, top=9)
    np.testing.assert_allclose(mesh.bounds_m, [[4.5, 5.0, 7.0], [5.5, 7.0, 10.0]])
    up = mesh.normals[:, 0, 2] > 0.5
    front = mesh.normals[:, 0, 1] > 0.5
    assert set(mesh.material[up]) == {9}
    assert set(mesh.material[front]) == {8}
    assert set(mesh.material[~up & ~front]) == {4}


def test_texture_coordinates_are_metres() -> None:
    face = rectangle((0, 0, 0), (3.0, 0, 0), (0, 0, 2.0), 0)
    np.testing.assert_allclose(np.ptp(face.uv.reshape(-1, 2), axis=0), [3.0, 2.0])
    np.testing.assert_allclose(face.normals, np.broadcast_to([0, -1, 0], face.normals.shape))
    once = rectangle((0, 0, 0), (3.0, 0, 0), (0, 0, 2.0), 0, unit_uv=True)
    np.testing.assert_allclose(np.ptp(once.uv.reshape(-1, 2), axis=0), [1.0, 1.0])


def test_mirroring_keeps_a_body_outside_in() -> None:
    mirrored = box((1.0, 2.0, 3.0), 0).transformed(np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert volume(mirrored) == pytest.approx(6.0)
    assert agreement(mirrored) == 1.0


def test_turning_moves_corners_and_normals_together() -> None:
    turned = box((2.0, 1.0, 1.0), 0, at=(3.0, 0.0, 0.0)).transformed(rotation_z(np.pi / 2))
    np.testing.assert_allclose(turned.bounds_m, [[-0.5, 2.0, 0.0], [0.5, 4.0, 1.0]], atol=1e-6)
    assert agreement(turned) == 1.0


def test_materials_of_a_surface_may_differ_by_cell() -> None:
    grid = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0), [0.0], indexing='ij'),
                    -1).reshape(3, 3, 3)
    cells = np.array([[1, 2], [3, 4]], np.int32)
    mesh = surface(grid, cells)
    for triangle, material in zip(mesh.corners_m, mesh.material, strict=True):
        x, y = np.floor(triangle[:, :2].mean(0)).astype(int)
        assert material == cells[x, y]


def test_merging_nothing_gives_an_empty_mesh() -> None:
    assert len(merge([])) == 0
    assert len(merge([box((1, 1, 1), 0), box((1, 1, 1), 1)])) == 24

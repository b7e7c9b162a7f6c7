# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A finished scene: geometry, materials, light, named objects and where a camera may go."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scaledepth_ros.simulation.lighting import Lighting
from scaledepth_ros.simulation.materials import MaterialTable
from scaledepth_ros.simulation.mesh import DoubleArray, FloatArray, Mesh
from scaledepth_ros.simulation.probes import ProbeGrid
from scaledepth_ros.simulation.tracer import Tracer


@dataclass(frozen=True)
class SceneObject:
    """A named thing in the world with its bounding box."""

    name: str
    lower_m: tuple[float, float, float]
    upper_m: tuple[float, float, float]

    @property
    def size_m(self) -> tuple[float, float, float]:
        """Return the extent along the world axes."""
        x, y, z = (u - v for u, v in zip(self.upper_m, self.lower_m, strict=True))
        return (x, y, z)


@dataclass(frozen=True)
class Track:
    """
    A way on which cameras are found.

    Args:
        path_m: (N,2) polyline.
        height_m: Range of camera heights above the world's z = 0.
        yaw_spread_rad: Standard deviation of the heading about the direction of the path.
        weight: How often it is used.
        both_ways: Cameras may look backwards along it.
    """

    path_m: DoubleArray
    height_m: tuple[float, float]
    yaw_spread_rad: float
    weight: float = 1.0
    both_ways: bool = True


@dataclass(frozen=True)
class CameraLoop:
    """
    A closed way for a camera through a room.

    Args:
        points_m: (N,3) control points of a closed uniform cubic B-spline.
        length_m: Its length.
        phases_rad: Four random phases of the swaying.
        inward: Look towards the middle instead of along the way.
    """

    points_m: DoubleArray
    length_m: float
    phases_rad: DoubleArray
    inward: bool


@dataclass(frozen=True)
class Viewing:
    """
    Where cameras belong in a scene.

    Args:
        lower_m: Lower corner (x, y) of the area in which a camera may stand.
        upper_m: Upper corner.
        path_m: (N,2) a way through the scene that is free at any height below 2 m; None lets
            the camera find its own way between the objects.
        closed: The path is a loop; otherwise the camera turns round at its ends.
        speed_m_s: Speed along the path.
        height_m: Range of camera heights of the trajectory.
        targets_m: (T,3) things worth a close look: table tops, shelves.
        tracks: Ways along which training views are drawn; the area is used without them.
    """

    lower_m: tuple[float, float]
    upper_m: tuple[float, float]
    path_m: DoubleArray | None = None
    closed: bool = False
    speed_m_s: float = 0.5
    height_m: tuple[float, float] = (0.6, 1.6)
    targets_m: DoubleArray = field(default_factory=lambda: np.zeros((0, 3)))
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True)
class Scene:
    """
    Everything that a camera needs; built by ``make_scene``.

    ``category`` is one of the 28 scene categories of the SASP text term.
    """

    kind: str
    category: str
    seed: int
    mesh: Mesh
    materials: MaterialTable
    lighting: Lighting
    objects: tuple[SceneObject, ...]
    viewing: Viewing

    @cached_property
    def tracer(self) -> Tracer:
        """Return the acceleration structure, built on first use."""
        return Tracer(self.mesh)

    @cached_property
    def face_normals(self) -> FloatArray:
        """Return the unit geometric normal of each face, (F,3)."""
        corner = self.mesh.corners_m.astype(np.float64)
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        return np.asarray(normal / np.maximum(length, 1e-20), np.float32)

    @cached_property
    def probes(self) -> ProbeGrid | None:
        """Return the indirect light of an interior; None under the open sky."""
        if self.lighting.sky is not None:
            return None
        return ProbeGrid.build(
            self.tracer,
            self.face_normals,
            self.mesh.material,
            self.materials,
            self.lighting,
            self.mesh.bounds_m,
        )

    @cached_property
    def camera_loop(self) -> CameraLoop:
        """Return the loop that the moving camera follows where no path is given."""
        from scaledepth_ros.simulation.viewpoints import plan_loop

        return plan_loop(self)

    def trajectory(self, index: int, fps: float) -> DoubleArray:
        """
        Return the pose of the moving camera.

        Args:
            index: Frame number, from 0.
            fps: Frames per second.

        Returns:
            Camera-to-world 4x4 in the optical convention: x right, y down, z forward.
        """
        from scaledepth_ros.simulation.viewpoints import trajectory_pose

        return trajectory_pose(self, index, fps)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A road along a circular arc, its ground strips, and placement beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation.items import Item, Style
from scaledepth_ros.simulation.mesh import DoubleArray, Mesh, rotation_z, surface
from scaledepth_ros.simulation.scene import SceneObject


@dataclass
class Road:
    """
    A street under construction.

    Points are given as (s, d): metres along the centre line and metres to its left. The road
    runs towards +x at s = 0; ``curvature_1_m`` > 0 bends it to the left.
    """

    style: Style
    curvature_1_m: float
    length_m: float
    meshes: list[Mesh] = field(default_factory=list)
    objects: list[SceneObject] = field(default_factory=list)

    def point(self, s: ArrayLike, d: ArrayLike) -> DoubleArray:
        """Return world (x, y) of road coordinates; arrays broadcast."""
        along, left = np.asarray(s, np.float64), np.asarray(d, np.float64)
        c = self.curvature_1_m
        if abs(c) < 1e-6:
            x, y = np.broadcast_arrays(along, left)
            return np.stack([x, y], -1)
        radius = 1 / c - left
        angle = along * c
        return np.stack([radius * np.sin(angle), 1 / c - radius * np.cos(angle)], -1)

    def heading(self, s: float) -> float:
        """Return the direction of the road at s, counter-clockwise from +x."""
        return s * self.curvature_1_m

    def strip(self, name: str, d0: float, d1: float, z0: float, z1: float, material: int,
              s0: float | None = None, s1: float | None = None) -> None:
        """Lay a strip of ground between two offsets d0 < d1; texture u runs along the road."""
        start = -self.length_m / 2 if s0 is None else s0
        end = self.length_m / 2 if s1 is None else s1
        count = max(2, int((end - start) / 6) + 2) if abs(self.curvature_1_m) > 1e-6 else 2
        s = np.linspace(start, end, count)
        right, left = self.point(s, d0), self.point(s, d1)
        z = np.ones((count, 1))
        points = np.stack([np.concatenate([right, z0 * z], 1),
                           np.concatenate([left, z1 * z], 1)], 1)
        self.add(name, surface(points, material))

    def add(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the world under a name."""
        lower, upper = mesh.bounds_m
        self.meshes.append(mesh)
        self.objects.append(SceneObject(name, tuple(lower.tolist()), tuple(upper.tolist())))

    def put(self, item: Item, s: float, d: float, turn_rad: float = 0.0, z: float = 0.0) -> None:
        """Stand an item at (s, d); at turn 0 its front (+y) points to the left of the road."""
        x, y = self.point(s, d)
        angle = self.heading(s) + turn_rad
        mesh = item.mesh.transformed(rotation_z(angle)).translated(float(x), float(y), z)
        self.add(item.name, mesh)

    def run(self, mesh: Mesh, name: str, s: float, d: float, z: float = 0.0) -> None:
        """Lay a mesh whose x axis follows the road."""
        x, y = self.point(s, d)
        turned = mesh.transformed(rotation_z(self.heading(s)))
        self.add(name, turned.translated(float(x), float(y), z))

    def line(self, d: float, width: float, material: int, dash: tuple[float, float] | None = None,
             z: float = 0.006) -> None:
        """Paint a lane mark; ``dash`` gives the lengths of mark and gap."""
        if dash is None:
            self.strip('lane mark', d - width / 2, d + width / 2, z, z, material)
            return
        s = -self.length_m / 2
        while s < self.length_m / 2:
            self.strip('lane mark', d - width / 2, d + width / 2, z, z, material, s, s + dash[0])
            s += sum(dash)

    def crossing(self, s: float, d0: float, d1: float, material: int) -> None:
        """Paint a zebra crossing of bars 0.5 m wide and 3 m long."""
        for d in np.arange(d0 + 0.5, d1 - 0.5, 1.0):
            self.strip('zebra', float(d), float(d) + 0.5, 0.006, 0.006, material, s, s + 3.0)

    def path(self, d: float, s0: float, s1: float) -> DoubleArray:
        """Return a way along the road, (N,2)."""
        s = np.linspace(s0, s1, 40)
        return self.point(s, np.full(40, d))

    def pick(self, makers: Sequence[Item]) -> Item:
        """Draw one of several prepared items."""
        return makers[self.style.integer(0, len(makers) - 1)]

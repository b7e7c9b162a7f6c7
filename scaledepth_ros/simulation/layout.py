# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The shell of a room and the arrangement of things in it, without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scaledepth_ros.simulation.clutter import Maker
from scaledepth_ros.simulation.fixtures import Fixture, LightRow
from scaledepth_ros.simulation.items import Item, Style, Top
from scaledepth_ros.simulation.mesh import (
    box,
    DoubleArray,
    Mesh,
    quads,
    rectangle,
    rotation_z,
)
from scaledepth_ros.simulation.scene import SceneObject

Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placed:
    """An item in the world: turned by ``angle`` and moved to (x, y)."""

    item: Item
    angle: float
    x: float
    y: float

    def world(self, dx: float, dy: float) -> tuple[float, float]:
        """Bring a point of the item's frame into the world."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return float(self.x + c * dx - s * dy), float(self.y + s * dx + c * dy)


def overlaps(a: Rect, b: Rect, gap: float = 0.0) -> bool:
    """Tell whether two rectangles (x0, y0, x1, y1) come closer than ``gap``."""
    return a[0] < b[2] + gap and b[0] < a[2] + gap and a[1] < b[3] + gap and b[1] < a[3] + gap


@dataclass
class Room:
    """
    A rectangular room around the origin, filled step by step.

    Wall k faces the inside; wall 0 lies at -y, 1 at +x, 2 at +y, 3 at -x.
    """

    style: Style
    width_m: float
    depth_m: float
    height_m: float
    meshes: list[Mesh] = field(default_factory=list)
    objects: list[SceneObject] = field(default_factory=list)
    occupied: list[Rect] = field(default_factory=list)
    openings: list[list[Fixture]] = field(default_factory=lambda: [[], [], [], []])
    hung: list[list[tuple[float, float, float, float]]] = field(
        default_factory=lambda: [[], [], [], []]
    )
    lights: list[LightRow] = field(default_factory=list)
    targets: list[tuple[float, float, float]] = field(default_factory=list)

    def wall_length(self, wall: int) -> float:
        """Return the length of a wall."""
        return self.width_m if wall % 2 == 0 else self.depth_m

    def wall_matrix(self, wall: int) -> DoubleArray:
        """Return the transform from the frame of a wall to the world."""
        matrix = rotation_z(wall * np.pi / 2)
        distance = self.depth_m / 2 if wall % 2 == 0 else self.width_m / 2
        matrix[:3, 3] = matrix[:3, :3] @ np.array([0, -distance, 0])
        return matrix

    def add_mesh(self, name: str, mesh: Mesh) -> None:
        """Put a mesh into the world and remember its bounds under a name."""
        lower, upper = mesh.bounds_m
        self.meshes.append(mesh)
        self.objects.append(SceneObject(name, tuple(lower.tolist()), tuple(upper.tolist())))

    def open_wall(self, wall: int, fixture: Fixture) -> bool:
        """Cut a door or a window into a wall where it fits; tell whether it did."""
        x0, x1, z0, z1 = fixture.extent_m
        half = self.wall_length(wall) / 2 - 0.12
        for _ in range(12):
            s = self.style.uniform(-half - x0, half - x1) if half - x1 > -half - x0 else None
            if s is None:
                return False
            extent = (x0 + s, x1 + s, z0, z1)
            if any(extent[0] < o[1] + 0.15 and o[0] < extent[1] + 0.15 for o in self.hung[wall]):
                continue
            self.hung[wall].append(extent)
            moved = Fixture(fixture.name, fixture.mesh.translated(s), extent, fixture.recess_m)
            self.openings[wall].append(moved)
            matrix = self.wall_matrix(wall)
            self.add_mesh(fixture.name, moved.mesh.transformed(matrix))
            for origin, u, v, radiance, omni in fixture.lights:
                at = np.asarray(origin, np.float64) + [s, 0, 0]
                turn = matrix[:3, :3]
                self.lights.append((turn @ at + matrix[:3, 3], turn @ np.asarray(u),
                                    turn @ np.asarray(v), radiance, omni))
            if fixture.name == 'door':
                self.block(wall, extent[0], extent[1], 0.9)
            return True
        return False

    def block(self, wall: int, s0: float, s1: float, depth: float) -> None:
        """Keep the floor in front of a stretch of wall free."""
        corners = np.array([[s0, 0, 0, 1], [s1, depth, 0, 1]]) @ self.wall_matrix(wall).T
        low, high = corners[:, :2].min(0), corners[:, :2].max(0)
        self.occupied.append((float(low[0]), float(low[1]), float(high[0]), float(high[1])))

    def hang(self, wall: int, fixture: Fixture) -> bool:
        """Fix something to a wall where nothing else hangs."""
        x0, x1, z0, z1 = fixture.extent_m
        half = self.wall_length(wall) / 2 - 0.05
        if x1 - x0 > 2 * half or z1 > self.height_m - 0.05:
            return False
        for _ in range(10):
            s = self.style.uniform(-half - x0, half - x1)
            extent = (x0 + s, x1 + s, z0, z1)
            if any(extent[0] < o[1] + 0.06 and o[0] < extent[1] + 0.06 and z0 < o[3] and o[2] < z1
                   for o in self.hung[wall]):
                continue
            self.hung[wall].append(extent)
            mesh = fixture.mesh.translated(s).transformed(self.wall_matrix(wall))
            self.add_mesh(fixture.name, mesh)
            return True
        return False

    def footprint(self, item: Item, angle: float, x: float, y: float) -> Rect:
        """Return the rectangle on the floor that a turned item covers."""
        c, s = abs(np.cos(angle)), abs(np.sin(angle))
        half_x = (c * item.size_m[0] + s * item.size_m[1]) / 2
        half_y = (s * item.size_m[0] + c * item.size_m[1]) / 2
        return (float(x - half_x), float(y - half_y), float(x + half_x), float(y + half_y))

    def fits(self, rect: Rect, gap: float = 0.03) -> bool:
        """Tell whether a rectangle lies inside and touches nothing."""
        inside = (rect[0] >= -self.width_m / 2 and rect[2] <= self.width_m / 2
                  and rect[1] >= -self.depth_m / 2 and rect[3] <= self.depth_m / 2)
        return inside and not any(overlaps(rect, other, gap) for other in self.occupied)

    def put(self, item: Item, angle: float, x: float, y: float, *, solid: bool = True) -> Placed:
        """Place an item without asking."""
        self.add_mesh(item.name, item.mesh.moved(angle, x, y))
        if solid:
            self.occupied.append(self.footprint(item, angle, x, y))
        placed = Placed(item, angle, x, y)
        for top in item.tops:
            if 0.3 < top.z < 1.3:
                self.targets.append((*placed.world(top.x, top.y), top.z))
        return placed

    def against_wall(self, item: Item, *, wall: int | None = None, gap: float = 0.02,
                     side_by_side: bool = False) -> Placed | None:
        """Stand an item with its back to a wall, or return None where there is no place."""
        if item.size_m[2] > self.height_m - 0.02:
            return None
        order = [wall] if wall is not None else list(self.style.rng.permutation(4))
        for k in order:
            half = self.wall_length(k) / 2 - item.size_m[0] / 2 - 0.02
            if half < 0:
                continue
            matrix = self.wall_matrix(k)
            tries = 14
            for attempt in range(tries):
                s = self.style.uniform(-half, half)
                if side_by_side and attempt < 4:
                    s = float(self.style.rng.choice([-half, half]))
                reach = (s - item.size_m[0] / 2, s + item.size_m[0] / 2)
                behind = [o.extent_m for o in self.openings[k] if o.name == 'window'
                          and o.extent_m[0] < reach[1] and reach[0] < o.extent_m[1]]
                if any(extent[2] < item.size_m[2] - 0.1 for extent in behind):
                    continue
                at = matrix @ np.array([s, item.size_m[1] / 2 + gap, 0, 1])
                angle = k * np.pi / 2
                rect = self.footprint(item, angle, at[0], at[1])
                if self.fits(rect):
                    placed = self.put(item, angle, float(at[0]), float(at[1]))
                    self.hung[k].append((reach[0], reach[1], 0.0, item.size_m[2]))
                    return placed
        return None

    def on_floor(self, item: Item, *, angle: float | None = None, gap: float = 0.05,
                 centre: bool = False, tries: int = 25) -> Placed | None:
        """Stand an item somewhere on the floor."""
        spread = 0.5 if centre else 1.0
        for _ in range(tries):
            turn = self.style.uniform(0, 2 * np.pi) if angle is None else angle
            x = self.style.uniform(-1, 1) * self.width_m / 2 * spread
            y = self.style.uniform(-1, 1) * self.depth_m / 2 * spread
            if self.fits(self.footprint(item, turn, x, y), gap):
                return self.put(item, turn, x, y)
        return None

    def beside(self, host: Placed, item: Item, dx: float, dy: float, turn: float = 0.0,
               *, overlap: bool = False) -> Placed | None:
        """Stand an item at (dx, dy) in the frame of another, turned relative to it."""
        x, y = host.world(dx, dy)
        angle = host.angle + turn
        rect = self.footprint(item, angle, x, y)
        inside = (rect[0] >= -self.width_m / 2 and rect[2] <= self.width_m / 2
                  and rect[1] >= -self.depth_m / 2 and rect[3] <= self.depth_m / 2)
        if not inside:
            return None
        own = self.footprint(host.item, host.angle, host.x, host.y)
        others = [o for o in self.occupied if not (overlap and o == own)]
        if any(overlaps(rect, o) for o in others):
            return None
        return self.put(item, angle, x, y)

    def scatter(self, placed: Placed, makers: Sequence[Maker], count: int) -> None:
        """Lay things on the tops of an item."""
        taken: list[Rect] = []
        tops = [t for t in placed.item.tops if t.z < 2.2]
        for _ in range(count if tops else 0):
            top = tops[self.style.integer(0, len(tops) - 1)]
            item = makers[self.style.integer(0, len(makers) - 1)](self.style)
            self.lay(placed, top, item, taken)

    def lay(self, placed: Placed, top: Top, item: Item, taken: list[Rect],
            at: tuple[float, float, float] | None = None) -> bool:
        """Lay one thing on a top, at a given (x, y, turn) or wherever there is room."""
        if item.size_m[2] > min(top.headroom, self.height_m - top.z - 0.02):
            return False
        for _ in range(8):
            if at is None:
                turn = self.style.uniform(0, 2 * np.pi)
                half_w = (top.width - item.size_m[0]) / 2 - 0.02
                half_d = (top.depth - item.size_m[1]) / 2 - 0.02
                if half_w < 0 or half_d < 0:
                    return False
                dx, dy = self.style.uniform(-half_w, half_w), self.style.uniform(-half_d, half_d)
            else:
                dx, dy, turn = at
            rect = self.footprint(item, turn, top.x + dx, top.y + dy)
            if any(overlaps(rect, other, 0.01) for other in taken):
                if at is not None:
                    return False
                continue
            taken.append(rect)
            x, y = placed.world(top.x + dx, top.y + dy)
            self.add_mesh(item.name, item.mesh.moved(placed.angle + turn, x, y, top.z))
            return True
        return False

    def build_shell(self, walls: Sequence[int], floor: int, ceiling: int, skirting: int | None
                    ) -> None:
        """Raise floor, ceiling and walls around the openings; call it after cutting them."""
        w, d, h = self.width_m, self.depth_m, self.height_m
        turn = self.style.chance(0.5)
        u, v = ((0, d, 0), (-w, 0, 0)) if turn else ((w, 0, 0), (0, d, 0))
        start = (w / 2, -d / 2, 0) if turn else (-w / 2, -d / 2, 0)
        self.add_mesh('floor', rectangle(start, u, v, floor))
        self.add_mesh('ceiling', rectangle((-w / 2, d / 2, h), (w, 0, 0), (0, -d, 0), ceiling))
        for wall in range(4):
            parts = self._wall_parts(wall, walls[wall])
            for part in parts:
                self.meshes.append(part.transformed(self.wall_matrix(wall)))
        if skirting is not None:
            self.strips(skirting, 0.0, 0.08)

    def _wall_parts(self, wall: int, material: int) -> list[Mesh]:
        half, h = self.wall_length(wall) / 2, self.height_m
        faces: list[list[list[float]]] = []

        def face(x0: float, x1: float, z0: float, z1: float) -> None:
            if x1 - x0 > 1e-4 and z1 - z0 > 1e-4:
                faces.append([[x1, 0, z0], [x0, 0, z0], [x0, 0, z1], [x1, 0, z1]])

        at = -half
        for opening in sorted(self.openings[wall], key=lambda o: o.extent_m[0]):
            x0, x1, z0, z1 = opening.extent_m
            face(at, x0, 0, h)
            face(x0, x1, 0, z0)
            face(x0, x1, z1, h)
            r = -opening.recess_m - 0.06
            faces.append([[x0, 0, z0], [x0, r, z0], [x0, r, z1], [x0, 0, z1]])
            faces.append([[x1, r, z0], [x1, 0, z0], [x1, 0, z1], [x1, r, z1]])
            faces.append([[x0, 0, z1], [x0, r, z1], [x1, r, z1], [x1, 0, z1]])
            faces.append([[x0, r, z0], [x0, 0, z0], [x1, 0, z0], [x1, r, z0]])
            at = x1
        face(at, half, 0, h)
        corners = np.array(faces, np.float64)
        # One coordinate system over the whole wall keeps the pattern continuous.
        uv = np.stack([-(corners[..., 0] + corners[..., 1]), corners[..., 2]], -1)
        return [quads(corners, uv, material)]

    def strips(self, material: int, z: float, height: float) -> None:
        """Run a strip 15 mm thick along all walls, interrupted at openings: skirting, rail."""
        for wall in range(4):
            half = self.wall_length(wall) / 2
            at = -half
            cut = [o.extent_m for o in self.openings[wall] if o.extent_m[2] < z + height]
            stops = [(extent[0] - 0.07, extent[1] + 0.07) for extent in cut]
            for x0, x1 in [*sorted(stops), (half, half)]:
                if x0 - at > 0.05:
                    strip = box((x0 - at, 0.015, height), material,
                                at=((x0 + at) / 2, 0.0075, z))
                    self.meshes.append(strip.transformed(self.wall_matrix(wall)))
                at = x1

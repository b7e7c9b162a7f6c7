# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What furniture builders share: the item that they return and the style of a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scaledepth_ros.simulation import pictures, textures
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import box, merge, Mesh
from scaledepth_ros.simulation.noise import any_colour, Colour, grey, hsv, Rng, warm


@dataclass(frozen=True)
class Top:
    """A level rectangle on which things can stand: centre, extent and height in metres."""

    x: float
    y: float
    width: float
    depth: float
    z: float
    headroom: float = 1.0


@dataclass(frozen=True)
class Item:
    """
    A piece of furniture in its own frame.

    The origin is the centre of the footprint on the floor; x runs along its width, +y is its
    front. ``size_m`` is width, depth and height.
    """

    name: str
    mesh: Mesh
    size_m: tuple[float, float, float]
    tops: tuple[Top, ...] = ()

    @staticmethod
    def of(name: str, parts: Sequence[Mesh], tops: Sequence[Top] = ()) -> Item:
        """Measure the parts, and centre them on the origin."""
        mesh = merge(parts)
        lower, upper = mesh.bounds_m
        x, y = -(lower[0] + upper[0]) / 2, -(lower[1] + upper[1]) / 2
        width, depth, height = (float(v) for v in upper - np.minimum(lower, [9e9, 9e9, 0]))
        moved = tuple(replace(top, x=top.x + x, y=top.y + y) for top in tops)
        return Item(name, mesh.translated(x, y), (width, depth, height), moved)


@dataclass
class Style:
    """
    Materials that recur in one room, so that its furniture matches as it does in homes.

    Each method returns a material id; calling it again often returns the same one.
    """

    rng: Rng
    palette: Palette
    _pools: dict[str, list[int]] = field(default_factory=dict)

    def _pooled(self, name: str, limit: int, reuse: float) -> int | None:
        pool = self._pools.setdefault(name, [])
        if pool and (len(pool) >= limit or self.rng.random() < reuse):
            return int(self.rng.choice(pool))
        return None

    def _keep(self, name: str, material: int) -> int:
        self._pools.setdefault(name, []).append(material)
        return material

    def chance(self, probability: float) -> bool:
        """Throw a biased coin."""
        return bool(self.rng.random() < probability)

    def uniform(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def wood(self) -> int:
        """Timber or veneer."""
        known = self._pooled('wood', 3, 0.75)
        if known is not None:
            return known
        gloss = self.uniform(0.01, 0.05) if self.chance(0.6) else 0.0
        material = self.palette.add(
            textures.wood(self.rng), gloss=gloss, roughness=self.uniform(0.1, 0.4)
        )
        return self._keep('wood', material)

    def board(self) -> int:
        """Furniture boards: wood, or white, grey or coloured laminate."""
        known = self._pooled('board', 3, 0.75)
        if known is not None:
            return known
        kind = self.rng.choice(['wood', 'wood', 'white', 'grey', 'colour'])
        if kind == 'wood':
            return self._keep('board', self.wood())
        colour: Colour = grey(self.rng, 0.82, 0.97)
        if kind == 'grey':
            colour = grey(self.rng, 0.12, 0.7)
        elif kind == 'colour':
            colour = any_colour(self.rng, 0.3)
        return self._keep('board', self.paint(colour, self.uniform(0.0, 0.05)))

    def fabric(self) -> int:
        """Upholstery or cloth; each call may bring a new one."""
        known = self._pooled('fabric', 10, 0.3)
        if known is not None:
            return known
        return self._keep('fabric', self.palette.add(textures.fabric(self.rng)))

    def cloth(self, colour: Colour | None = None) -> int:
        """Plain cloth without a large pattern."""
        if colour is None:
            colour = any_colour(self.rng, 0.3)
        known = self._pooled('cloth', 1, 0.0)
        if known is None:
            known = self._keep('cloth', self.palette.add(textures.carpet(self.rng, (0.9,) * 3)))
        tint = tuple(float(c) ** 2.2 for c in colour)
        return self.palette.variant(known, (tint[0], tint[1], tint[2]))

    def paint(self, colour: Colour | None = None, gloss: float = 0.0) -> int:
        """Lacquer or plastic of one colour."""
        if colour is None:
            colour = any_colour(self.rng, 0.5)
        return self.palette.plain(colour, gloss=gloss, roughness=self.uniform(0.05, 0.3))

    def metal(self) -> int:
        """Steel, chrome, aluminium, or black or white coated tube."""
        known = self._pooled('metal', 2, 0.7)
        if known is not None:
            return known
        kind = self.rng.choice(['chrome', 'black', 'white', 'grey'])
        if kind == 'chrome':
            made = self.palette.plain(grey(self.rng, 0.3, 0.5), gloss=0.45, roughness=0.15)
        elif kind == 'black':
            made = self.palette.plain(grey(self.rng, 0.03, 0.12), gloss=0.04, roughness=0.2)
        elif kind == 'white':
            made = self.palette.plain(grey(self.rng, 0.8, 0.95), gloss=0.03)
        else:
            made = self.palette.plain(grey(self.rng, 0.35, 0.6), gloss=0.08, roughness=0.3)
        return self._keep('metal', made)

    def dark_plastic(self) -> int:
        """Cases of electronics: nearly black, sometimes silver or beige."""
        known = self._pooled('dark', 3, 0.7)
        if known is not None:
            return known
        colour = grey(self.rng, 0.02, 0.1)
        if self.chance(0.2):
            colour = grey(self.rng, 0.5, 0.8) if self.chance(0.6) else warm(self.rng, 0.6, 0.85)
        return self._keep('dark', self.palette.plain(colour, gloss=0.03, roughness=0.15))

    def leather(self) -> int:
        """Leather or imitation."""
        colour = grey(self.rng, 0.03, 0.2) if self.chance(0.5) else warm(self.rng, 0.15, 0.6)
        return self.palette.plain(colour, gloss=0.03, roughness=0.35)

    def leaf(self) -> int:
        """Leaves of a plant."""
        colour = hsv(self.uniform(0.2, 0.38), self.uniform(0.35, 0.8), self.uniform(0.15, 0.5))
        return self.palette.plain(colour, gloss=0.015, roughness=0.4)

    def picture(self, name: str) -> int:
        """Return a new or an already drawn picture of a family in ``pictures``."""
        limit = {'book_cover': 6, 'label': 8, 'document': 3, 'book_row': 4, 'poster': 8}
        known = self._pooled(name, limit.get(name, 3), 0.35)
        if known is not None:
            return known
        gloss = 0.05 if name in ('screen', 'whiteboard') else 0.0
        emission = 0.0
        if name == 'screen':
            emission = 0.6
        material = self.palette.add(
            getattr(pictures, name)(self.rng), gloss=gloss, roughness=0.08, emission=emission
        )
        return self._keep(name, material)


def legs(
    width: float,
    depth: float,
    height: float,
    thickness: float,
    material: int,
    *,
    inset: float = 0.03,
) -> list[Mesh]:
    """Put four square legs under a rectangle."""
    x, y = width / 2 - inset - thickness / 2, depth / 2 - inset - thickness / 2
    return [
        box((thickness, thickness, height), material, at=(sx * x, sy * y, 0.0), lengthwise=True)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]

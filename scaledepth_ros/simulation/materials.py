# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Materials of a scene and the look-up of their textures at hit points."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scaledepth_ros.simulation.mesh import FloatArray, IntArray
from scaledepth_ros.simulation.noise import Colour, Rng
from scaledepth_ros.simulation.textures import speckle, Texture


@dataclass(frozen=True)
class MaterialTable:
    """
    All materials of a scene as arrays, indexed by the material id of a face.

    Texels are stored as the square root of linear reflectance: fine steps in the dark, and the
    decoding is one multiplication. All mip levels of all textures lie in one flat array.
    """

    texels: NDArray[np.uint8]  # (T, 3)
    offset: NDArray[np.int64]  # (M, L) first texel of a level
    side: IntArray  # (M, L) texels along a side of a level
    levels: IntArray  # (M,)
    tile_m: FloatArray  # (M, 2) metres (or units) of one repetition
    tint: FloatArray  # (M, 3) linear multiplier
    gloss: FloatArray  # (M,) mirror reflectance at normal incidence, 0 = matt
    roughness: FloatArray  # (M,) spread of the mirrored ray
    emission: FloatArray  # (M,) radiance per unit of reflectance; 0 = does not shine
    mean_albedo: FloatArray  # (M, 3)
    transparent: NDArray[np.bool_]  # (M,) window panes that let the sun in

    def sample(
        self,
        material: IntArray,
        uv: FloatArray,
        footprint_m: FloatArray,
        dither: FloatArray,
    ) -> FloatArray:
        """
        Look reflectance up, bilinear within the mip level that fits the pixel's footprint.

        Args:
            material: (N,) ids.
            uv: (N,2) texture coordinates in metres.
            footprint_m: (N,) size of a pixel on the surface.
            dither: (N,) in -0.5..0.5; blends neighbouring levels without a second look-up.

        Returns:
            (N,3) linear reflectance.
        """
        tile = self.tile_m[material]
        side0 = self.side[material, 0]
        texel_m = np.sqrt(tile[:, 0] * tile[:, 1]) / side0
        level_f = np.log2(np.maximum(footprint_m / texel_m, 1e-6)) + dither
        level = np.clip(np.rint(level_f), 0, self.levels[material] - 1).astype(np.int32)
        side = self.side[material, level]
        offset = self.offset[material, level]
        scaled_x = (uv[:, 0] / tile[:, 0] % 1.0) * side - np.float32(0.5)
        # Rows run downwards in a picture and v runs upwards.
        scaled_y = (-uv[:, 1] / tile[:, 1] % 1.0) * side - np.float32(0.5)
        x0, y0 = np.floor(scaled_x), np.floor(scaled_y)
        fx, fy = (scaled_x - x0)[:, None], (scaled_y - y0)[:, None]
        mask = side - 1
        xi, yi = x0.astype(np.int32) & mask, y0.astype(np.int32) & mask
        xj, yj = (xi + 1) & mask, (yi + 1) & mask
        row_i, row_j = offset + yi * side, offset + yj * side
        texels = self.texels
        upper = texels[row_i + xi] * (1 - fx) + texels[row_i + xj] * fx
        lower = texels[row_j + xi] * (1 - fx) + texels[row_j + xj] * fx
        encoded = (upper * (1 - fy) + lower * fy) * np.float32(1 / 255)
        return np.asarray(encoded * encoded * self.tint[material], np.float32)


def linear_colour(colour: ArrayLike) -> FloatArray:
    """Convert sRGB values in 0..1 to linear light (IEC 61966-2-1)."""
    c = np.asarray(colour, np.float32)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = linear_colour(np.arange(256) / 255)


def _mip_levels(image: NDArray[np.uint8]) -> list[FloatArray]:
    level = _LINEAR[image]
    levels = [level]
    while level.shape[0] > 1:
        half = level.shape[0] // 2
        small = cv2.resize(level, (half, half), interpolation=cv2.INTER_AREA)
        level = np.asarray(small, np.float32).reshape(half, half, 3)
        levels.append(level)
    return levels


@dataclass
class Palette:
    """Collects the materials of a scene while it is built; ``table`` packs them."""

    rng: Rng
    _textures: list[Texture] = field(default_factory=list)
    _rows: list[tuple[int, FloatArray, float, float, float, bool]] = field(default_factory=list)
    _white: int | None = None

    def add(
        self,
        texture: Texture,
        *,
        tint: Colour = (1.0, 1.0, 1.0),
        gloss: float = 0.0,
        roughness: float = 0.1,
        emission: float = 0.0,
        transparent: bool = False,
    ) -> int:
        """
        Register a material.

        Args:
            texture: Its picture.
            tint: Linear multiplier of the picture.
            gloss: Mirror reflectance at normal incidence, 0..1.
            roughness: Spread of the mirrored direction.
            emission: Radiance it gives off per unit of reflectance.
            transparent: Sunlight passes (window panes).

        Returns:
            The material id.
        """
        self._textures.append(texture)
        return self._row(len(self._textures) - 1, tint, gloss, roughness, emission, transparent)

    def variant(self, material: int, tint: Colour) -> int:
        """Register the same picture with another tint; costs no texture memory."""
        texture, _, gloss, roughness, emission, transparent = self._rows[material]
        return self._row(texture, tint, gloss, roughness, emission, transparent)

    def plain(
        self,
        colour: Colour,
        *,
        gloss: float = 0.0,
        roughness: float = 0.1,
        emission: float = 0.0,
    ) -> int:
        """Register paint, plastic, leather or skin of one sRGB colour; they share a texture."""
        if self._white is None:
            self._textures.append(speckle(self.rng, (0.94, 0.94, 0.94), 0.025))
            self._white = len(self._textures) - 1
        return self._row(
            self._white, tuple(linear_colour(colour)), gloss, roughness, emission, False
        )

    def _row(
        self,
        texture: int,
        tint: Colour,
        gloss: float,
        roughness: float,
        emission: float,
        transparent: bool,
    ) -> int:
        self._rows.append(
            (texture, np.asarray(tint, np.float32), gloss, roughness, emission, transparent)
        )
        return len(self._rows) - 1

    def table(self) -> MaterialTable:
        """Pack all materials into arrays."""
        chunks: list[NDArray[np.uint8]] = []
        offsets, sides, means = [], [], []
        start = 0
        for texture in self._textures:
            offset_row, side_row = [], []
            levels = _mip_levels(texture.image)
            for level in levels:
                encoded = np.rint(np.sqrt(np.clip(level, 0, 1)) * 255).astype(np.uint8)
                chunks.append(encoded.reshape(-1, 3))
                offset_row.append(start)
                side_row.append(level.shape[0])
                start += level.shape[0] ** 2
            offsets.append(offset_row)
            sides.append(side_row)
            means.append(levels[-1].reshape(3))
        depth = max(len(row) for row in offsets)
        index = np.array([row[0] for row in self._rows])
        tint = np.stack([row[1] for row in self._rows])

        def padded(rows: list[list[int]]) -> NDArray[np.int64]:
            return np.array([row + [row[-1]] * (depth - len(row)) for row in rows], np.int64)

        return MaterialTable(
            texels=np.concatenate(chunks),
            offset=padded(offsets)[index],
            side=padded(sides)[index].astype(np.int32),
            levels=np.array([len(row) for row in offsets], np.int32)[index],
            tile_m=np.array([t.tile_m for t in self._textures], np.float32)[index],
            tint=tint,
            gloss=np.array([row[2] for row in self._rows], np.float32),
            roughness=np.array([row[3] for row in self._rows], np.float32),
            emission=np.array([row[4] for row in self._rows], np.float32),
            mean_albedo=np.stack(means).astype(np.float32)[index] * tint,
            transparent=np.array([row[5] for row in self._rows], bool),
        )

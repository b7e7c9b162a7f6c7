# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Smooths and interpolates light along surfaces, never across their edges."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation.mesh import dots, FloatArray, IntArray
from scaledepth_ros.simulation.surfaces import Surfaces


class Guide:
    """Geometry on an image grid, along which light is filtered and interpolated."""

    def __init__(self, points: Surfaces, index: IntArray, shape: tuple[int, int]) -> None:
        height, width = shape
        self._index, self._shape = index, shape
        self.normal = np.zeros((height * width, 3), np.float32)
        self.normal[index] = points.normal
        self.inverse = np.zeros(height * width, np.float32)
        self.inverse[index] = 1 / np.maximum(points.distance, 1e-3)

    def filter(self, values: FloatArray, steps: tuple[int, ...]) -> FloatArray:
        """Smooth (N,3) within surfaces, with ever larger steps (a-trous wavelet)."""
        height, width = self._shape
        image = np.zeros((height * width, 3), np.float32)
        image[self._index] = values
        image3: FloatArray = image.reshape(height, width, 3)
        normal = self.normal.reshape(height, width, 3)
        inverse = self.inverse.reshape(height, width)
        for step in steps:
            for axis in (0, 1):
                image3 = _smooth(image3, normal, inverse, step, axis)
        return np.asarray(image3.reshape(-1, 3)[self._index])

    def interpolate(
        self, values: FloatArray, surfaces: Surfaces, width: int, stride: int
    ) -> FloatArray:
        """Bring light from the coarse grid to all visible points, along surfaces."""
        rows, columns = self._shape
        light = np.zeros((rows * columns, 3), np.float32)
        light[self._index] = values
        row, column = surfaces.index // width, surfaces.index % width
        y, x = row / np.float32(stride), column / np.float32(stride)
        y0, x0 = y.astype(np.int32), x.astype(np.int32)
        fy, fx = (y - y0).astype(np.float32), (x - x0).astype(np.float32)
        inverse = 1 / np.maximum(surfaces.distance, 1e-3)
        total = np.zeros((len(row), 3), np.float32)
        norm = np.zeros(len(row), np.float32)
        for dy in (0, 1):
            for dx in (0, 1):
                near = np.minimum(y0 + dy, rows - 1) * columns + np.minimum(x0 + dx, columns - 1)
                share = (fy if dy else 1 - fy) * (fx if dx else 1 - fx) + np.float32(1e-3)
                facing = np.maximum(dots(self.normal[near], surfaces.normal), 0) ** 4
                step = np.abs(self.inverse[near] - inverse) / inverse
                weight = share * (facing + np.float32(1e-3)) / (1 + (step * 40) ** 2)
                weight *= self.inverse[near] > 0
                total += light[near] * weight[:, None]
                norm += weight
        return np.asarray(total / np.maximum(norm, 1e-9)[:, None], np.float32)


def _smooth(
    image: FloatArray, normal: FloatArray, inverse: FloatArray, step: int, axis: int
) -> FloatArray:
    """Average five taps along one axis; taps across an edge get no weight."""
    total, norm = image.copy(), np.ones(image.shape[:2], np.float32)
    for tap in (step, 2 * step):
        if tap >= image.shape[axis]:
            continue
        first = (slice(None, -tap), slice(None)) if axis == 0 else (slice(None), slice(None, -tap))
        second = (slice(tap, None), slice(None)) if axis == 0 else (slice(None), slice(tap, None))
        a, b = inverse[first], inverse[second]
        # Inverse depth is linear along a plane, so its relative step bounds the same surface.
        same = np.abs(a - b) < np.float32(0.02 * (1 + tap)) * np.minimum(a, b)
        same &= np.einsum('ijk,ijk->ij', normal[first], normal[second]) > 0.92
        weight = same * np.float32(0.8 if tap == step else 0.5)
        total[first] += image[second] * weight[..., None]
        total[second] += image[first] * weight[..., None]
        norm[first] += weight
        norm[second] += weight
    return np.asarray(total / norm[..., None], np.float32)

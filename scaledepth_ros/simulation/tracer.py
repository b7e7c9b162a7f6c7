# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Ray casting against a mesh with Embree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.simulation.mesh import FloatArray, IntArray, Mesh


@dataclass(frozen=True)
class Hits:
    """What rays met: face (N,) or -1, distance (N,) in ray lengths, barycentric (N,2)."""

    face: IntArray
    distance: FloatArray
    barycentric: FloatArray


class Tracer:
    """An acceleration structure over the triangles of one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as error:
            raise ConfigError(
                'the scene renderer needs the package embreex, which is not installed: '
                'pip install embreex'
            ) from error
        if not len(mesh):
            raise ConfigError('a scene without a single triangle arrived; add geometry to it')
        self._scene: Any = EmbreeScene()
        self._geometry = TriangleMesh(self._scene, np.ascontiguousarray(mesh.corners_m))

    def intersect(self, origins_m: FloatArray, directions: FloatArray) -> Hits:
        """
        Find the first face along each ray.

        Args:
            origins_m: (N,3).
            directions: (N,3); the distance is counted in lengths of this vector.
        """
        if not len(origins_m):
            empty = np.zeros(0, np.float32)
            return Hits(empty.astype(np.int32), empty, np.zeros((0, 2), np.float32))
        result = self._scene.run(
            np.ascontiguousarray(origins_m, np.float32),
            np.ascontiguousarray(directions, np.float32),
            output=True,
        )
        return Hits(
            result['primID'], result['tfar'], np.stack([result['u'], result['v']], axis=-1)
        )

    def occluded(
        self, origins_m: FloatArray, directions: FloatArray, limit: float = 1.0
    ) -> NDArray[np.bool_]:
        """Tell for each ray whether any face lies within ``limit`` lengths of its direction."""
        if not len(origins_m):
            return np.zeros(0, bool)
        result = self._scene.run(
            np.ascontiguousarray(origins_m, np.float32),
            np.ascontiguousarray(directions, np.float32),
            dists=np.full(len(origins_m), limit, np.float32),
            query='OCCLUDED',
        )
        return np.asarray(result >= 0)

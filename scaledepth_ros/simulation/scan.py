# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A planar laser scanner in a scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation.mesh import FloatArray
from scaledepth_ros.simulation.scene import Scene


def simulated_scan(
    scene: Scene,
    pose: ArrayLike,
    *,
    angle_min_rad: float = -np.pi,
    angle_max_rad: float = np.pi,
    beams: int = 360,
    range_min_m: float = 0.05,
    range_max_m: float = 30.0,
    noise_m: float = 0.0,
    seed: int = 0,
) -> FloatArray:
    """
    Measure ranges like sensor_msgs/LaserScan does.

    Args:
        scene: The world.
        pose: Scanner-to-world 4x4 in the body convention of REP 103: x forward, y left, z up;
            angle 0 is forward, positive turns left.
        angle_min_rad: Angle of the first beam.
        angle_max_rad: Angle of the last beam.
        beams: Number of beams.
        range_min_m: What is nearer is reported as -Inf (REP 117).
        range_max_m: What is farther, or nothing, is reported as +Inf.
        noise_m: Standard deviation of the range.
        seed: Of the noise.

    Returns:
        (beams,) float32 ranges in metres.
    """
    matrix = np.asarray(pose, np.float64)
    angle = np.linspace(angle_min_rad, angle_max_rad, beams)
    local = np.stack([np.cos(angle), np.sin(angle), np.zeros(beams)], -1)
    directions = (local @ matrix[:3, :3].T).astype(np.float32)
    origins = np.broadcast_to(matrix[:3, 3], directions.shape).astype(np.float32)
    hits = scene.tracer.intersect(origins, directions)
    ranges = np.where(hits.face >= 0, hits.distance, np.inf).astype(np.float64)
    if noise_m > 0:
        ranges = ranges + np.random.default_rng(seed).normal(0, noise_m, beams)
    ranges[ranges > range_max_m] = np.inf
    ranges[ranges < range_min_m] = -np.inf
    return ranges.astype(np.float32)

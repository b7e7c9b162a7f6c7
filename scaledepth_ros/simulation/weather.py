# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Light outdoors: the state of the sky, the place of the sun, haze."""

from __future__ import annotations

import numpy as np
from scaledepth_ros.simulation import ground
from scaledepth_ros.simulation.lighting import AreaLights, Lighting, Sky, Sun
from scaledepth_ros.simulation.noise import Rng


def daylight(rng: Rng) -> Lighting:
    """Draw the weather: clear, partly clouded, hazy or overcast, and the place of the sun."""
    cover = float(rng.choice([0.1, 0.35, 0.5, 0.95], p=[0.35, 0.25, 0.2, 0.2]))
    haze = float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0
    blue = np.array([0.2, 0.36, 0.75]) * (1 - 0.6 * haze) + 0.55 * 0.6 * haze
    horizon = np.array([0.68, 0.8, 0.95]) * (1 - 0.3 * haze) + 0.3 * haze * 0.9
    sun = None
    if cover < 0.9:
        elevation, azimuth = np.radians(rng.uniform(12, 68)), rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(elevation) * np.cos(azimuth),
                              np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
        warmth = np.clip((np.degrees(elevation) - 5) / 30, 0, 1)
        colour = np.array([1.0, 0.78 + 0.17 * warmth, 0.55 + 0.33 * warmth])
        strength = rng.uniform(3.0, 8.5) * (1 - 0.5 * haze)
        sun = Sun(direction.astype(np.float32), (colour * strength).astype(np.float32))
    else:
        blue = horizon = np.array([0.8, 0.85, 0.92])
    ground_light = np.array([0.25, 0.24, 0.2]) * (1.0 if sun is not None else 0.6)
    sky = Sky(blue.astype(np.float32), horizon.astype(np.float32),
              ground_light.astype(np.float32), ground.cloud_map(rng, cover))
    density = float(10 ** rng.uniform(-4.0, -2.7)) * (2.5 if haze > 0.6 else 1.0)
    return Lighting(AreaLights.from_rows([]), sky=sky, sun=sun, haze_1_m=density)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of scenes and how to make one."""

from __future__ import annotations

from collections.abc import Callable

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.simulation.corridors import make_corridor
from scaledepth_ros.simulation.rooms import make_room
from scaledepth_ros.simulation.scene import Scene
from scaledepth_ros.simulation.streets import make_street

_MAKERS: dict[str, Callable[[int], Scene]] = {
    'room': make_room,
    'corridor': make_corridor,
    'street': make_street,
}
SCENE_KINDS: tuple[str, ...] = tuple(_MAKERS)


def make_scene(kind: str, seed: int) -> Scene:
    """
    Build a random scene.

    Args:
        kind: One of ``SCENE_KINDS``.
        seed: Determines everything; the same seed gives the same scene.

    Raises:
        ConfigError: The kind is unknown or the seed is negative.
    """
    if kind not in SCENE_KINDS:
        raise ConfigError(f'scene kind {kind!r} arrived, expected one of {", ".join(SCENE_KINDS)}')
    if seed < 0:
        raise ConfigError(f'seed {seed} arrived, seeds are whole numbers from 0')
    return _MAKERS[kind](seed)

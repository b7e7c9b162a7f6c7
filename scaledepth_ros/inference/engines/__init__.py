# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Inference engines: each runs the same network and returns the same arrays."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class EngineOutput(NamedTuple):
    """
    What the network said of a batch, on the host.

    Attributes:
        relative_depth, deviation: (B, 1, h, w) at stride 4.
        scale_m: (B, 1).
        scene_logits: (B, G).
    """

    relative_depth: Floats
    deviation: Floats
    scale_m: Floats
    scene_logits: Floats


class Engine(Protocol):
    """Runs a network; name and device are what a person reads in the diagnostics."""

    name: str
    device: str

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """Return what the network says of RGB images, 0 to 255."""

    def close(self) -> None:
        """Free the memory; the engine is not used afterwards."""

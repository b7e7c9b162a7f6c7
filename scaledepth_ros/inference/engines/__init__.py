# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Inference engines: each runs the same network and returns the same arrays."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import DeviceError

Floats = npt.NDArray[np.float32]
Size = tuple[int, int]
"""(height, width) of the network's input."""


class EngineOutput(NamedTuple):
    """
    What the network said of a batch, on the host.

    Attributes:
        relative_depth: (B, 1, h, w) at stride 4.
        deviation: Likewise; None if the network states no uncertainty.
        scale_m: (B, 1).
        scene_logits: (B, G); None if the network knows no scene categories.
    """

    relative_depth: Floats
    deviation: Floats | None
    scale_m: Floats
    scene_logits: Floats | None


def engine_output(arrays: Sequence[Floats], said: Sequence[bool]) -> EngineOutput:
    """
    Put arrays into the fields that they belong to.

    Args:
        arrays: Those that there are, in the order of the fields.
        said: For each field whether there is an array.
    """
    left = iter(arrays)
    relative_depth, deviation, scale_m, scene_logits = (
        next(left) if there else None for there in said)
    assert relative_depth is not None
    assert scale_m is not None
    return EngineOutput(relative_depth, deviation, scale_m, scene_logits)


class Engine(Protocol):
    """Runs a network; name and device are what a person reads in the diagnostics."""

    @property
    def name(self) -> str:
        """The engine."""

    @property
    def device(self) -> str:
        """What it runs on."""

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """Return what the network says of RGB images, 0 to 255."""

    def close(self) -> None:
        """Free the memory; the engine is not used afterwards."""


class PreparationLostError(DeviceError):
    """Preparing ended without a result, as where its process is killed; it may work yet."""


class PreparedEngine(Engine, Protocol):
    """An engine that has to get ready for each size of its input."""

    def prepare(self, size: Size) -> EngineOutput:
        """
        Get ready for a size; return what PyTorch says of the check frame of this size.

        Raises:
            PreparationLostError: It could not, and another attempt may succeed.
            Exception: It cannot.
        """

    def is_ready(self, size: Size) -> bool:
        """Whether run takes images of this size."""

    def forget(self, size: Size) -> None:
        """Free what was prepared for a size."""

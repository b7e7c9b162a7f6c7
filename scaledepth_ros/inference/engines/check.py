# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Compare what an engine says with what PyTorch says, before the engine is trusted."""

import numpy as np
from scaledepth_ros.inference.engines import EngineOutput, Floats

# Largest difference of relative depth, and of the logarithm of the scale, that is rounding.
# The mask threshold turns rounding into larger steps, so the middle of the pixels is compared.
_TOLERANCE = {'fp32': 1e-3, 'fp16': 3e-2, 'bf16': 5e-2}


def check_frame(height: int, width: int) -> Floats:
    """Return a fixed frame (1, 3, height, width) with gradients, edges and noise."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 8, (3, height, width))
    base = np.stack((x / width, y / height, ((x // 32 + y // 32) % 2) * 0.5 + 0.25)) * 255
    return np.clip(base + noise, 0, 255).astype(np.float32)[None]


def disagreement(
    said: EngineOutput, expected: EngineOutput, name: str, precision: str,
) -> str | None:
    """
    Return why an engine is not to be trusted, or None if it is.

    Args:
        said: What it says of the check frame.
        expected: What PyTorch says of it in float32.
        name: The engine, for the text.
        precision: 'fp32', 'bf16' or 'fp16'.
    """
    # NaN disagrees: numpy's maximum keeps it, and it is not below any tolerance.
    difference = float(np.max([
        np.median(np.abs(said.relative_depth - expected.relative_depth)),
        np.max(np.abs(np.log(said.scale_m) - np.log(expected.scale_m)))]))
    if difference <= _TOLERANCE[precision]:
        return None
    return (f'{name} differs from PyTorch by {difference:.2g} on the check frame; expected at '
            f'most {_TOLERANCE[precision]:.2g} in {precision}')

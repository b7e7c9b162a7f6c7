# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The factors that many pixels or points of one frame agree on."""

from collections.abc import Iterator
from dataclasses import dataclass
import math

import numpy as np
import numpy.typing as npt

LogFactors = npt.NDArray[np.float32]

# Logarithms of factors: how finely they are counted, how far depth of one surface scatters, what
# counts as agreement, and how closely those that agree must.
_BIN = 0.02
_KERNEL_SIGMA = 0.06
AGREEMENT = 0.15
MAX_SPREAD = 0.065
# This share must agree.
_MIN_SHARE = 0.3
# A smaller bump beside the highest is noise.
_MIN_PEAK = 0.3
# Beyond this the pose is wrong, or what was found is something else.
LARGEST_FACTOR = 2.5


@dataclass(frozen=True, kw_only=True)
class ScaleMeasurement:
    """
    What one frame says about the scale of its depth.

    Attributes:
        log_factor: Natural logarithm of the factor that corrects the depth.
        spread: Median absolute deviation of it among the pixels that agree.
        share: Which part of the pixels or points that could measure it agree.
    """

    log_factor: float
    spread: float
    share: float


def agreements(
    log_factor: LogFactors, max_below: float,
) -> Iterator[tuple[ScaleMeasurement, npt.NDArray[np.bool_]]]:
    """
    Yield the factors that enough pixels or points agree on, the lowest first.

    Args:
        log_factor: (N,), what each of them asks the depth to be multiplied with.
        max_below: Largest share of them that may ask for less.

    Yields:
        The factor, and which of them agree on it, (N,).
    """
    for peak in _peaks(log_factor):
        agree = np.abs(log_factor - peak) < AGREEMENT
        share = float(agree.mean())
        if share < _MIN_SHARE or (log_factor < peak - AGREEMENT).mean() > max_below:
            continue
        middle = float(np.median(log_factor[agree]))
        spread = float(np.median(np.abs(log_factor[agree] - middle)))
        if spread <= MAX_SPREAD:
            yield ScaleMeasurement(log_factor=middle, spread=spread, share=share), agree


def _peaks(log_factor: LogFactors) -> npt.NDArray[np.float64]:
    """Return the maxima of the smoothed histogram, the lowest factor first."""
    limit = math.log(LARGEST_FACTOR)
    margin = 3.0 * _KERNEL_SIGMA
    count = round(2.0 * (limit + margin) / _BIN)
    counts, edges = np.histogram(log_factor, count, (-limit - margin, limit + margin))
    steps = np.arange(-round(margin / _BIN), round(margin / _BIN) + 1)
    kernel = np.exp(-0.5 * (steps * _BIN / _KERNEL_SIGMA) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode='same')
    centres = 0.5 * (edges[:-1] + edges[1:])
    inner = smooth[1:-1]
    is_peak = ((inner >= smooth[:-2]) & (inner > smooth[2:]) & (inner > _MIN_PEAK * smooth.max())
               & (np.abs(centres[1:-1]) <= limit))
    peaks: npt.NDArray[np.float64] = centres[1:-1][is_peak]
    return peaks

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Is the stated standard deviation any good? Ranking (sparsification) and calibration.

Sparsification (Ilg et al. 2018, Poggi et al. 2020): remove the share f of pixels that are the
most uncertain and measure the error of the rest, for f from 0 to 1. The oracle removes by true
error, the random curve stays flat. AUSE is the area between the curve and the oracle's (0 is
perfect), AURG that between the random curve and the curve (above 0 is better than chance).
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import DatasetError

SPARSIFICATION_STEPS = 50
QUANTILES = 101
CALIBRATION_LEVELS = tuple(round(0.05 * level, 2) for level in range(1, 20))
# Share of errors within k standard deviations if they were Gaussian.
GAUSSIAN_SHARES = {k: 2.0 * NormalDist().cdf(k) - 1.0 for k in (1, 2, 3)}


def sparsification_metrics(
    predicted_m: NDArray[Any],
    truth_m: NDArray[Any],
    sigma_m: NDArray[Any],
    *,
    steps: int = SPARSIFICATION_STEPS,
) -> dict[str, float]:
    """
    Compute AUSE and AURG on the absolute relative error and on the RMSE.

    Args:
        predicted_m: Predicted depths [m].
        truth_m: True depths [m], positive.
        sigma_m: Stated standard deviations [m]; only their order matters.
        steps: Number of removal steps between nothing and everything.

    Returns:
        ``ause_abs_rel``, ``aurg_abs_rel`` (no unit), ``ause_rmse`` and ``aurg_rmse`` [m].

    Raises:
        DatasetError: Lengths differ, nothing to compare, or a value is not finite.
    """
    predicted, truth, sigma = _checked(predicted_m, truth_m, sigma_m)
    absolute = np.abs(predicted - truth)
    result: dict[str, float] = {}
    for name, error, root in (
        ('abs_rel', absolute / truth, False),
        ('rmse', absolute**2, True),
    ):
        curve = _sparsification_curve(error, sigma, steps, root=root)
        oracle = _sparsification_curve(error, error, steps, root=root)
        result[f'ause_{name}'] = _area(curve - oracle)
        # With everything removed every curve ends at zero, the random one too.
        chance = np.full(steps + 1, curve[0])
        chance[-1] = 0.0
        result[f'aurg_{name}'] = _area(chance - curve)
    return result


def calibration_metrics(
    predicted_m: NDArray[Any], truth_m: NDArray[Any], sigma_m: NDArray[Any]
) -> dict[str, float]:
    """
    Compare the errors with the Gaussian that the standard deviations promise.

    Args:
        predicted_m: Predicted depths [m].
        truth_m: True depths [m].
        sigma_m: Stated standard deviations [m]; zero promises no error at all.

    Returns:
        ``within_1_sigma``, ``within_2_sigma``, ``within_3_sigma`` (a Gaussian has 0.683, 0.954,
        0.997) and ``expected_calibration_error``: the mean, over central intervals of confidence
        0.05 .. 0.95, of |share of errors inside - confidence| (Kuleshov et al. 2018).

    Raises:
        DatasetError: Lengths differ, nothing to compare, or a value is not finite.
    """
    predicted, truth, sigma = _checked(predicted_m, truth_m, sigma_m)
    absolute = np.abs(predicted - truth)
    deviation = _deviation(absolute, sigma)
    deviation.sort()
    result = {f'within_{k}_sigma': _share_within(deviation, float(k)) for k in GAUSSIAN_SHARES}
    gaps = [
        abs(_share_within(deviation, NormalDist().inv_cdf(0.5 + level / 2.0)) - level)
        for level in CALIBRATION_LEVELS
    ]
    result['expected_calibration_error'] = float(np.mean(gaps))
    return result


def error_quantiles(
    predicted_m: NDArray[Any], truth_m: NDArray[Any], sigma_m: NDArray[Any]
) -> NDArray[np.float64]:
    """
    Return the quantiles 0, 1/100 ... 1 of |error| / sigma.

    Args:
        predicted_m: Predicted depths [m].
        truth_m: True depths [m].
        sigma_m: Stated standard deviations [m]; an error where there shall be none counts as the
            largest finite number.

    Raises:
        DatasetError: Lengths differ, nothing to compare, or a value is not finite.
    """
    predicted, truth, sigma = _checked(predicted_m, truth_m, sigma_m)
    quantiles: NDArray[np.float64] = np.quantile(
        _deviation(np.abs(predicted - truth), sigma), np.linspace(0.0, 1.0, QUANTILES))
    return quantiles


def fitted_scale(frames: Sequence[tuple[str, Sequence[float]]]) -> float:
    """
    Return the factor on sigma with which as many errors lie within it as promised.

    Args:
        frames: Scene and ``error_quantiles`` of each frame.

    Returns:
        The factor; the share within one sigma, as a mean over scenes of means over frames, is
        then that of a Gaussian, 68.3 %.

    Raises:
        DatasetError: There is no frame.
    """
    if not frames:
        raise DatasetError('No frame states an uncertainty; there is nothing to fit.')
    scenes = [scene for scene, _ in frames]
    weights = np.array([1.0 / scenes.count(scene) for scene in scenes])
    levels = np.linspace(0.0, 1.0, QUANTILES)

    def share(log_factor: float) -> float:
        inside = [np.interp(np.exp(log_factor), quantiles, levels) for _, quantiles in frames]
        return float(np.average(inside, weights=weights))

    low, high = np.log(1e-4), np.log(1e4)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share(middle) < GAUSSIAN_SHARES[1] else (low, middle)
    return float(np.exp(0.5 * (low + high)))


def _deviation(
    absolute: NDArray[np.float64], sigma: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return |error| / sigma; no error is 0, also where none was promised."""
    with np.errstate(divide='ignore', invalid='ignore'):
        deviation = np.where(absolute == 0.0, 0.0, absolute / sigma)
    return np.asarray(np.minimum(deviation, np.finfo(np.float64).max), dtype=np.float64)


def _sparsification_curve(
    error: NDArray[np.float64], order_by: NDArray[np.float64], steps: int, *, root: bool
) -> NDArray[np.float64]:
    """Return the mean (or root mean) error that is left after removing 0, 1/steps, ... 1."""
    kept_first = error[np.argsort(order_by, kind='stable')]
    cumulative = np.concatenate(([0.0], np.cumsum(kept_first)))
    fractions = np.arange(steps) / steps
    kept = np.maximum(np.round((1.0 - fractions) * error.size).astype(np.int64), 1)
    curve = cumulative[kept] / kept
    if root:
        curve = np.sqrt(np.maximum(curve, 0.0))
    return np.concatenate((curve, [0.0]))


def _area(curve: NDArray[np.float64]) -> float:
    """Return the trapezoidal area under a curve sampled evenly on [0, 1]."""
    return float((curve[0] / 2.0 + curve[1:-1].sum() + curve[-1] / 2.0) / (curve.size - 1))


def _share_within(sorted_deviation: NDArray[np.float64], limit: float) -> float:
    """Return the share of sorted values that do not exceed a limit."""
    inside = np.searchsorted(sorted_deviation, limit, side='right')
    return float(inside) / sorted_deviation.size


def _checked(*vectors: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return the vectors as flat float64 after checking lengths and values."""
    flat = [np.asarray(vector, dtype=np.float64).ravel() for vector in vectors]
    if len({vector.size for vector in flat}) != 1:
        raise DatasetError(
            f'Prediction, truth and sigma have {[v.size for v in flat]} values; expected as many.'
        )
    if flat[0].size == 0:
        raise DatasetError('No pixel to judge the uncertainty on; check mask and limits.')
    if not all(np.isfinite(vector).all() for vector in flat):
        raise DatasetError('Prediction, truth or sigma is not finite somewhere; mask it first.')
    return flat

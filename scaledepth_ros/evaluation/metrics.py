# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Metrics of one image, and their means over images.

Raw metrics compare metres with metres. Scale-aligned metrics answer another question (is the
shape right?) and always carry their own name, beside the raw ones. With g the ground truth, p
the prediction and e = log p - log g, over the N valid pixels of one image:

- ``d0.5 d1 d2 d3``: share of pixels with max(p/g, g/p) < 1.25^k, k = 0.5, 1, 2, 3
- ``abs_rel``: mean |p - g| / g;  ``sq_rel``: mean (p - g)^2 / g  [m]
- ``rmse``: sqrt mean (p - g)^2  [m];  ``rmse_log``: sqrt mean e^2
- ``log10``: mean |log10 p - log10 g|;  ``silog``: 100 sqrt(mean e^2 - (mean e)^2)
- scale error: |median e|, that is |log(S_pred / S_gt)| where S_gt = S_pred exp(-median e) is the
  one scalar that best fits the ground truth in log space (least absolute deviations).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.protocols import DEFAULT_PROTOCOL, Protocol

METRIC_NAMES = (
    'd0.5',
    'd1',
    'd2',
    'd3',
    'abs_rel',
    'sq_rel',
    'rmse',
    'rmse_log',
    'log10',
    'silog',
)
HIGHER_IS_BETTER = frozenset({'d0.5', 'd1', 'd2', 'd3'})
# Predictions below this are raised to it [m], only to keep logarithms and ratios finite.
LOG_FLOOR_M = 1e-3


def depth_metrics(predicted_m: NDArray[Any], truth_m: NDArray[Any]) -> dict[str, float]:
    """
    Compute the ten standard metrics over two vectors of depths.

    Args:
        predicted_m: Predicted depths [m], finite; values below ``LOG_FLOOR_M`` are raised to it.
        truth_m: True depths [m], positive, of the same length.

    Returns:
        One value for each of ``METRIC_NAMES``.

    Raises:
        DatasetError: There is nothing to compare, or the lengths differ.
    """
    predicted, truth = _floored(predicted_m, truth_m)
    error = predicted - truth
    log_error = np.log(predicted) - np.log(truth)
    ratio = np.maximum(predicted / truth, truth / predicted)
    mean_square_log = float(np.mean(log_error**2))
    variance_log = mean_square_log - float(np.mean(log_error)) ** 2
    return {
        'd0.5': float(np.mean(ratio < 1.25**0.5)),
        'd1': float(np.mean(ratio < 1.25)),
        'd2': float(np.mean(ratio < 1.25**2)),
        'd3': float(np.mean(ratio < 1.25**3)),
        'abs_rel': float(np.mean(np.abs(error) / truth)),
        'sq_rel': float(np.mean(error**2 / truth)),
        'rmse': float(np.sqrt(np.mean(error**2))),
        'rmse_log': float(np.sqrt(mean_square_log)),
        'log10': float(np.mean(np.abs(log_error)) / np.log(10.0)),
        # Rounding can leave a perfect prediction a variance of -1e-17.
        'silog': 100.0 * float(np.sqrt(max(variance_log, 0.0))),
    }


def log_scale_offset(predicted_m: NDArray[Any], truth_m: NDArray[Any]) -> float:
    """
    Return the signed scale error: the median of log p - log g.

    Positive means that the prediction is too far. Its absolute value is the scale error;
    exp(-offset) is the factor that aligns the prediction.

    Args:
        predicted_m: Predicted depths [m].
        truth_m: True depths [m], positive.
    """
    predicted, truth = _floored(predicted_m, truth_m)
    return float(np.median(np.log(predicted) - np.log(truth)))


def aligned_depth_metrics(predicted_m: NDArray[Any], truth_m: NDArray[Any]) -> dict[str, float]:
    """
    Compute the ten metrics after one scalar has aligned the prediction to the ground truth.

    The scalar is exp(-median(log p - log g)), so the aligned prediction has no scale error left.

    Args:
        predicted_m: Predicted depths [m].
        truth_m: True depths [m], positive.
    """
    offset = log_scale_offset(predicted_m, truth_m)
    return depth_metrics(np.asarray(predicted_m, dtype=np.float64) * np.exp(-offset), truth_m)


def evaluate_image(
    predicted_m_HW: NDArray[Any],
    depth_m_HW: NDArray[Any],
    protocol: Protocol = DEFAULT_PROTOCOL,
    *,
    focal_px: float | None = None,
) -> dict[str, float]:
    """
    Compute the raw metrics of one image under a protocol.

    Args:
        predicted_m_HW: Predicted depth [m] at the resolution of the ground truth.
        depth_m_HW: Ground truth [m]; NaN or 0 where unknown.
        protocol: Crop, limits and clamps.
        focal_px: Focal length [px], where the protocol rescales by it.

    Returns:
        One value for each of ``METRIC_NAMES``.

    Raises:
        DatasetError: No valid pixel, maps of different size, or a non-finite prediction where
            ground truth is valid.
    """
    predicted_m, truth_m, _ = protocol.prepare(predicted_m_HW, depth_m_HW, focal_px)
    return depth_metrics(predicted_m, truth_m)


def mean_metrics(images: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """
    Average each metric over images, every image counting once.

    Args:
        images: Metrics of each image; all with the same keys.

    Returns:
        The mean of each key, in the order of the first image; empty if there is no image.
    """
    rows: Sequence[Mapping[str, float]] = list(images)
    if not rows:
        return {}
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _floored(
    predicted_m: NDArray[Any], truth_m: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both vectors as float64, checked, with predictions raised to ``LOG_FLOOR_M``."""
    predicted = np.asarray(predicted_m, dtype=np.float64).ravel()
    truth = np.asarray(truth_m, dtype=np.float64).ravel()
    if predicted.size != truth.size:
        raise DatasetError(
            f'{predicted.size} predictions for {truth.size} true depths; expected as many.'
        )
    if truth.size == 0:
        raise DatasetError(
            'No pixel has valid ground truth; check the depth scale, the crop and the limits.'
        )
    if not np.isfinite(predicted).all():
        missing = int(np.count_nonzero(~np.isfinite(predicted)))
        raise DatasetError(
            f'{missing} of {predicted.size} predictions are not finite; drop them and report '
            'the coverage, or fix the predictor.'
        )
    if not (np.isfinite(truth).all() and (truth > 0).all()):
        raise DatasetError('Ground truth holds zero, negative or non-finite depths; mask them.')
    return np.maximum(predicted, LOG_FLOOR_M), truth

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Terms of the training loss, each a function of plain tensors.

Masks are multiplied in, never indexed with, so no term waits for a device. A mean over nothing
is 0 with a zero gradient, so an image or a batch without a single valid pixel is harmless.

Legend: B batch, H, W size of the ground truth, G scene categories.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Group = Literal['batch', 'image']
ScoreKind = Literal['probabilities', 'logits']

# Below this, the square root has no usable gradient.
_TINY = 1e-12
# No depth is known better than to a thousandth; a deviation of 0 would promise an infinite loss.
_LEAST_DEVIATION = 1e-3


def scale_invariant_log_loss(
    difference: Tensor, valid: Tensor, *, mean_share: float, group: Group,
) -> Tensor:
    """
    Return sqrt(var(d) + mean_share * mean(d)^2), the scale-invariant log error of Eigen et al.

    Args:
        difference: (B, 1, H, W), log of the prediction less log of the ground truth.
        valid: (B, 1, H, W), True where the ground truth counts.
        mean_share: How much of a common factor is punished; 1 is the root mean square.
        group: 'batch' takes mean and variance over all pixels of the batch at once; 'image'
            over each image, and then the mean over the images that have a valid pixel.

    Returns:
        Scalar. The variance is the unbiased one; of a single pixel it is 0.
    """
    rows = 1 if group == 'batch' else difference.shape[0]
    share = valid.reshape(rows, -1).to(difference.dtype)
    value = torch.where(valid, difference, 0.0).reshape(rows, -1)
    count = share.sum(dim=1)
    mean = value.sum(dim=1) / count.clamp(min=1)
    spread = ((value - mean[:, None]).square() * share).sum(dim=1)
    variance = spread / (count - 1).clamp(min=1)
    loss = (variance + mean_share * mean.square()).clamp(min=_TINY).sqrt() * (count > 0)
    return loss.sum() / (count > 0).sum().clamp(min=1)


def scene_loss(scene_logits: Tensor, scene: Tensor, kind: ScoreKind) -> Tensor:
    """
    Return the mean cross-entropy of the scene category.

    Args:
        scene_logits: (B, G).
        scene: (B,) int64; negative where the category is not known.
        kind: What the cross-entropy is fed with, see LossConfig.scene_scores.

    Returns:
        Scalar, the mean over images whose category is known.
    """
    known = scene >= 0
    scores = scene_logits.float()
    if kind == 'probabilities':
        scores = scores.softmax(dim=-1)
    each = F.cross_entropy(scores, scene.clamp(min=0), reduction='none')
    # Not a product with the mask: a category that is not known must not spread a NaN.
    return torch.where(known, each, 0.0).sum() / known.sum().clamp(min=1)


def gradient_loss(difference: Tensor, valid: Tensor, levels: int) -> Tensor:
    """
    Return the multi-scale scale-invariant gradient loss of Li and Snavely 2018 (eq. 4).

    It looks at steps of the log ratio between neighbours, so it does not see the scale: it
    sharpens edges and flattens planes.

    Args:
        difference: (B, 1, H, W), log of the prediction less log of the ground truth.
        valid: (B, 1, H, W), True where the ground truth counts.
        levels: Number of resolutions, each half of the one before.

    Returns:
        Scalar, mean absolute step over neighbours that are both valid, mean over the levels.
    """
    value = torch.where(valid, difference, 0.0)
    total = value.new_zeros(())
    for _ in range(levels):
        for dim in (2, 3):
            length = value.shape[dim] - 1
            step = value.narrow(dim, 1, length) - value.narrow(dim, 0, length)
            pair = valid.narrow(dim, 1, length) & valid.narrow(dim, 0, length)
            total = total + (step.abs() * pair).sum() / pair.sum().clamp(min=1)
        value, valid = value[:, :, ::2, ::2], valid[:, :, ::2, ::2]
    return total / levels


def likelihood_loss(difference: Tensor, deviation: Tensor, valid: Tensor) -> Tensor:
    """
    Return how unlikely the errors are under the stated deviations, which alone learn from it.

    The errors of log depth are taken to follow a Laplace distribution, whose tails let an edge be
    missed: log(sigma) + sqrt(2) |d| / sigma, least in the mean where sigma is sqrt(2) times the
    mean error.

    Args:
        difference: (B, 1, H, W), log of the prediction less log of the ground truth.
        deviation: (B, 1, H, W), one standard deviation of it, positive.
        valid: (B, 1, H, W), True where the ground truth counts.

    Returns:
        Scalar, mean over the valid pixels of each image, then over the images that have one.
    """
    sigma = deviation.clamp(min=_LEAST_DEVIATION)
    error = torch.where(valid, difference.detach(), 0.0).abs()
    each = (sigma.log() + math.sqrt(2) * error / sigma) * valid
    count = valid.sum((1, 2, 3))
    mean = each.sum((1, 2, 3)) / count.clamp(min=1)
    return mean.sum() / (count > 0).sum().clamp(min=1)


def log_scale_loss(
    scale: Tensor, relative_depth: Tensor, depth_m: Tensor, valid: Tensor,
) -> Tensor:
    """
    Return the mean |log S - log S*|, where S* aligns R to the ground truth by medians.

    The relative depth is taken as given: only the scale learns from this term, and by an
    absolute value, so a few scenes of unusual size do not rule it.

    Args:
        scale: (B, 1) in metres, the focal ratio included.
        relative_depth: (B, 1, H, W), positive.
        depth_m: (B, 1, H, W).
        valid: (B, 1, H, W), True where the ground truth counts.

    Returns:
        Scalar, the mean over images that have a valid pixel.
    """
    with torch.no_grad():
        wanted = (_log_median(depth_m, valid) - _log_median(relative_depth, valid))[:, None]
        known = wanted.isfinite()
    error = (scale.log() - torch.where(known, wanted, 0.0)).abs()
    return torch.where(known, error, 0.0).sum() / known.sum().clamp(min=1)


def _log_median(values: Tensor, valid: Tensor) -> Tensor:
    hidden = torch.where(valid, values.float(), torch.nan).flatten(1)
    return hidden.nanmedian(dim=1).values.log()

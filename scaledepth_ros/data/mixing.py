# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Augmentation that mixes depth into the image, or one frame into another; off by default.

Both need dense depth: on lidar points they would paste dots.
"""

import numpy as np
import torch
from torch import Tensor

# Share of known pixels from which depth counts as dense enough to paste.
DENSE_SHARE = 0.6


def is_dense(depth_1HW: Tensor) -> bool:
    """Return whether enough depth is known to paste by it."""
    return bool(torch.isfinite(depth_1HW).float().mean() >= DENSE_SHARE)


def cut_depth(image_3HW: Tensor, depth_1HW: Tensor, rng: np.random.Generator) -> Tensor:
    """
    Replace a random rectangle of the image by its own depth as grey levels (CutDepth).

    It narrows the gap between image and depth features (Ishii and Yamashita 2021). Unknown depth
    leaves the image as it is.

    Args:
        image_3HW: uint8 image.
        depth_1HW: Depth [m], NaN where unknown.
        rng: Source of all randomness.

    Returns:
        uint8 image; the input is not changed.
    """
    if not is_dense(depth_1HW):
        return image_3HW
    height, width = image_3HW.shape[1:]
    top, left = (int(rng.uniform(0.0, 0.75) * side) for side in (height, width))
    bottom = top + max(int(rng.uniform(0.2, 0.75) * (height - top)), 1)
    right = left + max(int(rng.uniform(0.2, 0.75) * (width - left)), 1)
    window = (slice(None), slice(top, bottom), slice(left, right))
    known = torch.isfinite(depth_1HW[window])
    grey = depth_1HW[window] * (255.0 / depth_1HW[torch.isfinite(depth_1HW)].max())
    grey_uint8 = torch.where(known, grey, torch.zeros_like(grey)).round().to(torch.uint8)
    result = image_3HW.clone()
    result[window] = torch.where(known, grey_uint8, result[window])
    return result


def copy_paste(
    image_3HW: Tensor,
    depth_1HW: Tensor,
    donor_image_3HW: Tensor,
    donor_depth_1HW: Tensor,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """
    Paste what is near in a donor frame in front of another frame, with its depth.

    Only donor pixels that are both among the nearest of the donor and nearer than the frame's
    known surface are pasted, so occlusion stays true. Both depths must be canonical for one focal
    length, or the pasted object would have a wrong size.

    Args:
        image_3HW: uint8 image.
        depth_1HW: Its canonical depth [m], NaN where unknown.
        donor_image_3HW: uint8 image of the same size.
        donor_depth_1HW: Its canonical depth [m].
        rng: Source of all randomness.

    Returns:
        Image and depth; the inputs are not changed.
    """
    if not (is_dense(depth_1HW) and is_dense(donor_depth_1HW)):
        return image_3HW, depth_1HW
    donor_known_m = donor_depth_1HW[torch.isfinite(donor_depth_1HW)]
    limit_m = torch.quantile(donor_known_m, float(rng.uniform(0.15, 0.4)))
    # Comparisons with NaN are false, so unknown pixels of either frame are left alone.
    pasted_1HW = (donor_depth_1HW < limit_m) & (donor_depth_1HW < depth_1HW)
    return (
        torch.where(pasted_1HW, donor_image_3HW, image_3HW),
        torch.where(pasted_1HW, donor_depth_1HW, depth_1HW),
    )

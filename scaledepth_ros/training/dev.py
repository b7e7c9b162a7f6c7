# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How a network does on held-out scenes while it is trained, seen as at inference."""

from collections import defaultdict
from collections.abc import Mapping
import math

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.data.sample import FrameSource, RgbdSample
from scaledepth_ros.evaluation.metrics import (
    aligned_depth_metrics,
    depth_metrics,
    log_scale_offset,
    mean_metrics,
)
from scaledepth_ros.model.scaledepth import DepthNetwork, metric_depth
from scaledepth_ros.preprocessing import network_size, to_network_input
import torch


@torch.inference_mode()
def evaluate_frames(
    model: DepthNetwork, frames: FrameSource, device: torch.device,
) -> dict[str, dict[str, float]]:
    """
    Measure a network on held-out frames.

    Args:
        model: The network; evaluated in evaluation mode, which it is left in.
        frames: Frames with ground truth.
        device: Where the network is.

    Returns:
        For each domain raw ``d1``, ``abs_rel``, ``rmse_log``, ``aligned_d1`` (after one factor an
        image), ``scale_error`` |log|, ``frames`` and ``scenes``; means over scenes of means
        over frames. Depth beyond the network's range does not count, nor does a frame or a
        domain without any within it. Frames without intrinsics are taken as the predictor takes
        them, at the canonical focal length.
    """
    model.eval()
    scenes: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for index in range(len(frames)):
        sample = frames[index]
        with np.errstate(invalid='ignore'):
            known = sample.mask_HW & (sample.depth_m_HW < model.config.max_depth_m)
        if known.any():
            scenes[sample.info.domain][sample.scene].append(
                _frame_metrics(model, sample, known, device))
    results = {}
    for domain, members in sorted(scenes.items()):
        means = mean_metrics([mean_metrics(rows) for rows in members.values()])
        results[domain] = {**means, 'frames': sum(map(len, members.values())),
                           'scenes': len(members)}
    return results


def score(results: Mapping[str, Mapping[str, float]]) -> float:
    """Return one number to choose by, the higher the better: mean of d1 over the domains."""
    return sum(result['d1'] for result in results.values()) / len(results)


def _frame_metrics(
    model: DepthNetwork, sample: RgbdSample, known: NDArray[np.bool_], device: torch.device,
) -> dict[str, float]:
    height, width = sample.depth_m_HW.shape
    config = model.config
    size = network_size(height, width, config.input_pixels, config.size_divisor)
    image = torch.from_numpy(to_network_input(sample.rgb_HW3, size))[None].to(device)
    depth_m = metric_depth(model(image), (height, width))[0, 0].float().cpu().numpy()
    if config.canonical_focal_px is not None and sample.camera is not None:
        resized = math.sqrt(size[0] * size[1] / (height * width))
        depth_m = depth_m * (sample.camera.focal_px * resized / config.canonical_focal_px)
    predicted, truth = np.nan_to_num(depth_m[known], posinf=1e4), sample.depth_m_HW[known]
    raw = depth_metrics(predicted, truth)
    return {
        'd1': raw['d1'], 'abs_rel': raw['abs_rel'], 'rmse_log': raw['rmse_log'],
        'aligned_d1': aligned_depth_metrics(predicted, truth)['d1'],
        'scale_error': abs(log_scale_offset(predicted, truth))}

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Rebuild the images of golden evaluation metrics from their json, and compare the metrics."""

import math

from fill_rule import normal, rng, uniform
import numpy as np
from scaledepth_ros.evaluation.metrics import evaluate_image, mean_metrics
from scaledepth_ros.evaluation.protocols import Protocol


def golden_image(case, index):
    """Return prediction and ground truth of one image, by the rule stated in the json."""
    name, shape = case['set'], tuple(case['size'])
    gt = uniform(f'metric:gt:{name}:{index}', shape, case['lo'], case['hi'])
    noise = normal(f'metric:pred:{name}:{index}', shape)
    pred = (gt * np.exp(0.2 * noise)).astype(np.float32)
    gt[rng(f'metric:gtmask:{name}:{index}').random(shape) < 0.2] = 0
    return pred, gt


def golden_protocol(case):
    """Return the setting of a case; gt_depth_clamp moves onto an exclusive limit: no effect."""
    kwargs = case['kwargs']
    return Protocol(
        name='golden', min_depth_m=kwargs.get('min_depth_eval', 0.0),
        max_depth_m=kwargs.get('max_depth_eval', math.inf),
        crop=(kwargs.get('crop_type') or 'none').removesuffix('_crop'),
        clamp_prediction=kwargs.get('depth_clamp', False))


def metric_errors(cases):
    """Return the largest relative error of each metric, and whether all masks have their size."""
    errors, masks_fit = {}, True
    for case in cases:
        protocol = golden_protocol(case)
        images = []
        for index in range(case['images']):
            pred, gt = golden_image(case, index)
            masks_fit &= protocol.valid_mask(gt).sum() == case['valid_pixels'][index]
            images.append(evaluate_image(pred, gt, protocol))
        for name, golden in case['metrics'].items():
            error = abs(mean_metrics(images)[name] - golden) / abs(golden)
            errors[name] = max(errors.get(name, 0.0), error)
    return errors, masks_fit

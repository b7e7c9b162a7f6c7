# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics against hand-computed numbers and the golden values of the official evaluation."""

import json
import math
from pathlib import Path

from golden_metrics import golden_image, golden_protocol
import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.evaluation.metrics import (
    aligned_depth_metrics,
    depth_metrics,
    evaluate_image,
    log_scale_offset,
    mean_metrics,
    METRIC_NAMES,
)
from scaledepth_ros.evaluation.protocols import crop_mask, get_protocol, Protocol, PROTOCOLS

GOLDEN = Path(__file__).parents[1] / 'golden'
CASES = json.loads((GOLDEN / 'golden_depth_metric.json').read_text())['cases']


@pytest.mark.parametrize('case', CASES, ids=range(len(CASES)))
def test_official_values_are_reproduced(case):
    protocol = golden_protocol(case)
    images = []
    for index in range(case['images']):
        pred, gt = golden_image(case, index)
        assert protocol.valid_mask(gt).sum() == case['valid_pixels'][index]
        images.append(evaluate_image(pred, gt, protocol))
        assert images[-1] == pytest.approx(case['per_image'][index], rel=2e-5)
    assert mean_metrics(images) == pytest.approx(case['metrics'], rel=2e-5)


def test_hand_computed_values():
    # e = log 2, log 1/2, 0 : rmse_log = log 2 sqrt(2/3), mean e = 0.
    metrics = depth_metrics(np.array([4.0, 1.0, 3.0]), np.array([2.0, 2.0, 3.0]))
    assert metrics['abs_rel'] == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert metrics['sq_rel'] == pytest.approx((2.0 + 0.5) / 3)
    assert metrics['rmse'] == pytest.approx(math.sqrt(5.0 / 3))
    assert metrics['rmse_log'] == pytest.approx(math.log(2) * math.sqrt(2 / 3))
    assert metrics['silog'] == pytest.approx(100 * math.log(2) * math.sqrt(2 / 3))
    assert metrics['log10'] == pytest.approx(2 * math.log10(2) / 3)
    assert [metrics[f'd{k}'] for k in (1, 2, 3)] == [pytest.approx(1 / 3)] * 3


def test_thresholds_are_strict():
    metrics = depth_metrics(np.array([1.25, 1.5]), np.array([1.0, 1.0]))
    assert metrics['d0.5'] == 0.0
    assert metrics['d1'] == 0.0
    assert metrics['d2'] == 1.0


def test_perfect_prediction_scores_perfectly():
    depth = np.random.default_rng(0).uniform(0.5, 20, 5000)
    metrics = depth_metrics(depth, depth)
    assert all(metrics[name] == 1.0 for name in ('d0.5', 'd1', 'd2', 'd3'))
    assert all(metrics[name] == 0.0 for name in METRIC_NAMES[4:])


def test_a_wrong_scale_shows_in_raw_metrics_and_not_in_aligned_ones():
    truth = np.random.default_rng(1).uniform(1, 9, 1000)
    assert log_scale_offset(1.4 * truth, truth) == pytest.approx(math.log(1.4))
    assert log_scale_offset(truth / 1.4, truth) == pytest.approx(-math.log(1.4))
    assert depth_metrics(1.4 * truth, truth)['abs_rel'] == pytest.approx(0.4)
    assert aligned_depth_metrics(1.4 * truth, truth)['abs_rel'] == pytest.approx(0.0, abs=1e-12)
    assert depth_metrics(1.4 * truth, truth)['silog'] == pytest.approx(0.0, abs=1e-4)


def test_the_scale_error_ignores_a_minority_of_outliers():
    truth = np.ones(101)
    predicted = np.ones(101)
    predicted[:50] = 30.0
    assert log_scale_offset(predicted, truth) == 0.0


def test_tiny_predictions_are_raised_to_a_millimetre_and_no_further():
    metrics = depth_metrics(np.array([0.0, -3.0]), np.array([1.0, 1.0]))
    assert metrics['rmse_log'] == pytest.approx(math.log(1000))
    assert metrics['rmse'] == pytest.approx(0.999)


@pytest.mark.parametrize(
    ('crop', 'size', 'rows', 'columns'),
    [
        ('nyu', (480, 640), (45, 471), (41, 601)),
        ('garg', (352, 1216), (143, 349), (43, 1172)),
        ('eigen', (352, 1216), (117, 321), (43, 1172)),
        ('none', (5, 7), (0, 5), (0, 7)),
    ],
)
def test_crop_windows(crop, size, rows, columns):
    mask = crop_mask(*size, crop)
    used_rows, used_columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (used_rows[0], used_rows[-1] + 1) == rows
    assert (used_columns[0], used_columns[-1] + 1) == columns
    assert mask.sum() == len(used_rows) * len(used_columns)


def test_range_limits_are_exclusive_and_unknown_depth_never_counts():
    gt = np.array([[0.0, np.nan, 1e-3, 1.0, 80.0, 79.9, np.inf]])
    assert get_protocol('default').valid_mask(gt).tolist() == [[0, 0, 0, 1, 0, 1, 0]]


def test_focal_rescaling_multiplies_by_focal_over_reference():
    protocol = Protocol(name='rescaled', focal_reference_px=500.0)
    gt = np.full((4, 4), 3.0)
    assert evaluate_image(gt, gt, protocol, focal_px=600.0)['abs_rel'] == pytest.approx(0.2)
    with pytest.raises(DatasetError, match='rescales by focal length'):
        evaluate_image(gt, gt, protocol)


def test_clamping_a_prediction_is_up_to_the_protocol():
    gt, pred = np.full((480, 640), 5.0), np.full((480, 640), 50.0)
    assert evaluate_image(pred, gt, get_protocol('nyu'))['abs_rel'] == pytest.approx(1.0)
    assert evaluate_image(pred, gt)['abs_rel'] == pytest.approx(9.0)


def test_each_image_counts_once_however_many_pixels_it_has():
    assert mean_metrics([{'d1': 1.0}, {'d1': 0.0}, {'d1': 0.5}]) == {'d1': 0.5}
    assert mean_metrics([]) == {}


def test_standard_protocols_are_those_of_the_official_configs():
    assert {
        n: (p.min_depth_m, p.max_depth_m, p.crop, p.clamp_prediction)
        for n, p in PROTOCOLS.items()
    } == {
        'default': (1e-3, 80.0, 'none', False),
        'nyu': (1e-3, 10.0, 'nyu', True),
        'kitti': (1e-3, 80.0, 'garg', True),
        'kitti_eigen': (1e-3, 80.0, 'eigen', True),
        'sunrgbd': (1e-3, 8.0, 'nyu', True),
        'ibims': (1e-3, 10.0, 'nyu', False),
        'diode_indoor': (1e-3, 10.0, 'nyu', False),
        'hypersim': (1e-3, 80.0, 'nyu', False),
        'diode_outdoor': (1e-3, 80.0, 'garg', False),
        'vkitti': (1e-3, 80.0, 'garg', True),
        'ddad': (1e-3, 80.0, 'garg', True),
        'diml': (2.0, 80.0, 'garg', False),
    }


@pytest.mark.parametrize(
    ('predicted', 'truth', 'message'),
    [
        ([], [], 'No pixel has valid ground truth'),
        ([1.0, 2.0], [1.0], '2 predictions for 1 true depths'),
        ([1.0, np.nan], [1.0, 1.0], '1 of 2 predictions are not finite'),
        ([1.0], [0.0], 'zero, negative or non-finite'),
    ],
)
def test_senseless_input_is_refused(predicted, truth, message):
    with pytest.raises(DatasetError, match=message):
        depth_metrics(np.array(predicted), np.array(truth))


def test_maps_of_different_size_are_refused():
    with pytest.raises(DatasetError, match='differ in size'):
        evaluate_image(np.ones((3, 4)), np.ones((4, 3)))


def test_senseless_protocols_are_refused():
    with pytest.raises(ConfigError, match="Crop 'nyuu'"):
        Protocol(name='x', crop='nyuu')
    with pytest.raises(ConfigError, match='minimum < maximum'):
        Protocol(name='x', min_depth_m=3.0, max_depth_m=2.0)
    with pytest.raises(ConfigError, match="Protocol 'nyuv3' is unknown"):
        get_protocol('nyuv3')

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Uncertainty metrics against cases whose answer is known."""

import numpy as np
import pytest
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.uncertainty import (
    calibration_metrics,
    error_quantiles,
    fitted_scale,
    sparsification_metrics,
)


@pytest.fixture
def gaussian():
    """Return predictions whose errors are drawn from exactly the stated sigma."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(2, 8, 60_000)
    sigma = rng.uniform(0.05, 0.6, truth.size)
    return truth + sigma * rng.standard_normal(truth.size), truth, sigma


def test_ranking_by_the_true_error_has_no_sparsification_error(gaussian):
    predicted, truth, _ = gaussian
    error = np.abs(predicted - truth)
    assert sparsification_metrics(predicted, truth, error)['ause_rmse'] == pytest.approx(0.0)
    by_relative = sparsification_metrics(predicted, truth, error / truth)
    assert by_relative['ause_abs_rel'] == pytest.approx(0.0)
    assert by_relative['aurg_abs_rel'] > 0.01


def test_a_useful_sigma_gains_over_chance_and_a_shuffled_one_does_not(gaussian):
    predicted, truth, sigma = gaussian
    useful = sparsification_metrics(predicted, truth, sigma)
    shuffled = sparsification_metrics(
        predicted, truth, np.random.default_rng(4).permutation(sigma)
    )
    assert useful['aurg_rmse'] > 0.05
    assert abs(shuffled['aurg_rmse']) < 0.01
    assert shuffled['ause_rmse'] > useful['ause_rmse'] > 0


def test_sparsification_area_by_hand():
    # Errors 1, 3 in two steps. Sorted by sigma the curve is mean{1,3}, 1, 0 (the large error
    # leaves first); with sigma reversed it is 2, 3, 0. Chance is 2, 2, 0.
    truth, predicted = np.array([1.0, 1.0]), np.array([2.0, 4.0])
    good = sparsification_metrics(predicted, truth, np.array([0.1, 0.2]), steps=2)
    bad = sparsification_metrics(predicted, truth, np.array([0.2, 0.1]), steps=2)
    assert good['ause_abs_rel'] == pytest.approx(0.0)
    assert good['aurg_abs_rel'] == pytest.approx((2 - 1) / 2)
    assert bad['ause_abs_rel'] == pytest.approx((3 - 1) / 2)
    assert bad['aurg_abs_rel'] == pytest.approx((2 - 3) / 2)


def test_gaussian_errors_are_calibrated(gaussian):
    calibration = calibration_metrics(*gaussian)
    assert calibration['within_1_sigma'] == pytest.approx(0.6827, abs=0.01)
    assert calibration['within_2_sigma'] == pytest.approx(0.9545, abs=0.01)
    assert calibration['within_3_sigma'] == pytest.approx(0.9973, abs=0.005)
    assert calibration['expected_calibration_error'] < 0.01


def test_overconfidence_shows(gaussian):
    predicted, truth, sigma = gaussian
    calibration = calibration_metrics(predicted, truth, sigma / 3.0)
    assert calibration['within_3_sigma'] == pytest.approx(0.6827, abs=0.01)
    assert calibration['expected_calibration_error'] > 0.2


def test_zero_sigma_covers_only_exact_predictions():
    calibration = calibration_metrics(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.zeros(2))
    assert calibration['within_3_sigma'] == 0.5


def test_senseless_input_is_refused():
    with pytest.raises(DatasetError, match=r'\[2, 2, 1\] values'):
        calibration_metrics(np.ones(2), np.ones(2), np.ones(1))
    with pytest.raises(DatasetError, match='No pixel'):
        sparsification_metrics(np.ones(0), np.ones(0), np.ones(0))
    with pytest.raises(DatasetError, match='not finite'):
        calibration_metrics(np.ones(1), np.ones(1), np.array([np.nan]))


def test_the_fitted_scale_undoes_a_sigma_that_is_too_small(gaussian):
    predicted, truth, sigma = gaussian
    quantiles = error_quantiles(predicted, truth, sigma / 2.5)
    assert (len(quantiles), quantiles[0]) == (101, pytest.approx(0.0, abs=1e-3))
    assert fitted_scale([('room', quantiles)]) == pytest.approx(2.5, rel=0.02)


def test_scenes_count_alike_in_the_fitted_scale():
    # Errors evenly from 0 to 1 sigma and from 0 to 4 sigma: half the mean of the shares.
    even, wide = np.linspace(0, 1, 101), np.linspace(0, 4, 101)
    # k / 1 is cut at 1, so 0.5 (1 + k / 4) = 0.6827 gives k = 1.4615.
    expected = 4 * (2 * 0.6826895 - 1)
    assert fitted_scale([('a', even), ('b', wide)]) == pytest.approx(expected, rel=1e-4)
    assert fitted_scale([('a', even), ('b', wide), ('b', wide)]) == pytest.approx(
        expected, rel=1e-4)
    with pytest.raises(DatasetError, match='nothing to fit'):
        fitted_scale([])


def test_a_sigma_of_zero_keeps_quantiles_finite():
    quantiles = error_quantiles(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.zeros(2))
    assert quantiles[0] == 0.0
    assert np.isfinite(quantiles).all()

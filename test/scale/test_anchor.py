# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How measurements of the scale become a correction."""

import math

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.scale.agreement import ScaleMeasurement
from scaledepth_ros.scale.anchor import ScaleAnchor


def measured(log_factor: float) -> ScaleMeasurement:
    return ScaleMeasurement(log_factor=log_factor, spread=0.02, share=0.5)


def test_first_measurement_is_believed_by_the_ratio_of_variances() -> None:
    """0.25^2 / (0.25^2 + 0.1^2) = 0.862."""
    correction = ScaleAnchor(20.0).update(5.0, measured(0.2))
    assert correction.log_factor == pytest.approx(0.2 * 0.0625 / 0.0725)
    assert correction.sigma == pytest.approx(math.sqrt(0.0625 * 0.01 / 0.0725))
    assert correction.innovation == pytest.approx(0.2)
    assert correction.age_s == 0.0


def test_nothing_measured_changes_nothing() -> None:
    anchor = ScaleAnchor(20.0)
    for stamp_s in (1.0, 2.0, 50.0):
        correction = anchor.update(stamp_s, None)
        assert correction.log_factor == 0.0
        assert correction.sigma == pytest.approx(0.25)
        assert math.isnan(correction.innovation)
        assert correction.age_s == math.inf


def test_steady_measurements_are_averaged_and_reached() -> None:
    anchor = ScaleAnchor(20.0)
    noise = np.random.default_rng(0).normal(0.0, 0.08, 300)
    corrections = [anchor.update(i / 15.0, measured(0.3 + noise[i])).log_factor
                   for i in range(300)]
    settled = np.array(corrections[100:])
    assert settled.mean() == pytest.approx(0.3, abs=0.03)
    assert settled.std() < 0.5 * noise.std()


def test_correction_fades_without_measurements() -> None:
    """exp(-20 / 20) of it is left after 20 s, and less is known about it."""
    anchor = ScaleAnchor(20.0)
    before = anchor.update(0.0, measured(0.2))
    after = anchor.update(20.0, None)
    assert after.log_factor == pytest.approx(before.log_factor * math.exp(-1.0))
    assert after.sigma > before.sigma
    assert after.age_s == 20.0
    assert anchor.update(2000.0, None).log_factor == pytest.approx(0.0, abs=1e-6)


def test_one_wild_measurement_moves_it_little_and_a_new_place_is_learnt_within_a_second() -> None:
    anchor = ScaleAnchor(20.0)
    for i in range(60):
        settled = anchor.update(i / 15.0, measured(0.1)).log_factor
    wild = anchor.update(4.0, measured(0.9)).log_factor
    assert wild - settled < 0.06
    for i in range(15):
        moved = anchor.update(4.0 + i / 15.0, measured(0.5)).log_factor
    assert moved == pytest.approx(0.5, abs=0.06)


def test_time_that_goes_back_starts_anew() -> None:
    anchor = ScaleAnchor(20.0)
    for i in range(30):
        anchor.update(100.0 + i / 15.0, measured(0.3))
    again = anchor.update(1.0, None)
    assert again.log_factor == 0.0
    assert again.age_s == math.inf


@pytest.mark.parametrize('time_s', [0.0, -1.0, math.nan, math.inf])
def test_senseless_times_are_refused(time_s: float) -> None:
    with pytest.raises(ConfigError, match='expected a positive number'):
        ScaleAnchor(time_s)

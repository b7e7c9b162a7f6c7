# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Paired differences between two models."""

import numpy as np
import pytest
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.compare import paired_difference


def test_what_is_the_same_on_every_scene_is_certain():
    found = paired_difference({'a': 0.9, 'b': 0.2, 'c': 0.5}, {'b': 0.1, 'a': 0.8, 'c': 0.4})
    assert (found.mean, found.scenes) == (pytest.approx(0.1), 3)
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_the_interval_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(1)
    values = {str(i): value for i, value in enumerate(rng.normal(0.3, 1.0, 400))}
    found = paired_difference(values, dict.fromkeys(values, 0.0))
    half = 1.96 * np.std(list(values.values())) / 20
    assert found.low == pytest.approx(found.mean - half, abs=0.15 * half)
    assert found.high == pytest.approx(found.mean + half, abs=0.15 * half)


def test_other_scenes_cannot_be_compared():
    with pytest.raises(DatasetError, match=r'measured on other scenes \(b, c\)'):
        paired_difference({'a': 1.0, 'b': 1.0}, {'a': 1.0, 'c': 1.0})
    with pytest.raises(DatasetError, match='none at all'):
        paired_difference({}, {})

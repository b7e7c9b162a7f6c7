# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale from frame to frame."""

import math

import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.scale.temporal import ScaleFilter


def test_step_comes_through_exponentially() -> None:
    smooth = ScaleFilter(0.5)
    assert smooth.update(10.0, 1.0) == 1.0
    for i in range(1, 11):
        value = smooth.update(10.0 + 0.05 * i, 1.2)
    # After one time constant 1 - 1/e of the step.
    assert value == pytest.approx(1.0 + 0.2 * (1.0 - math.exp(-1.0)))


def test_rate_of_the_frames_does_not_matter() -> None:
    slow, fast = ScaleFilter(0.5), ScaleFilter(0.5)
    slow.update(0.0, 0.0)
    fast.update(0.0, 0.0)
    for i in range(1, 5):
        fast.update(0.1 * i, 0.2)
    assert slow.update(0.4, 0.2) == pytest.approx(fast.update(0.4, 0.2))


def test_zero_lets_everything_through() -> None:
    through = ScaleFilter(0.0)
    assert [through.update(0.1 * i, value) for i, value in enumerate((1.0, 1.1, 0.9))] == [
        1.0, 1.1, 0.9]


def test_scene_cut_starts_anew() -> None:
    """A factor of 1.3 apart, or more, is another scene; a little less is not."""
    smooth = ScaleFilter(0.5)
    smooth.update(0.0, 0.0)
    assert smooth.update(0.05, math.log(1.31)) == math.log(1.31)
    other = ScaleFilter(0.5)
    other.update(0.0, 0.0)
    assert 0.0 < other.update(0.05, math.log(1.29)) < 0.1 * math.log(1.29)


@pytest.mark.parametrize('stamp_s', [9.9, 11.5])
def test_jump_of_time_starts_anew(stamp_s: float) -> None:
    smooth = ScaleFilter(0.5)
    smooth.update(10.0, 0.0)
    assert smooth.update(stamp_s, 0.1) == 0.1


@pytest.mark.parametrize('time_s', [-0.1, math.nan, math.inf])
def test_senseless_times_are_refused(time_s: float) -> None:
    with pytest.raises(ConfigError, match='expected 0 or more'):
        ScaleFilter(time_s)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Evenly spaced places, by hand."""

import pytest
from scaledepth_ros.evenly_spaced import evenly_spaced


@pytest.mark.parametrize(('count', 'most', 'places'), [
    (0, 4, []),
    (1, 4, [0]),
    (3, 4, [0, 1, 2]),
    (9, 1, [0]),
    (9, 2, [0, 8]),
    (9, 3, [0, 4, 8]),
    # 2.25 and 6.75 to the nearest; a half to the even one.
    (10, 5, [0, 2, 4, 7, 9]),
])
def test_first_and_last_and_what_lies_between(count: int, most: int, places: list[int]) -> None:
    assert evenly_spaced(count, most) == places


def test_no_place_is_picked_twice() -> None:
    for count in range(40):
        for most in range(1, 42):
            places = evenly_spaced(count, most)
            assert len(places) == len(set(places)) == min(count, most)
            assert places == sorted(places)

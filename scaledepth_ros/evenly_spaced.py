# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A few of many: what stands for a sequence that is too long to look at as a whole."""

import numpy as np


def evenly_spaced(count: int, most: int) -> list[int]:
    """
    Pick places of a sequence, evenly spread from its first to its last.

    Args:
        count: Length of the sequence.
        most: How many to pick at most.

    Returns:
        Places in ascending order, no two alike; all of them if there are not more.
    """
    return [int(place) for place in np.linspace(0, count - 1, min(most, count)).round()]

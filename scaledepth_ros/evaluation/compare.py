# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Is one model better than another? Differences on the same scenes, with their interval.

Scenes differ more than models do, so means whose intervals overlap can still differ for certain:
what counts is the difference on each scene (paired bootstrap).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.report import bootstrap_limits


@dataclass(frozen=True, kw_only=True)
class Difference:
    """
    How much larger a quantity is for one model than for another.

    Attributes:
        mean: Mean over scenes.
        low, high: Its 95 % interval, from drawing scenes anew; of a single scene it has no width.
        scenes: Number of scenes.
    """

    mean: float
    low: float
    high: float
    scenes: int


def paired_difference(
    values: Mapping[str, float], reference: Mapping[str, float],
) -> Difference:
    """
    Compare two models scene by scene.

    Args:
        values: A quantity of each scene, for the one model.
        reference: For the other one, on the same scenes.

    Raises:
        DatasetError: The scenes are not the same, or there is none.
    """
    if values.keys() != reference.keys() or not values:
        odd = sorted(set(values) ^ set(reference))
        raise DatasetError(
            f'The models were measured on other scenes ({", ".join(odd) or "none at all"}); '
            'measure both on the same ones.')
    table = np.array([[values[scene] - reference[scene]] for scene in sorted(values)])
    low, high = bootstrap_limits(table, np.ones(len(table)))[0]
    return Difference(
        mean=float(table.mean()), low=float(low), high=float(high), scenes=len(table))

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Load the network that the parameters name, and free it; what the worker thread does first."""
from __future__ import annotations

from collections.abc import Callable
import os
from typing import Any

from scaledepth_ros.inference.out_of_memory import free_caches
from scaledepth_ros.memory import give_back_freed_memory
from scaledepth_ros.ros.parameters import DepthParameters

PredictorFactory = Callable[[DepthParameters], Any]


def load_predictor(parameters: DepthParameters) -> Any:
    """
    Load the network that the parameters name.

    Args:
        parameters: model, weights, device, engine, how to prepare it, precision and the size of
            the images.

    Raises:
        ScaleDepthError: it cannot be loaded or run.

    """
    # Read when PyTorch is imported. By default its threads spin while they wait for each other:
    # with one other busy process on two cores an image took seconds, asleep 0.2 s.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    # Importing it takes seconds, and only `configure` needs it.
    from scaledepth_ros.inference.predictor import Predictor
    predictor = Predictor(
        parameters.model, weights=parameters.weights or None, device=parameters.device,
        engine=parameters.engine, precision=parameters.precision,
        image_size=(parameters.image_height, parameters.image_width), background=True)
    if not parameters.prepare_in_background:
        predictor.wait_until_prepared()
    return predictor


def warmed_up(factory: PredictorFactory, parameters: DepthParameters) -> Any:
    """
    Return a network that has run once.

    Args:
        factory: loads it.
        parameters: for the factory; the size of the images is that of the run.

    Raises:
        Exception: whatever loading or running it raises; nothing is left of it then.

    """
    predictor = factory(parameters)
    try:
        predictor.warm_up(parameters.image_height, parameters.image_width)
    except Exception:
        predictor.close()
        raise
    # Loading and converting took much more than serving will.
    give_back_freed_memory()
    return predictor


def free_predictor(predictor: Any) -> None:
    """Close a predictor and give its memory back to the system."""
    if predictor is not None:
        predictor.close()
    free_caches()

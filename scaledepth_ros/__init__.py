# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
ScaleDepth for ROS 2: turns any calibrated camera into a metric range sensor.

The public names below are imported on first use, so that ``import scaledepth_ros`` costs
nothing and needs neither torch nor ROS.
"""

from importlib import import_module
from typing import Any

_EXPORTS = {
    'CameraModel': 'scaledepth_ros.camera',
    'DepthOutput': 'scaledepth_ros.model.scaledepth',
    'Predictor': 'scaledepth_ros.inference.predictor',
    'ScaleDepth': 'scaledepth_ros.model.scaledepth',
    'ScaleDepthConfig': 'scaledepth_ros.model.scaledepth',
}

__all__ = ['CameraModel', 'DepthOutput', 'Predictor', 'ScaleDepth', 'ScaleDepthConfig']
__version__ = '0.1.0'


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

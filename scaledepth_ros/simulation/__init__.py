# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Procedural scenes with exact depth: the camera of the demo, the truth of the tests.

Everything has the size that it has in the world, because size is what teaches metric scale.
"""

from scaledepth_ros.simulation.catalogue import make_scene, SCENE_KINDS
from scaledepth_ros.simulation.renderer import Frame, SimulatedCamera
from scaledepth_ros.simulation.scan import simulated_scan
from scaledepth_ros.simulation.scene import Scene, SceneObject
from scaledepth_ros.simulation.sensor import SensorModel
from scaledepth_ros.simulation.viewpoints import look_at_pose, random_view

__all__ = [
    'Frame',
    'SCENE_KINDS',
    'Scene',
    'SceneObject',
    'SensorModel',
    'SimulatedCamera',
    'look_at_pose',
    'make_scene',
    'random_view',
    'simulated_scan',
]

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The factor of each frame, from the floor or a measurement, and over time."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.scale import tracker as module
from scaledepth_ros.scale.agreement import ScaleMeasurement
from scaledepth_ros.scale.anchor import ScaleAnchor
from scaledepth_ros.scale.tracker import ScaleTracker

CAMERA = CameraModel.from_fov(160, 120, 70.0)
LEVEL = camera_pose(1.0)


def floor(height_m: float = 1.0) -> npt.NDArray[np.float32]:
    """Return the depth of a floor below a level camera, up to a wall 8 m ahead."""
    down = CAMERA.rays()[..., 1]
    return np.where(down > height_m / 8.0, height_m / np.maximum(down, 1e-3), 8.0).astype(
        np.float32)


def test_floor_and_smoothing_work_on_each_other() -> None:
    """The floor's factor enters the filter, which goes on from there: 0.1 s of 0.5 s."""
    both, anchored = ScaleTracker(20.0, 0.5), ScaleTracker(20.0)
    first = both.update(0.0, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL)
    assert first == anchored.update(0.0, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL)
    second = anchored.update(0.1, 2.2, floor() * np.float32(1.2), CAMERA, LEVEL)
    smooth = both.update(0.1, 2.2, floor() * np.float32(1.2), CAMERA, LEVEL)
    kept = math.exp(-0.1 / 0.5)
    expected = kept * math.log(2.0 * first.factor) + (1.0 - kept) * math.log(2.2 * second.factor)
    assert math.log(2.2 * smooth.factor) == pytest.approx(expected)
    assert smooth.correction == second.correction


def test_frame_without_a_pose_keeps_the_correction() -> None:
    tracker = ScaleTracker(20.0)
    first = tracker.update(0.0, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL)
    assert first.factor == pytest.approx(1.0 / 1.2, rel=0.03)
    second = tracker.update(0.1, 2.0, floor() * np.float32(1.2), CAMERA)
    assert second.factor == pytest.approx(first.factor, rel=0.002)
    assert second.correction is not None
    assert second.correction.age_s == pytest.approx(0.1)


def test_measurement_is_taken_in_as_the_anchor_does_and_instead_of_the_floor() -> None:
    measured = ScaleMeasurement(log_factor=math.log(0.9), spread=0.02, share=0.8)
    tracker, anchor = ScaleTracker(20.0), ScaleAnchor(20.0)
    for stamp_s in (0.0, 0.1):
        update = tracker.update(stamp_s, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL, measured)
        assert update.correction == anchor.update(stamp_s, measured)
        assert update.factor == pytest.approx(math.exp(update.correction.log_factor))
    unanchored = ScaleTracker().update(0.0, 2.0, floor(), CAMERA, measurement=measured)
    assert (unanchored.factor, unanchored.correction) == (1.0, None)


@pytest.mark.parametrize('scale_m', [0.0, -1.0, math.nan, math.inf])
def test_scale_that_is_none_passes_over_the_frame(scale_m: float) -> None:
    tracker = ScaleTracker(20.0, 0.5)
    tracker.update(0.0, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL)
    skipped = tracker.update(0.1, scale_m, floor(), CAMERA, LEVEL)
    assert (skipped.factor, skipped.correction) == (1.0, None)
    after = tracker.update(0.2, 2.0, floor() * np.float32(1.2), CAMERA, LEVEL)
    assert after.factor == pytest.approx(1.0 / 1.2, rel=0.03)


def test_nothing_is_asked_of_the_floor_without_an_anchor() -> None:
    update = ScaleTracker().update(0.0, 2.0, floor(), CAMERA, np.full((4, 4), np.nan))
    assert (update.factor, update.correction) == (1.0, None)
    with pytest.raises(ConfigError, match='finite matrix'):
        ScaleTracker(20.0).update(0.0, 2.0, floor(), CAMERA, np.full((4, 4), np.nan))


def test_view_of_the_floor_is_made_anew_only_for_another_pose_or_camera(
        monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(module.FloorView):
        def __init__(self, rays: Any, pose: Any) -> None:
            made.append(float(pose[2, 3]))
            super().__init__(rays, pose)

    monkeypatch.setattr(module, 'FloorView', Counted)
    tracker = ScaleTracker(20.0)
    pose = camera_pose(1.0)
    for i in range(5):
        tracker.update(0.1 * i, 2.0, floor(), CAMERA, pose)
    # The same array with other numbers, as a caller may fill it.
    pose[2, 3] = 1.1
    tracker.update(0.5, 2.0, floor(1.1), CAMERA, pose)
    tracker.update(0.6, 2.0, floor(1.1), CameraModel.from_fov(160, 120, 71.0), pose)
    assert made == pytest.approx([1.0, 1.1, 1.1])

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of frame after frame, with depth whose error is known."""
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from builtin_interfaces.msg import Time
from known_depth_node import floor_depth_m, Output
import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.ros import frame_scale
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.frame_scale import FrameScale, ScaledOutput
from scaledepth_ros.ros.parameters import DepthParameters
from scaledepth_ros.ros.range_inputs import RangeScale
from scaledepth_ros.scale.agreement import ScaleMeasurement

CAMERA = CameraModel(width=64, height=48, fx_px=50.0, fy_px=50.0, cx_px=31.5, cy_px=23.5)
ANCHORED = DepthParameters(scale_anchor='floor', camera_height_m=1.0)


def output(too_far: float, scale_m: float = 4.0) -> Output:
    """Return what a network may say that sees everything at a multiple of its distance."""
    depth_m = floor_depth_m(48, 64) * np.float32(too_far)
    return Output(depth_m, np.full_like(depth_m, 0.5), scale_m * too_far)


def header(at_s: float) -> Any:
    return SimpleNamespace(stamp=Time(sec=int(at_s), nanosec=round(at_s % 1.0 * 1e9)))


def stream(scale: FrameScale, parameters: DepthParameters, too_far: list[float],
           period_s: float = 0.1) -> list[ScaledOutput]:
    return [scale.scaled(output(factor), CAMERA, header(100.0 + i * period_s), parameters)
            for i, factor in enumerate(too_far)]


@pytest.mark.parametrize('too_far', [0.75, 1.3])
def test_depth_settles_on_the_floor(too_far: float) -> None:
    frames = stream(FrameScale(pose_from_parameters), ANCHORED, [too_far] * 20)
    last = frames[-1]
    assert last.factor == pytest.approx(1.0 / too_far, rel=0.02)
    np.testing.assert_allclose(last.output.depth_m, floor_depth_m(48, 64), rtol=0.02)
    assert last.output.scale_m == pytest.approx(4.0, rel=0.02)
    np.testing.assert_allclose(last.output.uncertainty_m, 0.5 / too_far, rtol=0.02)
    assert last.output.depth_m.dtype == last.output.uncertainty_m.dtype == np.float32
    assert last.problem is None
    assert last.correction.age_s == 0.0
    # Most of it in the first frame, which has the variance of the prior against it.
    assert abs(np.log(frames[0].factor * too_far)) < 0.15 * abs(np.log(too_far))


def test_network_s_output_is_left_alone_and_passed_on_where_nothing_is_asked_for() -> None:
    mine = output(1.3)
    before = mine.depth_m.copy()
    scaled = FrameScale(pose_from_parameters).scaled(mine, CAMERA, header(1.0), ANCHORED)
    assert scaled.output is not mine
    np.testing.assert_array_equal(mine.depth_m, before)
    plain = FrameScale(pose_from_parameters).scaled(
        mine, CAMERA, header(1.0), DepthParameters(camera_height_m=1.0))
    assert plain.output is mine
    assert (plain.factor, plain.correction, plain.problem) == (1.0, None, None)


def test_missing_pose_is_a_problem_and_no_correction() -> None:
    mine = output(1.3)
    scaled = FrameScale(pose_from_parameters).scaled(
        mine, CAMERA, header(1.0), DepthParameters(scale_anchor='floor'))
    assert scaled.output is mine
    assert str(scaled.problem) == (
        'the scale is not tied to the floor: the pose of the camera is not known: set '
        'camera_height_m and camera_pitch_deg, or camera_pose to tf')


def test_camera_below_the_floor_of_its_base_frame_is_a_problem() -> None:
    scaled = FrameScale(lambda _header, _parameters: camera_pose(-0.1)).scaled(
        output(1.3), CAMERA, header(1.0), ANCHORED)
    assert 'Is z = 0 of the base frame the floor?' in str(scaled.problem)
    assert scaled.factor == 1.0


def test_range_sensor_is_asked_about_the_network_s_own_depth_and_followed() -> None:
    asked = []

    def ranges(*frame: Any) -> RangeScale:
        asked.append(frame)
        return RangeScale(ScaleMeasurement(log_factor=np.log(0.8), spread=0.01, share=1.0),
                          '/anchor/scan')

    parameters = DepthParameters(scale_anchor='ranges')
    scale = FrameScale(pose_from_parameters, ranges)
    frames = stream(scale, parameters, [1.25] * 20)
    np.testing.assert_array_equal(asked[-1][2], output(1.25).depth_m)
    assert asked[-1][:2] == (header(101.9), CAMERA)
    assert frames[-1].factor == pytest.approx(0.8, rel=0.01)
    assert (frames[-1].sensor, frames[-1].problem) == ('/anchor/scan', None)
    # What the ranges said is no knowledge about the floor.
    other = scale.scaled(replace(output(1.0), depth_m=np.full((48, 64), 2.0, np.float32)), CAMERA,
                         header(102.0), ANCHORED)
    assert (other.factor, other.sensor) == (1.0, '')
    assert len(asked) == 20


@pytest.mark.parametrize(('topic', 'text'), [
    ('', 'the scale is not tied to a range sensor: TF does not know it'),
    ('/anchor/scan', 'the scale is tied to /anchor/scan only: TF does not know it')])
def test_fault_of_a_range_sensor_is_a_problem(topic: str, text: str) -> None:
    said = RangeScale(topic=topic, problem=ConfigError('TF does not know it'))
    scaled = FrameScale(pose_from_parameters, lambda *_frame: said).scaled(
        output(1.3), CAMERA, header(1.0), DepthParameters(scale_anchor='ranges'))
    assert str(scaled.problem) == text
    assert scaled.factor == 1.0


def test_correction_is_kept_for_a_while_where_no_floor_is_in_view() -> None:
    scale = FrameScale(pose_from_parameters)
    stream(scale, ANCHORED, [1.25] * 20)
    wall = replace(output(1.25), depth_m=np.full((48, 64), 2.0, np.float32))
    soon = scale.scaled(wall, CAMERA, header(104.0), ANCHORED)
    assert soon.factor == pytest.approx(0.8, rel=0.05)
    assert soon.correction.age_s == pytest.approx(2.1)
    assert soon.problem is None
    late = scale.scaled(wall, CAMERA, header(204.0), ANCHORED)
    assert late.factor == pytest.approx(1.0, abs=0.01)


def test_smoothing_follows_the_scale_with_its_time_constant() -> None:
    parameters = DepthParameters(scale_time_constant_s=0.5)
    frames = stream(FrameScale(pose_from_parameters), parameters, [1.0] * 3 + [1.1] * 10)
    assert [frame.factor for frame in frames[:3]] == pytest.approx([1.0] * 3)
    scales = [frame.output.scale_m for frame in frames]
    # 1 - exp(-1) of the step after five frames of 0.1 s.
    assert np.log(scales[7] / 4.0) == pytest.approx(0.6321 * np.log(1.1), rel=1e-3)
    np.testing.assert_allclose(
        frames[7].output.depth_m, floor_depth_m(48, 64) * scales[7] / 4.0, rtol=1e-5)


@pytest.mark.parametrize('parameters', [
    ANCHORED, DepthParameters(scale_time_constant_s=0.5), replace(
        ANCHORED, scale_time_constant_s=0.5)])
def test_where_stamps_stand_still_time_goes_on(
        monkeypatch: pytest.MonkeyPatch, parameters: DepthParameters) -> None:
    """Drivers that leave stamps at 0 get what others get, and no scale that is frozen."""
    now_s = 1000.0
    monkeypatch.setattr(frame_scale, 'time', SimpleNamespace(monotonic=lambda: now_s))
    # Long enough to be sure of the first factor, were all of it one moment.
    too_far = [1.25] * 200 + [1.1] * 30
    stamped = stream(FrameScale(pose_from_parameters), parameters, too_far)
    unstamped, scale = [], FrameScale(pose_from_parameters)
    for factor in too_far:
        unstamped.append(scale.scaled(output(factor), CAMERA, header(0.0), parameters))
        now_s += 0.1
    assert [frame.factor for frame in unstamped] == pytest.approx(
        [frame.factor for frame in stamped])
    assert stamped[-1].output.scale_m == pytest.approx(
        4.0 if parameters.scale_anchor == 'floor' else 4.4, rel=0.02)


def test_a_stamp_that_comes_twice_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(frame_scale, 'time', SimpleNamespace(monotonic=lambda: now_s))
    scale = FrameScale(pose_from_parameters)
    wall = replace(output(1.25), depth_m=np.full((48, 64), 2.0, np.float32))
    stream(scale, ANCHORED, [1.25] * 20)
    # The second copy came late; the next stamp is nearer than that.
    for at_s, passed_s in ((101.9, 0.3), (102.0, 0.1)):
        now_s += passed_s
        last = scale.scaled(wall, CAMERA, header(at_s), ANCHORED)
    assert last.factor == pytest.approx(0.8, rel=0.02)
    assert last.correction.age_s == pytest.approx(0.4)


def test_anchor_that_is_switched_off_leaves_nothing() -> None:
    scale = FrameScale(pose_from_parameters)
    stream(scale, ANCHORED, [1.25] * 20)
    plain = scale.scaled(output(1.25), CAMERA, header(103.0), DepthParameters())
    assert (plain.factor, plain.correction) == (1.0, None)
    again = scale.scaled(output(1.25), CAMERA, header(103.1), ANCHORED)
    assert again.correction.sigma == pytest.approx(0.093, abs=0.001)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale from the floor, in scenes whose depth follows from a sketch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.scale.ground_plane import FloorView

CAMERA = CameraModel.from_fov(320, 240, 70.0)
Array = npt.NDArray[np.float32]


def plane_depth(pose: npt.NDArray[np.float64], axis: int, position_m: float) -> Array:
    """Return the depth at which each pixel meets the plane of one base coordinate."""
    direction = CAMERA.rays() @ pose[axis, :3].astype(np.float32)
    with np.errstate(divide='ignore'):
        depth = (position_m - pose[axis, 3]) / direction
    return np.where(depth > 0.0, depth, np.inf).astype(np.float32)


def room(pose: npt.NDArray[np.float64], wall_m: float = 4.0) -> Array:
    """Return the depth of a floor with a wall ahead."""
    return np.minimum(plane_depth(pose, 2, 0.0), plane_depth(pose, 0, wall_m))


def with_table(depth: Array, pose: npt.NDArray[np.float64], height_m: float,
               x_m: tuple[float, float], half_width_m: float) -> Array:
    """Put a table top into a scene."""
    top = plane_depth(pose, 2, height_m)
    at = CAMERA.rays() * np.where(np.isfinite(top), top, 0.0)[..., None]
    base = at @ pose[:3, :3].T.astype(np.float32) + pose[:3, 3].astype(np.float32)
    on_it = ((base[..., 0] > x_m[0]) & (base[..., 0] < x_m[1])
             & (np.abs(base[..., 1]) < half_width_m) & np.isfinite(top))
    return np.where(on_it, np.minimum(top, depth), depth)


@pytest.mark.parametrize('factor', [0.7, 1.0, 1.6])
@pytest.mark.parametrize(('height_m', 'pitch_deg'), [(0.3, 0.0), (1.2, 15.0), (1.6, 35.0)])
def test_factor_of_a_room_is_found(factor: float, height_m: float, pitch_deg: float) -> None:
    pose = camera_pose(height_m, pitch_deg=pitch_deg)
    measured = FloorView(CAMERA.rays(), pose).measure(room(pose) / np.float32(factor))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(factor), abs=1e-3)
    assert measured.spread < 1e-3


def test_share_counts_the_pixels_that_could_see_the_floor() -> None:
    """From 0.6 m, level, the floor ends 2 m ahead at 17 degrees down, the image at 28."""
    pose = camera_pose(0.6)
    view = FloorView(CAMERA.rays(), pose)
    measured = view.measure(room(pose, wall_m=2.0))
    assert measured is not None
    rows = (np.arange(240) - 119.5) / CAMERA.fy_px
    sees_floor = rows > 0.6 / 2.0
    looks_down = np.broadcast_to(rows[:, None], (240, 320)) > math.tan(math.radians(7.0)) * (
        np.hypot(1.0, CAMERA.rays()[..., 0]))
    assert view.floor_share == pytest.approx(looks_down.mean(), abs=0.02)
    # The wall's foot is as near as the floor just before it.
    floor_share = sees_floor.mean() / looks_down.mean()
    assert floor_share - 0.02 < measured.share < floor_share + 0.2


@pytest.mark.parametrize('factor', [0.8, 1.25])
def test_things_on_the_floor_do_not_change_it(factor: float) -> None:
    pose = camera_pose(1.2, pitch_deg=25.0)
    depth = with_table(room(pose), pose, 0.7, (0.8, 2.0), 0.6)
    assert (depth != room(pose)).mean() > 0.15
    measured = FloorView(CAMERA.rays(), pose).measure(depth / np.float32(factor))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(factor), abs=0.01)


def test_noise_and_a_bent_floor_cost_little() -> None:
    pose = camera_pose(1.2, pitch_deg=20.0)
    noise = np.random.default_rng(0).normal(0.0, 0.04, (240, 320)).astype(np.float32)
    bend = np.linspace(-0.05, 0.05, 240, dtype=np.float32)[:, None]
    measured = FloorView(CAMERA.rays(), pose).measure(room(pose) * np.exp(noise + bend) / 1.2)
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.2), abs=0.03)
    assert 0.01 < measured.spread < 0.065


@pytest.mark.parametrize('yaw_deg', [0.0, 30.0, 55.0])
@pytest.mark.parametrize('wall_m', [0.5, 1.0, 2.0, 4.0])
def test_wall_alone_is_no_floor(wall_m: float, yaw_deg: float) -> None:
    """It asks for a factor that grows with the floor's distance, whatever its own is."""
    pose = camera_pose(1.2, pitch_deg=8.0, yaw_deg=yaw_deg)
    noise = np.random.default_rng(1).normal(0.0, 0.03, (240, 320)).astype(np.float32)
    depth = plane_depth(pose, 0, wall_m) * np.exp(noise)
    assert FloorView(CAMERA.rays(), pose).measure(depth) is None


@pytest.mark.parametrize(('wall_m', 'depth_share', 'top_m'), [
    (1.2, 0.75, 0.8), (1.2, 0.9, 0.8), (1.6, 0.9, 0.5)])
def test_wall_with_a_cabinet_is_no_floor(wall_m: float, depth_share: float, top_m: float) -> None:
    """Two walls agree on a factor over some distance; it grows all the same."""
    pose = camera_pose(1.3, pitch_deg=4.0 if wall_m > 1.5 else 0.0, yaw_deg=20.0)
    wall, front = plane_depth(pose, 0, wall_m), plane_depth(pose, 0, depth_share * wall_m)
    at = CAMERA.rays() * np.where(np.isfinite(front), front, 0.0)[..., None]
    on_it = (at @ pose[2, :3] + 1.3 < top_m) & (at @ pose[1, :3] > 0.0)
    depth = np.where(on_it, front, wall)
    assert 0.03 < on_it.mean() < 0.6
    assert FloorView(CAMERA.rays(), pose).measure(depth) is None


def test_table_top_that_hides_most_of_the_floor_is_not_taken_for_it() -> None:
    pose = camera_pose(1.3, pitch_deg=35.0)
    depth = with_table(room(pose), pose, 0.4, (0.0, 3.0), 0.9)
    floor = depth == plane_depth(pose, 2, 0.0)
    view = FloorView(CAMERA.rays(), pose)
    measured = view.measure(depth)
    assert 0.08 < floor.mean() < 0.3
    assert measured is None or abs(measured.log_factor) < 0.02


@pytest.mark.parametrize('factor', [3.0, 1 / 3.0])
def test_what_would_need_more_than_any_network_is_off_by_is_no_floor(factor: float) -> None:
    pose = camera_pose(1.2, pitch_deg=15.0)
    assert FloorView(CAMERA.rays(), pose).measure(room(pose) / np.float32(factor)) is None


def test_camera_that_looks_up_or_at_nothing_known_measures_nothing() -> None:
    up = FloorView(CAMERA.rays(), camera_pose(1.0, pitch_deg=-60.0))
    assert up.floor_share == 0.0
    assert up.measure(np.ones((240, 320), np.float32)) is None
    down = FloorView(CAMERA.rays(), camera_pose(1.0, pitch_deg=30.0))
    for value in (np.nan, np.inf, -np.inf, 0.0):
        assert down.measure(np.full((240, 320), value, np.float32)) is None


def test_camera_that_looks_straight_down_measures() -> None:
    pose = camera_pose(2.0, pitch_deg=90.0)
    measured = FloorView(CAMERA.rays(), pose).measure(np.full((240, 320), 1.6, np.float32))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(2.0 / 1.6), abs=1e-3)


def test_roll_and_lens_belong_to_the_view() -> None:
    pose = camera_pose(1.0, pitch_deg=20.0, roll_deg=15.0, yaw_deg=40.0)
    measured = FloorView(CAMERA.rays(), pose).measure(plane_depth(pose, 2, 0.0) / 1.1)
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.1), abs=1e-3)
    rays = CAMERA.rays().copy()
    rays[:, :100] = np.nan
    depth = plane_depth(pose, 2, 0.0)
    partly = FloorView(rays, pose)
    assert partly.floor_share < FloorView(CAMERA.rays(), pose).floor_share
    measured = partly.measure(depth / 1.1)
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.1), abs=1e-3)


def test_what_cannot_be_used_is_refused() -> None:
    rays = CAMERA.rays()
    with pytest.raises(ConfigError, match=r'-0\.20 m above the floor arrived'):
        FloorView(rays, camera_pose(-0.2))
    with pytest.raises(ConfigError, match=r'shape \(3, 3\) arrived; expected a finite matrix'):
        FloorView(rays, np.eye(3))
    with pytest.raises(ImageError, match=r'expected \(H, W, 3\)'):
        FloorView(rays[..., 0], camera_pose(1.0))
    with pytest.raises(ImageError, match=r'\(120, 160\) arrived with rays for \(240, 320\)'):
        FloorView(rays, camera_pose(1.0)).measure(np.ones((120, 160), np.float32))

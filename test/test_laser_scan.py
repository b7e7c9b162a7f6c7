# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""LaserScan ranges by hand, against a ray cast in the plane, and against a loop over points."""

from collections.abc import Callable
import math
from typing import Any

from clocks import least_thread_s
from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.laser_scan import camera_pose, ScanConfig, ScanProjector

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
INF, NAN = np.inf, np.nan

CAMERA = CameraModel.from_fov(320, 240, 80.0)


def make_config(**changes: Any) -> ScanConfig:
    values: dict[str, Any] = {
        'angle_min_rad': math.radians(-30.0), 'angle_max_rad': math.radians(30.0),
        'angle_increment_rad': math.radians(1.0), 'min_height_m': 0.1, 'max_height_m': 1.5,
        'range_min_m': 0.2, 'range_max_m': 8.0}
    return ScanConfig(**{**values, **changes})


def at(ranges: Float32Array, bearing_deg: int) -> float:
    assert ranges.shape == (61,)
    return float(ranges[bearing_deg + 30])


def view(pose: Float64Array, *surfaces: Callable[..., Float64Array]) -> Float32Array:
    """Cast the camera's rays on surfaces given in the base frame; +Inf where all are missed."""
    direction = CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
    x, y, z = np.moveaxis(direction, -1, 0)
    with np.errstate(all='ignore'):
        hits = [surface(pose[:3, 3], x, y, z) for surface in surfaces]
    return np.minimum.reduce(
        [np.where(np.isfinite(hit) & (hit > 0.0), hit, INF) for hit in hits]).astype(np.float32)


def floor(origin: Float64Array, x: Float64Array, y: Float64Array, z: Float64Array) -> Float64Array:
    return np.where(z < 0.0, -origin[2] / z, INF)


def wall(distance_m: float, bottom_m: float, top_m: float) -> Callable[..., Float64Array]:
    """Return a wall across the view, ``distance_m`` in front of the base frame."""
    def cast(origin: Float64Array, x: Float64Array, y: Float64Array, z: Float64Array,
             ) -> Float64Array:
        depth = (distance_m - origin[0]) / x
        height = origin[2] + depth * z
        return np.where((height >= bottom_m) & (height <= top_m), depth, INF)
    return cast


def post(x_m: float, y_m: float, radius_m: float, top_m: float) -> Callable[..., Float64Array]:
    """Return an upright cylinder."""
    def cast(origin: Float64Array, x: Float64Array, y: Float64Array, z: Float64Array,
             ) -> Float64Array:
        to_x, to_y = x_m - origin[0], y_m - origin[1]
        a, b = x * x + y * y, x * to_x + y * to_y
        depth = (b - np.sqrt(b * b - a * (to_x ** 2 + to_y ** 2 - radius_m ** 2))) / a
        return np.where(origin[2] + depth * z <= top_m, depth, INF)
    return cast


def test_level_wall_by_hand() -> None:
    ranges = ScanProjector(CAMERA.rays(), camera_pose(1.0), make_config()).ranges(
        np.full((240, 320), 2.0, np.float32))
    assert ranges.dtype == np.float32
    # The nearest point of a bin of one degree is half a degree nearer to the middle.
    assert at(ranges, 0) == pytest.approx(2.0, abs=1e-3)
    for bearing_deg in (-30, -20, 10, 25):
        nearest = 2.0 / math.cos(math.radians(abs(bearing_deg) - 0.5))
        assert at(ranges, bearing_deg) == pytest.approx(nearest, abs=0.012)


def test_left_is_positive() -> None:
    depth_m = np.full((240, 320), 3.0, np.float32)
    depth_m[:, :160] = 1.5
    ranges = ScanProjector(CAMERA.rays(), camera_pose(1.0), make_config()).ranges(depth_m)
    assert at(ranges, 10) == pytest.approx(1.5 / math.cos(math.radians(9.5)), abs=0.01)
    assert at(ranges, -10) == pytest.approx(3.0 / math.cos(math.radians(9.5)), abs=0.02)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(('pose', 'shadow_deg'), [
    (camera_pose(1.0), 1.0),
    (camera_pose(0.4, pitch_deg=-5.0, roll_deg=8.0), 1.0),
    # The post hides another part of the wall from a camera that is beside the base's axis.
    (camera_pose(1.2, pitch_deg=20.0, x_m=0.25, y_m=-0.1, yaw_deg=4.0), 3.0)])
def test_wall_and_post_against_a_ray_cast_in_the_plane(
    pose: Float64Array, shadow_deg: float,
) -> None:
    depth_m = view(pose, floor, wall(4.0, 0.0, 2.5), post(2.0, 0.5, 0.15, 1.4))
    ranges = ScanProjector(CAMERA.rays(), pose, make_config()).ranges(depth_m)
    bearing = np.radians(np.arange(-25.0, 26.0))
    direction = np.stack([np.cos(bearing), np.sin(bearing)])
    along = np.array([2.0, 0.5]) @ direction
    inside = 0.15 ** 2 - (2.0 ** 2 + 0.5 ** 2 - along ** 2)
    truth = np.where(inside > 0.0, along - np.sqrt(np.maximum(inside, 0.0)), 4.0 / direction[0])
    # A bin is as near as its nearest edge; a post's outline may fall into the bin beside it.
    outline = np.abs(np.degrees(bearing - math.atan2(0.5, 2.0))) - math.degrees(
        math.asin(0.15 / math.hypot(2.0, 0.5)))
    clear = (outline < -1.0) | (outline > shadow_deg)
    measured = ranges[5:56]
    assert (clear & (inside > 0.0)).sum() >= 5
    assert (clear & (inside < 0.0)).sum() >= 35
    np.testing.assert_allclose(measured[clear], truth[clear], atol=0.05)


def test_only_the_band_holds_obstacles() -> None:
    pose = camera_pose(1.0)
    projector = ScanProjector(CAMERA.rays(), pose, make_config())
    kerb = projector.ranges(view(pose, floor, wall(2.0, 0.0, 0.08), wall(6.0, 0.0, 3.0)))
    assert at(kerb, 0) == pytest.approx(6.0, abs=0.01)
    lintel = projector.ranges(view(pose, floor, wall(2.0, 1.6, 3.0), wall(6.0, 0.0, 3.0)))
    assert at(lintel, 0) == pytest.approx(6.0, abs=0.01)
    table = projector.ranges(view(pose, floor, wall(2.0, 0.7, 0.75), wall(6.0, 0.0, 3.0)))
    assert at(table, 0) == pytest.approx(2.0, abs=0.01)


def test_open_floor_is_free_to_the_end_of_the_range() -> None:
    pose = camera_pose(1.0)
    ranges = ScanProjector(CAMERA.rays(), pose, make_config()).ranges(view(pose, floor))
    np.testing.assert_array_equal(ranges, INF)


def test_an_obstacle_beyond_the_range_leaves_the_bearing_free() -> None:
    pose = camera_pose(1.0)
    ranges = ScanProjector(CAMERA.rays(), pose, make_config()).ranges(
        view(pose, floor, wall(9.0, 0.0, 3.0)))
    np.testing.assert_array_equal(ranges, INF)


def test_floor_nearer_than_the_range_leaves_the_bearing_unknown() -> None:
    pose = camera_pose(1.0, pitch_deg=50.0)
    depth_m = view(pose, floor)
    assert depth_m.max() < 8.0
    assert np.isnan(at(ScanProjector(CAMERA.rays(), pose, make_config()).ranges(depth_m), 0))
    near = ScanProjector(CAMERA.rays(), pose, make_config(range_max_m=1.0))
    assert at(near.ranges(depth_m), 0) == INF


def test_sky_above_the_band_says_nothing() -> None:
    pose = camera_pose(1.0, pitch_deg=-45.0)
    ranges = ScanProjector(CAMERA.rays(), pose, make_config()).ranges(view(pose, floor))
    np.testing.assert_array_equal(ranges, NAN)


def test_bearings_outside_of_the_image_are_unknown() -> None:
    config = make_config(angle_min_rad=-math.pi, angle_max_rad=math.pi)
    ranges = ScanProjector(CAMERA.rays(), camera_pose(1.0), config).ranges(
        np.full((240, 320), 2.0, np.float32))
    assert ranges.shape == (361,)
    bearing_deg = np.arange(-180, 181)
    np.testing.assert_array_equal(np.isfinite(ranges), np.abs(bearing_deg) <= 40)


@pytest.mark.parametrize('first_deg', [0.0, 180.0, -360.0, 350.0])
def test_scans_may_start_anywhere(first_deg: float) -> None:
    config = make_config(angle_min_rad=math.radians(first_deg),
                         angle_max_rad=math.radians(first_deg + 359.0))
    depth_m = np.full((240, 320), 2.0, np.float32)
    ranges = ScanProjector(CAMERA.rays(), camera_pose(1.0, yaw_deg=90.0), config).ranges(depth_m)
    seen = (np.flatnonzero(np.isfinite(ranges)) + round(first_deg)) % 360
    assert set(seen) == set(range(50, 131))


def test_unknown_depth_is_unknown() -> None:
    ranges = ScanProjector(CAMERA.rays(), camera_pose(1.0), make_config()).ranges(
        np.full((240, 320), NAN, np.float32))
    np.testing.assert_array_equal(ranges, NAN)


@pytest.mark.parametrize('shift', [0.0, 0.1])
def test_too_near_is_minus_infinity_unless_something_is_behind(shift: float) -> None:
    pose = camera_pose(1.0, x_m=shift)
    projector = ScanProjector(CAMERA.rays(), pose, make_config())
    depth_m = np.full((240, 320), -INF, np.float32)
    assert at(projector.ranges(depth_m), 0) == -INF
    depth_m[:100] = 3.0 - shift
    assert at(projector.ranges(depth_m), 0) == pytest.approx(3.0, abs=0.01)
    # Nearer than range_min: the robot itself, which must not hide the wall.
    depth_m[100:] = 0.15 - shift
    assert at(projector.ranges(depth_m), 0) == pytest.approx(3.0, abs=0.01)
    depth_m[:100] = NAN
    assert at(projector.ranges(depth_m), 0) == -INF


def test_something_near_above_the_band_only_blocks_the_view() -> None:
    ranges = ScanProjector(CAMERA.rays(), camera_pose(2.0), make_config()).ranges(
        np.full((240, 320), -INF, np.float32))
    np.testing.assert_array_equal(ranges, NAN)


@pytest.mark.filterwarnings('error')
def test_pixels_without_a_ray_are_left_out() -> None:
    rays = CAMERA.rays().copy()
    rays[:, 150:170] = NAN
    ranges = ScanProjector(rays, camera_pose(1.0), make_config()).ranges(
        np.full((240, 320), 2.0, np.float32))
    assert np.isnan(at(ranges, 0))
    assert at(ranges, 10) == pytest.approx(2.0 / math.cos(math.radians(9.5)), abs=0.01)


def by_loop(
    rays: Float64Array, pose: Float64Array, config: ScanConfig, depth_m: Float32Array,
) -> list[float]:
    """Return the finite ranges, NaN elsewhere, point by point from the definition."""
    nearest = [NAN] * config.size
    for ray, depth in zip(rays.reshape(-1, 3), depth_m.reshape(-1), strict=True):
        if not math.isfinite(depth):
            continue
        x, y, z = pose[:3, :3] @ (float(depth) * ray) + pose[:3, 3]
        index = (math.atan2(y, x) - config.angle_min_rad) / config.angle_increment_rad + 0.5
        range_m = math.hypot(x, y)
        # Rounding may decide either way right at a border.
        assume(abs(index - round(index)) > 1e-3 and abs(range_m - config.range_max_m) > 1e-3
               and abs(range_m - config.range_min_m) > 1e-3
               and abs(z - config.min_height_m) > 1e-4 and abs(z - config.max_height_m) > 1e-4)
        if (0.0 <= index < config.size and config.min_height_m <= z <= config.max_height_m
                and config.range_min_m <= range_m <= config.range_max_m
                and not range_m >= nearest[int(index)]):
            nearest[int(index)] = range_m
    return nearest


@settings(max_examples=150, deadline=None)
@given(
    depth=st.lists(st.one_of(st.floats(0.05, 12.0), st.sampled_from([NAN, INF, -INF])),
                   min_size=48, max_size=48),
    height_m=st.floats(0.0, 2.5), pitch_deg=st.floats(-60.0, 60.0),
    roll_deg=st.floats(-40.0, 40.0), yaw_deg=st.floats(-180.0, 180.0),
    x_m=st.sampled_from([0.0, 0.3]), y_m=st.sampled_from([0.0, -0.2]))
def test_obstacles_agree_with_a_loop_over_points(
    depth: list[float], height_m: float, pitch_deg: float, roll_deg: float, yaw_deg: float,
    x_m: float, y_m: float,
) -> None:
    rays = CameraModel.from_fov(8, 6, 90.0).rays()
    pose = camera_pose(height_m, pitch_deg=pitch_deg, roll_deg=roll_deg, yaw_deg=yaw_deg, x_m=x_m,
                       y_m=y_m)
    config = make_config(angle_min_rad=-2.0, angle_max_rad=2.5, angle_increment_rad=0.05)
    depth_m = np.array(depth, np.float32).reshape(6, 8)
    expected = by_loop(rays.astype(np.float64), pose, config, depth_m)
    ranges = ScanProjector(rays, pose, config).ranges(depth_m)
    np.testing.assert_allclose(np.where(np.isfinite(ranges), ranges, NAN), expected, rtol=1e-4)


def by_definition(
    rays: Float64Array, pose: Float64Array, config: ScanConfig, depth_m: Float32Array,
) -> Float64Array:
    """Return ranges as the top of the module defines them, in double precision."""
    turned = rays.reshape(-1, 3) @ pose[:3, :3].T
    depth = depth_m.reshape(-1).astype(np.float64)
    shift_x, shift_y, camera_height_m = pose[:3, 3]

    def index(x: Float64Array, y: Float64Array) -> npt.NDArray[np.intp]:
        steps = (np.arctan2(y, x) - config.angle_min_rad) / config.angle_increment_rad + 0.5
        steps %= 2.0 * math.pi / config.angle_increment_rad
        return np.minimum(np.nan_to_num(steps, nan=1e9), config.size).astype(np.intp)

    with np.errstate(all='ignore'):
        # Where each ray leaves the circle: the larger root of |shift + depth * ray| = range_max.
        a = turned[:, 0] ** 2 + turned[:, 1] ** 2
        b = turned[:, 0] * shift_x + turned[:, 1] * shift_y
        end = (-b + np.sqrt(b * b - a * (shift_x ** 2 + shift_y ** 2
                                         - config.range_max_m ** 2))) / a
        through = (end > 0.0) & (depth >= end) & (
            camera_height_m + end * turned[:, 2] <= config.max_height_m)
        x, y, z = (pose[:3, 3] + depth[:, None] * turned).T
        range_m = np.hypot(x, y)
        obstacle = (np.isfinite(depth) & (z >= config.min_height_m) & (z <= config.max_height_m)
                    & (range_m <= config.range_max_m))
        # Touching the camera, so as high as that.
        touched = (depth == -INF) & (
            config.min_height_m <= camera_height_m <= config.max_height_m)
        ranges = np.full(config.size + 1, NAN)
        ranges[index(shift_x + end * turned[:, 0], shift_y + end * turned[:, 1])[through]] = INF
        ranges[index(turned[:, 0], turned[:, 1])[touched]] = -INF
        ranges[index(x, y)[obstacle & (range_m < config.range_min_m)]] = -INF
        nearest = np.full(config.size + 1, INF)
        far_enough = obstacle & (range_m >= config.range_min_m)
        np.minimum.at(nearest, index(x, y)[far_enough], range_m[far_enough])
    return np.where(np.isfinite(nearest), nearest, ranges)[:-1]


@pytest.mark.parametrize('axis', ['on', 'beside', 'outside'])
def test_ranges_and_infinities_of_any_pose_agree_with_the_definition(axis: str) -> None:
    rng = np.random.default_rng(7)
    camera = CameraModel.from_fov(80, 60, 80.0)
    measured, expected = [], []
    for _ in range(150):
        x_m, y_m = {'on': (0.0, 0.0), 'beside': rng.uniform(-0.5, 0.5, 2),
                    'outside': (9.0, 1.0)}[axis]
        pose = camera_pose(
            rng.uniform(0.2, 2.0), pitch_deg=rng.uniform(-90.0, 90.0),
            roll_deg=rng.uniform(-40.0, 40.0), yaw_deg=rng.uniform(-180.0, 180.0),
            x_m=x_m, y_m=y_m)
        first_rad = rng.uniform(-math.pi, math.pi)
        config = make_config(
            angle_min_rad=first_rad, angle_max_rad=first_rad + rng.uniform(0.5, 6.28),
            angle_increment_rad=rng.choice([0.01, 0.05]))
        # Patches, or every bearing had something near.
        depth_m = np.kron(rng.uniform(0.05, 20.0, (6, 8)), np.ones((10, 10))).astype(np.float32)
        kind = rng.random(depth_m.shape)
        for value, share in ((NAN, 0.1), (INF, 0.2), (-INF, 0.22)):
            depth_m[(kind < share) & (kind >= share - 0.1)] = value
        measured.append(ScanProjector(camera.rays(), pose, config).ranges(depth_m))
        expected.append(by_definition(camera.rays().astype(np.float64), pose, config, depth_m))
    ranges, truth = np.concatenate(measured), np.concatenate(expected)
    for wanted in (np.isfinite, np.isposinf, np.isneginf, np.isnan):
        assert wanted(truth).sum() > 200
    close = np.isclose(ranges, truth, rtol=1e-4, equal_nan=True)
    # Single precision puts a pixel at the border of a bin on either side of it.
    assert (~close).sum() <= 5e-4 * close.size


def test_bearings_along_the_axes() -> None:
    config = make_config(angle_min_rad=-3.0, angle_max_rad=3.2, angle_increment_rad=0.1)
    projector = ScanProjector(CAMERA.rays(), camera_pose(1.0), config)
    zero = np.float32(0.0)
    x = np.array([1, 1, zero, -zero, -1, zero, -zero, zero, -zero], np.float32)
    y = np.array([zero, -zero, 1, 1, zero, -1, -1, zero, zero], np.float32)
    bearing = np.array([0.0, 0.0, 0.5, 0.5, 1.0, -0.5, -0.5]) * math.pi
    np.testing.assert_array_equal(
        projector._bin(y, x), [*np.rint((bearing + 3.0) / 0.1), config.size, config.size])


def test_pose_by_hand() -> None:
    # Looking down at 90 degrees from 1 m: a metre along the view is the floor below.
    down = camera_pose(1.0, pitch_deg=90.0)
    np.testing.assert_allclose(down @ [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0], atol=1e-12)
    # Turned left and moved: the view's right is forward.
    left = camera_pose(0.5, yaw_deg=90.0, x_m=2.0, y_m=3.0)
    np.testing.assert_allclose(left @ [1.0, 0.0, 0.0, 1.0], [3.0, 3.0, 0.5, 1.0], atol=1e-12)
    # Leaning to the right by 90 degrees: the view's right points down.
    right = camera_pose(1.0, roll_deg=90.0)
    np.testing.assert_allclose(right @ [1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize(('changes', 'message'), [
    ({'angle_max_rad': -3.0}, 'Scan angles .* minimum < maximum within one turn'),
    ({'angle_max_rad': 7.0}, 'within one turn'),
    ({'angle_increment_rad': 0.0}, 'at least 1e-4'),
    ({'angle_increment_rad': NAN}, 'at least 1e-4'),
    ({'angle_increment_rad': 2.0}, 'fits between them'),
    ({'min_height_m': 1.5}, 'band from 1.5 to 1.5 m'),
    ({'min_height_m': -INF}, 'band from -inf'),
    ({'range_min_m': -0.1}, 'ranges from -0.1'),
    ({'range_max_m': INF}, 'both finite'),
    ({'range_max_m': 0.1}, 'ranges from 0.2 to 0.1'),
])
def test_configurations_of_no_scan(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(**changes)


@pytest.mark.parametrize('pose', [
    np.eye(3), np.full((4, 4), NAN), np.diag([2.0, 1.0, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0]),
    np.eye(4)[::-1]])
def test_poses_that_are_no_rigid_motion(pose: Float64Array) -> None:
    with pytest.raises(ConfigError, match='expected a (finite matrix|rotation and a shift)'):
        ScanProjector(CAMERA.rays(), pose, make_config())


def test_sizes_that_do_not_fit() -> None:
    projector = ScanProjector(CAMERA.rays(), camera_pose(1.0), make_config())
    with pytest.raises(ImageError, match=r'\(120, 160\) arrived .* \(240, 320\)'):
        projector.ranges(np.ones((120, 160), np.float32))
    with pytest.raises(ImageError, match=r'Rays of shape \(240, 320\)'):
        ScanProjector(CAMERA.rays()[..., 0], camera_pose(1.0), make_config())
    with pytest.raises(ConfigError, match='height nan m'):
        camera_pose(NAN)


@pytest.mark.parametrize('x_m', [0.0, 0.2])
def test_a_scan_costs_no_more_than_passes_over_the_points(x_m: float) -> None:
    camera = CameraModel.from_fov(640, 480, 80.0)
    depth_m, points = np.full((480, 640), 2.0, np.float32), np.ones((480, 640, 4), np.float32)
    projector = ScanProjector(camera.rays(), camera_pose(1.0, x_m=x_m), make_config())

    # Measured: 0.1 and 0.5 times the distances of as many points; a loop would be hundreds.
    distances_s = least_thread_s(lambda: np.sqrt(np.square(points).sum(axis=-1)))
    assert least_thread_s(lambda: projector.ranges(depth_m)) < 5 * distances_s


@pytest.mark.parametrize(('x_m', 'limit'), [(0.0, 5.5), (0.2, 4.5)])
def test_a_new_pose_costs_no_more_than_passes_over_the_points(x_m: float, limit: float) -> None:
    """A camera on a moving joint has one in every frame."""
    rays, points = CAMERA.rays(), np.ones((240, 320, 4), np.float32)
    pose, config = camera_pose(1.0, x_m=x_m, pitch_deg=10.0), make_config()
    # Limits with room for chance, but none for two bearings of every pixel and a sort.
    distances_s = least_thread_s(lambda: np.sqrt(np.square(points).sum(axis=-1)))
    assert least_thread_s(lambda: ScanProjector(rays, pose, config)) < limit * distances_s

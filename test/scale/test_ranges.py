# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale from range sensors, in rooms whose depth follows from a sketch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ImageError
from scaledepth_ros.scale.ranges import cone_points, measure_cone, measure_points

CAMERA = CameraModel.from_fov(320, 240, 70.0)
BARREL = CameraModel(width=320, height=240, fx_px=228.0, fy_px=228.0, cx_px=159.5, cy_px=119.5,
                     distortion_model='plumb_bob', distortion=(-0.25, 0.05, 0.0, 0.0, 0.0))
# A room around the camera: walls ahead and at the sides, and the scanner's height below it.
AHEAD_M, SIDE_M, BELOW_M = 4.0, 2.0, 0.3
Depth = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]


def room(camera: CameraModel = CAMERA, factor: float = 1.0) -> Depth:
    """Return the room's depth as a network sees it whose depth needs a factor."""
    x = np.abs(camera.rays()[..., 0])
    depth = np.minimum(AHEAD_M, SIDE_M / np.maximum(x, 1e-6))
    return (depth / factor).astype(np.float32)


def scan(below_m: float = BELOW_M, count: int = 180) -> Points:
    """Return what a scanner of 180 degrees, looking ahead below the camera, measures in it."""
    bearing = np.radians(np.linspace(-89.5, 89.5, count))
    range_m = np.minimum(AHEAD_M / np.cos(bearing), SIDE_M / np.abs(np.sin(bearing)))
    return np.stack((range_m * np.sin(bearing), np.full(count, below_m),
                     range_m * np.cos(bearing)), axis=-1)


def with_table(depth: Depth, top_m: float, half_width_m: float) -> Depth:
    """Put a table top, 1 to 3 m ahead and below the camera, into a scene of the true scale."""
    x, y = CAMERA.rays()[..., 0], CAMERA.rays()[..., 1]
    with np.errstate(divide='ignore'):
        top = np.where(y > 0.0, top_m / y, np.inf)
    on_it = (top > 1.0) & (top < 3.0) & (np.abs(x * top) < half_width_m)
    return np.where(on_it, np.minimum(top, depth), depth).astype(np.float32)


@pytest.mark.parametrize('factor', [0.5, 0.8, 1.0, 1.25, 2.0])
@pytest.mark.parametrize('camera', [CAMERA, BARREL], ids=['pinhole', 'barrel'])
def test_scanner_in_a_room_tells_the_factor(camera: CameraModel, factor: float) -> None:
    measured = measure_points(scan(), camera, room(camera, factor))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(factor), abs=2e-3)
    assert measured.spread < 5e-3
    assert measured.share > 0.95


def test_distortion_decides_which_pixel_a_point_is_compared_with() -> None:
    """At the edge of the view, where the wall is at its nearest, it moves them by 6 %."""
    wall = scan()[np.abs(scan()[:, 0]) > SIDE_M - 1e-6]
    pinhole = CameraModel(width=320, height=240, fx_px=228.0, fy_px=228.0, cx_px=159.5,
                          cy_px=119.5)
    right = measure_points(wall, BARREL, room(BARREL))
    wrong = measure_points(wall, pinhole, room(BARREL))
    assert right is not None
    assert right.log_factor == pytest.approx(0.0, abs=5e-3)
    assert wrong is None or abs(wrong.log_factor) > 0.03


def test_table_between_camera_and_scanner_does_not_count() -> None:
    """The scanner sees the wall below the table top, all of it at twice the depth of the top."""
    depth = with_table(room(), 0.5 * BELOW_M, 0.5)
    points = scan()
    behind = measure_points(points[np.abs(points[:, 0]) < 0.9], CAMERA, depth)
    assert behind is not None
    assert behind.log_factor == pytest.approx(math.log(2.0), abs=0.03)
    measured = measure_points(points, CAMERA, depth / np.float32(1.2))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.2), abs=5e-3)
    assert 0.3 < measured.share < 0.8


@pytest.mark.parametrize(('missed_share', 'is_measured'), [(0.1, True), (0.27, False)])
def test_what_the_camera_should_see_but_does_not_is_an_outlier_or_a_doubt(
        missed_share: float, is_measured: bool) -> None:
    """Dust, or a thin pole that the network does not know of, at half the distance."""
    points = scan(count=1000)
    missed = np.random.default_rng(1).random(len(points)) < missed_share
    points[missed] *= 0.5
    points[missed, 1] = BELOW_M
    measured = measure_points(points, CAMERA, room(factor=0.9))
    assert (measured is not None) == is_measured
    if measured is not None:
        assert measured.log_factor == pytest.approx(math.log(0.9), abs=5e-3)


def test_noise_of_depth_and_sensor_costs_little() -> None:
    rng = np.random.default_rng(2)
    points = scan() * (1.0 + rng.normal(0.0, 0.02, (180, 1)))
    # As smooth as a network's error is: waves of 8 % over the image.
    waves = 0.08 * np.sin(np.arange(320) / 25.0).astype(np.float32)
    measured = measure_points(points, CAMERA, room(factor=1.3) * np.exp(waves))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.3), abs=0.04)
    assert 0.02 < measured.spread < 0.065


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('count', [40, 2000])
def test_ranges_that_do_not_fit_the_picture_say_nothing(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = scan(count=count)
    points *= np.exp(rng.uniform(-0.8, 0.8, (count, 1)))
    assert measure_points(points, CAMERA, room()) is None


@pytest.mark.parametrize(('factor', 'is_measured'), [
    (2.4, True), (2.7, False), (0.42, True), (0.37, False)])
def test_factor_beyond_belief_is_none(factor: float, is_measured: bool) -> None:
    assert (measure_points(scan(), CAMERA, room(factor=factor)) is not None) == is_measured


def test_points_that_the_camera_cannot_see_change_nothing() -> None:
    points = scan()
    unseen = np.array([[np.nan, 0.0, 1.0], [0.0, np.inf, 1.0], [0.0, 0.0, -np.inf],
                       [0.0, 0.0, -2.0], [0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [50.0, 0.0, 1.0],
                       [0.0, -9.0, 1.0], [1e308, 0.0, 1e-300]])
    alone = measure_points(points, CAMERA, room(factor=1.1))
    assert alone is not None
    assert measure_points(np.concatenate((unseen, points, unseen)), CAMERA,
                          room(factor=1.1)) == alone
    for nothing in (np.empty((0, 3)), unseen, -points):
        assert measure_points(nothing, CAMERA, room()) is None
        assert measure_cone(nothing, CAMERA, room()) is None


@pytest.mark.parametrize('unknown', [np.nan, np.inf, 0.0, -1.0])
def test_unknown_depth_is_no_evidence(unknown: float) -> None:
    depth = room(factor=1.1)
    depth[:, :160] = unknown
    measured = measure_points(scan(), CAMERA, depth)
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(1.1), abs=2e-3)
    assert measured.share > 0.95
    assert measure_points(scan(), CAMERA, np.full_like(depth, unknown)) is None


def test_points_at_an_edge_of_the_depth_are_left_out() -> None:
    """Ten columns are 9 px apart; on both sides of the edge are the two that do not count."""
    depth = np.full((240, 320), 2.0, np.float32)
    depth[:, 160:] = 4.0
    columns = np.array([100, 110, 120, 130, 140, 159, 160, 180, 190, 200, 210, 220])
    z_m = np.where(columns < 160, 2.0, 4.0)
    # The two at the edge hit the other side.
    z_m[[5, 6]] = 4.0, 2.0
    points = CAMERA.unproject(np.stack((columns, np.full(12, 120)), axis=-1)) * z_m[:, None]
    measured = measure_points(points, CAMERA, depth)
    assert measured is not None
    assert measured.log_factor == pytest.approx(0.0, abs=1e-6)
    assert measured.share == 1.0
    # With one less on each side, they are too few.
    assert measure_points(points[1:], CAMERA, depth) is None


def test_few_points_are_no_measurement() -> None:
    points = scan()[85:95]
    assert measure_points(points, CAMERA, room()) is not None
    assert measure_points(points[1:], CAMERA, room()) is None


def test_cone_is_a_cap_of_its_sphere() -> None:
    points = cone_points(2.0, math.radians(30.0))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2.0)
    angle_deg = np.degrees(np.arccos(points[:, 0] / 2.0))
    assert angle_deg.max() == pytest.approx(15.0, abs=0.1)
    # A cap's area within half the angle is a quarter of it, nearly.
    assert (angle_deg < 7.5).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(points.mean(axis=0)[1:], 0.0, atol=0.01)
    np.testing.assert_allclose(cone_points(2.0, 0.0), [[2.0, 0.0, 0.0]] * len(points))


def ahead(points: Points, x_m: float = 0.0, y_m: float = 0.0) -> Points:
    """Bring a sensor's points (x ahead) to the optical frame of a camera that looks that way."""
    return np.stack((x_m - points[:, 1], y_m - points[:, 2], points[:, 0]), axis=-1)


@pytest.mark.parametrize('factor', [0.6, 1.0, 1.5])
@pytest.mark.parametrize('field_of_view_deg', [0.5, 15.0, 30.0])
def test_sonar_towards_a_wall_tells_the_factor(factor: float, field_of_view_deg: float) -> None:
    points = ahead(cone_points(AHEAD_M, math.radians(field_of_view_deg)), 0.2, 0.3)
    measured = measure_cone(points, CAMERA, room(factor=factor))
    assert measured is not None
    assert measured.log_factor == pytest.approx(math.log(factor), abs=0.01)
    assert measured.share == 1.0


def test_sonar_means_the_nearest_part_of_what_it_meets() -> None:
    """A wall at 30 degrees: its nearest part in the cone is at the cone's rim, to the right."""
    x = CAMERA.rays()[..., 0].astype(np.float64)
    distance_m = 2.0
    # Points (z + x / sqrt 3 = distance) are nearest where the angle to the right is the largest.
    depth = (distance_m / (1.0 + x / math.sqrt(3.0))).astype(np.float32)
    half = math.radians(10.0)
    range_m = distance_m / (math.cos(half) + math.sin(half) / math.sqrt(3.0))
    measured = measure_cone(ahead(cone_points(range_m, 2.0 * half)), CAMERA, depth)
    assert measured is not None
    # The farther part of the cone would have said 10 % more.
    assert measured.log_factor == pytest.approx(0.0, abs=0.03)


def test_sonar_that_may_have_met_something_else_says_nothing() -> None:
    points = ahead(cone_points(AHEAD_M, math.radians(30.0)))
    # A box in half of its view gave no echo, or it is the wall that gave none.
    halved = room()
    halved[:, 165:] = 1.5
    assert measure_cone(points, CAMERA, halved) is None
    # Most of the cone is beside the view.
    assert measure_cone(ahead(cone_points(AHEAD_M, math.radians(30.0)), 3.2), CAMERA,
                        np.full_like(room(), AHEAD_M)) is None
    assert measure_cone(points, CAMERA, room(factor=2.7)) is None
    assert measure_cone(points, CAMERA, room()) is not None


def test_wrong_sizes_are_named() -> None:
    for measure in (measure_points, measure_cone):
        with pytest.raises(ImageError, match=r'Points of shape \(3,\) arrived'):
            measure(np.zeros(3), CAMERA, room())
        with pytest.raises(ImageError, match='camera of 320x240'):
            measure(scan(), CAMERA, room()[:, 1:])

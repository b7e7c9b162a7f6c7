# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Clouds in memory, hand-computed and against OpenCV; range limits; image-space filters."""

from array import array
from collections.abc import Callable
import struct
from typing import Any

from clocks import least_thread_s
import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, ImageError
from scaledepth_ros.pointcloud import (
    apply_range,
    cloud_shape,
    depth_to_points,
    fill_cloud,
    flying_pixel_mask,
    known_mask,
    POINT_STEP,
    uncertainty_mask,
)

Float32Array = npt.NDArray[np.float32]
INF, NAN = np.inf, np.nan


def make_camera(width: int, height: int) -> CameraModel:
    return CameraModel(width=width, height=height, fx_px=2.0, fy_px=4.0, cx_px=1.0, cy_px=0.5)


def make_rgb(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def as_depth(values: Any) -> Float32Array:
    return np.array(values, np.float32)


def read_point(buffer: Any, index: int) -> tuple[float, float, float, int]:
    """Read x, y, z and rgb as a subscriber does, by the offsets of the message's fields."""
    x, y, z = (struct.unpack_from('<f', buffer, index * 16 + offset)[0] for offset in (0, 4, 8))
    return x, y, z, struct.unpack_from('<I', buffer, index * 16 + 12)[0]


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('kind', [np.float16, np.float32, np.float64])
def test_a_depth_is_finite_and_above_0(kind: type) -> None:
    depth_m = np.array([[NAN, INF, -INF], [0.0, -0.0, -1.0], [1e-6, 2.0, 6e4]], kind)
    assert known_mask(depth_m).tolist() == [[False] * 3, [False] * 3, [True] * 3]


def test_cloud_of_four_pixels_by_hand() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[0, 0] = 0x12, 0x34, 0x56
    rgb[1, 1] = 255, 254, 253
    buffer = array('B', bytes(2 * 2 * POINT_STEP))
    fill_cloud(as_depth([[2.0, 4.0], [8.0, 1.0]]), make_camera(2, 2).rays(), rgb, buffer)
    # x = (u - 1) / 2 * z and y = (v - 0.5) / 4 * z.
    assert read_point(buffer, 0) == (-1.0, -0.25, 2.0, 0x123456)
    assert read_point(buffer, 1) == (0.0, -0.5, 4.0, 0)
    assert read_point(buffer, 2) == (-4.0, 1.0, 8.0, 0)
    assert read_point(buffer, 3) == (0.0, 0.125, 1.0, 0xFFFEFD)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('depth', [NAN, INF, -INF])
def test_depth_that_is_not_finite_becomes_nan_and_keeps_its_colour(depth: float) -> None:
    rgb = make_rgb(1, 2)
    buffer = bytearray(2 * POINT_STEP)
    # The middle column, where x = 0, is where infinity times zero would already be NaN.
    fill_cloud(as_depth([[depth, depth]]), make_camera(2, 1).rays(), rgb, buffer)
    for index in (0, 1):
        x, y, z, colour = read_point(buffer, index)
        assert np.isnan([x, y, z]).all()
        assert colour == int.from_bytes(rgb[0, index].tobytes(), 'big')


def test_a_pixel_without_a_ray_becomes_nan() -> None:
    rays = make_camera(2, 1).rays().copy()
    rays[0, 1] = NAN
    buffer = bytearray(2 * POINT_STEP)
    fill_cloud(as_depth([[1.0, 1.0]]), rays, make_rgb(1, 2), buffer)
    assert np.isfinite(read_point(buffer, 0)[:3]).all()
    assert np.isnan(read_point(buffer, 1)[:3]).all()
    assert np.isnan(depth_to_points(as_depth([[1.0, 1.0]]), rays)[0, 1]).all()


@pytest.mark.parametrize('make_buffer', [
    lambda size: array('B', bytes(size)), bytearray, lambda size: memoryview(bytearray(size)),
    lambda size: np.zeros(size, np.uint8), lambda size: np.zeros((size // 16, 4), np.float32)])
def test_every_buffer_is_filled_alike(make_buffer: Callable[[int], Any]) -> None:
    camera, depth_m = make_camera(7, 5), np.random.default_rng(1).random((5, 7), np.float32)
    buffer, rgb = make_buffer(5 * 7 * POINT_STEP), make_rgb(5, 7)
    fill_cloud(depth_m, camera.rays(), rgb, buffer)
    cloud = np.frombuffer(buffer, np.dtype(
        {'names': ['x', 'y', 'z', 'rgb'], 'formats': ['<f4', '<f4', '<f4', '<u4'],
         'offsets': [0, 4, 8, 12], 'itemsize': 16})).reshape(5, 7)
    points = np.stack([cloud['x'], cloud['y'], cloud['z']], axis=-1)
    np.testing.assert_array_equal(points, depth_m[..., np.newaxis] * camera.rays())
    np.testing.assert_array_equal(
        cloud['rgb'], rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32))


def test_points_agree_with_opencv() -> None:
    camera = CameraModel(
        width=64, height=48, fx_px=50.0, fy_px=50.0, cx_px=30.25, cy_px=25.5)
    depth_m = np.random.default_rng(2).uniform(0.5, 9.0, (48, 64)).astype(np.float32)
    # A stereo pair with a baseline of 0.1 m would measure the disparity f B / Z.
    reprojection = np.array([[1.0, 0.0, 0.0, -30.25], [0.0, 1.0, 0.0, -25.5],
                             [0.0, 0.0, 0.0, 50.0], [0.0, 0.0, 1.0 / 0.1, 0.0]])
    expected = cv2.reprojectImageTo3D(
        (50.0 * 0.1 / depth_m).astype(np.float32), reprojection)
    np.testing.assert_allclose(depth_to_points(depth_m, camera.rays()), expected, rtol=1e-5)


def test_points_honour_distortion() -> None:
    camera = CameraModel(width=64, height=48, fx_px=50.0, fy_px=50.0, cx_px=32.0, cy_px=24.0,
                         distortion=(-0.3, 0.1, 0.001, 0.002))
    points = depth_to_points(np.full((48, 64), 3.0, np.float32), camera.rays())
    pixels = cv2.projectPoints(points.reshape(-1, 3).astype(np.float64), np.zeros(3), np.zeros(3),
                               camera.matrix, np.array(camera.distortion))[0].reshape(48, 64, 2)
    np.testing.assert_allclose(pixels[..., 0], np.broadcast_to(np.arange(64.0), (48, 64)),
                               atol=1e-3)
    np.testing.assert_array_equal(points[..., 2], 3.0)


@pytest.mark.parametrize(('stride', 'shape'), [(1, (5, 7)), (2, (3, 4)), (3, (2, 3)), (9, (1, 1))])
def test_stride_takes_every_nth_pixel(stride: int, shape: tuple[int, int]) -> None:
    assert cloud_shape(5, 7, stride) == shape
    depth_m, rays = np.random.default_rng(3).random((5, 7), np.float32), make_camera(7, 5).rays()
    rgb = make_rgb(5, 7)
    whole, thinned = (np.empty((*size, 4), np.float32) for size in ((5, 7), shape))
    fill_cloud(depth_m, rays, rgb, whole)
    fill_cloud(depth_m, rays, rgb, thinned, stride=stride)
    np.testing.assert_array_equal(
        thinned.view(np.uint32), whole[::stride, ::stride].view(np.uint32))


@pytest.mark.parametrize(('changes', 'message'), [
    ({'out': bytearray(63)}, 'writable buffer of 63 bytes.*2x2 points.*64 bytes'),
    ({'out': bytes(64)}, 'read-only buffer of 64 bytes'),
    ({'out': 'text'}, 'str arrived .*expected a contiguous'),
    ({'out': memoryview(bytearray(128))[::2]}, 'memoryview arrived .*contiguous'),
    ({'depth_m': np.zeros((2, 3), np.float32)}, r'Rays of shape \(2, 2, 3\).*\(2, 3\).*resized'),
    ({'depth_m': np.zeros((2, 2), np.uint16)}, r'type uint16 arrived; expected \(H, W\)'),
    ({'rgb': np.zeros((2, 2), np.uint8)}, r'shape \(2, 2\) and type uint8.*\(2, 2, 3\)'),
    ({'rgb': np.zeros((2, 2, 3), np.float32)}, 'type float32 .* and uint8'),
])
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    arguments = {'depth_m': np.zeros((2, 2), np.float32), 'rays': make_camera(2, 2).rays(),
                 'rgb': make_rgb(2, 2), 'out': bytearray(64)}
    with pytest.raises(ImageError, match=message):
        fill_cloud(**{**arguments, **changes})


def test_stride_has_to_be_positive() -> None:
    with pytest.raises(ConfigError, match='stride 0 arrived'):
        cloud_shape(4, 4, 0)


def test_range_limits_follow_rep_117() -> None:
    depth_m = as_depth([0.1, 0.3, 5.0, 8.0, 8.1, NAN, INF, -INF, 0.0, -1.0])
    expected = as_depth([-INF, 0.3, 5.0, 8.0, INF, NAN, INF, -INF, NAN, NAN])
    before = depth_m.copy()
    np.testing.assert_array_equal(apply_range(depth_m, 0.3, 8.0), expected)
    np.testing.assert_array_equal(depth_m, before)
    other = np.empty_like(depth_m)
    assert apply_range(depth_m, 0.3, 8.0, out=other) is other
    np.testing.assert_array_equal(other, expected)
    assert apply_range(depth_m, 0.3, 8.0, out=depth_m) is depth_m
    np.testing.assert_array_equal(depth_m, expected)


def test_no_zero_is_left_without_a_lower_limit() -> None:
    np.testing.assert_array_equal(
        apply_range(as_depth([0.0, 1e-3, 9.0]), 0.0, INF), as_depth([NAN, 1e-3, 9.0]))


@pytest.mark.parametrize('limits', [(1.0, 1.0), (-1.0, 2.0), (NAN, 2.0), (0.0, NAN)])
def test_range_limits_out_of_order(limits: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match='expected 0 <= minimum < maximum'):
        apply_range(as_depth([1.0]), *limits)


def test_uncertainty_is_judged_by_its_share_of_the_depth() -> None:
    depth_m = as_depth([[2.0, 2.0, 10.0, 2.0, NAN, INF]])
    uncertainty_m = as_depth([[0.19, 0.21, 0.9, NAN, 0.1, 0.1]])
    np.testing.assert_array_equal(
        uncertainty_mask(depth_m, uncertainty_m, 0.1), [[False, True, False, True, True, False]])
    with pytest.raises(ConfigError, match='0.0 arrived; expected more than 0'):
        uncertainty_mask(depth_m, uncertainty_m, 0.0)
    with pytest.raises(ImageError, match=r'\(1, 5\) arrived for depth of shape \(1, 6\)'):
        uncertainty_mask(depth_m, uncertainty_m[:, :5], 0.1)


def step_edge(ramp: list[float]) -> Float32Array:
    """Return an image (40, n) of 2 m on the left, 6 m on the right, and a ramp between them."""
    row = as_depth([2.0] * 20 + ramp + [6.0] * 20)
    return np.tile(row, (40, 1))


@pytest.mark.parametrize('turn', [0, 1, 2, 3])
def test_pixels_between_two_surfaces_are_flagged(turn: int) -> None:
    depth_m = np.rot90(step_edge([2.5, 3.0, 4.0, 5.0]), turn)
    mask = np.rot90(flying_pixel_mask(depth_m), -turn)
    np.testing.assert_array_equal(np.flatnonzero(mask[20]), [20, 21, 22, 23])
    assert not mask[:, :20].any()
    assert not mask[:, 24:].any()


def test_a_clean_step_is_left_alone() -> None:
    assert not flying_pixel_mask(step_edge([])).any()


def test_pixels_between_an_object_and_the_sky_are_flagged() -> None:
    depth_m = step_edge([3.0, 5.0])
    depth_m[depth_m == 6.0] = INF
    np.testing.assert_array_equal(np.flatnonzero(flying_pixel_mask(depth_m)[20]), [20, 21])


def test_unknown_depth_flags_nothing() -> None:
    depth_m = step_edge([3.0, 4.0])
    depth_m[depth_m == 6.0] = NAN
    assert not flying_pixel_mask(depth_m).any()
    depth_m[np.isnan(depth_m)] = -INF
    assert not flying_pixel_mask(depth_m).any()


@settings(deadline=None)
@given(width=st.integers(1, 30), near=st.floats(0.3, 3.0), far=st.floats(3.5, 50.0))
def test_posts_survive_however_thin(width: int, near: float, far: float) -> None:
    depth_m = np.full((30, 70), far, np.float32)
    depth_m[:, 20:20 + width] = near
    assert not flying_pixel_mask(depth_m).any()


@settings(deadline=None)
@given(slope_u=st.floats(-3.0, 3.0), slope_v=st.floats(-3.0, 3.0), distance=st.floats(0.2, 40.0))
def test_planes_survive_at_any_slant(slope_u: float, slope_v: float, distance: float) -> None:
    v, u = np.mgrid[-1.0:1.0:60j, -1.0:1.0:80j]
    inverse = (1.0 + slope_u * u + slope_v * v) / distance
    # Past its horizon a plane is not seen at all.
    depth_m = np.where(inverse > 1e-3, 1.0 / np.maximum(inverse, 1e-3), INF).astype(np.float32)
    seen = inverse > 0.02
    assert not (flying_pixel_mask(depth_m) & seen).any()


def test_smeared_outlines_are_removed_and_the_room_is_kept() -> None:
    rays = CameraModel.from_fov(320, 240, 65.0).rays().astype(np.float64)
    with np.errstate(divide='ignore'):
        # A corridor: floor 1.2 m below, ceiling 1.4 m above, walls 2 m aside, its end at 9 m.
        room = np.minimum.reduce([
            np.full((240, 320), 9.0), 2.0 / np.abs(rays[..., 0]),
            np.where(rays[..., 1] > 0.0, 1.2, 1.4) / np.abs(rays[..., 1])])
    sharp = room.copy()
    sharp[81:181, 121:201] = 2.5
    # What a network at a quarter of the resolution makes of it.
    small = cv2.resize(sharp, (80, 60), interpolation=cv2.INTER_AREA)
    smeared = cv2.resize(small, (320, 240), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mask = flying_pixel_mask(smeared)
    inverse = 1.0 / smeared
    between = (inverse < 0.93 / 2.5) & (inverse > 1.07 / room) & (np.abs(smeared - sharp) > 0.1)
    assert between.sum() > 500
    assert mask[between].mean() > 0.85
    assert mask[np.abs(smeared / sharp - 1.0) < 0.03].mean() < 0.002


@pytest.mark.parametrize('shape', [(1, 1), (1, 50), (50, 1), (3, 3), (13, 12)])
def test_images_smaller_than_the_reach(shape: tuple[int, int]) -> None:
    mask = flying_pixel_mask(np.ones(shape, np.float32))
    assert mask.shape == shape
    assert not mask.any()


@pytest.mark.parametrize('arguments', [{'tolerance': 0.0}, {'reach_px': 0}, {'tolerance': NAN}])
def test_filter_arguments_have_to_be_positive(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match='expected both to be positive'):
        flying_pixel_mask(np.ones((4, 4), np.float32), **arguments)


def test_filling_costs_a_few_copies_of_the_cloud() -> None:
    camera = CameraModel.from_fov(640, 480, 70.0)
    depth_m, rgb, rays = np.full((480, 640), 2.0, np.float32), make_rgb(480, 640), camera.rays()
    buffer = array('B', bytes(640 * 480 * POINT_STEP))
    source, target = bytes(len(buffer)), memoryview(buffer)

    def copy() -> None:
        target[:] = source

    # Measured: 6 times a copy, the filter 14 times; a loop over points would be thousands.
    copy_s = least_thread_s(copy)
    assert least_thread_s(lambda: fill_cloud(depth_m, rays, rgb, buffer)) < 30 * copy_s
    assert least_thread_s(lambda: flying_pixel_mask(depth_m)) < 60 * copy_s

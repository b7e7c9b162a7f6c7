# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""CameraModel: conventions by hand-computed numbers, region and binning, errors, caching."""

import dataclasses
import gc
import math
from types import SimpleNamespace
from typing import Any
import weakref

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from scaledepth_ros import CameraModel
from scaledepth_ros.errors import CameraInfoError


def make_camera(**changes: Any) -> CameraModel:
    values: dict[str, Any] = {
        'width': 640, 'height': 480, 'fx_px': 500.0, 'fy_px': 510.0, 'cx_px': 320.5,
        'cy_px': 239.25}
    return CameraModel(**{**values, **changes})


def make_info(**changes: Any) -> SimpleNamespace:
    """Return what a driver publishes for a camera of 1280x960, as a stand-in for CameraInfo."""
    values: dict[str, Any] = {
        'width': 1280, 'height': 960, 'distortion_model': 'plumb_bob',
        'd': [0.1, -0.2, 0.001, 0.002, 0.05],
        'k': np.array([1000.0, 0.0, 639.5, 0.0, 1010.0, 479.5, 0.0, 0.0, 1.0]),
        'p': np.array([900.0, 0.0, 630.0, 5.0, 0.0, 905.0, 470.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        'binning_x': 0, 'binning_y': 0, 'roi': make_roi(0, 0, 0, 0)}
    return SimpleNamespace(**{**values, **changes})


def make_roi(x: int, y: int, width: int, height: int) -> SimpleNamespace:
    return SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height)


def test_ray_is_the_direction_per_metre_of_depth() -> None:
    camera = CameraModel(width=4, height=2, fx_px=2.0, fy_px=4.0, cx_px=1.0, cy_px=0.5)
    rays = camera.rays()
    assert rays.shape == (2, 4, 3)
    assert rays.dtype == np.float32
    np.testing.assert_array_equal(rays[0, 1], [0.0, -0.125, 1.0])
    np.testing.assert_array_equal(rays[1, 3], [1.0, 0.125, 1.0])


def test_project_follows_the_optical_frame() -> None:
    camera = make_camera()
    # 1 m to the right and 0.5 m down at 2 m: u = 500/2 + 320.5, v = 510/4 + 239.25.
    np.testing.assert_allclose(camera.project([1.0, 0.5, 2.0]), [570.5, 366.75])
    assert camera.project(np.ones((3, 5, 3))).shape == (3, 5, 2)


def test_project_is_nan_at_and_behind_the_camera() -> None:
    pixels = make_camera().project([[0.0, 0.0, 0.0], [0.1, 0.1, -1.0], [0.0, 0.0, np.nan]])
    assert np.isnan(pixels).all()


def test_from_fov_reaches_from_edge_to_edge() -> None:
    camera = CameraModel.from_fov(640, 480, 90.0)
    # Half of 640 px at tan(45 deg) = 1.
    assert camera.fx_px == camera.fy_px == pytest.approx(320.0)
    assert (camera.cx_px, camera.cy_px) == (319.5, 239.5)
    assert camera.horizontal_fov_deg == pytest.approx(90.0)
    edge = camera.unproject([-0.5, 239.5])
    assert edge == pytest.approx([-1.0, 0.0, 1.0])


def test_horizontal_fov_of_a_fisheye_exceeds_180_degrees() -> None:
    camera = make_camera(width=800, fx_px=200.0, fy_px=200.0, cx_px=399.5,
                         distortion_model='equidistant', distortion=(0.0, 0.0, 0.0, 0.0))
    # Without coefficients, 800 px at 200 px per radian.
    assert camera.horizontal_fov_deg == pytest.approx(math.degrees(4.0), rel=1e-6)


def test_focal_px_and_matrix() -> None:
    camera = make_camera(fx_px=400.0, fy_px=900.0)
    assert camera.focal_px == pytest.approx(600.0)
    np.testing.assert_array_equal(
        camera.matrix, [[400.0, 0.0, 320.5], [0.0, 900.0, 239.25], [0.0, 0.0, 1.0]])


def test_resized_keeps_pixel_centres() -> None:
    camera = make_camera(cx_px=319.5, cy_px=239.5).resized(320, 120)
    assert (camera.fx_px, camera.fy_px) == (250.0, 127.5)
    # The middle stays the middle: 159.5 of 320 columns, 59.5 of 120 rows.
    assert (camera.cx_px, camera.cy_px) == (159.5, 59.5)


@given(width=st.integers(1, 4000), height=st.integers(1, 4000),
       u=st.floats(0.0, 639.0), v=st.floats(0.0, 479.0))
def test_resized_sees_the_same_through_the_same_place(
    width: int, height: int, u: float, v: float,
) -> None:
    camera = make_camera(distortion=(-0.2, 0.05, 0.001, -0.002))
    moved = ((u + 0.5) * width / 640 - 0.5, (v + 0.5) * height / 480 - 0.5)
    np.testing.assert_allclose(
        camera.resized(width, height).unproject(moved), camera.unproject([u, v]), atol=1e-9)


def test_cropped_rays_are_the_crop_of_the_rays() -> None:
    camera = make_camera(distortion=(-0.2, 0.05, 0.001, -0.002))
    np.testing.assert_allclose(
        camera.cropped(100, 50, 200, 150).rays(), camera.rays()[50:200, 100:300], atol=1e-6)


@pytest.mark.parametrize('region', [
    (-1, 0, 10, 10), (0, 0, 0, 10), (600, 0, 41, 10), (0, 479, 10, 2)])
def test_cropped_refuses_what_is_outside(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(CameraInfoError, match=r'inside the image of 640x480'):
        make_camera().cropped(*region)


def test_camera_info_raw() -> None:
    camera = CameraModel.from_camera_info(make_info())
    assert camera == CameraModel(
        width=1280, height=960, fx_px=1000.0, fy_px=1010.0, cx_px=639.5, cy_px=479.5,
        distortion_model='plumb_bob', distortion=(0.1, -0.2, 0.001, 0.002, 0.05))


def test_camera_info_rectified_uses_p_without_distortion() -> None:
    camera = CameraModel.from_camera_info(make_info(), rectified=True)
    assert camera == CameraModel(
        width=1280, height=960, fx_px=900.0, fy_px=905.0, cx_px=630.0, cy_px=470.0)


def test_camera_info_region_comes_before_binning() -> None:
    info = make_info(roi=make_roi(200, 100, 801, 600), binning_x=2, binning_y=4)
    camera = CameraModel.from_camera_info(info)
    assert (camera.width, camera.height) == (400, 150)
    assert (camera.fx_px, camera.fy_px) == (500.0, 252.5)
    # (639.5 - 200 + 0.5) / 2 - 0.5 and (479.5 - 100 + 0.5) / 4 - 0.5.
    assert (camera.cx_px, camera.cy_px) == (219.5, 94.5)


@given(x=st.integers(0, 500), y=st.integers(0, 400), binning_x=st.integers(0, 8),
       binning_y=st.integers(0, 8), column=st.integers(0, 20), row=st.integers(0, 20))
def test_a_binned_pixel_looks_where_the_middle_of_its_pixels_does(
    x: int, y: int, binning_x: int, binning_y: int, column: int, row: int,
) -> None:
    full = CameraModel.from_camera_info(make_info())
    binned = CameraModel.from_camera_info(make_info(
        roi=make_roi(x, y, 640, 480), binning_x=binning_x, binning_y=binning_y))
    step_x, step_y = max(binning_x, 1), max(binning_y, 1)
    middle = (x + np.mean(column * step_x + np.arange(step_x)),
              y + np.mean(row * step_y + np.arange(step_y)))
    np.testing.assert_allclose(
        binned.unproject([column, row]), full.unproject(middle), atol=1e-9)


def test_camera_info_in_ros1_spelling() -> None:
    info = make_info()
    upper = SimpleNamespace(**{
        name.upper() if len(name) == 1 else name: value for name, value in vars(info).items()})
    assert not hasattr(upper, 'k')
    assert CameraModel.from_camera_info(upper) == CameraModel.from_camera_info(info)


def test_camera_info_of_ros2() -> None:
    sensor_msgs = pytest.importorskip('sensor_msgs.msg')
    plain = make_info()
    message = sensor_msgs.CameraInfo(
        width=plain.width, height=plain.height, distortion_model=plain.distortion_model,
        d=plain.d, k=plain.k, p=plain.p, binning_x=2,
        roi=sensor_msgs.RegionOfInterest(x_offset=200, y_offset=100, width=800, height=600))
    plain.binning_x, plain.roi = 2, make_roi(200, 100, 800, 600)
    camera = CameraModel.from_camera_info(message)
    assert camera == CameraModel.from_camera_info(plain)
    with pytest.raises(CameraInfoError, match='0x0 arrived'):
        CameraModel.from_camera_info(sensor_msgs.CameraInfo(k=plain.k))


def test_a_changed_camera_info_makes_another_model() -> None:
    first, same = (CameraModel.from_camera_info(make_info()) for _ in range(2))
    changed = CameraModel.from_camera_info(make_info(d=[0.1, -0.2, 0.001, 0.002, 0.0501]))
    assert first == same
    assert hash(first) == hash(same)
    assert first != changed


@pytest.mark.parametrize(('changes', 'message'), [
    ({'k': [0.0] * 9}, 'all zero.*uncalibrated.*field of view'),
    ({'k': [0.0, 0, 9, 0, 500, 9, 0, 0, 1]}, 'Focal length 0.*uncalibrated'),
    ({'k': [500.0, 0, 9, 0, 0, 9, 0, 0, 1]}, 'fx=500.0, fy=0.0 px.*positive'),
    ({'k': [math.nan, 0, 9, 0, 500, 9, 0, 0, 1]}, 'fx=nan.*positive finite'),
    ({'k': [-500.0, 0, 9, 0, 500, 9, 0, 0, 1]}, 'fx=-500.0.*positive'),
    ({'k': [math.inf, 0, 9, 0, 500, 9, 0, 0, 1]}, 'fx=inf.*positive finite'),
    ({'k': [500.0, 0, math.nan, 0, 500, 9, 0, 0, 1]}, 'cx=nan.*finite'),
    ({'k': [500.0, 0, 0, 0, 500, 0, 9, 9, 1]}, 'K is .*transposed'),
    ({'k': [500.0, 2, 9, 0, 500, 9, 0, 0, 1]}, 'neither skew nor rotation'),
    ({'k': [500.0, 0, 9]}, 'K arrived with 3 numbers; expected 3x3'),
    ({'k': None}, 'K is None; expected a list of numbers'),
    ({'k': ['a'] * 9}, "K is 'a'; expected a number"),
    ({'width': 0}, '0x960 arrived'),
    ({'height': 4_000_000_000}, '1280x4000000000 arrived; expected 1 to 32768'),
    ({'width': 640.5}, 'width is 640.5; expected a whole number'),
    ({'distortion_model': 'kannala'}, "'kannala'; known are plumb_bob, rational_poly.*equidist"),
    ({'d': [0.1, 0.2]}, 'plumb_bob.*takes 0 or 4 or 5 coefficients, 2 arrived'),
    ({'d': [0.1, 0.2, math.nan, 0.0]}, 'must be finite'),
    ({'binning_x': -1}, 'Binning -1x0 arrived; expected 0 or more'),
    ({'binning_y': 961}, 'Binning 0x961 .* leaves no pixel'),
    ({'roi': make_roi(700, 0, 700, 900)}, r'Region 700x900 at \(700, 0\).*1280x960'),
    ({'roi': make_roi(8, 0, 0, 0)}, r'Region 0x0 at \(8, 0\)'),
    ({'roi': make_roi(0, 0, 640, 0)}, r'Region 640x0 at'),
    ({'roi': None}, "NoneType has no field 'x_offset'"),
])
def test_camera_info_that_makes_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CameraInfoError, match=message):
        CameraModel.from_camera_info(make_info(**changes))


def test_rectified_needs_p() -> None:
    with pytest.raises(CameraInfoError, match='P is all zero.*uncalibrated'):
        CameraModel.from_camera_info(make_info(p=[0.0] * 12), rectified=True)
    with pytest.raises(CameraInfoError, match='P arrived with 11 numbers; expected 3x4'):
        CameraModel.from_camera_info(make_info(p=[1.0] * 11), rectified=True)


def test_camera_info_without_a_field() -> None:
    info = make_info()
    del info.k
    with pytest.raises(CameraInfoError, match="has no field 'k'.*sensor_msgs/CameraInfo"):
        CameraModel.from_camera_info(info)


@pytest.mark.parametrize('angle_deg', [0.0, 180.0, -20.0, math.nan])
def test_from_fov_refuses_impossible_angles(angle_deg: float) -> None:
    with pytest.raises(CameraInfoError, match=f'{angle_deg} degrees.*less than 180'):
        CameraModel.from_fov(640, 480, angle_deg)


def test_check_image_says_both_sizes() -> None:
    make_camera().check_image(480, 640)
    with pytest.raises(CameraInfoError, match='320x240 arrived with .* for 640x480'):
        make_camera().check_image(240, 320)
    with pytest.raises(CameraInfoError, match='480x640'):
        make_camera().check_image(640, 480)


def test_rays_are_shared_by_equal_models_and_cannot_be_written() -> None:
    rays = make_camera(fx_px=501.0).rays()
    assert make_camera(fx_px=501.0).rays() is rays
    with pytest.raises(ValueError, match='read-only'):
        rays[0, 0, 0] = 1.0


def test_rays_of_old_models_are_given_up() -> None:
    arrays = [weakref.ref(make_camera(width=8, height=8, fx_px=float(f)).rays())
              for f in range(1, 100)]
    gc.collect()
    assert sum(array() is not None for array in arrays) <= 16
    assert arrays[-1]() is not None


def test_rays_beyond_single_precision_are_nan() -> None:
    rays = make_camera(width=3, height=1, cx_px=1.0, cy_px=0.0, fx_px=1e-40).rays()
    np.testing.assert_array_equal(np.isnan(rays[0]).all(axis=-1), [True, False, True])


def test_model_is_frozen_and_takes_any_number_type() -> None:
    camera = make_camera(width=np.uint32(640), fx_px=np.float32(500.0), distortion=np.zeros(5))
    assert camera == make_camera(distortion=(0.0,) * 5)
    assert type(camera.width) is int
    with pytest.raises(dataclasses.FrozenInstanceError):
        camera.width = 1  # type: ignore[misc]

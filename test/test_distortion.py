# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Distortion models against OpenCV, round trips, and the border where they stop being valid."""

import math

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.distortion import canonical_distortion
from scaledepth_ros.errors import CameraInfoError

LENSES = {
    'none': ('plumb_bob', ()),
    'mild, 5': ('plumb_bob', (0.1, -0.2, 0.001, -0.0005, 0.05)),
    'strong barrel, 5': ('plumb_bob', (-0.4, 0.18, 0.002, -0.001, -0.03)),
    'strong barrel, 4': ('plumb_bob', (-0.5, 0.25, 0.01, -0.01)),
    'pincushion, 4': ('plumb_bob', (0.5, 0.3, -0.005, 0.004)),
    'rational, 8': ('rational_polynomial', (0.6, -2.7, 0.0005, -0.0002, 1.6, 0.5, -2.5, 1.5)),
    'wide rational, 8': ('rational_polynomial',
                         (5.1, 2.3, -1e-4, 2e-4, 0.1, 5.5, 3.9, 0.6)),
    'thin prism, 12': ('rational_polynomial', (0.6, -2.7, 0.0005, -0.0002, 1.6, 0.5, -2.5, 1.5,
                                               0.01, -0.008, 0.009, 0.004)),
    'tilted, 14': ('rational_polynomial', (5.1, 2.3, -1e-4, 2e-4, 0.1, 5.5, 3.9, 0.6, 0.001,
                                           -0.0005, 0.0007, -0.0003, 0.05, -0.08)),
    'fisheye': ('equidistant', (-0.02, 0.006, -0.004, 0.0007)),
    'strong fisheye': ('equidistant', (0.1, -0.05, 0.01, -0.001)),
}


def make_camera(lens: str | tuple[str, tuple[float, ...]]) -> CameraModel:
    model, coefficients = LENSES[lens] if isinstance(lens, str) else lens
    focal_px = 280.0 if model == 'equidistant' else 500.0
    return CameraModel(width=640, height=480, fx_px=focal_px, fy_px=1.02 * focal_px, cx_px=322.3,
                       cy_px=236.7, distortion_model=model, distortion=coefficients)


def pixel_grid() -> npt.NDArray[np.float64]:
    return np.stack(np.meshgrid(np.arange(640.0), np.arange(480.0)), axis=-1)


def project_with_opencv(
    camera: CameraModel, points: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    no_turn, no_shift = np.zeros(3), np.zeros(3)
    coefficients = np.array(camera.distortion or (0.0,) * 4)
    if camera.distortion_model == 'equidistant':
        pixels = cv2.fisheye.projectPoints(
            points[np.newaxis], no_turn, no_shift, camera.matrix, coefficients)[0]
    else:
        pixels = cv2.projectPoints(points, no_turn, no_shift, camera.matrix, coefficients)[0]
    return pixels.reshape(-1, 2)


@pytest.mark.parametrize('lens', LENSES)
def test_rays_project_back_to_their_pixel(lens: str) -> None:
    camera = make_camera(lens)
    rays = camera.rays()
    assert np.isfinite(rays).all()
    np.testing.assert_array_equal(rays[..., 2], 1.0)
    assert np.abs(camera.project(2.5 * rays) - pixel_grid()).max() < 1e-3


@pytest.mark.parametrize('lens', LENSES)
def test_opencv_projects_the_rays_to_their_pixel(lens: str) -> None:
    camera = make_camera(lens)
    pixels = project_with_opencv(camera, 3.0 * camera.rays().reshape(-1, 3).astype(np.float64))
    assert np.abs(pixels - pixel_grid().reshape(-1, 2)).max() < 1e-3


@pytest.mark.parametrize('lens', LENSES)
def test_project_agrees_with_opencv(lens: str) -> None:
    camera = make_camera(lens)
    points = np.random.default_rng(0).uniform((-1.0, -0.8, 1.5), (1.0, 0.8, 6.0), (500, 3))
    np.testing.assert_allclose(
        camera.project(points), project_with_opencv(camera, points), atol=1e-6)


@pytest.mark.parametrize('lens', ['mild, 5', 'strong barrel, 5', 'rational, 8', 'thin prism, 12',
                                  'tilted, 14', 'fisheye', 'strong fisheye'])
def test_unproject_agrees_with_opencv(lens: str) -> None:
    camera = make_camera(lens)
    pixels = np.random.default_rng(1).uniform((80.0, 60.0), (560.0, 420.0), (300, 1, 2))
    coefficients = np.array(camera.distortion)
    if camera.distortion_model == 'equidistant':
        # OpenCV 4.5.4, that of Ubuntu 22.04, cannot be told here when to stop.
        expected = cv2.fisheye.undistortPoints(
            pixels, camera.matrix, coefficients, R=np.eye(3), P=np.eye(3))
    else:
        expected = cv2.undistortPointsIter(
            pixels, camera.matrix, coefficients, R=np.eye(3), P=np.eye(3),
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 300, 1e-12))
    np.testing.assert_allclose(camera.unproject(pixels)[..., :2], expected, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(['plumb_bob', 'rational_polynomial', 'equidistant']),
    coefficients=st.lists(st.floats(-1.0, 1.0), min_size=14, max_size=14),
    size=st.integers(0, 1))
def test_a_ray_leads_back_to_its_pixel_or_is_nan(
    model: str, coefficients: list[float], size: int,
) -> None:
    count = {'plumb_bob': (4, 5), 'rational_polynomial': (8, 14), 'equidistant': (4, 4)}
    camera = make_camera((model, tuple(coefficients[:count[model][size]])))
    pixels = pixel_grid()[::24, ::24]
    # Such lenses would amplify the rounding of single precision, hence unproject().
    rays = camera.unproject(pixels)
    valid = np.isfinite(rays[..., 0])
    assert (np.isnan(rays).any(axis=-1) == ~valid).all()
    assert (rays[valid][:, 2] == 1.0).all()
    assert np.abs(camera.project(rays[valid]) - pixels[valid]).max(initial=0.0) < 1e-6


def test_barrel_distortion_ends_where_it_folds_back() -> None:
    # r (1 - 0.5 r^2) peaks at r = sqrt(2 / 3) = 0.8165, where it is 0.5443.
    camera = CameraModel(width=10, height=10, fx_px=1.0, fy_px=1.0, cx_px=0.0, cy_px=0.0,
                         distortion=(-0.5, 0.0, 0.0, 0.0))
    inside, outside = camera.unproject([[0.54, 0.0], [0.55, 0.0]])
    assert inside[0] == pytest.approx(0.75, abs=0.02)
    assert np.isnan(outside).all()
    # A point past the fold would appear inside the image, on top of what really is there.
    assert np.isnan(camera.project([[0.83, 0.0, 1.0], [3.0, 0.0, 1.0]])).all()
    np.testing.assert_allclose(
        camera.project([[0.8, 0.0, 1.0]]), [[0.8 * (1.0 - 0.5 * 0.64), 0.0]])


def test_every_pixel_of_a_lens_that_folds_is_on_the_near_branch() -> None:
    camera = make_camera(('plumb_bob', (-0.5, 0.0, 0.01, -0.01)))
    rays = camera.rays()
    valid = np.isfinite(rays[..., 0])
    assert 0.6 < valid.mean() < 0.9
    assert np.hypot(rays[..., 0], rays[..., 1])[valid].max() < math.sqrt(2.0 / 3.0)
    assert np.abs(camera.project(rays) - pixel_grid())[valid].max() < 1e-3


def test_fisheye_pixels_beside_the_camera_have_no_ray() -> None:
    # Without coefficients a pixel is 1/100 rad: 157 px are 89.95 degrees, 156 px are 89.38.
    camera = CameraModel(
        width=400, height=9, fx_px=100.0, fy_px=100.0, cx_px=200.0, cy_px=4.0,
        distortion_model='equidistant', distortion=(0.0, 0.0, 0.0, 0.0))
    middle = camera.rays()[4]
    assert middle[200 + 156, 0] == pytest.approx(math.tan(1.56), rel=1e-5)
    assert np.isnan(middle[200 + 157:]).all()
    assert np.isnan(middle[:200 - 156]).all()
    assert np.isfinite(middle[200 - 156:200 + 157]).all()


@pytest.mark.parametrize(('model', 'coefficients', 'expected'), [
    ('', (), ('plumb_bob', ())),
    ('', (0.0,) * 5, ('plumb_bob', ())),
    ('none', (), ('plumb_bob', ())),
    ('pinhole', (0.0,) * 4, ('plumb_bob', ())),
    ('Plumb Bob', (0.1, 0.2, 0.0, 0.0, 0.3), ('plumb_bob', (0.1, 0.2, 0.0, 0.0, 0.3))),
    ('plumb-bob', (), ('plumb_bob', ())),
    ('radtan', (0.1, 0.2, 0.3, 0.4), ('plumb_bob', (0.1, 0.2, 0.3, 0.4))),
    ('plumb_bob', (0.1, 0.2, 0.3, 0.4, 0.5, 0.0), ('plumb_bob', (0.1, 0.2, 0.3, 0.4, 0.5))),
    ('plumb_bob', (0.1,) * 8, ('rational_polynomial', (0.1,) * 8)),
    ('fisheye', (0.1, 0.2, 0.3, 0.4), ('equidistant', (0.1, 0.2, 0.3, 0.4))),
    # One driver always publishes five numbers, also for its fisheye camera.
    ('equidistant', (0.1, 0.2, 0.3, 0.4, 0.0), ('equidistant', (0.1, 0.2, 0.3, 0.4))),
    ('rational_polynomial', (0.1,) * 12, ('rational_polynomial', (0.1,) * 12)),
    ('rational_polynomial', (0.1,) * 8 + (0.0,), ('rational_polynomial', (0.1,) * 8)),
])
def test_names_and_counts_seen_in_the_wild(
    model: str, coefficients: tuple[float, ...], expected: tuple[str, tuple[float, ...]],
) -> None:
    assert canonical_distortion(model, coefficients) == expected


@pytest.mark.parametrize(('model', 'coefficients', 'message'), [
    ('', (0.1, 0.2, 0.0, 0.0), "'' arrived with coefficients .* only mean something under"),
    ('pinhole', (0.1,) * 5, "'pinhole' arrived with coefficients"),
    ('kannala_brandt', (0.1,) * 4, "'kannala_brandt'; known are plumb_bob, rational_polynomial"),
    ('equidistant', (), 'takes 4 coefficients, 0 arrived'),
    ('equidistant', (0.1,) * 5, 'takes 4 coefficients, 5 arrived'),
    ('rational_polynomial', (0.1,) * 5, 'takes 8 or 12 or 14 coefficients, 5 arrived'),
    ('rational_polynomial', (0.1,) * 7 + (math.inf,), 'must be finite'),
])
def test_models_that_cannot_be_understood(
    model: str, coefficients: tuple[float, ...], message: str,
) -> None:
    with pytest.raises(CameraInfoError, match=message):
        canonical_distortion(model, coefficients)


@pytest.mark.parametrize(('coefficients', 'message'), [
    ((-1e9, 0.0, 0.0, 0.0), 'map no part of the image one to one'),
    ((-1e308, 1e308, 0.0, 0.0, -1e308), 'map no part of the image one to one'),
    ((0.0,) * 12 + (1.5, 0.0), 'Sensor tilts 1.5 and 0.0.*between -1 and 1'),
])
def test_coefficients_of_no_lens(coefficients: tuple[float, ...], message: str) -> None:
    model = 'plumb_bob' if len(coefficients) < 8 else 'rational_polynomial'
    with pytest.raises(CameraInfoError, match=message):
        make_camera((model, coefficients))


@pytest.mark.filterwarnings('error')
def test_coefficients_near_the_largest_number_pass_without_a_warning() -> None:
    rays = make_camera(('plumb_bob', (1e308, -1e308, 0.0, 0.0, 1e308))).rays()
    assert np.isnan(rays).all(axis=-1).mean() > 0.99


def test_the_constructor_takes_only_the_names_of_ros() -> None:
    with pytest.raises(CameraInfoError, match="'fisheye'; known are"):
        make_camera(('fisheye', (0.0,) * 4))

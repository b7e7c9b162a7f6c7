# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Depth of the renderer against numbers from geometry, with and without lens distortion."""

import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.simulation import look_at_pose, random_view, SimulatedCamera
from scaledepth_ros.simulation.solids import ellipsoid
from simple_scenes import camera, floor, generated, scene_of, wall

AHEAD = look_at_pose((0.0, 0.0, 1.5), 0.0, 0.0)


def test_wall_square_on_has_the_same_depth_everywhere() -> None:
    depth = SimulatedCamera(camera(), scene_of(wall(3.25))).depth(AHEAD)
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(depth, np.full((48, 64), np.float32(3.25)))


def test_floor_depth_follows_from_camera_height() -> None:
    depth = SimulatedCamera(camera(), scene_of(floor())).depth(AHEAD)
    # A ray through row v falls (v - cy) / f per metre: the floor 1.5 m below is 1.5 f / (v - cy)
    # away, however far from the middle the column is.
    for row in (30, 40, 47):
        np.testing.assert_allclose(depth[row], 1.5 * 50.0 / (row - 24), rtol=2e-7)
    assert np.isnan(depth[:25]).all()


def test_tilted_floor_by_hand() -> None:
    pose = look_at_pose((0.0, 0.0, 1.5), 0.3, np.radians(-30.0))
    depth = SimulatedCamera(camera(), scene_of(floor())).depth(pose)
    # The axis meets the floor after 1.5 / sin 30 = 3 m.
    assert depth[24, 32] == pytest.approx(3.0, rel=1e-6)
    # 26.565 degrees (slope 0.5) above that, the ray falls at 3.435 degrees.
    slope = np.sin(np.radians(30)) + 24 / 50 * -np.cos(np.radians(30))
    assert depth[0, 32] == pytest.approx(1.5 / slope, rel=1e-5)


def test_sphere_depth_against_the_quadratic_formula() -> None:
    centre, radius = np.array([4.0, 0.2, 1.4]), 1.0
    ball = ellipsoid((radius,) * 3, 0, at=tuple(centre), segments=256, rings=129)
    model = camera()
    depth = SimulatedCamera(model, scene_of(ball)).depth(AHEAD)
    ray = model.rays().reshape(-1, 3).astype(np.float64) @ AHEAD[:3, :3].T
    offset = AHEAD[:3, 3] - centre
    a, b = (ray * ray).sum(1), 2 * ray @ offset
    root = b * b - 4 * a * (offset @ offset - radius**2)
    exact = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), np.nan)
    exact = exact.reshape(48, 64)
    clear = np.isfinite(exact) & np.isfinite(depth) & (root.reshape(48, 64) > 1.0)
    assert clear.sum() > 300
    # Facets of 1.4 degrees lie at most 0.3 mm inside of the sphere.
    assert np.abs(depth - exact)[clear].max() < 1e-3
    assert (np.isfinite(depth) & (root.reshape(48, 64) < -0.5)).sum() == 0


@pytest.mark.parametrize(('model', 'coefficients'), [
    ('plumb_bob', (-0.25, 0.06, 0.001, -0.0015, 0.0)),
    ('rational_polynomial', (0.4, -0.1, 0.0005, 0.0002, 0.01, 0.6, -0.05, 0.01)),
    ('equidistant', (-0.03, 0.01, -0.004, 0.001)),
])
def test_distorted_view_reprojects_onto_its_pixels(
        model: str, coefficients: tuple[float, ...]) -> None:
    lens = camera(distortion_model=model, distortion=coefficients)
    pose = look_at_pose((0.0, 0.5, 1.5), 0.2, -0.15, 0.05)
    depth = SimulatedCamera(lens, scene_of(floor(), wall(6.0))).depth(pose)
    point = lens.rays().astype(np.float64) * depth[..., None]
    seen = np.isfinite(depth)
    assert seen.mean() > 0.9
    row, column = np.nonzero(seen)
    pixel = lens.project(point[seen])
    np.testing.assert_allclose(pixel, np.stack([column, row], 1), atol=2e-3)
    # And the points lie on the floor or on the wall, which the lens knows nothing of.
    world = point[seen] @ pose[:3, :3].T + pose[:3, 3]
    off = np.minimum(np.abs(world[:, 2]), np.abs(world[:, 0] - 6.0))
    assert off.max() < 1e-4


def test_distortion_moves_the_picture() -> None:
    bent = camera(distortion=(-0.3, 0.1, 0.0, 0.0, 0.0))
    scene = scene_of(floor())
    assert not np.allclose(
        SimulatedCamera(bent, scene).depth(AHEAD)[40],
        SimulatedCamera(camera(), scene).depth(AHEAD)[40], rtol=1e-3)


def test_pixels_without_a_ray_have_neither_depth_nor_colour() -> None:
    class Blind(CameraModel):
        def rays(self) -> np.ndarray:
            rays = np.array(super().rays())
            rays[:5] = np.nan
            return rays

    blind = Blind(width=64, height=48, fx_px=50.0, fy_px=50.0, cx_px=32.0, cy_px=24.0)
    frame = SimulatedCamera(blind, scene_of(wall(2.0))).render(AHEAD)
    assert np.isnan(frame.depth_m[:5]).all()
    assert (frame.rgb[:5] == 0).all()
    assert np.isfinite(frame.depth_m[5:]).all()


def test_sky_is_nan_in_depth_and_bright_in_colour() -> None:
    frame = SimulatedCamera(camera(), scene_of(floor())).render(AHEAD)
    assert np.isnan(frame.depth_m[:24]).all()
    assert np.isfinite(frame.depth_m[26:]).all()
    assert frame.rgb[:20].mean() > frame.rgb[30:].mean() + 20


@pytest.mark.parametrize('kind', ['room', 'corridor', 'street'])
def test_render_and_depth_agree(kind: str) -> None:
    scene = generated(kind, 3)
    pose = random_view(scene, np.random.default_rng(0))
    simulated = SimulatedCamera(camera(), scene)
    frame = simulated.render(pose, seed=1)
    np.testing.assert_array_equal(frame.depth_m, simulated.depth(pose))
    np.testing.assert_array_equal(frame.pose, pose)
    assert frame.rgb.shape == (48, 64, 3)
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.std() > 5


@pytest.mark.parametrize(('pose', 'text'), [
    (np.eye(3), r'a pose of shape \(3, 3\) arrived'),
    (np.full((4, 4), np.nan), 'finite 4x4'),
    (np.diag([2.0, 1.0, 1.0, 1.0]), 'not orthonormal'),
])
def test_a_pose_that_is_none_is_refused(pose: np.ndarray, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        SimulatedCamera(camera(), scene_of(floor())).render(pose)


def test_rays_per_pixel_must_be_positive() -> None:
    with pytest.raises(ConfigError, match='samples=0 and stride=1 arrived'):
        SimulatedCamera(camera(), scene_of(floor()), samples=0, stride=1)

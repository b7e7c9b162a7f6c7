# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes: known categories, repeatable, free camera paths, sensible viewpoints, scans."""

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.scene_text import SCENE_CATEGORIES
from scaledepth_ros.simulation import (
    make_scene,
    random_view,
    SCENE_KINDS,
    simulated_scan,
)
from scaledepth_ros.simulation.mesh import box
from scaledepth_ros.simulation.recipes import RECIPES
from scaledepth_ros.simulation.rooms import make_room
from simple_scenes import Clearance, floor, generated, scene_of, wall


def test_categories_are_those_of_the_network() -> None:
    assert set(RECIPES) | {'outdoor_scene'} == set(SCENE_CATEGORIES)


@pytest.mark.parametrize('category', sorted(RECIPES))
def test_every_category_can_be_built(category: str) -> None:
    scene = make_room(5, category)
    assert scene.category == category
    lower, upper = scene.mesh.bounds_m
    size = upper - lower
    recipe = RECIPES[category]
    # Window recesses and door leaves lie up to 0.3 m behind the walls.
    assert recipe.width_m[0] <= size[0] <= recipe.width_m[1] + 0.6
    assert recipe.height_m[0] - 0.01 <= size[2] <= recipe.height_m[1] + 0.01
    names = {thing.name for thing in scene.objects}
    assert {'floor', 'ceiling'} <= names
    assert len(names) > 4
    assert len(scene.lighting.lights) > 0


@pytest.mark.parametrize('kind', SCENE_KINDS)
def test_a_seed_is_a_scene(kind: str) -> None:
    first, again = generated(kind, 3), make_scene(kind, 3)
    np.testing.assert_array_equal(first.mesh.corners_m, again.mesh.corners_m)
    np.testing.assert_array_equal(first.materials.texels, again.materials.texels)
    assert first.objects == again.objects
    assert first.category in SCENE_CATEGORIES
    assert first.kind == kind
    assert len(make_scene('room', 4).mesh) != len(first.mesh)


def test_unknown_kinds_and_seeds_are_refused() -> None:
    with pytest.raises(ConfigError, match="'moon' arrived, expected one of room, corridor"):
        make_scene('moon', 0)
    with pytest.raises(ConfigError, match='seed -1 arrived'):
        make_scene('room', -1)


@pytest.mark.parametrize(('kind', 'seed'), [
    *(('room', seed) for seed in range(6)), ('corridor', 0), ('corridor', 3), ('street', 3)])
def test_trajectory_is_smooth_rigid_and_free(kind: str, seed: int) -> None:
    scene = generated(kind, seed)
    poses = [scene.trajectory(index, 10.0) for index in range(0, 300, 2)]
    for pose in poses:
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    step = [np.linalg.norm(b[:3, 3] - a[:3, 3]) for a, b in zip(poses, poses[1:], strict=False)]
    turn = [np.arccos(np.clip(a[:3, 2] @ b[:3, 2], -1, 1))
            for a, b in zip(poses, poses[1:], strict=False)]
    # Frames 0.2 s apart: below 8 m/s, and below 150 degrees a second at a turning point.
    assert max(step) < 1.6
    assert np.degrees(max(turn)) < 30
    assert sum(step) > 0.3
    clearance = Clearance(scene)
    assert min(clearance(pose[:3, 3]) for pose in poses[::3]) > 0.12


@pytest.mark.parametrize('kind', SCENE_KINDS)
def test_views_are_where_cameras_are(kind: str) -> None:
    scene = generated(kind, 3)
    clearance = Clearance(scene)
    rng = np.random.default_rng(3)
    heights = []
    for _ in range(12):
        pose = random_view(scene, rng)
        assert clearance(pose[:3, 3]) > 0.1
        pitch = np.degrees(np.arcsin(np.clip(pose[2, 2], -1, 1)))
        assert -85 < pitch < 40
        roll = np.degrees(np.arcsin(np.clip(-pose[2, 0], -1, 1)))
        assert abs(roll) < 15
        heights.append(pose[2, 3])
    assert min(heights) > 0.15
    assert max(heights) < 3.0
    assert np.ptp(heights) > 0.2


def test_objects_of_a_room_lie_inside_it() -> None:
    scene = make_room(2, 'office')
    room = next(thing for thing in scene.objects if thing.name == 'floor')
    for thing in scene.objects:
        if thing.name in ('door', 'window'):
            continue
        for axis in (0, 1):
            assert thing.lower_m[axis] > room.lower_m[axis] - 0.12, thing
            assert thing.upper_m[axis] < room.upper_m[axis] + 0.12, thing


def test_doors_have_the_size_of_doors() -> None:
    sizes = []
    for seed in range(6):
        for thing in make_room(seed).objects:
            if thing.name == 'door':
                sizes.append((max(thing.size_m[:2]), thing.size_m[2]))
    assert len(sizes) >= 6
    for width, height in sizes:
        assert 0.9 < width < 1.15  # the frame included
        assert 2.0 < height < 2.2


def scanner(x: float, y: float, z: float, heading: float = 0.0) -> np.ndarray:
    c, s = np.cos(heading), np.sin(heading)
    pose = np.eye(4)
    pose[:2, :2] = [[c, -s], [s, c]]
    pose[:3, 3] = (x, y, z)
    return pose


def test_scan_measures_the_walls_of_a_box() -> None:
    scene = scene_of(floor(), box((0.5, 10.0, 2.0), 0, at=(3.25, 0.0, 0.0)),
                     box((10.0, 0.5, 2.0), 0, at=(0.0, 2.25, 0.0)))
    ranges = simulated_scan(scene, scanner(0.0, 0.0, 1.0), angle_min_rad=-np.pi / 4,
                            angle_max_rad=np.pi / 2, beams=4, range_max_m=10.0)
    # -45 degrees: 3 / cos 45; 0: 3 m ahead; 45: the wall to the left is nearer; 90: 2 m.
    np.testing.assert_allclose(ranges, [3 * np.sqrt(2), 3.0, 2 * np.sqrt(2), 2.0], rtol=1e-5)


def test_scan_turns_with_the_robot_and_reports_limits_as_rep_117_says() -> None:
    scene = scene_of(floor(), wall(3.0))
    turned = simulated_scan(scene, scanner(0, 0, 1, np.pi), angle_min_rad=0.0,
                            angle_max_rad=np.pi, beams=2)
    np.testing.assert_allclose(turned[1], 3.0, rtol=1e-5)
    assert turned[0] == np.inf
    near = simulated_scan(scene, scanner(2.99, 0, 1), angle_min_rad=0.0, angle_max_rad=1.0,
                          beams=2, range_min_m=0.05)
    assert near[0] == -np.inf
    far = simulated_scan(scene, scanner(0, 0, 1), angle_min_rad=0.0, angle_max_rad=1.0, beams=2,
                         range_max_m=2.0)
    assert far[0] == np.inf


def test_scan_noise_has_its_deviation() -> None:
    scene = scene_of(wall(5.0))
    ranges = simulated_scan(scene, scanner(0, 0, 0), angle_min_rad=-1e-3, angle_max_rad=1e-3,
                            beams=2000, noise_m=0.02, seed=1)
    assert ranges.mean() == pytest.approx(5.0, abs=0.002)
    assert ranges.std() == pytest.approx(0.02, rel=0.1)

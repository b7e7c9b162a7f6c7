# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Where cameras look from: training views, and the path of a moving camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scaledepth_ros.simulation.mesh import DoubleArray
from scaledepth_ros.simulation.scene import CameraLoop, Scene, Track

_CLEARANCE_M = 0.3


def look_at_pose(
    position_m: ArrayLike, yaw_rad: float, pitch_rad: float, roll_rad: float = 0.0
) -> DoubleArray:
    """
    Build a camera pose from angles.

    Args:
        position_m: (3,) camera centre.
        yaw_rad: Heading, counter-clockwise from +x.
        pitch_rad: Positive looks up.
        roll_rad: Positive turns the camera clockwise about its axis.

    Returns:
        Camera-to-world 4x4: x right, y down, z forward.
    """
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    forward = np.array([cp * cy, cp * sy, sp])
    right = np.array([sy, -cy, 0.0])
    down = np.cross(forward, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, 0] = c * right + s * down
    pose[:3, 1] = -s * right + c * down
    pose[:3, 2] = forward
    pose[:3, 3] = np.asarray(position_m, np.float64)
    return pose


def _sphere(count: int) -> np.ndarray:
    z = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    return np.stack(
        [np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], -1
    ).astype(np.float32)


_AROUND = _sphere(64)


def is_free(scene: Scene, position_m: ArrayLike, clearance_m: float = _CLEARANCE_M) -> bool:
    """Tell whether a camera at a position keeps a distance from everything and is in the open."""
    position = np.asarray(position_m, np.float32)
    origins = np.broadcast_to(position, _AROUND.shape)
    hits = scene.tracer.intersect(origins, _AROUND)
    found = hits.face >= 0
    if (found & (hits.distance < clearance_m)).any():
        return False
    # Seeing the back of a closed surface means being inside of something.
    facing = (scene.face_normals[np.maximum(hits.face, 0)] * _AROUND).sum(1)
    return bool((found & (facing > 0)).mean() < 0.12)


def _interest(scene: Scene, pose: DoubleArray, nearest_m: float) -> float:
    """Rate a view: 0 for a surface right in front of the lens, low for a bare wall."""
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 16), np.linspace(-0.45, 0.45, 12))
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3) @ pose[:3, :3].T
    origins = np.broadcast_to(pose[:3, 3], rays.shape).astype(np.float32)
    hits = scene.tracer.intersect(origins, rays.astype(np.float32))
    found = hits.face >= 0
    if found.mean() < 0.3:
        return 0.0
    depth = hits.distance[found]
    if depth.min() < nearest_m or np.median(depth) < 1.6 * nearest_m:
        return 0.0
    _, share = np.unique(scene.mesh.material[hits.face[found]], return_counts=True)
    portion = share / share.sum()
    # The effective number of materials: a picture of one wall counts 1.
    return float(np.exp(-(portion * np.log(portion)).sum()))


def random_view(scene: Scene, rng: np.random.Generator) -> DoubleArray:
    """
    Draw a viewpoint as robots, hand-held cameras and people have it.

    Args:
        scene: The scene.
        rng: Source of randomness.

    Returns:
        Camera-to-world pose; height 0.2-1.9 m above the floor, pitch -40 to +15 degrees
        (steeper for close looks at a table), small roll, 0.25 m or more from everything.
    """
    best: DoubleArray | None = None
    rating, kept = -1.0, 0
    wanted = int(rng.choice([1, 2, 4, 6]))
    for _ in range(60):
        pose = _propose(scene, rng)
        if not is_free(scene, pose[:3, 3], 0.22):
            continue
        interest = _interest(scene, pose, 0.28)
        if interest > rating:
            best, rating = pose, interest
        kept += interest > 2.5
        if kept >= wanted:
            break
    if best is None:
        return trajectory_pose(scene, int(rng.integers(0, 1000)), 10.0)
    return best


def _propose(scene: Scene, rng: np.random.Generator) -> DoubleArray:
    viewing = scene.viewing
    if viewing.tracks:
        return _on_track(viewing.tracks, rng)
    roll = float(rng.normal(0, np.radians(2.5)))
    kind = rng.random()
    if kind < 0.3 and len(viewing.targets_m):
        target = viewing.targets_m[rng.integers(0, len(viewing.targets_m))]
        target = target + np.array([*rng.uniform(-0.3, 0.3, 2), 0.05])
        return _towards(target, (0.4, 1.8), (10, 60), roll, rng)
    things = [o for o in scene.objects if max(o.size_m) < 2.6 and o.lower_m[2] < 1.6]
    if kind < 0.55 and things:
        thing = things[int(rng.integers(0, len(things)))]
        share = rng.uniform(0.3, 0.8, 3)
        target = np.array(thing.lower_m) + share * np.array(thing.size_m)
        return _towards(target, (0.6, 2.6), (-5, 45), roll, rng)
    lower, upper = np.array(viewing.lower_m), np.array(viewing.upper_m)
    place = rng.uniform(lower, upper)
    height = float(rng.choice([rng.uniform(0.2, 0.6), rng.uniform(0.6, 1.2),
                               rng.uniform(1.2, 1.9), rng.uniform(1.3, 1.7)]))
    # Standing near a wall and looking across shows most of a room.
    centre = (lower + upper) / 2 + rng.normal(0, 0.25, 2) * (upper - lower)
    heading = np.arctan2(*(centre - place)[::-1]) + rng.normal(0, 0.45)
    pitch = np.radians(np.clip(rng.normal(-8 if height > 1.0 else -2, 11), -40, 15))
    return look_at_pose(np.array([*place, height]), float(heading), float(pitch), roll)


def _towards(
    target_m: DoubleArray,
    distance_m: tuple[float, float],
    down_deg: tuple[float, float],
    roll_rad: float,
    rng: np.random.Generator,
) -> DoubleArray:
    """Look at a point from a random side, down by a random angle, not quite centred."""
    distance = float(np.exp(rng.uniform(*np.log(distance_m))))
    yaw, down = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(*down_deg))
    offset = distance * np.array(
        [np.cos(yaw) * np.cos(down), np.sin(yaw) * np.cos(down), np.sin(down)]
    )
    position = target_m + offset
    position[2] = max(position[2], 0.2)
    heading = float(np.arctan2(-offset[1], -offset[0]) + rng.normal(0, 0.12))
    return look_at_pose(position, heading, -float(down + rng.normal(0, 0.1)), roll_rad)


def _on_track(tracks: tuple[Track, ...], rng: np.random.Generator) -> DoubleArray:
    weight = np.array([track.weight for track in tracks])
    track = tracks[int(rng.choice(len(tracks), p=weight / weight.sum()))]
    path = np.asarray(track.path_m, np.float64)
    share = rng.uniform(0, len(path) - 1)
    k = min(int(share), len(path) - 2)
    place = path[k] + (path[k + 1] - path[k]) * (share - k)
    along = path[k + 1] - path[k]
    heading = np.arctan2(along[1], along[0]) + rng.normal(0, track.yaw_spread_rad)
    if track.both_ways and rng.random() < 0.4:
        heading += np.pi
    low, high = track.height_m
    height = rng.uniform(low, high)
    pitch = np.radians(np.clip(rng.normal(-3, 4 if low > 1.0 else 7), -30, 12))
    roll = float(rng.normal(0, np.radians(1.5)))
    return look_at_pose(np.array([*place, height]), float(heading), float(pitch), roll)


def _spline(points: DoubleArray, t: float) -> DoubleArray:
    """Evaluate a closed uniform cubic B-spline at t in 0..1."""
    count = len(points)
    s = (t % 1.0) * count
    k, u = int(s), s - int(s)
    b = np.array([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3])
    index = [(k + j - 1) % count for j in range(4)]
    return np.asarray(b @ points[index] / 6)


def _largest_ring(
    scene: Scene, free: list[DoubleArray], extent_m: float, rng: np.random.Generator
) -> DoubleArray | None:
    """Fit a wobbly loop of eight control points around one of the free points."""
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for share in (0.45, 0.35, 0.25, 0.18, 0.12, 0.08):
        for _ in range(12 if free else 0):
            middle = free[int(rng.integers(0, len(free)))]
            radius = np.minimum(share * extent_m, 3.0) * rng.uniform(0.65, 1.2, 8)
            lift = 0.1 * np.sin(angle + rng.uniform(0, 6))
            ring = middle + np.stack([radius * np.cos(angle), radius * np.sin(angle), lift], -1)
            if all(is_free(scene, _spline(ring, t), 0.25) for t in np.linspace(0, 1, 48)):
                return np.asarray(ring, np.float64)
    return None


def plan_loop(scene: Scene) -> CameraLoop:
    """Find a closed path of free points; without any the camera turns on the spot."""
    rng = np.random.default_rng([scene.seed, 77])
    viewing = scene.viewing
    lower, upper = np.array(viewing.lower_m), np.array(viewing.upper_m)
    path: DoubleArray | None = None
    # Above the tables there is more room, should the wanted height have none.
    for height in (rng.uniform(*viewing.height_m), 1.4, 1.7, 0.8, 0.5, 2.0):
        free = [point for point in (np.array([*rng.uniform(lower, upper), height])
                                    for _ in range(150)) if is_free(scene, point)]
        path = _largest_ring(scene, free, float((upper - lower).min()), rng)
        if path is not None:
            break
    if path is None:
        path = np.repeat(np.array([[*(lower + upper) / 2, 1.4]]), 8, 0)
    length = sum(
        float(np.linalg.norm(_spline(path, a) - _spline(path, a + 0.01)))
        for a in np.arange(0, 1, 0.01)
    )
    return CameraLoop(path, max(length, 0.5), rng.uniform(0, 6.28, 4), bool(rng.random() < 0.6))


def trajectory_pose(scene: Scene, index: int, fps: float) -> DoubleArray:
    """
    Return the pose of the moving camera at frame ``index``.

    The path is smooth, keeps clear of furniture, and repeats; the camera looks along it or to
    the middle of the room and sways a little, as a hand-held or a driving camera does.
    """
    time = index / fps
    if scene.viewing.path_m is not None:
        return _follow(scene, time)
    loop = scene.camera_loop
    t = time * scene.viewing.speed_m_s / loop.length_m
    position = _spline(loop.points_m, t)
    phase = loop.phases_rad
    ahead = _spline(loop.points_m, t + 0.03) - position
    if loop.inward or np.linalg.norm(ahead) < 1e-6:
        lower, upper = np.array(scene.viewing.lower_m), np.array(scene.viewing.upper_m)
        offset = (lower + upper) / 2 - position[:2]
        # A target behind the middle keeps the heading steady when the camera passes it.
        far = (upper - lower).max()
        swing = 0.35 * np.sin(0.23 * time + phase[0])
        side = np.array([np.cos(swing + phase[1]), np.sin(swing + phase[1])])
        offset = offset + far * 0.5 * side
        yaw = float(np.arctan2(offset[1], offset[0]))
    else:
        yaw = float(np.arctan2(ahead[1], ahead[0]) + 0.5 * np.sin(0.3 * time + phase[0]))
    pitch = np.radians(-9 + 5 * np.sin(0.4 * time + phase[2]))
    roll = np.radians(1.2 * np.sin(0.7 * time + phase[3]))
    return look_at_pose(position, yaw, float(pitch), float(roll))


def _follow(scene: Scene, time: float) -> DoubleArray:
    """Move to and fro along the scene's own path, turning round at its ends."""
    viewing = scene.viewing
    assert viewing.path_m is not None
    path = np.asarray(viewing.path_m, np.float64)
    step = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(step)])
    total = float(along[-1])
    rng = np.random.default_rng([scene.seed, 78])
    height, phase = float(rng.uniform(*viewing.height_m)), rng.uniform(0, 6.28, 3)
    turn_s = 3.0
    leg_s = total / viewing.speed_m_s
    clock = time % (2 * (leg_s + turn_s))
    back = clock >= leg_s + turn_s
    clock -= (leg_s + turn_s) if back else 0.0
    progress = min(clock / leg_s, 1.0) * total
    turned = max(clock - leg_s, 0.0) / turn_s
    at = total - progress if back else progress

    def point(distance: float) -> DoubleArray:
        d = float(np.clip(distance, 0, total))
        return np.array([np.interp(d, along, path[:, 0]), np.interp(d, along, path[:, 1])])

    reach = 1.5
    ahead = point(at + reach) - point(at - reach)
    yaw = float(np.arctan2(ahead[1], ahead[0])) + (np.pi if back else 0.0)
    yaw += np.pi * (3 * turned**2 - 2 * turned**3)
    yaw += 0.06 * np.sin(0.5 * time + phase[0])
    pitch = np.radians(-3 + 1.0 * np.sin(0.9 * time + phase[1]))
    bounce = 0.01 * np.sin(5 * time)
    roll = np.radians(0.5 * np.sin(0.8 * time + phase[2]))
    position = np.array([*point(at), height + bounce])
    return look_at_pose(position, yaw, float(pitch), float(roll))

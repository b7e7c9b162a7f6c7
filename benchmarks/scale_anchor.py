# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Measure what it is worth to know the camera's height, or the distance of a few points.

    python benchmarks/scale_anchor.py --data real/index.csv [--split val] [--model lite]
    python benchmarks/scale_anchor.py --simulated room:101 room:102 corridor:101 street:101

A robot knows the pose of its camera; the frames of a data set do not say it. So the floor is
taken from the ground truth: the plane within 55 degrees of level that most of the image, and at
least a tenth, lies on and next to nothing below. The prediction is then corrected as
`scale_anchor: floor` does, with that pose, from the single frame, and both are measured on the
frames where the prediction shows a floor. Without one in the ground truth or in the prediction a
frame is counted, and stays as it is. `scanner` stands for a laser scanner at the camera: its
ranges are the ground truth of the image's middle rows, and `scale_anchor: ranges` corrects.

A simulated camera knows its pose. It moves through the scene, and the frames are corrected one
after the other, with and without the floor and with several time constants: `jitter` is the
standard deviation of the change of the scale error from one frame to the next.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
import math
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import numpy as np  # noqa: E402
from scaledepth_ros.camera import CameraModel  # noqa: E402
from scaledepth_ros.data.registry import open_dataset  # noqa: E402
from scaledepth_ros.errors import ScaleDepthError  # noqa: E402
from scaledepth_ros.evaluation.evaluate import measurable  # noqa: E402
from scaledepth_ros.evaluation.metrics import depth_metrics, log_scale_offset  # noqa: E402
from scaledepth_ros.inference.predictor import Predictor  # noqa: E402
from scaledepth_ros.scale.anchor import CORRELATION_S, ScaleAnchor  # noqa: E402
from scaledepth_ros.scale.ground_plane import FloorView  # noqa: E402
from scaledepth_ros.scale.ranges import measure_points  # noqa: E402
from scaledepth_ros.scale.tracker import ScaleTracker  # noqa: E402
from scaledepth_ros.simulation import make_scene, SimulatedCamera  # noqa: E402

LARGEST_TILT_RAD = math.radians(55.0)
LEAST_SHARE, MOST_BELOW = 0.1, 0.02
POINTS, TRIALS = 3000, 1000
FARTHEST_M = 15.0
# Correlation time of the anchor and time constant of the filter, in seconds.
SETTINGS = {'network': (None, 0.0), 'smoothed 0.2 s': (None, 0.2), 'smoothed 1 s': (None, 1.0),
            'floor': (CORRELATION_S, 0.0), 'floor, smoothed 0.2 s': (CORRELATION_S, 0.2)}


@dataclass
class Row:
    """One frame: logarithm of its scale, delta1 and AbsRel, before and after."""

    scene: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]


def floor_pose(depth_m, rays, seed=0):
    """
    Return the pose of the camera above the floor that a true depth map shows, or None.

    Args:
        depth_m: (H, W), NaN where unknown.
        rays: (H, W, 3).
        seed: of the planes that are tried.

    Returns:
        (4, 4) as FloorView takes it.
    """
    rng = np.random.default_rng(seed)
    seen = (depth_m > 0.0) & (depth_m < FARTHEST_M) & np.isfinite(rays).all(axis=2)
    points = (rays[seen] * depth_m[seen][:, None]).astype(np.float64)
    if len(points) < POINTS // 10:
        return None
    points = points[rng.permutation(len(points))[:POINTS]]
    corners = points[rng.integers(0, len(points), (TRIALS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals, corners = normals[lengths > 1e-9], corners[lengths > 1e-9]
    # Up is -y of the optical frame, more or less.
    normals *= (-np.sign(normals[:, 1]) / np.linalg.norm(normals, axis=1))[:, None]
    heights = -np.einsum('ij,ij->i', normals, corners[:, 0])
    possible = (-normals[:, 1] > math.cos(LARGEST_TILT_RAD)) & (heights > 0.15)
    normals, heights = normals[possible], heights[possible]
    tolerance = 0.015 + 0.012 * points[:, 2]
    above = normals @ points.T + heights[:, None]
    on = (np.abs(above) < tolerance).mean(axis=1)
    on[(above < -3.0 * tolerance).mean(axis=1) > MOST_BELOW] = 0.0
    if not len(on) or on.max() < LEAST_SHARE:
        return None
    normal, height = normals[on.argmax()], heights[on.argmax()]
    for _ in range(3):
        floor = points[np.abs(points @ normal + height) < tolerance]
        centre = floor.mean(axis=0)
        normal = np.linalg.svd(floor - centre)[2][2]
        normal = normal if normal[1] < 0.0 else -normal
        height = -normal @ centre
    # Forward and left have no influence on what the floor says.
    forward = np.cross(normal, (1.0, 0.0, 0.0))
    forward /= np.linalg.norm(forward)
    pose = np.eye(4)
    pose[:3, :3] = forward, np.cross(normal, forward), normal
    pose[2, 3] = height
    return pose


def measure(frames, predictor):
    """Return {(domain, anchor): (rows of the measured frames, frames, frames it could see)}."""
    rows, count, could_see = defaultdict(list), defaultdict(int), defaultdict(int)
    for index, info in enumerate(frames.infos):
        if measurable(info) is not None:
            continue
        sample = frames[index]
        if sample.camera is None:
            continue
        count[info.domain] += 1
        truth_m, depth_m = sample.depth_m_HW, None
        for anchor, prepare in ANCHORS.items():
            compare = prepare(truth_m, sample.camera)
            if compare is None:
                continue
            could_see[info.domain, anchor] += 1
            if depth_m is None:
                depth_m = predictor.infer(sample.rgb_HW3, sample.camera).depth_m
            measurement = compare(depth_m)
            if measurement is None:
                continue
            factor = math.exp(ScaleAnchor(CORRELATION_S).update(0.0, measurement).log_factor)
            rows[info.domain, anchor].append(Row(
                info.scene, numbers(depth_m, truth_m), numbers(depth_m * factor, truth_m)))
    return {(domain, anchor): (rows[domain, anchor], count[domain], could_see[domain, anchor])
            for domain in count for anchor in ANCHORS}


def floor_of(truth_m, camera):
    """Return what compares depth with the floor, None without one in the ground truth."""
    pose = floor_pose(truth_m, camera.rays())
    return None if pose is None else FloorView(camera.rays(), pose).measure


def scan_of(truth_m, camera):
    """Return what compares depth with the ranges of the image's middle row, None without any."""
    row = camera.height // 2
    # The lidar of a street leaves many rows of an image without any.
    rows = range(max(row - 2, 0), min(row + 3, camera.height))
    points = np.concatenate([
        (camera.rays()[each] * truth_m[each][:, None])[truth_m[each] > 0.0] for each in rows])
    if not len(points):
        return None
    return lambda depth_m: measure_points(points.astype(np.float64), camera, depth_m)


ANCHORS = {'floor': floor_of, 'scanner': scan_of}


def simulated(scene, predictor, frames, rate_hz=15.0):
    """Return (scale error, jitter, delta1) for each of SETTINGS, of a camera on its way."""
    kind, _, seed = scene.partition(':')
    made = make_scene(kind, int(seed or 0))
    camera = CameraModel.from_fov(320, 240, 70.0)
    source = SimulatedCamera(camera, made)
    seen = []
    for index in range(frames):
        pose = made.trajectory(index, rate_hz)
        frame = source.render(pose, seed=index)
        seen.append((pose, frame.depth_m, predictor.infer(frame.rgb, camera)))
    rows = []
    for settings in SETTINGS.values():
        tracker = ScaleTracker(*settings)
        offsets, d1 = [], []
        for index, (pose, truth_m, said) in enumerate(seen):
            update = tracker.update(index / rate_hz, said.scale_m, said.depth_m, camera, pose)
            depth_m, known = said.depth_m * update.factor, truth_m > 0.0
            offsets.append(log_scale_offset(depth_m[known], truth_m[known]))
            d1.append(depth_metrics(depth_m[known], truth_m[known])['d1'])
        rows.append((np.abs(offsets).mean(), np.diff(offsets).std(), np.mean(d1)))
    return rows


def numbers(depth_m, truth_m):
    """Return (scale error, delta1, AbsRel)."""
    known = truth_m > 0.0
    metrics = depth_metrics(depth_m[known], truth_m[known])
    offset = log_scale_offset(depth_m[known], truth_m[known])
    return abs(offset), metrics['d1'], metrics['abs_rel']


def scene_means(rows, when):
    """Return means over scenes of means over frames."""
    scenes = defaultdict(list)
    for row in rows:
        scenes[row.scene].append(getattr(row, when))
    return np.mean([np.mean(values, axis=0) for values in scenes.values()], axis=0), len(scenes)


def table(results):
    """Return the lines of a Markdown table."""
    lines = ['| | frames | with it in view | measured | scenes | scale error | delta1 | AbsRel |',
             '|---|---|---|---|---|---|---|---|']
    for (domain, anchor), (rows, count, could_see) in results.items():
        for when in ('before', 'after') if rows else ():
            (error, d1, abs_rel), scenes = scene_means(rows, when)
            lines.append(
                f'| {domain}, {when} {anchor} | {count} | {could_see} | {len(rows)} | {scenes} | '
                f'{error:.3f} | {d1:.3f} | {abs_rel:.3f} |')
    return lines


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data')
    parser.add_argument('--split', default='val')
    parser.add_argument('--model', default='lite')
    # OpenVINO would compile the network for every size of image in the data.
    parser.add_argument('--engine', default='torch')
    parser.add_argument('--simulated', nargs='+', metavar='KIND:SEED', default=[])
    parser.add_argument('--frames', type=int, default=60, help='of each simulated scene')
    options = parser.parse_args(arguments)
    if not options.data and not options.simulated:
        parser.error('give --data or --simulated')
    predictor = Predictor(options.model, device='cpu', engine=options.engine)
    if options.data:
        print('\n'.join(table(measure(open_dataset(options.data, options.split), predictor))))
    if options.simulated:
        print(f'| scale error / jitter / delta1 | {" | ".join(SETTINGS)} |\n'
              f'|---|{"---|" * len(SETTINGS)}')
    for scene in options.simulated:
        cells = [' / '.join(f'{number:.3f}' for number in row)
                 for row in simulated(scene, predictor, options.frames)]
        print(f'| {scene} | {" | ".join(cells)} |', flush=True)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except ScaleDepthError as error:
        sys.exit(f'scale_anchor: {error}')

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Writes simulated frames as a folder for training: pictures, 16-bit depth and an index.csv.

Scenes are independent of each other and of the number of workers: scene ``k`` of a seed is
always the same. Each finished scene leaves a small record, so that an interrupted run goes on
where it stopped, and a longer run extends a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import csv
from dataclasses import asdict, dataclass
import json
from multiprocessing import get_context
from pathlib import Path
import time

import cv2
import numpy as np
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.simulation.catalogue import make_scene, SCENE_KINDS
from scaledepth_ros.simulation.mesh import FloatArray
from scaledepth_ros.simulation.renderer import SimulatedCamera
from scaledepth_ros.simulation.sensor import SensorModel
from scaledepth_ros.simulation.viewpoints import random_view
from scaledepth_ros.whole_file import replacing

COLUMNS = (
    'split', 'domain', 'dataset', 'scene', 'category', 'rgb', 'depth', 'depth_scale', 'fx', 'fy',
    'cx', 'cy', 'kind', 'sensor', 'completed', 'licence', 'source_repo', 'commit',
)
# Shares of frames when all kinds are asked for; rooms vary most and are what robots see.
KIND_SHARES = {'room': 0.70, 'corridor': 0.08, 'street': 0.22}
_SETTINGS_FILE = 'simulate.json'
_INDEX_INTERVAL_S = 60.0
# Millimetres indoors; outdoors the 1/256 m of KITTI, which reaches 256 m.
_DEPTH_SCALE = {'room': 1000.0, 'corridor': 1000.0, 'street': 256.0}


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """
    What determines the content of a simulated data set.

    Args:
        kind: A scene kind, or 'all' for the mixture of ``KIND_SHARES``.
        width: Of the frames in pixels.
        height: Of the frames in pixels.
        seed: Of everything.
        views: Fewest and most frames of one scene.
        samples: Light samples per pixel.

    Raises:
        ConfigError: A value is unknown or out of range.
    """

    kind: str = 'all'
    width: int = 320
    height: int = 240
    seed: int = 0
    views: tuple[int, int] = (2, 3)
    samples: int = 2

    def __post_init__(self) -> None:
        if self.kind != 'all' and self.kind not in SCENE_KINDS:
            raise ConfigError(
                f'kind {self.kind!r} arrived, expected all or one of {", ".join(SCENE_KINDS)}'
            )
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096):
            raise ConfigError(
                f'size {self.width}x{self.height} arrived, sides of 16 to 4096 pixels are possible'
            )
        if self.seed < 0 or not 1 <= self.views[0] <= self.views[1] or self.samples < 1:
            raise ConfigError(
                f'seed={self.seed}, views={self.views}, samples={self.samples} arrived; the seed '
                'starts at 0, views and samples at 1, and views are (fewest, most)'
            )


@dataclass(frozen=True)
class SceneJob:
    """One scene of a data set: its number, kind, seed and number of frames."""

    number: int
    kind: str
    seed: int
    frames: int

    @property
    def name(self) -> str:
        """Return the scene id, unique within the data set."""
        return f'{self.kind}_{self.seed:010d}'


def jobs(settings: DatasetSettings, frames: int) -> Iterator[SceneJob]:
    """Yield the scenes that together have ``frames`` frames."""
    number = 0
    while frames > 0:
        rng = np.random.default_rng([settings.seed, number])
        kind = settings.kind
        if kind == 'all':
            names = list(KIND_SHARES)
            kind = str(rng.choice(names, p=[KIND_SHARES[name] for name in names]))
        seed = int(rng.integers(0, 2**32))
        views = int(rng.integers(settings.views[0], settings.views[1] + 1))
        yield SceneJob(number, kind, seed, views if views < frames else frames)
        frames -= views
        number += 1


def random_camera(rng: np.random.Generator, width: int, height: int, kind: str) -> CameraModel:
    """Draw the intrinsics of a Kinect, a RealSense, a phone, a webcam or a wide lens."""
    if kind == 'street':
        fov = rng.choice([rng.uniform(50, 65), rng.uniform(70, 90), rng.uniform(45, 95)])
    else:
        fov = rng.choice([rng.uniform(55, 63), rng.uniform(64, 72), rng.uniform(45, 90)])
    centred = CameraModel.from_fov(width, height, float(fov))
    return CameraModel(
        width=width, height=height, fx_px=centred.fx_px, fy_px=centred.fy_px,
        cx_px=centred.cx_px + float(rng.normal(0, 0.008)) * width,
        cy_px=centred.cy_px + float(rng.normal(0, 0.008)) * height,
    )


def render_scene(job: SceneJob, settings: DatasetSettings, folder: Path) -> list[dict[str, str]]:
    """
    Render the frames of one scene into ``folder``.

    Returns:
        Their rows of the index.
    """
    cv2.setNumThreads(1)
    scene = make_scene(job.kind, job.seed)
    rng = np.random.default_rng([settings.seed, job.number, 1])
    # One robot has one camera; its exposure and noise differ from scene to scene.
    sensor = SensorModel.sample(rng)
    camera = random_camera(rng, settings.width, settings.height, job.kind)
    simulated = SimulatedCamera(camera, scene, sensor=sensor, samples=settings.samples)
    scale = _DEPTH_SCALE[job.kind]
    domain = 'outdoor' if job.kind == 'street' else 'indoor'
    rows = []
    target = folder / domain / job.name
    target.mkdir(parents=True, exist_ok=True)
    for index in range(job.frames):
        frame = simulated.render(random_view(scene, rng), seed=int(rng.integers(0, 2**31)))
        stem = target / f'{index:03d}'
        quality = int(rng.integers(72, 96))
        _write(stem.with_suffix('.jpg'), frame.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        _write(stem.with_suffix('.png'), encode_depth(frame.depth_m, scale), [])
        relative = f'{domain}/{job.name}/{index:03d}'
        rows.append({
            'split': 'train', 'domain': domain, 'dataset': 'simulation', 'scene': job.name,
            'category': scene.category, 'rgb': f'{relative}.jpg', 'depth': f'{relative}.png',
            'depth_scale': f'{scale:g}', 'fx': f'{camera.fx_px:.3f}', 'fy': f'{camera.fy_px:.3f}',
            'cx': f'{camera.cx_px:.3f}', 'cy': f'{camera.cy_px:.3f}', 'kind': 'synthetic',
            'sensor': 'simulated', 'completed': '0', 'licence': 'Apache-2.0', 'source_repo': '',
            'commit': '',
        })
    return rows


def encode_depth(depth_m: FloatArray, scale: float) -> np.ndarray:
    """Convert metres to 16 bits; 0 where there is no depth or more than fits."""
    value = np.nan_to_num(depth_m, nan=0.0, posinf=0.0) * scale
    return np.where(value < 65535, np.rint(value), 0).astype(np.uint16)


def _write(path: Path, image: np.ndarray, options: list[int]) -> None:
    # cv2.imwrite() would not say why it failed.
    done, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(image), options)
    if not done:
        raise DatasetError(f'{path}: OpenCV cannot encode {image.dtype} {image.shape} as this.')
    with replacing(path) as part:
        part.write_bytes(encoded.tobytes())


def _run(job: SceneJob, settings: DatasetSettings, folder: Path) -> int:
    rows = render_scene(job, settings, folder)
    with replacing(_record(folder, job)) as part:
        part.write_text(json.dumps(rows))
    return len(rows)


def _record(folder: Path, job: SceneJob) -> Path:
    return folder / 'scenes' / f'{job.number:06d}.json'


def _finished(folder: Path, job: SceneJob) -> list[dict[str, str]] | None:
    """Return the rows of a finished scene; None when it is missing, damaged or too short."""
    try:
        rows: list[dict[str, str]] = json.loads(_record(folder, job).read_text())
    except (OSError, ValueError):
        return None
    return rows[: job.frames] if len(rows) >= job.frames else None


def write_dataset(
    folder: Path,
    settings: DatasetSettings,
    frames: int,
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> int:
    """
    Write or extend a data set.

    Args:
        folder: Where to; created if missing.
        settings: What to draw; must be those with which the folder was begun.
        frames: Total number of frames.
        workers: Processes to use.
        progress: Called with the number of frames that have come to be finished.

    Returns:
        The number of frames in the index.

    Raises:
        DatasetError: The folder holds a data set with other settings or cannot be written, or a
            process was ended from outside.
        ConfigError: The number of frames or workers is below 1.
    """
    if frames < 1 or workers < 1:
        raise ConfigError(
            f'frames={frames} and workers={workers} arrived, both must be at least 1'
        )
    try:
        _claim(folder, settings)
        return _write_frames(folder, settings, frames, workers, progress or (lambda count: None))
    except OSError as error:
        raise DatasetError(
            f'cannot write {error.filename or folder} ({error.strerror or error}): free space and '
            'repeat the command, it goes on where it stopped'
        ) from error


def _write_frames(
    folder: Path, settings: DatasetSettings, frames: int, workers: int,
    report: Callable[[int], None],
) -> int:
    """Render what is missing and list it; return the number of frames."""
    planned = list(jobs(settings, frames))
    waiting = [job for job in planned if _finished(folder, job) is None]
    report(frames - sum(job.frames for job in waiting))
    indexed_s = time.monotonic()

    def finish(count: int) -> None:
        nonlocal indexed_s
        if time.monotonic() - indexed_s > _INDEX_INTERVAL_S:
            # Training may start on what is there while the rest is being rendered.
            _write_index(folder, planned)
            indexed_s = time.monotonic()
        report(count)

    if workers == 1 or len(waiting) < 2:
        for job in waiting:
            finish(_run(job, settings, folder))
    else:
        # Fresh processes: forking a process that runs threads may hang.
        with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
            futures = [pool.submit(_run, job, settings, folder) for job in waiting]
            try:
                for future in as_completed(futures):
                    finish(future.result())
            except BrokenProcessPool as error:
                raise DatasetError(
                    f'one of {workers} processes was ended from outside, most likely because '
                    'memory ran out: repeat the command with fewer processes (--workers), it goes '
                    'on where it stopped'
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return _write_index(folder, planned)


def _claim(folder: Path, settings: DatasetSettings) -> None:
    """Create the folder, or check that it was begun with the same settings."""
    path = folder / _SETTINGS_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    try:
        (folder / 'scenes').mkdir(parents=True, exist_ok=True)
        if path.exists():
            found = json.loads(path.read_text())
            differing = [key for key in wanted if found.get(key) != wanted[key]]
            if differing:
                raise DatasetError(
                    f'{folder} was begun with other settings '
                    f'({", ".join(f"{key}={found.get(key)}" for key in differing)}): '
                    'repeat those, or choose another folder'
                )
            return
    except (OSError, ValueError) as error:
        raise DatasetError(f'cannot use {folder} as a data set folder: {error}') from error
    with replacing(path) as part:
        part.write_text(json.dumps(wanted, indent=1) + '\n')


def _write_index(folder: Path, planned: list[SceneJob]) -> int:
    """List the finished scenes in the order of their numbers; return the number of frames."""
    rows = [row for job in planned for row in _finished(folder, job) or []]
    with replacing(folder / 'index.csv') as part, part.open('w', newline='') as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)

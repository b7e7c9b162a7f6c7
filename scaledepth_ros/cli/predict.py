# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Turn images, a video or a bag into metric depth, without ROS.

For every frame NAME of the source, the output folder gets depth/NAME.png (16 bit, millimetres,
0 = unknown or beyond 65.535 m), strip/NAME.png to look at, and on request cloud/NAME.ply and
npy/NAME.npy (float32 metres, with NAME_sigma.npy beside it). predictions.csv has a row a frame.
NAME is that of the image without its ending, or with it where two images differ in it alone:
a.jpg and a.png become depth/a.jpg.png and depth/a.png.png. Folders are not searched below; images
of them that cannot be used are left out, with a warning each.
"""

import argparse
from collections.abc import Collection
from contextlib import suppress
import csv
from io import BytesIO, StringIO
from itertools import islice
import logging
from pathlib import Path
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.cli.source_arguments import (
    add_model_arguments,
    add_source_arguments,
    source_options,
    SOURCES,
)
from scaledepth_ros.depth_strip import draw_depth_strip, frame_caption, StripFrame
from scaledepth_ros.errors import ConfigError, ImageError, ScaleDepthError, SourceError
from scaledepth_ros.image_source import open_source
from scaledepth_ros.laser_scan import camera_pose
from scaledepth_ros.pointcloud import depth_to_points, known_mask
from scaledepth_ros.scale.anchor import CORRELATION_S
from scaledepth_ros.scale.tracker import ScaleTracker
from scaledepth_ros.source_options import ImageSource, SourceFrame
from scaledepth_ros.visualization import write_picture, write_pixels, write_ply
from scaledepth_ros.whole_file import make_output_folder, write_file
from tqdm import tqdm

_MAX_PNG_DEPTH_M = 65.535
# From a long telephoto lens to beyond the widest without distortion.
_USUAL_FOV_DEG = (2.0, 150.0)
_COLUMNS = ('name', 'time_s', 'width', 'height', 'median_m', 'scale_m', 'scale_factor', 'scene',
            'finite_share', 'beyond_png_share', 'inference_ms', 'abs_rel', 'd1', 'rmse')

_logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('source', help=SOURCES)
    parser.add_argument('--output', '-o', type=Path, required=True, metavar='DIR',
                        help='where to write; files of an earlier run are replaced')
    parser.add_argument('--every', type=int, default=1, metavar='N', help='take each N-th frame')
    parser.add_argument('--frames', type=int, metavar='N', help='stop after N frames')
    parser.add_argument('--npy', action='store_true', help='write depth and sigma as float32 too')
    parser.add_argument('--ply', action='store_true', help='write coloured clouds')
    parser.add_argument('--no-strips', action='store_true', help='draw no pictures')
    floor = parser.add_argument_group(
        'floor', 'tie the scale to the height of a camera above a level floor, where it sees some')
    floor.add_argument('--camera-height', type=float, metavar='M', help='height above the floor')
    floor.add_argument('--camera-pitch', type=float, default=0.0, metavar='DEG',
                       help='looking down is positive (default: 0)')
    floor.add_argument('--camera-roll', type=float, default=0.0, metavar='DEG',
                       help='leaning to the right is positive (default: 0)')
    add_source_arguments(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Predict every frame that can be read; 0 if there was at least one."""
    logging.basicConfig(format='%(levelname)s: %(message)s')
    for option, value in (('--every', args.every), ('--frames', args.frames)):
        if value is not None and value < 1:
            raise ConfigError(f'{option} is {value}; expected at least 1.')
    wanted = None if args.frames is None else (args.frames - 1) * args.every + 1
    floor = _Floor(args)
    source = open_source(args.source, source_options(args, frames=wanted))
    if args.npy:
        _check_sigma_names(source.frame_names)
    make_output_folder(args.output)
    # The network takes seconds to load, so what is wrong with the rest was told before.
    from scaledepth_ros.inference.predictor import Predictor

    predictor = Predictor(args.model, weights=args.weights, device=args.device,
                          engine=args.engine, precision=args.precision)
    print(f'model   {args.model} on {predictor.device} with {predictor.engine}\n'
          f'weights {predictor.weights.description}\n'
          f'source  {source.description}; intrinsics: {source.intrinsics}', flush=True)
    if source.intrinsics.startswith('ASSUMED'):
        print('        Distances scale with the focal length: state it with --fx, --camera or '
              '--fov.', flush=True)
    title = [f'ScaleDepth {args.model}    weights: {predictor.weights.description}',
             f'{source.description}    intrinsics: {source.intrinsics}']
    writer = _Writer(args, title)
    rows: list[dict[str, Any]] = []
    frames = tqdm(islice(source, 0, wanted, args.every), unit='frame', disable=None,
                  total=_expected(source, wanted, args.every))
    unfit = 0
    try:
        for frame in frames:
            if args.fx is not None and not rows and not unfit:
                _warn_of_odd_view(args.fx, frame.camera.horizontal_fov_deg)
            started_s = time.perf_counter()
            try:
                output = predictor.infer(frame.rgb_HW3, frame.camera)
            except ImageError as error:
                # The frames of anything but a folder are alike, and so is what is wrong with them.
                if not source.frame_names:
                    raise
                _logger.warning('%s: %s It is left out.', frame.name, error)
                unfit += 1
                continue
            inference_ms = 1e3 * (time.perf_counter() - started_s)
            rows.append(writer.write(frame, *floor.scaled(frame, output), inference_ms))
    except BaseException:
        # What is done stays of use, and the table says which of the files are of this run.
        if rows:
            with suppress(ScaleDepthError):
                writer.write_table(rows)
        raise
    finally:
        predictor.close()
    if not rows:
        raise SourceError(f'{source.description} has no frame that can be used.')
    writer.write_table(rows)
    _print_summary(rows, args.output, source.left_out + unfit)
    return 0


def _check_sigma_names(names: Collection[str]) -> None:
    """Refuse a frame whose depth would be written where another one's deviation is."""
    taken = set(names)
    for name in names:
        if f'{name}_sigma' in taken:
            raise ConfigError(
                f'--npy would write both the deviation of {name} and the depth of {name}_sigma '
                f'to npy/{name}_sigma.npy; rename one of the two images, or leave out --npy.')


def _warn_of_odd_view(focal_px: float, fov_deg: float) -> None:
    if not _USUAL_FOV_DEG[0] <= fov_deg <= _USUAL_FOV_DEG[1]:
        _logger.warning(
            '--fx %g makes a field of view of %.3g degrees of the first image, and depth scales '
            'with it; is it the focal length in pixels, not in millimetres?', focal_px, fov_deg)


class _Floor:
    """Ties frames to the floor, if its distance is known."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._pose: npt.NDArray[np.float64] | None = None
        if args.camera_height is None:
            if args.camera_pitch or args.camera_roll:
                raise ConfigError('--camera-pitch and --camera-roll say nothing without '
                                  '--camera-height; state that too.')
        elif not args.camera_height > 0.0:
            raise ConfigError(f'--camera-height is {args.camera_height}; expected metres above 0.')
        else:
            self._pose = camera_pose(args.camera_height, pitch_deg=args.camera_pitch,
                                     roll_deg=args.camera_roll)
        self._tracker = ScaleTracker(CORRELATION_S)

    def scaled(self, frame: SourceFrame, output: Any) -> tuple[Any, float]:
        """Return the output at its final scale, and the factor that brought it there."""
        if self._pose is None:
            return output, 1.0
        if frame.time_s is None:
            # Images that are no sequence say nothing about each other.
            self._tracker = ScaleTracker(CORRELATION_S)
        factor = self._tracker.update(frame.time_s or 0.0, float(output.scale_m), output.depth_m,
                                      frame.camera, self._pose).factor
        return output.rescaled(factor), factor


class _Writer:
    """Writes the files of one frame after the other."""

    def __init__(self, args: argparse.Namespace, title: list[str]) -> None:
        self._folder: Path = args.output
        self._title = title
        self._kinds = {'depth': True, 'strip': not args.no_strips, 'cloud': args.ply,
                       'npy': args.npy}
        for kind, is_wanted in self._kinds.items():
            if is_wanted:
                make_output_folder(self._folder / kind)

    def write(self, frame: SourceFrame, output: Any, scale_factor: float,
              inference_ms: float) -> dict[str, Any]:
        """Write what was asked for; give the row of the table."""
        depth_m: npt.NDArray[np.float32] = output.depth_m
        finite = np.isfinite(depth_m)
        median_m = float(np.median(depth_m[finite])) if finite.any() else float('nan')
        metrics = _metrics(depth_m, frame.truth_m_HW)
        write_depth_png(self._folder / 'depth' / f'{frame.name}.png', depth_m)
        if self._kinds['npy']:
            write_npy(self._folder / 'npy' / f'{frame.name}.npy', depth_m)
            write_npy(self._folder / 'npy' / f'{frame.name}_sigma.npy', output.uncertainty_m)
        if self._kinds['cloud']:
            write_ply(self._folder / 'cloud' / f'{frame.name}.ply',
                      depth_to_points(depth_m, frame.camera.rays()), frame.rgb_HW3,
                      comments=[*self._title,
                                'metres in the optical frame: x right, y down, z forward'])
        if self._kinds['strip']:
            write_picture(self._folder / 'strip' / f'{frame.name}.png', draw_depth_strip(
                self._title, [StripFrame(
                    caption=f'{frame.name}    {frame_caption(frame.time_s, median_m, metrics)}',
                    rgb_HW3=frame.rgb_HW3, depth_m=depth_m, truth_m=frame.truth_m_HW,
                    uncertainty_m=output.uncertainty_m)]))
        return {
            'name': frame.name, 'time_s': frame.time_s, 'height': depth_m.shape[0],
            'width': depth_m.shape[1], 'median_m': median_m, 'scale_m': output.scale_m,
            'scale_factor': scale_factor, 'scene': output.scene,
            'finite_share': float(finite.mean()),
            'beyond_png_share': float((depth_m > _MAX_PNG_DEPTH_M).mean()),
            'inference_ms': inference_ms,
            **{name: metrics[name] for name in ('abs_rel', 'd1', 'rmse') if metrics},
        }

    def write_table(self, rows: list[dict[str, Any]]) -> None:
        """Write predictions.csv."""
        text = StringIO(newline='')
        table = csv.DictWriter(text, _COLUMNS)
        table.writeheader()
        for row in rows:
            table.writerow({key: f'{value:.6g}' if isinstance(value, float) else value
                            for key, value in row.items()})
        # A name may hold bytes that are no UTF-8.
        write_file(self._folder / 'predictions.csv',
                   text.getvalue().encode(errors='backslashreplace'))


def write_depth_png(path: Path, depth_m: npt.NDArray[np.float32]) -> None:
    """
    Write depth as a 16-bit PNG in millimetres, as REP 118 has it for 16UC1.

    Args:
        path: Where to.
        depth_m: Depth [m], (H, W); what is not finite, not above 0 or beyond 65.535 m becomes 0.

    Raises:
        SourceError: The folder is missing, not writable or full; an older file is unchanged.

    """
    valid = (depth_m > 0) & (depth_m <= _MAX_PNG_DEPTH_M)
    stored = np.where(valid, np.rint(np.where(valid, depth_m, 0) * 1000), 0).astype(np.uint16)
    write_pixels(path, stored)


def write_npy(path: Path, values: npt.NDArray[np.float32]) -> None:
    """
    Write an array as numpy stores it.

    Raises:
        SourceError: The folder is missing, not writable or full; an older file is unchanged.

    """
    buffer = BytesIO()
    np.save(buffer, values)
    write_file(path, buffer.getvalue())


def _metrics(
    depth_m: npt.NDArray[np.float32], truth_m: npt.NDArray[np.float32] | None,
) -> dict[str, float] | None:
    if truth_m is None:
        return None
    from scaledepth_ros.evaluation.metrics import depth_metrics

    valid = known_mask(depth_m) & known_mask(truth_m)
    return depth_metrics(depth_m[valid], truth_m[valid]) if valid.any() else None


def _expected(source: ImageSource, wanted: int | None, every: int) -> int | None:
    counts = [count for count in (source.frame_count, wanted) if count is not None]
    return -(-min(counts) // every) if counts else None


def _print_summary(rows: list[dict[str, Any]], folder: Path, left_out: int) -> None:
    times_ms = sorted(row['inference_ms'] for row in rows)
    medians_m = [row['median_m'] for row in rows if row['finite_share']]
    print(f'frames  {len(rows)}, {times_ms[len(times_ms) // 2]:.1f} ms each (median), median '
          + (f'depth {np.median(medians_m):.2f} m' if medians_m else 'depth unknown'))
    measured = [row for row in rows if 'abs_rel' in row]
    if measured:
        print('error   ' + ', '.join(
            f'{label} {np.mean([row[key] for row in measured]):.3f}{unit}' for key, label, unit in
            (('abs_rel', 'AbsRel', ''), ('d1', 'delta1', ''), ('rmse', 'RMSE', ' m')))
            + f' (raw, {len(measured)} frames)')
    beyond = max(row['beyond_png_share'] for row in rows)
    if beyond > 0:
        print(f'note    up to {100 * beyond:.1f} % of a frame is beyond 65.535 m and 0 in its '
              'PNG; --npy keeps it')
    unknown = sum(not row['finite_share'] for row in rows)
    if unknown:
        print(f'note    {unknown} frame(s) have no finite depth; check the focal length')
    if left_out:
        print(f'note    {left_out} image(s) could not be used and are left out; the warnings say '
              'which and why')
    print(f'wrote   {folder}')

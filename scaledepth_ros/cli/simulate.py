# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Render rooms, corridors and streets with exact depth as training data.

Writes JPEG pictures, 16-bit depth and an index.csv that `train` and `evaluate` read. A run that
was interrupted goes on where it stopped; more --frames extend a finished one.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
import os
from pathlib import Path
import time

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.simulation.catalogue import SCENE_KINDS
from scaledepth_ros.simulation.dataset import DatasetSettings, write_dataset
from tqdm import tqdm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder to write; an existing one is continued')
    parser.add_argument('--kind', default='all', choices=('all', *SCENE_KINDS),
                        help='scenes to draw (default: %(default)s, mostly rooms)')
    parser.add_argument('--frames', type=int, default=1000, metavar='N',
                        help='frames in total (default: %(default)s)')
    parser.add_argument('--size', default='320x240', metavar='WxH',
                        help='frame size in pixels (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=0, metavar='N',
                        help='processes (default: one per CPU core)')
    parser.add_argument('--seed', type=int, default=0, metavar='S',
                        help='the same seed gives the same frames (default: %(default)s)')
    parser.add_argument('--samples', type=int, default=2, metavar='N',
                        help='light samples per pixel; 4 is cleaner and slower '
                        '(default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    width, height = _size(args.size)
    settings = DatasetSettings(
        kind=args.kind, width=width, height=height, seed=args.seed, samples=args.samples
    )
    workers = args.workers if args.workers else len(os.sched_getaffinity(0))
    started = time.monotonic()
    with ExitStack() as stack:
        bars: list[tqdm] = []

        def advance(count: int) -> None:
            if bars:
                bars[0].update(count)
            else:
                # Not before the folder is known to be fit. What an earlier run left counts as
                # done, not as speed.
                bars.append(stack.enter_context(tqdm(
                    total=args.frames, initial=count, unit='frame', desc='render',
                    smoothing=0.05)))

        total = write_dataset(
            args.output, settings, args.frames, workers=workers, progress=advance
        )
    elapsed = time.monotonic() - started
    fresh = total - bars[0].initial
    print(f'{total} frames in {args.output / "index.csv"}; {fresh} rendered in {elapsed:.0f} s '
          f'({fresh / max(elapsed, 1e-9):.1f} frames/s, {workers} processes)')
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition('x')
    if not (width.isdigit() and height.isdigit()):
        raise ConfigError(f'size {text!r} arrived, WIDTHxHEIGHT was expected, such as 320x240')
    return int(width), int(height)

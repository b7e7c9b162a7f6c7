# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Options that commands with an image source and a network share."""

import argparse
from pathlib import Path

from scaledepth_ros.source_options import SourceOptions

SOURCES = ('simulated[:room|corridor|street[:SEED]], a folder of images, an image, a video, a bag '
           'or /dev/videoN')


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what states the intrinsics of a source, and what concerns some kinds of it."""
    group = parser.add_argument_group('camera of the source (give at most one of the first three)')
    group.add_argument('--fx', type=float, metavar='PX', help='focal length in pixels')
    group.add_argument('--camera', type=Path, metavar='YAML',
                       help='calibration as camera_info_manager writes it')
    group.add_argument('--fov', type=float, metavar='DEG',
                       help='horizontal field of view in degrees')
    group.add_argument('--size', type=_size, metavar='WxH',
                       help='size of simulated images (default: 640x480), or asked of a device')
    group.add_argument('--topic', metavar='NAME',
                       help='image topic of a bag (default: its first colour topic with images)')


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what chooses the network and where it runs."""
    group = parser.add_argument_group('network')
    group.add_argument('--model', default='lite',
                       help='lite, nk, n or k, or a model file, *.safetensors (default: '
                       '%(default)s)')
    group.add_argument('--weights', type=Path, metavar='FILE',
                       help='weights (default: those of the preset)')
    group.add_argument('--device', default='auto',
                       help='auto, cpu, cuda or cuda:N (default: %(default)s)')
    group.add_argument('--engine', default='auto',
                       help='inference engine (default: the fastest that is installed)')
    group.add_argument('--precision', default='auto',
                       help='auto, fp32, fp16 or bf16 (default: %(default)s)')


def source_options(
    args: argparse.Namespace, *, frames: int | None = None, rate_hz: float | None = None,
) -> SourceOptions:
    """
    Collect the options of the source.

    Args:
        args: The parsed command line.
        frames: Number of simulated frames; None for the default.
        rate_hz: Frame rate of the source; None for the default.

    Raises:
        ConfigError: They contradict each other or are out of range.

    """
    width, height = args.size or (None, None)
    defaults = SourceOptions()
    return SourceOptions(
        camera_yaml=args.camera, focal_px=args.fx, horizontal_fov_deg=args.fov, width=width,
        height=height, image_topic=args.topic,
        frames=defaults.frames if frames is None else frames,
        rate_hz=defaults.rate_hz if rate_hz is None else rate_hz)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is no size; expected one like 640x480')
    return int(width), int(height)

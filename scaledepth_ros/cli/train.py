# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""``train``: train or fine-tune a network on RGB-D frames."""

import argparse
import math
from pathlib import Path
import shlex
import sys
from typing import Any

from scaledepth_ros.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.description = (
        'Train a network. Start several processes with torchrun to use several GPUs. A run that '
        'is stopped (Ctrl-C, --minutes, a crash) goes on with --resume, exactly as if it had not '
        'been.')
    parser.add_argument('--config', required=True, type=Path, help='config/train_*.yaml')
    parser.add_argument(
        '--data', action='append', default=[], metavar='SOURCE[:WEIGHT]',
        help='index.csv, a folder that holds one, or nyu:/path and the like; with a weight, its '
             'share of every batch. Repeat for more. Replaces data: of the configuration')
    parser.add_argument('--output', required=True, type=Path, help='folder of the run')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint')
    parser.add_argument('--set', action='append', default=[], dest='overrides',
                        metavar='KEY.PATH=VALUE', help='replace a value of the configuration')
    parser.add_argument('--steps', type=int, help='the same as --set steps=')
    parser.add_argument('--dev-scenes', metavar='FRACTION|NAMES',
                        help='hold out this share of the scenes (above 0, below 1), or these '
                             '(comma-separated), to make choices by')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument('--threads', type=int, help='CPU threads of the computation')
    parser.add_argument('--stop-at', type=int, metavar='STEP',
                        help='stop, with a checkpoint, after this step of the run')
    parser.add_argument('--minutes', type=float,
                        help='stop, with a checkpoint, after this time')


def run(args: argparse.Namespace) -> int:
    """Train; returns 0 when the run or its wanted part is done."""
    # torch and the trainer load only when this command runs.
    from scaledepth_ros.memory import keep_freed_memory
    from scaledepth_ros.training.config import config_from_mapping
    from scaledepth_ros.training.config_io import apply_overrides, read_yaml
    from scaledepth_ros.training.distributed import joined_processes
    from scaledepth_ros.training.trainer import RunOptions, Trainer
    import torch

    values = read_yaml(args.config)
    if args.data:
        values['data'] = [parse_source(text) for text in args.data]
    values = apply_overrides(values, args.overrides)
    if args.steps is not None:
        values['steps'] = args.steps
    if args.dev_scenes is not None:
        values['dev'] = {**(values.get('dev') or {}), **parse_dev_scenes(args.dev_scenes)}
    config = config_from_mapping(values)
    if args.threads is not None:
        if args.threads < 1:
            raise ConfigError(f'--threads is {args.threads}; expected at least 1.')
        torch.set_num_threads(args.threads)
    options = RunOptions(
        output=args.output, resume=args.resume, stop_at=args.stop_at, minutes=args.minutes,
        command=shlex.join(sys.argv))
    keep_freed_memory()
    with joined_processes(args.device) as processes:
        Trainer(config, options, processes).run()
    return 0


def parse_source(text: str) -> dict[str, Any]:
    """
    Split 'path:weight'; what follows the last colon is a weight only if it is a number.

    Args:
        text: As given to --data.
    """
    source, colon, tail = text.rpartition(':')
    try:
        weight = float(tail)
    except ValueError:
        return {'source': text}
    return {'source': source, 'weight': weight} if colon and source else {'source': text}


def parse_dev_scenes(text: str) -> dict[str, Any]:
    """
    Return the configuration that a share, or names with commas between, stand for.

    Args:
        text: As given to --dev-scenes. A number below 1 is a share, one from 1 on a name.

    Raises:
        ConfigError: It holds out nothing.
    """
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if 0 < share < 1:
        return {'fraction': share, 'scenes': []}
    names = [name.strip() for name in text.split(',') if name.strip()]
    if share <= 0 or not names:
        raise ConfigError(
            f'--dev-scenes is {text!r}, which holds out nothing; expected a share between 0 and 1 '
            'or names of scenes (a comma after a number makes it a name).')
    return {'fraction': 0.0, 'scenes': names}

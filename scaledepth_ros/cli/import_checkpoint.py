# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Convert a checkpoint of the ScaleDepth authors (mmengine, .pth) into a model file of this package.

Runs nothing that the file asks for, refuses one that does not fit by the names of its tensors,
drops what inference does not need (CLIP's text tower and image head), and says how much that was.
The result is used with ``Predictor('nk.safetensors')`` or the parameter ``model`` of the node.
"""

import argparse
from pathlib import Path

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.build import preset
from scaledepth_ros.model.checkpoint import save_model
from scaledepth_ros.model.official import import_official
from scaledepth_ros.model.official_file import read_official_file
from scaledepth_ros.whole_file import make_output_folder
import torch

_DTYPES = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('checkpoint', type=Path, help='iter_*.pth of the authors')
    parser.add_argument('output', type=Path, help='model file to write, *.safetensors')
    parser.add_argument('--variant', choices=('nk', 'n', 'k'), default='nk',
                        help='what the authors trained it on: NYU and KITTI (default), NYU, KITTI')
    parser.add_argument('--dtype', choices=sorted(_DTYPES), default='fp32',
                        help='type of the stored weights (default: fp32, exact)')


def run(args: argparse.Namespace) -> int:
    """Convert; the old output file survives any failure."""
    if args.output.suffix != '.safetensors':
        raise ConfigError(f'output is {args.output}; expected a name that ends in .safetensors.')
    # Reading takes a while, so a place that takes no file is found out before.
    make_output_folder(args.output.parent)
    print(f'reading {args.checkpoint}', flush=True)
    state, digest = read_official_file(args.checkpoint)
    model, report = import_official(state, preset(args.variant), str(args.checkpoint))
    print(report)
    save_model(
        model, args.output, dtype=_DTYPES[args.dtype],
        description=f'ScaleDepth-{args.variant.upper()} of the authors, from '
                    f'{args.checkpoint.name} (sha256 {digest[:16]})',
        extra={'source_sha256': digest})
    print(f'wrote {args.output}, {args.output.stat().st_size / 1e6:,.1f} MB')
    return 0

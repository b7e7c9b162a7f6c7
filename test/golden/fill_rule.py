# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Deterministic weights and inputs that anyone can rebuild, with numpy alone.

One PCG64 stream per string, seeded by the crc32 of its UTF-8 bytes. The golden arrays of this
folder were made by the official code under exactly these weights and inputs.
"""

import zlib

import numpy as np

EMBED = ('query_embed', 'query_feat', 'level_embed', 'level_encoding', 'token_embedding')
AFTER_RELU = (
    'mask_embed.2.weight',
    'mask_embed.4.weight',
    'mask_feature.weight',
    'ffn.layers.1.weight',
)


def rng(seed_string):
    """Return the stream of one string."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(seed_string.encode())))


def scale_and_mean(key, shape):
    """Return (s, m) for one state-dict key; the first rule that matches wins."""
    last = key.split('.')[-1]
    fan = 1.0 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 1.0
    if last == 'class_embeddings':
        return 0.001, 0.0
    if key.endswith('scale_predictor.fc.bias'):
        return 0.02, 2.0
    if key.endswith('sampling_offsets.bias'):
        return 0.5, 0.0
    if last == 'gamma':
        return 0.05, 0.5
    if len(shape) <= 1:
        return (0.05, 1.0) if last == 'weight' else (0.02, 0.0)
    if last == 'positional_embedding' or key.split('.')[-2] in EMBED:
        return 1.0, 0.0
    if key.endswith('cls_embed.weight'):
        return 1.5 * fan, 0.0
    if '.transformer_decoder.' in key:
        if last == 'in_proj_weight':
            return 1.5 * fan, 0.0
        if key.endswith('out_proj.weight'):
            return 0.2 * fan, 0.0
        if key.endswith('ffn.layers.1.weight'):
            return 0.3 * fan, 0.0
    return fan, 0.0


def fill(key, shape):
    """Return the float32 weight of one state-dict key."""
    s, m = scale_and_mean(key, shape)
    a = rng(key).standard_normal(tuple(shape)) * s + m
    if key.endswith(AFTER_RELU):
        # No offset common to all queries or pixels: it would open or close every mask at once.
        a = a - a.mean(axis=1, keepdims=True)
    return np.asarray(a, dtype=np.float32).reshape(tuple(shape))


def fill_all(keys_and_shapes):
    """Return {key: float32 array} for [(key, shape), ...], in sorted order of the keys."""
    return {k: fill(k, s) for k, s in sorted((k, tuple(s)) for k, s in keys_and_shapes)}


def uniform(seed_string, shape, lo, hi):
    """Return uniform float32 values in [lo, hi)."""
    return rng(seed_string).uniform(lo, hi, size=tuple(shape)).astype(np.float32)


def normal(seed_string, shape):
    """Return standard normal float32 values."""
    return rng(seed_string).standard_normal(tuple(shape)).astype(np.float32)

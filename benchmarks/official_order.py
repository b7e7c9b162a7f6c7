# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The published order of operations, written down plainly, for comparison with the package.

Same modules, same weights, same result; what differs is the work. Every decoder layer predicts
masks at stride 4 for all queries, resizes them to the level that the next layer attends, and
mixes its own relative depth; deformable attention looks up every level with ``grid_sample``;
positional encodings and reference points are made anew for each image; tensors stay in PyTorch's
default layout.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

HEADS = 8


def sine_encoding(like):
    """Return the encoding (B, C, H, W) of a feature map of this shape."""
    batch, channels, height, width = like.shape
    ones = torch.ones(batch, height, width)
    y, x = ones.cumsum(1), ones.cumsum(2)
    y = y / (y[:, -1:, :] + 1e-6) * 2 * math.pi
    x = x / (x[:, :, -1:] + 1e-6) * 2 * math.pi
    step = torch.arange(channels // 2)
    wavelength = 10000 ** (2 * (step // 2) / (channels // 2))
    parts = []
    for position in (y, x):
        angle = position[..., None] / wavelength
        parts.append(torch.stack(
            (angle[..., 0::2].sin(), angle[..., 1::2].cos()), dim=4).view(
                batch, height, width, -1))
    return torch.cat(parts, dim=3).permute(0, 3, 1, 2)


def deformable_attention(attention, query, value, reference, sizes):
    """Sample each level apart with grid_sample, stack the samples, and weigh them."""
    batch, queries, channels = query.shape
    levels, points = attention.levels, attention.points
    value = attention.value_proj(value).view(batch, -1, HEADS, channels // HEADS)
    offsets = attention.sampling_offsets(query).view(batch, queries, HEADS, levels, points, 2)
    weights = attention.attention_weights(query).view(
        batch, queries, HEADS, levels * points).softmax(-1)
    extent = torch.tensor([(width, height) for height, width in sizes])
    location = reference[:, :, None, :, None] + offsets / extent[None, None, None, :, None]
    grids = 2 * location - 1
    samples = []
    for level, part in enumerate(value.split([h * w for h, w in sizes], dim=1)):
        height, width = sizes[level]
        plane = part.flatten(2).transpose(1, 2).reshape(
            batch * HEADS, channels // HEADS, height, width)
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
        samples.append(F.grid_sample(
            plane, grid, mode='bilinear', padding_mode='zeros', align_corners=False))
    weights = weights.transpose(1, 2).reshape(batch * HEADS, 1, queries, levels * points)
    mixed = (torch.stack(samples, dim=-2).flatten(-2) * weights).sum(-1)
    return attention.output_proj(
        mixed.view(batch, channels, queries).transpose(1, 2).contiguous())


def pixel_decoder(decoder, features):
    """Return the embedding at stride 4 and the refined levels, coarsest first."""
    levels = [conv(x) for conv, x in zip(decoder.input_convs, features[:0:-1], strict=True)]
    sizes = [tuple(level.shape[-2:]) for level in levels]
    tokens, positions, references = [], [], []
    for index, level in enumerate(levels):
        height, width = sizes[index]
        tokens.append(level.flatten(2).transpose(1, 2))
        position = sine_encoding(level) + decoder.level_encoding[index].view(1, -1, 1, 1)
        positions.append(position.flatten(2).transpose(1, 2))
        x = (torch.arange(width) + 0.5) / width
        y = (torch.arange(height) + 0.5) / height
        references.append(torch.stack(torch.meshgrid(x, y, indexing='xy'), -1).reshape(-1, 2))
    query, position = torch.cat(tokens, 1), torch.cat(positions, 1)
    reference = torch.cat(references)[None, :, None].repeat(len(query), 1, len(sizes), 1)
    for layer in decoder.layers:
        attended = deformable_attention(
            layer.self_attn, query + position, query, reference, sizes)
        query = layer.norms[0](query + attended)
        query = layer.norms[1](query + layer.ffn(query))
    memory = [part.transpose(1, 2).reshape(len(query), -1, *size)
              for part, size in zip(query.split([h * w for h, w in sizes], 1), sizes, strict=True)]
    lateral = decoder.lateral_conv(features[0])
    fine = lateral + F.interpolate(
        memory[-1], size=lateral.shape[-2:], mode='bilinear', align_corners=False)
    return decoder.mask_feature(decoder.output_conv(fine)), memory


def attend(attention, query, key, value, mask=None):
    """Run PyTorch's own multi-head attention with the weights of ours."""
    out, _ = F.multi_head_attention_forward(
        query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), query.shape[-1], HEADS,
        attention.in_proj_weight, attention.in_proj_bias, None, None, False, 0.0,
        attention.out_proj.weight, attention.out_proj.bias, training=False, attn_mask=mask,
        need_weights=False)
    return out.transpose(0, 1)


def predict(model, query, embedding, next_size):
    """Return scale, relative depth at stride 4 and the mask of the next layer."""
    decoder, bins = model.query_decoder, model.query_decoder.bin_queries
    normalised = decoder.post_norm(query[:, :bins])
    widths = model.relative_depth.bin_embed(normalised).squeeze(-1).softmax(1)
    widths = F.pad(widths, (1, 0), value=model.config.min_relative_depth)
    edges = widths.cumsum(1)
    centres = 0.5 * (edges[:, 1:] + edges[:, :-1])
    logits = torch.einsum('bqc,bchw->bqhw', decoder.mask_embed(normalised), embedding)
    relative = (logits.softmax(1) * centres[:, :, None, None]).sum(1, keepdim=True)
    raw = model.scene_scale.fc(query[:, bins:].flatten(1))
    positive = raw.exp() if model.config.scale_activation == 'exp' else raw.relu()
    scale = positive + model.config.min_scale_m
    mask = F.interpolate(logits, next_size, mode='bilinear', align_corners=False)
    mask = mask.flatten(2).unsqueeze(1).repeat(1, HEADS, 1, 1).flatten(0, 1)
    return scale, relative, mask.sigmoid() < 0.5


def head(model, features):
    """Return the scale (B, 1) and the relative depth (B, 1, h, w) of every layer."""
    embedding, memory = pixel_decoder(model.pixel_decoder, features)
    decoder = model.query_decoder
    values = [level.flatten(2).transpose(1, 2) + decoder.level_embed[index]
              for index, level in enumerate(memory)]
    positions = [sine_encoding(level).flatten(2).transpose(1, 2) for level in memory]
    sizes = [level.shape[-2:] for level in memory]
    query = decoder.query_feat[None].repeat(len(embedding), 1, 1)
    embed = decoder.query_embed[None].repeat(len(embedding), 1, 1)
    _, _, mask = predict(model, query, embedding, sizes[0])
    outputs = []
    for index, layer in enumerate(decoder.layers):
        level = index % len(memory)
        mask[torch.where(mask.sum(-1) == mask.shape[-1])] = False
        free = mask.new_zeros(mask.shape[0], query.shape[1] - mask.shape[1], mask.shape[2])
        mask = torch.cat((mask, free), 1)
        query = layer.norms[0](query + attend(
            layer.cross_attn, query + embed, values[level] + positions[level], values[level],
            mask))
        query = layer.norms[1](query + attend(
            layer.self_attn, query + embed, query + embed, query))
        query = layer.norms[2](query + layer.ffn(query))
        scale, relative, mask = predict(
            model, query, embedding, sizes[(index + 1) % len(memory)])
        outputs.append((scale, relative))
    return outputs


def whole(model: nn.Module, image):
    """Return depth in metres (B, 1, H, W) of RGB images (B, 3, H, W), 0 to 255."""
    scale, relative = head(model, model.image_encoder(image))[-1]
    return F.interpolate(scale[:, :, None, None] * relative, image.shape[-2:], mode='bilinear',
                         align_corners=False)

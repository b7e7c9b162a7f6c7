# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A network of the published kind small enough for tests that run in a moment."""

from scaledepth_ros.model.build import build_model
from scaledepth_ros.model.scaledepth import ScaleDepthConfig
import torch

SMALL = ScaleDepthConfig(
    encoder='tf_efficientnet_lite0', channels=64, encoder_layers=1, decoder_layers=3,
    encoder_hidden=64, decoder_hidden=64, bin_queries=8, supervised_layers=((0, 0.5),))


def small_network(config=SMALL, seed=0):
    """Return a network in evaluation mode whose text embeddings are not zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(config).eval()
        model.scene_scale.text_embeddings.normal_()
        torch.nn.init.constant_(model.scene_scale.fc.bias, 2.0)
        # Fresh queries see everything alike; spread the masks.
        for layer in model.query_decoder.mask_embed[::2]:
            torch.nn.init.normal_(layer.weight, std=0.3)
    return model

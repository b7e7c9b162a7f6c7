# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
SASP, semantic-aware scale prediction: scale queries become the scene's scale in metres.

ScaleDepth section III-C. The queries are pulled towards the text embedding of the scene's
category while training; at inference they say how large the scene is, and what it is.

Legend: B batch, K scale queries, C channels, E = K * C text channels, G scene categories.
"""

from typing import Literal

from scaledepth_ros.model.precision import full_precision
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

Similarity = Literal['dot', 'cosine']
ScaleActivation = Literal['relu', 'exp']


class SceneScaleHead(nn.Module):
    """
    Predict the scale [m] and the scene category.

    Args:
        channels: C.
        queries: K.
        categories: G.
        min_scale_m: Lower bound of the scale.
        activation: 'relu', as published, or 'exp', which predicts the logarithm and so has a
            gradient at every scale.
        similarity: 'dot', as published, or 'cosine', which compares directions only, so that
            the length of a query is free to carry other things.
        temperature: Factor on the similarity before the softmax.
    """

    text_embeddings: Tensor

    def __init__(
        self, channels: int, queries: int, *, categories: int, min_scale_m: float,
        activation: ScaleActivation, similarity: Similarity, temperature: float,
    ) -> None:
        super().__init__()
        self.min_scale_m = min_scale_m
        self.activation = activation
        self.similarity = similarity
        self.temperature = temperature
        self.fc = nn.Linear(channels * queries, 1)
        self.register_buffer('text_embeddings', torch.zeros(categories, channels * queries))

    def scale_m(self, scale_query_BKC: Tensor) -> Tensor:
        """Return the scene scale (B, 1) in metres, never below min_scale_m."""
        query = scale_query_BKC.flatten(1).float()
        with full_precision(query):
            raw = F.linear(query, self.fc.weight.float(), self.fc.bias.float())
        positive: Tensor = raw.exp() if self.activation == 'exp' else raw.relu()
        return positive + self.min_scale_m

    def scene_logits(self, scale_query_BKC: Tensor) -> Tensor:
        """Return logits over the scene categories (B, G); a softmax makes probabilities."""
        query = scale_query_BKC.flatten(1).float()
        text = self.text_embeddings.float()
        if self.similarity == 'cosine':
            query, text = F.normalize(query, dim=-1), F.normalize(text, dim=-1)
        with full_precision(query):
            return self.temperature * (query @ text.T)

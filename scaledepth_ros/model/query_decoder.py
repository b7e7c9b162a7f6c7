# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The query decoder: bin and scale queries read the image through masked attention.

ScaleDepth section III-C/D on top of the masked-attention decoder of Mask2Former (Cheng et al.
2022, section 3.2). Bin queries carry the relative depth (ARDE), scale queries the scene scale
(SASP); they see each other in self-attention, and only bin queries are masked.

Legend: B batch, Q bin queries, K scale queries, C channels, T tokens of one level.
"""

from collections.abc import Sequence

from scaledepth_ros.model.attention import FeedForward, MultiheadAttention
from scaledepth_ros.model.pixel_decoder import LEVELS
from scaledepth_ros.model.positional_encoding import sine_encoding
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812


class DecoderLayer(nn.Module):
    """Cross-attention, self-attention, feed-forward; each added, then normalised."""

    def __init__(self, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.cross_attn = MultiheadAttention(channels, heads)
        self.self_attn = MultiheadAttention(channels, heads)
        self.ffn = FeedForward(channels, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(
        self, query: Tensor, query_embed: Tensor, key_BTC: Tensor, value_BTC: Tensor,
        blocked: Tensor,
    ) -> Tensor:
        """Return the updated queries (B, Q + K, C)."""
        query = self.norms[0](
            query + self.cross_attn(query + query_embed, key_BTC, value_BTC, blocked))
        placed = query + query_embed
        query = self.norms[1](query + self.self_attn(placed, placed, query))
        out: Tensor = self.norms[2](query + self.ffn(query))
        return out


class QueryDecoder(nn.Module):
    """
    Refine bin and scale queries over the three levels in turn.

    Args:
        channels: C.
        layers: Number of decoder layers; layer i reads level i mod 3, coarsest first.
        heads: Attention heads.
        hidden: Width of the feed-forward nets.
        bin_queries: Q.
        scale_queries: K; they are the last rows of the query tables.
    """

    def __init__(
        self, *, channels: int, layers: int, heads: int, hidden: int, bin_queries: int,
        scale_queries: int,
    ) -> None:
        super().__init__()
        self.bin_queries = bin_queries
        queries = bin_queries + scale_queries
        self.query_feat = nn.Parameter(torch.randn(queries, channels))
        self.query_embed = nn.Parameter(torch.randn(queries, channels))
        self.level_embed = nn.Parameter(torch.randn(LEVELS, channels))
        self.layers = nn.ModuleList(
            DecoderLayer(channels, heads, hidden) for _ in range(layers))
        self.post_norm = nn.LayerNorm(channels)
        self.mask_embed = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, channels))

    def forward(
        self, mask_features: Tensor, memory: Sequence[Tensor], keep: Sequence[int] | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """
        Decode.

        Args:
            mask_features: Per-pixel embedding (B, C, H/4, W/4).
            memory: Refined levels (B, C, H_i, W_i), coarsest first.
            keep: Indices of the layers whose queries are wanted; the last one if None.

        Returns:
            For each kept layer the bin queries (B, Q, C), normalised, and the scale queries
            (B, K, C), which are not.
        """
        wanted = {len(self.layers) - 1} if keep is None else set(keep)
        keys, values, pixels = [], [], []
        for level, feature in enumerate(memory):
            height, width = (int(side) for side in feature.shape[-2:])
            value_BTC = feature.flatten(2).transpose(1, 2) + self.level_embed[level]
            values.append(value_BTC)
            keys.append(value_BTC + sine_encoding(height, width, value_BTC.shape[-1], value_BTC))
            # Resizing is linear, so the mask of a level comes from the resized embedding: the
            # same numbers without ever computing masks at stride 4.
            pixels.append(F.interpolate(
                mask_features, size=(height, width), mode='bilinear',
                align_corners=False).flatten(2))
        query = self.query_feat.expand(mask_features.shape[0], -1, -1)
        outputs = []
        for index, layer in enumerate(self.layers):
            level = index % LEVELS
            blocked = self.blocked_keys(query, pixels[level])
            query = layer(query, self.query_embed, keys[level], values[level], blocked)
            if index in wanted:
                outputs.append((self.post_norm(query[:, :self.bin_queries]),
                                query[:, self.bin_queries:]))
        return outputs

    def mask_logits(self, bin_query_BQC: Tensor, pixels_BCT: Tensor) -> Tensor:
        """Return the similarity (B, Q, T) of normalised bin queries and pixels."""
        return torch.matmul(self.mask_embed(bin_query_BQC), pixels_BCT)

    def blocked_keys(self, query: Tensor, pixels_BCT: Tensor) -> Tensor:
        """
        Return where queries must not look: boolean, shape (B, Q + K, T).

        A bin query looks where its mask is at least 0.5. One that would see nothing sees
        everything; scale queries always do.
        """
        bins = self.post_norm(query[:, :self.bin_queries]).detach()
        blocked = self.mask_logits(bins, pixels_BCT).detach().sigmoid() < 0.5
        blocked = blocked & ~blocked.all(dim=-1, keepdim=True)
        unmasked = query.shape[1] - self.bin_queries
        return F.pad(blocked, (0, 0, 0, unmasked), value=False)

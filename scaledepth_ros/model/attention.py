# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Multi-head attention with one packed input projection.

Legend: B batch, N queries, T keys, C channels, H heads.
"""

import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812


class MultiheadAttention(nn.Module):
    """
    Scaled dot-product attention whose keys and values may differ.

    The projections of query, key and value lie in one (3 C, C) matrix in this order, as the
    published checkpoint stores them.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_normal_(self.in_proj_weight)
        nn.init.xavier_normal_(self.out_proj.weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query_BNC: Tensor, key_BTC: Tensor, value_BTC: Tensor,
        blocked_BNT: Tensor | None = None,
    ) -> Tensor:
        """
        Attend.

        Args:
            query_BNC, key_BTC, value_BTC: Inputs before projection.
            blocked_BNT: Boolean; True where a query must not see a key. A row that is all True
                has no defined result.

        Returns:
            Tensor of shape (B, N, C).
        """
        batch, queries, channels = query_BNC.shape
        query, key, value = (
            x.view(batch, -1, self.heads, channels // self.heads).transpose(1, 2)
            for x in self.project(query_BNC, key_BTC, value_BTC))
        allowed = None if blocked_BNT is None else ~blocked_BNT[:, None]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(batch, queries, channels))
        return out

    def project(
        self, query_BNC: Tensor, key_BTC: Tensor, value_BTC: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the projections of query, key and value, of the same shapes."""
        query, key, value = (
            F.linear(x, weight, bias) for x, weight, bias in zip(
                (query_BNC, key_BTC, value_BTC), self.in_proj_weight.chunk(3),
                self.in_proj_bias.chunk(3), strict=True))
        return query, key, value


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, hidden)
        self.activation = nn.ReLU(inplace=True)
        self.contract = nn.Linear(hidden, channels)
        for layer in (self.expand, self.contract):
            nn.init.xavier_normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x`` (..., C)."""
        out: Tensor = self.contract(self.activation(self.expand(x)))
        return out

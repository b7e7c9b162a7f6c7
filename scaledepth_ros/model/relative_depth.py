# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
ARDE, adaptive relative depth estimation: bin queries become a relative depth map.

ScaleDepth section III-D. The queries choose how the unit interval is cut into bins (AdaBins,
Bhat et al. 2021, eq. 2-3) and which pixel falls into which bin.

Legend: B batch, Q bins, H, W the size of the per-pixel embedding (stride 4).
"""

from typing import NamedTuple

from scaledepth_ros.model.precision import full_precision
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812


class RelativeDepth(NamedTuple):
    """
    Relative depth and its distribution.

    Attributes:
        mean: (B, 1, H, W), in (min, 1 + min); expected value over the bins.
        deviation: (B, 1, H, W), standard deviation of the bin mixture.
        edges: (B, Q + 1), increasing.
    """

    mean: Tensor
    deviation: Tensor
    edges: Tensor


class RelativeDepthHead(nn.Module):
    """
    Turn bin queries and mask logits into relative depth.

    Args:
        channels: Channels of a bin query.
        min_depth: Left edge of the first bin; keeps logarithms finite.
    """

    def __init__(self, channels: int, min_depth: float) -> None:
        super().__init__()
        self.min_depth = min_depth
        self.bin_embed = nn.Linear(channels, 1)

    def edges(self, bin_query_BQC: Tensor) -> Tensor:
        """Return bin edges (B, Q + 1) from min_depth to 1 + min_depth."""
        query = bin_query_BQC.float()
        with full_precision(query):
            logits = F.linear(query, self.bin_embed.weight.float(), self.bin_embed.bias.float())
        widths = logits.squeeze(-1).softmax(dim=-1)
        return F.pad(widths, (1, 0), value=self.min_depth).cumsum(dim=-1)

    def forward(self, bin_query_BQC: Tensor, mask_logits_BQHW: Tensor) -> RelativeDepth:
        """
        Mix the bin centres of every pixel.

        Args:
            bin_query_BQC: Normalised bin queries of one decoder layer.
            mask_logits_BQHW: Similarity of queries and pixels.

        Returns:
            The mean, the deviation sqrt(sum_q p_q (c_q - mean)^2) and the edges.
        """
        edges = self.edges(bin_query_BQC)
        centres_B1Q = (0.5 * (edges[:, :-1] + edges[:, 1:]))[:, None]
        batch, _, height, width = mask_logits_BQHW.shape
        share = mask_logits_BQHW.float().softmax(dim=1).flatten(2)
        # One product gives both moments; the squared deviation is exact to rounding because
        # relative depth lies in the unit interval.
        with full_precision(share):
            moments = torch.cat((centres_B1Q, centres_B1Q.square()), dim=1) @ share
        mean = moments[:, :1].view(batch, 1, height, width)
        square = moments[:, 1:].view(batch, 1, height, width)
        variance = (square - mean.square()).clamp(min=0)
        return RelativeDepth(mean, variance.sqrt(), edges)

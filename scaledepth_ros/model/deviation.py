# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
How far off the depth may be: a deviation that is learnt from the errors of the network itself.

The spread of the bin mixture says how the network composes a depth, not how wrong it is. This head
reads the per-pixel embedding and is trained by the likelihood of the error (Kendall and Gal 2017),
but with a stopped gradient: it watches the depth and never changes it.

Legend: B batch, C channels, H, W the size of the per-pixel embedding (stride 4).
"""

import math

from scaledepth_ros.model.precision import full_precision
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

_HIDDEN = 32
# Where an untrained head begins: about the error of a network that has learnt something.
_START = 0.2


class DeviationHead(nn.Module):
    """
    Turn per-pixel embeddings into a relative deviation.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, _HIDDEN, 1)
        self.log_deviation = nn.Linear(_HIDDEN, 1)
        nn.init.constant_(self.log_deviation.bias, math.log(_START))

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Return one standard deviation as a share of the depth, (B, 1, H, W), float32."""
        x = F.relu(self.hidden(pixels_BCHW.detach())).float()
        with full_precision(x):
            weight = self.log_deviation.weight.float()[:, :, None, None]
            return F.conv2d(x, weight, self.log_deviation.bias.float()).exp()

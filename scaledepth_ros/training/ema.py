# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""An exponential moving average of the weights."""

import copy

from scaledepth_ros.model.scaledepth import DepthNetwork
from scaledepth_ros.training.config import EmaConfig
import torch
from torch import Tensor


class WeightAverage:
    """
    A second network whose weights follow those of the first.

    Buffers, such as the statistics of batch normalisation, are copied: they are averages already.

    Args:
        model: The network that is trained.
        config: How slowly to follow.
    """

    def __init__(self, model: DepthNetwork, config: EmaConfig) -> None:
        self._config = config
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: DepthNetwork, step: int) -> None:
        """
        Move towards the weights of the network.

        Args:
            model: The network after an optimiser step.
            step: Number of that step, from 0.
        """
        decay = self._config.decay
        if self._config.warmup:
            decay = min(decay, (1 + step) / (10 + step))
        averages: list[Tensor] = list(self.model.parameters())
        weights: list[Tensor] = list(model.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)
        for average, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(buffer)

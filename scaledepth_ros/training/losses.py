# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The training loss of ScaleDepth (section III-E) and its options.

The defaults are what the published code does. Where that looks like an oversight, the variant
that one would expect is an option with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.scaledepth import NetworkOutput
from scaledepth_ros.training.loss_terms import (
    gradient_loss,
    Group,
    likelihood_loss,
    log_scale_loss,
    scale_invariant_log_loss,
    scene_loss,
    ScoreKind,
)
import torch
from torch import nn, Tensor
from torch.nn import functional as F  # noqa: N812

UNKNOWN_SCENE = -100


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """
    Weights and options of the loss; the defaults are the published behaviour.

    Attributes:
        depth_weight: Factor on the depth loss.
        mean_share: Part of a common factor that the depth loss punishes. The published 0.15
            hardly sees a wrong scale; towards 1 it counts as much as a wrong shape.
        log_offset_m: Added to both depths before the logarithm.
        depth_group: Pixels that share mean and variance. 'batch', as published, makes an image
            with dense ground truth outweigh one with few lidar points, and lets a scale that is
            wrong in opposite ways in two images count as shape; 'image' treats every image alike
            and does not depend on the batch size.
        max_depth_m: Ground truth beyond it is ignored; None: all of it counts (-K and -NK).
        scene_weight: Factor on the scene category's cross-entropy; 0 leaves the term out (-K).
        scene_scores: What the cross-entropy sees. 'probabilities', as published, takes the
            softmax of a softmax: the loss stays between 2.3 and 3.4 for 28 categories and has
            almost no gradient; 'logits' is the usual cross-entropy, and learns.
        scale_auxiliary_scene: Whether auxiliary layers weigh the scene term like their depth
            term. As published, False: it counts in full at every supervised layer.
        gradient_weight: Factor on the multi-scale gradient loss of the last layer, for sharper
            edges where ground truth is dense. Not in the paper; 0 leaves it out.
        gradient_levels: Its number of resolutions.
        log_scale_weight: Factor on |log S - log S*| of every supervised layer, S* being the scale
            that aligns R to the ground truth. Not in the paper; it teaches the scale directly,
            which little data needs. 0 leaves it out.
        nll_weight: Factor on the negative log-likelihood of the last layer's error under the
            stated uncertainty, the depth being taken as given. Not in the paper; a network whose
            uncertainty is 'learned' needs it. 0 leaves it out.
    """

    depth_weight: float = 10.0
    mean_share: float = 0.15
    log_offset_m: float = 0.001
    depth_group: Group = 'batch'
    max_depth_m: float | None = None
    scene_weight: float = 0.01
    scene_scores: ScoreKind = 'probabilities'
    scale_auxiliary_scene: bool = False
    gradient_weight: float = 0.0
    gradient_levels: int = 4
    log_scale_weight: float = 0.0
    nll_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ('depth_weight', 'mean_share', 'scene_weight', 'gradient_weight',
                     'log_scale_weight', 'nll_weight'):
            value = getattr(self, name)
            if not 0 <= value < float('inf'):
                raise ConfigError(f'{name} is {value!r}; expected a number of at least 0.')
        if not self.log_offset_m > 0:
            raise ConfigError(
                f'log_offset_m is {self.log_offset_m!r}; expected a positive number.')
        if self.max_depth_m is not None and not self.max_depth_m > 0:
            raise ConfigError(
                f'max_depth_m is {self.max_depth_m!r}; expected a positive number or None.')
        if not isinstance(self.gradient_levels, int) or self.gradient_levels < 1:
            raise ConfigError(f'gradient_levels is {self.gradient_levels!r}; expected a whole '
                              'number of at least 1.')
        for name, choices in (('depth_group', ('batch', 'image')),
                              ('scene_scores', ('probabilities', 'logits'))):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f'{name} is {getattr(self, name)!r}; expected one of {choices}.')


class ScaleDepthLoss(nn.Module):
    """
    Compare what the supervised decoder layers say with the ground truth.

    Args:
        config: Weights and options.
        supervised_layers: Index and weight of each auxiliary layer, in the order of the outputs,
            from ScaleDepthConfig.supervised_layers; the last layer follows with weight 1.
    """

    def __init__(
        self, config: LossConfig | None = None,
        supervised_layers: Sequence[tuple[int, float]] = (),
    ) -> None:
        super().__init__()
        self.config = config or LossConfig()
        self.supervised_layers = tuple(supervised_layers)

    def forward(
        self, outputs: Sequence[NetworkOutput], depth_m: Tensor, scene: Tensor | None = None,
        *, focal_ratio: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """
        Return the terms of the loss by name.

        Args:
            outputs: One for each auxiliary layer, then the last layer's.
            depth_m: (B, 1, H, W) ground truth in metres; not counted where it is not finite,
                not positive or beyond max_depth_m.
            scene: (B,) int64 category; negative where it is not known. None: not known at all.
            focal_ratio: (B,) focal length of the input over the network's canonical one; the
                scale is multiplied by it. None: 1.

        Returns:
            Scalars ``loss_depth``, ``loss_scene``, ... of the last layer and
            ``aux_loss_depth_<layer>``, ... of the auxiliary ones; their sum is the loss.

        Raises:
            ConfigError: The number of outputs is not that of the supervised layers.
        """
        if len(outputs) != len(self.supervised_layers) + 1:
            raise ConfigError(
                f'{len(outputs)} outputs arrived; expected {len(self.supervised_layers) + 1}, '
                'one for each auxiliary layer and the last layer (ScaleDepth.forward_layers).')
        depth_m = depth_m.float()
        valid = depth_m.isfinite() & (depth_m > 0)
        if self.config.max_depth_m is not None:
            valid = valid & (depth_m <= self.config.max_depth_m)
        # What is not valid may be NaN; a logarithm of it would spoil the gradient.
        depth_m = torch.where(valid, depth_m, 1.0)
        terms = {}
        *auxiliary, last = outputs
        for output, (layer, weight) in zip(auxiliary, self.supervised_layers, strict=True):
            said = self._layer(output, depth_m, valid, scene, focal_ratio, weight)
            terms.update({f'aux_loss_{name}_{layer}': value for name, value in said.items()})
        said = self._layer(last, depth_m, valid, scene, focal_ratio, None)
        terms.update({f'loss_{name}': value for name, value in said.items()})
        return terms

    def _layer(
        self, output: NetworkOutput, depth_m: Tensor, valid: Tensor, scene: Tensor | None,
        focal_ratio: Tensor | None, auxiliary_weight: float | None,
    ) -> dict[str, Tensor]:
        """Return the terms of one layer, the last one if it has no auxiliary weight."""
        config = self.config
        weight = 1.0 if auxiliary_weight is None else auxiliary_weight
        size = (depth_m.shape[-2], depth_m.shape[-1])
        relative = _resized(output.relative_depth, size)
        scale = output.scale_m.float()
        if focal_ratio is not None:
            scale = scale * focal_ratio.to(scale)[:, None]
        predicted = (scale[:, :, None, None] * relative + config.log_offset_m).log()
        difference = predicted - (depth_m + config.log_offset_m).log()
        terms = {'depth': config.depth_weight * weight * scale_invariant_log_loss(
            difference, valid, mean_share=config.mean_share, group=config.depth_group)}
        if config.scene_weight and scene is not None:
            share = weight if config.scale_auxiliary_scene else 1.0
            terms['scene'] = config.scene_weight * share * scene_loss(
                _said(output.scene_logits, 'scene_weight', 'scene'), scene, config.scene_scores)
        if config.log_scale_weight:
            terms['log_scale'] = config.log_scale_weight * weight * log_scale_loss(
                scale, relative, depth_m, valid)
        if auxiliary_weight is not None:
            return terms
        if config.gradient_weight:
            terms['gradient'] = config.gradient_weight * gradient_loss(
                difference, valid, config.gradient_levels)
        if config.nll_weight:
            # To first order, the deviation of a logarithm is the relative one.
            deviation = (_said(output.deviation, 'nll_weight', 'uncertainty')
                         / output.relative_depth.detach())
            terms['nll'] = config.nll_weight * likelihood_loss(
                difference, _resized(deviation, size), valid)
        return terms


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(values.float(), size=size, mode='bilinear', align_corners=False)


def _said(value: Tensor | None, key: str, what: str) -> Tensor:
    """Return an output that a term of the loss needs, or say which key asks for it in vain."""
    if value is None:
        raise ConfigError(f'loss.{key} is not 0, but the network predicts no {what}; set it to 0.')
    return value

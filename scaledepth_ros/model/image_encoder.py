# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The image encoder: a timm trunk as a feature pyramid at strides 4, 8, 16 and 32.

The published network uses the trunk of CLIP's convnext_large_d_320 (ScaleDepth section IV-B);
``lite`` uses EfficientNet-Lite0, which is made for CPUs (no squeeze-and-excitation, ReLU6).
"""

from collections.abc import Callable
from dataclasses import dataclass

from scaledepth_ros.errors import ConfigError
import timm
import torch
from torch import nn, Tensor

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True)
class _Trunk:
    channels: tuple[int, int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    build: Callable[[float], tuple[nn.Module, nn.Module]]


def _convnext(drop_path_rate: float) -> tuple[nn.Module, nn.Module]:
    trunk = timm.create_model(
        'convnext_large', pretrained=False, num_classes=0, drop_path_rate=drop_path_rate)
    return trunk.get_submodule('stem'), trunk.get_submodule('stages')


def _efficientnet_lite(name: str) -> Callable[[float], tuple[nn.Module, nn.Module]]:
    def build(drop_path_rate: float) -> tuple[nn.Module, nn.Module]:
        trunk = timm.create_model(name, pretrained=False, drop_path_rate=drop_path_rate)
        blocks = list(trunk.get_submodule('blocks').children())
        stem = nn.Sequential(
            trunk.get_submodule('conv_stem'), trunk.get_submodule('bn1'), blocks[0])
        # Seven block groups; resolution halves at groups 1, 2, 3 and 5.
        stages = nn.ModuleList(
            nn.Sequential(*blocks[first:last])
            for first, last in ((1, 2), (2, 3), (3, 5), (5, 7)))
        return stem, stages
    return build


_TRUNKS = {
    'convnext_large': _Trunk(
        channels=(192, 384, 768, 1536), mean=_CLIP_MEAN, std=_CLIP_STD, build=_convnext),
    'tf_efficientnet_lite0': _Trunk(
        channels=(24, 40, 112, 320), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
        build=_efficientnet_lite('tf_efficientnet_lite0')),
    'tf_efficientnet_lite1': _Trunk(
        channels=(24, 40, 112, 320), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
        build=_efficientnet_lite('tf_efficientnet_lite1')),
}


class ImageEncoder(nn.Module):
    """
    Normalise an image and run the trunk.

    Args:
        name: Trunk name, one of those in this file.
        drop_path_rate: Stochastic depth while training.

    Raises:
        ConfigError: The trunk is not known.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        if name not in _TRUNKS:
            raise ConfigError(f'encoder is {name!r}; expected one of {sorted(_TRUNKS)}.')
        trunk = _TRUNKS[name]
        self.channels = trunk.channels
        # Not saved: they belong to the trunk's name, as in the published checkpoint.
        self.register_buffer(
            'mean', 255 * torch.tensor(trunk.mean)[:, None, None], persistent=False)
        self.register_buffer(
            'std', 255 * torch.tensor(trunk.std)[:, None, None], persistent=False)
        self.stem, stages = trunk.build(drop_path_rate)
        self.stages = nn.ModuleList(stages.children())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16 and 32 of RGB images (B, 3, H, W), 0 to 255."""
        x = self.stem((image - self.mean) / self.std)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Colour augmentation with explicit randomness.

torchvision's random transforms draw from torch's global generator, so the result would depend on
what ran before. Here every parameter comes from the generator that is handed in, and only the
deterministic functions of ``torchvision.transforms.v2.functional`` are used.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import ConfigError
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F  # noqa: N812


@dataclass(frozen=True, kw_only=True)
class ColourConfig:
    """
    Strength and probability of each colour change; a probability of 0 turns it off.

    Factors are drawn log-uniformly from [1 / (1 + strength), 1 + strength], so that brighter and
    darker are as likely.

    Attributes:
        brightness: Strength of the brightness factor.
        contrast: Strength of the contrast factor.
        saturation: Strength of the saturation factor.
        gamma: Strength of the exponent.
        hue: Largest shift of the hue, in turns of the colour circle (0 .. 0.5).
        jitter_probability: Probability of each of the five changes above.
        grayscale_probability: Probability of losing all colour.
        blur_probability: Probability of a Gaussian blur.
        blur_sigma_px: Its largest standard deviation [px].
        noise_probability: Probability of Gaussian noise.
        noise_sigma: Its largest standard deviation, in grey levels of 255.
        jpeg_probability: Probability of JPEG artefacts.
        jpeg_quality: Lowest quality (0 .. 95).
        albumentations: Use the official training pipeline instead (see
            ``official_colour_jitter``); everything above is then ignored.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    gamma: float = 0.4
    hue: float = 0.05
    jitter_probability: float = 0.6
    grayscale_probability: float = 0.08
    blur_probability: float = 0.15
    blur_sigma_px: float = 1.5
    noise_probability: float = 0.2
    noise_sigma: float = 8.0
    jpeg_probability: float = 0.15
    jpeg_quality: int = 35
    albumentations: bool = False

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            limit = {'hue': 0.5, 'jpeg_quality': 95}.get(item.name)
            if item.name.endswith('_probability'):
                limit = 1.0
            if value < 0 or (limit is not None and value > limit):
                raise ConfigError(
                    f'Colour augmentation has {item.name} = {value!r}; expected 0 .. '
                    f'{limit if limit is not None else "any positive number"}.'
                )


def jitter_colour(
    image_3HW: Tensor, config: ColourConfig, rng: np.random.Generator
) -> Tensor:
    """
    Change the colours of an image at random.

    Args:
        image_3HW: uint8 RGB image.
        config: What to change and how strongly.
        rng: Source of all randomness.

    Returns:
        uint8 RGB image of the same size.
    """
    if config.albumentations:
        return official_colour_jitter(image_3HW, rng)

    def happens(probability: float) -> bool:
        return bool(rng.random() < probability)

    def factor(strength: float) -> float:
        return float(np.exp(rng.uniform(-1.0, 1.0) * np.log1p(strength)))

    if happens(config.jitter_probability):
        image_3HW = F.adjust_brightness(image_3HW, factor(config.brightness))
    if happens(config.jitter_probability):
        image_3HW = F.adjust_contrast(image_3HW, factor(config.contrast))
    if happens(config.jitter_probability):
        image_3HW = F.adjust_gamma(image_3HW, factor(config.gamma))
    if happens(config.jitter_probability):
        image_3HW = F.adjust_hue(image_3HW, float(rng.uniform(-config.hue, config.hue)))
    if happens(config.jitter_probability):
        image_3HW = F.adjust_saturation(image_3HW, factor(config.saturation))
    if happens(config.grayscale_probability):
        image_3HW = F.rgb_to_grayscale(image_3HW, num_output_channels=3)
    if happens(config.blur_probability):
        sigma_px = float(rng.uniform(0.2, max(config.blur_sigma_px, 0.2)))
        side = 2 * int(np.ceil(2.0 * sigma_px)) + 1
        image_3HW = F.gaussian_blur(image_3HW, [side, side], [sigma_px, sigma_px])
    if happens(config.noise_probability):
        sigma = float(rng.uniform(0.0, config.noise_sigma))
        noise_3HW = rng.standard_normal(tuple(image_3HW.shape), dtype=np.float32) * sigma
        noisy_3HW = image_3HW.float() + torch.from_numpy(noise_3HW)
        image_3HW = noisy_3HW.round().clamp(0, 255).to(torch.uint8)
    if happens(config.jpeg_probability):
        image_3HW = _through_jpeg(image_3HW, int(rng.integers(config.jpeg_quality, 96)))
    return image_3HW


def official_colour_jitter(image_3HW: Tensor, rng: np.random.Generator) -> Tensor:
    """
    Change colours as the official training does, each step with probability 0.5.

    Brightness and contrast (limits 0.2: I a + 255 b), gamma (0.8 .. 1.2), hue (20 of OpenCV's 180
    steps), saturation (30 of 255) and value (20 of 255).

    Args:
        image_3HW: uint8 RGB image.
        rng: Source of all randomness.
    """
    image_HW3 = np.ascontiguousarray(image_3HW.permute(1, 2, 0).numpy())
    levels = np.arange(256, dtype=np.float32)
    if rng.random() < 0.5:
        gain, offset = 1.0 + rng.uniform(-0.2, 0.2), 255.0 * rng.uniform(-0.2, 0.2)
        image_HW3 = _lookup(image_HW3, levels * gain + offset)
    if rng.random() < 0.5:
        image_HW3 = _lookup(image_HW3, 255.0 * (levels / 255.0) ** rng.uniform(0.8, 1.2))
    if rng.random() < 0.5:
        hue, saturation, value = (rng.uniform(-limit, limit) for limit in (20.0, 30.0, 20.0))
        hsv_HW3 = np.asarray(cv2.cvtColor(image_HW3, cv2.COLOR_RGB2HSV), dtype=np.uint8)
        hsv_HW3[..., 0] = ((hsv_HW3[..., 0].astype(np.int16) + round(hue)) % 180).astype(np.uint8)
        hsv_HW3[..., 1] = _lookup(hsv_HW3[..., 1], levels + saturation)
        hsv_HW3[..., 2] = _lookup(hsv_HW3[..., 2], levels + value)
        image_HW3 = np.asarray(cv2.cvtColor(hsv_HW3, cv2.COLOR_HSV2RGB), dtype=np.uint8)
    return torch.from_numpy(image_HW3).permute(2, 0, 1).contiguous()


def _through_jpeg(image_3HW: Tensor, quality: int) -> Tensor:
    """Encode as JPEG and decode again; OpenCV wants BGR both ways."""
    image_HW3 = np.ascontiguousarray(image_3HW.permute(1, 2, 0).numpy()[..., ::-1])
    encoded = cv2.imencode('.jpg', image_HW3, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded_HW3 = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return torch.from_numpy(decoded_HW3[..., ::-1].copy()).permute(2, 0, 1).contiguous()


def _lookup(image: NDArray[np.uint8], levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Map each grey level through a table that is rounded and clamped to uint8."""
    table: NDArray[np.uint8] = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return table[image]

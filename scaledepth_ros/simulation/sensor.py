# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""From scene radiance to the bytes of a camera: exposure, colour, lens, noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.simulation.mesh import FloatArray


@dataclass(frozen=True, kw_only=True)
class SensorModel:
    """
    Imaging chain of a camera; the defaults are a decent webcam with automatic exposure.

    Args:
        exposure_bias: Factor on the automatic exposure.
        white_balance: Gains of red, green, blue.
        vignette: Light lost in the corners, 0..1.
        shot_noise: Variance per unit of signal, in linear light with white = 1.
        read_noise: Standard deviation in linear light.
        blur_px: Standard deviation of the lens blur.
        bloom: Share of over-exposed light that spills around.
        contrast: Strength of the S-shaped tone curve, 0 = none.
        saturation: 1 leaves the colours, 0 makes the image grey.
        sharpen: Strength of the camera's edge enhancement.
    """

    exposure_bias: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.15
    shot_noise: float = 2e-4
    read_noise: float = 2e-3
    blur_px: float = 0.45
    bloom: float = 0.05
    contrast: float = 0.3
    saturation: float = 1.0
    sharpen: float = 0.0

    @staticmethod
    def sample(rng: np.random.Generator) -> SensorModel:
        """Draw a camera: from a good one to a cheap one with a colour cast."""
        warmth, tint = rng.normal(0, 0.08), rng.normal(0, 0.03)
        noise = float(10 ** rng.uniform(-4.3, -2.9))
        grey = rng.random() < 0.05
        return SensorModel(
            exposure_bias=float(2 ** rng.normal(0, 0.45)),
            white_balance=(
                float(np.exp(warmth)), float(np.exp(tint)), float(np.exp(-warmth))
            ),
            vignette=float(rng.uniform(0, 0.45)),
            shot_noise=noise,
            read_noise=float(np.sqrt(noise) * rng.uniform(0.05, 0.25)),
            blur_px=float(rng.uniform(0.25, 0.95)),
            bloom=float(rng.uniform(0, 0.15)),
            contrast=float(rng.uniform(0, 0.8)),
            saturation=0.0 if grey else float(rng.uniform(0.6, 1.25)),
            sharpen=float(rng.choice([0.0, 0.0, rng.uniform(0.2, 1.0)])),
        )

    def expose(self, radiance: FloatArray, rng: np.random.Generator) -> NDArray[np.uint8]:
        """
        Turn linear radiance (H,W,3) into an sRGB image (H,W,3) uint8.

        Args:
            radiance: Any unit; the exposure adapts to the middle and the highlights.
            rng: Source of the noise.
        """
        height, width = radiance.shape[:2]
        luminance = radiance.mean(-1)
        sample = luminance[::4, ::4]
        middle = float(np.exp(np.log(sample + 1e-4).mean()))
        bright = min(float(np.percentile(sample, 96)), 12 * middle)
        # A meter compromises between the middle grey and not burning the highlights.
        gain = self.exposure_bias / max(middle / 0.2 * 0.72 + bright / 1.2 * 0.28, 1e-6)
        linear = radiance * (np.float32(gain) * np.asarray(self.white_balance, np.float32))
        if self.bloom > 0:
            spill = cv2.GaussianBlur(
                np.clip(linear - 0.9, 0, 4), (0, 0), max(width / 60, 1.0)
            )
            linear = linear + np.float32(self.bloom) * spill
        if self.vignette > 0:
            y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
            linear = linear * (1 - np.float32(self.vignette / 2) * (x * x + y * y))[..., None]
        if self.blur_px > 0:
            linear = cv2.GaussianBlur(linear, (0, 0), self.blur_px)
        variance = np.clip(linear, 0, 1) * np.float32(self.shot_noise) + np.float32(
            self.read_noise**2
        )
        linear = linear + np.sqrt(variance) * rng.standard_normal(linear.shape, np.float32)
        # A soft shoulder above 0.8, as cameras have, instead of a hard clip.
        linear = np.clip(linear, 0, None)
        over = np.maximum(linear - 0.8, 0)
        linear = np.minimum(linear, 0.8) + 0.2 * (1 - np.exp(-over / 0.2))
        if self.saturation != 1.0:
            level = linear.mean(-1, keepdims=True)
            linear = np.clip(level + np.float32(self.saturation) * (linear - level), 0, 1)
        image = np.power(linear, np.float32(1 / 2.2))
        if self.contrast > 0:
            curve = image * image * (3 - 2 * image)
            image += np.float32(self.contrast * 0.6) * (curve - image)
        if self.sharpen > 0:
            image += np.float32(self.sharpen) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
        return np.asarray(np.clip(image * 255 + 0.5, 0, 255), np.uint8)

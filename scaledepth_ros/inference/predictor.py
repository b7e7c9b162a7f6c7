# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Predictor: an RGB image goes in, metric depth at the image's resolution comes out."""

from collections.abc import Sequence
from importlib import resources
import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import ConfigError, DeviceError, ImageError
from scaledepth_ros.inference.engines import Engine, EngineOutput, Floats
from scaledepth_ros.inference.engines.openvino_conversion import NetworkSource
from scaledepth_ros.inference.engines.select import make_engine
from scaledepth_ros.inference.engines.switching import PREPARATION_TIMEOUT_S, SwitchingEngine
from scaledepth_ros.inference.out_of_memory import GuardedEngine
from scaledepth_ros.inference.sliding_window import slide_flip
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import load_model, WeightsInfo
from scaledepth_ros.model.scaledepth import DepthNetwork, DepthOutput
from scaledepth_ros.model.scene_text import SCENE_CATEGORIES
from scaledepth_ros.preprocessing import check_rgb, network_size, to_network_input
import torch

MODES = ('whole', 'slide_flip')
_RANDOM_SEED = 0
# The published test configuration of -NK, (height, width) in pixels.
_CROP = (352, 512)
_STRIDE = (160, 160)


class Predictor:
    """
    Metric depth from single images.

    Args:
        model: Preset name ('lite', 'nk', 'n', 'k') or the path of a .safetensors model file.
        weights: Model file to use instead of the preset's own; its configuration counts.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        engine: 'auto', 'torch' or 'openvino'; 'auto' is OpenVINO on a CPU that has it.
        precision: 'auto', 'fp32', 'bf16' or 'fp16'; 'auto' is fp16 on CUDA and fp32 elsewhere.
        mode: 'whole', or 'slide_flip' for the published test-time augmentation of -NK, which
            takes eight network runs for a 640 x 480 image and is not meant for robots.
        image_size: (height, width) of the images to get ready for; others cost OpenVINO some
            seconds on their first image.
        background: Whether PyTorch serves a new size while a process of low priority converts
            the network for OpenVINO, instead of letting its first image wait. What `engine`
            says changes when that is done, and depth by rounding.

    Raises:
        CheckpointError: A weights file is missing or damaged.
        ConfigError: An unknown model, engine, precision or mode, or slide_flip with a network
            that resizes its images.
        DeviceError: The device or the engine is absent, or the engine computes something else.
    """

    def __init__(
        self, model: str = 'lite', *, weights: str | Path | None = None, device: str = 'auto',
        engine: str = 'auto', precision: str = 'auto', mode: str = 'whole',
        image_size: tuple[int, int] = (480, 640), background: bool = False,
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f'mode is {mode!r}; expected one of {MODES}.')
        network, self.weights = load_network(model, weights)
        self.config = network.config
        if mode == 'slide_flip' and self.config.input_pixels is not None:
            raise ConfigError(
                f'mode slide_flip cuts windows of {_CROP[1]} x {_CROP[0]} out of the image, but '
                f'{model} resizes it; use mode whole, or model nk, n or k.')
        if mode == 'slide_flip' and self.config.head != 'bins':
            raise ConfigError(f'mode slide_flip joins windows of bins, but {model} has head '
                              f'{self.config.head!r}; use mode whole.')
        self.mode = mode
        self.max_depth_m = network.config.max_depth_m
        self._has_scenes = network.has_scenes
        running, self.precision = make_engine(
            network, engine=engine, device=device, precision=precision,
            check_size=self.network_size(*image_size) if mode == 'whole' else _CROP,
            convert_beside=NetworkSource(
                model=model, weights=None if weights is None else str(weights),
                sha256=self.weights.sha256) if background else None)
        self._switching = running if isinstance(running, SwitchingEngine) else None
        self._engine: GuardedEngine | None = GuardedEngine(
            running, None if running.device == 'cpu' else lambda: _cpu_engine(model, weights))
        self.device = running.device
        self.engine = running.name
        # What is wrong although depth comes, such as a GPU without memory; empty if nothing is.
        self.problem = ''

    def infer(
        self, rgb_HW3: npt.NDArray[np.uint8], camera: CameraModel | None = None,
    ) -> DepthOutput:
        """
        Return the metric depth of one image.

        Args:
            rgb_HW3: RGB image, uint8.
            camera: Its intrinsics; without them the network's canonical field of view is
                assumed, and depth is wrong by the ratio of the focal lengths.

        Raises:
            ImageError: The image has the wrong shape or type.
            CameraInfoError: The intrinsics do not belong to an image of this size.
        """
        return self.infer_batch([rgb_HW3], [camera])[0]

    def infer_batch(
        self, images: Sequence[npt.NDArray[np.uint8]], cameras: Sequence[CameraModel | None],
    ) -> list[DepthOutput]:
        """
        Return the metric depth of several images with as few network runs as possible.

        Images whose network input has the same size share a run.

        Raises:
            ImageError, CameraInfoError: As infer; ImageError too if the counts differ.
        """
        if len(images) != len(cameras):
            raise ImageError(f'{len(images)} images came with {len(cameras)} cameras; expected '
                             'one camera, or None, for each image.')
        groups: dict[tuple[int, int], list[int]] = {}
        for index, (rgb, camera) in enumerate(zip(images, cameras, strict=True)):
            check_rgb(rgb)
            if camera is not None:
                camera.check_image(*rgb.shape[:2])
            groups.setdefault(self.network_size(*rgb.shape[:2]), []).append(index)
        outputs: dict[int, DepthOutput] = {}
        engine = self._running_engine()
        for size, indices in groups.items():
            batch = np.stack([to_network_input(images[index], size) for index in indices])
            said = engine.run(batch) if self.mode == 'whole' else _run_windows(engine, batch)
            for row, index in enumerate(indices):
                scale_m = float(said.scale_m[row, 0]) * self._focal_ratio(cameras[index], size)
                outputs[index] = self._output(
                    images[index].shape[:2], scale_m, said.relative_depth[row, 0],
                    None if said.deviation is None else said.deviation[row, 0],
                    None if said.scene_logits is None else said.scene_logits[row])
        self.device, self.engine = engine.device, engine.name
        self.problem = engine.problem or (self._switching.problem if self._switching else '')
        return [outputs[index] for index in range(len(images))]

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees an image of this size."""
        return network_size(height, width, self.config.input_pixels, self.config.size_divisor)

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a grey image, so that the first real one is as fast as the others."""
        self.infer(np.full((height, width, 3), 127, np.uint8))

    def wait_until_prepared(self, timeout_s: float = PREPARATION_TIMEOUT_S) -> bool:
        """Wait until nothing is being prepared in the background; False if that takes longer."""
        return self._switching is None or self._switching.wait_until_prepared(timeout_s)

    def close(self) -> None:
        """Free the network's memory; further calls raise DeviceError."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _running_engine(self) -> GuardedEngine:
        if self._engine is None:
            raise DeviceError('This predictor is closed; make a new one.')
        return self._engine

    def _focal_ratio(self, camera: CameraModel | None, size: tuple[int, int]) -> float:
        canonical = self.config.canonical_focal_px
        if canonical is None or camera is None:
            return 1.0
        # The two axes may be scaled a little differently; area keeps the mean of both.
        scale = math.sqrt((size[0] * size[1]) / (camera.height * camera.width))
        return camera.focal_px * scale / canonical

    def _output(
        self, shape: tuple[int, ...], scale_m: float, relative: npt.NDArray[np.float32],
        deviation: npt.NDArray[np.float32] | None, logits: npt.NDArray[np.float32] | None,
    ) -> DepthOutput:
        height, width = shape[:2]
        relative = _resize(relative, height, width)
        if deviation is None:
            deviation = np.full((height, width), np.nan, np.float32)
        else:
            deviation = _resize(deviation, height, width)
        depth_m = relative * np.float32(scale_m)
        if not np.isfinite(depth_m.sum()):
            depth_m[~np.isfinite(depth_m)] = np.nan
        probabilities = None
        if self._has_scenes and logits is not None:
            shifted = np.exp(logits - logits.max())
            probabilities = shifted / shifted.sum()
        return DepthOutput(
            depth_m=depth_m, relative_depth=relative,
            uncertainty_m=deviation * np.float32(scale_m * self.config.uncertainty_scale),
            scale_m=scale_m,
            scene=(SCENE_CATEGORIES[int(probabilities.argmax())]
                   if probabilities is not None else None),
            scene_probabilities=probabilities)


def _cpu_engine(model: str, weights: str | Path | None) -> Engine:
    """Return the engine that stands in where a GPU has no memory; it is loaded anew."""
    network, _ = load_network(model, weights)
    return make_engine(network, engine='torch', device='cpu', precision='fp32',
                       check_size=(0, 0))[0]


def _run_windows(engine: Engine, batch: Floats) -> EngineOutput:
    """Return what windows of a batch say together; S is the mean of the windows' scales."""
    scales, logits = [], []

    def run(window: Floats) -> Floats:
        said = engine.run(window)
        assert said.deviation is not None
        assert said.scene_logits is not None
        scales.append(said.scale_m)
        logits.append(said.scene_logits)
        metres = said.scale_m[..., None, None] * np.concatenate(
            (said.relative_depth, said.deviation), axis=1)
        return np.stack([[_resize(channel, *window.shape[2:]) for channel in image]
                         for image in metres])

    metres = slide_flip(run, batch, crop=_CROP, stride=_STRIDE)
    scale_m = np.stack(scales).mean(axis=0)
    relative = metres / scale_m[..., None, None]
    return EngineOutput(
        relative[:, :1], relative[:, 1:], scale_m, np.stack(logits).mean(axis=0))


def _resize(
    values: npt.NDArray[np.float32], height: int, width: int,
) -> npt.NDArray[np.float32]:
    return np.asarray(
        cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def load_network(model: str, weights: str | Path | None) -> tuple[DepthNetwork, WeightsInfo]:
    """
    Return a network and where its weights come from.

    Args:
        model: Preset name or the path of a model file.
        weights: Model file to use instead of the preset's own; its configuration counts.

    Raises:
        CheckpointError: A weights file is missing or damaged.
        ConfigError: The model is neither a preset nor a model file.
    """
    if weights is None and model.endswith('.safetensors'):
        return load_model(model)
    config = preset(model)
    packaged = resources.files('scaledepth_ros.model') / 'weights' / f'{model}.safetensors'
    if weights is not None:
        return load_model(weights)
    if packaged.is_file():
        with resources.as_file(packaged) as path:
            return load_model(path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_RANDOM_SEED)
        network = build_model(config).eval()
    description = f'{model}: random (untrained)'
    if model == 'nk':
        description += "; import-checkpoint makes weights from the authors' iter_40000.pth"
    return network, WeightsInfo(description=description, trained=False)

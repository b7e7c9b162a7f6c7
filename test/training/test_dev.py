# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Figures on held-out scenes."""

from collections.abc import Sequence

import numpy as np
import pytest
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.sample import FrameInfo, RgbdSample
from scaledepth_ros.inference.predictor import Predictor
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import save_model
from scaledepth_ros.model.scaledepth import NetworkOutput
from scaledepth_ros.training.dev import evaluate_frames, score
import torch
from torch import nn, Tensor


class Flat(nn.Module):
    """A network that says the same everywhere: 3 m at its canonical focal length."""

    config = preset('lite')

    def forward(self, image: Tensor) -> NetworkOutput:
        one = torch.ones(1, 1, 8, 8)
        return NetworkOutput(0.5 * one, one, torch.tensor([[6.0]]), one, one)


class Listed:
    """Frames from a list."""

    def __init__(self, samples: Sequence[RgbdSample]) -> None:
        self.samples = samples
        self.infos = [sample.info for sample in samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> RgbdSample:
        return self.samples[index]


def frame(scene: str, depth_m: float, domain: str = 'indoor', focal_px: float = 280.0):
    depth = np.full((240, 320), depth_m, np.float32)
    depth[:10] = np.nan
    return RgbdSample(
        info=FrameInfo(name=scene, dataset='d', domain=domain, scene=scene, width=320, height=240),
        rgb_HW3=np.full((240, 320, 3), 90, np.uint8), depth_m_HW=depth,
        camera=CameraModel(width=320, height=240, fx_px=focal_px, fy_px=focal_px, cx_px=160,
                           cy_px=120))


def test_scenes_count_alike_and_depth_scales_with_the_focal_length() -> None:
    frames = Listed([
        # 3 m everywhere: exact, exact, twice too near; and one exact with twice the focal length.
        frame('a', 3.0), frame('a', 3.0), frame('b', 6.0),
        frame('c', 6.0, 'outdoor', focal_px=560.0)])
    found = evaluate_frames(Flat(), frames, torch.device('cpu'))
    indoor, outdoor = found['indoor'], found['outdoor']
    assert (indoor['scenes'], indoor['frames']) == (2, 3)
    assert indoor['d1'] == pytest.approx(0.5)
    assert indoor['abs_rel'] == pytest.approx(0.25, abs=1e-6)
    assert indoor['scale_error'] == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert indoor['aligned_d1'] == 1.0
    assert outdoor['d1'] == 1.0
    assert outdoor['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert score(found) == pytest.approx(0.75)


def test_depth_beyond_the_range_of_the_network_does_not_count() -> None:
    assert Flat.config.max_depth_m == 80.0
    half = frame('a', 3.0)
    half.depth_m_HW[120:] = 100.0
    found = evaluate_frames(
        Flat(), Listed([half, frame('a', 80.0), frame('b', 90.0), frame('c', 90.0, 'outdoor')]),
        torch.device('cpu'))
    assert list(found) == ['indoor']
    assert (found['indoor']['scenes'], found['indoor']['frames']) == (1, 1)
    assert found['indoor']['d1'] == 1.0
    assert found['indoor']['scale_error'] == pytest.approx(0.0, abs=1e-6)


def test_the_figures_are_those_of_the_predictor(tmp_path) -> None:
    torch.manual_seed(3)
    model = build_model(preset('lite')).eval()
    sample = frame('a', 3.0, focal_px=333.0)
    rng = np.random.default_rng(0)
    sample = RgbdSample(info=sample.info, rgb_HW3=rng.integers(0, 255, (240, 320, 3), np.uint8),
                        depth_m_HW=sample.depth_m_HW, camera=sample.camera)
    found = evaluate_frames(model, Listed([sample]), torch.device('cpu'))['indoor']
    save_model(model, tmp_path / 'm.safetensors', description='d', dtype=torch.float32)
    predictor = Predictor(str(tmp_path / 'm.safetensors'), engine='torch', device='cpu')
    depth_m = predictor.infer(sample.rgb_HW3, sample.camera).depth_m[10:]
    assert found['abs_rel'] == pytest.approx(np.mean(np.abs(depth_m - 3) / 3), rel=1e-3)

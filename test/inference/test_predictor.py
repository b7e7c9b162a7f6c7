# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Predictor: arrays, units, focal length and errors."""

import dataclasses
from pathlib import Path

from clocks import least_thread_s
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import CameraModel, Predictor
from scaledepth_ros.errors import (
    CameraInfoError,
    CheckpointError,
    ConfigError,
    DeviceError,
    ImageError,
)
from scaledepth_ros.inference.predictor import load_network
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import save_model
from scaledepth_ros.model.scene_text import SCENE_CATEGORIES
from scaledepth_ros.pointcloud import apply_range, fill_cloud, flying_pixel_mask, POINT_STEP
from scaledepth_ros.preprocessing import network_size, to_network_input
import torch

Rgb = npt.NDArray[np.uint8]


def test_output_has_the_size_of_the_image_and_multiplies_to_metres(
        torch_predictor: Predictor, rgb: Rgb) -> None:
    out = torch_predictor.infer(rgb)
    for array in (out.depth_m, out.relative_depth, out.uncertainty_m):
        assert array.shape == (480, 640)
        assert array.dtype == np.float32
    np.testing.assert_allclose(out.depth_m, out.scale_m * out.relative_depth, rtol=1e-6)
    assert 0 < out.relative_depth.min() < out.relative_depth.max() < 1.001
    assert (out.uncertainty_m >= 0).all()
    assert out.scene in SCENE_CATEGORIES
    assert out.scene_probabilities is not None
    assert out.scene_probabilities.shape == (28,)
    assert out.scene_probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_output_is_what_the_network_says_resized(
        torch_predictor: Predictor, model_file: Path, rgb: Rgb) -> None:
    model, _ = load_network(str(model_file), None)
    image = torch.from_numpy(cv2.resize(rgb, (320, 240), interpolation=cv2.INTER_AREA))
    with torch.no_grad():
        said = model(image.permute(2, 0, 1)[None].float())
    expected = torch.nn.functional.interpolate(
        said.relative_depth * said.scale_m[..., None, None], (480, 640), mode='bilinear')
    np.testing.assert_allclose(
        torch_predictor.infer(rgb).depth_m, expected[0, 0].numpy(), rtol=1e-4)


def test_slide_flip_is_the_mean_of_windows_and_their_mirror_images(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = dataclasses.replace(preset('lite'), input_pixels=None, canonical_focal_px=None)
    path = tmp_path / 'window.safetensors'
    save_model(build_model(config), path, description='random, for tests', trained=False)
    rgb = np.random.default_rng(0).integers(0, 255, (352, 600, 3), np.uint8)
    whole = Predictor(str(path), engine='torch')
    total, count = np.zeros((352, 600)), np.zeros(600)
    scales = []
    for x in (0, 88):
        window = np.ascontiguousarray(rgb[:, x:x + 512])
        seen = whole.infer(window)
        mirrored = whole.infer(np.ascontiguousarray(window[:, ::-1]))
        total[:, x:x + 512] += seen.depth_m + mirrored.depth_m[:, ::-1]
        count[x:x + 512] += 2
        scales += [seen.scale_m, mirrored.scale_m]
    slid = Predictor(str(path), engine='torch', mode='slide_flip').infer(rgb)
    np.testing.assert_allclose(slid.depth_m, total / count, rtol=1e-4)
    assert slid.scale_m == pytest.approx(np.mean(scales), rel=1e-5)


def test_depth_grows_with_the_focal_length(torch_predictor: Predictor, rgb: Rgb) -> None:
    near = CameraModel(width=640, height=480, fx_px=300, fy_px=300, cx_px=319.5, cy_px=239.5)
    far = dataclasses.replace(near, fx_px=750.0, fy_px=750.0)
    first, second = torch_predictor.infer(rgb, near), torch_predictor.infer(rgb, far)
    np.testing.assert_allclose(second.depth_m, 2.5 * first.depth_m, rtol=1e-5)
    np.testing.assert_array_equal(first.relative_depth, second.relative_depth)
    # Seen at half size, a focal length of 560 is the canonical 280 of the network input.
    canonical = dataclasses.replace(near, fx_px=560.0, fy_px=560.0)
    assert torch_predictor.infer(rgb, canonical).scale_m == pytest.approx(
        torch_predictor.infer(rgb).scale_m, rel=1e-6)


def test_a_batch_of_mixed_sizes_equals_single_images(
        torch_predictor: Predictor, rgb: Rgb) -> None:
    wide = np.ascontiguousarray(rgb[100:260])
    images = [rgb, wide, rgb[:, ::-1].copy()]
    for one, many in zip([torch_predictor.infer(image) for image in images],
                         torch_predictor.infer_batch(images, [None] * 3), strict=True):
        np.testing.assert_allclose(many.depth_m, one.depth_m, rtol=2e-4)


def test_everything_but_the_network_is_cheap_beside_it(
        torch_predictor: Predictor, rgb: Rgb, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a VGA image to its depth, uncertainty and cloud, without the network."""
    engine = torch_predictor._engine
    assert engine is not None
    size = torch_predictor.network_size(480, 640)
    said = engine.run(to_network_input(rgb, size)[None])
    camera = CameraModel.from_fov(640, 480, 60)
    rays, cloud = camera.rays(), bytearray(640 * 480 * POINT_STEP)

    def network() -> None:
        engine.run(to_network_input(rgb, size)[None])

    def rest() -> None:
        out = torch_predictor.infer(rgb, camera)
        depth_m = apply_range(out.depth_m, 0.1, 80.0)
        depth_m[flying_pixel_mask(depth_m)] = np.nan
        fill_cloud(depth_m, rays, rgb, cloud)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network_s = least_thread_s(network)
    torch.set_num_threads(threads)
    monkeypatch.setattr(engine, 'run', lambda image: said)
    # Measured: 0.07 on an AMD EPYC, where the network takes 47 ms of one core; 0.05 on one that
    # takes 90 ms. A loop over the pixels would be more than the network.
    assert least_thread_s(rest) < 0.25 * network_s


@pytest.mark.parametrize(('image', 'says'), [
    (np.zeros((480, 640), np.uint8), r'\(480, 640\)'),
    (np.zeros((480, 640, 4), np.uint8), r'\(480, 640, 4\)'),
    (np.zeros((480, 640, 3), np.float32), 'float32'),
    (np.zeros((20, 640, 3), np.uint8), '640 x 20'),
    ('picture.png', 'str'),
])
def test_an_unusable_image_is_named(torch_predictor: Predictor, image: Rgb, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        torch_predictor.infer(image)


def test_intrinsics_of_another_size_are_refused(torch_predictor: Predictor, rgb: Rgb) -> None:
    with pytest.raises(CameraInfoError, match='320'):
        torch_predictor.infer(rgb, CameraModel.from_fov(320, 240, 60))


def test_a_closed_predictor_says_so(model_file: Path, rgb: Rgb) -> None:
    predictor = Predictor(str(model_file), engine='torch')
    predictor.close()
    predictor.close()
    with pytest.raises(DeviceError, match='closed'):
        predictor.infer(rgb)


def test_weights_say_where_they_come_from(model_file: Path) -> None:
    weights = Predictor(str(model_file), engine='torch').weights
    assert weights.description == 'lite: random, for tests'
    assert not weights.trained
    assert len(weights.sha256) == 64
    _, untrained = load_network('n', None)
    assert 'random (untrained)' in untrained.description
    assert not untrained.trained


@pytest.mark.parametrize(('arguments', 'error', 'says'), [
    ({'model': 'huge'}, ConfigError, 'huge'),
    ({'model': '/nowhere/model.safetensors'}, CheckpointError, 'does not exist'),
    ({'weights': '/nowhere/model.safetensors'}, CheckpointError, 'does not exist'),
    ({'engine': 'abacus'}, ConfigError, 'abacus'),
    ({'precision': 'fp8'}, ConfigError, 'fp8'),
    ({'mode': 'zigzag'}, ConfigError, 'zigzag'),
    ({'mode': 'slide_flip'}, ConfigError, 'lite resizes'),
    ({'device': 'toaster'}, DeviceError, 'toaster'),
    ({'device': 'cuda:77'}, DeviceError, 'cuda:77'),
])
def test_a_wrong_argument_is_named(
        arguments: dict[str, str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Predictor(**arguments)  # type: ignore[arg-type]


def test_network_size_keeps_the_aspect_ratio_and_the_pixel_count() -> None:
    assert network_size(480, 640, 76800, 16) == (240, 320)
    assert network_size(375, 1242, 76800, 16) == (160, 512)
    assert network_size(361, 641, None, 32) == (361, 641)
    for height, width in ((1080, 1920), (480, 640), (720, 1280), (240, 320), (1200, 600)):
        h, w = network_size(height, width, 76800, 16)
        assert h % 16 == w % 16 == 0
        assert h * w == pytest.approx(76800, rel=0.12)
        assert w / h == pytest.approx(width / height, rel=0.08)


def test_network_input_is_planar_rgb_without_scaling() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 200
    planes = to_network_input(image, (32, 32))
    assert planes.shape == (3, 32, 32)
    assert planes.dtype == np.float32
    np.testing.assert_array_equal(planes[0], 200)
    np.testing.assert_array_equal(planes[1:], 0)

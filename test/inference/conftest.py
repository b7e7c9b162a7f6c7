# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A model file with random weights and text embeddings, made once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import Predictor
from scaledepth_ros.model.build import build_model, preset
from scaledepth_ros.model.checkpoint import save_model
import torch


@pytest.fixture(scope='session')
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    model = build_model(preset('lite'))
    model.scene_scale.text_embeddings.normal_()
    path = tmp_path_factory.mktemp('model') / 'lite.safetensors'
    save_model(model, path, description='lite: random, for tests', trained=False)
    return path


@pytest.fixture(scope='session')
def torch_predictor(model_file: Path) -> Iterator[Predictor]:
    predictor = Predictor(str(model_file), engine='torch', device='cpu')
    yield predictor
    predictor.close()


@pytest.fixture
def rgb() -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:480, :640]
    return np.stack((x // 3, y // 2, (x // 40 + y // 40) % 2 * 255), axis=-1).astype(np.uint8)

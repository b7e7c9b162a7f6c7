# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Windows, mirror images and their mean; test/golden compares whole predictions.

The window lists are those of the official code for the sizes of its two data sets.
"""

import numpy as np
import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.inference.sliding_window import slide_flip, window_origins


@pytest.mark.parametrize(('size', 'origins'), [
    ((480, 640), [(0, 0), (0, 128), (128, 0), (128, 128)]),
    ((352, 1216), [(0, x) for x in (0, 160, 320, 480, 640, 704)]),
    ((352, 512), [(0, 0)]),
    ((300, 400), [(0, 0)]),
    ((353, 672), [(0, 0), (0, 160), (1, 0), (1, 160)]),
])
def test_windows_reach_the_border_and_not_beyond(size, origins):
    assert window_origins(*size, (352, 512), (160, 160)) == origins


@pytest.mark.parametrize('size', [(100, 150), (64, 96), (65, 97), (40, 300)])
def test_a_function_of_the_pixel_comes_back_unchanged(size):
    image = np.random.default_rng(0).random((2, 3, *size)).astype(np.float32)
    out = slide_flip(lambda x: 2 * x[:, :1], image, crop=(64, 96), stride=(32, 32))
    np.testing.assert_allclose(out, 2 * image[:, :1], rtol=1e-6)


def test_each_window_and_its_mirror_image_are_run_apart_and_averaged():
    image = np.arange(6, dtype=np.float32).reshape(1, 1, 1, 6)
    seen = []

    def run(window):
        seen.append(window.ravel().tolist())
        # Depends on the whole window, as a scale does, and on the side.
        return np.full_like(window, window[0, 0, 0, 0])
    out = slide_flip(run, image, crop=(1, 4), stride=(1, 2))
    assert seen == [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 4, 5], [5, 4, 3, 2]]
    # Windows say (0 + 3) / 2 and (2 + 5) / 2; in the middle they are averaged.
    assert out.ravel().tolist() == [1.5, 1.5, 2.5, 2.5, 3.5, 3.5]


def test_several_maps_are_averaged_at_once():
    image = np.random.default_rng(1).random((1, 2, 40, 50)).astype(np.float32)
    out = slide_flip(lambda x: np.concatenate((x, x**2), axis=1), image,
                     crop=(32, 32), stride=(16, 16))
    assert out.shape == (1, 4, 40, 50)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[:, 2:], image**2, rtol=1e-6)


@pytest.mark.parametrize(('crop', 'stride', 'says'), [
    ((0, 32), (16, 16), 'expected positive'),
    ((32, 32), (16, -1), 'expected positive'),
    ((32, 32), (33, 16), 'larger than crop'),
])
def test_unusable_windows_are_refused(crop, stride, says):
    with pytest.raises(ConfigError, match=says):
        slide_flip(lambda x: x, np.zeros((1, 1, 64, 64), np.float32), crop=crop, stride=stride)

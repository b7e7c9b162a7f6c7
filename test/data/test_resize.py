# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Resizing never makes up depth, and caches keep what they were given."""

from mini_frames import ListFrames, make_sample
import numpy as np
import pytest
from scaledepth_ros.data.cache import CachedFrames
from scaledepth_ros.data.resize import is_sparse, resize_depth, resize_rgb, resize_sample
from scaledepth_ros.errors import ConfigError


def _sparse(height=40, width=60, points=50):
    rng = np.random.default_rng(2)
    depth = np.full((height, width), np.nan, np.float32)
    depth.ravel()[rng.choice(depth.size, points, replace=False)] = rng.uniform(1, 9, points)
    return depth


@pytest.mark.parametrize('size', [(20, 30), (13, 17), (80, 120), (41, 59)])
@pytest.mark.parametrize('sparse', [False, True])
def test_every_resized_depth_occurs_in_the_original(size, sparse):
    dense = np.random.default_rng(1).uniform(1, 9, (40, 60)).astype(np.float32)
    depth = _sparse() if sparse else dense
    resized = resize_depth(depth, *size)
    known = np.isfinite(resized)
    assert resized.shape == size
    assert known.any()
    assert np.isin(resized[known], depth[np.isfinite(depth)]).all()


def test_sparse_points_survive_shrinking_and_the_nearest_wins():
    depth = np.full((4, 4), np.nan, np.float32)
    depth[0, 0], depth[1, 1], depth[3, 2] = 5.0, 3.0, 7.0
    assert is_sparse(depth)
    assert resize_depth(depth, 2, 2).tolist()[0][0] == 3.0
    assert resize_depth(depth, 2, 2)[1, 1] == 7.0
    assert np.isfinite(resize_depth(depth, 2, 2)).sum() == 2


def test_sparse_points_stay_points_when_enlarged():
    resized = resize_depth(_sparse(), 80, 120)
    assert np.isfinite(resized).sum() == 50


def test_dense_depth_is_not_blended_across_an_edge():
    depth = np.full((8, 8), 2.0, np.float32)
    depth[:, 3:] = 10.0
    assert set(np.unique(resize_depth(depth, 4, 4))) == {2.0, 10.0}


def test_colour_is_averaged_when_shrunk():
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[0] = 100
    assert resize_rgb(rgb, 1, 1).tolist() == [[[50, 50, 50]]]


def test_intrinsics_follow_the_size_and_depth_stays_metric():
    sample = make_sample(np.zeros((40, 60, 3), np.uint8), np.full((40, 60), 3.0), focal_px=50.0)
    small = resize_sample(sample, 20, 30)
    assert small.camera.focal_px == pytest.approx(25.0)
    assert (small.info.height, small.info.width) == (20, 30)
    assert (small.depth_m_HW == 3.0).all()


def test_a_cache_reads_each_frame_once_and_shrinks_it():
    rng = np.random.default_rng(0)
    source = ListFrames([
        make_sample(rng.integers(0, 255, (40, 60, 3), np.uint8), rng.uniform(1, 9, (40, 60)), 50.0)
        for _ in range(3)
    ])
    cache = CachedFrames(source, short_side_px=20)
    assert sum(source.reads) == 0
    assert (cache.infos[0].height, cache.infos[0].width) == (20, 30)
    first, again = cache[1], cache[1]
    assert source.reads == [0, 1, 0]
    assert np.array_equal(first.depth_m_HW, again.depth_m_HW)
    expected = resize_sample(source.samples[1], 20, 30)
    assert np.array_equal(first.rgb_HW3, expected.rgb_HW3)
    assert first.depth_m_HW == pytest.approx(expected.depth_m_HW, rel=5e-4)
    assert first.camera == expected.camera
    seen = []
    cache.preload(lambda done, total: seen.append((done, total)))
    assert source.reads == [1, 1, 1]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert cache.nbytes == 3 * 20 * 30 * (3 + 2)


def test_a_cache_does_not_enlarge():
    sample = make_sample(np.zeros((24, 32, 3), np.uint8), np.full((24, 32), 3.0), 50.0)
    assert CachedFrames(ListFrames([sample]), short_side_px=300)[0].camera == sample.camera
    with pytest.raises(ConfigError, match='short_side_px is 0'):
        CachedFrames(ListFrames([sample]), short_side_px=0)

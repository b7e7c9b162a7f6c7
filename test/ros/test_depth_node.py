# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process: what goes in, what comes out."""
from __future__ import annotations

import numpy as np
import pytest
from ros_harness import (
    cloud_array,
    depth_array,
    HEIGHT,
    make_image,
    make_info,
    OUTPUT_TYPES,
    WIDTH,
)

pytestmark = pytest.mark.ros


def test_every_output_of_one_image(start, join):
    start(model='known', min_range_m=2.0, max_range_m=40.0)
    peer = join(tuple(OUTPUT_TYPES))
    peer.wait_for_outputs()
    image = make_image()
    depth, info, sigma, cloud = peer.exchange(
        image, make_info(), 'depth/image', 'depth/camera_info', 'depth/uncertainty', 'points')
    for message in (depth, info, sigma, cloud):
        assert message.header == image.header
        assert (message.height, message.width) == (HEIGHT, WIDTH)

    assert (depth.encoding, depth.step, depth.is_bigendian) == ('32FC1', WIDTH * 4, 0)
    depth_m = depth_array(depth)
    assert np.isnan(depth_m[0]).all()
    assert np.isnan(depth_m[1, 0])
    assert np.isneginf(depth_m[1, 1:]).all()
    assert np.isposinf(depth_m[40, 1:]).all()
    assert depth_m[20, 30] == np.float32(20.3)
    assert (depth_array(sigma) == 0.25).all()

    assert not cloud.is_dense
    assert (cloud.point_step, cloud.row_step) == (16, WIDTH * 16)
    points = cloud_array(cloud)
    assert np.isnan(points['x'][~np.isfinite(depth_m)]).all()
    # Pixel (30, 20) of a camera with f = 50 and its axis at (31.5, 23.5).
    point = points[20, 30]
    np.testing.assert_allclose(
        [point['x'], point['y'], point['z']],
        [20.3 * (30 - 31.5) / 50, 20.3 * (20 - 23.5) / 50, 20.3], rtol=1e-6)
    assert point['rgb'] == (20 << 16) + (30 << 8) + 50
    assert peer.received['scale'][0].data == 7.5
    assert peer.received['scene'][0].data == 'kitchen'

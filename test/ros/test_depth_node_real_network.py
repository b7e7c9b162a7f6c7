# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The node's own executable with the packaged network."""
from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from ros_harness import cloud_array, depth_array, make_image, make_info, signal_until_it_ends

pytestmark = pytest.mark.ros


def test_damaged_weights_then_good_ones(start, join, tmp_path):
    damaged = tmp_path / 'damaged.safetensors'
    damaged.write_bytes(b'\x40\0\0\0\0\0\0\0{"not": "a network"')
    process = start(real=True, weights=str(damaged), device='cpu', engine='torch')
    peer = join()
    peer.wait_for_status('model', DiagnosticStatus.ERROR, 'damaged.safetensors', timeout_s=120)
    process.wait_for_log('cannot configure')
    assert peer.state() == 'unconfigured'

    assert peer.set_parameters(weights='')[0].successful
    assert peer.change_state('configure', timeout_s=240)
    assert peer.change_state('activate')
    peer.wait_for_outputs()
    image = make_image(160, 120)
    depth, cloud = peer.exchange(
        image, make_info(160, 120, fx=120.0), 'depth/image', 'points', timeout_s=60)
    assert depth.header == cloud.header == image.header
    depth_m = depth_array(depth)
    assert depth_m.shape == (120, 160)
    assert np.isfinite(depth_m).all()
    assert (depth_m > 0.0).all()
    points = cloud_array(cloud)
    # The cloud leaves out flying pixels, and nothing else.
    kept = np.isfinite(points['z'])
    assert kept.mean() > 0.5
    np.testing.assert_array_equal(points['z'][kept], depth_m[kept])
    sideways = depth_m * (np.arange(160) - 79.5) / 120
    np.testing.assert_allclose(points['x'][kept], sideways[kept], rtol=1e-5)
    # Supervisors grant two seconds; a busy machine may add to that.
    assert process.stop() < 5.0
    assert process.process.returncode == 0


def test_ctrl_c_that_arrives_twice_while_openvino_works(start, join):
    pytest.importorskip('openvino', reason='OpenVINO is not installed')
    process = start(real=True, device='cpu', engine='openvino')
    peer = join(('depth/image',))
    process.wait_for_log('listening to', timeout_s=240)
    peer.wait_for_outputs()
    peer.exchange(make_image(160, 120), make_info(160, 120), 'depth/image', timeout_s=60)
    peer.send(make_image(160, 120))
    assert signal_until_it_ends(process.process) == 0
    assert 'Traceback' not in process.log()


def test_configure_can_wait_for_the_faster_engine(start):
    pytest.importorskip('openvino', reason='OpenVINO is optional')
    process = start(real=True, device='cpu', prepare_in_background=False)
    process.wait_for_log('lite on cpu with openvino, weights: lite', timeout_s=240)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The file of the network changes, goes and comes back; the packaged network runs."""
from __future__ import annotations

import os
import shutil
import time

from bench import Bench
from diagnostic_msgs.msg import DiagnosticStatus
from outcome import Fault, Outcome
from ros_harness import PACKAGE_ROOT

_WEIGHTS = PACKAGE_ROOT / 'scaledepth_ros' / 'model' / 'weights' / 'lite.safetensors'


def model_file_removed(bench: Bench) -> Outcome:
    """Cut the file short, remove it, ask to load it anew, and put it back."""
    bench.camera.reset()
    path = bench.folder / 'robot.safetensors'
    shutil.copyfile(_WEIGHTS, path)
    node = bench.start_node(real=True, model='lite', weights=str(path), device='cpu',
                            engine='torch')
    node.wait_for_log('listening to', 120)
    bench.working()
    with bench.injection() as injection:
        # A node that maps the file into its memory would end with SIGBUS here.
        os.truncate(path, 0)
        bench.wait_for_depth(time.monotonic())
        path.unlink()
        bench.wait_for_depth(time.monotonic())
        assert bench.peer.change_state('deactivate')
        assert bench.peer.change_state('cleanup')
        assert not bench.peer.change_state('configure', timeout_s=60)
        assert bench.peer.state() == 'unconfigured'
        bench.peer.wait_for_status('model', DiagnosticStatus.ERROR, 'robot.safetensors')
        shutil.copyfile(_WEIGHTS, path)
        injection.over()
        assert bench.peer.change_state('configure', timeout_s=120)
        assert bench.peer.change_state('activate')
    return injection.outcome('depth goes on; configure fails with the reason until the file is '
                             'back; the time is that of loading')


FAULTS = (
    Fault('model file overwritten and removed', model_file_removed, slow=True),
)

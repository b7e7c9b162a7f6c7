# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The depth node with known depth and a network that fails on command.

The file that $SCALEDEPTH_FAULT names is read before each frame; it holds one of FAULTS or nothing.
"""
from __future__ import annotations

import os
from pathlib import Path
import sys
import time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'ros'))

from known_depth_node import KnownDepth, Output  # noqa: E402
import numpy as np  # noqa: E402
from scaledepth_ros.ros.depth_node import main  # noqa: E402

HUNGER_BYTES = 512 * 2**20


def _fail() -> None:
    raise RuntimeError('the driver did not answer')


def _run_out_of_memory() -> None:
    raise MemoryError('not enough memory: you tried to allocate 4294967296 bytes')


def _be_hungry() -> None:
    np.empty(HUNGER_BYTES, np.uint8)


FAULTS = {'fails': _fail, 'out of memory': _run_out_of_memory, 'hungry': _be_hungry,
          'slow': lambda: time.sleep(0.3), 'slow once': lambda: time.sleep(4.0),
          'stuck': lambda: time.sleep(600.0), 'not a number': lambda: None, '': lambda: None}


class FaultyDepth(KnownDepth):
    """Known depth, unless told otherwise."""

    def infer(self, rgb: Any, camera: Any = None) -> Output:
        """Return the known depth, or fail as the file says."""
        path = Path(os.environ['SCALEDEPTH_FAULT'])
        fault = path.read_text()
        if fault == 'slow once':
            path.write_text('')
        FAULTS[fault]()
        output = super().infer(rgb, camera)
        if fault == 'not a number':
            output.depth_m[:] = np.nan
        return output


if __name__ == '__main__':
    sys.exit(main(predictor_factory=FaultyDepth))

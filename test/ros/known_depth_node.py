# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The depth node with a network whose answer is known, for tests of everything around it.

Depth is ``row + column / 100`` metres, so that any mix-up of pixels shows; row 0 is 0 and pixel
(1, 0) is NaN. The parameter ``model`` chooses the behaviour: 'known', 'slow' (0.3 s a frame),
'stuck' (a frame takes ten minutes), 'failing' (every third frame raises), 'missing' (cannot be
loaded), 'loading' (takes ten minutes to load), 'large' (holds 200 MB), 'floor' (a floor 1 m below
a level camera and a wall, all at 1.25 times its distance).
"""
from __future__ import annotations

from dataclasses import dataclass, replace
import sys
import time
from typing import Any

import numpy as np
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.ros.depth_node import main
from scaledepth_ros.ros.parameters import DepthParameters


@dataclass
class Output:
    """The fields of DepthOutput that the node reads."""

    depth_m: Any
    uncertainty_m: Any
    scale_m: float = 7.5
    scene: str = 'kitchen'

    def rescaled(self, factor: float) -> Output:
        """Return the same at another scale."""
        factor_32 = np.float32(factor)
        return replace(self, depth_m=self.depth_m * factor_32, scale_m=self.scale_m * factor,
                       uncertainty_m=self.uncertainty_m * factor_32)


def floor_depth_m(height: int, width: int) -> Any:
    """Return the depth of a floor 1 m below a level camera of 50 px, and of a wall 10 m ahead."""
    below = (np.arange(height, dtype=np.float32) - (height - 1) / 2) / 50.0
    rows_m = np.where(below > 0.1, 1.0 / np.maximum(below, 0.1), 10.0)
    return np.repeat(rows_m[:, None], width, axis=1).astype(np.float32)


@dataclass
class Weights:
    """The fields of WeightsInfo."""

    description: str = 'known depth (test)'
    trained: bool = True
    sha256: str = '0' * 64


class KnownDepth:
    """Stands where the Predictor stands."""

    device, engine, precision, max_depth_m, weights = 'cpu', 'test', 'fp32', 40.0, Weights()
    problem = ''

    def __init__(self, parameters: DepthParameters) -> None:
        self._behaviour = parameters.model
        self._count = 0
        if self._behaviour == 'missing':
            raise CheckpointError('weights file /nowhere.safetensors does not exist')
        if self._behaviour == 'loading':
            time.sleep(600)
        self._held = np.ones(200_000_000 if self._behaviour == 'large' else 0, np.uint8)

    def warm_up(self, height: int, width: int) -> None:
        """Be ready at once."""

    def close(self) -> None:
        """Free nothing."""

    def infer(self, rgb: Any, camera: Any = None) -> Output:
        """Return the known depth at the size of the image."""
        self._count += 1
        time.sleep({'slow': 0.3, 'stuck': 600.0}.get(self._behaviour, 0.0))
        if self._behaviour == 'failing' and self._count % 3 == 0:
            raise MemoryError('out of memory')
        if self._behaviour == 'floor':
            depth_m = np.float32(1.25) * floor_depth_m(*rgb.shape[:2])
            return Output(depth_m, np.full_like(depth_m, 0.25))
        rows, columns = np.mgrid[0:rgb.shape[0], 0:rgb.shape[1]]
        depth_m = (rows + columns / 100).astype(np.float32)
        depth_m[0] = 0.0
        depth_m[1, 0] = np.nan
        return Output(depth_m, np.full_like(depth_m, 0.25))

    def infer_batch(self, images: Any, cameras: Any) -> list[Output]:
        """Return the known depth of each image; the scene tells the size of the batch."""
        outputs = [self.infer(rgb, camera)
                   for rgb, camera in zip(images, cameras, strict=True)]
        for output in outputs:
            output.scene = f'batch of {len(images)}'
        return outputs


if __name__ == '__main__':
    sys.exit(main(predictor_factory=KnownDepth))

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How far away the scenes of a training set are, as the network sees them."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from scaledepth_ros.data.augmentation import ASSUMED_FOV_DEG, source_focal_px
from scaledepth_ros.data.sample import FrameSource
from scaledepth_ros.evenly_spaced import evenly_spaced

# Frames of one scene look alike; a few of them say how far away it is.
_FRAMES_PER_SCENE = 4


def scene_depths(
    frames: FrameSource, indices: Iterable[int], *, frames_per_scene: int = _FRAMES_PER_SCENE,
) -> dict[str, float]:
    """
    Return the median depth of scenes, as a multiple of the width that it fills.

    Depth is divided by the focal length in image widths, as canonical depth is: a telephoto
    picture of a far thing looks like a picture of a near one, and is learnt as one.

    Args:
        frames: Frames with depth.
        indices: Which of them to look at.
        frames_per_scene: At most so many of each scene are read, evenly spread.

    Returns:
        Geometric mean over the frames of a scene of depth [m] * width / focal length, both in
        pixels. A scene whose frames have no depth is left out.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index in indices:
        members[frames.infos[index].scene].append(index)
    depths = {}
    for scene, candidates in members.items():
        logs = []
        for place in evenly_spaced(len(candidates), frames_per_scene):
            sample = frames[candidates[place]]
            known_m = sample.depth_m_HW[np.isfinite(sample.depth_m_HW)]
            if known_m.size:
                focal_px = source_focal_px(sample, ASSUMED_FOV_DEG)
                logs.append(np.log(np.median(known_m) * sample.info.width / focal_px))
        if logs:
            depths[scene] = float(np.exp(np.mean(logs)))
    return depths

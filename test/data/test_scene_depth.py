# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How far away scenes are, by numbers that were worked out by hand."""

import numpy as np
import pytest
from scaledepth_ros.data.rgbd_folder import RgbdFolder
from scaledepth_ros.data.scene_depth import scene_depths


def _depth(millimetres):
    return np.full((24, 32), millimetres, np.uint16)


def test_depth_is_the_geometric_mean_over_frames_in_widths_of_the_view(folder):
    folder.add('hall', depth=_depth(2000))
    folder.add('hall', depth=_depth(8000))
    # A lens twice as long: what it shows is as if it were half as far away.
    folder.add('tele', depth=_depth(4000), fx=60, fy=60)
    frames = RgbdFolder(folder.write(), 'train')
    depths = scene_depths(frames, range(3))
    assert depths == {
        'hall': pytest.approx(4.0 * 32 / 30), 'tele': pytest.approx(4.0 * 32 / 60)}
    assert scene_depths(frames, [2]) == {'tele': depths['tele']}


def test_the_focal_length_of_a_frame_without_one_is_that_of_60_degrees(folder):
    folder.add('phone', depth=_depth(1000), fx='', fy='', cx='', cy='')
    depths = scene_depths(RgbdFolder(folder.write(), 'train'), [0])
    assert depths['phone'] == pytest.approx(2 * np.tan(np.radians(30)))


def test_only_some_frames_of_a_scene_are_read_and_unknown_depth_is_no_depth(folder):
    for metres in (1, 50, 50, 50, 4):
        depth = _depth(1000 * metres)
        depth[:11] = 0
        folder.add('hall', depth=depth)
    frames = RgbdFolder(folder.write(), 'train')
    assert scene_depths(frames, range(5), frames_per_scene=2)['hall'] == pytest.approx(
        2.0 * 32 / 30)

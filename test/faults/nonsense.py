# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that no camera sends, as hypothesis strategies."""
from __future__ import annotations

import array
import random
from typing import TypeVar

from hypothesis import given, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from ros_harness import HEIGHT, make_image, make_info, WIDTH
from scaledepth_ros.ros.image_decoding import ENCODINGS
from sensor_msgs.msg import CameraInfo, Image

T = TypeVar('T')

_UINT32 = st.integers(0, 2**32 - 1)
_NUMBERS = st.sampled_from([float('nan'), float('inf'), -float('inf'), -1.0, 0.0, 1e300, 5e-324]
                           ) | st.floats()
_GOOD_STEP, _GOOD_SIZE = WIDTH * 3, WIDTH * HEIGHT * 3


@st.composite
def nonsense_image(draw: st.DrawFn) -> Image:
    """Draw an image in which one to three fields do not fit the others."""
    image = make_image()
    fields = draw(st.sets(st.sampled_from(
        ('step', 'data', 'encoding', 'height', 'width', 'endian')), min_size=1, max_size=3))
    if 'step' in fields:
        image.step = draw(st.sampled_from([0, 1, _GOOD_STEP - 1, _GOOD_STEP + 1]) | _UINT32)
    if 'data' in fields:
        length = draw(st.sampled_from([0, 1, _GOOD_SIZE - 1, _GOOD_SIZE + 1])
                      | st.integers(0, 2 * _GOOD_SIZE))
        image.data = array.array('B', random.Random(length).randbytes(length))
    if 'encoding' in fields:
        image.encoding = draw(st.sampled_from(['', 'rgb9', '32FC1', 'nv12', *ENCODINGS])
                              | st.text(st.characters(codec='utf-8', exclude_characters='\0'),
                                        max_size=60))
    if 'height' in fields:
        image.height = draw(st.sampled_from([0, HEIGHT - 1, HEIGHT + 1, 2**31]) | _UINT32)
    if 'width' in fields:
        image.width = draw(st.sampled_from([0, WIDTH - 1, WIDTH + 1, 2**31]) | _UINT32)
    if 'endian' in fields:
        image.encoding, image.is_bigendian = 'mono16', draw(st.integers(2, 255))
    return image


@st.composite
def nonsense_info(draw: st.DrawFn) -> CameraInfo:
    """Draw a CameraInfo with one field that no camera has."""
    info = make_info()
    info.header.frame_id = 'camera_optical_frame'
    field = draw(st.sampled_from(('k', 'd', 'model', 'size', 'roi', 'binning')))
    if field == 'k':
        info.k[draw(st.integers(0, 8))] = draw(_NUMBERS)
    elif field == 'd':
        info.d = draw(st.lists(_NUMBERS, min_size=1, max_size=20))
    elif field == 'model':
        info.distortion_model = draw(st.sampled_from(['', 'fancy', 'equidistant']))
    elif field == 'size':
        info.width, info.height = draw(_UINT32), draw(_UINT32)
    elif field == 'roi':
        info.roi.width, info.roi.x_offset = draw(_UINT32), draw(_UINT32)
    else:
        info.binning_x = draw(_UINT32)
    return info


def samples(strategy: st.SearchStrategy[T], count: int, *, seed: int = 0) -> list[T]:
    """Draw the same examples each time."""
    # given() would run a whole test for each example; this feeds one running process.
    drawn: list[T] = []

    @seeded(seed)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def collect(example: T) -> None:
        drawn.append(example)

    collect()
    # A strategy with few distinct examples runs out of them.
    return [drawn[index % len(drawn)] for index in range(count)]

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A cv_bridge that works is used, one that does not is done without, and said once."""
from __future__ import annotations

from pathlib import Path
import sys
from typing import Any

import numpy as np
import pytest
from scaledepth_ros.ros.cv_bridge_decoder import CvBridgeDecoder, find_cv_bridge
from sensor_msgs.msg import Image

IMAGE = Image(height=1, width=2, encoding='rgb8', step=6, data=bytes(6))
RGB = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)


class Bridge:
    """A cv_bridge that answers, or raises, what it is told to."""

    def __init__(self, *answers: Any):
        self.answers = list(answers)
        self.made = 0

    def __call__(self) -> Bridge:
        self.made += 1
        return self

    def imgmsg_to_cv2(self, _message: Any, _encoding: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_one_bridge_is_made_for_all_images(caplog: pytest.LogCaptureFixture) -> None:
    bridge = Bridge(RGB, RGB, RGB)
    decoder = CvBridgeDecoder(bridge)
    for _ in range(3):
        assert decoder.decode(IMAGE) is RGB
    assert bridge.made == 1
    assert caplog.text == ''


@pytest.mark.parametrize(('answer', 'reason'), [
    (SystemError('built for another NumPy'), 'SystemError: built for another NumPy'),
    (RGB[0], r'2x1 pixels became an array of type uint8 and shape (2, 3)'),
    (RGB.astype(np.float32), 'of type float32 and shape (1, 2, 3)'),
])
def test_one_that_fails_is_not_asked_again(
        answer: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    bridge = Bridge(RGB, answer, RGB)
    decoder = CvBridgeDecoder(bridge)
    assert decoder.decode(IMAGE) is RGB
    assert [decoder.decode(IMAGE) for _ in range(3)] == [None] * 3
    assert len(bridge.answers) == 1
    assert [record.levelname for record in caplog.records] == ['WARNING']
    assert reason in caplog.text
    assert 'images are decoded with OpenCV instead' in caplog.text


def test_a_lack_of_memory_passes(caplog: pytest.LogCaptureFixture) -> None:
    decoder = CvBridgeDecoder(Bridge(MemoryError(), RGB))
    assert decoder.decode(IMAGE) is None
    assert decoder.decode(IMAGE) is RGB
    assert caplog.text == ''


@pytest.mark.parametrize(('source', 'reason'), [
    ("raise SystemError('initialization failed')", 'SystemError: initialization failed'),
    ('import cv_bridge_boost_that_is_missing', 'ModuleNotFoundError: No module named'),
    ('class CvBridge:\n    def __init__(self): raise AttributeError("_ARRAY_API")',
     'AttributeError: _ARRAY_API'),
])
def test_one_that_cannot_be_loaded_is_said_when_it_is_wanted(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
        source: str, reason: str) -> None:
    (tmp_path / 'cv_bridge.py').write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    decoder = CvBridgeDecoder(find_cv_bridge())
    # The module as the next one finds it.
    sys.modules.pop('cv_bridge', None)
    assert caplog.text == ''
    assert [decoder.decode(IMAGE) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    assert reason in caplog.text


def test_where_there_is_none_nothing_is_said(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Hidden:
        """Stands before all other finders."""

        def find_spec(self, name: str, *_others: Any) -> None:
            if name == 'cv_bridge':
                raise ModuleNotFoundError(f'No module named {name!r}', name=name)

    monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    monkeypatch.setattr(sys, 'meta_path', [Hidden(), *sys.meta_path])
    assert find_cv_bridge() is None
    assert CvBridgeDecoder(None).decode(IMAGE) is None
    assert caplog.text == ''

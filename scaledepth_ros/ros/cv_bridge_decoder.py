# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Decoding with cv_bridge, for as long as the installed build works.

One that was built for another NumPy or OpenCV raises errors of many types, when it is imported or
when it is first used. Nothing depends on it: every encoding has an OpenCV path too.
"""
from __future__ import annotations

from collections.abc import Callable
import logging
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import error_text
from scaledepth_ros.inference.out_of_memory import is_out_of_memory

_log = logging.getLogger(__name__)


def find_cv_bridge() -> Callable[[], Any] | None:
    """Return what makes a CvBridge, or raises why it cannot; None where none is installed."""
    try:
        from cv_bridge import CvBridge
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == 'cv_bridge':
            return None
        failure = error

        def fail() -> Any:
            raise failure
        return fail
    return CvBridge


class CvBridgeDecoder:
    """Uses cv_bridge until it fails, which it says once in the log; not for several threads."""

    def __init__(self, make: Callable[[], Any] | None) -> None:
        """
        Take what makes a CvBridge.

        Args:
            make: None if there is none.

        """
        self._make = make
        self._bridge: Any = None

    def decode(self, message: Any) -> npt.NDArray[np.uint8] | None:
        """
        Decode a sensor_msgs/Image that has been checked.

        Args:
            message: of an encoding of 8 bits that cv_bridge reads, without padding.

        Returns:
            RGB (H, W, 3), or None where there is no cv_bridge that can.

        """
        if self._make is None:
            return None
        try:
            if self._bridge is None:
                self._bridge = self._make()
            rgb = self._bridge.imgmsg_to_cv2(message, 'rgb8')
        except Exception as error:
            # A lack of memory passes.
            if not is_out_of_memory(error):
                self._give_up(error_text(error))
            return None
        if rgb.dtype != np.uint8 or rgb.shape != (message.height, message.width, 3):
            self._give_up(f'{message.width}x{message.height} pixels became an array of type '
                          f'{rgb.dtype} and shape {rgb.shape}')
            return None
        return rgb

    def _give_up(self, reason: str) -> None:
        self._make = self._bridge = None
        _log.warning(
            'cv_bridge cannot be used (%s); images are decoded with OpenCV instead. Install one '
            'that was built for this NumPy and OpenCV.', reason)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of the scene from frame to frame."""

import math

from scaledepth_ros.errors import ConfigError

# Scales that differ by more than this factor belong to different scenes: a turn around a corner.
_CUT = math.log(1.3)
# After a longer silence the last scale says nothing about this one.
_LONGEST_GAP_S = 1.0


class ScaleFilter:
    """
    Smooths the logarithm of the scale, so that the relative depth of a frame is untouched.

    A first-order low-pass filter in the time of the frames' stamps. It starts anew at a scene cut
    and when time jumps back or stands for a while.

    Args:
        time_constant_s: After a step of the scale, 63 % of it have come through after this time;
            0 lets everything through.

    Raises:
        ConfigError: The time is negative or not finite.
    """

    def __init__(self, time_constant_s: float) -> None:
        if not (math.isfinite(time_constant_s) and time_constant_s >= 0.0):
            raise ConfigError(f'A time constant of {time_constant_s} s arrived; expected 0 or '
                              'more.')
        self._time_constant_s = time_constant_s
        self._stamp_s = -math.inf
        self._log_scale = 0.0

    def update(self, stamp_s: float, log_scale: float) -> float:
        """
        Return the smoothed logarithm of the scale.

        Args:
            stamp_s: Stamp of the frame; one that does not advance is the same moment, at which
                the scale cannot have changed.
            log_scale: Natural logarithm of its scale in metres.
        """
        elapsed_s = stamp_s - self._stamp_s
        if (self._time_constant_s > 0.0 and 0.0 <= elapsed_s <= _LONGEST_GAP_S
                and abs(log_scale - self._log_scale) <= _CUT):
            kept = math.exp(-elapsed_s / self._time_constant_s)
            log_scale += kept * (self._log_scale - log_scale)
        self._stamp_s, self._log_scale = stamp_s, log_scale
        return log_scale

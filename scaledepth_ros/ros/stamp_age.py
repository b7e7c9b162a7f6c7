# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the stamps of a camera's images and the node's clock belong together.

They do not where a bag is played without ``use_sim_time``, where ``use_sim_time`` is set and no
/clock comes, where a driver leaves its stamps at zero or takes them from another clock, and where
two machines are not synchronised. Depth comes out all the same, but its latency cannot be
measured, and TF and whatever synchronises topics by their stamps wait in vain.
"""
from __future__ import annotations

from collections import deque
import math
import statistics

MAX_AHEAD_S = 0.5
"""
How far a stamp may lie ahead of the node's clock.

Nothing is seen before it happens. But clocks that NTP keeps are milliseconds apart, and a
simulated one stands between two messages: a bag played at ten times its speed with 40 of them a
second is a quarter of a second ahead.
"""
MAX_AGE_S = 10.0
"""
How old an image may be when it arrives.

Exposure, driver and network take a fraction of a second, a second or two on a bad link. TF keeps
ten seconds unless told otherwise: what is older cannot be placed any more, whatever the cause.
"""
# A simulated clock may come a moment after the first images: that is no fault yet.
_LEAST_COUNT = 3
_LEAST_SPAN_S = 1.0
_WINDOW_S = 5.0

_YEAR_S = 365.25 * 86400.0
# Each up to where the next one is easier to read.
_UNITS = ((120.0, 1.0, 's'), (7200.0, 60.0, 'min'), (172800.0, 3600.0, 'h'),
          (2.0 * _YEAR_S, 86400.0, 'days'), (math.inf, _YEAR_S, 'years'))


def is_plausible(age_s: float) -> bool:
    """
    Tell whether an image can be this old when it arrives.

    Args:
        age_s: the node's clock less the image's stamp [s].

    """
    return -MAX_AHEAD_S <= age_s <= MAX_AGE_S


def duration_text(duration_s: float) -> str:
    """
    Return a duration with one decimal, in the unit in which a person would say it.

    Args:
        duration_s: not negative [s].

    """
    _limit, unit_s, name = next(unit for unit in _UNITS if duration_s < unit[0])
    return f'{duration_s / unit_s:.1f} {name}'


class StampAges:
    """The ages of a camera's images over the last few seconds; not for several threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._ages_s: deque[tuple[float, float]] = deque()
        self._stamp_ns = self._now_ns = 0

    def add(self, stamp_ns: int, now_ns: int, at_s: float) -> None:
        """
        Note an image that has arrived.

        Args:
            stamp_ns: its stamp.
            now_ns: the node's clock, which may be simulated.
            at_s: the time by a clock that neither jumps nor stands still.

        """
        self._stamp_ns, self._now_ns = stamp_ns, now_ns
        self._ages_s.append((at_s, (now_ns - stamp_ns) / 1e9))
        while len(self._ages_s) > _LEAST_COUNT and at_s - self._ages_s[0][0] > _WINDOW_S:
            self._ages_s.popleft()

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        self._ages_s.clear()

    def median_s(self) -> float:
        """Return the median age [s]; NaN if there was no image."""
        if not self._ages_s:
            return math.nan
        return statistics.median(age_s for _at_s, age_s in self._ages_s)

    def offset(self) -> str:
        """Return how far stamps and clock are apart if that cannot be right, '' otherwise."""
        if (len(self._ages_s) < _LEAST_COUNT
                or self._ages_s[-1][0] - self._ages_s[0][0] < _LEAST_SPAN_S):
            return ''
        age_s = self.median_s()
        if is_plausible(age_s):
            return ''
        side = 'ahead of' if age_s < 0.0 else 'behind'
        return f"image stamps are {duration_text(abs(age_s))} {side} the node's clock"

    def problem(self) -> str:
        """Return ``offset`` and what to do about it, '' if nothing is wrong."""
        offset = self.offset()
        if not offset:
            return ''
        if self._now_ns == 0:
            return (f'{offset}, which stands at 0: use_sim_time is set and no /clock has come; '
                    'play the bag with `ros2 bag play --clock`, or set use_sim_time to false')
        if self._stamp_ns == 0:
            return f'{offset}: they are 0, the camera driver does not set them'
        return (f'{offset}; for a bag set use_sim_time:=true and play it with '
                '`ros2 bag play --clock`, for a camera set use_sim_time:=false and synchronise '
                'the clocks (NTP, PTP)')

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Tying the scale of depth to measurements of it.

The network's scale is off by a factor that stays about the same in one place and is another one
in the next. Its logarithm is modelled as an Ornstein-Uhlenbeck process around 0 and estimated by
a Kalman filter (Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and
Navigation, 2001): the first measurement is believed at once, later ones are averaged, and without
any the correction fades, because the place changes.
"""

from dataclasses import dataclass
import math

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.scale.agreement import ScaleMeasurement

CORRELATION_S = 20.0
"""How long the factor of a place keeps its value, unless somebody knows better."""
# How far the network's scale is off, before anything is known: the mean scale error of `lite` in
# rooms that it does not know is 0.19 (see its model card).
_PRIOR_SIGMA = 0.25
# How far one frame's measurement is off: the floor's own depth is no plane.
_MEASUREMENT_SIGMA = 0.1
# A measurement is taken for no farther off than this many standard deviations.
_MAX_SIGMAS = 2.0


@dataclass(frozen=True, kw_only=True)
class ScaleCorrection:
    """
    What to do with the scale of a frame.

    Attributes:
        log_factor: Natural logarithm of the factor to multiply its depth with.
        sigma: Standard deviation of that, as far as the model holds.
        innovation: How far the frame's measurement was from what was expected; NaN without one.
        age_s: Time since the last measurement; inf if there was none.
    """

    log_factor: float
    sigma: float
    innovation: float
    age_s: float


class ScaleAnchor:
    """
    Estimates the factor between the network's scale and a measured one.

    Args:
        correlation_s: How long the factor of a place keeps its value, in seconds; after twice as
            long without a measurement an eighth of the correction is left.

    Raises:
        ConfigError: The time is not positive and finite.
    """

    def __init__(self, correlation_s: float) -> None:
        if not (math.isfinite(correlation_s) and correlation_s > 0.0):
            raise ConfigError(f'A correlation time of {correlation_s} s arrived; expected a '
                              'positive number.')
        self._correlation_s = correlation_s
        self.reset()

    def reset(self) -> None:
        """Forget all measurements, as after a jump of the clock."""
        self._log_factor = 0.0
        self._variance = _PRIOR_SIGMA ** 2
        self._stamp_s = -math.inf
        self._measured_s = -math.inf

    def update(self, stamp_s: float, measurement: ScaleMeasurement | None) -> ScaleCorrection:
        """
        Take in one frame.

        Args:
            stamp_s: Stamp of the frame; one before the last starts anew, and what is measured at
                one stamp is averaged.
            measurement: What the frame says, on its own, about its scale.
        """
        if stamp_s < self._stamp_s:
            self.reset()
        kept = math.exp(-(stamp_s - self._stamp_s) / self._correlation_s)
        self._log_factor *= kept
        self._variance = kept * kept * self._variance + (1.0 - kept * kept) * _PRIOR_SIGMA ** 2
        self._stamp_s = stamp_s
        innovation = math.nan
        if measurement is not None:
            innovation = measurement.log_factor - self._log_factor
            expected = self._variance + _MEASUREMENT_SIGMA ** 2
            limit = _MAX_SIGMAS * math.sqrt(expected)
            gain = self._variance / expected
            self._log_factor += gain * min(max(innovation, -limit), limit)
            self._variance *= 1.0 - gain
            self._measured_s = stamp_s
        return ScaleCorrection(
            log_factor=self._log_factor, sigma=math.sqrt(self._variance), innovation=innovation,
            age_s=stamp_s - self._measured_s)

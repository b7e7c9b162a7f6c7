# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Lens distortion: the forward models of OpenCV and their inverses.

All coordinates are normalised image coordinates, ``x = X / Z`` and ``y = Y / Z``, before the
camera matrix is applied. The inverse is defined only where the forward model is one to one,
that is from the optical axis outwards until the image of a ray stops moving outwards; beyond
that it is NaN, never a guess on the wrong branch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import CameraInfoError

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Known models, named as in sensor_msgs/distortion_models.hpp, and their coefficient counts.
DISTORTION_COEFFICIENTS: dict[str, tuple[int, ...]] = {
    'plumb_bob': (0, 4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}

# Names that drivers and calibration tools write for one of the models above.
_ALIASES = {
    'fisheye': 'equidistant',
    'equi': 'equidistant',
    'radtan': 'plumb_bob',
    'rational': 'rational_polynomial',
}
# Names that stand for 'no distortion', and mean nothing when coefficients come with them.
_UNDISTORTED = ('', 'none', 'pinhole')

# Depth along the optical axis says nothing about a ray at a right angle to it.
_MAX_ANGLE_RAD = math.radians(89.9)
_TABLE_SIZE = 4096
_NEWTON_STEPS = 20
# Relative to the normalised coordinate: 1e-6 px even for a focal length of 10,000 px.
_NEWTON_TOLERANCE = 1e-10


class Lens(ABC):
    """
    One distortion model with its coefficients.

    ``max_radius`` is the largest undistorted radius, tan of the angle to the optical axis, at
    which the model is still one to one.
    """

    max_radius: float

    @abstractmethod
    def distort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return where the undistorted points (x, y) appear; meaningless past ``max_radius``."""

    @abstractmethod
    def undistort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the undistorted points that appear at (x, y); NaN where there is none."""

    @abstractmethod
    def incidence_rad(self, radius: float) -> float:
        """Return the angle to the optical axis seen at a distorted radius, radial terms only."""


class PinholeLens(Lens):
    """No distortion."""

    max_radius = math.inf

    def distort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        return x, y

    def undistort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        return x, y

    def incidence_rad(self, radius: float) -> float:
        return math.atan(radius)


class PolynomialLens(Lens):
    """
    OpenCV's polynomial model with up to 14 coefficients.

    In OpenCV's order: k1, k2, p1, p2, k3 (plumb_bob), k4, k5, k6 (rational_polynomial),
    s1..s4 (thin prism), tau_x, tau_y (tilted sensor). Source: the documentation of OpenCV's
    calib3d module.
    """

    def __init__(self, coefficients: Sequence[float]) -> None:
        padded = [*coefficients, *[0.0] * (14 - len(coefficients))]
        k1, k2, self._p1, self._p2, k3, k4, k5, k6 = padded[:8]
        self._numerator = (k1, k2, k3)
        self._denominator = (k4, k5, k6)
        self._prism = padded[8:12]
        self._tilt = _tilt_matrix(*padded[12:]) if any(padded[12:]) else None
        self._untilt = np.asarray(np.linalg.inv(_tilt_matrix(*padded[12:])), np.float64)

        radius = np.tan(np.linspace(0.0, _MAX_ANGLE_RAD, _TABLE_SIZE))
        with np.errstate(all='ignore'):
            factor, _, denominator = self._radial(radius * radius)
            distorted = np.where(denominator > 0.0, radius * factor, np.nan)
        end = _rising_end(distorted, coefficients)
        self._radius_table, self._distorted_table = radius[:end], distorted[:end]
        self.max_radius = float(self._radius_table[-1])

    def distort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, y, *_ = self._bend(x, y)
        return (x, y) if self._tilt is None else _homography(self._tilt, x, y)

    def undistort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(all='ignore'):
            if self._tilt is not None:
                x, y = _homography(self._untilt, x, y)
            radius = np.hypot(x, y)
            start = np.interp(radius, self._distorted_table, self._radius_table)
            scale = np.divide(start, radius, out=np.ones_like(radius), where=radius > 0.0)
            x_undistorted, y_undistorted = self._newton(
                x.ravel(), y.ravel(), (x * scale).ravel(), (y * scale).ravel())
            return x_undistorted.reshape(x.shape), y_undistorted.reshape(y.shape)

    def incidence_rad(self, radius: float) -> float:
        return math.atan(np.interp(radius, self._distorted_table, self._radius_table))

    def _newton(
        self, x_target: FloatArray, y_target: FloatArray, x: FloatArray, y: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Improve the guess (x, y) of what appears at the targets; all (N,)."""
        solved_x, solved_y = np.full(x.size, np.nan), np.full(x.size, np.nan)
        index = np.arange(x.size)
        limit = (self.max_radius * (1.0 - 1e-6)) ** 2
        for _ in range(_NEWTON_STEPS):
            x_now, y_now, xx, xy, yx, yy = self._bend(x, y)
            x_error, y_error = x_now - x_target, y_now - y_target
            determinant = xx * yy - xy * yx
            # A negative determinant is a mirrored neighbourhood: the far side of a fold.
            tolerance = _NEWTON_TOLERANCE * (1.0 + np.abs(x_target) + np.abs(y_target))
            done = ((np.abs(x_error) < tolerance) & (np.abs(y_error) < tolerance)
                    & (determinant > 0.0) & (x * x + y * y < limit))
            solved_x[index[done]], solved_y[index[done]] = x[done], y[done]
            x_step = (yy * x_error - xy * y_error) / determinant
            y_step = (xx * y_error - yx * x_error) / determinant
            left = ~done & np.isfinite(x_step) & np.isfinite(y_step)
            if not left.any():
                break
            x, y = (x - x_step)[left], (y - y_step)[left]
            x_target, y_target, index = x_target[left], y_target[left], index[left]
        return solved_x, solved_y

    def _radial(self, r2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the radial factor at squared radius r2, its derivative by r2, its divisor."""
        k1, k2, k3 = self._numerator
        top = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        top_slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3)
        if not any(self._denominator):
            return top, top_slope, np.ones_like(r2)
        k4, k5, k6 = self._denominator
        bottom = 1.0 + r2 * (k4 + r2 * (k5 + r2 * k6))
        bottom_slope = k4 + r2 * (2.0 * k5 + r2 * 3.0 * k6)
        with np.errstate(divide='ignore', invalid='ignore'):
            factor = top / bottom
            return factor, (top_slope - factor * bottom_slope) / bottom, bottom

    def _bend(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, ...]:
        """Return distorted x and y before the tilt, and the Jacobian xx, xy, yx, yy."""
        x2, y2, two_xy = x * x, y * y, 2.0 * x * y
        r2 = x2 + y2
        factor, slope, _ = self._radial(r2)
        p1, p2 = self._p1, self._p2
        s1, s2, s3, s4 = self._prism
        x_out = x * factor + p1 * two_xy + p2 * (r2 + 2.0 * x2) + r2 * (s1 + s2 * r2)
        y_out = y * factor + p2 * two_xy + p1 * (r2 + 2.0 * y2) + r2 * (s3 + s4 * r2)
        # The derivatives by r2 of what depends on it alone; d(r2) = 2 x dx + 2 y dy.
        x_by_r2 = x * slope + s1 + 2.0 * s2 * r2
        y_by_r2 = y * slope + s3 + 2.0 * s4 * r2
        xx = factor + 2.0 * (x * x_by_r2 + p1 * y + 3.0 * p2 * x)
        xy = 2.0 * (y * x_by_r2 + p1 * x + p2 * y)
        yx = 2.0 * (x * y_by_r2 + p2 * y + p1 * x)
        yy = factor + 2.0 * (y * y_by_r2 + p2 * x + 3.0 * p1 * y)
        return x_out, y_out, xx, xy, yx, yy


class EquidistantLens(Lens):
    """
    OpenCV's fisheye model, called equidistant in ROS.

    A ray at the angle t to the optical axis appears at the radius
    ``t (1 + k1 t^2 + k2 t^4 + k3 t^6 + k4 t^8)``. Source: the documentation of OpenCV's fisheye
    namespace; Kannala and Brandt 2006, eq. 6.
    """

    def __init__(self, coefficients: Sequence[float]) -> None:
        self._coefficients = tuple(coefficients)
        angle = np.linspace(0.0, math.pi, 2 * _TABLE_SIZE)
        with np.errstate(all='ignore'):
            distorted = self._distorted_radius(angle)[0]
        end = _rising_end(distorted, coefficients)
        self._angle_table, self._distorted_table = angle[:end], distorted[:end]
        self._max_angle = min(float(self._angle_table[-1]), _MAX_ANGLE_RAD)
        self.max_radius = math.tan(self._max_angle)

    def distort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        radius = np.hypot(x, y)
        distorted, _ = self._distorted_radius(np.arctan(radius))
        scale = np.divide(distorted, radius, out=np.ones_like(radius), where=radius > 0.0)
        return x * scale, y * scale

    def undistort(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        radius = np.hypot(x, y)
        angle = np.interp(radius, self._distorted_table, self._angle_table, right=np.nan)
        with np.errstate(all='ignore'):
            # The table is fine enough for two steps to reach the rounding error.
            for _ in range(3):
                distorted, slope = self._distorted_radius(angle)
                angle = angle - (distorted - radius) / slope
            angle[~(np.abs(self._distorted_radius(angle)[0] - radius) < 1e-9)] = np.nan
            angle[angle >= self._max_angle * (1.0 - 1e-9)] = np.nan
            scale = np.divide(np.tan(angle), radius, out=np.ones_like(radius), where=radius > 0.0)
            return x * scale, y * scale

    def incidence_rad(self, radius: float) -> float:
        return float(np.interp(radius, self._distorted_table, self._angle_table))

    def _distorted_radius(self, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
        k1, k2, k3, k4 = self._coefficients
        t2 = angle * angle
        factor = 1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))
        slope = 1.0 + t2 * (3.0 * k1 + t2 * (5.0 * k2 + t2 * (7.0 * k3 + t2 * 9.0 * k4)))
        return angle * factor, slope


def canonical_distortion(
    model: str, coefficients: Sequence[float],
) -> tuple[str, tuple[float, ...]]:
    """
    Map what drivers publish to one of the known models and a legal number of coefficients.

    Understood are other spellings ('Plumb Bob', 'fisheye', 'radtan'), an empty name or 'none'
    with coefficients that are all zero, zeros appended to a legal list (some drivers always
    send five), and eight or more coefficients under the name plumb_bob, which every tool that
    hands them to OpenCV has always read as rational_polynomial.

    Args:
        model: Name as it arrived.
        coefficients: D as it arrived.

    Returns:
        A name from ``DISTORTION_COEFFICIENTS`` and its coefficients.

    Raises:
        CameraInfoError: If the name is unknown or the number of coefficients does not fit it.

    """
    name = model.strip().lower().replace(' ', '_').replace('-', '_')
    values = tuple(float(value) for value in coefficients)
    name = _ALIASES.get(name, name)
    if name in _UNDISTORTED:
        if any(value != 0.0 for value in values):
            raise CameraInfoError(
                f'Distortion model {model!r} arrived with coefficients {list(values)}, which only '
                f'mean something under one of {_known()}; set distortion_model in the camera '
                'driver or the calibration file.')
        return 'plumb_bob', ()
    counts = DISTORTION_COEFFICIENTS.get(name, ())
    if counts and len(values) not in counts:
        spare = next((n for n in reversed(counts) if n < len(values)), None)
        if spare is not None and not any(values[spare:]):
            values = values[:spare]
        elif name == 'plumb_bob' and len(values) in DISTORTION_COEFFICIENTS['rational_polynomial']:
            name = 'rational_polynomial'
    check_distortion(name, values)
    return name, values


def check_distortion(model: str, coefficients: Sequence[float]) -> None:
    """
    Refuse an unknown model, a wrong number of coefficients, and coefficients not finite.

    Args:
        model: Name of the model, in the spelling of ROS.
        coefficients: D, in OpenCV's order.

    Raises:
        CameraInfoError: If one of them does not fit.

    """
    if model not in DISTORTION_COEFFICIENTS:
        raise CameraInfoError(
            f'Unknown distortion model {model!r}; known are {_known()}. Rectify the image and use '
            'the rectified topic, or calibrate with one of these models.')
    counts = DISTORTION_COEFFICIENTS[model]
    if len(coefficients) not in counts:
        expected = ' or '.join(str(count) for count in counts)
        raise CameraInfoError(
            f'Distortion model {model!r} takes {expected} coefficients, {len(coefficients)} '
            'arrived; check D in the CameraInfo or the calibration file.')
    if not all(math.isfinite(value) for value in coefficients):
        raise CameraInfoError(
            f'Distortion coefficients must be finite numbers, {list(coefficients)} arrived; '
            'calibrate the camera again.')


@lru_cache(maxsize=16)
def make_lens(model: str, coefficients: tuple[float, ...]) -> Lens:
    """
    Return the lens for a model and its coefficients; equal arguments share one lens.

    Args:
        model: A key of ``DISTORTION_COEFFICIENTS``.
        coefficients: As many as the model takes, in OpenCV's order.

    Returns:
        The lens. It is not to be modified.

    Raises:
        CameraInfoError: If model and coefficients do not fit each other.

    """
    check_distortion(model, coefficients)
    if model == 'equidistant':
        return EquidistantLens(coefficients)
    return PolynomialLens(coefficients) if any(coefficients) else PinholeLens()


def _known() -> str:
    return ', '.join(DISTORTION_COEFFICIENTS)


def _rising_end(values: FloatArray, coefficients: Sequence[float]) -> int:
    """Return how many values from the first on are finite and rise strictly."""
    with np.errstate(all='ignore'):
        rises = np.diff(values) > 0.0
    falls = np.flatnonzero(~(rises & np.isfinite(values[1:])))
    end = int(falls[0]) + 1 if falls.size else values.size
    if end < 2:
        raise CameraInfoError(
            f'Distortion coefficients {list(coefficients)} map no part of the image one to one; '
            'check their order and their magnitude, or calibrate the camera again.')
    return end


def _tilt_matrix(tau_x: float, tau_y: float) -> FloatArray:
    """Return the homography (3, 3) of OpenCV's tilted sensor model, angles in radians."""
    if max(abs(tau_x), abs(tau_y)) > 1.0:
        raise CameraInfoError(
            f'Sensor tilts {tau_x} and {tau_y} arrived; expected radians between -1 and 1. Check '
            'the order of the distortion coefficients.')
    sin_x, cos_x, sin_y, cos_y = (
        math.sin(tau_x), math.cos(tau_x), math.sin(tau_y), math.cos(tau_y))
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, sin_x], [0.0, -sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, -sin_y], [0.0, 1.0, 0.0], [sin_y, 0.0, cos_y]])
    turn = about_y @ about_x
    project = np.array([
        [turn[2, 2], 0.0, -turn[0, 2]], [0.0, turn[2, 2], -turn[1, 2]], [0.0, 0.0, 1.0]])
    tilt: FloatArray = project @ turn
    return tilt


def _homography(
    matrix: FloatArray, x: FloatArray, y: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Apply a homography (3, 3) to the points (x, y)."""
    w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    return ((matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / w,
            (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / w)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Compressed depth, read by the formula of compressed_depth_image_transport's decoder."""
from __future__ import annotations

import math
import struct

import cv2
import numpy as np
import pytest
from scaledepth_ros.ros.compressed_depth import compress_depth
from sensor_msgs.msg import CompressedImage, Image

NAN, INF = np.nan, np.inf
# What its encoder takes if nothing is set (codec.cpp: depthQuantA = Z0 * (Z0 + 1)).
DEPTH_QUANTIZATION = 100.0


def compress(depth_m: np.ndarray) -> CompressedImage:
    height, width = depth_m.shape
    return compress_depth(Image(encoding='32FC1', height=height, width=width), depth_m)


def codes_of(message: CompressedImage) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(bytes(message.data[12:]), np.uint8), cv2.IMREAD_UNCHANGED)


def decode(message: CompressedImage) -> np.ndarray:
    """Return depth [m], pixel by pixel in the single precision of the decoder."""
    assert message.format == '32FC1; compressedDepth png'
    kind, a, b = struct.unpack('<iff', bytes(message.data[:12]))
    assert kind == 0
    codes = codes_of(message)
    assert codes.dtype == np.uint16
    return np.array([
        [np.float32(a) / (np.float32(code) - np.float32(b)) if code else NAN for code in row]
        for row in codes], np.float32)


def test_depth_comes_back_within_half_the_step_of_image_transport():
    depth_m = np.geomspace(0.16, 200.0, 4800, dtype=np.float32).reshape(60, 80)
    depth_m[5, 5:9] = NAN, INF, -INF, 0.0
    depth_m[7, 3] = -2.0
    decoded_m = decode(compress(depth_m))
    known = np.isfinite(depth_m) & (depth_m > 0.0)
    assert (~known).sum() == 5
    np.testing.assert_array_equal(np.isnan(decoded_m), ~known)
    # d(depth) = depth^2 / A for one code, to first order in a step that is small beside depth.
    half_step_m = 0.5 * depth_m[known] ** 2 / (DEPTH_QUANTIZATION * (DEPTH_QUANTIZATION + 1.0))
    error_m = np.abs(decoded_m[known] - depth_m[known])
    assert (error_m <= half_step_m * (1.0 + half_step_m / depth_m[known]) * 1.01 + 1e-6).all()
    # Rounded to the nearest code: errors of either sign and up to half a step.
    assert np.abs(np.mean((decoded_m - depth_m)[known] / half_step_m)) < 0.05
    assert (error_m / half_step_m).max() > 0.9


def test_step_is_that_of_the_encoder_at_its_own_maximum():
    """At 10 m the next nearer depth that can be told apart is 1 cm away, as with its defaults."""
    depth_m = np.linspace(9.9, 10.0, 1000, dtype=np.float32).reshape(10, 100)
    steps_m = np.diff(np.unique(decode(compress(depth_m))))
    np.testing.assert_allclose(steps_m, 10.0 ** 2 / 10100.0, rtol=0.02)


@pytest.mark.parametrize('other_m', [0.2, 1.0, 79.0, NAN])
def test_what_else_is_in_the_image_does_not_change_a_pixel(other_m: float):
    still_m = np.linspace(1.5, 30.0, 600, dtype=np.float32).reshape(20, 30)
    first = compress(still_m)
    still_m[0, :] = other_m
    second = compress(still_m)
    assert bytes(first.data[:12]) == bytes(second.data[:12])
    np.testing.assert_array_equal(codes_of(first)[1:], codes_of(second)[1:])


def test_what_is_beyond_the_codes_is_as_near_or_as_far_as_they_go():
    nearest_m = 10100.0 / 65535.0
    decoded_m = decode(compress(np.array([[1e-3, 0.1, nearest_m, 1e5]], np.float32)))
    np.testing.assert_allclose(decoded_m, [[nearest_m] * 3 + [10100.0]], rtol=1e-6)


def test_image_without_depth_has_the_same_header():
    message = compress(np.full((4, 6), NAN, np.float32))
    assert np.isnan(decode(message)).all()
    a, b = struct.unpack('<ff', bytes(message.data[4:12]))
    assert math.isclose(a, 10100.0)
    assert b == 0.0

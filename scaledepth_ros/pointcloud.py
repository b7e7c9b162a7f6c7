# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
From depth images to point clouds, and filters that work in image space.

Every function takes depth along the optical axis (REP 118) in metres, float32, where NaN is
unknown, +Inf too far to tell and -Inf too near to tell (REP 117). Nothing here loops over
points: this runs once per frame on the way out of the node.
"""

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ConfigError, ImageError

Float32Array: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Uint8Array: TypeAlias = npt.NDArray[np.uint8]

# Layout of one point of sensor_msgs/PointCloud2: x, y, z and rgb at the offsets 0, 4, 8 and 12,
# all of them little endian FLOAT32.
POINT_STEP = 16
# Colours are 0x00RRGGBB in the bits of a float. OpenCV's alpha of 255 would make them NaN.
_COLOUR_BITS = np.uint32(0x00FFFFFF)


def cloud_shape(height: int, width: int, stride: int = 1) -> tuple[int, int]:
    """
    Return height and width of the organised cloud of an image.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        stride: Every how manieth pixel of each row and column makes a point, from the first on.

    Returns:
        Rows and columns of the cloud; its buffer holds rows * columns * POINT_STEP bytes.

    Raises:
        ConfigError: If the stride is not positive.

    """
    if stride < 1:
        raise ConfigError(f'Cloud stride {stride} arrived; expected 1 or more.')
    return -(-height // stride), -(-width // stride)


def fill_cloud(
    depth_m: Float32Array, rays: Float32Array, rgb: Uint8Array, out: Any, *, stride: int = 1,
) -> None:
    """
    Write an organised, coloured cloud into the buffer of a PointCloud2 message.

    A pixel whose depth is not finite, or that has no ray, becomes a point of NaN with its
    colour, as an organised cloud with ``is_dense = false`` has it.

    Args:
        depth_m: Depth (H, W) in metres.
        rays: ``CameraModel.rays()``, (H, W, 3).
        rgb: Image (H, W, 3), red first.
        out: Writable buffer (array.array, bytearray, memoryview, ndarray) of the size that
            ``cloud_shape`` tells; all of it is overwritten.
        stride: See ``cloud_shape``.

    Raises:
        ImageError: If shapes, types or the size of the buffer do not fit together.
        ConfigError: If the stride is not positive.

    """
    _check_depth_and_rays(depth_m, rays)
    if rgb.shape != rays.shape or rgb.dtype != np.uint8:
        raise ImageError(
            f'A colour image of shape {rgb.shape} and type {rgb.dtype} arrived for depth of shape '
            f'{depth_m.shape}; expected {rays.shape} and uint8.')
    rows, columns = cloud_shape(depth_m.shape[0], depth_m.shape[1], stride)
    cloud = _as_cloud(out, rows, columns)
    # Before the stride: skipping whole words is cheaper than gathering three bytes each.
    colour = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA).view(np.uint32)[..., 0]
    _multiply(depth_m[::stride, ::stride], rays[::stride, ::stride], cloud)
    np.bitwise_and(
        colour[::stride, ::stride], _COLOUR_BITS, out=cloud.view(np.uint32)[..., 3])


def depth_to_points(depth_m: Float32Array, rays: Float32Array) -> Float32Array:
    """
    Return the point that each pixel sees.

    Args:
        depth_m: Depth (H, W) in metres.
        rays: ``CameraModel.rays()``, (H, W, 3).

    Returns:
        Points (H, W, 3) in the optical frame in metres; NaN where there is none.

    Raises:
        ImageError: If the shapes do not fit together.

    """
    _check_depth_and_rays(depth_m, rays)
    points_m = np.empty(rays.shape, np.float32)
    _multiply(depth_m, rays, points_m)
    return points_m


def apply_range(
    depth_m: Float32Array, min_m: float, max_m: float, *, out: Float32Array | None = None,
) -> Float32Array:
    """
    Replace depths out of range by the infinities of REP 117.

    Args:
        depth_m: Depth (H, W) in metres.
        min_m: Nearest depth that is kept.
        max_m: Farthest depth that is kept; may be infinite.
        out: Where to write; may be ``depth_m`` itself. A new array by default.

    Returns:
        Depth with -Inf below ``min_m``, +Inf above ``max_m``, and NaN where it was NaN, or zero
        or negative, which no measurement is but many devices write for 'unknown'.

    Raises:
        ConfigError: Unless 0 <= min_m < max_m.

    """
    if not 0.0 <= min_m < max_m:
        raise ConfigError(
            f'A depth range from {min_m} to {max_m} m arrived; expected 0 <= minimum < maximum.')
    if out is None:
        out = depth_m.copy()
    elif out is not depth_m:
        np.copyto(out, depth_m)
    with np.errstate(invalid='ignore'):
        too_near = out < min_m
        unknown = (out <= 0.0) & (out != -np.inf)
        np.copyto(out, np.inf, where=out > max_m)
    np.copyto(out, -np.inf, where=too_near)
    np.copyto(out, np.nan, where=unknown)
    return out


def known_mask(depth_m: npt.NDArray[np.floating]) -> BoolArray:
    """
    Find pixels that have a depth.

    Args:
        depth_m: Depth in metres, of any shape.

    Returns:
        True where depth is finite and above 0, in the same shape.

    """
    return np.asarray(np.isfinite(depth_m) & (depth_m > 0))


def uncertainty_mask(
    depth_m: Float32Array, uncertainty_m: Float32Array, max_relative: float,
) -> BoolArray:
    """
    Find pixels whose depth is too uncertain to be used.

    Args:
        depth_m: Depth (H, W) in metres.
        uncertainty_m: One standard deviation (H, W) in metres.
        max_relative: Largest standard deviation accepted, as a share of the depth.

    Returns:
        True (H, W) where the pixel is to be dropped: too uncertain, or not known how uncertain.

    Raises:
        ConfigError: If the share is not positive.
        ImageError: If the shapes differ.

    """
    if not max_relative > 0.0:
        raise ConfigError(f'Relative uncertainty {max_relative} arrived; expected more than 0.')
    if depth_m.shape != uncertainty_m.shape:
        raise ImageError(
            f'Uncertainty of shape {uncertainty_m.shape} arrived for depth of shape '
            f'{depth_m.shape}; expected the same.')
    limit_m = depth_m * np.float32(max_relative)
    # The comparison is false for NaN, so its negation drops what is not known.
    mask: BoolArray = np.less_equal(uncertainty_m, limit_m)
    return np.logical_not(mask, out=mask)


def flying_pixel_mask(
    depth_m: Float32Array, *, tolerance: float = 0.05, reach_px: int = 8,
) -> BoolArray:
    """
    Find pixels that hang in the air between a near object and what is behind it.

    Networks smear depth across the outline of an object. Such a pixel lies strictly between the
    surface on its one side and the surface on its other side and continues neither. Along a row
    or a column of a camera's image 1 / Z is linear on any plane, so each side is continued in
    1 / Z: a wall survives at any slant, and so does the last pixel before a clean step. A ridge
    or a post, nearer than both of its sides, is never flagged, however thin it is.

    Args:
        depth_m: Depth (H, W) in metres.
        tolerance: How far, as a share of its own depth, a pixel has to be off both surfaces.
        reach_px: Widest smear that is recognised, in pixels. Half of it is tried as well, for
            objects that are narrow themselves. Nothing within a smear's width of the border of
            the image is flagged, nor beside unknown depth.

    Returns:
        True (H, W) where the pixel is to be dropped.

    Raises:
        ConfigError: If an argument is not positive.

    """
    if not (tolerance > 0.0 and reach_px >= 1):
        raise ConfigError(
            f'Flying pixel filter with tolerance {tolerance} and reach {reach_px} px arrived; '
            'expected both to be positive.')
    with np.errstate(all='ignore'):
        # At or behind the camera, and too near to tell (-Inf): no surface to continue.
        inverse = np.reciprocal(np.where(depth_m > 0.0, depth_m, np.float32(np.nan)))
        mask = np.zeros(depth_m.shape, np.bool_)
        for reach in {reach_px, max(1, reach_px // 2)}:
            for axis in (0, 1):
                _flag_between(inverse, mask, tolerance, reach, axis)
    return mask


def _flag_between(
    inverse: Float32Array, mask: BoolArray, tolerance: float, reach: int, axis: int,
) -> None:
    """Set the mask (H, W) where the value lies between those of both sides along an axis."""
    height, width = inverse.shape
    pitch = width if axis == 0 else 1
    near_step, flat = reach * pitch, inverse.ravel()
    if flat.size <= 2 * near_step:
        return
    # Few pixels have sides so different that one can lie between them; only those are looked at.
    difference = flat[2 * near_step:] - flat[:-2 * near_step]
    np.abs(difference, out=difference)
    index = np.flatnonzero(
        difference > np.float32(2.0 * tolerance) * flat[near_step:-near_step]) + near_step
    place, length = (index // width, height) if axis == 0 else (index % width, width)
    # In the flattened image the sides of the outermost columns are in the next row. Those of
    # the outermost rows are there, but nothing to continue them from.
    judged = (place > reach) & (place < length - 1 - reach)
    index, place = index[judged], place[judged]
    # Most candidates are slanted surfaces, which continue on either side: the second side is
    # looked at only where the first one does not.
    value = flat.take(index)
    low, high = _side(flat, index, place - reach, value, tolerance, reach, -pitch)
    rises, falls = value > high, value < low
    left = np.flatnonzero(rises | falls)
    index, value, rises, falls = index[left], value[left], rises[left], falls[left]
    low, high = _side(
        flat, index, length - 1 - reach - place[left], value, tolerance, reach, pitch)
    between = (rises & (value < low)) | (falls & (value > high))
    mask.reshape(-1)[index[between]] = True


def _side(
    flat: Float32Array, index: npt.NDArray[np.intp], room: npt.NDArray[np.intp],
    value: Float32Array, tolerance: float, reach: int, pitch: int,
) -> tuple[Float32Array, Float32Array]:
    """
    Return the least and the greatest value of the surface on one side, margins included.

    Args:
        flat: Image in one row.
        index, value: Of the pixels that are judged.
        room: How many more pixels the image has beyond the nearest one that is looked at.
        tolerance: See flying_pixel_mask.
        reach: Distance of that pixel.
        pitch: Step towards this side in the flattened image.
    """
    near_index = index + reach * pitch
    further = np.minimum(room, reach)
    near, far = flat.take(near_index), flat.take(near_index + further * pitch)
    continued = near + (near - far) * (np.float32(reach) / further.astype(np.float32))
    margin = np.float32(tolerance) * value
    return np.minimum(near, continued) - margin, np.maximum(near, continued) + margin


def _multiply(depth_m: Float32Array, rays: Float32Array, out: Float32Array) -> None:
    """Write depth times ray into the first three channels, NaN where depth is not finite."""
    with np.errstate(invalid='ignore'):
        # Infinity minus itself is NaN, zero otherwise: cheaper than testing and selecting.
        finite = depth_m - depth_m
    finite += depth_m
    for axis in range(3):
        np.multiply(finite, rays[..., axis], out=out[..., axis])


def _check_depth_and_rays(depth_m: Float32Array, rays: Float32Array) -> None:
    if depth_m.ndim != 2 or depth_m.dtype != np.float32:
        raise ImageError(
            f'Depth of shape {depth_m.shape} and type {depth_m.dtype} arrived; expected (H, W) '
            'and float32.')
    if rays.shape != (*depth_m.shape, 3):
        raise ImageError(
            f'Rays of shape {rays.shape} arrived for depth of shape {depth_m.shape}; expected the '
            'rays of the camera model at that size, see CameraModel.resized().')


def _as_cloud(buffer: Any, rows: int, columns: int) -> Float32Array:
    try:
        cloud = np.frombuffer(buffer, np.uint8)
    except (TypeError, ValueError, BufferError):
        raise ImageError(
            f"{type(buffer).__name__} arrived as the cloud's buffer; expected a contiguous "
            'writable one, such as array.array or memoryview.') from None
    if cloud.size != rows * columns * POINT_STEP or not cloud.flags.writeable:
        kind = 'writable' if cloud.flags.writeable else 'read-only'
        raise ImageError(
            f'A {kind} buffer of {cloud.size} bytes arrived for a cloud of {columns}x{rows} '
            f'points; expected a writable one of {rows * columns * POINT_STEP} bytes.')
    return cloud.view(np.float32).reshape(rows, columns, 4)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Reading of calibrations: fields of CameraInfo messages and camera_calibration's YAML files.

Every function either returns a value of the stated kind or raises CameraInfoError.
"""

from collections.abc import Iterable, Mapping
import operator
from pathlib import Path
from typing import Any

import numpy as np
from scaledepth_ros.errors import CameraInfoError
import yaml

_MAX_YAML_BYTES = 1 << 20
_EXPECTED_YAML = 'expected the calibration YAML that camera_calibration writes'


def field(message: Any, *names: str) -> Any:
    """
    Return the first of some fields that a message has.

    Args:
        message: Any object.
        names: Spellings of one field, the usual one first.

    Returns:
        Its value, unchecked.

    Raises:
        CameraInfoError: If it has none of them.

    """
    for name in names:
        if hasattr(message, name):
            return getattr(message, name)
    raise CameraInfoError(
        f'{type(message).__name__} has no field {names[0]!r}; expected an object with the fields '
        'of sensor_msgs/CameraInfo.')


def integer(value: Any, name: str) -> int:
    """
    Return a whole number as int.

    Args:
        value: What arrived.
        name: What it is called in the error message.

    Returns:
        The number.

    Raises:
        CameraInfoError: If it is not a whole number by type.

    """
    try:
        return operator.index(value)
    except TypeError:
        raise CameraInfoError(f'{name} is {value!r}; expected a whole number.') from None


def number(value: Any, name: str) -> float:
    """
    Return a number as float.

    Args:
        value: What arrived.
        name: What it is called in the error message.

    Returns:
        The number; NaN and infinities pass.

    Raises:
        CameraInfoError: If it is not a number.

    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise CameraInfoError(f'{name} is {value!r}; expected a number.') from None


def numbers(values: Any, name: str) -> tuple[float, ...]:
    """
    Return a sequence of numbers as a tuple of float.

    Args:
        values: What arrived: a list, a tuple, an array.
        name: What it is called in the error message.

    Returns:
        The numbers; NaN and infinities pass.

    Raises:
        CameraInfoError: If it is no sequence, or one of its elements is not a number.

    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise CameraInfoError(f'{name} is {values!r}; expected a list of numbers.')
    # An array's tolist() is several times faster than reading its elements one by one.
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return tuple(number(value, name) for value in listed)


def left_3x3(matrix: tuple[float, ...]) -> tuple[float, ...]:
    """Return the left 3x3 of a row-major 3x4 matrix; anything of another length unchanged."""
    return matrix[:3] + matrix[4:7] + matrix[8:11] if len(matrix) == 12 else matrix


def check_matrix(matrix: tuple[float, ...], name: str) -> tuple[float, ...]:
    """
    Return a row-major camera matrix if it has the form of one.

    Args:
        matrix: What should be fx, 0, cx, 0, fy, cy, 0, 0, 1.
        name: 'K', or 'P' for the left part of a projection matrix.

    Returns:
        The same nine numbers.

    Raises:
        CameraInfoError: If their count or their pattern is another.

    """
    if len(matrix) != 9:
        raise CameraInfoError(
            f'{name} arrived with {len(matrix)} numbers; expected '
            f'{"3x3" if name == "K" else "3x4"}, row by row.')
    if not any(matrix):
        raise CameraInfoError(
            f'{name} is all zero, which marks an uncalibrated camera; calibrate it, or state its '
            'horizontal field of view instead.')
    if any(matrix[i] != 0.0 for i in (1, 3, 6, 7)) or matrix[8] != 1.0:
        raise CameraInfoError(
            f'{name} is {list(matrix)}; expected [fx 0 cx; 0 fy cy; 0 0 1] row by row, with '
            'neither skew nor rotation. Check that it is not transposed.')
    return matrix


def read_yaml(file: Path) -> Mapping[Any, Any]:
    """
    Read the named values of a YAML file.

    Args:
        file: Its path.

    Returns:
        The values, unchecked.

    Raises:
        CameraInfoError: If it cannot be read or is something else.

    """
    try:
        if file.stat().st_size > _MAX_YAML_BYTES:
            raise CameraInfoError(f'{file} is larger than 1 MiB; {_EXPECTED_YAML}.')
        content = yaml.safe_load(file.read_text(encoding='utf-8'))
    except OSError as error:
        raise CameraInfoError(
            f'Cannot read {file} ({error.strerror}); {_EXPECTED_YAML}. Check the path.') from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise CameraInfoError(f'{file} is not YAML; {_EXPECTED_YAML}.') from None
    if not isinstance(content, Mapping):
        raise CameraInfoError(
            f'{file} holds {type(content).__name__} instead of named values; {_EXPECTED_YAML}.')
    return content


def yaml_value(content: Mapping[Any, Any], key: str) -> Any:
    """
    Return one named value.

    Args:
        content: What ``read_yaml`` returned, or a part of it.
        key: The name.

    Returns:
        The value, unchecked.

    Raises:
        CameraInfoError: If it is missing.

    """
    if key not in content:
        raise CameraInfoError(
            f'{key!r} is missing; {_EXPECTED_YAML}, with image_width, image_height, '
            'camera_matrix and distortion_coefficients.')
    return content[key]


def yaml_matrix(content: Mapping[Any, Any], key: str) -> tuple[float, ...]:
    """
    Return the numbers of a matrix, written as rows, cols and data or as a plain list.

    Args:
        content: What ``read_yaml`` returned.
        key: Name of the matrix.

    Returns:
        Its numbers, row by row.

    Raises:
        CameraInfoError: If it is missing or does not consist of numbers.

    """
    value = yaml_value(content, key)
    return numbers(yaml_value(value, 'data') if isinstance(value, Mapping) else value, key)

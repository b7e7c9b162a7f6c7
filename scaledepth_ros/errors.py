# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Exceptions raised at the edges of the package.

Every message says what arrived, what was expected, and what to do about it. Catch
``ScaleDepthError`` to handle all of them alike.
"""


class ScaleDepthError(Exception):
    """Base class of all errors that scaledepth_ros raises on bad input."""


class ConfigError(ScaleDepthError, ValueError):
    """A configuration value or key is unknown, out of range or inconsistent."""


class CameraInfoError(ScaleDepthError, ValueError):
    """Intrinsics are senseless or do not fit the image."""


class ImageError(ScaleDepthError, ValueError):
    """An image has the wrong shape, type, encoding, step or length."""


class CheckpointError(ScaleDepthError):
    """A weights file is missing, damaged, unsafe or does not fit the network."""


class DeviceError(ScaleDepthError, RuntimeError):
    """A device or an inference engine is absent or cannot run the network."""


class DatasetError(ScaleDepthError):
    """A data set is incomplete, or one of its frames cannot be used."""


class SourceError(ScaleDepthError):
    """An image source (folder, video, camera, bag) cannot be opened or read."""


def error_text(error: BaseException) -> str:
    """Return what a person reads of an error; its kind too where it was not written for that."""
    return str(error) if isinstance(error, ScaleDepthError) else f'{type(error).__name__}: {error}'

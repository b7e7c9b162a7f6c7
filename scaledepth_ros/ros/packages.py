# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What else is installed beside this package."""
from __future__ import annotations

from ament_index_python.packages import get_package_prefix, PackageNotFoundError


def is_installed(package: str) -> bool:
    """Return whether a ROS package can be found."""
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True

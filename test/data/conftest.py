# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of this folder."""

from mini_frames import Folder
import pytest


@pytest.fixture
def folder(tmp_path):
    """Return an index.csv in the making."""
    return Folder(tmp_path)

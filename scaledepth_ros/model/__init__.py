# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The ScaleDepth network; read scaledepth.py first."""

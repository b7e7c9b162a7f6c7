# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Commands: ``python -m scaledepth_ros.cli COMMAND``, or ``scaledepth COMMAND`` once installed.

A command is a module with ``add_arguments(parser)`` and ``run(args) -> int``, listed in
``__main__.COMMANDS``. It is imported only when it is asked for.
"""

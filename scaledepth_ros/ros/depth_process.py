# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The process of a depth node: what comes before it and what after, in the order that matters."""
from __future__ import annotations

from collections.abc import Callable
import os
import sys
import traceback
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.memory import keep_freed_memory
from scaledepth_ros.ros.lifecycle import spin
from scaledepth_ros.ros.logs import forward_package_log
from scaledepth_ros.ros.signals import ended_by_signals, let_signals_only_end_the_context


def run_process(make_node: Callable[[], Any], args: list[str] | None) -> int:
    """
    Run a depth node until SIGINT or SIGTERM, and end the process.

    Args:
        make_node: returns the DepthNode.
        args: command line; None for that of the process.

    Returns:
        1 if a parameter is not valid; otherwise the process ends here, with status 0, or with 1
        after an error that nobody expected, which is printed.

    """
    # Before anything has been allocated, or a size that came first decides how the rest is.
    keep_freed_memory()
    let_signals_only_end_the_context()
    rclpy.init(args=args)
    node = executor = None
    status = 0
    try:
        with ended_by_signals():
            node = make_node()
            forward_package_log(node.get_logger())
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            spin(executor, node)
    except ConfigError as error:
        print(f'depth_node: {error}', file=sys.stderr)
        if node is None:
            rclpy.try_shutdown()
            return 1
        status = 1
    except Exception:
        traceback.print_exc()
        status = 1
    # Also after an error: what is left of a node in /dev/shm stays when its process has ended.
    if node is not None:
        node.stop(process_ends=True)
    if executor is not None:
        executor.shutdown(timeout_sec=0)
    if node is not None:
        node.destroy_node()
    rclpy.try_shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # All of ROS is closed. An orderly end of the interpreter would take seconds to unload torch,
    # and crash if the worker thread is still inside the network.
    os._exit(status)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What rclpy lacks for a node that lives long, in every distribution of ROS 2."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.executors import Executor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from scaledepth_ros.inference.out_of_memory import free_caches


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """
    Answer transitions that the state does not allow, instead of ending the process.

    Up to Jazzy rclpy lets the error of such a request, ``activate`` while unconfigured, escape
    from ``spin``, and whoever asked waits for ever. Later ones answer by themselves.

    Args:
        node: its ChangeState service is guarded.

    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _guarded(node, service.callback)


def release_state_machine(node: LifecycleNode) -> None:
    """
    Let a destroyed node leave the middleware at once.

    rclpy's ``destroy_node`` leaves the lifecycle state machine to the garbage collector, and that
    holds the node: its participant stays in the ROS graph, and a process that ends without
    collecting garbage leaves the participant's shared memory, 64 MB and more, in /dev/shm.

    Args:
        node: destroyed; nothing else may be done with it afterwards.

    """
    # It has no public name. Its destructor frees what it holds.
    vars(node).pop('_state_machine', None)


def spin(executor: Executor, node: Node) -> None:
    """
    Run callbacks until the context ends; lack of memory costs a callback, not the node.

    Args:
        executor: has the node.
        node: says so in its log.

    """
    while True:
        try:
            executor.spin()
            return
        except MemoryError as error:
            free_caches()
            node.get_logger().error(f'a callback was lost for lack of memory: {error}')


def _guarded(node: LifecycleNode, change: Callable[..., Any]) -> Callable[..., Any]:
    def change_or_refuse(
            request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        try:
            return change(request, response)
        # rclpy's RCLError, which has no public name.
        except RuntimeError as error:
            if not node.context.ok():
                raise
            asked = request.transition.label or request.transition.id
            node.get_logger().error(f'cannot do transition {asked}: {error}')
            response.success = False
            return response

    return change_or_refuse

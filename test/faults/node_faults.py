# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the node's own process, and of its neighbours."""
from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
import threading
import time

from bench import Bench, FAULTY_NODE
from known_depth_node import KnownDepth
from outcome import Fault, NotPossible, Outcome
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from ros_harness import DepthProcess, wait_until
from scaledepth_ros.ros.depth_node import DepthNode
from sensor_msgs.msg import PointCloud2
from shared_memory import kill, shared_memory_of


def node_killed(bench: Bench) -> Outcome:
    """Kill the node, and start it again as a supervisor does."""
    node = bench.ready()
    left_bytes = sum(path.stat().st_blocks * 512 for path in shared_memory_of(node.process.pid))
    with bench.injection(same_process=False) as injection:
        kill(node.process)
        bench.start_node()
    return injection.outcome(f'leaves {left_bytes / 1e6:.1f} MB in /dev/shm, see below; '
                             'the time is that of a start')


def two_nodes_of_one_name(bench: Bench) -> Outcome:
    """Start a second node of the same name, and end it again."""
    bench.ready()
    with bench.injection() as injection:
        twin = DepthProcess(bench.domain, model='known', script=FAULTY_NODE)
        try:
            twin.wait_for_log('listening to', 60)
            time.sleep(1.0)
        finally:
            twin.stop()
    assert injection.lost < injection.of / 2, f'{injection.lost} of {injection.of} lost'
    return injection.outcome('both publish; the first goes on when the second has gone')


def two_nodes_in_one_process(bench: Bench) -> Outcome:
    """Run two nodes in one process, and end one of them."""
    bench.stop_node()
    bench.camera.pause()
    context = Context()
    rclpy.init(context=context, domain_id=bench.domain)
    executor = SingleThreadedExecutor(context=context)
    names = ('one', 'two')
    nodes = [DepthNode(f'depth_{name}', predictor_factory=KnownDepth, context=context,
                       cli_args=['--ros-args', '-p', 'model:=known',
                                 '-r', f'points:={name}/points',
                                 '-r', f'depth/image:={name}/depth'],
                       use_global_arguments=False) for name in names]
    for node in nodes:
        executor.add_node(node)
    counts = dict.fromkeys(names, 0)

    def count(name: str) -> None:
        counts[name] += 1

    subscriptions = [bench.peer.node.create_subscription(
        PointCloud2, f'{name}/points', lambda _, name=name: count(name), 5) for name in names]
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        bench.camera.resume()
        wait_until(lambda: min(counts.values()) > 3, 60, lambda: f'clouds of both: {counts}')
        executor.remove_node(nodes[0])
        nodes[0].stop()
        nodes[0].destroy_node()
        counts['two'] = 0
        wait_until(lambda: counts['two'] > 3, 60, lambda: f'clouds of the other: {counts}')
    finally:
        bench.camera.pause()
        executor.shutdown()
        thread.join(5)
        for node in nodes:
            node.stop()
        nodes[1].destroy_node()
        context.try_shutdown()
        for subscription in subscriptions:
            bench.peer.node.destroy_subscription(subscription)
    return Outcome(0.0, note='the other goes on')


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f'/proc/{pid}/task').iterdir()
            for child in (task / 'children').read_text().split()]


def node_killed_while_converting(bench: Bench) -> Outcome:
    """Kill the node while a process of its own converts the network for OpenVINO."""
    if not find_spec('openvino'):
        raise NotPossible('OpenVINO is not installed')
    bench.camera.pause()
    node = bench.start_node(real=True, model='lite', device='cpu', engine='openvino')
    children = wait_until(lambda: _children(node.process.pid), 120, node.log)
    kill(node.process)
    began_s = time.monotonic()
    wait_until(lambda: not any(Path(f'/proc/{child}').exists() for child in children), 20,
               lambda: f'the end of {children}')
    return Outcome(time.monotonic() - began_s, note='the converting process ends too')


FAULTS = (
    Fault('node killed and restarted', node_killed),
    Fault('node killed while it prepares OpenVINO', node_killed_while_converting, slow=True),
    Fault('second node of the same name comes and goes', two_nodes_of_one_name),
    Fault('one of two nodes in a process ends', two_nodes_in_one_process),
)

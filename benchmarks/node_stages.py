# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Show where the milliseconds between the stamp of an image and its published cloud go.

    python benchmarks/node_stages.py [--rate 30] [--frames 300] [--engine auto] [--size 640x480]

A simulated camera, the depth node and a recorder that receives everything run in three processes,
as in the demo; the node is this process, with a clock around each of its stages. Printed are, for
each stage, its wall time (median and 99th percentile of the frames) and its processor time in the
calling thread, then the processor time of each process, and what the recorder received.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
import json
import os
from pathlib import Path
import sys
import tempfile
import time
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import numpy as np  # noqa: E402
from scaledepth_ros.cli.processes import Child, ros_environment  # noqa: E402

_WARM_UP_FRAMES = 10
_DEPTH_TOPICS = ('depth/image', 'points', 'depth/uncertainty')


class Stages:
    """Wall and processor milliseconds of named stages, one entry for each call."""

    def __init__(self) -> None:
        self.wall_ms: dict[str, list[float]] = defaultdict(list)
        self.thread_ms: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, wall_s: float, thread_s: float = float('nan')) -> None:
        """Note one duration."""
        self.wall_ms[name].append(wall_s * 1e3)
        self.thread_ms[name].append(thread_s * 1e3)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a clock around it."""
        def timed(*args: Any, **kwargs: Any) -> Any:
            wall_s, thread_s = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.add(name, time.perf_counter() - wall_s, time.thread_time() - thread_s)
        return timed

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Put a clock around an attribute of a module, a class or an object."""
        setattr(owner, attribute, self.around(name, getattr(owner, attribute)))

    def print(self) -> None:
        """Print one line for each stage in the order of first use."""
        print(f'{"stage":44s}{"p50 ms":>8s}{"p99 ms":>8s}{"cpu ms":>8s}{"calls":>7s}')
        for name, wall in self.wall_ms.items():
            kept = wall[_WARM_UP_FRAMES:] or wall
            thread = self.thread_ms[name][_WARM_UP_FRAMES:] or self.thread_ms[name]
            print(f'{name:44s}{np.median(kept):8.2f}{np.quantile(kept, 0.99):8.2f}'
                  f'{np.mean(thread):8.2f}{len(kept):7d}')


def main() -> int:
    """Run the three processes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--rate', type=float, default=30.0, help='frames a second')
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument('--engine', default='auto')
    parser.add_argument('--size', default='640x480', help='WIDTHxHEIGHT')
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split('x'))
    with tempfile.TemporaryDirectory(prefix='node_stages_') as folder:
        environment = ros_environment(Path(folder))
        os.environ.update(environment)
        recorder = Child('recorder', ['-m', 'scaledepth_ros.ros.recorder_node'], {
            'output': folder, 'report_progress': True, 'cloud_rate_hz': 1e-3,
            'image_rate_hz': 1e-3, 'max_megabytes': 100}, environment, Path(folder))
        camera = Child('camera', ['-m', 'scaledepth_ros.ros.camera_node'], {
            'source': 'simulated:room:6', 'rate_hz': args.rate, 'frames': args.frames,
            'rendered_frames': 8, 'width': width, 'height': height,
            'wait_for_subscribers': 2, 'report_progress': True}, environment, Path(folder))
        try:
            return _measure(args, Path(folder), camera, recorder, width, height)
        finally:
            camera.stop()
            recorder.stop()


def _measure(
    args: argparse.Namespace, folder: Path, camera: Child, recorder: Child, width: int,
    height: int,
) -> int:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from scaledepth_ros.ros import camera_outputs, depth_node, frame_processor
    stages = Stages()
    rclpy.init(args=[
        '--ros-args', '-p', f'engine:={args.engine}', '-p', f'image_width:={width}',
        '-p', f'image_height:={height}', '-p', 'autostart:=false'])
    node = depth_node.DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    start_s = time.monotonic()
    node.trigger_configure()
    configure_s = time.monotonic() - start_s
    assert node._processor is not None, 'the node could not be configured'
    predictor = node._processor.predictor
    predictor.wait_until_prepared(300)
    prepared_s = time.monotonic() - start_s
    _instrument(stages, node, predictor, camera_outputs, frame_processor)
    node.trigger_activate()
    used_s = {child.name: 0.0 for child in (camera, recorder)}
    own_s = 0.0
    while camera.exit_code is None:
        executor.spin_once(timeout_sec=0.1)
        if camera.progress.get('sent', 0) == _WARM_UP_FRAMES and own_s == 0.0:
            own_s = time.process_time()
            used_s = {child.name: _cpu_s(child.pid) for child in (camera, recorder)}
        if camera.progress.get('sent', 0) == args.frames:
            break
    frames = args.frames - _WARM_UP_FRAMES
    spent = {'depth node': time.process_time() - own_s,
             **{child.name: _cpu_s(child.pid) - used_s[child.name]
                for child in (camera, recorder)}}
    end_s = time.monotonic() + 1.5
    while time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.1)
    engine = predictor.engine
    node.stop()
    node.destroy_node()
    rclpy.try_shutdown()
    recorder.interrupt()
    recorder.wait(60)
    print(f'engine {engine}, {width} x {height} at {args.rate:g} Hz, {os.cpu_count()} cores; '
          f'configured in {configure_s:.1f} s, engine ready after {prepared_s:.1f} s\n')
    stages.print()
    print('\nprocessor time of each process, ms a frame: ' + ', '.join(
        f'{name} {seconds / frames * 1e3:.1f}' for name, seconds in spent.items()))
    _print_received(json.loads((folder / 'received.json').read_text()), args.frames)
    return 0


def _instrument(
    stages: Stages, node: Any, predictor: Any, camera_outputs: Any, frame_processor: Any,
) -> None:
    stream = node._streams[0]
    submit, process = node._submit, node._processor

    def submitted(frame: Any) -> bool:
        stamp = frame.message.header.stamp
        stages.add('stamp to callback (camera, DDS, executor)',
                   time.time() - stamp.sec - stamp.nanosec * 1e-9)
        return bool(submit(frame))

    def processed(frames: list[Any]) -> None:
        stages.add('callback to worker (queue)', time.monotonic() - frames[0].received_s)
        stages.around('worker: decode to last publish', process)(frames)
    stream._submit = submitted
    node._worker._process = processed
    stages.wrap(frame_processor, '_decode', '  decode')
    engine = predictor._engine
    stages.wrap(engine, 'run', '    network')
    stages.wrap(predictor, 'infer', '  infer (resize, network, upsample)')
    outputs = stream.outputs
    stages.wrap(camera_outputs, 'apply_range', '  range limits')
    stages.wrap(camera_outputs, 'flying_pixel_mask', '  flying pixel filter')
    outputs._outputs = [
        (topic, _timed_publisher(stages, topic, publisher),
         stages.around(f'  fill {topic}', make))
        for topic, publisher, make in outputs._outputs]
    stages.wrap(outputs, 'publish', '  outputs together')


def _timed_publisher(stages: Stages, topic: str, publisher: Any) -> Any:
    class Timed:
        get_subscription_count = staticmethod(publisher.get_subscription_count)
        publish = staticmethod(stages.around(f'  publish {topic}', publisher.publish))
    return Timed


def _cpu_s(pid: int) -> float:
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _print_received(received: dict[str, list[list[int]]], sent: int) -> None:
    print(f'\n{"received":24s}{"of":>10s}{"p50 ms":>9s}{"p99 ms":>9s}   stamp to receiver')
    for topic in _DEPTH_TOPICS:
        latency_ms = [(at_ns - stamp_ns) / 1e6 for at_ns, stamp_ns, _size in received[topic]]
        kept = latency_ms[_WARM_UP_FRAMES:] or [float('nan')]
        print(f'{topic:24s}{len(latency_ms):6d}/{sent}{np.median(kept):9.1f}'
              f'{np.quantile(kept, 0.99):9.1f}')


if __name__ == '__main__':
    # Threads of the middleware and of the network do not end in order.
    code = main()
    sys.stdout.flush()
    os._exit(code)

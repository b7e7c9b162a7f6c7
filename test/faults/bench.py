# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A depth node, a camera that never rests, and somebody who notes what arrives."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, ExitStack
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import ros_processes  # noqa: F401  isort: skip
from outcome import Outcome
from rclpy.qos import QoSProfile
from ros_harness import DepthProcess, make_image, make_info, Peer, reserved_domain, wait_until
from sensor_msgs.msg import CameraInfo, Image
from shared_memory import kill

FAULTY_NODE = Path(__file__).with_name('faulty_depth_node.py')
_OTHERS = Path(__file__).with_name('other_processes.py')
# Starting a node takes several seconds, on a busy machine many.
_LONGEST_RECOVERY_S = 60.0


class Camera:
    """Sends images with their CameraInfo at a steady rate, from a thread."""

    def __init__(self, peer: Peer) -> None:
        """Get ready; nothing is sent before ``resume``."""
        self._images = peer.node.create_publisher(Image, 'image', QoSProfile(depth=5))
        self._infos = peer.node.create_publisher(CameraInfo, 'camera_info', QoSProfile(depth=5))
        self._running = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        # Stamp [ns] and when it was sent [s].
        self.sent: dict[int, float] = {}
        self.reset()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Be a good camera."""
        self.rate_hz = 20.0
        self.size = 64, 48
        self.clock_offset_s = 0
        self.make_info: Callable[[], CameraInfo | None] = lambda: make_info(*self.size)

    def resume(self) -> None:
        """Send."""
        self._running.set()

    def pause(self) -> None:
        """Stop to send."""
        self._running.clear()
        with self._lock:
            pass

    def close(self) -> None:
        """End."""
        self._closed = True
        self._running.set()
        self._thread.join(5)

    def send_now(self, image: Image | None = None, info: CameraInfo | None = None) -> None:
        """Send something beside the steady stream."""
        if info is not None:
            self._infos.publish(info)
        if image is not None:
            self._images.publish(image)

    def _run(self) -> None:
        while not self._closed:
            self._running.wait()
            with self._lock:
                if self._running.is_set() and not self._closed:
                    self.send_one()
            time.sleep(1 / self.rate_hz)

    def send_one(self) -> None:
        """Send an image of its own stamp, with CameraInfo if there is any."""
        image, info = make_image(*self.size), self.make_info()
        stamp_ns = time.time_ns() + self.clock_offset_s * 10**9
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        if info is not None:
            info.header.stamp = image.header.stamp
            info.header.frame_id = image.header.frame_id
        self.sent[stamp_ns] = time.monotonic()
        self.send_now(image, info)


class OtherProcess:
    """A camera or a subscriber in a process of its own; see other_processes.py."""

    def __init__(self, domain: int, role: str) -> None:
        """Start it and wait until it is at work."""
        self._log = tempfile.NamedTemporaryFile('w+')  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, str(_OTHERS), role], stdout=self._log,
            env=dict(os.environ, ROS_DOMAIN_ID=str(domain)))
        wait_until(self.lines, 60, lambda: f'a line of the {role}')

    def lines(self) -> list[str]:
        """Return what it has printed, whole lines only."""
        return Path(self._log.name).read_text().rpartition('\n')[0].splitlines()

    @property
    def sent(self) -> dict[int, float]:
        """Of a camera: stamp [ns] and when it was sent [s]."""
        pairs = (line.split() for line in self.lines())
        return {int(stamp): float(at) for stamp, at in pairs}

    def kill(self) -> None:
        """Send SIGKILL."""
        kill(self.process)


class Injection:
    """The time in which a fault is there, and what came of it."""

    def __init__(self) -> None:
        """Begin now."""
        self.began_s = time.monotonic()
        self.over_s = 0.0
        self.recovered_s = 0.0
        self.lost = 0
        self.of = 0

    def over(self, at_s: float | None = None) -> None:
        """Note that the cause has gone."""
        self.over_s = time.monotonic() if at_s is None else at_s

    def outcome(self, note: str) -> Outcome:
        """Return the outcome."""
        return Outcome(self.recovered_s, self.lost, self.of, note)


class Bench:
    """One node after the other in one ROS domain, watched by one peer."""

    def __init__(self, domain: int) -> None:
        """Join the domain; there is no node yet."""
        self.domain = domain
        self.peer = Peer(domain, ())
        self.peer.node.create_subscription(
            Image, 'depth/image', self._note, QoSProfile(depth=50))
        self.camera = Camera(self.peer)
        self.cameras: list[Any] = [self.camera]
        # Stamp [ns] and when its depth arrived [s].
        self.arrived: dict[int, float] = {}
        self.node: DepthProcess | None = None
        self._standing = False
        self._folder = tempfile.TemporaryDirectory(prefix='scaledepth_ros_bench_')
        self.folder = Path(self._folder.name)
        self._fault_file = self.folder / 'fault'
        self.network('')
        os.environ['SCALEDEPTH_FAULT'] = str(self._fault_file)

    def close(self) -> None:
        """Stop the node and leave."""
        self.camera.close()
        self.stop_node()
        self.peer.close()
        self._folder.cleanup()

    def network(self, fault: str) -> None:
        """Tell the network what to do from the next frame on; '' is to work."""
        part = self._fault_file.with_suffix('.new')
        part.write_text(fault)
        part.replace(self._fault_file)

    def start_node(self, **options: Any) -> DepthProcess:
        """Start a node in place of the one there was, and nothing else."""
        self.stop_node()
        options.setdefault('script', FAULTY_NODE)
        self.node = DepthProcess(self.domain, **{'model': 'known', **options})
        self.peer.statuses.clear()
        self.peer.drop_clients()
        return self.node

    def stop_node(self) -> None:
        """Stop the node, if there is one."""
        self._standing = False
        if self.node is not None:
            self.node.stop()

    def ready(self) -> DepthProcess:
        """Return a node that has just worked; that of the fault before, if it survived."""
        self.camera.reset()
        self.network('')
        self.forget()
        if not self._standing or self.node is None or self.node.process.poll() is not None:
            self.start_node(image_timeout_s=0.5)
            self._standing = True
        self.working()
        return self.node

    def forget(self) -> None:
        """Forget what was sent and what has arrived."""
        self.camera.sent.clear()
        self.arrived.clear()

    def working(self, timeout_s: float = _LONGEST_RECOVERY_S) -> None:
        """Let the camera send until depth comes of what it sends."""
        self.camera.resume()
        self.wait_for_depth(time.monotonic(), timeout_s)

    def wait_for_depth(self, since_s: float, timeout_s: float = _LONGEST_RECOVERY_S) -> int:
        """Return the stamp of the first image sent after a time that was answered."""
        assert self.node is not None
        return wait_until(
            lambda: min((stamp for stamp, at_s in self.sent().items()
                         if at_s >= since_s and stamp in self.arrived),
                        key=self.arrived.__getitem__, default=None), timeout_s,
            lambda: f'depth; diagnostics: {self.peer.statuses}\n{self.node.log()[-2000:]}')

    def sent(self) -> dict[int, float]:
        """Return all that the cameras have sent."""
        # A copy is made in one step; the camera's thread goes on meanwhile.
        return {stamp: at_s for camera in self.cameras
                for stamp, at_s in camera.sent.copy().items()}

    @contextmanager
    def injection(self, *, same_process: bool = True) -> Iterator[Injection]:
        """
        Inject a fault in the block, and wait for depth after it.

        Args:
            same_process: it must be the same node, still there, without a traceback.

        """
        injection, process = Injection(), self.node
        assert process is not None
        yield injection
        if not injection.over_s:
            injection.over()
        stamp = self.wait_for_depth(injection.over_s)
        injection.recovered_s = self.arrived[stamp] - injection.over_s
        sent = self.sent()
        between = [one for one, at_s in sent.items()
                   if injection.began_s <= at_s <= sent[stamp]]
        injection.of = len(between)
        injection.lost = sum(one not in self.arrived for one in between)
        assert self.node is not None
        assert 'Traceback' not in self.node.log(), self.node.log()
        if same_process:
            assert self.node is process
            assert process.process.poll() is None, process.log()

    def _note(self, message: Image) -> None:
        stamp = message.header.stamp
        self.arrived.setdefault(stamp.sec * 10**9 + stamp.nanosec, time.monotonic())


@contextmanager
def open_bench() -> Iterator[Bench]:
    """Reserve a domain and set up a bench in it."""
    with ExitStack() as stack:
        bench = Bench(stack.enter_context(reserved_domain()))
        stack.callback(bench.close)
        yield bench

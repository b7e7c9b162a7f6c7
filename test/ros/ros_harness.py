# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Start the depth node as a real process and talk to it over the real middleware."""
from __future__ import annotations

import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import fcntl
import itertools
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from shared_memory import kill
from std_msgs.msg import Float32, String

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
KNOWN_DEPTH_NODE = Path(__file__).with_name('known_depth_node.py')
WIDTH, HEIGHT = 64, 48

OUTPUT_TYPES: dict[str, Any] = {
    'depth/image': Image, 'depth/camera_info': CameraInfo, 'depth/uncertainty': Image,
    'depth/image/compressedDepth': CompressedImage, 'points': PointCloud2, 'scan': LaserScan,
    'scale': Float32, 'scene': String}


@contextmanager
def reserved_domain() -> Iterator[int]:
    """Reserve a ROS domain that no other test run on this machine uses."""
    folder = Path(tempfile.gettempdir()) / f'scaledepth_ros_test_domains_{os.getuid()}'
    folder.mkdir(exist_ok=True)
    # 1..101: the domains whose ports lie below Linux's ephemeral range.
    for attempt in range(101):
        domain = 1 + (os.getpid() + attempt) % 101
        with open(folder / str(domain), 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield domain
            return
    raise RuntimeError('all ROS domains are in use by other test runs')


def signal_until_it_ends(
        process: subprocess.Popen[Any], numbers: tuple[int, ...] = (signal.SIGINT,),
        timeout_s: float = 60.0) -> int:
    """Send signals in turn, again and again, as impatient people do; return the exit code."""
    deadline_s = time.monotonic() + timeout_s
    for number in itertools.cycle(numbers):
        if process.poll() is not None:
            return process.returncode
        if time.monotonic() > deadline_s:
            kill(process)
            raise AssertionError(f'still there after {timeout_s} s of signals')
        process.send_signal(number)
        time.sleep(0.002)
    raise AssertionError('no signals to send')


class DepthProcess:
    """The depth node in a process of its own."""

    def __init__(self, domain: int, *arguments: str, real: bool = False,
                 script: Path = KNOWN_DEPTH_NODE, **parameters: Any) -> None:
        """Start a script, by default one whose depth is known, or the real executable."""
        target = ['-m', 'scaledepth_ros.ros.depth_node'] if real else [str(script)]
        settings = {'diagnostics_period_s': 0.2, **parameters}
        flags = [part for name, value in settings.items()
                 for part in ('-p', f'{name}:={_yaml(value)}')]
        environment = dict(
            os.environ, ROS_DOMAIN_ID=str(domain), OMP_NUM_THREADS='1', PYTHONUNBUFFERED='1',
            RCUTILS_LOGGING_USE_STDOUT='1',
            PYTHONPATH=os.pathsep.join([str(PACKAGE_ROOT), os.environ.get('PYTHONPATH', '')]))
        self._log = tempfile.TemporaryFile(mode='w+')  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, *target, '--ros-args', *flags, *arguments],
            env=environment, stdout=self._log, stderr=subprocess.STDOUT)

    def log(self) -> str:
        """Return what it has printed so far."""
        self._log.flush()
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors='replace')

    def wait_for_log(self, text: str, timeout_s: float = 60.0) -> None:
        """Wait until it has printed a text."""
        wait_until(lambda: text in self.log(), timeout_s, lambda: f'{text!r} in\n{self.log()}')

    def footprint(self) -> tuple[int, int, int]:
        """Return resident memory [kB], number of threads and number of open files."""
        folder = Path('/proc') / str(self.process.pid)
        status = dict(line.split(':', 1) for line in (folder / 'status').read_text().splitlines())
        return (int(status['VmRSS'].split()[0]), int(status['Threads']),
                len(list((folder / 'fd').iterdir())))

    def stop(self, number: int = signal.SIGINT, timeout_s: float = 30.0) -> float:
        """Send a signal and return how long it took to exit [s]."""
        started_s = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            kill(self.process)
            raise
        return time.monotonic() - started_s


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    return str(value)


def wait_until(condition: Callable[[], Any], timeout_s: float = 30.0,
               describe: Callable[[], str] = lambda: 'condition') -> Any:
    """Return the first true value of a condition; fail after a while."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f'not within {timeout_s} s: {describe()}')


class Peer:
    """The other side: a camera, a subscriber and an operator, in this process."""

    def __init__(self, domain: int, outputs: tuple[str, ...] = ('depth/image', 'points'), *,
                 prefix: str = '') -> None:
        """Join a domain and subscribe to outputs of the depth node."""
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node('peer', context=self.context)
        self.received: dict[str, list[Any]] = defaultdict(list)
        self.statuses: dict[str, DiagnosticStatus] = {}
        qos = QoSProfile(depth=20, reliability=QoSReliabilityPolicy.RELIABLE)
        for topic in outputs:
            self.subscribe(prefix + topic, qos)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.camera_reliability = QoSReliabilityPolicy.RELIABLE
        self._publishers: dict[tuple[str, Any], Any] = {}
        self._clients: dict[str, Any] = {}
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except Exception:
            # The context goes away at any point of the loop.
            if self.context.ok():
                raise

    def close(self) -> None:
        """Leave the domain."""
        self.context.try_shutdown()
        self._thread.join(5)
        self.node.destroy_node()

    def subscribe(self, topic: str, qos: Any = 20) -> None:
        """Collect the messages of an output."""
        kind = OUTPUT_TYPES[max((name for name in OUTPUT_TYPES if topic.endswith(name)), key=len)]
        self.node.create_subscription(kind, topic, self.received[topic].append, qos)

    def publisher(self, kind: Any, topic: str) -> Any:
        """Return a publisher, waiting for the depth node when it is new."""
        key = topic, kind
        if key not in self._publishers:
            publisher = self.node.create_publisher(
                kind, topic, QoSProfile(depth=5, reliability=self.camera_reliability))
            wait_until(lambda: publisher.get_subscription_count() > 0, 60,
                       lambda: f'a subscriber on {topic}')
            self._publishers[key] = publisher
        return self._publishers[key]

    def drop_publishers(self) -> None:
        """Be a camera that dies."""
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._publishers.clear()

    def send(self, image: Any, info: CameraInfo | None = None, *, prefix: str = '',
             topic: str = 'image') -> None:
        """Publish CameraInfo, if any, then the image."""
        if info is not None:
            info.header.stamp = image.header.stamp
            info.header.frame_id = info.header.frame_id or image.header.frame_id
            self.publisher(CameraInfo, f'{prefix}camera_info').publish(info)
        self.publisher(type(image), prefix + topic).publish(image)

    def wait_for_outputs(self, *topics: str, timeout_s: float = 60) -> None:
        """Wait until the depth node's publishers have found this node's subscriptions."""
        for topic in topics or tuple(self.received):
            wait_until(lambda topic=topic: self.node.count_publishers(topic) > 0, timeout_s,
                       lambda topic=topic: f'a publisher on {topic}')
        # Matching is seen here before the other side sees it.
        time.sleep(0.2)

    def exchange(self, image: Any, info: CameraInfo | None, *topics: str,
                 timeout_s: float = 30.0, **send: Any) -> list[Any]:
        """Send a frame until every topic has answered with its stamp; return the answers."""
        stamp = image.header.stamp
        # The first sending waits for the node, which takes nothing from the time to answer.
        self.send(image, info, **send)
        deadline_s = time.monotonic() + timeout_s
        while True:
            again_s = time.monotonic() + 0.5
            while time.monotonic() < again_s:
                answers = [self.answer(topic, stamp) for topic in topics]
                if all(answer is not None for answer in answers):
                    return answers
                time.sleep(0.005)
            if time.monotonic() > deadline_s:
                raise AssertionError(
                    f'no answer on {topics} to stamp {stamp} within {timeout_s} s')
            self.send(image, info, **send)

    def send_until(self, condition: Callable[[], Any], image: Any,
                   info: CameraInfo | None = None, *, timeout_s: float = 30.0,
                   **send: Any) -> Any:
        """Send a frame again and again until something is true; return that."""
        # As in exchange().
        self.send(image, info, **send)
        deadline_s = time.monotonic() + timeout_s
        while True:
            time.sleep(0.03)
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline_s:
                raise AssertionError(f'not within {timeout_s} s; diagnostics: {self.statuses}')
            self.send(image, info, **send)

    def answer(self, topic: str, stamp: Any) -> Any:
        """Return the message of a topic with this stamp, or None."""
        return next((message for message in list(self.received[topic])
                     if message.header.stamp == stamp), None)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name.split(': ', 1)[1]] = status

    def wait_for_status(self, name: str, level: bytes, text: str = '',
                        timeout_s: float = 60.0) -> DiagnosticStatus:
        """Wait for a diagnostic with this level and a text in its message."""
        return wait_until(lambda: self.status(name, level, text), timeout_s,
                          lambda: f'{name} with {level!r} and {text!r}; is '
                                  f'{self.statuses.get(name)}')

    def status(self, name: str, level: bytes, text: str = '') -> DiagnosticStatus | None:
        """Return a diagnostic if it has this level and a text in its message."""
        status = self.statuses.get(name)
        if status is not None and status.level == level and text in status.message:
            return status
        return None

    def call(self, kind: Any, service: str, request: Any, timeout_s: float = 60.0) -> Any:
        """Call a service of the depth node."""
        client = self._clients.get(service)
        if client is None or not client.service_is_ready():
            if client is None:
                client = self._clients[service] = self.node.create_client(kind, service)
            assert client.wait_for_service(timeout_s), f'no service {service}'
            self._introduce(service.rpartition('/')[0], timeout_s)
        future = client.call_async(request)
        wait_until(future.done, timeout_s, lambda: f'an answer of {service}')
        return future.result()

    def _introduce(self, node: str, timeout_s: float) -> None:
        """Wait until the services of a lifecycle node know of the clients that there are."""
        # A client sees the service before the service sees where to send its answer, which is
        # lost then. Clients are announced in order: when a newer one is answered, all are known.
        newest = self.node.create_client(GetState, f'{node}/get_state')
        try:
            assert newest.wait_for_service(timeout_s), f'no service {node}/get_state'
            answers, deadline_s = [], time.monotonic() + timeout_s
            while time.monotonic() < deadline_s:
                answers.append(newest.call_async(GetState.Request()))
                with suppress(AssertionError):
                    # Less and less often, lest a node that is busy finds a queue of them.
                    wait_until(lambda: any(answer.done() for answer in answers),
                               0.2 * len(answers))
                    return
        finally:
            self.node.destroy_client(newest)
        raise AssertionError(f'no answer of {node}/get_state within {timeout_s} s')

    def drop_clients(self) -> None:
        """Forget the services of a node that has ended."""
        for client in self._clients.values():
            self.node.destroy_client(client)
        self._clients.clear()

    def change_state(self, transition: str, node: str = '/depth',
                     timeout_s: float = 60.0) -> bool:
        """Ask for a lifecycle transition by name, such as 'configure'."""
        number = getattr(Transition, f'TRANSITION_{transition.upper()}')
        request = ChangeState.Request(transition=Transition(id=number))
        return self.call(ChangeState, f'{node}/change_state', request, timeout_s).success

    def state(self, node: str = '/depth') -> str:
        """Return the lifecycle state."""
        # Asked again: of a node that took the place of another the first answer may be lost.
        for timeout_s in (2.0, 5.0, 60.0):
            with suppress(AssertionError):
                answer = self.call(
                    GetState, f'{node}/get_state', GetState.Request(), timeout_s)
                return answer.current_state.label
        raise AssertionError(f'{node} does not say its state')

    def wait_for_state(self, label: str, timeout_s: float = 60.0) -> None:
        """Wait for a lifecycle state."""
        wait_until(lambda: self.state() == label, timeout_s, lambda: f'state {label}')

    def set_parameters(self, **values: Any) -> list[Any]:
        """Set parameters; return the results."""
        request = SetParameters.Request(parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()])
        return self.call(SetParameters, '/depth/set_parameters', request).results

    def parameter_names(self) -> list[str]:
        """List the parameters."""
        return list(self.call(ListParameters, '/depth/list_parameters',
                              ListParameters.Request()).result.names)

    def get_parameters(self, names: list[str]) -> dict[str, Any]:
        """Read parameters."""
        reply = self.call(GetParameters, '/depth/get_parameters',
                          GetParameters.Request(names=names))
        return {name: rclpy.parameter.parameter_value_to_python(value)
                for name, value in zip(names, reply.values, strict=True)}

    def describe_parameters(self, names: list[str]) -> list[Any]:
        """Read parameter descriptors."""
        return self.call(DescribeParameters, '/depth/describe_parameters',
                         DescribeParameters.Request(names=names)).descriptors


_next_nanosec = iter(range(1, 10**9))


def make_image(width: int = WIDTH, height: int = HEIGHT, *, encoding: str = 'rgb8',
               frame_id: str = 'camera_optical_frame', sec: int = 0) -> Image:
    """Return an image with a gradient and a stamp of its own, near now."""
    rows, columns = np.mgrid[0:height, 0:width]
    rgb = np.stack((rows % 256, columns % 256, (rows + columns) % 256), 2).astype(np.uint8)
    image = Image(height=height, width=width, encoding=encoding, step=width * 3)
    image.data = array.array('B', rgb.tobytes())
    image.header.frame_id = frame_id
    image.header.stamp.sec = sec or int(time.time())
    image.header.stamp.nanosec = next(_next_nanosec)
    return image


def make_info(width: int = WIDTH, height: int = HEIGHT, *, fx: float = 50.0) -> CameraInfo:
    """Return the CameraInfo of a pinhole camera whose axis passes between the middle pixels."""
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob')
    info.d = [0.0] * 5
    cx, cy = (width - 1) / 2, (height - 1) / 2
    info.k = [fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fx, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def depth_array(message: Image) -> np.ndarray:
    """Return the pixels of a depth image."""
    dtype = {'32FC1': '<f4', '16UC1': '<u2'}[message.encoding]
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)


def cloud_array(message: PointCloud2) -> np.ndarray:
    """Return x, y, z, rgb of a cloud as a structured (H, W) array."""
    dtype = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<u4')])
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)

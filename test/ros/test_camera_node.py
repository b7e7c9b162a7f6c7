# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The camera node as a real process: what it publishes, how steadily, and how it ends."""
from __future__ import annotations

from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import serialize_message
from ros_harness import PACKAGE_ROOT, Peer, signal_until_it_ends, wait_until
from scaledepth_ros.bag import BagWriter
from scaledepth_ros.middleware import local_environment
from scaledepth_ros.ros import camera_node
from scaledepth_ros.source_options import ImageSource, SourceFrame
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros


class Camera:
    """The camera node in a process of its own."""

    def __init__(self, domain: int, folder: Path, **parameters: Any) -> None:
        """Start it."""
        flags = [part for name, value in parameters.items()
                 for part in ('-p', f'{name}:={json.dumps(value)}')]
        environment = {**local_environment(folder, domain=domain), 'PYTHONUNBUFFERED': '1',
                       'PYTHONPATH': os.pathsep.join([str(PACKAGE_ROOT),
                                                      os.environ.get('PYTHONPATH', '')])}
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'scaledepth_ros.ros.camera_node', '--ros-args', *flags],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode


class Viewer:
    """Collects what a camera publishes."""

    def __init__(self, peer: Peer, reliability: QoSReliabilityPolicy) -> None:
        """Subscribe."""
        self.images: list[tuple[int, Image]] = []
        self.infos: list[CameraInfo] = []
        self._peer = peer
        # Of all that a camera sends in a test, however late it is read.
        self._qos = QoSProfile(depth=100, reliability=reliability)
        self._subscriptions = [
            peer.node.create_subscription(
                CameraInfo, 'camera_info', self.infos.append, self._qos),
            peer.node.create_subscription(
                Image, 'image', lambda m: self.images.append((time.time_ns(), m)), self._qos)]
        peer.executor.wake()

    def let_it_begin(self) -> None:
        """Subscribe a second time, which the camera waits for, when it has been found."""
        wait_until(lambda: all(map(self._is_matched, self._subscriptions)), 60,
                   lambda: 'a camera')
        self._peer.node.create_subscription(Image, 'image', lambda _: None, self._qos)

    def wait(self, count: int) -> list[Image]:
        """Wait for a number of images and as many CameraInfos."""
        wait_until(lambda: min(len(self.images), len(self.infos)) >= count, 60,
                   lambda: f'{count} images; there are {len(self.images)}')
        return [message for _, message in self.images[:count]]

    def _is_matched(self, subscription: Any) -> bool:
        if hasattr(subscription, 'get_publisher_count'):
            return subscription.get_publisher_count() > 0
        # Humble cannot tell.
        return self._peer.node.count_publishers(subscription.topic_name) > 0


@pytest.fixture
def camera(domain: int, tmp_path: Path) -> Iterator[Callable[..., Camera]]:
    """Start cameras; they are gone after the test."""
    cameras: list[Camera] = []

    def start(**parameters: Any) -> Camera:
        cameras.append(Camera(domain, tmp_path, **parameters))
        return cameras[-1]

    yield start
    for one in cameras:
        one.stop()


@pytest.fixture
def view(join: Callable[..., Peer]) -> Callable[..., Viewer]:
    """Subscribe to the camera."""
    def start(reliability: QoSReliabilityPolicy = QoSReliabilityPolicy.RELIABLE) -> Viewer:
        return Viewer(join(()), reliability)
    return start


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images of different size and colour."""
    folder = tmp_path / 'images'
    folder.mkdir()
    cv2.imwrite(str(folder / 'a.png'), np.full((48, 64, 3), (0, 0, 200), np.uint8))
    cv2.imwrite(str(folder / 'b.png'), np.full((30, 40, 3), (200, 0, 0), np.uint8))
    return folder


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def colour(message: Image) -> list[int]:
    return list(message.data[:3])


def test_images_of_different_size_come_with_their_camera_info(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path,
) -> None:
    viewer = view()
    one = camera(source=str(images), focal_px=50.0, frames=5, rate_hz=20.0, frame_id='front',
                 wait_for_subscribers=2)
    viewer.let_it_begin()
    received = viewer.wait(5)
    assert [(m.width, m.height, m.encoding, m.step) for m in received] == [
        (64, 48, 'rgb8', 192), (40, 30, 'rgb8', 120)] * 2 + [(64, 48, 'rgb8', 192)]
    assert [colour(m) for m in received[:2]] == [[200, 0, 0], [0, 0, 200]]
    assert all(len(m.data) == m.step * m.height for m in received)
    for image, info in zip(received, viewer.infos, strict=False):
        assert (info.width, info.height) == (image.width, image.height)
        assert info.header == image.header
        assert image.header.frame_id == 'front'
        assert info.k.tolist() == [50, 0, (image.width - 1) / 2, 0, 50, (image.height - 1) / 2,
                                   0, 0, 1]
    assert one.process.wait(60) == 0


def test_rate_is_steady_and_stamps_are_the_wall_clock(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path,
) -> None:
    viewer = view()
    camera(source=str(images / 'a.png'), rate_hz=25.0, encoding='bgr8', wait_for_subscribers=1)
    received = viewer.wait(50)
    assert colour(received[0]) == [0, 0, 200]
    stamps_ns = np.array([stamp_ns(m) for m in received])
    # The median, because another process may delay single frames.
    assert np.median(np.diff(stamps_ns)) == pytest.approx(40e6, rel=0.1)
    delays_ns = np.array([at for at, _ in viewer.images[:50]]) - stamps_ns
    assert (delays_ns > 0).all()
    # The least, for the same reason.
    assert delays_ns.min() < 50e6


def test_best_effort_cameras_are_not_heard_by_who_wants_reliability(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path,
) -> None:
    reliable, tolerant = view(), view(QoSReliabilityPolicy.BEST_EFFORT)
    camera(source=str(images), reliability='best_effort', rate_hz=30.0)
    tolerant.wait(10)
    assert reliable.images == []


def test_a_video_is_played_at_its_own_rate_and_ends(
    camera: Callable[..., Camera], view: Callable[..., Viewer], tmp_path: Path,
) -> None:
    path = tmp_path / 'drive.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 20.0, (64, 48))
    for level in range(0, 240, 20):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    viewer = view()
    one = camera(source=str(path), loop=False, wait_for_subscribers=2, horizontal_fov_deg=70.0)
    viewer.let_it_begin()
    received = viewer.wait(12)
    levels = [float(np.mean(m.data)) for m in received]
    np.testing.assert_allclose(levels, range(0, 240, 20), atol=4)
    assert np.median(np.diff([stamp_ns(m) for m in received])) == pytest.approx(50e6, rel=0.1)
    assert one.process.wait(60) == 0


def test_simulation_goes_to_and_fro_with_its_truth(
    camera: Callable[..., Camera], view: Callable[..., Viewer], tmp_path: Path,
) -> None:
    truth = tmp_path / 'made' / 'truth'
    viewer = view()
    one = camera(source='simulated:room:3', width=64, height=48, rendered_frames=4, frames=8,
                 rate_hz=20.0, truth_folder=str(truth), wait_for_subscribers=2)
    viewer.let_it_begin()
    received = viewer.wait(8)
    assert one.process.wait(60) == 0
    sent = json.loads((truth / 'sent.json').read_text())
    assert [number for _, number in sent['sent']] == [0, 1, 2, 3, 2, 1, 0, 1]
    assert [stamp for stamp, _ in sent['sent']] == [stamp_ns(m) for m in received]
    assert received[2].data == received[4].data
    assert received[2].data != received[3].data
    assert sorted(path.name for path in truth.glob('*.npy')) == [
        f'truth_{i:05d}.npy' for i in range(4)]
    assert np.load(truth / 'truth_00000.npy').shape == (48, 64)


@pytest.mark.parametrize('other_images', [False, True])
def test_an_image_topic_without_messages_is_not_waited_for(
    camera: Callable[..., Camera], tmp_path: Path, other_images: bool,
) -> None:
    pixels = Image(height=1, width=2, encoding='rgb8', step=6, data=bytes(6))
    with BagWriter(tmp_path / 'run') as bag:
        for topic in ('/a/image_raw', '/b/image_raw')[:1 + other_images]:
            bag.add_topic(topic, 'sensor_msgs/msg/Image')
        if other_images:
            bag.write('/b/image_raw', 1, serialize_message(pixels))
    one = camera(source=str(tmp_path / 'run'), frames=2, rate_hz=50.0)
    _, errors = one.process.communicate(timeout=60)
    assert one.process.returncode == 1 - other_images
    assert 'Traceback' not in errors
    assert ('run /b/image_raw at 50 Hz' if other_images else
            'lists the image topic /a/image_raw and holds no message of it') in errors


class DriedUp(ImageSource):
    """Has no frame any more, whenever it is asked; the context ends meanwhile."""

    description, intrinsics, frame_count, asked = 'dried up', 'none', 0, 0

    def __iter__(self) -> Iterator[SourceFrame]:
        """Give nothing."""
        self.asked += 1
        if self.asked == 3:
            rclpy.shutdown()
        # Nothing else would end a test that fails.
        assert self.asked < 100
        return iter(())


def test_a_source_that_gives_nothing_can_be_stopped(
    domain: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = DriedUp()
    monkeypatch.setattr(camera_node, 'open_source', lambda *_: source)
    rclpy.init(domain_id=domain)
    try:
        node = camera_node.CameraNode()
        with pytest.raises(ExternalShutdownException):
            node.run()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    assert source.asked == 3


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path,
    number: signal.Signals,
) -> None:
    viewer = view()
    one = camera(source=str(images), wait_for_subscribers=1)
    viewer.wait(2)
    one.process.send_signal(number)
    _, errors = one.process.communicate(timeout=60)
    assert one.process.returncode == 0
    assert 'Traceback' not in errors


@pytest.mark.parametrize('numbers', [(signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)])
def test_signals_that_do_not_stop_end_it_cleanly(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path, tmp_path: Path,
    numbers: tuple[int, ...],
) -> None:
    viewer = view()
    one = camera(source=str(images), wait_for_subscribers=1, truth_folder=str(tmp_path))
    viewer.wait(2)
    assert signal_until_it_ends(one.process, numbers) == 0
    _, errors = one.process.communicate(timeout=60)
    assert errors.count('\n') == errors.count('[INFO]')
    assert len(json.loads((tmp_path / 'sent.json').read_text())['sent']) >= 2


def test_a_truth_folder_that_goes_away_is_one_line_and_an_orderly_end(
    camera: Callable[..., Camera], view: Callable[..., Viewer], images: Path, tmp_path: Path,
) -> None:
    truth = tmp_path / 'truth'
    viewer = view()
    one = camera(source=str(images), wait_for_subscribers=1, truth_folder=str(truth))
    viewer.wait(2)
    truth.rmdir()
    one.process.send_signal(signal.SIGINT)
    _, errors = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert f'camera_node: {truth / "sent.json"} cannot be written (No such file' in errors
    assert 'Traceback' not in errors


@pytest.mark.parametrize(('parameters', 'text'), [
    ({'source': '/nowhere'}, 'There is no source'),
    ({'encoding': 'yuv'}, "encoding is 'yuv'; choose one of rgb8, bgr8"),
    ({'focal_px': 5.0, 'horizontal_fov_deg': 60.0}, 'were given together'),
    ({'truth_folder': '/dev/null/truth'}, '/dev/null/truth cannot be written (Not a directory)'),
])
def test_bad_parameters_are_one_line(
    camera: Callable[..., Camera], parameters: dict[str, Any], text: str,
) -> None:
    one = camera(**parameters)
    _, errors = one.process.communicate(timeout=60)
    assert one.process.returncode == 1
    assert text in errors
    assert 'Traceback' not in errors

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
A camera for everything that is not one: publishes simulation, files, bags or a V4L2 device.

``image`` and ``camera_info`` are published at a steady rate, with the wall clock as stamp.
Simulations and folders are prepared before the first frame, so that rendering or decoding never
competes with what is being measured; videos and bags are decoded between two frames.
"""
from __future__ import annotations

import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
import json
import logging
from pathlib import Path
import sys
import time
from typing import Any

import numpy as np
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from scaledepth_ros.errors import ConfigError, ScaleDepthError
from scaledepth_ros.image_source import open_source
from scaledepth_ros.memory import keep_freed_memory
from scaledepth_ros.progress import print_progress
from scaledepth_ros.ros.messages import camera_info_message
from scaledepth_ros.ros.signals import ended_by_signals, let_signals_only_end_the_context
from scaledepth_ros.source_options import ImageSource, SourceFrame, SourceOptions
from scaledepth_ros.whole_file import make_output_folder, write_file
from sensor_msgs.msg import CameraInfo, Image

# Prepared frames beyond this are decoded on the way instead.
_MAX_PREPARED_BYTES = 600_000_000
_DEFAULT_RATE_HZ = 15.0
_RENDERED_FRAMES = 30
# The last message is still on its way when the process ends.
_LINGER_S = 0.5

_PARAMETERS: dict[str, tuple[Any, str]] = {
    'source': ('simulated', 'simulated[:KIND[:SEED]], a folder, an image, a video, a bag or '
               '/dev/videoN.'),
    'camera_yaml': ('', 'Calibration file; empty for none.'),
    'focal_px': (0.0, 'Focal length [px] where there is no calibration; 0 for none.'),
    'horizontal_fov_deg': (0.0, 'Horizontal field of view [deg], likewise; 0 for none.'),
    'width': (0, 'Width [px] of simulated or device images; 0 for 640 or what the device likes.'),
    'height': (0, 'Height [px], likewise; 0 for 480.'),
    'rate_hz': (0.0, 'Frames a second; 0 for the rate of the source, 15 if it has none.'),
    'frames': (0, 'Stop after this many; 0 for no limit.'),
    'rendered_frames': (_RENDERED_FRAMES, 'Frames rendered of a simulation, then played to and '
                        'fro.'),
    'loop': (True, 'Begin anew when the source ends.'),
    'image_topic': ('', 'Topic of a bag; empty for its first colour topic with images.'),
    'frame_id': ('camera_optical_frame', 'frame_id of every header.'),
    'encoding': ('rgb8', 'rgb8 or bgr8.'),
    'reliability': ('reliable', 'reliable or best_effort.'),
    'wait_for_subscribers': (0, 'Begin when the image has this many subscribers.'),
    'truth_folder': ('', 'Folder that gets true depth and sent.json; empty for none.'),
    'report_progress': (False, 'Print machine-readable progress to standard output.'),
}


@dataclass
class Prepared:
    """A frame as messages, with its number within the source."""

    number: int
    image: Image
    info: CameraInfo


def to_messages(frame: SourceFrame, number: int, frame_id: str, encoding: str) -> Prepared:
    """
    Make the messages of a frame.

    Args:
        frame: what the source gave.
        number: its number within the source.
        frame_id: for both headers.
        encoding: rgb8 or bgr8.

    """
    height, width = frame.rgb_HW3.shape[:2]
    pixels = frame.rgb_HW3 if encoding == 'rgb8' else frame.rgb_HW3[:, :, ::-1]
    image = Image(height=height, width=width, encoding=encoding, step=3 * width)
    image.data = array.array('B', np.ascontiguousarray(pixels).tobytes())
    info = camera_info_message(frame.camera)
    image.header.frame_id = info.header.frame_id = frame_id
    return Prepared(number, image, info)


def _stop_if_asked() -> None:
    # A signal ends the context, but not a loop that neither spins nor waits.
    if not rclpy.ok():
        raise ExternalShutdownException


class CameraNode(Node):
    """Publishes the frames of an image source."""

    def __init__(self, **kwargs: Any) -> None:
        """
        Declare the parameters and open the source.

        Args:
            kwargs: passed on to rclpy's Node.

        Raises:
            ScaleDepthError: a parameter or the source is not valid, or the folder for the truth
                cannot be written.

        """
        super().__init__('camera', **kwargs)
        self._values = {
            name: self.declare_parameter(name, default, ParameterDescriptor(
                description=text, read_only=True)).value
            for name, (default, text) in _PARAMETERS.items()}
        for name, choices in (('encoding', ('rgb8', 'bgr8')),
                              ('reliability', ('reliable', 'best_effort'))):
            if self._values[name] not in choices:
                raise ConfigError(
                    f'{name} is {self._values[name]!r}; choose one of {", ".join(choices)}')
        if self._values['truth_folder']:
            make_output_folder(Path(self._values['truth_folder']))
        self._source = self._open_source()
        self.rate_hz = (
            self._values['rate_hz'] or self._source.rate_hz or _DEFAULT_RATE_HZ)
        qos = QoSProfile(
            history=QoSHistoryPolicy.KEEP_LAST, depth=5,
            reliability=(QoSReliabilityPolicy.RELIABLE
                         if self._values['reliability'] == 'reliable'
                         else QoSReliabilityPolicy.BEST_EFFORT))
        self._image_publisher = self.create_publisher(Image, 'image', qos)
        self._info_publisher = self.create_publisher(CameraInfo, 'camera_info', qos)
        self._sent: list[tuple[int, int]] = []

    def run(self) -> None:
        """Prepare, wait for subscribers, publish; returns when all frames are sent."""
        frames = self._frames()
        following = next(frames, None)
        self._wait_for_subscribers()
        self._report(state='publishing', intrinsics=self._source.intrinsics,
                     description=self._source.description, rate_hz=self.rate_hz)
        self.get_logger().info(
            f'{self._source.description} at {self.rate_hz:g} Hz, intrinsics: '
            f'{self._source.intrinsics}')
        due_s = time.monotonic()
        limit = self._values['frames']
        while following is not None:
            if not self._source.live:
                # A late frame is not made up for: two at once would only be dropped.
                due_s = max(due_s, time.monotonic() - 0.5 / self.rate_hz)
                self._spin_until(due_s)
                due_s += 1.0 / self.rate_hz
            _stop_if_asked()
            self._publish(following)
            following = next(frames, None) if len(self._sent) != limit else None
        self._spin_until(time.monotonic() + _LINGER_S)

    def save_sent(self) -> None:
        """
        Write which frame of the source was sent with which stamp.

        Raises:
            SourceError: the folder is gone or full.

        """
        if self._values['truth_folder']:
            text = json.dumps({
                'intrinsics': self._source.intrinsics, 'description': self._source.description,
                'rate_hz': self.rate_hz, 'sent': self._sent})
            write_file(Path(self._values['truth_folder']) / 'sent.json', text.encode())

    def _open_source(self) -> ImageSource:
        values = self._values
        return open_source(values['source'], SourceOptions(
            camera_yaml=Path(values['camera_yaml']) if values['camera_yaml'] else None,
            focal_px=values['focal_px'] or None,
            horizontal_fov_deg=values['horizontal_fov_deg'] or None,
            width=values['width'] or None, height=values['height'] or None,
            rate_hz=values['rate_hz'] or _DEFAULT_RATE_HZ, frames=values['rendered_frames'],
            image_topic=values['image_topic'] or None))

    def _frames(self) -> Iterator[Prepared]:
        """Give the frames in the order of publication, for ever if they loop."""
        frame_count = self._source.frame_count
        # Only what is no sequence in time, or is made here, may be held in memory as a whole.
        is_simulated = self._values['source'].split(':')[0] == 'simulated'
        prepares = frame_count is not None and (is_simulated or self._source.rate_hz is None)
        kept: list[Prepared] | None = [] if prepares else None
        for prepared in self._read():
            _stop_if_asked()
            if kept is None:
                yield prepared
                continue
            kept.append(prepared)
            self._report(state='preparing', prepared=len(kept), of=frame_count)
            if len(prepared.image.data) * len(kept) > _MAX_PREPARED_BYTES:
                yield from kept
                kept = None
        if kept:
            yield from kept
        if self._source.live or not self._values['loop']:
            return
        if kept and is_simulated:
            # To and fro, so that the camera never jumps.
            kept = [*kept[-2:0:-1], *kept]
        while True:
            # Also where nothing comes of it: a file may have changed since it was opened.
            _stop_if_asked()
            yield from kept or self._read()

    def _read(self) -> Iterator[Prepared]:
        folder = self._values['truth_folder']
        limit = self._values['frames']
        for number, frame in enumerate(self._source):
            truth = Path(folder) / f'truth_{number:05d}.npy'
            if folder and frame.truth_m_HW is not None and not truth.exists():
                buffer = BytesIO()
                np.save(buffer, frame.truth_m_HW)
                write_file(truth, buffer.getvalue())
            yield to_messages(frame, number, self._values['frame_id'], self._values['encoding'])
            if limit and number + 1 >= limit:
                return

    def _publish(self, prepared: Prepared) -> None:
        stamp_ns = time.time_ns()
        for message in (prepared.info, prepared.image):
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(
                stamp_ns, 1_000_000_000)
        # CameraInfo first: an image that waits for it is late.
        self._info_publisher.publish(prepared.info)
        self._image_publisher.publish(prepared.image)
        self._sent.append((stamp_ns, prepared.number))
        self._report(state='publishing', sent=len(self._sent))

    def _wait_for_subscribers(self) -> None:
        wanted = self._values['wait_for_subscribers']
        self._report(state='waiting')
        while self._image_publisher.get_subscription_count() < wanted:
            rclpy.spin_once(self, timeout_sec=0.02)

    def _spin_until(self, due_s: float) -> None:
        while (left_s := due_s - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left_s)

    def _report(self, **values: Any) -> None:
        if self._values['report_progress']:
            print_progress(**values)


def main(args: list[str] | None = None) -> int:
    """
    Run the camera until its frames are sent, or SIGINT or SIGTERM.

    Args:
        args: command line; None for that of the process.

    Returns:
        0, or 1 if a parameter or the source is not valid, or the truth cannot be written.

    """
    logging.basicConfig(format='%(levelname)s: %(message)s')
    keep_freed_memory()
    let_signals_only_end_the_context()
    rclpy.init(args=args)
    node = None
    try:
        try:
            with ended_by_signals():
                node = CameraNode()
                node.run()
        finally:
            if node is not None:
                node.save_sent()
    except ScaleDepthError as error:
        print(f'camera_node: {error}', file=sys.stderr)
        return 1
    finally:
        with suppress(Exception):
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())

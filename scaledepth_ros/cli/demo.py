# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Run the whole pipeline on real middleware and show what came out.

Three processes: a camera (simulated unless --source says otherwise), the depth node, and a
recorder that receives everything. They have a ROS domain of their own and do not leave this
machine. Written to the output folder: strip.png, cloud.ply, bag/ (MCAP), summary.json and log/.
The exit code is 0 only if depth and clouds arrived and are finite.
"""

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time
from types import FrameType
from typing import Any

from scaledepth_ros.cli.demo_report import format_table, problems_of, report
from scaledepth_ros.cli.processes import (
    Child,
    ProcessError,
    ros_environment,
    wait_until_quiet,
)
from scaledepth_ros.cli.source_arguments import (
    add_model_arguments,
    add_source_arguments,
    source_options,
    SOURCES,
)
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.image_source import open_source, SimulatedSource
from scaledepth_ros.source_options import SourceOptions
from tqdm import tqdm

DEPTH_NODE = ['-m', 'scaledepth_ros.ros.depth_node']
# Marks a folder as one whose content the demo may replace.
_MARKER = '.scaledepth_demo'
_PRODUCTS = ('strip.png', 'cloud.ply', 'summary.json', 'received.json')
_PRODUCT_FOLDERS = ('bag', 'log')
# The depth node is one subscriber of the image, the recorder the other.
_SUBSCRIBERS = 2
# A simulated sequence longer than this is played to and fro: rendering takes longer than playing.
_RENDERED_FRAMES = 30
# A kitchen with things near and far; the rooms before it begin in front of a bare wall.
_DEFAULT_SOURCE = 'simulated:room:6'
_DRAIN_S = 15.0
_WRITE_TIMEOUT_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('--source', default=_DEFAULT_SOURCE, metavar='SOURCE',
                        help=f'{SOURCES} (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=90, metavar='N',
                        help='frames to publish (default: %(default)s)')
    parser.add_argument('--rate', type=float, metavar='HZ',
                        help='frames a second (default: that of a video, else 15)')
    parser.add_argument('--output', '--out', type=Path, default=Path('demo_out'), metavar='DIR',
                        help='where to write (default: %(default)s)')
    parser.add_argument('--start-timeout', type=float, default=300.0, metavar='S',
                        help='how long loading may take (default: %(default)s)')
    add_source_arguments(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 only if depth and clouds arrived and are finite."""
    options = _check(args)
    size = None
    if not Path(args.source).is_char_device():
        # Tells what is wrong before anything is started; a device could not be opened twice.
        source = open_source(args.source, options)
        if not isinstance(source, SimulatedSource):
            # The network gets ready for it, so that no image passes while it does.
            size = next(iter(source)).rgb_HW3.shape[:2]
    output: Path = args.output
    _clear(output)
    previous = signal.signal(signal.SIGTERM, _exit_on_sigterm)
    try:
        with tempfile.TemporaryDirectory(prefix='scaledepth_demo_') as truth_folder:
            pipeline = Pipeline(args, Path(truth_folder), size)
            try:
                pipeline.run()
            finally:
                pipeline.stop()
            summary = report(output, Path(truth_folder), pipeline.facts)
    except ProcessError as error:
        print(f'\nThe demo failed: {error}', file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)
    print(format_table(summary))
    problems = problems_of(summary)
    for problem in problems:
        print(f'FAILED: {problem}', file=sys.stderr)
    print(f'\nLook at {output / "strip.png"}; open {output / "cloud.ply"} in a mesh viewer and '
          f'{output / "bag"} in Foxglove, rviz2 or with ros2 bag play.')
    return 1 if problems else 0


class Pipeline:
    """The three processes, from start to end."""

    def __init__(
        self, args: argparse.Namespace, truth_folder: Path, image_size: tuple[int, ...] | None,
    ) -> None:
        self._args = args
        self._children: list[Child] = []
        self.facts: dict[str, Any] = {'model': args.model}
        log_folder: Path = args.output / 'log'
        environment = ros_environment(log_folder)
        self.facts['ros_domain_id'] = int(environment['ROS_DOMAIN_ID'])
        width, height = args.size or (0, 0)
        image_height, image_width = image_size or (height or 480, width or 640)

        def start(name: str, command: list[str], parameters: dict[str, Any]) -> Child:
            child = Child(name, command, parameters, environment, log_folder)
            self._children.append(child)
            return child

        self._depth = start('depth', DEPTH_NODE, {
            'model': args.model, 'weights': str(args.weights or ''), 'device': args.device,
            'engine': args.engine, 'precision': args.precision, 'image_width': image_width,
            'image_height': image_height, 'diagnostics_period_s': 0.5,
            # What is measured is one engine, not the change from one to another.
            'prepare_in_background': False})
        self._recorder = start('recorder', ['-m', 'scaledepth_ros.ros.recorder_node'], {
            'output': str(args.output), 'report_progress': True})
        self._camera = start('camera', ['-m', 'scaledepth_ros.ros.camera_node'], {
            'source': args.source, 'focal_px': float(args.fx or 0),
            'camera_yaml': str(args.camera or ''), 'horizontal_fov_deg': float(args.fov or 0),
            'rate_hz': float(args.rate or 0), 'frames': args.frames,
            'rendered_frames': min(args.frames, _RENDERED_FRAMES), 'width': width,
            'height': height, 'image_topic': args.topic or '',
            'wait_for_subscribers': _SUBSCRIBERS, 'truth_folder': str(truth_folder),
            'report_progress': True})

    def run(self) -> None:
        """
        Load, publish all frames, receive what comes of them, and write it.

        Raises:
            ProcessError: A process died, failed or took too long.

        """
        started_s = time.monotonic()
        self._prepare()
        self.facts['start_s'] = round(time.monotonic() - started_s, 1)
        self._stream()
        quiet_s = 1.0 + 2e-3 * float(self._recorder.progress.get('last_latency_ms', 0.0))
        wait_until_quiet(self._recorder, self._received, quiet_s, _DRAIN_S)
        self.facts['model_status'] = self._recorder.progress.get('model', {})
        print('Writing the bag ...', flush=True)
        self._recorder.interrupt()
        if self._recorder.wait(_WRITE_TIMEOUT_S) != 0:
            raise ProcessError('The recorder process failed.' + self._tail(self._recorder))

    def stop(self) -> None:
        """End all processes, the sources of messages first."""
        for child in reversed(self._children):
            child.stop()

    def _prepare(self) -> None:
        """Wait until the frames are made and the depth node and the recorder listen."""
        print(f'Starting the camera ({self._args.source}), the depth node ({self._args.model}) '
              f'and the recorder in ROS domain {self.facts["ros_domain_id"]} ...', flush=True)
        with _bar('preparing frames', None) as bar:
            def prepared() -> bool:
                progress = self._camera.progress
                bar.total = progress.get('of')
                _advance(bar, progress.get('prepared', 0))
                return progress.get('state') in ('waiting', 'publishing')
            self._wait_for(prepared, 'the camera has its frames')
        print('Waiting for the depth node ...', flush=True)
        self._wait_for(lambda: self._camera.progress.get('state') == 'publishing',
                       'the depth node is active')
        weights = self._recorder.progress.get('model', {}).get('weights', '')
        if weights:
            print(f'The depth node is active, weights: {weights}', flush=True)

    def _stream(self) -> None:
        total = self._args.frames
        rate_hz = float(self._camera.progress.get('rate_hz', 15.0))
        deadline_s = time.monotonic() + 3 * total / rate_hz + 30
        with _bar('frames', total) as bar:
            while self._camera.exit_code is None:
                _advance(bar, self._camera.progress.get('sent', 0))
                depth_count, cloud_count = self._received()
                bar.set_postfix({'depth': depth_count, 'clouds': cloud_count}, refresh=False)
                self._check_children(allowed_to_end=self._camera)
                if time.monotonic() > deadline_s:
                    raise ProcessError('The camera process does not finish.'
                                       + self._tail(self._camera))
                time.sleep(0.1)
            _advance(bar, self._camera.progress.get('sent', 0))
        self._check_children(allowed_to_end=self._camera)

    def _received(self) -> tuple[int, int]:
        received = self._recorder.progress.get('received', {})
        return received.get('depth/image', 0), received.get('points', 0)

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + self._args.start_timeout
        while not condition():
            self._check_children()
            if time.monotonic() > deadline_s:
                raise ProcessError(
                    f'After {self._args.start_timeout:.0f} s it is still not so that {what}.'
                    + self._tail(self._depth) + self._tail(self._camera))
            time.sleep(0.05)

    def _check_children(self, allowed_to_end: Child | None = None) -> None:
        for child in self._children:
            code = child.exit_code
            if code is not None and not (child is allowed_to_end and code == 0):
                raise ProcessError(f'The {child.name} process ended with code {code}.'
                                   + self._tail(child))
        status = self._recorder.progress.get('model', {})
        if status.get('failed'):
            message = str(status.get('message')).rstrip('.')
            raise ProcessError(f'The depth node reports: {message}.'
                               + self._tail(self._depth))

    @staticmethod
    def _tail(child: Child) -> str:
        return f'\n--- end of {child.log_path} ---\n{child.tail()}'


def _bar(title: str, total: int | None) -> Any:
    # disable=None: no bar where the output is not a terminal.
    return tqdm(desc=title, total=total, unit=' frames', leave=False, disable=None)


def _advance(bar: Any, count: int) -> None:
    bar.update(count - bar.n)


def _check(args: argparse.Namespace) -> SourceOptions:
    """Refuse what cannot work before any process is started."""
    if find_spec('rclpy') is None:
        raise ConfigError(
            'rclpy is not installed; source a ROS 2 installation, or run make demo, which '
            'installs it from PyPI. Without ROS, use the command predict.')
    if args.frames < 1:
        raise ConfigError(f'--frames is {args.frames}; expected at least 1.')
    return source_options(args, frames=args.frames, rate_hz=args.rate)


def _clear(output: Path) -> None:
    """Remove what an earlier run wrote, and nothing else, so that no old result can pass."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()) and not (output / _MARKER).exists():
            raise ConfigError(
                f'{output} holds files that are not of an earlier demo; give --output a new or '
                'an empty folder.')
        (output / _MARKER).touch()
        for name in _PRODUCTS:
            (output / name).unlink(missing_ok=True)
        for name in _PRODUCT_FOLDERS:
            if (output / name).is_dir():
                shutil.rmtree(output / name)
        (output / 'log').mkdir()
    except OSError as error:
        raise ConfigError(f'{output} cannot be written: {error}.') from error


def _exit_on_sigterm(number: int, frame: FrameType | None) -> None:
    # As an exception, so that the children are stopped on the way out.
    sys.exit(128 + number)

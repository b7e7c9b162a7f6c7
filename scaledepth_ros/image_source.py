# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Images with intrinsics from anywhere: simulation, folder, file, video, bag or camera.

``open_source`` takes what a person types:

- ``simulated``, ``simulated:street`` or ``simulated:corridor:7`` (kind and seed);
- a folder of images (see ``image_files`` for which of its files count), or one image;
- a video file;
- a bag with Image or CompressedImage messages;
- a V4L2 camera, ``/dev/video0``.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
import logging
from pathlib import Path
import time

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.bag import BagReader, decode_image, stamp_ns_of
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import CameraInfoError, ConfigError, ImageError, SourceError
from scaledepth_ros.image_files import (
    colour_images,
    frame_names,
    IMAGE_SUFFIXES,
    IndexedFrame,
    read_index,
    read_rgb,
)
from scaledepth_ros.source_options import (
    ASSUMED_FOV_DEG,
    ImageSource,
    SourceFrame,
    SourceOptions,
)

_BAG_SUFFIXES = ('.mcap', '.db3', '.bag')
_IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
_INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
_RENDER_THREADS = 2
_SIMULATED_SIDES = (16, 4096)

_logger = logging.getLogger(__name__)


class SimulatedSource(ImageSource):
    """A camera that moves through a procedural scene, with exact depth."""

    def __init__(self, spec: str, options: SourceOptions) -> None:
        from scaledepth_ros.simulation import SCENE_KINDS

        _, kind, seed, *_ = [*spec.split(':'), '', '']
        self._kind = kind or SCENE_KINDS[0]
        if self._kind not in SCENE_KINDS or not (seed or '0').isdecimal():
            raise SourceError(
                f'There is no source {spec!r}; expected simulated, or simulated:KIND:SEED with '
                f'KIND one of {", ".join(SCENE_KINDS)} and a whole number as SEED.'
            )
        self._seed = int(seed or '0')
        self._options = options
        width, height = options.width or 640, options.height or 480
        if not all(_SIMULATED_SIDES[0] <= side <= _SIMULATED_SIDES[1] for side in (width, height)):
            raise ConfigError(
                f'Simulated images of {width}x{height} were asked for; expected sides of '
                f'{_SIMULATED_SIDES[0]} to {_SIMULATED_SIDES[1]} pixels.'
            )
        self._camera = options.camera(height, width)
        self.description = f'simulated {self._kind}, seed {self._seed}'
        # The field of view of a camera that does not exist is a choice, not an assumption.
        self.intrinsics = (options.describe_intrinsics() if options.states_intrinsics
                           else f'field of view {ASSUMED_FOV_DEG:g} deg, exact')
        self.rate_hz = options.rate_hz
        self.frame_count = options.frames

    def __iter__(self) -> Iterator[SourceFrame]:
        from scaledepth_ros.simulation import make_scene, SimulatedCamera

        scene = make_scene(self._kind, self._seed)
        simulated = SimulatedCamera(self._camera, scene)

        def render(index: int) -> SourceFrame:
            pose = scene.trajectory(index, self._options.rate_hz)
            frame = simulated.render(pose, seed=self._seed * 1_000_003 + index)
            return SourceFrame(
                name=f'{self._kind}_{index:05d}', rgb_HW3=frame.rgb, camera=self._camera,
                time_s=index / self._options.rate_hz, truth_m_HW=frame.depth_m,
            )

        # The renderer leaves the interpreter's lock for most of its time, so two make sense.
        pending: deque[Future[SourceFrame]] = deque()
        with ThreadPoolExecutor(_RENDER_THREADS) as pool:
            for index in range(self._options.frames):
                pending.append(pool.submit(render, index))
                if len(pending) > _RENDER_THREADS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


class FolderSource(ImageSource):
    """Image files in natural order; unreadable ones are reported and left out."""

    def __init__(self, paths: list[Path], description: str, options: SourceOptions) -> None:
        self._paths = paths
        self._options = options
        self._index = read_index(paths)
        self.description = description
        self.frame_count = len(paths)
        self.frame_names = tuple(frame_names(paths))
        knows_all = all(p in self._index and self._index[p].intrinsics_px for p in paths)
        self._asks_index = not options.states_intrinsics
        self.intrinsics = ('index.csv' if self._asks_index and knows_all
                           else options.describe_intrinsics())

    def __iter__(self) -> Iterator[SourceFrame]:
        self.left_out = 0
        for path, name in zip(self._paths, self.frame_names, strict=True):
            indexed = self._index.get(path)
            try:
                rgb_HW3 = read_rgb(path, upright=indexed is None)
            except SourceError as error:
                _logger.warning('%s It is left out.', error)
                self.left_out += 1
                continue
            height, width = rgb_HW3.shape[:2]
            try:
                known = indexed.camera(height, width) if indexed and self._asks_index else None
                camera = known or self._options.camera(height, width)
            except CameraInfoError as error:
                raise CameraInfoError(f'{path}: {error}') from None
            yield SourceFrame(
                name=name, rgb_HW3=rgb_HW3, camera=camera,
                truth_m_HW=_truth(indexed, (height, width)) if indexed else None,
            )
        if self.left_out == len(self._paths):
            raise SourceError(f'None of the images of {self.description} can be decoded.')


def _truth(indexed: IndexedFrame, size: tuple[int, int]) -> npt.NDArray[np.float32] | None:
    """Read true depth of an image of some (height, width), None with a warning if it is no use."""
    try:
        depth_m_HW = indexed.read_depth_m()
    except SourceError as error:
        _logger.warning('%s The image is used without it.', error)
        return None
    if depth_m_HW.shape != size:
        _logger.warning(
            '%s is %dx%d and its image %dx%d; expected one size. The image is used without it.',
            indexed.depth_path, *depth_m_HW.shape[::-1], *size[::-1])
        return None
    return depth_m_HW


class VideoSource(ImageSource):
    """A video file."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        try:
            str(path).encode()
        except UnicodeEncodeError:
            # OpenCV would crash.
            raise SourceError(
                f'{path} has a name that is not UTF-8, with which OpenCV opens no video; '
                'rename it.') from None
        capture = cv2.VideoCapture(str(path))
        if not capture.isOpened():
            raise SourceError(
                f'{path} cannot be opened; expected a video that OpenCV can decode, an image '
                f'({", ".join(IMAGE_SUFFIXES)}) or a bag ({", ".join(_BAG_SUFFIXES)}).'
            )
        rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        self.rate_hz = rate_hz if 0 < rate_hz < 1000 else 30.0
        self.frame_count = count if count > 0 else None
        self.description = path.name
        self.intrinsics = options.describe_intrinsics()

    def __iter__(self) -> Iterator[SourceFrame]:
        capture = cv2.VideoCapture(str(self._path))
        try:
            index = 0
            while True:
                arrived, bgr = capture.read()
                if not arrived:
                    break
                yield SourceFrame(
                    name=f'{self._path.stem}_{index:05d}',
                    rgb_HW3=np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8),
                    camera=self._options.camera(*bgr.shape[:2]),
                    time_s=index / (self.rate_hz or 30.0),
                )
                index += 1
            if index == 0:
                raise SourceError(f'{self._path} holds no frame that can be decoded.')
        finally:
            capture.release()


class DeviceSource(ImageSource):
    """A V4L2 camera; ends when the camera stops delivering."""

    live = True

    def __init__(self, device: str, options: SourceOptions) -> None:
        self._device = device
        self._options = options
        self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(
                f'{device} cannot be opened; expected a V4L2 camera that exists, that no other '
                'program uses and that this user may read (group video).'
            )
        for name, value in ((cv2.CAP_PROP_FRAME_WIDTH, options.width),
                            (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
                            (cv2.CAP_PROP_FPS, options.rate_hz),
                            # One buffer: a frame that waited in a queue has an old stamp.
                            (cv2.CAP_PROP_BUFFERSIZE, 1)):
            if value is not None:
                self._capture.set(name, value)
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if 0 < rate_hz < 1000 else options.rate_hz
        self.description = device
        self.intrinsics = options.describe_intrinsics()

    def __iter__(self) -> Iterator[SourceFrame]:
        start = time.monotonic()
        index = 0
        while True:
            arrived, bgr = self._capture.read()
            if not arrived:
                self._capture.release()
                raise SourceError(f'{self._device} stopped delivering after {index} frames.')
            yield SourceFrame(
                name=f'{Path(self._device).name}_{index:05d}',
                rgb_HW3=np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8),
                camera=self._options.camera(*bgr.shape[:2]),
                time_s=time.monotonic() - start,
            )
            index += 1


class BagSource(ImageSource):
    """Colour images of a bag, with the CameraInfo beside them."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        with BagReader(path) as bag:
            topic = _image_topic(bag, options.image_topic)
            self.frame_count = bag.counts[topic] or None
            info = f'{topic.removesuffix("/compressed").rpartition("/")[0]}/camera_info'
            given = bag.topics.get(info) == _INFO_TYPE and bag.has_messages(info)
        self._topic = topic
        self._info_topic = info if given else None
        self._asks_bag = not options.states_intrinsics and self._info_topic is not None
        self.description = f'{path.name} {topic}'
        self.intrinsics = self._info_topic if self._asks_bag and self._info_topic else (
            options.describe_intrinsics())

    def __iter__(self) -> Iterator[SourceFrame]:
        with BagReader(self._path) as bag:
            camera: CameraModel | None = None
            rectified = '_rect' in self._topic
            if self._asks_bag and self._info_topic is not None:
                # The first image may have been recorded before the first CameraInfo.
                first = next(iter(bag.messages([self._info_topic])), None)
                if first is not None:
                    camera = CameraModel.from_camera_info(first.value, rectified=rectified)
            topics = [self._topic, *([self._info_topic] if self._info_topic else [])]
            start_ns: int | None = None
            index = 0
            for message in bag.messages(topics):
                if message.topic == self._info_topic:
                    if self._asks_bag:
                        camera = CameraModel.from_camera_info(message.value, rectified=rectified)
                    continue
                rgb_HW3 = _as_colour(decode_image(message.value), self._topic)
                stamp_ns = stamp_ns_of(message.value.header)
                start_ns = stamp_ns if start_ns is None else start_ns
                size = rgb_HW3.shape[:2]
                if camera is not None and self._asks_bag:
                    camera.check_image(*size)
                yield SourceFrame(
                    name=f'{self._path.stem}_{index:05d}', rgb_HW3=rgb_HW3,
                    camera=camera or self._options.camera(*size),
                    time_s=(stamp_ns - start_ns) / 1e9,
                )
                index += 1
            if index == 0:
                raise SourceError(f'{self._path} holds no image on {self._topic}, although it '
                                  'lists some; is it complete?')


def _image_topic(bag: BagReader, wanted: str | None) -> str:
    """Choose the topic of a bag to play: the wanted one, else the first that is not empty."""
    listed = sorted((t for t, kind in bag.topics.items() if kind in _IMAGE_TYPES),
                    key=lambda t: ('depth' in t, t))
    if not listed or (wanted is not None and wanted not in listed):
        raise SourceError(
            f'{bag.path} has no image topic{f" {wanted}" if wanted else ""}; it has '
            f'{", ".join(listed) or "no images at all"}.'
        )
    topic = wanted or next(filter(bag.has_messages, listed), listed[0])
    if not bag.has_messages(topic):
        filled = [other for other in listed if bag.has_messages(other)]
        # A recorder lists what it subscribes to, whether or not anything comes.
        raise SourceError(
            f'{bag.path} lists the image topic {topic} and holds no message of it; '
            + (f'choose one that has images: {", ".join(filled)}.' if filled else
               'record it again while the camera publishes, or choose another bag.')
        )
    return topic


def _as_colour(image: npt.NDArray[np.generic], topic: str) -> npt.NDArray[np.uint8]:
    if image.dtype == np.uint8:
        grey = np.asarray(image, np.uint8)
        return grey if grey.ndim == 3 else np.repeat(grey[:, :, None], 3, axis=2)
    raise ImageError(
        f'{topic} holds images of type {image.dtype}; expected 8-bit colour or mono, not depth.'
    )


def open_source(spec: str, options: SourceOptions | None = None) -> ImageSource:
    """
    Open what a person typed; see the description of this module.

    Args:
        spec: Simulation, folder, image, video, bag or device.
        options: How to read it.

    Returns:
        The source; it has been opened, but no image was read yet.

    Raises:
        SourceError: Nothing that can be read is there.
        ConfigError: Simulated images of that size are not possible.
        CameraInfoError: The calibration is senseless.

    """
    options = options or SourceOptions()
    if spec == 'simulated' or spec.startswith('simulated:'):
        return SimulatedSource(spec, options)
    try:
        return _open_path(spec, options)
    except OSError as error:
        raise SourceError(
            f'{spec} cannot be read ({error.strerror}); may this user read it, and what is in it?'
        ) from error


def _open_path(spec: str, options: SourceOptions) -> ImageSource:
    path = Path(spec).expanduser()
    # An empty name would stand for the current folder.
    if not spec or not path.exists():
        raise SourceError(
            f'There is no source {spec!r}; expected simulated, a folder of images, an image, a '
            'video file, a bag or a device such as /dev/video0.'
        )
    if path.is_char_device():
        return DeviceSource(str(path), options)
    suffix = path.suffix.lower()
    if suffix in _BAG_SUFFIXES or (path / 'metadata.yaml').is_file():
        return BagSource(path, options)
    if path.is_dir():
        return FolderSource(colour_images(path), path.resolve().name, options)
    if suffix in IMAGE_SUFFIXES:
        return FolderSource([path], path.name, options)
    return VideoSource(path, options)

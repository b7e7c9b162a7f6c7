# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Bags without ROS: MCAP files that Foxglove, rviz2 and ``ros2 bag play`` open.

A bag is the folder layout of rosbag2 (``NAME/NAME.mcap`` beside ``NAME/metadata.yaml``) with
messages in CDR, exactly as they came over the wire. Metadata version 8 is written, because
Humble reads no newer one and later distributions still read it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
import struct
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scaledepth_ros.errors import ImageError, SourceError

# REP 103: a camera link looks along x with z up, its optical frame along z with y down.
_OPTICAL_QUATERNION_XYZW = (-0.5, 0.5, -0.5, 0.5)

# encoding: (element type, channels, OpenCV conversion to RGB or None). OpenCV names a Bayer
# pattern by its second row, from the second column on; ROS by its first.
_ENCODINGS: dict[str, tuple[type[np.generic], int, int | None]] = {
    'rgb8': (np.uint8, 3, None),
    'bgr8': (np.uint8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': (np.uint8, 4, cv2.COLOR_RGBA2RGB),
    'bgra8': (np.uint8, 4, cv2.COLOR_BGRA2RGB),
    'mono8': (np.uint8, 1, None),
    '8UC1': (np.uint8, 1, None),
    'bayer_rggb8': (np.uint8, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': (np.uint8, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (np.uint8, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (np.uint8, 1, cv2.COLOR_BayerGB2RGB),
    'yuv422': (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (np.uint8, 2, cv2.COLOR_YUV2RGB_YUYV),
    'yuyv': (np.uint8, 2, cv2.COLOR_YUV2RGB_YUYV),
    'mono16': (np.uint16, 1, None),
    '16UC1': (np.uint16, 1, None),
    '32FC1': (np.float32, 1, None),
}

_POINT_FIELD_TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}


@dataclass(frozen=True, kw_only=True)
class BagMessage:
    """One recorded message; ``value`` has the fields of the ROS message, arrays as numpy."""

    topic: str
    message_type: str
    stamp_ns: int
    value: Any


@cache
def _typestore() -> Any:
    """Message definitions of Jazzy, whose sensor messages equal those of every distribution."""
    try:
        from rosbags.typesys import get_typestore, Stores
    except ImportError as error:
        raise SourceError(
            'Bags need the Python package rosbags, which is not installed: pip install rosbags.'
        ) from error
    return get_typestore(Stores.ROS2_JAZZY)


class BagWriter:
    """
    Writes serialized messages into a new MCAP bag.

    Use it as a context manager; the bag is complete, with index and metadata, once the block is
    left. Chunks are compressed with zstd unless ``compress`` is False.
    """

    def __init__(self, path: str | Path, *, compress: bool = True) -> None:
        self.path = Path(path)
        self._typestore = _typestore()
        self._compress = compress
        self._writer: Any = None
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> 'BagWriter':
        from rosbags.rosbag2 import (
            CompressionFormat,
            CompressionMode,
            StoragePlugin,
            Writer,
            WriterError,
        )

        try:
            self._writer = Writer(self.path, version=8, storage_plugin=StoragePlugin.MCAP)
            if self._compress:
                # The chunks inside the file are compressed, so it stays seekable.
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise SourceError(
                f'Cannot write a bag to {self.path}: {error}. Give a folder that does not exist '
                'yet, in a place that can be written.'
            ) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What was received before an error is worth keeping, hence no abort.
        self._writer.close()

    def add_topic(self, topic: str, message_type: str, *, latched: bool = False) -> None:
        """
        Declare a topic before its first message.

        Args:
            topic: Full topic name, with the leading slash.
            message_type: For example ``sensor_msgs/msg/Image``.
            latched: Replay it transient-local, as ``/tf_static`` needs.

        Raises:
            SourceError: The message type is not known.

        """
        if topic in self._connections:
            return
        if message_type not in self._typestore.fielddefs:
            raise SourceError(
                f'Message type {message_type!r} of topic {topic} is unknown; expected one of the '
                'common interfaces, written like sensor_msgs/msg/Image.'
            )
        self._connections[topic] = self._writer.add_connection(
            topic, message_type, typestore=self._typestore,
            offered_qos_profiles=[_latched_qos()] if latched else [],
        )

    def write(self, topic: str, stamp_ns: int, cdr: bytes) -> None:
        """Append a serialized message that was received at stamp_ns [ns since 1970]."""
        self._writer.write(self._connections[topic], stamp_ns, cdr)

    def write_value(self, topic: str, message_type: str, stamp_ns: int, value: Any) -> None:
        """Serialize and append a message that was made with the classes of rosbags."""
        self.add_topic(topic, message_type)
        self.write(topic, stamp_ns, bytes(self._typestore.serialize_cdr(value, message_type)))

    def write_optical_frame(self, stamp_ns: int, optical_frame: str, link_frame: str) -> None:
        """
        Append the fixed rotation from a camera link to its optical frame (REP 103).

        With it a viewer shows the cloud upright instead of along its z axis.
        """
        types = self._typestore.types
        time = types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 1_000_000_000))
        transform = types['geometry_msgs/msg/TransformStamped'](
            header=types['std_msgs/msg/Header'](stamp=time, frame_id=link_frame),
            child_frame_id=optical_frame,
            transform=types['geometry_msgs/msg/Transform'](
                translation=types['geometry_msgs/msg/Vector3'](x=0.0, y=0.0, z=0.0),
                rotation=types['geometry_msgs/msg/Quaternion'](*_OPTICAL_QUATERNION_XYZW),
            ),
        )
        self.add_topic('/tf_static', 'tf2_msgs/msg/TFMessage', latched=True)
        self.write_value('/tf_static', 'tf2_msgs/msg/TFMessage', stamp_ns,
                         types['tf2_msgs/msg/TFMessage'](transforms=[transform]))


class BagReader:
    """
    Reads a rosbag2 folder, one of its MCAP or SQLite files, or a ROS 1 bag, in order of time.

    Attributes:
        topics: Message type of each topic.
        counts: Number of messages of each topic; 0 also where the bag does not tell.

    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        typestore = _typestore()
        from rosbags.highlevel import AnyReader

        if not self.path.exists():
            raise SourceError(f'There is no bag {self.path}; expected a rosbag2 folder, an '
                              '.mcap or .db3 file, or a ROS 1 .bag file.')
        try:
            self._reader = AnyReader([self.path], default_typestore=typestore)
            self._reader.open()
        # A damaged file fails anywhere in the readers underneath, even with a TypeError.
        except Exception as error:
            reason = ' '.join(str(error).split()).rstrip('.')
            raise SourceError(
                f'{self.path} cannot be read as a bag: {reason}. Expected a complete rosbag2 '
                'folder with metadata.yaml, an .mcap or .db3 file, or a ROS 1 .bag file.'
            ) from error
        self.topics = {c.topic: str(c.msgtype) for c in self._reader.connections}
        self.counts = dict.fromkeys(self.topics, 0)
        for connection in self._reader.connections:
            # A topic has one connection for each of its publishers in a ROS 1 bag.
            self.counts[connection.topic] += int(connection.msgcount)

    def __enter__(self) -> 'BagReader':
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.close()

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """
        Go through the messages of some topics, or of all, in order of time.

        Args:
            topics: Full topic names; None for all.

        Yields:
            The messages, deserialized.

        Raises:
            SourceError: The bag is damaged further on.

        """
        connections = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not connections:
            return
        try:
            for connection, stamp_ns, raw in self._reader.messages(connections):
                yield BagMessage(
                    topic=connection.topic, message_type=str(connection.msgtype),
                    stamp_ns=stamp_ns, value=self._reader.deserialize(raw, connection.msgtype),
                )
        except Exception as error:
            raise SourceError(f'{self.path} is damaged and ends early: {error}.') from error

    def has_messages(self, topic: str) -> bool:
        """Tell whether a topic of the bag, which may be listed all the same, has any message."""
        return self.counts[topic] > 0 or next(self.messages([topic]), None) is not None


def _latched_qos() -> Any:
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    endless = QosTime(9223372036, 854775807)
    return Qos(
        QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, endless,
        endless, QosLiveliness.AUTOMATIC, endless, False,
    )


def stamp_ns_of(header: Any) -> int:
    """Give the stamp [ns] of a std_msgs/Header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def serialized_stamp_ns(cdr: bytes) -> int:
    """
    Read the stamp [ns] of a serialized message that begins with a std_msgs/Header.

    Only the first twelve bytes are touched, so the size of the message does not matter. CDR has
    four bytes of encapsulation (the second one is odd for little endian), then the fields.
    """
    order = '<' if cdr[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(order + 'iI', cdr, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def decode_image(message: Any) -> npt.NDArray[Any]:
    """
    Turn an Image or CompressedImage of a bag into an array.

    Args:
        message: A deserialized ``sensor_msgs/msg/Image`` or ``CompressedImage``.

    Returns:
        Colour as (H, W, 3) uint8 RGB; mono8, mono16, 16UC1 and 32FC1 as (H, W) of their own type.

    Raises:
        ImageError: The encoding is not supported, or the data does not fit the size.

    """
    if hasattr(message, 'format'):
        encoded = np.asarray(message.data, dtype=np.uint8)
        # OpenCV has another kind of error for nothing at all.
        bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
        if bgr is None:
            raise ImageError(
                f'A compressed image of format {message.format!r} and {len(message.data)} bytes '
                'cannot be decoded; expected jpeg or png.'
            )
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    try:
        scalar, channels, conversion = _ENCODINGS[message.encoding]
    except KeyError:
        raise ImageError(
            f'Image encoding {message.encoding!r} is not supported here; expected one of '
            f'{", ".join(_ENCODINGS)}.'
        ) from None
    element = np.dtype(scalar).newbyteorder('>' if message.is_bigendian else '<')
    row_bytes = message.width * channels * element.itemsize
    data = np.asarray(message.data, dtype=np.uint8)
    if (not message.width or not message.height or message.step < row_bytes
            or data.size < message.height * message.step):
        raise ImageError(
            f'A {message.width}x{message.height} {message.encoding} image came with step '
            f'{message.step} and {data.size} bytes; expected a width and a height above 0, a step '
            f'of at least {row_bytes} and {message.height} rows of it.'
        )
    rows = data[:message.height * message.step].reshape(message.height, message.step)
    packed = np.ascontiguousarray(rows[:, :row_bytes]).view(element).astype(scalar, copy=False)
    image = packed.reshape(message.height, message.width, channels)
    if conversion is not None:
        image = np.asarray(cv2.cvtColor(image, conversion))
    return np.asarray(image[:, :, 0] if channels == 1 and conversion is None else image)


def decode_cloud(message: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8] | None]:
    """
    Turn a PointCloud2 of a bag into arrays.

    Args:
        message: A deserialized ``sensor_msgs/msg/PointCloud2`` with float32 x, y, z.

    Returns:
        Points (H, W, 3) [m] and their colours (H, W, 3) uint8 RGB, None without an rgb field.

    Raises:
        ImageError: A coordinate is missing, or the data does not fit the size.

    """
    order = '>' if message.is_bigendian else '<'
    fields = {f.name: f for f in message.fields}
    if not {'x', 'y', 'z'} <= fields.keys():
        raise ImageError(
            f'A cloud came with the fields {sorted(fields)}; expected x, y and z among them.'
        )
    data = np.asarray(message.data, dtype=np.uint8)
    if data.size < message.row_step * message.height:
        raise ImageError(
            f'A {message.width}x{message.height} cloud came with {data.size} bytes; expected '
            f'{message.row_step * message.height} for a row step of {message.row_step}.'
        )
    layout = np.dtype({
        'names': list(fields),
        'formats': [order + _POINT_FIELD_TYPES[f.datatype] for f in fields.values()],
        'offsets': [f.offset for f in fields.values()],
        'itemsize': message.point_step,
    })
    rows = data[:message.row_step * message.height].reshape(message.height, message.row_step)
    packed = np.ascontiguousarray(rows[:, :message.width * message.point_step])
    cloud = packed.view(layout).reshape(message.height, message.width)
    points = np.stack([cloud[axis] for axis in 'xyz'], axis=-1).astype(np.float32, copy=False)
    if 'rgb' not in fields:
        return points, None
    # The colour is 0x00RRGGBB in the bits of a float32 (PCL's convention).
    bits = np.ascontiguousarray(cloud['rgb']).view(order + 'u4')
    rgb = np.stack([(bits >> shift) & 255 for shift in (16, 8, 0)], axis=-1).astype(np.uint8)
    return points, rgb

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Bags: what is written is read back, by this package and by independent readers."""

from pathlib import Path
import struct
import sys
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros import bag as bag_module
from scaledepth_ros.bag import (
    BagReader,
    BagWriter,
    decode_cloud,
    decode_image,
    serialized_stamp_ns,
    stamp_ns_of,
)
from scaledepth_ros.errors import ImageError, SourceError
import yaml

STAMP_NS = 1_700_000_000_123_456_789


def _padded(text: bytes, at: int, to: int) -> bytes:
    """Append the zero bytes CDR needs before a value aligned to `to`, at body offset `at`."""
    return text + b'\0' * (-(at + len(text)) % to)


def float_image_cdr(depth_m: npt.NDArray[np.float32], stamp_ns: int, frame_id: str) -> bytes:
    """Serialize a 32FC1 image by hand, from the CDR rules alone."""
    height, width = depth_m.shape
    name = frame_id.encode() + b'\0'
    body = struct.pack('<iI', *divmod(stamp_ns, 10**9)) + struct.pack('<I', len(name)) + name
    body = _padded(body, 0, 4) + struct.pack('<II', height, width)
    body += struct.pack('<I', 6) + b'32FC1\0' + b'\0'
    body = _padded(body, 0, 4) + struct.pack('<I', 4 * width)
    data = depth_m.astype('<f4').tobytes()
    return b'\x00\x01\x00\x00' + body + struct.pack('<I', len(data)) + data


def image_message(encoding: str, rows: npt.NDArray[np.uint8], width: int,
                  **fields: Any) -> SimpleNamespace:
    values = {'encoding': encoding, 'height': rows.shape[0], 'width': width,
              'step': rows.shape[1], 'is_bigendian': 0, 'data': rows.ravel(), **fields}
    return SimpleNamespace(**values)


def write_depth_bag(path: Path, count: int = 3) -> list[npt.NDArray[np.float32]]:
    depths = [np.full((4, 6), 1.0 + index, np.float32) for index in range(count)]
    depths[0][1, 2] = np.nan
    with BagWriter(path) as bag:
        bag.add_topic('/depth/image', 'sensor_msgs/msg/Image')
        for index, depth_m in enumerate(depths):
            stamp_ns = STAMP_NS + index * 10**8
            bag.write('/depth/image', stamp_ns + 5, float_image_cdr(depth_m, stamp_ns, 'camera'))
        bag.write_optical_frame(STAMP_NS, 'camera', 'camera_link')
    return depths


def test_hand_serialized_images_come_back_with_stamp_frame_and_values(tmp_path: Path) -> None:
    depths = write_depth_bag(tmp_path / 'run')
    with BagReader(tmp_path / 'run') as bag:
        assert bag.topics == {'/depth/image': 'sensor_msgs/msg/Image',
                              '/tf_static': 'tf2_msgs/msg/TFMessage'}
        assert bag.counts == {'/depth/image': 3, '/tf_static': 1}
        messages = list(bag.messages(['/depth/image']))
    assert [m.stamp_ns for m in messages] == [STAMP_NS + 5 + i * 10**8 for i in range(3)]
    assert [stamp_ns_of(m.value.header) for m in messages] == [
        STAMP_NS + i * 10**8 for i in range(3)]
    assert {m.value.header.frame_id for m in messages} == {'camera'}
    for message, depth_m in zip(messages, depths, strict=True):
        np.testing.assert_array_equal(decode_image(message.value), depth_m)


def test_messages_of_all_publishers_of_a_topic_are_counted(tmp_path: Path) -> None:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import get_typestore, Stores

    types = get_typestore(Stores.ROS1_NOETIC)
    text = types.serialize_ros1(types.types['std_msgs/msg/String'](data='x'),
                                'std_msgs/msg/String')
    with Writer(tmp_path / 'old.bag') as writer:
        first, second = (writer.add_connection('/a', 'std_msgs/msg/String', typestore=types,
                                               callerid=name) for name in ('/one', '/two'))
        writer.add_connection('/b', 'std_msgs/msg/String', typestore=types)
        for stamp_ns, connection in ((1, first), (2, first), (3, second)):
            writer.write(connection, stamp_ns, text)
    with BagReader(tmp_path / 'old.bag') as bag:
        assert bag.counts == {'/a': 3, '/b': 0}
        assert (bag.has_messages('/a'), bag.has_messages('/b')) == (True, False)


def test_a_topic_whose_messages_nobody_counted_has_some_all_the_same(tmp_path: Path) -> None:
    write_depth_bag(tmp_path / 'run')
    metadata = tmp_path / 'run' / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('message_count: 3', 'message_count: 0'))
    with BagReader(tmp_path / 'run') as bag:
        assert bag.counts['/depth/image'] == 0
        assert bag.has_messages('/depth/image')


def test_an_mcap_reader_by_others_understands_the_file(tmp_path: Path) -> None:
    mcap_reader = pytest.importorskip('mcap.reader')
    depths = write_depth_bag(tmp_path / 'run')
    with (tmp_path / 'run' / 'run.mcap').open('rb') as file:
        reader = mcap_reader.make_reader(file)
        summary = reader.get_summary()
        assert reader.get_header().profile == 'ros2'
        assert {s.name: s.encoding for s in summary.schemas.values()} == {
            'sensor_msgs/msg/Image': 'ros2msg', 'tf2_msgs/msg/TFMessage': 'ros2msg'}
        assert summary.statistics.message_count == 4
        assert {c.message_encoding for c in summary.channels.values()} == {'cdr'}
        raw = [m.data for _, channel, m in reader.iter_messages(topics=['/depth/image'])]
    assert raw == [float_image_cdr(depth_m, STAMP_NS + i * 10**8, 'camera')
                   for i, depth_m in enumerate(depths)]


def test_foxgloves_decoder_reads_the_messages(tmp_path: Path) -> None:
    mcap_ros2 = pytest.importorskip('mcap_ros2.reader')
    depths = write_depth_bag(tmp_path / 'run')
    decoded = list(mcap_ros2.read_ros2_messages(tmp_path / 'run' / 'run.mcap',
                                                topics=['/depth/image']))
    assert [m.ros_msg.encoding for m in decoded] == ['32FC1'] * 3
    assert decoded[0].ros_msg.header.stamp.nanosec == STAMP_NS % 10**9
    pixels = np.frombuffer(decoded[0].ros_msg.data, np.float32).reshape(4, 6)
    np.testing.assert_array_equal(pixels, depths[0])


def test_metadata_is_what_ros2_bag_of_humble_and_later_reads(tmp_path: Path) -> None:
    write_depth_bag(tmp_path / 'run')
    info = yaml.safe_load((tmp_path / 'run' / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information']
    assert info['version'] == 8
    assert info['storage_identifier'] == 'mcap'
    assert info['relative_file_paths'] == ['run.mcap']
    assert info['message_count'] == 4
    assert info['compression_format'] == ''
    topics = {t['topic_metadata']['name']: t for t in info['topics_with_message_count']}
    assert topics['/depth/image']['message_count'] == 3
    assert topics['/depth/image']['topic_metadata']['type'] == 'sensor_msgs/msg/Image'
    qos = yaml.safe_load(topics['/tf_static']['topic_metadata']['offered_qos_profiles'])
    assert qos[0]['durability'] == 1  # RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL


def test_chunks_are_compressed(tmp_path: Path) -> None:
    for compress in (True, False):
        with BagWriter(tmp_path / f'zstd_{compress}', compress=compress) as bag:
            bag.add_topic('/depth/image', 'sensor_msgs/msg/Image')
            bag.write('/depth/image', STAMP_NS,
                      float_image_cdr(np.zeros((100, 100), np.float32), STAMP_NS, 'c'))
    sizes = {flag: (tmp_path / f'zstd_{flag}' / f'zstd_{flag}.mcap').stat().st_size
             for flag in (True, False)}
    assert sizes[True] < 0.2 * sizes[False]


def test_optical_frame_turns_forward_into_the_links_x_axis(tmp_path: Path) -> None:
    write_depth_bag(tmp_path / 'run')
    with BagReader(tmp_path / 'run') as bag:
        (message,) = bag.messages(['/tf_static'])
    (transform,) = message.value.transforms
    assert transform.header.frame_id == 'camera_link'
    assert transform.child_frame_id == 'camera'
    q = transform.transform.rotation
    x, y, z, w = q.x, q.y, q.z, q.w
    rotation = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])
    np.testing.assert_allclose(rotation @ [0, 0, 1], [1, 0, 0], atol=1e-12)   # forward
    np.testing.assert_allclose(rotation @ [1, 0, 0], [0, -1, 0], atol=1e-12)  # right
    np.testing.assert_allclose(rotation @ [0, 1, 0], [0, 0, -1], atol=1e-12)  # down


def test_messages_before_an_error_are_kept(tmp_path: Path) -> None:
    def record_until_the_camera_fails() -> None:
        with BagWriter(tmp_path / 'run') as bag:
            bag.add_topic('/depth/image', 'sensor_msgs/msg/Image')
            bag.write('/depth/image', STAMP_NS,
                      float_image_cdr(np.ones((2, 2), np.float32), STAMP_NS, 'c'))
            raise RuntimeError('camera gone')

    with pytest.raises(RuntimeError, match='camera gone'):
        record_until_the_camera_fails()
    with BagReader(tmp_path / 'run') as bag:
        assert bag.counts == {'/depth/image': 1}


def test_stamp_of_a_serialized_message_in_both_byte_orders() -> None:
    little = float_image_cdr(np.ones((1, 1), np.float32), STAMP_NS, 'c')
    assert serialized_stamp_ns(little) == STAMP_NS
    assert serialized_stamp_ns(b'\0\0\0\0' + struct.pack('>iI', 12, 34)) == 12 * 10**9 + 34


@pytest.mark.parametrize(('path', 'text'), [
    ('absent', 'There is no bag'),
    ('empty', 'cannot be read as a bag'),
    ('torn/torn.mcap', 'cannot be read as a bag'),
    ('noise.mcap', 'cannot be read as a bag'),
    ('notes.txt', 'cannot be read as a bag'),
    ('damaged', 'cannot be read as a bag: Could not load YAML'),
])
def test_what_is_no_bag_is_refused_with_its_name(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / 'empty').mkdir()
    write_depth_bag(tmp_path / 'torn')
    torn = tmp_path / 'torn' / 'torn.mcap'
    torn.write_bytes(torn.read_bytes()[:-100])
    (tmp_path / 'noise.mcap').write_bytes(np.random.default_rng(1).bytes(2000))
    (tmp_path / 'notes.txt').write_text('not a bag')
    (tmp_path / 'damaged').mkdir()
    (tmp_path / 'damaged' / 'metadata.yaml').write_text('x: [')
    with pytest.raises(SourceError, match=text) as caught:
        BagReader(tmp_path / path)
    assert path.split('/')[-1] in str(caught.value)
    assert '\n' not in str(caught.value)
    assert '..' not in str(caught.value)


@pytest.mark.parametrize('bag', [BagReader, BagWriter])
def test_without_rosbags_it_says_what_to_install(
        bag: type[BagReader] | type[BagWriter], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules, 'rosbags.highlevel', 'rosbags.typesys']:
        if name.partition('.')[0] == 'rosbags':
            monkeypatch.setitem(sys.modules, name, None)
    bag_module._typestore.cache_clear()
    with pytest.raises(SourceError, match='pip install rosbags'):
        bag(tmp_path)


def test_damage_in_the_middle_is_told_after_what_is_whole(tmp_path: Path) -> None:
    write_depth_bag(tmp_path / 'run')
    file = tmp_path / 'run' / 'run.mcap'
    data = bytearray(file.read_bytes())
    start = data.index(b'zstd') + 12  # the compressed chunk begins after its length
    data[start:start + 40] = bytes(40)
    file.write_bytes(data)
    with BagReader(file) as bag, pytest.raises(SourceError, match='is damaged and ends early'):
        list(bag.messages())


def test_an_existing_bag_is_not_overwritten(tmp_path: Path) -> None:
    write_depth_bag(tmp_path / 'run')
    with pytest.raises(SourceError, match='that does not exist yet'):
        BagWriter(tmp_path / 'run').__enter__()


def test_an_unknown_message_type_is_named(tmp_path: Path) -> None:
    with (BagWriter(tmp_path / 'run') as bag,
          pytest.raises(SourceError, match="'sensor_msgs/Image' of topic /image is unknown")):
        bag.add_topic('/image', 'sensor_msgs/Image')


def test_colour_encodings_become_rgb() -> None:
    red_then_blue = [[255, 0, 0], [0, 0, 255]]
    rgb = np.array([red_then_blue], np.uint8)
    rows = {
        'rgb8': rgb.reshape(1, 6),
        'bgr8': rgb[:, :, ::-1].reshape(1, 6),
        'rgba8': np.array([[255, 0, 0, 9, 0, 0, 255, 9]], np.uint8),
        'bgra8': np.array([[0, 0, 255, 9, 255, 0, 0, 9]], np.uint8),
    }
    for encoding, row in rows.items():
        np.testing.assert_array_equal(decode_image(image_message(encoding, row, 2)), rgb,
                                      err_msg=encoding)


@pytest.mark.parametrize(('encoding', 'red_at'), [
    ('bayer_rggb8', (0, 0)), ('bayer_grbg8', (0, 1)), ('bayer_gbrg8', (1, 0)),
    ('bayer_bggr8', (1, 1)),
])
def test_bayer_patterns_put_red_where_their_name_says(
    encoding: str, red_at: tuple[int, int],
) -> None:
    mosaic = np.zeros((12, 12), np.uint8)
    mosaic[red_at[0]::2, red_at[1]::2] = 200
    inside = decode_image(image_message(encoding, mosaic, 12))[3:-3, 3:-3]
    assert inside[..., 0].min() > 90
    assert inside[..., 1:].max() == 0


def test_yuv_of_a_grey_image_is_grey() -> None:
    row = np.array([[128, 60, 128, 200]], np.uint8)  # U Y V Y
    np.testing.assert_array_equal(np.ptp(decode_image(image_message('yuv422', row, 2)), axis=-1),
                                  [[0, 0]])
    bright = decode_image(image_message('yuv422', row, 2))
    assert bright[0, 1, 0] > bright[0, 0, 0]


def test_padded_rows_and_big_endian_depth() -> None:
    row = np.zeros((2, 7), np.uint8)
    row[:, :4] = np.array([[1000, 2000], [3000, 4000]], '>u2').view(np.uint8).reshape(2, 4)
    message = image_message('16UC1', row, 2, is_bigendian=1)
    np.testing.assert_array_equal(decode_image(message), [[1000, 2000], [3000, 4000]])


def test_compressed_image_is_decoded_as_rgb() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 250
    data = cv2.imencode('.png', cv2.cvtColor(red, cv2.COLOR_RGB2BGR))[1].ravel()
    message = SimpleNamespace(format='png', data=data)
    np.testing.assert_array_equal(decode_image(message), red)
    for count in (0, 5):
        with pytest.raises(ImageError, match=f"'png' and {count} bytes cannot be decoded"):
            decode_image(SimpleNamespace(format='png', data=data[:count]))


@pytest.mark.parametrize(('change', 'text'), [
    ({'encoding': 'nv99'}, "encoding 'nv99' is not supported"),
    ({'step': 2}, 'step 2'),
    ({'height': 5}, '2x5 rgb8 image came with step 6 and 12 bytes'),
    ({'height': 0}, '2x0 rgb8 image .* expected a width and a height above 0'),
    ({'width': 0}, '0x2 rgb8 image .* expected a width and a height above 0'),
])
def test_images_that_do_not_fit_are_refused(change: dict[str, Any], text: str) -> None:
    message = image_message('rgb8', np.zeros((2, 6), np.uint8), 2)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError, match=text):
        decode_image(message)


def cloud_message(points: npt.NDArray[np.float32], colours: list[int]) -> SimpleNamespace:
    height, width = points.shape[:2]
    cloud = np.zeros((height, width), [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<u4')])
    for index, axis in enumerate('xyz'):
        cloud[axis] = points[..., index]
    cloud['rgb'] = np.reshape(colours, (height, width))
    fields = [SimpleNamespace(name=name, offset=4 * i, datatype=7, count=1)
              for i, name in enumerate(('x', 'y', 'z', 'rgb'))]
    return SimpleNamespace(height=height, width=width, fields=fields, is_bigendian=False,
                           point_step=16, row_step=16 * width,
                           data=np.frombuffer(cloud.tobytes(), np.uint8))


def test_cloud_gives_points_and_colours() -> None:
    points = np.array([[[1, 2, 3], [np.nan, np.nan, np.nan]]], np.float32)
    message = cloud_message(points, [0x0A141E, 0xFF0000])
    decoded, rgb = decode_cloud(message)
    np.testing.assert_array_equal(decoded, points)
    assert rgb is not None
    np.testing.assert_array_equal(rgb, [[[10, 20, 30], [255, 0, 0]]])


def test_a_cloud_without_coordinates_or_data_is_refused() -> None:
    message = cloud_message(np.zeros((2, 2, 3), np.float32), [0, 0, 0, 0])
    short = SimpleNamespace(**{**vars(message), 'data': message.data[:-1]})
    with pytest.raises(ImageError, match='came with 63 bytes; expected 64'):
        decode_cloud(short)
    flat = SimpleNamespace(**{**vars(message), 'fields': message.fields[:2]})
    with pytest.raises(ImageError, match='expected x, y and z'):
        decode_cloud(flat)

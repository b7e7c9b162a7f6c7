# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras that misbehave, change, come late or come back; every test is a real process."""
from __future__ import annotations

import array
from contextlib import suppress
import time

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from rclpy.qos import QoSReliabilityPolicy
from ros_harness import cloud_array, depth_array, make_image, make_info, wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage

pytestmark = pytest.mark.ros
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def damaged_images():
    """Yield the name and text of a fault with an image that has it."""
    image = make_image()
    image.step -= 1
    yield 'a row takes at least 192 bytes', image
    image = make_image()
    image.data = image.data[:-5]
    yield 'carries 9211 bytes; it must carry 9216', image
    image = make_image()
    image.encoding = 'rgb9'
    yield "encoding 'rgb9' is not supported", image
    image = make_image()
    image.width = 0
    yield '0x48 pixels arrived', image
    image = make_image(32, 24)
    yield 'An image of 32x24 arrived with intrinsics for 64x48', image


def test_bad_images_are_reported_and_the_next_good_one_works(start, join):
    process = start(model='known', log_period_s=0.0)
    peer = join()
    peer.wait_for_outputs()
    info = make_info()
    peer.exchange(make_image(), info, 'depth/image', 'points')
    for text, bad in damaged_images():
        name = 'calibration' if 'intrinsics' in text else 'camera'
        peer.send_until(lambda name=name, text=text: peer.status(name, ERROR, text), bad)
        process.wait_for_log(text)
        good = make_image()
        peer.exchange(good, info, 'depth/image', 'points')
        peer.send_until(lambda name=name: peer.status(name, OK), good)
        # Outputs come in the order of the images.
        for topic in ('depth/image', 'points'):
            assert peer.answer(topic, bad.header.stamp) is None
    process.wait_for_log('works again')


def test_faults_are_logged_once_per_period(start, join):
    process = start(model='known', log_period_s=3600.0)
    peer = join()
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    bad = make_image()
    bad.encoding = 'rgb9'

    def rejected():
        status = peer.status('camera', ERROR, 'rgb9')
        return int({v.key: v.value for v in status.values}['rejected']) if status else 0

    # Counted there: a node that is busy may miss some.
    peer.send_until(lambda: rejected() >= 25, bad, timeout_s=60)
    process.wait_for_log("'rgb9'")
    assert process.log().count("'rgb9'") == 1


def test_image_waits_for_its_camera_info(start, join):
    process = start(model='known')
    peer = join()
    peer.wait_for_outputs()
    status = peer.send_until(
        lambda: peer.status('calibration', WARN, 'no CameraInfo on /camera_info yet'),
        make_image())
    assert 'horizontal_fov_deg' in status.message
    process.wait_for_log('no CameraInfo on /camera_info yet')
    assert not peer.received['depth/image']
    publisher = peer.publisher(CameraInfo, 'camera_info')

    def image_then_info(width):
        """Send an image once, its CameraInfo after it; return the answer, if there is any."""
        image, info = make_image(width, 48), make_info(width, 48)
        info.header = image.header
        peer.send(image)
        time.sleep(0.1)
        publisher.publish(info)
        with suppress(AssertionError):
            return wait_until(lambda: peer.answer('depth/image', image.header.stamp), 3.0)

    # Nothing is lost, unless the node is too busy to read both in time. Each image has a size of
    # its own, so that what was said for the one before it is of no use.
    assert any(map(image_then_info, range(64, 84)))
    peer.send_until(lambda: peer.status('calibration', OK), make_image(), make_info())


def test_field_of_view_stands_in_for_camera_info(start, join):
    start(model='known', horizontal_fov_deg=90.0)
    peer = join(('points', 'depth/camera_info'))
    peer.wait_for_outputs()
    uncalibrated = make_info(fx=0.0)
    for info in (None, uncalibrated):
        cloud, published = peer.exchange(make_image(), info, 'points', 'depth/camera_info')
        # 90 degrees across 64 pixels: f = 32 px, axis between the pixels 31 and 32.
        np.testing.assert_allclose(published.k[[0, 2]], [32.0, 31.5])
        point = cloud_array(cloud)[20, 63]
        np.testing.assert_allclose(point['x'] / point['z'], 31.5 / 32, rtol=1e-6)
    peer.wait_for_status('calibration', WARN, 'assumed from horizontal_fov_deg')


@pytest.mark.parametrize(('change', 'text'), [
    ({'fx': 0.0}, 'Focal length 0 arrived'),
    ({'fx': float('nan')}, 'CameraInfo on /camera_info is unusable'),
    ({'width': 0}, 'CameraInfo on /camera_info is unusable'),
])
def test_senseless_camera_info(start, join, change, text):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()
    bad = make_info(**change)
    peer.send_until(lambda: peer.status('calibration', ERROR, text), make_image(), bad)
    assert not peer.received['depth/image']
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    peer.wait_for_status('calibration', OK)


def test_camera_info_of_another_frame_is_refused_unless_told(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()
    info = make_info()
    image = make_image()
    info.header.frame_id = 'another_camera'
    peer.send_until(lambda: peer.status('calibration', ERROR, "is for frame 'another_camera'"),
                    image, info)
    assert not peer.received['depth/image']
    assert peer.set_parameters(check_frame_id=False)[0].successful
    peer.exchange(image, None, 'depth/image', 'points')


def test_camera_info_changes_while_running(start, join):
    start(model='known')
    peer = join(('points', 'depth/camera_info'))
    peer.wait_for_outputs()

    def answers(fx):
        cloud, info = peer.exchange(
            make_image(), make_info(fx=fx), 'points', 'depth/camera_info')
        return (cloud, info) if info.k[0] == fx else None

    for fx in (50.0, 80.0):
        # An image may overtake its CameraInfo, and is the last one with what was said before.
        cloud, info = wait_until(lambda fx=fx: answers(fx))
        assert info.p[0] == fx
        point = cloud_array(cloud)[10, 0]
        np.testing.assert_allclose(point['x'] / point['z'], -31.5 / fx, rtol=1e-6)


def test_two_cameras_of_different_size_one_after_the_other(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()
    for width, height in ((64, 48), (101, 37), (64, 48)):
        depth, cloud = peer.exchange(
            make_image(width, height), make_info(width, height), 'depth/image', 'points')
        assert depth_array(depth).shape == (height, width)
        assert depth_array(depth)[5, 7] == np.float32(5.07)
        assert cloud_array(cloud).shape == (height, width)
        peer.drop_publishers()


def test_camera_restarts(start, join):
    start(model='known', image_timeout_s=0.3)
    peer = join()
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    peer.drop_publishers()
    peer.wait_for_status('camera', WARN, 'nobody publishes it')
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    # Sent on, or it is silent again after 0.3 s.
    peer.send_until(lambda: peer.status('camera', OK), make_image())


def test_subscription_is_as_reliable_as_the_camera(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()

    def reliability():
        return {info.qos_profile.reliability
                for topic in ('image', 'camera_info')
                for info in peer.node.get_subscriptions_info_by_topic(topic)}

    for offered in (QoSReliabilityPolicy.BEST_EFFORT, QoSReliabilityPolicy.RELIABLE,
                    QoSReliabilityPolicy.BEST_EFFORT):
        peer.camera_reliability = offered
        peer.exchange(make_image(), make_info(), 'depth/image', 'points')
        wait_until(lambda offered=offered: reliability() == {offered})
        peer.exchange(make_image(), make_info(), 'depth/image', 'points')
        peer.drop_publishers()


def test_every_raw_vga_image_arrives(start, join):
    """More fragments than the default shared memory holds: best effort would lose nearly all."""
    start(model='known')
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    info = make_info(640, 480, fx=500.0)
    peer.exchange(make_image(640, 480), info, 'depth/image')
    # There are two for a moment while the node changes over.
    wait_until(lambda: [info.qos_profile.reliability for info in
                        peer.node.get_subscriptions_info_by_topic('image')]
               == [QoSReliabilityPolicy.RELIABLE])
    answered = 0
    for _ in range(20):
        image = make_image(640, 480)
        peer.send(image)
        # One after the other: a newer image takes the place of one that a busy node has not read.
        with suppress(AssertionError):
            wait_until(lambda image=image: peer.answer('depth/image', image.header.stamp), 3.0)
            answered += 1
    assert answered >= 18


def test_roi_and_binning_are_folded_into_the_published_camera_info(start, join):
    """A sensor of 200x120, cropped to 128x96 at (40, 10), binned 2x2, gives 64x48."""
    start(model='known')
    peer = join(('depth/image', 'depth/camera_info'))
    peer.wait_for_outputs()
    info = make_info(200, 120, fx=100.0)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 40, 10, 128, 96
    info.binning_x = info.binning_y = 2
    _depth, published = peer.exchange(make_image(), info, 'depth/image', 'depth/camera_info')
    assert (published.width, published.height) == (64, 48)
    assert (published.binning_x, published.roi.width) == (0, 0)
    cx, cy = (99.5 - 40 + 0.5) / 2 - 0.5, (59.5 - 10 + 0.5) / 2 - 0.5
    np.testing.assert_allclose(published.k, [50, 0, cx, 0, 50, cy, 0, 0, 1])
    np.testing.assert_allclose(published.p, [50, 0, cx, 0, 0, 50, cy, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(published.r, np.eye(3).ravel())


def test_cloud_and_camera_info_honour_a_fisheye_lens(start, join):
    start(model='known', flying_pixel_tolerance=0.0)
    peer = join(('points', 'depth/camera_info'))
    peer.wait_for_outputs()
    info = make_info(fx=30.0)
    info.distortion_model, info.d = 'equidistant', [0.1, -0.05, 0.02, -0.01]
    cloud, published = peer.exchange(make_image(), info, 'points', 'depth/camera_info')
    assert published.distortion_model == 'equidistant'
    assert list(published.d) == [0.1, -0.05, 0.02, -0.01]
    pixels = np.array([[[5.0, 40.0]], [[60.0, 3.0]]])
    rays = cv2.fisheye.undistortPoints(
        pixels, np.reshape(info.k, (3, 3)), np.array(info.d))[:, 0]
    points = cloud_array(cloud)[[40, 3], [5, 60]]
    np.testing.assert_allclose(points['x'] / points['z'], rays[:, 0], rtol=1e-4)
    np.testing.assert_allclose(points['y'] / points['z'], rays[:, 1], rtol=1e-4)


def test_compressed_images(start, join):
    process = start(model='known', image_transport='compressed')
    peer = join()
    peer.wait_for_outputs()
    raw = make_image()
    rgb = np.frombuffer(raw.data, np.uint8).reshape(48, 64, 3)
    image = CompressedImage(header=raw.header, format='rgb8; png compressed bgr8')
    png = cv2.imencode('.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    image.data = array.array('B', png)
    depth, cloud = peer.exchange(
        image, make_info(), 'depth/image', 'points', topic='image/compressed')
    assert depth.header == image.header
    assert cloud_array(cloud)['rgb'][20, 30] == (20 << 16) + (30 << 8) + 50
    image.data = array.array('B', png[:100])
    image.header.stamp.nanosec += 1
    peer.send_until(lambda: peer.status('camera', ERROR, 'cannot be decoded'), image,
                    topic='image/compressed')
    assert peer.answer('depth/image', image.header.stamp) is None
    process.wait_for_log('cannot be decoded')


def test_clock_that_jumps_back(start, join):
    process = start(model='known')
    peer = join()
    peer.wait_for_outputs()
    for sec in (1000, 1001, 500, 501):
        depth, = peer.exchange(make_image(sec=sec), make_info(), 'depth/image')
        assert depth.header.stamp.sec == sec
    process.wait_for_log('went back by')
    assert process.log().count('went back by') == 1


def test_simulated_time_that_stands_still(start, join):
    start(model='known', use_sim_time=True)
    peer = join()
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    status = peer.send_until(lambda: peer.status('camera', WARN, 'no /clock has come'),
                             make_image())
    assert status.message.startswith(
        f'image stamps are {time.time() / (365.25 * 86400):.1f} years ahead of')


def test_slow_network_drops_old_images_and_stays_current(start, join):
    """0.3 s a frame at 50 images a second: each answer is about the newest image at its start."""
    start(model='slow')
    peer = join()
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image', timeout_s=20)
    sent, arrived = {}, {}

    def ages_s():
        return [arrived[stamp] - sent[stamp] for stamp in sent if stamp in arrived]

    def enough():
        image = make_image()
        sent[image.header.stamp.nanosec] = time.monotonic()
        peer.send(image)
        for message in list(peer.received['depth/image']):
            arrived.setdefault(message.header.stamp.nanosec, time.monotonic())
        time.sleep(0.02)
        return len(ages_s()) >= 9 and peer.status('compute', WARN, 'slower than the camera')

    wait_until(enough, 60)
    # Where one more image waits for its turn, the age is twice the period. That is 0.3 s, or
    # longer on a busy machine.
    period_s = np.median(np.diff(sorted(arrived.values())))
    assert np.median(ages_s()) < 1.5 * period_s


def test_rate_limit(start, join):
    """What comes of the limit exactly is tested without the machine's time."""
    start(model='known', max_rate_hz=10.0)
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image')
    before = len(peer.received['depth/image'])
    started_s = time.monotonic()
    sent = 0
    while time.monotonic() - started_s < 3.0:
        peer.send(make_image())
        sent += 1
        time.sleep(0.02)
    elapsed_s = time.monotonic() - started_s
    answered = len(peer.received['depth/image']) - before
    # One at either end, and one that was on its way.
    assert answered <= 10.0 * elapsed_s + 3
    assert answered >= min(10.0 * elapsed_s, sent) / 3
    peer.send_until(lambda: any(
        value.key == 'skipped by max_rate_hz' and value.value != '0'
        for value in getattr(peer.statuses.get('compute'), 'values', ())), make_image())


def test_without_subscribers_nothing_runs(start, join):
    start(model='slow')
    peer = join(())
    wait_until(lambda: peer.node.count_publishers('points'))
    # Sent until it has been heard: a publisher sees its match before the node sees it.
    status = peer.send_until(lambda: peer.status('compute', OK, 'idle: no subscriber'),
                             make_image(), make_info())
    assert {v.key: v.value for v in status.values}['published'] == '0'

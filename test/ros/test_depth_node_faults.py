# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a node meets in a long life: floods of nonsense, dying peers, neighbours, many frames."""
from __future__ import annotations

import array
import os
import random
import time

from known_depth_node import KnownDepth
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from ros_harness import make_image, make_info, wait_until
from scaledepth_ros.ros.depth_node import DepthNode
from scaledepth_ros.ros.image_decoding import ENCODINGS
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros


def nonsense_image(choose: random.Random) -> Image:
    """Return an image with one field that does not fit the others."""
    image = make_image()
    field = choose.randrange(6)
    if field == 0:
        image.step = choose.choice([0, 1, 191, 193, 2**32 - 1, choose.randrange(2**32)])
    elif field == 1:
        image.data = array.array('B', os.urandom(choose.randrange(9216)))
    elif field == 2:
        image.encoding = choose.choice(['', 'rgb9', '32FC1', 'é' * 50, 'nv12', *ENCODINGS])
    elif field == 3:
        image.height = choose.choice([0, 47, 2**31, choose.randrange(2**32)])
    elif field == 4:
        image.width = choose.choice([0, 63, 2**31, choose.randrange(2**32)])
    else:
        image.encoding, image.is_bigendian = 'mono16', choose.randrange(2, 256)
    return image


def nonsense_info(choose: random.Random) -> CameraInfo:
    """Return a CameraInfo with one field that no camera has."""
    info = make_info()
    number = choose.choice([float('nan'), float('inf'), -1.0, 0.0, 1e300, 5e-324])
    field = choose.randrange(6)
    if field == 0:
        info.k[choose.randrange(9)] = number
    elif field == 1:
        info.d = [number] * choose.randrange(1, 20)
    elif field == 2:
        info.distortion_model = choose.choice(['', 'fancy', 'equidistant'])
    elif field == 3:
        info.width = choose.randrange(2**32)
    elif field == 4:
        info.roi.width, info.roi.x_offset = choose.randrange(2**32), choose.randrange(2**32)
    else:
        info.binning_x = choose.randrange(2**32)
    return info


@pytest.mark.parametrize('count', [600, pytest.param(10000, marks=pytest.mark.slow)])
def test_flood_of_nonsense(start, join, count):
    process = start(model='known')
    peer = join()
    peer.wait_for_outputs()
    info = make_info()
    peer.exchange(make_image(), info, 'depth/image', 'points')
    choose = random.Random(1)
    images, infos = peer.publisher(Image, 'image'), peer.publisher(CameraInfo, 'camera_info')
    for index in range(count):
        images.publish(nonsense_image(choose))
        if index % 20 == 0:
            infos.publish(nonsense_info(choose))
        # The node reads only the newest image; give it a chance to see most of these.
        time.sleep(0.001)
    peer.exchange(make_image(), info, 'depth/image', 'points')
    assert process.process.poll() is None
    assert 'Traceback' not in process.log()
    # At most one line per kind of fault and period of five seconds, whatever arrives.
    assert process.log().count('ERROR') <= 4 + count // 100


def test_subscriber_that_dies_is_not_missed(start, join):
    start(model='known')
    survivor = join()
    survivor.wait_for_outputs()
    doomed = join()
    doomed.wait_for_outputs()
    info = make_info()
    survivor.exchange(make_image(), info, 'depth/image', 'points')
    wait_until(lambda: doomed.received['points'])
    doomed.close()
    for _ in range(5):
        survivor.exchange(make_image(), info, 'depth/image', 'points')


def test_two_nodes_in_one_process(domain, join):
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    executor = SingleThreadedExecutor(context=context)
    nodes = []
    for name in ('one', 'two'):
        arguments = ['--ros-args', '-p', 'model:=known', '-r', f'image:={name}/image',
                     '-r', f'camera_info:={name}/camera_info', '-r', f'points:={name}/points']
        nodes.append(DepthNode(f'depth_{name}', predictor_factory=KnownDepth, context=context,
                               cli_args=arguments, use_global_arguments=False))
        executor.add_node(nodes[-1])
    peer = join(('one/points', 'two/points'))
    try:
        deadline_s = time.monotonic() + 20
        sent = {name: make_image() for name in ('one', 'two')}
        while time.monotonic() < deadline_s:
            executor.spin_once(timeout_sec=0.02)
            for name, image in sent.items():
                for kind, message in ((CameraInfo, make_info()), (Image, image)):
                    topic = f'{name}/{"image" if kind is Image else "camera_info"}'
                    if peer.node.count_subscribers(topic):
                        peer.publisher(kind, topic).publish(message)
            if all(peer.answer(f'{name}/points', image.header.stamp)
                   for name, image in sent.items()):
                break
        else:
            raise AssertionError('one of the nodes did not answer')
        nodes[0].stop()
        assert nodes[1].trigger_deactivate().name == 'SUCCESS'
    finally:
        for node in nodes:
            node.stop()
            node.destroy_node()
        context.try_shutdown()


@pytest.mark.slow
def test_memory_is_flat_over_many_frames(start, join):
    process = start(model='known', camera_height_m=1.0)
    peer = join(('depth/image', 'depth/uncertainty', 'points', 'scan'))
    peer.wait_for_outputs()
    image, info = make_image(), make_info()
    peer.exchange(image, info, 'depth/image', 'points')
    footprints = []
    for index in range(20000):
        image.header.stamp.nanosec = index
        peer.send(image, info)
        time.sleep(0.005)
        for messages in peer.received.values():
            if len(messages) > 50:
                messages.clear()
        if index in (2000, 19999):
            footprints.append(process.footprint())
    assert footprints[1][0] - footprints[0][0] < 5000
    assert footprints[1][1:] == footprints[0][1:]

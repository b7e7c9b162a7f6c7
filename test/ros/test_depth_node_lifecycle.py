# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle, parameters and signals of the depth node; every test is a real process."""
from __future__ import annotations

from contextlib import suppress
import importlib.util

from diagnostic_msgs.msg import DiagnosticStatus
from known_depth_node import KnownDepth
import numpy as np
import pytest
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from ros_harness import (
    cloud_array,
    depth_array,
    make_image,
    make_info,
    OUTPUT_TYPES,
    PACKAGE_ROOT,
    wait_until,
)
from scaledepth_ros.ros.depth_node import DepthNode
from scaledepth_ros.ros.lifecycle import spin
from scaledepth_ros.ros.parameters import table
import yaml

pytestmark = pytest.mark.ros
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def test_lifecycle_under_a_manager(start, join):
    start(model='known', autostart=False)
    peer = join()
    assert peer.state() == 'unconfigured'
    assert not peer.change_state('activate')
    for _ in range(2):
        assert peer.change_state('configure')
        assert peer.state() == 'inactive'
        peer.wait_for_outputs()
        assert peer.change_state('activate')
        peer.exchange(make_image(), make_info(), 'depth/image', 'points')

        assert peer.change_state('deactivate')
        peer.drop_publishers()
        wait_until(lambda: peer.node.count_subscribers('image') == 0)
        assert peer.change_state('activate')
        peer.exchange(make_image(), make_info(), 'depth/image', 'points')

        assert peer.change_state('deactivate')
        assert peer.change_state('cleanup')
        assert peer.state() == 'unconfigured'
        wait_until(lambda: peer.node.count_publishers('points') == 0)
        peer.drop_publishers()
    assert peer.change_state('unconfigured_shutdown')
    assert peer.state() == 'finalized'


def test_lifecycle_cycles_do_not_leak(start, join):
    process = start(model='known', autostart=False)
    peer = join(())
    cycle = ('configure', 'activate', 'deactivate', 'cleanup')
    for _ in range(5):
        assert all(peer.change_state(transition) for transition in cycle)
    resident_kb, threads, files = process.footprint()
    for _ in range(25):
        assert all(peer.change_state(transition) for transition in cycle)
    after = process.footprint()
    assert after[0] - resident_kb < 3000
    assert after[1] <= threads + 1
    assert after[2] <= files + 1


def test_cleanup_frees_the_memory_of_the_network(start, join):
    process = start(model='large', autostart=False)
    peer = join(())
    assert peer.change_state('configure')
    loaded_kb = process.footprint()[0]
    assert peer.change_state('cleanup')
    assert loaded_kb - process.footprint()[0] > 190_000


def test_model_that_cannot_be_loaded(start, join):
    process = start(model='missing')
    peer = join()
    peer.wait_for_status('model', ERROR, '/nowhere.safetensors does not exist')
    process.wait_for_log('cannot configure: weights file /nowhere.safetensors does not exist')
    assert peer.state() == 'unconfigured'
    assert not peer.change_state('configure')
    # The operator corrects the parameter; the process never went away.
    assert peer.set_parameters(model='known')[0].successful
    assert peer.change_state('configure')
    assert peer.change_state('activate')
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image', 'points')
    peer.wait_for_status('model', OK, 'known depth (test)')


def test_callback_without_memory_costs_that_callback_only(domain):
    context = Context()
    context.init(domain_id=domain)
    node = DepthNode(predictor_factory=KnownDepth, context=context, use_global_arguments=False,
                     cli_args=['--ros-args', '-p', 'autostart:=false'])
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    calls = []

    def callback():
        calls.append(len(calls))
        if calls == [0]:
            raise MemoryError
        context.try_shutdown()

    node.create_timer(0.01, callback)
    # Whether it raises depends on the distribution.
    with suppress(ExternalShutdownException):
        spin(executor, node)
    assert calls == [0, 1]
    node.destroy_node()


def test_dynamic_parameters_act_on_the_next_frame(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_outputs()
    info = make_info()
    peer.exchange(make_image(), info, 'depth/image', 'points')

    assert peer.set_parameters(depth_encoding='16UC1', point_stride=3)[0].successful
    depth, cloud = peer.exchange(make_image(), None, 'depth/image', 'points')
    assert (depth.encoding, depth.step) == ('16UC1', 128)
    millimetres = depth_array(depth)
    assert millimetres[20, 30] == 20300
    assert (millimetres[0] == 0).all()
    assert millimetres[1, 0] == 0
    points = cloud_array(cloud)
    assert points.shape == (16, 22)
    np.testing.assert_allclose(points['z'][5, 10], 15.30, rtol=1e-6)
    np.testing.assert_allclose(points['x'][5, 10], 15.30 * (30 - 31.5) / 50, rtol=1e-6)

    assert peer.set_parameters(rectified=True)[0].successful
    info.p[0] = 25.0

    def x_m():
        cloud, = peer.exchange(make_image(), info, 'points')
        return cloud_array(cloud)['x'][5, 10]

    # An image may overtake its CameraInfo, and is the last one with what was said before.
    wait_until(lambda: x_m() == pytest.approx(15.30 * (30 - 31.5) / 25, rel=1e-6))


def test_parameters_that_are_refused_say_why(start, join):
    start(model='known')
    peer = join()
    peer.wait_for_state('active')
    for values, reason in (
            ({'model': 'nk'}, 'deactivate and clean up first'),
            ({'depth_encoding': 'mono8'}, 'choose one of 32FC1, 16UC1'),
            ({'min_range_m': 3.0, 'max_range_m': 2.0}, ''),
            ({'max_range_m': -1.0}, ''),
            ({'point_stride': 1000}, ''),
            ({'autostart': False}, 'read-only')):
        results = peer.set_parameters(**values)
        assert not results[-1].successful, values
        assert reason in results[-1].reason
        assert results[-1].reason


def test_static_parameter_may_be_set_to_what_it_is(start, join):
    """`ros2 param load` of a dump sets all of them."""
    start(model='known')
    peer = join()
    peer.wait_for_state('active')
    names = [name for name, _default, description in table()
             if description.change == 'while unconfigured']
    assert len(names) > 5
    assert all(result.successful for result in peer.set_parameters(**peer.get_parameters(names)))


def test_every_parameter_is_described_and_survives_a_round_trip(start, join):
    start(model='known')
    peer = join()
    names = [name for name, _default, _description in table()]
    assert set(names) <= set(peer.parameter_names())
    for descriptor in peer.describe_parameters(names):
        assert len(descriptor.description) > 20
        assert 'Can be changed' in descriptor.additional_constraints
    values = peer.get_parameters(names)
    changeable = {name: values[name] for name, _default, description in table()
                  if description.change == 'any time'}
    assert all(result.successful for result in peer.set_parameters(**changeable))
    assert peer.get_parameters(names) == values


def test_bad_parameter_on_the_command_line_ends_with_a_reason(start):
    process = start(model='known', max_range_m=-3.0)
    process.process.wait(60)
    assert process.process.returncode == 1
    assert 'depth_node: parameter max_range_m' in process.log()


def qos_of(peer, topic):
    """Return the QoS of the node's only end of a topic."""
    def ends():
        return [info for info in (*peer.node.get_publishers_info_by_topic(topic),
                                  *peer.node.get_subscriptions_info_by_topic(topic))
                if info.node_name == 'depth']
    return wait_until(ends)[0].qos_profile


def test_outputs_are_reliable_and_volatile(start, join):
    start(model='known')
    peer = join(())
    for topic in OUTPUT_TYPES:
        profile = qos_of(peer, topic)
        assert (profile.reliability.name, profile.durability.name) == ('RELIABLE', 'VOLATILE')


def test_qos_of_every_topic_can_be_overridden(start, join):
    overrides = [('publisher', topic, 'best_effort') for topic in (*OUTPUT_TYPES, 'diagnostics')]
    overrides += [('subscription', topic, 'reliable') for topic in ('image', 'camera_info')]
    start(*(part for kind, topic, value in overrides
            for part in ('-p', f'qos_overrides./{topic}.{kind}.reliability:={value}')),
          model='known')
    peer = join(())
    for _kind, topic, value in overrides:
        assert qos_of(peer, topic).reliability.name.lower() == value


def test_qos_override_that_does_not_exist(start, join):
    process = start('-p', 'qos_overrides./image.subscription.reliability:=sometimes',
                    model='known')
    process.wait_for_log("reliability is 'sometimes'; choose one of auto, reliable, best_effort")
    assert join(()).state() == 'unconfigured'


def test_qos_override_of_an_output_that_does_not_exist(start, join):
    process = start('-p', 'qos_overrides./points.publisher.reliability:=sometimes', model='known')
    process.wait_for_log('cannot configure: qos_overrides./points.publisher: ')
    assert 'reliability reliable or best_effort' in process.log()
    process = start('-p', 'qos_overrides./diagnostics.publisher.reliability:=sometimes',
                    model='known')
    process.process.wait(60)
    assert process.process.returncode == 1
    assert 'depth_node: qos_overrides./diagnostics.publisher: ' in process.log()
    assert 'Traceback' not in process.log()


def test_defaults_file_and_dump_can_be_loaded(start, join, tmp_path):
    """config/depth.yaml as a user edits it; then what `ros2 param dump` would write."""
    edited = tmp_path / 'edited.yaml'
    edited.write_text((PACKAGE_ROOT / 'config' / 'depth.yaml').read_text()
                      .replace("model: 'lite'", "model: 'known'")
                      .replace('point_stride: 1', 'point_stride: 2'))
    process = start('--params-file', str(edited))
    peer = join(())
    peer.wait_for_state('active')
    names = [name for name in peer.parameter_names() if name != 'use_sim_time']
    values = peer.get_parameters(names)
    assert (values['model'], values['point_stride'], values['cameras']) == ('known', 2, [''])
    assert values['qos_overrides./image.subscription.reliability'] == 'auto'
    process.stop()
    # Else the new one is asked through the services of the old one.
    wait_until(lambda: 'depth' not in peer.node.get_node_names(), 30)
    peer.drop_clients()
    dump = tmp_path / 'dump.yaml'
    dump.write_text(yaml.safe_dump({'/depth': {'ros__parameters': values}}))
    start('--params-file', str(dump))
    wait_until(lambda: peer.get_parameters(['point_stride'])['point_stride'] == 2)
    assert peer.get_parameters(names) == values


def test_scan_from_tf_says_when_tf_is_not_installed(start, join):
    if importlib.util.find_spec('tf2_ros'):
        pytest.skip('tf2_ros is installed here')
    process = start(model='known', camera_pose='tf')
    process.wait_for_log('cannot configure: camera_pose is tf, but tf2_ros cannot be imported')
    assert join(()).state() == 'unconfigured'

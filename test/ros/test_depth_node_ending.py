# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Ends and failures of transitions, while the network is at work or cannot be used."""
from __future__ import annotations

from pathlib import Path
import time
from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticStatus
from known_depth_node import KnownDepth
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import make_image, make_info, wait_until
from scaledepth_ros.ros import depth_node
from scaledepth_ros.ros.camera_stream import CameraStream
from scaledepth_ros.ros.depth_node import DepthNode
from scaledepth_ros.ros.network import warmed_up
from shared_memory import shared_memory_of

pytestmark = pytest.mark.ros
OK = DiagnosticStatus.OK
# Much less than the inference takes, and than a cleanup waits for it; much more than a busy
# machine adds.
SOON_S = 5.0


def stuck_in_an_inference(start, join):
    """Return a node whose network has been given an image that takes ten minutes, and a peer."""
    process = start(model='stuck')
    peer = join(('depth/image',))
    peer.wait_for_outputs()
    peer.wait_for_state('active')
    # The first is in work and each further one takes the place of the one before.
    wait_until(lambda: (peer.send(make_image(), make_info()), time.sleep(0.05), any(
        value.key == 'dropped for a newer image' and value.value != '0'
        for value in getattr(peer.statuses.get('compute'), 'values', ())))[2], 20)
    return process, peer


def test_shutdown_does_not_wait_for_an_inference(start, join):
    _process, peer = stuck_in_an_inference(start, join)
    started_s = time.monotonic()
    assert peer.change_state('active_shutdown')
    assert time.monotonic() - started_s < SOON_S
    assert peer.state() == 'finalized'


def test_signal_ends_a_cleanup_that_waits_for_an_inference(start, join):
    process, peer = stuck_in_an_inference(start, join)
    assert peer.change_state('deactivate')
    client = peer.node.create_client(ChangeState, '/depth/change_state')
    assert client.wait_for_service(10)
    time.sleep(0.2)
    client.call_async(ChangeState.Request(
        transition=Transition(id=Transition.TRANSITION_CLEANUP)))
    # Its outputs are gone: it waits for the network.
    wait_until(lambda: peer.node.count_publishers('points') == 0)
    assert process.stop() < SOON_S
    assert process.process.returncode == 0
    assert 'Traceback' not in process.log()


def test_waiting_for_an_inference_takes_less_than_supervisors_grant():
    """Launch and most supervisors kill after a second."""
    assert depth_node._STOP_TIMEOUT_S < 1.0
    assert SOON_S < depth_node._CLEANUP_TIMEOUT_S


def test_diagnostics_go_on_while_the_network_is_loaded(start, join):
    start(model='loading')
    peer = join(())
    peer.wait_for_status('model', OK, 'loading loading')
    peer.statuses.clear()
    peer.wait_for_status('model', OK, 'loading loading')


def test_network_that_does_not_stand_the_first_run_is_freed():
    closed = []

    class Fails(KnownDepth):
        def warm_up(self, height, width):
            raise MemoryError(f'{width}x{height}')

        def close(self):
            closed.append(self)

    with pytest.raises(MemoryError, match='640x480'):
        warmed_up(Fails, SimpleNamespace(model='known', image_height=480, image_width=640))
    assert len(closed) == 1


@pytest.fixture
def node(domain):
    """Make a node in this process that waits for a lifecycle manager."""
    context = Context()
    context.init(domain_id=domain)
    loaded = []

    def load(parameters):
        loaded.append(KnownDepth(parameters))
        return loaded[-1]

    node = DepthNode(predictor_factory=load, context=context, use_global_arguments=False,
                     cli_args=['--ros-args', '-p', 'autostart:=false', '-p', 'model:=known'])
    node.loaded = loaded
    yield node
    node.stop()
    node.destroy_node()
    context.try_shutdown()


def test_activation_that_fails_says_why_and_can_be_tried_again(node, monkeypatch, capfd):
    def refuse(_self):
        raise RuntimeError('no more entities')

    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    with monkeypatch.context() as patched:
        patched.setattr(CameraStream, 'subscribe', refuse)
        assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    assert 'cannot activate: RuntimeError: no more entities' in ''.join(capfd.readouterr())
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS


def test_what_is_refused_at_once_is_refused_before_the_network_is_loaded(node, monkeypatch):
    def refuse(*_arguments, **_options):
        raise RuntimeError('no more entities')

    monkeypatch.setattr(CameraStream, '__init__', refuse)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert node.loaded == []


@pytest.mark.parametrize('method', ['__init__', 'subscribe'])
def test_signal_while_a_camera_is_set_up_is_no_fault(node, monkeypatch, capfd, method):
    def refuse(*_arguments, **_options):
        node.context.shutdown()
        raise RuntimeError("publisher's context is invalid")

    monkeypatch.setattr(CameraStream, method, refuse)
    transition = node.trigger_configure
    if method == 'subscribe':
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        transition = node.trigger_activate
    with pytest.raises(KeyboardInterrupt):
        transition()
    assert 'cannot' not in ''.join(capfd.readouterr())


_FAILING_NODE = """
from pathlib import Path
import sys
sys.path.insert(0, {folder!r})
from known_depth_node import KnownDepth
from scaledepth_ros.ros import depth_node


def fail_when_told(_node):
    if Path({flag!r}).exists():
        raise RuntimeError('nobody thought of this')


depth_node.DepthNode._follow_publishers = fail_when_told
sys.exit(depth_node.main(predictor_factory=KnownDepth))
"""


def test_unexpected_error_ends_the_process_and_leaves_nothing_behind(start, join, tmp_path):
    script, flag = tmp_path / 'failing_node.py', tmp_path / 'fail'
    script.write_text(_FAILING_NODE.format(
        folder=str(Path(__file__).parent), flag=str(flag)))
    process = start(script=script, model='known')
    peer = join()
    peer.wait_for_outputs()
    peer.exchange(make_image(), make_info(), 'depth/image')
    files = shared_memory_of(process.process.pid)
    assert files
    flag.touch()
    process.process.wait(30)
    assert process.process.returncode == 1
    assert 'RuntimeError: nobody thought of this' in process.log()
    assert process.log().count('Traceback') == 1
    # Ports may have passed to the next process; segments are its own.
    assert [path for path in files if path.exists() and 'port' not in path.name] == []

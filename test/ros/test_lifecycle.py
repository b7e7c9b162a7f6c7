# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Impossible transitions are refused also where rclpy itself lets them escape, as up to Jazzy."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from scaledepth_ros.ros.lifecycle import refuse_impossible_transitions

pytestmark = pytest.mark.ros


@pytest.fixture
def node(domain: int) -> Iterator[LifecycleNode]:
    """Make a lifecycle node in this process."""
    context = Context()
    context.init(domain_id=domain)
    node = LifecycleNode('managed', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def escape(_request: Any, _response: Any) -> None:
    raise RuntimeError('Transition is not registered.')


def change_state(node: LifecycleNode) -> Any:
    """Return the service that a lifecycle manager calls."""
    service, = (one for one in node.services if one.srv_type is ChangeState)
    return service


def request(service: Any, transition: int) -> bool:
    """Hand a request to the service, as the executor does; return its answer."""
    return service.callback(
        ChangeState.Request(transition=Transition(id=transition)), ChangeState.Response()).success


def test_possible_transitions_take_place_and_impossible_ones_are_refused(
    node: LifecycleNode,
) -> None:
    refuse_impossible_transitions(node)
    service = change_state(node)
    assert not request(service, Transition.TRANSITION_ACTIVATE)
    assert request(service, Transition.TRANSITION_CONFIGURE)
    assert not request(service, Transition.TRANSITION_CONFIGURE)
    assert request(service, Transition.TRANSITION_ACTIVATE)


def test_an_error_that_escapes_is_an_answer_only_while_the_node_lives(
    node: LifecycleNode,
) -> None:
    service = change_state(node)
    service.callback = escape
    refuse_impossible_transitions(node)
    assert not request(service, Transition.TRANSITION_ACTIVATE)
    node.context.shutdown()
    with pytest.raises(RuntimeError, match='not registered'):
        request(service, Transition.TRANSITION_ACTIVATE)

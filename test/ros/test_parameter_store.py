# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Many parameters in one request, as `ros2 param load` sends them."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from scaledepth_ros.ros.parameter_store import ParameterStore
from scaledepth_ros.ros.parameters import DepthParameters, table

pytestmark = pytest.mark.ros

# Each band lies beside the other: no limit of the one is valid with the other's partner.
NEAR = {'min_range_m': 0.5, 'max_range_m': 2.0, 'scan_range_min_m': 0.5, 'scan_range_max_m': 2.0,
        'scan_angle_min_deg': -40.0, 'scan_angle_max_deg': -20.0,
        'scan_angle_increment_deg': 20.0,
        'scan_min_height_m': 0.1, 'scan_max_height_m': 0.4}
FAR = {'min_range_m': 4.0, 'max_range_m': 9.0, 'scan_range_min_m': 4.0, 'scan_range_max_m': 9.0,
       'scan_angle_min_deg': 20.0, 'scan_angle_max_deg': 40.0, 'scan_angle_increment_deg': 2.0,
       'scan_min_height_m': 0.8, 'scan_max_height_m': 1.6}


class Bench:
    """A node with the parameters of the depth node, and its service."""

    def __init__(self, domain: int) -> None:
        self._context = Context()
        self._context.init(domain_id=domain)
        self._node = Node('store', context=self._context)
        self._store = ParameterStore(self._node, configured=lambda: True, changed=lambda: None)
        self._service, = (
            service for service in self._node.services if service.srv_type is SetParameters)

    def set(self, *values: tuple[str, Any]) -> list[Any]:
        """Do what the executor does with a request; return the results."""
        request = SetParameters.Request(parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values])
        return self._service.callback(request, SetParameters.Response()).results

    def values(self) -> DepthParameters:
        return self._store.current

    def close(self) -> None:
        self._node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def bench(domain: int) -> Iterator[Bench]:
    bench = Bench(domain)
    yield bench
    bench.close()


# A step that has no room in the scan of before, and a scan that has no room for it.
NARROW = {'scan_angle_min_deg': 50.0, 'scan_angle_max_deg': 60.0, 'scan_angle_increment_deg': 1.0}
COARSE = {'scan_angle_min_deg': 0.0, 'scan_angle_max_deg': 40.0, 'scan_angle_increment_deg': 40.0}


@pytest.mark.parametrize('backwards', [False, True])
@pytest.mark.parametrize(('before', 'after'), [
    (NEAR, FAR), (FAR, NEAR), (NARROW, COARSE), (COARSE, NARROW)])
def test_dump_can_be_loaded_whatever_is_set_and_in_either_order(
        bench: Bench, before: dict[str, float], after: dict[str, float], backwards: bool) -> None:
    bench.set(*before.items())
    assert bench.values() == DepthParameters(**before)
    # `ros2 param dump` sorts by name, the maximum first.
    dump = sorted({**{name: list(value) if isinstance(value, tuple) else value
                      for name, value, _description in table()}, **after}.items(),
                  reverse=backwards)
    refused = {name: result.reason for (name, _value), result
               in zip(dump, bench.set(*dump), strict=True) if not result.successful}
    assert list(refused) == ['autostart']
    assert 'read-only' in refused['autostart']
    assert bench.values() == DepthParameters(**after)


def test_what_contradicts_stays_refused_and_says_why(bench: Bench) -> None:
    alone, = bench.set(('scan_min_height_m', 2.0))
    assert not alone.successful
    assert alone.reason == (
        'scan_min_height_m is 2.0 and scan_max_height_m is 1.8; the maximum must be larger')
    results = bench.set(('min_range_m', 3.0), ('point_stride', 2), ('max_range_m', 2.0))
    assert [result.successful for result in results] == [True, True, False]
    assert 'max_range_m is 2.0 and min_range_m is 3.0' in results[2].reason
    assert (bench.values().min_range_m, bench.values().max_range_m) == (3.0, 0.0)


def test_the_last_of_several_values_for_one_parameter_holds(bench: Bench) -> None:
    bench.set(('min_range_m', 5.0))
    results = bench.set(('max_range_m', 4.0), ('min_range_m', 1.0), ('max_range_m', 6.0))
    assert [result.successful for result in results] == [False, True, True]
    assert bench.values().max_range_m == 6.0

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The environment of local ROS processes: alone in a domain, with room for clouds."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
import socket
from types import SimpleNamespace
import xml.etree.ElementTree as ElementTree

import pytest
from scaledepth_ros import middleware
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.middleware import large_data_problem, local_environment

PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROFILE_VARIABLES, 'FASTDDS_BUILTIN_TRANSPORTS', 'ROS_LOG_DIR', 'ROS_DISTRO'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def taken_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Take the port of a domain, where no real domain has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(('', 0))
        monkeypatch.setattr(middleware, '_PORT_BASE', taken.getsockname()[1] - 250 * 7 - 10)
        yield 7


def test_a_domain_in_use_is_not_given(
    taken_domain: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(middleware, '_DOMAINS', range(taken_domain, taken_domain + 2))
    assert {middleware.free_domain() for _ in range(10)} == {taken_domain + 1}


def test_all_domains_in_use_is_told(taken_domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, '_DOMAINS', range(taken_domain, taken_domain + 1))
    with pytest.raises(ConfigError, match='from 7 to 7 are in use'):
        middleware.free_domain()


def test_real_domains_lie_below_the_ephemeral_ports() -> None:
    domain = middleware.free_domain()
    assert 1 <= domain <= 101
    assert 7400 + 250 * domain + 10 < 32768


@pytest.mark.parametrize(('free_megabytes', 'expected'), [(10, 8), (64, 16), (4000, 64)])
def test_segment_follows_the_free_shared_memory(
    free_megabytes: int, expected: int, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('shutil.disk_usage',
                        lambda _: SimpleNamespace(free=free_megabytes * 2**20))
    assert middleware.segment_bytes() == expected * 2**20


def test_a_machine_without_shared_memory_gets_the_smallest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(middleware, '_SHARED_MEMORY', tmp_path / 'absent')
    assert middleware.segment_bytes() == 8 * 2**20


def test_environment_stays_local_and_holds_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    environment = local_environment(tmp_path, domain=5)
    assert environment['ROS_DOMAIN_ID'] == '5'
    assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert environment['FASTDDS_BUILTIN_TRANSPORTS'] == 'LARGE_DATA'
    root = ElementTree.parse(environment['FASTDDS_DEFAULT_PROFILES_FILE']).getroot()
    found = {element.tag.split('}')[1]: element.text for element in root.iter()}
    vga_frame_bytes = 640 * 480 * (16 + 4 + 4 + 3)
    assert int(found['segment_size'] or 0) >= vga_frame_bytes
    assert found['useBuiltinTransports'] == 'false'


def test_choices_of_the_user_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/etc/robot.xml')
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')
    environment = local_environment(tmp_path, domain=5)
    assert environment['FASTDDS_DEFAULT_PROFILES_FILE'] == '/etc/robot.xml'
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE' not in environment
    assert environment['FASTDDS_BUILTIN_TRANSPORTS'] == 'UDPv4'


@pytest.mark.parametrize(('distribution', 'package', 'index'), [
    ('humble', '', 1), ('jazzy', '', 1), ('kilted', '', 0), ('', 'ros-jazzy-rclpy', 1),
    ('', 'rclpy', 0), ('kilted', 'ros-jazzy-rclpy', 0)])
def test_the_profile_has_the_one_name_that_fast_dds_expects(
    distribution: str, package: str, index: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name == package:
            return '7.1.6'
        raise PackageNotFoundError

    monkeypatch.setattr(middleware, 'version', version)
    monkeypatch.setenv('ROS_DISTRO', distribution)
    environment = local_environment(tmp_path, domain=5)
    named = [name for name in PROFILE_VARIABLES if name in environment]
    assert named == [PROFILE_VARIABLES[index]]
    assert Path(environment[named[0]]).is_file()


LOCALHOST = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


@pytest.mark.parametrize(('environment', 'setting'), [
    (LOCALHOST, 'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST'),
    ({**LOCALHOST, 'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'},
     'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST'),
    ({'ROS_LOCALHOST_ONLY': '1'}, 'ROS_LOCALHOST_ONLY=1'),
])
def test_who_stays_on_this_machine_is_told_that_large_data_has_no_effect(
    environment: dict[str, str], setting: str,
) -> None:
    problem = large_data_problem(environment)
    assert problem is not None
    assert problem.startswith(setting)
    assert 'ROS_DOMAIN_ID' in problem


@pytest.mark.parametrize('environment', [
    {},
    {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET', 'ROS_LOCALHOST_ONLY': '0'},
    {**LOCALHOST, 'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'},
    {**LOCALHOST, 'FASTDDS_DEFAULT_PROFILES_FILE': '/etc/robot.xml'},
    {**LOCALHOST, 'FASTRTPS_DEFAULT_PROFILES_FILE': '/etc/robot.xml'},
])
def test_nobody_else_is_told(environment: dict[str, str]) -> None:
    assert large_data_problem(environment) is None

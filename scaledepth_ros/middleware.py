# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Environment of ROS processes that talk among themselves on this machine, and to nobody else.

Fast DDS moves images and clouds between processes through shared memory. Two settings that are
each sensible lose messages together: ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST makes rmw_fastrtps
install transports of its own, so that FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA has no effect, and
their shared-memory segment is smaller than one cloud. Measured with VGA clouds, depth,
uncertainty, CameraInfo and images at 15 Hz, reliable, on two busy cores: about half of the depth
images and up to 73 % of the CameraInfos were lost; with the profile below, none in nine runs. A
profile file is honoured in either case.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
import os
from pathlib import Path
import random
import shutil
import socket

from scaledepth_ros.errors import ConfigError

# A frame of VGA cloud, depth, uncertainty and image has 8 MB, one of HD seven times that. Each
# process has a segment, which is allocated as a whole when it starts.
_SEGMENT_BYTES = (8 * 2**20, 64 * 2**20)
_SHARED_MEMORY = Path('/dev/shm')
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<profiles xmlns="http://www.eprosima.com">
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>shared_memory</transport_id>
      <type>SHM</type>
      <segment_size>{segment_bytes}</segment_size>
    </transport_descriptor>
    <transport_descriptor>
      <transport_id>udp</transport_id>
      <type>UDPv4</type>
    </transport_descriptor>
  </transport_descriptors>
  <participant profile_name="local" is_default_profile="true">
    <rtps>
      <userTransports>
        <transport_id>shared_memory</transport_id>
        <transport_id>udp</transport_id>
      </userTransports>
      <useBuiltinTransports>false</useBuiltinTransports>
    </rtps>
  </participant>
</profiles>
"""
# Fast DDS 3 knows the first name, and warns of the second, which is all that Fast DDS 2 knows.
_PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
_FAST_DDS_2 = ('humble', 'iron', 'jazzy')
# Ports of a DDS domain (RTPS 2.5, 9.6.2): 7400 + 250 * domain, from 10 on the unicast ones.
_PORT_BASE, _DOMAIN_GAIN, _UNICAST_OFFSET = 7400, 250, 10
# Domains whose ports lie below Linux's ephemeral range.
_DOMAINS = range(1, 102)


def free_domain() -> int:
    """
    Find a ROS domain that nobody on this machine uses.

    Returns:
        A number for ROS_DOMAIN_ID. Its first participant's port could be bound, so no process
        has joined it here.

    Raises:
        ConfigError: All are in use.

    """
    for domain in random.sample(_DOMAINS, len(_DOMAINS)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', _PORT_BASE + _DOMAIN_GAIN * domain + _UNICAST_OFFSET))
            except OSError:
                continue
        return domain
    raise ConfigError(
        f'All ROS domains from {_DOMAINS[0]} to {_DOMAINS[-1]} are in use on this machine; stop '
        'some of its ROS processes.'
    )


def segment_bytes() -> int:
    """Give the size of a process's shared-memory segment: a quarter of what is free, bounded."""
    smallest, largest = _SEGMENT_BYTES
    try:
        free = shutil.disk_usage(_SHARED_MEMORY).free
    except OSError:
        return smallest
    # Containers have 64 MB by default, shared by the three processes of the demo.
    return min(max(free // 4, smallest), largest)


def local_environment(folder: Path, *, domain: int | None = None) -> dict[str, str]:
    """
    Copy this process's environment and make it one for local ROS processes.

    Args:
        folder: Where the middleware's profile and ROS's own log files go; it exists.
        domain: ROS_DOMAIN_ID; None for a free one.

    Returns:
        The environment. Transports that the user has chosen are kept.

    """
    environment = dict(os.environ)
    environment['ROS_DOMAIN_ID'] = str(free_domain() if domain is None else domain)
    environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    environment.setdefault('ROS_LOG_DIR', str(folder / 'ros'))
    environment.setdefault('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA')
    if not any(environment.get(variable) for variable in _PROFILE_VARIABLES):
        profile = folder / 'fastdds.xml'
        profile.write_text(_PROFILE.format(segment_bytes=segment_bytes()))
        environment[_PROFILE_VARIABLES[_has_fast_dds_2()]] = str(profile.resolve())
    return environment


def _has_fast_dds_2() -> bool:
    distribution = os.environ.get('ROS_DISTRO')
    if distribution:
        return distribution in _FAST_DDS_2
    # PyPI's rclpy sets no ROS_DISTRO, but has it in its name.
    for name in _FAST_DDS_2:
        with suppress(PackageNotFoundError):
            version(f'ros-{name}-rclpy')
            return True
    return False


def large_data_problem(environment: Mapping[str, str]) -> str | None:
    """
    Tell why LARGE_DATA transports have no effect, if they have none.

    Args:
        environment: That of the ROS processes.

    Returns:
        What the user set, what comes of it and what to do instead; None if all is well.

    """
    if environment.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') not in (
            'rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp'):
        return None
    if any(environment.get(variable) for variable in _PROFILE_VARIABLES):
        return None
    if environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '').upper() == 'LOCALHOST':
        setting = 'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST'
    elif environment.get('ROS_LOCALHOST_ONLY') == '1':
        setting = 'ROS_LOCALHOST_ONLY=1'
    else:
        return None
    return (
        f'{setting} makes rmw_fastrtps ignore FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA, so point '
        'clouds and other messages will get lost; unset it and keep robots apart by '
        f'ROS_DOMAIN_ID, or give Fast DDS transports of your own in {_PROFILE_VARIABLES[0]} '
        f'({_PROFILE_VARIABLES[1]} up to Jazzy).')

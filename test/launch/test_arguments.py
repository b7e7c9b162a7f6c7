# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files, wherever ROS 2's launch is installed (it is not on PyPI)."""
from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

launch = pytest.importorskip('launch', reason='ROS 2 launch is not installed')
pytest.importorskip('launch_ros', reason='launch_ros is not installed')

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
LAUNCH_FILES = sorted((PACKAGE_ROOT / 'launch').glob('*.launch.py'))


def load(path: Path):
    """Import a launch file."""
    spec = importlib.util.spec_from_file_location(path.name.replace('.', '_'), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What this test run sets for itself.
ENVIRONMENT = ('FASTDDS_BUILTIN_TRANSPORTS', 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_LOCALHOST_ONLY',
               'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
               'RMW_IMPLEMENTATION')
DEPTH = load(PACKAGE_ROOT / 'launch' / 'depth.launch.py')


def started(**arguments):
    """Return the actions of depth.launch.py for some arguments."""
    context = launch.LaunchContext()
    for name in ENVIRONMENT:
        context.environment.pop(name, None)
    context.launch_configurations.update(
        dict.fromkeys(DEPTH.PARAMETERS, ''), cameras='', image='', camera_info='',
        large_data='true')
    environment = arguments.pop('environment', {})
    context.environment.update(environment)
    context.launch_configurations.update(arguments)
    try:
        return DEPTH.start(context)
    finally:
        for name in environment:
            context.environment.pop(name)


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda path: path.name)
def test_every_argument_is_described(path):
    description = load(path).generate_launch_description()
    for argument in description.get_launch_arguments():
        assert argument.description not in ('', 'no description given'), argument.name
        assert argument.default_value is not None, argument.name


def test_arguments_name_parameters_that_exist():
    content = yaml.safe_load((PACKAGE_ROOT / 'config' / 'depth.yaml').read_text())
    known = {*content['/**']['ros__parameters'], 'use_sim_time'}
    assert set(DEPTH.PARAMETERS) <= known


def test_transports_are_set_unless_the_user_did():
    names = [type(action).__name__ for action in started()]
    assert names == ['SetEnvironmentVariable', 'Node', 'Node']
    assert len(started(large_data='false')) == 2
    assert len(started(environment={'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})) == 2


def test_transports_that_have_no_effect_are_told():
    local = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    names = [type(action).__name__ for action in started(environment=local)]
    assert names == ['SetEnvironmentVariable', 'LogInfo', 'Node', 'Node']
    assert len(started(environment=local, large_data='false')) == 2
    assert len(started(environment={**local, 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})) == 2
    own = {**local, 'FASTDDS_DEFAULT_PROFILES_FILE': '/etc/robot.xml'}
    assert len(started(environment=own)) == 3


def test_remappings_of_several_cameras():
    context = launch.LaunchContext()
    context.launch_configurations.update(image='/{camera}/image_raw', camera_info='')
    assert DEPTH.remappings(context, ['front', 'left'], 'image') == [
        ('front/image', '/front/image_raw'), ('left/image', '/left/image_raw')]
    assert DEPTH.remappings(context, ['front', 'left'], 'camera_info') == []
    context.launch_configurations.update(image='/camera/image_raw')
    assert DEPTH.remappings(context, [''], 'image') == [('image', '/camera/image_raw')]
    with pytest.raises(RuntimeError, match='write {camera} where the name belongs'):
        DEPTH.remappings(context, ['front', 'left'], 'image')


@pytest.mark.parametrize(('name', 'text', 'value'), [
    ('autostart', 'false', False), ('max_rate_hz', '10', 10.0), ('model', 'nk', 'nk'),
    ('camera_height_m', '1', 1.0), ('weights', '1', '1')])
def test_values_get_the_type_of_their_parameter(name, text, value):
    typed = DEPTH.typed(name, text)
    assert typed == value
    assert type(typed) is type(value)


def test_number_that_is_none_is_refused():
    with pytest.raises(RuntimeError, match='max_rate_hz:=fast is not a number'):
        started(max_rate_hz='fast')

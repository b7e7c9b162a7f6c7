# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of the launch files, wherever ROS 2's launch is installed (it is not on PyPI)."""
from __future__ import annotations

import importlib.util
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
import yaml

launch = pytest.importorskip('launch', reason='ROS 2 launch is not installed')
pytest.importorskip('launch_ros', reason='launch_ros is not installed')

from launched import add_package, DOMAIN, PACKAGE_ROOT, share  # noqa: E402, I100

LAUNCH_FILES = sorted((PACKAGE_ROOT / 'launch').glob('*.launch.py'))
DEFAULTS = yaml.safe_load(
    (PACKAGE_ROOT / 'config' / 'depth.yaml').read_text())['/**']['ros__parameters']


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
DEPTH, DEMO, NAVIGATION = (
    load(PACKAGE_ROOT / 'launch' / f'{name}.launch.py')
    for name in ('depth', 'demo', 'navigation'))


def context_with(**arguments):
    """Return a launch context as depth.launch.py finds it."""
    context = launch.LaunchContext()
    context.launch_configurations.update({
        **dict.fromkeys((*DEPTH.PARAMETERS, *DEPTH.TOPICS), ''), 'use_sim_time': '',
        'cameras': '', 'large_data': 'true', 'enclave': '', 'rviz': 'false',
        'params_file': str(PACKAGE_ROOT / 'config' / 'depth.yaml'), **arguments})
    return context


def started(environment=None, **arguments):
    """Return the actions of depth.launch.py for some arguments."""
    context = context_with(**arguments)
    before = dict(context.environment)
    for name in ENVIRONMENT:
        context.environment.pop(name, None)
    context.environment.update(environment or {})
    try:
        return DEPTH.start(context)
    finally:
        # It is that of this process.
        context.environment.clear()
        context.environment.update(before)


def overrides(**arguments):
    """Return the parameters that arguments of depth.launch.py set."""
    context = context_with(**arguments)
    cameras = arguments.get('cameras', '').split(',')
    return DEPTH.parameter_overrides(context, cameras)


@pytest.fixture(scope='module', autouse=True)
def packages(tmp_path_factory):
    """Let this package be found, installed or not, and one that poses as Nav2."""
    before = os.environ.get('AMENT_PREFIX_PATH')
    share()
    nav2 = tmp_path_factory.mktemp('nav2_bringup')
    (nav2 / 'launch').mkdir()
    (nav2 / 'launch' / 'navigation_launch.py').write_text(
        'from launch import LaunchDescription\n'
        'generate_launch_description = LaunchDescription\n')
    (nav2 / 'params').mkdir()
    (nav2 / 'params' / 'nav2_params.yaml').write_text('{}')
    add_package('nav2_bringup', nav2)
    yield
    os.environ.pop('AMENT_PREFIX_PATH')
    if before is not None:
        os.environ['AMENT_PREFIX_PATH'] = before


def test_there_are_four_launch_files_and_a_test_for_each():
    names = {path.name.split('.')[0] for path in LAUNCH_FILES}
    assert names == {'depth', 'demo', 'navigation', 'two_cameras'}
    assert names == {path.name[len('test_'):-len('_launch.py')]
                     for path in Path(__file__).parent.glob('test_*_launch.py')}


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda path: path.name)
def test_every_argument_is_described(path):
    description = load(path).generate_launch_description()
    # As `ros2 launch --show-args` does: with those of the files that it includes.
    arguments = description.get_launch_arguments()
    assert {*DEPTH.PARAMETERS, *DEPTH.TOPICS, 'params_file'} <= {each.name for each in arguments}
    for argument in arguments:
        assert argument.description not in ('', 'no description given'), argument.name
        assert argument.default_value is not None, argument.name


def test_arguments_name_parameters_that_exist_and_have_no_default_of_their_own():
    assert set(DEPTH.PARAMETERS) <= set(DEFAULTS)
    for argument in DEPTH.arguments():
        if argument.name in DEPTH.PARAMETERS:
            assert launch.utilities.perform_substitutions(
                launch.LaunchContext(), argument.default_value) == '', argument.name
    assert overrides() == {}


def test_transports_are_set_unless_the_user_did():
    names = [type(action).__name__ for action in started()]
    assert names == ['SetEnvironmentVariable', 'Node', 'Node']
    assert len(started(large_data='false')) == 2
    assert len(started({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})) == 2


def test_transports_that_have_no_effect_are_told():
    local = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    names = [type(action).__name__ for action in started(local)]
    assert names == ['SetEnvironmentVariable', 'LogInfo', 'Node', 'Node']
    assert len(started(local, large_data='false')) == 2
    assert len(started({**local, 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})) == 2
    own = {**local, 'FASTDDS_DEFAULT_PROFILES_FILE': '/etc/robot.xml'}
    assert len(started(own)) == 3


def test_remappings_of_several_cameras():
    context = launch.LaunchContext()
    context.launch_configurations.update(image='/{camera}/image_raw', camera_info='')
    assert DEPTH.remappings(context, ['front', 'left'], 'image') == [
        ('front/image', '/front/image_raw'), ('left/image', '/left/image_raw')]
    assert DEPTH.remappings(context, ['front', 'left'], 'camera_info') == []
    context.launch_configurations.update(image='/camera/image_raw')
    assert DEPTH.remappings(context, [''], 'image') == [('image', '/camera/image_raw')]


def test_every_topic_that_a_robot_already_has_can_be_remapped():
    context = launch.LaunchContext()
    context.launch_configurations.update(
        scan='/camera_scan', anchor_scan='/{camera}/lidar', anchor_points='',
        anchor_range='/sonar')
    assert DEPTH.remappings(context, [''], 'scan') == [('scan', '/camera_scan')]
    assert DEPTH.remappings(context, ['front'], 'anchor_scan') == [
        ('front/anchor/scan', '/front/lidar')]
    assert DEPTH.remappings(context, [''], 'anchor_points') == []
    assert DEPTH.remappings(context, [''], 'anchor_range') == [('anchor/range', '/sonar')]


@pytest.mark.parametrize(('name', 'text', 'value'), [
    ('autostart', 'false', False), ('max_rate_hz', '10', 10.0), ('model', 'nk', 'nk'),
    ('camera_height_m', '1', 1.0), ('weights', '1', '1'), ('point_stride', '4', 4)])
def test_values_get_the_type_of_their_parameter(name, text, value):
    typed = overrides(**{name: text})[name]
    assert typed == value
    assert type(typed) is type(value)


def test_simulated_time_and_cameras_become_parameters():
    assert overrides(use_sim_time='true', cameras='front,rear') == {
        'use_sim_time': True, 'cameras': ['front', 'rear']}


def test_costmaps_take_the_place_of_those_of_the_robot():
    below = {'a': {'x': 1, 'y': {'p': 1, 'q': [1, 2]}}, 'b': 2}
    above = {'a': {'y': {'q': [3]}, 'z': 4}}
    assert NAVIGATION.merged(below, above) == {
        'a': {'x': 1, 'y': {'p': 1, 'q': [3]}, 'z': 4}, 'b': 2}
    assert below['a']['y']['q'] == [1, 2]


@pytest.mark.parametrize(('namespace', 'scan', 'topic'), [
    ('', '', '/scan'), ('robot', '', '/robot/scan'), ('/robot/', '', '/robot/scan'),
    ('', '/camera_scan', '/camera_scan'), ('robot', '/camera_scan', '/camera_scan'),
    ('robot', 'camera_scan', '/robot/camera_scan'), ('', 'camera_scan', '/camera_scan')])
def test_costmaps_find_the_scan_of_the_camera(namespace, scan, topic):
    lidar = {'data_type': 'LaserScan', 'topic': '/scan'}
    layer = {'observation_sources': 'lidar camera_scan', 'lidar': lidar, 'camera_scan': {**lidar}}
    moved = NAVIGATION.placed({'local_costmap': {'obstacle_layer': layer}}, namespace, scan)
    sources = moved['local_costmap']['obstacle_layer']
    assert sources['camera_scan']['topic'] == topic
    assert sources['lidar']['topic'] == ('/robot/scan' if namespace else '/scan')
    assert sources['observation_sources'] == 'lidar camera_scan'
    assert layer['camera_scan']['topic'] == '/scan'


def run(file: str, **arguments: str) -> tuple[int, str]:
    """Launch a file as `ros2 launch` does; return exit code and output when all has ended."""
    code = (
        'import sys\n'
        'from launch import LaunchDescription, LaunchService\n'
        'from launch.actions import IncludeLaunchDescription\n'
        'path, *pairs = sys.argv[1:]\n'
        'service = LaunchService()\n'
        'arguments = [pair.split(":=", 1) for pair in pairs]\n'
        'service.include_launch_description(LaunchDescription(\n'
        '    [IncludeLaunchDescription(path, launch_arguments=arguments)]))\n'
        'sys.exit(service.run())\n')
    with subprocess.Popen(
            [sys.executable, '-c', code, str(share() / 'launch' / file),
             *(f'{name}:={value}' for name, value in arguments.items())],
            env={**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN)}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
        try:
            text, _nothing = process.communicate(timeout=200)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    # What launch started is in its process group; the last of it may be about to go.
    deadline_s = time.monotonic() + 30.0
    while time.monotonic() < deadline_s:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return process.returncode, text
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f'launch left a process behind:\n{text}')


@pytest.mark.parametrize(('file', 'arguments', 'sentence'), [
    ('depth', {'camera_pose': 'gps'}, 'Argument "camera_pose" provided value "gps" is not valid'),
    ('depth', {'autostart': 'yes'}, 'Argument "autostart" provided value "yes" is not valid'),
    ('depth', {'log_level': 'loud'}, 'Argument "log_level" provided value "loud" is not valid'),
    ('depth', {'max_rate_hz': 'fast'}, 'max_rate_hz:=fast is not a number'),
    ('depth', {'max_rate_hz': '-3'}, 'max_rate_hz is -3.0; it must lie in 0.0 .. 1000.0'),
    ('depth', {'point_stride': '1.5'}, 'point_stride:=1.5 is not a whole number'),
    ('depth', {'point_stride': '0'}, 'point_stride is 0; it must lie in 1 .. 64'),
    ('depth', {'cameras': 'front,front'}, "cameras is ['front', 'front']; name each camera once"),
    ('depth', {'cameras': 'front door'}, "cameras names 'front door'; expected letters"),
    ('depth', {'cameras': 'a,b', 'image': '/image_raw'},
     'image:=/image_raw would be the same for all of cameras:=a,b; write {camera} where'),
    ('depth', {'cameras': 'a,b', 'scan': '/camera_scan'},
     'scan:=/camera_scan would be the same for all of cameras:=a,b'),
    ('depth', {'params_file': '/no/such.yaml'}, 'params_file:=/no/such.yaml is not a file'),
    ('two_cameras', {'camera_pose': 'gps'}, 'provided value "gps" is not valid'),
    ('two_cameras', {'image': '/image_raw'}, 'write {camera} where the name belongs'),
    ('demo', {'rviz': 'maybe'}, 'Argument "rviz" provided value "maybe" is not valid'),
    ('demo', {'cameras': 'a,b', 'rviz': 'false'}, 'the demo has one camera, with raw images'),
    ('demo', {'image_transport': 'compressed', 'rviz': 'false'}, 'one camera, with raw images'),
    ('demo', {'rate_hz': 'fast', 'rviz': 'false'}, 'rate_hz:=fast is not a number'),
    ('navigation', {'costmaps': '/no/such.yaml'}, 'costmaps:=/no/such.yaml cannot be read'),
    ('navigation', {'nav2_autostart': 'yes'}, 'provided value "yes" is not valid'),
])
def test_wrong_argument_is_refused_with_a_sentence(file, arguments, sentence):
    code, text = run(f'{file}.launch.py', **arguments)
    assert code == 1
    assert sentence in text


def test_rviz_that_is_not_installed_is_refused_with_a_sentence():
    if DEPTH.is_installed('rviz2'):
        pytest.skip('rviz2 is installed')
    code, text = run('depth.launch.py', rviz='true')
    assert code == 1
    assert 'rviz:=true, but the package rviz2 is not installed' in text


@pytest.mark.parametrize(('arguments', 'sentence'), [
    ({'rate_hz': 'fast'}, 'rate_hz:=fast is not a number in 0 .. 10000'),
    ({'rate_hz': '-1'}, 'rate_hz:=-1 is not a number'),
    ({'width': '64.5'}, 'width:=64.5 is not a whole number'),
    ({'height': '0'}, 'height:=0 is not a whole number')])
def test_wrong_argument_of_the_camera_is_refused_with_a_sentence(arguments, sentence):
    context = launch.LaunchContext()
    context.launch_configurations.update({**dict.fromkeys(DEMO.CAMERA, ''), **arguments})
    with pytest.raises(RuntimeError, match=sentence):
        DEMO.camera_parameters(context)


def test_demo_ends_when_its_camera_cannot_start():
    _code, text = run('demo.launch.py', source='/no/such/folder', rviz='false', autostart='false')
    assert 'There is no source' in text
    assert "sending signal 'SIGINT' to process[depth_node" in text


def test_demo_does_without_rviz2_and_says_so():
    if DEMO.is_installed('rviz2'):
        pytest.skip('rviz2 is installed')
    _code, text = run('demo.launch.py', source='/no/such/folder', autostart='false')
    assert 'rviz2 is not installed, so nothing is shown' in text
    # It went on to start the camera.
    assert 'There is no source' in text

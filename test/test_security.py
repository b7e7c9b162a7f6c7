# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The security policy against the running nodes, and what the node does with files."""
from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from importlib.util import find_spec
import json
import os
from pathlib import Path
import pickle
import re
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.inference.predictor import Predictor
from scaledepth_ros.middleware import local_environment

ROOT = Path(__file__).resolve().parent.parent
POLICY = ROOT / 'config' / 'security' / 'policy.xml'
KNOWN_DEPTH_NODE = ROOT / 'test' / 'ros' / 'known_depth_node.py'
needs_rclpy = pytest.mark.skipif(find_spec('rclpy') is None, reason='rclpy is not installed')

# --- the file ------------------------------------------------------------------------------------

# The schema of SROS2's policies, version 0.2.0: what may stand in what, with which attributes.
CHILDREN = {
    'policy': {'enclaves'}, 'enclaves': {'enclave'}, 'enclave': {'profiles'},
    'profiles': {'profile', 'metadata'}, 'profile': {'topics', 'services', 'actions'},
    'topics': {'topic'}, 'services': {'service'}, 'actions': {'action'},
    'topic': set(), 'service': set(), 'action': set()}
REQUIRED = {'policy': {'version'}, 'enclave': {'path'}, 'profile': {'ns', 'node'}}
OPTIONAL = {'profiles': {'type'}, 'topics': {'publish', 'subscribe'},
            'services': {'reply', 'request'}, 'actions': {'call', 'execute'}}
# Absolute, private to the node, or relative to its namespace; and no wildcards.
NAME = re.compile(r'(/|~/)?[a-zA-Z_]\w*(/[a-zA-Z_]\w*)*')


def policy() -> ElementTree.Element:
    return ElementTree.parse(POLICY).getroot()


def grants(node: str) -> dict[str, set[str]]:
    """Return the absolute names in the policy by what a node may do with them."""
    profiles = [profile for profile in policy().iter('profile') if profile.get('node') == node]
    assert len(profiles) == 1
    assert profiles[0].get('ns') == '/'
    found: dict[str, set[str]] = {
        verb: set() for verb in ('publish', 'subscribe', 'reply', 'request', 'call', 'execute')}
    for rules in profiles[0]:
        for verb, qualifier in rules.attrib.items():
            assert qualifier == 'ALLOW'
            for rule in rules:
                name = (rule.text or '').replace('~/', f'/{node}/')
                found[verb].add(name if name.startswith('/') else f'/{name}')
    return found


def test_policy_has_the_structure_of_its_version() -> None:
    assert policy().get('version') == '0.2.0'
    for element in policy().iter():
        assert element.tag in CHILDREN
        assert {child.tag for child in element} <= CHILDREN[element.tag], element.tag
        if CHILDREN[element.tag]:
            assert len(element), f'{element.tag} is empty'
        required = REQUIRED.get(element.tag, set())
        assert required <= set(element.attrib) <= required | OPTIONAL.get(element.tag, set())


def test_policy_names_each_thing_once_and_without_wildcards() -> None:
    for rules in (each for tag in ('topics', 'services') for each in policy().iter(tag)):
        names = [rule.text or '' for rule in rules]
        assert len(set(names)) == len(names)
        for name in names:
            assert NAME.fullmatch(name), name


def test_policy_has_an_enclave_for_each_node() -> None:
    enclaves = {enclave.get('path'): [profile.get('node') for profile in enclave.iter('profile')]
                for enclave in policy().iter('enclave')}
    assert enclaves == {
        '/scaledepth_ros/depth': ['depth'], '/scaledepth_ros/camera': ['camera']}


def test_policy_lets_no_node_call_another() -> None:
    for node in ('depth', 'camera'):
        found = grants(node)
        assert not found['request'] | found['call'] | found['execute']


def test_policy_passes_the_checks_of_sros2(tmp_path: Path) -> None:
    sros2_policy = pytest.importorskip(
        'sros2.policy', reason='sros2 comes only with a ROS 2 installation')
    etree = pytest.importorskip('lxml.etree')
    loaded = sros2_policy.load_policy(POLICY)
    transform = etree.XSLT(etree.parse(
        str(sros2_policy.get_transport_template('dds', 'permissions.xsl'))))
    permissions = transform(loaded)
    schema = etree.XMLSchema(etree.parse(
        str(sros2_policy.get_transport_schema('dds', 'permissions.xsd'))))
    schema.assertValid(permissions)
    by_enclave = {grant.findtext('subject_name'): grant for grant in permissions.iter('grant')}
    depth = by_enclave['CN=/scaledepth_ros/depth']
    assert depth.findtext('default') == 'DENY'
    published = {topic.text for topic in depth.iterfind('allow_rule/publish/topics/topic')}
    assert {'rt/points', 'rt/depth/image', 'rr/depth/get_stateReply'} <= published
    assert 'rt/image' not in published
    # An answer can be sent only to who asked; no question can be asked.
    assert not any(topic.startswith('rq/') for topic in published)


# --- the running nodes ---------------------------------------------------------------------------

# Asks until the answer has been the same for a second; discovery takes a moment.
LOOK = """
import json, sys, time
import rclpy
from rclpy.node import Node
name, wait_for = sys.argv[1:]
rclpy.init()
node = Node('looker')
last, since_s, deadline_s = None, 0.0, time.monotonic() + 150.0
while time.monotonic() < deadline_s:
    try:
        seen = {verb: sorted(each for each, _types in ask(name, '/')) for verb, ask in (
            ('publish', node.get_publisher_names_and_types_by_node),
            ('subscribe', node.get_subscriber_names_and_types_by_node),
            ('reply', node.get_service_names_and_types_by_node),
            ('request', node.get_client_names_and_types_by_node))}
    except Exception:
        seen = None  # The node is not known yet.
    if seen != last or not seen or wait_for not in [*seen['publish'], *seen['subscribe']]:
        last, since_s = seen, time.monotonic()
    elif time.monotonic() - since_s > 1.0:
        break
    time.sleep(0.1)
print('SEEN', json.dumps(last))
"""


class Running:
    """A node as a process, on a domain and with a home of its own."""

    def __init__(self, folder: Path, *command: str, parameters: dict[str, object]) -> None:
        self.home = folder / 'home'
        self.home.mkdir(parents=True)
        (folder / 'middleware').mkdir()
        self._environment = local_environment(folder / 'middleware')
        self._environment |= {
            'HOME': str(self.home), 'TMPDIR': str(self.home), 'ROS_HOME': str(self.home),
            'ROS_LOG_DIR': str(self.home / 'ros_log'), 'OMP_NUM_THREADS': '1',
            'XDG_CACHE_HOME': str(self.home / '.cache'), 'PYTHONDONTWRITEBYTECODE': '1',
            'RCUTILS_LOGGING_USE_STDOUT': '1', 'PYTHONUNBUFFERED': '1',
            'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])}
        flags = [part for name, value in parameters.items()
                 for part in ('-p', f'{name}:={json.dumps(value)}')]
        self._log = (folder / 'log.txt').open('w+')
        self.process = subprocess.Popen(
            [sys.executable, *command, '--ros-args', *flags], env=self._environment,
            cwd=self.home, stdout=self._log, stderr=subprocess.STDOUT)

    def log(self) -> str:
        """Return what it has printed so far."""
        return Path(self._log.name).read_text(errors='replace')

    def wait_for_log(self, text: str, timeout_s: float = 120.0) -> None:
        """Wait until it has printed a text."""
        deadline_s = time.monotonic() + timeout_s
        while text not in self.log():
            assert self.process.poll() is None, f'ended:\n{self.log()}'
            assert time.monotonic() < deadline_s, f'no {text!r} in\n{self.log()}'
            time.sleep(0.05)

    def graph(self, node: str, wait_for: str) -> dict[str, set[str]]:
        """Return what the node has on the network, once it has a topic that comes last."""
        ended = subprocess.run(
            [sys.executable, '-c', LOOK, node, wait_for], env=self._environment, cwd=self.home,
            capture_output=True, text=True, timeout=200, check=True)
        line = next(each for each in ended.stdout.splitlines() if each.startswith('SEEN '))
        seen = {verb: set(names) for verb, names in (
            json.loads(line[len('SEEN '):]) or {'publish': (), 'subscribe': ()}).items()}
        assert wait_for in seen['publish'] | seen['subscribe'], f'{seen}; its log:\n{self.log()}'
        return seen

    def stop(self) -> int:
        """End it with SIGINT and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self._log.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start nodes; they are gone after the test."""
    running: list[Running] = []

    def start(*command: str, **parameters: object) -> Running:
        folder = tmp_path / str(len(running))
        running.append(Running(folder, *command, parameters=parameters))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def of_this_distribution(names: set[str]) -> set[str]:
    """Leave out what the rclpy here is too old to have."""
    if find_spec('rclpy.type_description_service') is not None:
        return names
    return {name for name in names if not name.endswith('/get_type_description')}


@pytest.mark.ros
@pytest.mark.timeout(600)
@needs_rclpy
def test_policy_grants_the_depth_node_what_it_has_and_nothing_else(
        run: Callable[..., Running]) -> None:
    has_tf = find_spec('tf2_ros') is not None
    pose = 'tf' if has_tf else 'parameters'
    # Together these two have everything that a parameter can switch on.
    raw = run(str(KNOWN_DEPTH_NODE), model='known').graph('depth', '/image')
    rest = run(str(KNOWN_DEPTH_NODE), model='known', image_transport='compressed',
               camera_pose=pose, scale_anchor='ranges', use_sim_time=True).graph(
                   'depth', '/image/compressed')
    assert '/image/compressed' not in raw['subscribe']
    assert '/clock' not in raw['subscribe']
    seen = {verb: raw[verb] | rest[verb] for verb in raw}
    if not has_tf:
        seen['subscribe'] |= {'/tf', '/tf_static'}
    granted = grants('depth')
    for verb in ('publish', 'subscribe', 'reply', 'request'):
        wanted = of_this_distribution(granted[verb])
        assert seen[verb] - wanted == set(), f'the policy does not let the node {verb} these'
        assert wanted - seen[verb] == set(), f'the policy lets the node {verb} these for nothing'


@pytest.mark.ros
@pytest.mark.timeout(600)
@needs_rclpy
def test_policy_grants_the_demo_camera_what_it_has_and_nothing_else(
        run: Callable[..., Running]) -> None:
    camera = run('-m', 'scaledepth_ros.ros.camera_node', width=64, height=48, rendered_frames=2,
                 use_sim_time=True)
    seen, granted = camera.graph('camera', '/image'), grants('camera')
    for verb in ('publish', 'subscribe', 'reply', 'request'):
        wanted = of_this_distribution(granted[verb])
        assert seen[verb] == wanted, f'{verb}: the policy and the node differ'


# --- files ---------------------------------------------------------------------------------------


class Payload:
    """What a pickle may do to whoever loads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize('name', ['model.pth', 'model.safetensors'])
def test_model_file_that_is_a_pickle_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / 'was_here'
    (tmp_path / name).write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(CheckpointError, match=name):
        Predictor('lite', weights=tmp_path / name, device='cpu', engine='torch')
    assert not mark.exists()
    # The file was armed.
    pickle.loads((tmp_path / name).read_bytes())
    assert mark.exists()


@pytest.mark.ros
@needs_rclpy
def test_node_writes_nothing_but_the_log_of_ros(run: Callable[..., Running]) -> None:
    node = run('-m', 'scaledepth_ros.ros.depth_node')
    node.wait_for_log('listening to')
    assert node.stop() == 0
    written = {path.relative_to(node.home).parts[0] for path in node.home.rglob('*')
               if path.is_file()}
    assert written <= {'ros_log'}


# Each can run code that came with data; or runs a shell.
FORBIDDEN = {
    'pickle': {'load', 'loads', 'Unpickler'}, 'marshal': {'load', 'loads'}, 'shelve': {'open'},
    'yaml': {'load', 'unsafe_load', 'full_load', 'load_all', 'unsafe_load_all'},
    'os': {'system', 'popen'}, 'joblib': {'load'}, 'dill': {'load', 'loads'},
    'builtins': {'eval', 'exec', 'compile'}}


def test_no_module_runs_code_from_data() -> None:
    found = []
    for path in (ROOT / 'scaledepth_ros').rglob('*.py'):
        for call in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if not isinstance(call, ast.Call):
                continue
            function = call.func
            if isinstance(function, ast.Name):
                module, name = 'builtins', function.id
            elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                module, name = function.value.id, function.attr
            else:
                continue
            options = {each.arg: each.value for each in call.keywords}
            if (name in FORBIDDEN.get(module, set())
                    or ((module, name) == ('torch', 'load')
                        and not _is(options.get('weights_only'), True))
                    or ((module, name) in {('np', 'load'), ('numpy', 'load')}
                        and _is(options.get('allow_pickle'), True))
                    or (module == 'subprocess' and 'shell' in options)):
                found.append(f'{path.relative_to(ROOT)}:{call.lineno}: {module}.{name}')
    assert not found


def _is(value: ast.expr | None, constant: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is constant

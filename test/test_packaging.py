# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a user installs: the colcon build, the metadata, the pins and the documents."""

import ast
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'scaledepth_ros'
EXECUTABLES = ('depth_node', 'camera_node', 'recorder_node', 'scaledepth')
NOT_SOURCE = shutil.ignore_patterns(
    '.git', '.venv*', '.*_cache', '__pycache__', '*.egg-info', 'build', 'install', 'log',
    'demo_out', 'runs',
)


def files_below(folder: Path) -> set[str]:
    """Return the relative paths of all files below a folder but Python's caches."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


# --- what colcon installs ------------------------------------------------------------------------


@pytest.fixture(scope='module')
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this package with colcon in a workspace of its own and return the workspace."""
    colcon = shutil.which('colcon', path=f'{Path(sys.executable).parent}:{os.environ["PATH"]}')
    if colcon is None:
        pytest.skip('colcon is not installed (pip install colcon-core colcon-ros)')
    workspace = tmp_path_factory.mktemp('colcon_ws')
    source = workspace / 'src' / 'scaledepth_ros'
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    # Installed are all files in that folder, whichever weights have been trained yet.
    (source / 'scaledepth_ros/model/weights').mkdir(exist_ok=True)
    (source / 'scaledepth_ros/model/weights/probe.safetensors').write_bytes(b'probe')
    build = subprocess.run(
        [colcon, '--log-base', 'log', 'build', '--event-handlers', 'console_direct+'],
        cwd=workspace, capture_output=True, text=True, check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return workspace


def site_packages(workspace: Path) -> Path:
    """Return the directory from which the built package is imported."""
    prefix = workspace / 'install/scaledepth_ros'
    (package,) = prefix.glob('lib/python3*/*-packages/scaledepth_ros')
    return package.parent


def test_colcon_installs_the_resource_index_and_the_shared_files(workspace: Path) -> None:
    prefix = workspace / 'install/scaledepth_ros'
    assert (prefix / 'share/ament_index/resource_index/packages/scaledepth_ros').is_file()
    share = prefix / 'share/scaledepth_ros'
    assert (share / 'package.xml').read_text() == (ROOT / 'package.xml').read_text()
    source = workspace / 'src/scaledepth_ros'
    for folder in ('launch', 'config'):
        assert files_below(source / folder), f'{folder}/ is empty'
        assert files_below(share / folder) == files_below(source / folder)


def test_colcon_installs_every_module_and_the_weights(workspace: Path) -> None:
    installed = files_below(site_packages(workspace) / 'scaledepth_ros')
    assert installed == files_below(workspace / 'src/scaledepth_ros/scaledepth_ros')
    assert 'model/weights/probe.safetensors' in installed


def test_colcon_installs_the_executables_where_ros2_run_looks(workspace: Path) -> None:
    for name in EXECUTABLES:
        script = workspace / 'install/scaledepth_ros/lib/scaledepth_ros' / name
        assert os.access(script, os.X_OK), script


def test_colcon_installs_a_command_that_runs_the_installed_package(workspace: Path) -> None:
    site = site_packages(workspace)
    prefix = workspace / 'install/scaledepth_ros'
    script = (
        f'. "{workspace}/install/setup.sh" && "{sys.executable}" -c "import scaledepth_ros;'
        f' print(scaledepth_ros.__file__)" && "{prefix}/lib/scaledepth_ros/scaledepth" --help'
    )
    run = subprocess.run(
        ['sh', '-c', script], cwd=workspace, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == str(site / 'scaledepth_ros/__init__.py')
    assert 'demo' in run.stdout


@pytest.mark.ros
def test_colcon_installs_entry_points_that_load(workspace: Path) -> None:
    pytest.importorskip('rclpy')
    code = (
        'from importlib.metadata import distribution\n'
        'for entry in distribution("scaledepth_ros").entry_points:\n'
        '    print(entry.name, callable(entry.load()))\n'
    )
    path = os.pathsep.join([str(site_packages(workspace)), os.environ.get('PYTHONPATH', '')])
    run = subprocess.run(
        [sys.executable, '-c', code], cwd=workspace, capture_output=True, text=True, check=False,
        env=os.environ | {'PYTHONPATH': path},
    )
    assert run.returncode == 0, run.stderr
    assert sorted(run.stdout.splitlines()) == sorted(f'{name} True' for name in EXECUTABLES)


# --- metadata that has to agree ------------------------------------------------------------------


def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def test_the_manifest_is_valid() -> None:
    catkin_package = pytest.importorskip('catkin_pkg.package', reason='colcon-ros brings it')
    warnings: list[str] = []
    package = catkin_package.parse_package(str(ROOT), warnings=warnings)
    package.validate(warnings=warnings)
    assert not warnings
    assert package.get_build_type() == 'ament_python'


def test_the_version_is_the_same_everywhere() -> None:
    version = manifest().findtext('version')
    assert version is not None
    assert re.findall(r"version='([^']*)'", (ROOT / 'setup.py').read_text()) == [version]
    assert re.findall(r"__version__ = '(.*)'", (PACKAGE / '__init__.py').read_text()) == [version]
    changelog = (ROOT / 'CHANGELOG.rst').read_text()
    assert re.findall(r'^(\d+\.\d+\.\d+) ', changelog, re.MULTILINE)[0] == version


def requirement_lines(name: str) -> list[str]:
    lines = (line.split('#')[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line]


def requirement_names(name: str) -> set[str]:
    return {re.split(r'[<>=~!\[; ]', line)[0] for line in requirement_lines(name)} - {'-c'}


def test_versions_are_fixed_in_one_place() -> None:
    assert '-c requirements.txt' in requirement_lines('requirements-ros.txt')
    names = requirement_names('requirements-ros.txt')
    # The exceptions: the numpy that a distribution's own compiled packages dictate, and what would
    # end the whole installation where PyPI has no build of it.
    assert set(requirement_lines('requirements-ros.txt')) - names == {
        '-c requirements.txt',
        "numpy<2; python_version < '3.13'",
        "embreex; platform_machine == 'x86_64'",
    }
    assert names <= requirement_names('requirements.txt')


# Where each module that the package imports comes from. PyPI's name; None: only ROS 2 has it.
# Rosdep's key; None: there is none, so it has to be in requirements-ros.txt; 'optional': up to the
# user.
SUPPLIERS = {
    'ament_index_python': ('ros-rclpy', 'ament_index_python'),
    'builtin_interfaces': ('ros-rclpy', 'rclpy'),
    'cv2': ('opencv-python-headless', 'python3-opencv'),
    'cv_bridge': ('cv-bridge', 'cv_bridge'),
    'diagnostic_msgs': ('ros-diagnostic-msgs', 'diagnostic_msgs'),
    'embreex': ('embreex', None),
    'lifecycle_msgs': ('ros-lifecycle-msgs', 'lifecycle_msgs'),
    'numpy': ('numpy', 'python3-numpy'),
    'open_clip': ('open_clip_torch', None),
    'openvino': ('openvino', None),
    'rcl_interfaces': ('ros-rclpy', 'rcl_interfaces'),
    'rclpy': ('ros-rclpy', 'rclpy'),
    'rosbags': ('rosbags', 'python3-rosbags-pip'),
    'safetensors': ('safetensors', None),
    'sensor_msgs': ('ros-sensor-msgs', 'sensor_msgs'),
    'std_msgs': ('ros-sensor-msgs', 'std_msgs'),
    'tensorboard': ('tensorboard', 'optional'),
    'tf2_ros': (None, 'tf2_ros_py'),
    'timm': ('timm', 'python3-timm-pip'),
    'torch': ('torch', 'python3-pytorch-pip'),
    'torchvision': ('torchvision', 'python3-pytorch-pip'),
    'tqdm': ('tqdm', 'python3-tqdm'),
    'yaml': ('PyYAML', 'python3-yaml'),
}


def third_party_modules() -> set[str]:
    """Return the top-level modules that the package imports from elsewhere."""
    found: set[str] = set()
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split('.')[0])
    return found - set(sys.stdlib_module_names) - {'scaledepth_ros'}


def test_every_import_is_declared_for_both_kinds_of_machine() -> None:
    keys = {element.text for element in manifest().iter('exec_depend')}
    for module in sorted(third_party_modules()):
        assert module in SUPPLIERS, f'{module}: say here where it comes from'
        pypi_name, rosdep_key = SUPPLIERS[module]
        if pypi_name is not None:
            assert pypi_name in requirement_names('requirements.txt'), module
        if rosdep_key is None:
            assert pypi_name in requirement_names('requirements-ros.txt'), module
        elif rosdep_key != 'optional':
            assert rosdep_key in keys, module


# --- documents and licence -----------------------------------------------------------------------


def source_files() -> list[Path]:
    folders = ('scaledepth_ros', 'test', 'launch', 'docs')
    found = [path for folder in folders for path in (ROOT / folder).rglob('*.py')]
    return [ROOT / 'setup.py', *(path for path in sorted(found) if path.stat().st_size)]


def test_every_source_file_states_copyright_and_licence() -> None:
    header = re.compile(
        r'(#!.*\n)?# Copyright \d{4} The ScaleDepth ROS authors\n'
        r'# SPDX-License-Identifier: Apache-2.0\n'
    )
    missing = [str(path) for path in source_files() if not header.match(path.read_text('utf-8'))]
    assert not missing
    assert manifest().findtext('license') == 'Apache-2.0'
    assert 'Apache License' in (ROOT / 'LICENSE').read_text()


def test_documents_link_to_files_that_exist() -> None:
    documents = [*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *PACKAGE.rglob('*.md')]
    assert documents
    broken = [
        f'{document.name}: {target}'
        for document in documents
        for target in re.findall(r'\]\(([^)#\s]+)', document.read_text(encoding='utf-8'))
        if '://' not in target and not (document.parent / target).exists()
    ]
    assert not broken


def test_the_workflow_runs_the_supported_pythons_and_ros_releases() -> None:
    jobs = yaml.safe_load((ROOT / '.github/workflows/ci.yaml').read_text())['jobs']
    assert jobs['core']['strategy']['matrix']['python'] == ['3.10', '3.11', '3.12', '3.13']
    assert jobs['ros']['strategy']['matrix']['distro'] == ['humble', 'jazzy', 'kilted']

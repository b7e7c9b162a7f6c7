# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The direction of imports: who may know whom, and what stays unloaded until it is needed."""

import ast
from collections.abc import Iterator
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'scaledepth_ros'

# Parts of the package that every other part may import: they import nothing but each other.
GROUND = {
    'errors', 'progress', 'camera', 'distortion', 'calibration', 'image_files', 'preprocessing',
    'pointcloud', 'laser_scan', 'visualization', 'depth_strip', 'bag', 'source_options',
    'memory', 'middleware', 'whole_file', 'evenly_spaced',
}

# Beside the ground: what each part may import of the package.
MAY_IMPORT = {
    'model': set(),
    'devices': set(),
    'inference': {'model', 'devices'},
    'scale': set(),
    'simulation': set(),
    'image_source': {'simulation'},
    # Only for the names of the scene categories.
    'data': {'model'},
    'evaluation': {'model', 'data', 'inference'},
    'training': {'evaluation', 'model', 'data', 'simulation', 'devices'},
    'cli': {
        'model', 'inference', 'scale', 'simulation', 'image_source', 'data', 'evaluation',
        'training',
    },
    'ros': {'model', 'inference', 'scale', 'simulation', 'image_source'},
}

ROS_MODULES = {
    'ament_index_python', 'cv_bridge', 'image_transport_py', 'launch', 'launch_ros', 'rclpy',
    'ros2launch', 'rosbag2_py', 'rosidl_runtime_py', 'sensor_msgs_py', 'tf2_ros',
}


def is_ros(module: str) -> bool:
    """Tell whether an imported module belongs to ROS, as client library or as messages."""
    top = module.split('.')[0]
    return top in ROS_MODULES or top.endswith(('_msgs', '_interfaces'))


def imported_modules(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import in a module of a package, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package.split('.')[: -(node.level - 1) or None] if node.level else []
            module = '.'.join([*parents, *([node.module] if node.module else [])])
            if module == 'scaledepth_ros':
                for alias in node.names:
                    if alias.name != '__version__':
                        yield node.lineno, f'{module}.{alias.name}'
            else:
                yield node.lineno, module


def part_of(module: str) -> str:
    """Return the part of the package that 'scaledepth_ros.part.anything' names."""
    return (module.split('.') + [''])[1]


SOURCES = sorted(PACKAGE.rglob('*.py'))


def test_every_part_of_the_package_has_its_place() -> None:
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix('.py') for path in SOURCES}
    assert parts - {'__init__'} - GROUND <= set(MAY_IMPORT)


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_the_right_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
    package = '.'.join(path.parent.relative_to(ROOT).parts)
    allowed = GROUND | {part} | MAY_IMPORT.get(part, set())
    wrong = [
        f'line {line}: {module}'
        for line, module in imported_modules(path.read_text(encoding='utf-8'), package)
        if (module.startswith('scaledepth_ros.') and part_of(module) not in allowed)
        or (part != 'ros' and is_ros(module))
    ]
    assert not wrong


def test_the_check_sees_relative_imports_and_those_in_functions() -> None:
    source = (
        'from ..ros import messages\n'
        'from .. import camera\n'
        'from . import build\n'
        'def late():\n'
        '    import sensor_msgs.msg\n'
    )
    assert list(imported_modules(source, 'scaledepth_ros.model')) == [
        (1, 'scaledepth_ros.ros'),
        (2, 'scaledepth_ros.camera'),
        (3, 'scaledepth_ros.model'),
        (5, 'sensor_msgs.msg'),
    ]
    assert is_ros('sensor_msgs.msg')
    assert not is_ros('rosbags.typesys')


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules loaded by a fresh interpreter that runs a statement."""
    code = f'{statement}\nimport sys\nprint(*{{name.split(".")[0] for name in sys.modules}})'
    run = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_the_package_loads_neither_torch_nor_ros() -> None:
    loaded = modules_after('import scaledepth_ros')
    assert 'scaledepth_ros' in loaded
    assert not loaded & {'torch', 'cv2', 'numpy', 'rclpy'}


@pytest.mark.parametrize('part', sorted(GROUND | {'simulation', 'image_source'}))
def test_geometry_files_and_pictures_need_no_torch(part: str) -> None:
    assert 'torch' not in modules_after(f'import scaledepth_ros.{part}')


def test_public_names_are_the_modules_own() -> None:
    loaded = modules_after(
        'import scaledepth_ros\n'
        'from scaledepth_ros.inference.predictor import Predictor\n'
        'assert scaledepth_ros.Predictor is Predictor\n'
        'assert all(hasattr(scaledepth_ros, name) for name in scaledepth_ros.__all__)'
    )
    assert not any(is_ros(module) for module in loaded)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter table, its copy in config/depth.yaml, and what it refuses."""
from __future__ import annotations

from pathlib import Path
import re

import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.inference.engines.select import ENGINES
from scaledepth_ros.inference.engines.torch_engine import PRECISIONS
from scaledepth_ros.model.build import PRESETS
from scaledepth_ros.ros.parameter_docs import document
from scaledepth_ros.ros.parameters import DepthParameters, table
from scaledepth_ros.ros.scan_output import scan_config
import yaml

PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def test_yaml_holds_exactly_the_defaults():
    content = yaml.safe_load((PACKAGE_ROOT / 'config' / 'depth.yaml').read_text())
    values = content['/**']['ros__parameters']
    defaults = {name: default for name, default, _description in table()}
    plain = {name: tuple(value) if isinstance(value, list) else value
             for name, value in values.items()}
    assert plain == defaults
    # 0 == 0.0 and True == 1, but rclpy refuses the one for the other.
    assert {n: type(v) for n, v in plain.items()} == {n: type(v) for n, v in defaults.items()}
    assert list(values) == list(defaults)


@pytest.mark.parametrize(('changes', 'text'), [
    ({'depth_encoding': '32FC3'}, "depth_encoding is '32FC3'; choose one of 32FC1, 16UC1"),
    ({'point_stride': 0}, 'point_stride is 0; it must lie in 1 .. 64'),
    ({'min_range_m': -0.1}, 'min_range_m is -0.1; it must lie in'),
    ({'max_range_m': float('nan')}, 'max_range_m is nan; it must lie in'),
    ({'min_range_m': 3.0, 'max_range_m': 2.0}, 'max_range_m is 2.0 and min_range_m is 3.0'),
    ({'scan_min_height_m': 2.0}, 'scan_min_height_m is 2.0 and scan_max_height_m is 1.8'),
    ({'precision': 'fp8'}, "precision is 'fp8'; choose one of auto, fp32, fp16, bf16"),
    ({'device': 'gpu'}, "device is 'gpu'; choose auto, cpu, cuda or cuda:N"),
    ({'device': 'cuda:'}, "device is 'cuda:'; choose"),
    ({'device': 'cpu:0'}, "device is 'cpu:0'; choose"),
    ({'scan_angle_min_deg': -5.0, 'scan_angle_max_deg': 5.0, 'scan_angle_increment_deg': 10.5},
     'scan_angle_increment_deg is 10.5, but there are only 10 degrees from scan_angle_min_deg'),
    ({'cameras': ()}, 'name each camera once'),
    ({'cameras': ('left', 'left')}, 'name each camera once'),
    ({'cameras': ('left', '')}, "cameras names ''"),
    ({'cameras': ('a/b',)}, "cameras names 'a/b'"),
])
def test_senseless_values_are_refused(changes, text):
    with pytest.raises(ConfigError, match=text):
        DepthParameters(**changes)


@pytest.mark.parametrize('device', ['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:12'])
def test_devices_that_may_be_there_are_taken(device):
    assert DepthParameters(device=device).device == device


@pytest.mark.parametrize(('least', 'most', 'step'), [
    (-45.0, 45.0, 45.0), (-5.0, 5.0, 10.0), (0.1, 0.3, 0.2), (-0.1, 0.2, 0.3),
    (-180.0, 180.0, 0.01)])
def test_what_is_taken_as_geometry_makes_a_scan(least, most, step):
    config = scan_config(DepthParameters(
        scan_angle_min_deg=least, scan_angle_max_deg=most, scan_angle_increment_deg=step))
    assert config.size == pytest.approx((most - least) / step + 1)


def test_precisions_and_engines_are_those_of_the_predictor():
    texts = {name: description for name, _default, description in table()}
    assert set(texts['precision'].choices) == {'auto', *PRECISIONS}
    for engine in ENGINES:
        assert engine in texts['engine'].text
    for preset in PRESETS:
        assert preset in re.findall(r'\w+', texts['model'].text)


def test_change_keeps_the_rest():
    before = DepthParameters(point_stride=3)
    after = before.changed({'min_range_m': 0.5, 'cameras': ['left', 'right']})
    assert (after.min_range_m, after.point_stride) == (0.5, 3)
    assert after.cameras == ('left', 'right')
    assert before.min_range_m == 0.0


def test_document_is_what_the_table_says():
    written = (PACKAGE_ROOT / 'docs' / 'parameters.md').read_text(encoding='utf-8')
    assert written == document(), 'run python -m scaledepth_ros.ros.parameter_docs'
    for name, _default, description in table():
        assert f'| `{name}` |' in written
        assert description.text.split('.')[0].split('|')[0] in written

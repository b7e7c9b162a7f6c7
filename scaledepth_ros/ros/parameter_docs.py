# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/parameters.md: ``python -m scaledepth_ros.ros.parameter_docs``."""
from __future__ import annotations

from pathlib import Path
import sys
from typing import Any

from scaledepth_ros.ros.parameters import Description, table

DOCUMENT = Path(__file__).resolve().parents[2] / 'docs' / 'parameters.md'

_INTRODUCTION = """\
# Parameters of depth_node

Written by `python -m scaledepth_ros.ros.parameter_docs` from
`scaledepth_ros/ros/parameters.py`; a test keeps it true. The defaults are also in
[config/depth.yaml](../config/depth.yaml).

*Change* says when a parameter can be set: *any time* (it acts on the next frame), *while
unconfigured* (before `configure`, or after `cleanup`), or *at start* only. What cannot be set now
is refused with the reason. With named `cameras`, those marked *Per camera* exist for each of
them, such as `front.camera_height_m`; the plain one is then their default when they are declared.

A minimum and its maximum are checked together, also when only one of them is set: what contradicts
the other as it is now is refused. Within one call of `set_parameters` their order does not matter:
`ros2 param load` takes every valid pair of a dump. It says of `autostart` and `qos_overrides` that
they cannot be set, which costs the others nothing; those of named `cameras` it finds only after
`configure`. A file given at start (`--params-file`, or `params_file:=` of the launch file) has
neither limit.

| parameter | type | default | values | change | meaning |
|---|---|---|---|---|---|
"""

_QOS = """
## QoS

Every output is reliable, volatile and keeps few messages: 2 of those that are large, 5 of
`depth/camera_info`, `scale` and `scene`, 10 of `/diagnostics`. Every input keeps the last message
and is as reliable as its publishers; a `CameraInfo` that is published once and latched (transient
local) is received too. Both can be overridden at start, by the fully resolved topic name:

| parameter | values |
|---|---|
| `qos_overrides.<topic>.publisher.{history,depth,reliability}` | as usual in ROS 2 |
| `qos_overrides.<topic>.subscription.{history,depth}` | as usual in ROS 2 |
| `qos_overrides.<topic>.subscription.reliability` | `auto` (default), `reliable`, `best_effort` |

For example `-p qos_overrides./points.publisher.reliability:=best_effort`.
"""


def document() -> str:
    """Return the text of docs/parameters.md."""
    return _INTRODUCTION + ''.join(
        _row(name, default, description) for name, default, description in table()) + _QOS


def _row(name: str, default: Any, description: Description) -> str:
    if description.choices:
        values = ', '.join(f'`{choice}`' for choice in description.choices)
    elif description.minimum is not None:
        values = f'{description.minimum:g} .. {description.maximum:g}'
    else:
        values = ''
    shown = list(default) if isinstance(default, tuple) else default
    shown = str(shown).lower() if isinstance(default, bool) else shown
    kind = {'float': 'double', 'str': 'string', 'bool': 'bool', 'int': 'int',
            'tuple': 'string[]'}[type(default).__name__]
    meaning = description.text.replace('|', '\\|')
    if description.per_camera:
        meaning += ' Per camera.'
    return (f"| `{name}` | {kind} | {f'`{shown}`' if shown != '' else '(empty)'} | {values} "
            f'| {description.change} | {meaning} |\n')


if __name__ == '__main__':
    DOCUMENT.write_text(document(), encoding='utf-8')
    sys.exit(0)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""How a process tells the one that started it how far it has come: lines on standard output."""

import json
from typing import Any

_MARK = '@progress '


def print_progress(**values: Any) -> None:
    """Print one line of progress."""
    print(_MARK + json.dumps(values), flush=True)


def parse_progress(line: str) -> dict[str, Any] | None:
    """Give the values of a line of progress, None if it is any other line."""
    if not line.startswith(_MARK):
        return None
    try:
        values = json.loads(line[len(_MARK):])
    except ValueError:
        return None
    return values if isinstance(values, dict) else None

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Make the tests' harness importable, with an environment in which nothing gets lost."""
from __future__ import annotations

import os
from pathlib import Path
import sys
import tempfile

_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parent / 'ros', _HERE.parents[1]):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from scaledepth_ros.middleware import local_environment  # noqa: E402

# Read once, when the middleware loads.
_FOLDER = tempfile.TemporaryDirectory(prefix='scaledepth_ros_faults_')
os.environ.update(local_environment(Path(_FOLDER.name)))

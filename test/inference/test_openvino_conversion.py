# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What whoever asks for a conversion makes of the answers, with a stand-in that gives them."""

import subprocess
import sys

import numpy as np
import pytest
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import openvino_conversion
from scaledepth_ros.inference.engines.openvino_conversion import ConversionProcess, NetworkSource

SOURCE = NetworkSource(model='lite', weights=None, sha256='')

# Like the real one, it ends with 1 once nobody wants anything from it any more; unlike the real
# one, always after its answer.
ANSWER = """
import io, struct, sys
import numpy as np
archive = io.BytesIO()
np.savez(archive, depth=np.float32([[[[2.5]]]]))
sys.stdin.buffer.readline()
for block in (archive.getvalue(), b'graph'):
    sys.stdout.buffer.write(struct.pack('<Q', len(block)) + block)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
sys.exit(1)
"""
SHORT = """
import struct, sys
sys.stdin.buffer.readline()
sys.stdout.buffer.write(struct.pack('<Q', 100) + b'too little')
print('a reason', file=sys.stderr)
sys.exit(3)
"""


def _stand_in(monkeypatch, script):
    start = subprocess.Popen
    monkeypatch.setattr(openvino_conversion.subprocess, 'Popen', lambda command, **options: start(
        [sys.executable, '-c', script], **options))


def test_an_answer_counts_however_the_process_ends_after_it(monkeypatch):
    fields = openvino_conversion.EngineOutput._fields
    _stand_in(monkeypatch, ANSWER.replace('depth=', f'{fields[0]}='))
    graph, expected = ConversionProcess(SOURCE, 'fp32').convert((240, 320))
    assert bytes(graph) == b'graph'
    np.testing.assert_array_equal(expected[0], np.float32([[[[2.5]]]]))


def test_half_an_answer_is_none_and_the_reason_is_told(monkeypatch):
    _stand_in(monkeypatch, SHORT)
    with pytest.raises(DeviceError, match='ended with code 3: a reason'):
        ConversionProcess(SOURCE, 'fp32').convert((240, 320))

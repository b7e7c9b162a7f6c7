# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""For which sizes a graph is kept; graphs are made up, so this needs no OpenVINO."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scaledepth_ros.inference.engines import EngineOutput, Floats, Size
from scaledepth_ros.inference.engines import openvino_engine as openvino_module
from scaledepth_ros.inference.engines.openvino_engine import OpenVinoEngine
from scaledepth_ros.inference.engines.switching import SwitchingEngine

DEPTH = np.full((1, 1, 8, 8), 0.5, np.float32)
SCALE = np.full((1, 1), 2.0, np.float32)


class Reference:
    """Says of every image the same."""

    name, device = 'torch', 'cpu'

    def run(self, image_B3HW: Floats) -> EngineOutput:
        return EngineOutput(DEPTH, None, SCALE, None)

    def close(self) -> None:
        pass


class Bench:
    """An engine whose graphs are made at once, and a clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self.made: list[Size] = []
        monkeypatch.setattr(
            openvino_module, 'time', SimpleNamespace(monotonic=lambda: self.now_s))
        self.engine = OpenVinoEngine(self._make, lambda: None)
        self.switching = SwitchingEngine(
            Reference(), self.engine, 'fp32', background=False, required=True)

    def see(self, *sizes: Size, period_s: float = 0.03) -> None:
        """Run an image of each of these sizes."""
        for size in sizes:
            self.now_s += period_s
            self.switching.run(np.zeros((1, 3, *size), np.float32))

    def ready(self) -> list[Size]:
        return [size for size in dict.fromkeys(self.made) if self.engine.is_ready(size)]

    def _make(self, size: Size) -> tuple[Any, EngineOutput]:
        self.made.append(size)
        request = SimpleNamespace(infer=lambda *_image, **_options: [DEPTH, SCALE])
        return (SimpleNamespace(create_infer_request=lambda: request),
                EngineOutput(DEPTH, None, SCALE, None))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def sizes(count: int) -> list[Size]:
    return [(32, 32 + 16 * i) for i in range(count)]


@pytest.mark.parametrize('count', [5, 8])
def test_sizes_of_several_cameras_in_turn_are_converted_once(bench: Bench, count: int) -> None:
    for _ in range(20):
        bench.see(*sizes(count))
    assert bench.made == sizes(count)
    assert bench.switching.name == 'openvino'


def test_sizes_that_nobody_uses_any_more_make_room(bench: Bench) -> None:
    bench.see(*sizes(6))
    assert bench.ready() == sizes(6)
    bench.now_s += 10.0
    bench.see((480, 640))
    assert bench.ready() == [*sizes(6)[-3:], (480, 640)]
    # Of those that are in use none goes for a new one.
    used = bench.ready()
    for width in range(640, 720, 16):
        bench.see(*used, (640, width), period_s=2.0)
        assert set(used) < set(bench.ready())
        assert len(bench.ready()) <= 8


def test_memory_is_bounded_however_many_sizes_come(bench: Bench) -> None:
    for size in sizes(50):
        bench.see(size)
        assert len(bench.ready()) <= 8
    assert bench.ready() == sizes(50)[-8:]
    bench.engine.forget(sizes(50)[-1])
    assert bench.ready() == sizes(50)[-8:-1]

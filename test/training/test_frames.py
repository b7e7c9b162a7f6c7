# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Which frames are learnt from, held out, and drawn when."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from miniature import miniature_config, write_miniature
import pytest
from scaledepth_ros.data.sample import ConcatFrames, FrameInfo
from scaledepth_ros.data.scene_depth import scene_depths
from scaledepth_ros.data.training_set import TrainingSet
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.training.config import DevConfig, SourceConfig
from scaledepth_ros.training.distributed import Processes
from scaledepth_ros.training.frames import (
    dev_scenes,
    make_loader,
    open_frames,
    StepSampler,
    tilted,
)


def info(scene: str, domain: str = 'indoor', kind: str = 'real') -> FrameInfo:
    return FrameInfo(name=f'{scene}.jpg', dataset='d', domain=domain, scene=scene, width=64,
                     height=48, kind=kind)


INFOS = [info(f'room{i}') for i in range(10)] + [
    info(f'street{i}', 'outdoor') for i in range(3)] + [
    info(f'made{i}', kind='synthetic') for i in range(5)]


def test_a_share_of_the_real_scenes_of_each_domain_is_held_out() -> None:
    chosen = dev_scenes(INFOS, DevConfig(fraction=0.2), seed=0)
    assert sorted(scene.rstrip('0123456789') for scene in chosen) == ['room', 'room', 'street']
    assert dev_scenes(INFOS[::-1], DevConfig(fraction=0.2), seed=0) == chosen
    assert any(dev_scenes(INFOS, DevConfig(fraction=0.2), seed=seed) != chosen
               for seed in range(1, 5))
    assert dev_scenes(INFOS, DevConfig(), seed=0) == frozenset()


def test_a_further_scene_moves_at_most_itself() -> None:
    before = dev_scenes(INFOS[:10], DevConfig(fraction=0.2), seed=0)
    after = dev_scenes([*INFOS[:10], info('room10')], DevConfig(fraction=0.2), seed=0)
    assert after - before <= {'room10'}


def test_scenes_to_hold_out_are_taken_by_name(tmp_path: Path) -> None:
    index = write_miniature(tmp_path, scenes=3, frames=5)
    sources = [SourceConfig(source=str(index))]
    frames = open_frames(
        sources, DevConfig(scenes=('miniature_1',), max_frames=2), seed=0)
    assert {info.scene for info in frames.infos} == {'miniature_0', 'miniature_2'}
    assert frames.dev is not None
    assert [frame.name for frame in frames.dev.infos] == [
        'miniature_1_0.jpg', 'miniature_1_4.jpg']
    with pytest.raises(DatasetError, match='Dev scenes elsewhere are in no training data'):
        open_frames(sources, DevConfig(scenes=('elsewhere', 'miniature_1')), seed=0)
    with pytest.raises(DatasetError, match='has no frame left'):
        open_frames(sources, DevConfig(scenes=tuple(f'miniature_{i}' for i in range(3))), seed=0)
    with pytest.raises(ConfigError, match='No training data is given'):
        open_frames([], DevConfig(), seed=0)


def test_the_hash_is_that_of_the_list_of_frames(tmp_path: Path) -> None:
    one, two = (write_miniature(tmp_path / name, scenes=count)
                for name, count in (('a', 1), ('b', 2)))
    hashes = [open_frames([SourceConfig(source=str(index))], DevConfig(), 0).sha256
              for index in (one, one, two)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(('count', 'accumulation'), [(1, 3), (2, 1), (3, 2), (6, 1)])
def test_processes_and_parts_divide_one_and_the_same_batch(
    tmp_path: Path, count: int, accumulation: int,
) -> None:
    config = miniature_config(write_miniature(tmp_path), 'batch_size=6')
    frames = open_frames(config.data, config.dev, config.seed)
    whole = list(StepSampler(frames, config, Processes(), 4, 7))
    assert [len(keys) for keys in whole] == [6, 6, 6]
    assert [{key.step for key in keys} for keys in whole] == [{4}, {5}, {6}]
    parts = replace(config, accumulation=accumulation)
    shares = [list(StepSampler(frames, parts, Processes(rank=rank, count=count), 4, 7))
              for rank in range(count)]
    assert {len(share) for share in shares} == {3 * accumulation}
    for step in range(3):
        keys = [key for share in shares
                for part in share[step * accumulation:(step + 1) * accumulation]
                for key in part]
        assert sorted(keys) == sorted(whole[step])


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    config = miniature_config(write_miniature(tmp_path))
    frames = open_frames(config.data, config.dev, config.seed)
    with pytest.raises(ConfigError, match=r'batch_size is 4; .* processes \(3\)'):
        StepSampler(frames, config, Processes(count=3), 0, 1)


def test_sources_get_their_share_of_every_batch(tmp_path: Path) -> None:
    small = write_miniature(tmp_path / 'small', scenes=1, dataset='small')
    large = write_miniature(tmp_path / 'large', scenes=6, dataset='large')
    config = miniature_config(small, 'batch_size=10', (
        f'data=[{{source: {large}, weight: 3}}, {{source: {small}, weight: 1}}]'))
    frames = open_frames(config.data, config.dev, config.seed)
    sampler = StepSampler(frames, config, Processes(), 0, 200)
    total: Counter[str] = Counter()
    for keys in sampler:
        counts = Counter(frames.infos[key.frame_index].dataset for key in keys)
        assert counts['small'] in (2, 3)
        assert sorted(key.position for key in keys) == list(range(10))
        total.update(counts)
    assert total['small'] / total.total() == pytest.approx(0.25, abs=0.01)
    # Frames of both sources come in any order, or processes would each see only one source.
    first = Counter(frames.infos[sampler.step(step)[0].frame_index].dataset
                    for step in range(200))
    assert 20 < first['small'] < 80


def test_far_scenes_are_drawn_more_often_by_the_tilt(tmp_path: Path) -> None:
    # Its scenes have walls at 2 and 5 m, and the floor before them.
    index = write_miniature(tmp_path / 'real', scenes=4, frames=1)
    made = write_miniature(tmp_path / 'made', scenes=2, frames=1, dataset='made',
                           kind='synthetic')
    config = miniature_config(index, 'batch_size=10', 'sampling.depth_tilt=2', (
        f'data=[{{source: {index}}}, {{source: {made}}}]'))
    frames = open_frames(config.data, config.dev, config.seed)
    factors = tilted(ConcatFrames(frames.sources), 2.0)
    assert sorted(factors) == [f'miniature_{scene}' for scene in range(4)]
    depths = scene_depths(ConcatFrames(frames.sources), range(4))
    assert factors['miniature_3'] / factors['miniature_0'] == pytest.approx(
        (depths['miniature_3'] / depths['miniature_0']) ** 2)
    assert depths['miniature_3'] > 1.5 * depths['miniature_0']
    assert tilted(ConcatFrames(frames.sources), 0.0) == {}

    drawn = Counter(sample.scene for batch in make_loader(frames, config, Processes(), 0, 100)
                    for sample in batch.infos)
    weights = {**{f'made_{scene}': 1.0 for scene in range(2)}, **factors}
    for scene, weight in weights.items():
        assert drawn[scene] / 1000 == pytest.approx(weight / sum(weights.values()), abs=0.01)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_only_its_own_process_ends_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = write_miniature(tmp_path / 'data', scenes=2)
    config = miniature_config(index, 'sampling.workers=1')
    reading = tmp_path / 'reading'

    def never(self: TrainingSet, key: object) -> None:
        reading.touch()
        time.sleep(1000)
    monkeypatch.setattr(TrainingSet, '__getitem__', never)
    batches = iter(make_loader(
        open_frames(config.data, config.dev, config.seed), config, Processes(), 0, 6))
    worker = batches._workers[0]
    try:
        wait_until(reading.exists)
        # As from a terminal or a service manager: the training did not send these.
        for name in ('INT', 'TERM'):
            subprocess.run([sys.executable, '-c',
                            f'import os; os.kill({worker.pid}, {getattr(signal, "SIG" + name)})'],
                           check=True, timeout=60)
        time.sleep(0.5)
        assert worker.is_alive()
        # This one is torch's own, for a worker that does not come to an end by itself.
        worker.terminate()
        worker.join(60)
        assert worker.exitcode == 0
    finally:
        worker.kill()
        batches._shutdown_workers()


def test_no_worker_outlives_a_training_that_was_killed(tmp_path: Path) -> None:
    index = write_miniature(tmp_path / 'data', scenes=2)
    code = ('import sys, time\n'
            'from test_frames import *\n'
            'config = miniature_config(Path(sys.argv[1]), "sampling.workers=1")\n'
            'frames = open_frames(config.data, config.dev, config.seed)\n'
            'batches = iter(make_loader(frames, config, Processes(), 0, 100))\n'
            'next(batches)\n'
            'print(batches._workers[0].pid, flush=True)\n'
            'time.sleep(1000)\n')
    process = subprocess.Popen(
        [sys.executable, '-c', code, str(index)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(
            [str(Path(__file__).parent), str(Path(__file__).parents[2])])})
    try:
        assert process.stdout is not None
        worker = Path('/proc') / process.stdout.readline().strip()
        assert worker.is_dir()
    finally:
        process.kill()
        process.communicate()
    wait_until(lambda: not worker.exists() or (worker / 'stat').read_text().split()[2] == 'Z')

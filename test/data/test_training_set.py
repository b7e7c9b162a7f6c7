# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Batches: contents, and the same pixels whatever the workers."""

from mini_frames import ListFrames, make_sample
import numpy as np
import pytest
from scaledepth_ros.data.augmentation import Augmentation, AugmentationConfig, no_augmentation
from scaledepth_ros.data.sampler import NetworkSize, SampleKey, SamplerConfig, SceneSampler
from scaledepth_ros.data.training_set import collate, TrainingSet
from scaledepth_ros.errors import DatasetError
import torch
from torch.utils.data import DataLoader


def _frames():
    rng = np.random.default_rng(0)
    return ListFrames([
        make_sample(
            rng.integers(0, 256, (48, 64, 3), np.uint8), rng.uniform(1, 5, (48, 64)),
            focal_px=None if i == 2 else 50.0 + i, scene=f's{i}',
            category='kitchen' if i == 1 else None,
        )
        for i in range(4)
    ])


def _batches(workers, start_step=0, copy_paste=0.5):
    config = AugmentationConfig(copy_paste_probability=copy_paste)
    frames = _frames()
    sampler = SceneSampler(
        frames.infos,
        SamplerConfig(batch_size=4, seed=5, sizes=(NetworkSize(height=32, width=48),)),
        num_steps=4, start_step=start_step,
    )
    loader = DataLoader(
        TrainingSet(frames, Augmentation(config), seed=9),
        batch_sampler=sampler, collate_fn=collate, num_workers=workers,
    )
    return list(loader)


def _same(one, two):
    return all(
        torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
        for a, b in zip(
            (one.image_B3HW, one.depth_B1HW, one.focal_px_B),
            (two.image_B3HW, two.depth_B1HW, two.focal_px_B), strict=True)
    ) and one.infos == two.infos


def test_workers_and_restarts_change_no_pixel():
    whole = _batches(workers=0)
    assert all(_same(a, b) for a, b in zip(whole, _batches(workers=2), strict=True))
    assert all(_same(a, b) for a, b in zip(whole[2:], _batches(0, start_step=2), strict=True))
    assert not _same(whole[0], whole[1])


def test_a_batch_states_what_it_holds():
    frames = _frames()
    training_set = TrainingSet(frames, Augmentation(no_augmentation(300.0)), seed=1)
    batch = collate([training_set[SampleKey(i, 48, 64, 0, i)] for i in range(4)])
    assert batch.image_B3HW.shape == (4, 3, 48, 64)
    assert batch.image_B3HW.dtype == torch.uint8
    assert batch.depth_B1HW.shape == batch.mask_B1HW.shape == (4, 1, 48, 64)
    assert batch.focal_known_B.tolist() == [True, True, False, True]
    assert batch.category_B.tolist() == [-1, frames.infos[1].category_index, -1, -1]
    assert batch.category_B.dtype == torch.int64
    assert len(batch) == 4
    metric = batch.depth_B1HW[3, 0] * batch.focal_px_B[3] / 300.0
    assert metric.numpy() == pytest.approx(frames.samples[3].depth_m_HW, rel=1e-5)
    assert torch.equal(batch.mask_B1HW, torch.isfinite(batch.depth_B1HW))
    moved = batch.to('meta')
    assert moved.image_B3HW.device.type == moved.category_B.device.type == 'meta'
    assert moved.infos == batch.infos


def test_copy_paste_takes_part_when_asked_to():
    assert not all(
        _same(a, b) for a, b in zip(_batches(0, copy_paste=1.0), _batches(0, copy_paste=0.0),
                                    strict=True))


def test_frames_of_different_size_make_no_batch():
    training_set = TrainingSet(_frames(), Augmentation(no_augmentation(None)), seed=1)
    samples = [training_set[SampleKey(0, 32, 48 + 32 * i, 0, i)] for i in range(2)]
    with pytest.raises(DatasetError, match=r'\(32, 48\), \(32, 80\)'):
        collate(samples)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
RGB-D data: reading, sampling by scene, and augmentation in canonical focal length.

Reading (numpy and OpenCV only)::

    from scaledepth_ros.data.registry import open_dataset
    frames = open_dataset('/data/robot/index.csv', 'train')   # or 'nyu:/data/nyu', 'val'
    frames.infos[7]      # FrameInfo: scene, domain, kind, size ... known without decoding
    frames[7]            # RgbdSample: rgb_HW3 uint8, depth_m_HW float32 (NaN = unknown), camera

Every data set is a ``FrameSource`` (``sample.py``): ``infos``, ``len()`` and ``[index]``.
``ConcatFrames([...])`` joins several, ``CachedFrames(source, short_side_px=...)`` keeps them in
memory at training resolution. Missing or unusable files raise ``DatasetError`` naming the file.

Training (torch)::

    from scaledepth_ros.data.augmentation import Augmentation, AugmentationConfig
    from scaledepth_ros.data.sampler import NetworkSize, SamplerConfig, SceneSampler
    from scaledepth_ros.data.training_set import TrainingSet, collate

    augmentation = Augmentation(AugmentationConfig(canonical_focal_px=300.0))
    sampler = SceneSampler(frames.infos, SamplerConfig(
        batch_size=8, seed=1, sizes=(NetworkSize(height=240, width=320),)), num_steps=1000)
    loader = DataLoader(TrainingSet(frames, augmentation, seed=1), batch_sampler=sampler,
                        collate_fn=collate, num_workers=4)
    sampler.start_step = 400          # resume: batch n is a pure function of (seed, n)

``sampler`` yields lists of ``SampleKey(frame_index, height, width, step, position)``. The key
alone seeds the augmentation, so neither the number of workers nor a restart changes a pixel.
``rank`` and ``world_size`` split each global batch, so two processes see what one would.

A batch (``NetworkBatch``) holds, all of one size:

- ``image_B3HW`` uint8 RGB (0..255, what the network takes after ``.float()``),
- ``depth_B1HW`` float32 [m], *canonical*: metric depth times canonical / focal_px; NaN unknown,
- ``mask_B1HW`` bool, where depth is known (never true in padding),
- ``focal_px_B`` float32, focal length in network pixels after resize and zoom; metric depth is
  ``depth_B1HW * focal_px_B / canonical_focal_px``,
- ``focal_known_B`` bool, False where the frame states no intrinsics and a field of view was
  assumed: let the scale-sensitive part of a loss ignore or down-weight these,
- ``category_B`` int64, one of the 28 scene categories, -1 unknown (``ignore_index=-1``),
- ``infos``, the ``FrameInfo`` of each frame, for messages and per-set losses.

``NetworkBatch.to(device)`` and ``pin_memory()`` exist. With ``canonical_focal_px=None`` (the
official behaviour) depth stays metric.
"""

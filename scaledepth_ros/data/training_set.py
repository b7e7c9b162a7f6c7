# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Training data as torch wants it: a map-style set keyed by ``SampleKey``, and batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scaledepth_ros.data.augmentation import Augmentation, NetworkSample
from scaledepth_ros.data.mixing import copy_paste
from scaledepth_ros.data.sample import FrameInfo, FrameSource
from scaledepth_ros.data.sampler import SampleKey
from scaledepth_ros.errors import DatasetError
import torch
from torch import Tensor
from torch.utils.data import Dataset

UNKNOWN_CATEGORY = -1


@dataclass(frozen=True, kw_only=True)
class NetworkBatch:
    """
    Frames of one size.

    Attributes:
        image_B3HW: uint8 RGB.
        depth_B1HW: float32 canonical depth [m], NaN where unknown.
        mask_B1HW: bool, where depth is known.
        focal_px_B: float32 focal lengths in network pixels.
        focal_known_B: bool, False where the focal length was assumed.
        category_B: int64 scene category, ``UNKNOWN_CATEGORY`` if there is none.
        infos: The frames, for messages and weights by data set.
    """

    image_B3HW: Tensor
    depth_B1HW: Tensor
    mask_B1HW: Tensor
    focal_px_B: Tensor
    focal_known_B: Tensor
    category_B: Tensor
    infos: tuple[FrameInfo, ...]

    def __len__(self) -> int:
        return len(self.infos)

    def to(self, device: torch.device | str, *, non_blocking: bool = True) -> 'NetworkBatch':
        """
        Return the batch on a device.

        Args:
            device: Where to.
            non_blocking: Do not wait for copies from pinned memory.
        """
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> 'NetworkBatch':
        """Return the batch in page-locked memory; ``DataLoader`` calls this."""
        return self._mapped(torch.Tensor.pin_memory)

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> 'NetworkBatch':
        return NetworkBatch(
            image_B3HW=function(self.image_B3HW),
            depth_B1HW=function(self.depth_B1HW),
            mask_B1HW=function(self.mask_B1HW),
            focal_px_B=function(self.focal_px_B),
            focal_known_B=function(self.focal_known_B),
            category_B=function(self.category_B),
            infos=self.infos,
        )


class TrainingSet(Dataset[NetworkSample]):
    """
    Augmented frames by key.

    The generator of a sample is seeded by (seed, step, position) alone.

    Args:
        frames: Where frames come from; preload caches before workers fork.
        augmentation: What happens to them.
        seed: Seed of all augmentation.
    """

    def __init__(self, frames: FrameSource, augmentation: Augmentation, *, seed: int = 0) -> None:
        self._frames = frames
        self._augmentation = augmentation
        self._seed = seed
        self._of_domain = {
            domain: [i for i, info in enumerate(frames.infos) if info.domain == domain]
            for domain in {info.domain for info in frames.infos}
        }

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, key: SampleKey) -> NetworkSample:
        rng = np.random.default_rng((self._seed, key.step, key.position))
        sample = self._augment(key.frame_index, key, rng)
        if rng.random() < self._augmentation.config.copy_paste_probability:
            donors = self._of_domain[sample.info.domain]
            donor = self._augment(donors[int(rng.integers(len(donors)))], key, rng)
            image_3HW, depth_1HW = copy_paste(
                sample.image_3HW, sample.depth_1HW, donor.image_3HW, donor.depth_1HW, rng
            )
            sample = replace(sample, image_3HW=image_3HW, depth_1HW=depth_1HW)
        return sample

    def _augment(
        self, frame_index: int, key: SampleKey, rng: np.random.Generator
    ) -> NetworkSample:
        return self._augmentation(self._frames[frame_index], key.height, key.width, rng)


def collate(samples: Sequence[NetworkSample]) -> NetworkBatch:
    """
    Stack samples of one size into a batch.

    Args:
        samples: At least one sample.

    Raises:
        DatasetError: The samples differ in size.
    """
    sizes = {tuple(sample.image_3HW.shape[1:]) for sample in samples}
    if len(sizes) != 1:
        raise DatasetError(f'A batch has frames of sizes {sorted(sizes)}; expected just one.')
    depth_B1HW = torch.stack([sample.depth_1HW for sample in samples])
    categories = [sample.info.category_index for sample in samples]
    return NetworkBatch(
        image_B3HW=torch.stack([sample.image_3HW for sample in samples]),
        depth_B1HW=depth_B1HW,
        mask_B1HW=torch.isfinite(depth_B1HW),
        focal_px_B=torch.tensor([sample.focal_px for sample in samples], dtype=torch.float32),
        focal_known_B=torch.tensor([sample.focal_known for sample in samples]),
        category_B=torch.tensor(
            [UNKNOWN_CATEGORY if index is None else index for index in categories]
        ),
        infos=tuple(sample.info for sample in samples),
    )

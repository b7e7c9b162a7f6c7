# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What can be said without looking at the image: the training set's mean depth at each position.

Every depth network has to beat this. The mean is taken in canonical focal length, so the
baseline knows the lens, as the network does, and it is one model for indoor and outdoor alike.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.augmentation import assumed_focal_px, ASSUMED_FOV_DEG
from scaledepth_ros.data.resize import resize_depth
from scaledepth_ros.data.sample import FrameSource, RgbdSample, SelectedFrames
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.evaluation.evaluate import (
    evaluate,
    Evaluation,
    FrameResult,
    require_results,
)
from scaledepth_ros.evaluation.protocols import Protocol
from scaledepth_ros.model.scaledepth import DepthOutput

BASELINES = (
    'mean-depth',
    'mean-log-depth',
    'mean-depth-per-domain',
    'mean-log-depth-per-domain',
)
_GRID_HW = (60, 80)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """
    A baseline that has seen the training set.

    Attributes:
        name: One of ``BASELINES``.
        means: Groups of domains, and the mean depth of each group.
    """

    name: str
    means: tuple[tuple[tuple[str, ...], 'MeanDepth'], ...]


def fit_baseline(
    name: str,
    train: FrameSource,
    domains: Collection[str],
    *,
    skip: Callable[[DatasetError], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Baseline:
    """
    Take the means of a baseline.

    Args:
        name: One of ``BASELINES``. Those per domain know whether a frame is indoor or outdoor,
            which the network is not told.
        train: Frames that the mean is taken over.
        domains: Domains of the frames that are to be measured.
        skip: As in ``MeanDepth``.
        progress: Called with (frames done, frames in all).

    Raises:
        ConfigError: The name is unknown.
        DatasetError: There are no training frames of a domain, or one cannot be read.
    """
    if name not in BASELINES:
        raise ConfigError(f'Baseline {name!r} is unknown; choose one of {", ".join(BASELINES)}.')
    groups = [('indoor',), ('outdoor',)] if 'per-domain' in name else [('indoor', 'outdoor')]
    means = []
    for members in groups:
        if not any(domain in members for domain in domains):
            continue
        known = [i for i, info in enumerate(train.infos) if info.domain in members]
        means.append((members, MeanDepth(
            SelectedFrames(train, known), logarithmic='log' in name, skip=skip, progress=progress
        )))
    return Baseline(name=name, means=tuple(means))


def evaluate_baseline(
    baseline: Baseline,
    frames: FrameSource,
    protocol: Protocol,
    *,
    with_completed: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """
    Measure a baseline.

    Args:
        baseline: From ``fit_baseline``, for all domains of the frames.
        frames: Frames that are measured.
        protocol: Crop, limits and clamps; focal rescaling is dropped, the baseline does its own.
        with_completed: As in ``evaluate``.
        progress: Called with (frames done, frames in all).

    Raises:
        DatasetError: A frame cannot be read, or none is fit.
    """
    protocol = replace(protocol, focal_reference_px=None)
    results: list[FrameResult] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for members, mean_depth in baseline.means:
        asked = [i for i, info in enumerate(frames.infos) if info.domain in members]
        part = evaluate(
            SelectedFrames(frames, asked),
            mean_depth,
            protocol,
            with_completed=with_completed,
            # One domain may have no frame that is fit, as long as the other has.
            may_be_empty=True,
            progress=progress,
        )
        results += part.results
        for reason, names in part.left_out.items():
            left_out[reason] = left_out.get(reason, ()) + names
    evaluation = Evaluation(protocol=protocol, results=tuple(results), left_out=left_out)
    require_results(evaluation)
    return evaluation


class MeanDepth:
    """
    Predicts the mean of the training depths at each position of the image, whatever is on it.

    Scenes count equally, frames equally within a scene. Positions are relative to the image's
    size. A focal length is relative to the side of a square with the image's area, which is what
    resizing to a fixed number of pixels, as the network does, makes of it.

    Args:
        frames: The training set.
        logarithmic: Average log depth (the best constant for relative errors) instead of depth.
        skip: Called with what is wrong with a frame that cannot be read, which is then left out;
            None raises it.
        progress: Called with (frames done, frames in all) after each.

    Raises:
        DatasetError: A frame cannot be read, or none is left.
    """

    def __init__(
        self,
        frames: FrameSource,
        *,
        logarithmic: bool,
        skip: Callable[[DatasetError], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        scene_sums: dict[str, list[NDArray[np.float64]]] = defaultdict(
            lambda: [np.zeros(_GRID_HW) for _ in range(3)]
        )
        for index, info in enumerate(frames.infos):
            try:
                sample = frames[index]
            except DatasetError as error:
                if skip is None:
                    raise
                skip(error)
            else:
                known, values = _on_grid(sample, logarithmic=logarithmic)
                sums = scene_sums[info.scene]
                for total, part in zip(sums, (known, values, values**2), strict=True):
                    total += part
            if progress is not None:
                progress(index + 1, len(frames))
        if not scene_sums:
            raise DatasetError('The training set is empty; the mean depth needs frames.')
        weight, mean, square = np.zeros((3, *_GRID_HW))
        for count, first, second in scene_sums.values():
            seen = np.maximum(count, 1.0)
            weight += count > 0
            mean += first / seen
            square += second / seen
        seen = np.maximum(weight, 1.0)
        mean, square = mean / seen, square / seen
        self._logarithmic = logarithmic
        self._mean_HW = _filled(mean, weight > 0).astype(np.float32)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        self._deviation_HW = _filled(deviation, weight > 0).astype(np.float32)
        self.scenes = len(scene_sums)

    def infer(
        self, rgb_HW3: NDArray[np.uint8], camera: CameraModel | None = None
    ) -> DepthOutput:
        """
        Return the mean depth, scaled to the camera's focal length.

        Args:
            rgb_HW3: Only its size matters.
            camera: Its intrinsics, if known.
        """
        height, width = rgb_HW3.shape[:2]
        focal = _relative_focal(camera, height, width)
        mean_HW = cv2.resize(self._mean_HW, (width, height), interpolation=cv2.INTER_LINEAR)
        sigma_HW = cv2.resize(self._deviation_HW, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._logarithmic:
            # The deviation of log depth is a relative one of depth, to first order.
            mean_HW = np.exp(mean_HW)
            sigma_HW = mean_HW * sigma_HW
        depth_m_HW = np.asarray(mean_HW * focal, dtype=np.float32)
        scale_m = float(depth_m_HW.max())
        return DepthOutput(
            depth_m=depth_m_HW,
            relative_depth=depth_m_HW / np.float32(scale_m),
            uncertainty_m=np.asarray(sigma_HW * focal, dtype=np.float32),
            scale_m=scale_m,
            scene=None,
            scene_probabilities=None,
        )


def _on_grid(
    sample: RgbdSample, *, logarithmic: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return 1 where canonical depth is known on the grid, and its values, 0 elsewhere."""
    focal = _relative_focal(sample.camera, sample.info.height, sample.info.width)
    values = resize_depth(sample.depth_m_HW, *_GRID_HW).astype(np.float64) / focal
    if logarithmic:
        values = np.log(values)
    known = np.isfinite(values)
    return known.astype(np.float64), np.where(known, values, 0.0)


def _relative_focal(camera: CameraModel | None, height: int, width: int) -> float:
    """Return the focal length over the side of a square with the image's area."""
    if camera is None:
        focal_px = assumed_focal_px(height, width, ASSUMED_FOV_DEG)
    else:
        focal_px = camera.focal_px
    return focal_px / math.sqrt(height * width)


def _filled(values_HW: NDArray[np.float64], known_HW: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill positions that no frame covers (sky above all lidar beams) from the nearest known."""
    if known_HW.all():
        return values_HW
    _, labels_HW = cv2.distanceTransformWithLabels(
        (~known_HW).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Each known pixel has a label of its own; unknown ones carry that of the nearest known.
    by_label = np.zeros(int(labels_HW.max()) + 1)
    by_label[labels_HW[known_HW]] = values_HW[known_HW]
    filled: NDArray[np.float64] = by_label[labels_HW]
    return filled

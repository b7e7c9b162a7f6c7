# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Run a predictor over frames and measure each one.

Depth is compared at the resolution of the ground truth, in metres, with nothing done to the
prediction that the protocol does not say; only values below ``metrics.LOG_FLOOR_M`` are raised
to it, to keep logarithms finite.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import time
from typing import Protocol as TypingProtocol

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.data.sample import FrameInfo, FrameSource, RgbdSample
from scaledepth_ros.errors import CameraInfoError, DatasetError, ImageError
from scaledepth_ros.evaluation.metrics import (
    aligned_depth_metrics,
    depth_metrics,
    log_scale_offset,
)
from scaledepth_ros.evaluation.protocols import DEFAULT_PROTOCOL, Protocol
from scaledepth_ros.evaluation.uncertainty import (
    calibration_metrics,
    error_quantiles,
    sparsification_metrics,
)
from scaledepth_ros.model.scaledepth import DepthOutput


class DepthPredictor(TypingProtocol):
    """Anything that turns an image into depth; ``inference.predictor.Predictor`` is one."""

    def infer(
        self, rgb_HW3: NDArray[np.uint8], camera: CameraModel | None = None
    ) -> DepthOutput:
        """Return depth at the resolution of the image."""


UNUSABLE = 'the frame cannot be used'


@dataclass(frozen=True, kw_only=True)
class FrameResult:
    """
    What was measured on one frame.

    Attributes:
        info: The frame.
        raw: Metrics of the prediction as it is.
        aligned: Metrics after one scalar per frame has aligned it to the ground truth.
        scale_offset: Median of log(prediction / truth); positive is too far.
        uncertainty: AUSE, AURG and calibration; empty if the predictor states no uncertainty.
        error_sigmas: Quantiles 0, 1/100 ... 1 of the error over the stated deviation; likewise.
        coverage: Share of the valid ground truth at which there is a finite prediction.
        pixels: Number of pixels compared.
        latency_ms: Wall time of the call [ms].
    """

    info: FrameInfo
    raw: dict[str, float]
    aligned: dict[str, float]
    scale_offset: float
    uncertainty: dict[str, float] = field(default_factory=dict)
    error_sigmas: tuple[float, ...] = ()
    coverage: float = 1.0
    pixels: int = 0
    latency_ms: float = 0.0

    @property
    def scale_error(self) -> float:
        """|median log(prediction / truth)|, that is |log(S_pred / S_gt)|."""
        return abs(self.scale_offset)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """
    Results of a run.

    Attributes:
        protocol: What was compared and how.
        results: One for each frame that was measured.
        left_out: Names of the frames that were not, by reason.
    """

    protocol: Protocol
    results: tuple[FrameResult, ...]
    left_out: dict[str, tuple[str, ...]]


def measurable(info: FrameInfo, *, with_completed: bool = False) -> str | None:
    """
    Return why a frame is unfit for headline numbers, None if it is fit.

    Args:
        info: The frame.
        with_completed: Accept interpolated depth.
    """
    if info.kind == 'real-sgbm':
        return 'depth from stereo matching is no ground truth'
    if info.completed and not with_completed:
        return 'depth is interpolated'
    return None


def evaluate(
    frames: FrameSource,
    predictor: DepthPredictor,
    protocol: Protocol = DEFAULT_PROTOCOL,
    *,
    with_completed: bool = False,
    may_be_empty: bool = False,
    skip: Callable[[DatasetError], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """
    Measure a predictor on every fit frame of a source.

    Args:
        frames: Frames with ground truth.
        predictor: What is measured; called once more for each new size of image, off the clock,
            because engines compile for a size.
        protocol: Crop, limits and clamps.
        with_completed: Measure on interpolated depth too.
        may_be_empty: Accept that no frame is fit.
        skip: Called with what is wrong with a frame that cannot be read or is too small, which
            is then left out; None raises it.
        progress: Called with (frames done, frames in all) after each.

    Returns:
        Results of every frame, and the frames that were left out, with the reason.

    Raises:
        DatasetError: A frame cannot be read, the predictor gives no depth at all for one, or no
            frame is fit and that is not accepted.
    """
    left_out: dict[str, list[str]] = {}
    results: list[FrameResult] = []
    warm_sizes: set[tuple[int, int]] = set()
    for index, info in enumerate(frames.infos):
        reason = measurable(info, with_completed=with_completed)
        if reason is None:
            try:
                sample = _readied(frames, index, predictor, warm_sizes)
            except DatasetError as error:
                if skip is None:
                    raise
                skip(error)
                reason = UNUSABLE
            else:
                result = evaluate_sample(sample, predictor, protocol)
                if result is not None:
                    results.append(result)
                else:
                    reason = 'no valid ground truth within crop and limits'
        if reason is not None:
            left_out.setdefault(reason, []).append(info.name)
        if progress is not None:
            progress(index + 1, len(frames))
    evaluation = Evaluation(
        protocol=protocol,
        results=tuple(results),
        left_out={reason: tuple(names) for reason, names in left_out.items()},
    )
    if not may_be_empty:
        require_results(evaluation)
    return evaluation


def require_results(evaluation: Evaluation) -> None:
    """
    Refuse an evaluation without a single frame.

    Args:
        evaluation: What was measured.

    Raises:
        DatasetError: Nothing was; the message counts the reasons.
    """
    if not evaluation.results:
        reasons = evaluation.left_out.items()
        raise DatasetError(
            f'None of {sum(len(names) for _, names in reasons)} frames can be measured: '
            + '; '.join(f'{len(names)} because {reason}' for reason, names in reasons)
            + '.'
        )


def _readied(
    frames: FrameSource, index: int, predictor: DepthPredictor, warm_sizes: set[tuple[int, int]],
) -> RgbdSample:
    """Return a frame that the predictor accepts and whose size it has seen before."""
    sample = frames[index]
    size = sample.info.height, sample.info.width
    if size not in warm_sizes:
        try:
            predictor.infer(sample.rgb_HW3, sample.camera)
        except (ImageError, CameraInfoError) as error:
            raise DatasetError(f'{sample.info.name}: {error}') from error
        warm_sizes.add(size)
    return sample


def evaluate_sample(
    sample: RgbdSample, predictor: DepthPredictor, protocol: Protocol
) -> FrameResult | None:
    """
    Measure one frame.

    Args:
        sample: The frame.
        predictor: What is measured.
        protocol: Crop, limits and clamps.

    Returns:
        The result, or None if no ground truth is left within crop and limits.

    Raises:
        DatasetError: The prediction has another size or no finite value, or the protocol needs
            a focal length that the frame lacks.
    """
    start_s = time.perf_counter()
    output = predictor.infer(sample.rgb_HW3, sample.camera)
    latency_ms = 1e3 * (time.perf_counter() - start_s)
    focal_px = None if sample.camera is None else sample.camera.focal_px
    predicted_m, truth_m, mask_HW = protocol.prepare(output.depth_m, sample.depth_m_HW, focal_px)
    if truth_m.size == 0:
        return None
    finite = np.isfinite(predicted_m)
    if not finite.any():
        raise DatasetError(
            f'{sample.info.name}: the predictor gave no finite depth where ground truth is '
            'valid; a frame that fails cannot be averaged away.'
        )
    coverage = float(finite.mean())
    predicted_m, truth_m = predicted_m[finite], truth_m[finite]
    sigma_m = output.uncertainty_m[mask_HW][finite].astype(np.float64)
    if protocol.focal_reference_px is not None and focal_px is not None:
        sigma_m *= focal_px / protocol.focal_reference_px
    uncertainty: dict[str, float] = {}
    error_sigmas: tuple[float, ...] = ()
    if np.isfinite(sigma_m).all():
        error_sigmas = tuple(error_quantiles(predicted_m, truth_m, sigma_m).tolist())
        uncertainty = {
            **sparsification_metrics(predicted_m, truth_m, sigma_m),
            **calibration_metrics(predicted_m, truth_m, sigma_m),
        }
    return FrameResult(
        info=sample.info,
        raw=depth_metrics(predicted_m, truth_m),
        aligned=aligned_depth_metrics(predicted_m, truth_m),
        scale_offset=log_scale_offset(predicted_m, truth_m),
        uncertainty=uncertainty,
        error_sigmas=error_sigmas,
        coverage=coverage,
        pixels=int(truth_m.size),
        latency_ms=latency_ms,
    )


def worst_frames(results: Sequence[FrameResult], count: int) -> list[FrameResult]:
    """
    Return the frames with the largest raw AbsRel, worst first.

    Args:
        results: Measured frames.
        count: How many to return.
    """
    return sorted(results, key=lambda result: -result.raw['abs_rel'])[:count]

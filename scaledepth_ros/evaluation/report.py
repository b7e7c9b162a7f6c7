# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
From results of frames to the numbers that are reported.

Frames of a scene are averaged first, then scenes, so a place that was filmed for long counts once;
published numbers of the standard data sets average over frames instead, which is an option.
Confidence intervals come from resampling scenes, because frames of one place are not independent.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.evaluation.evaluate import Evaluation, FrameResult
from scaledepth_ros.evaluation.metrics import METRIC_NAMES

BOOTSTRAP_ROUNDS = 2000
_BOOTSTRAP_SEED = 0
Report = dict[str, Any]


def group_report(results: Sequence[FrameResult], average: str = 'scenes') -> Report:
    """
    Average a group of frames: over frames within each scene, then over scenes.

    Args:
        results: At least one measured frame.
        average: ``'scenes'``, or ``'frames'`` for the plain mean over frames.

    Returns:
        ``raw`` and ``aligned`` (each of ``METRIC_NAMES``), ``scale_error``, ``scale_offset``
        (signed: positive is too far), ``uncertainty``, ``coverage``, ``frames``, ``scenes`` and
        ``confidence_95``: low and high limits of raw, aligned and scale_error, or None if there
        is but one scene.
    """
    scenes: dict[str, list[FrameResult]] = defaultdict(list)
    for result in results:
        scenes[result.info.scene].append(result)
    with_uncertainty = all(result.uncertainty for result in results)
    uncertainty_names = tuple(results[0].uncertainty) if with_uncertainty else ()
    columns: dict[tuple[str, str], Callable[[FrameResult], float]] = {
        **{('raw', name): _getter('raw', name) for name in METRIC_NAMES},
        **{('aligned', name): _getter('aligned', name) for name in METRIC_NAMES},
        ('scale_error', ''): lambda result: result.scale_error,
        ('scale_offset', ''): lambda result: result.scale_offset,
        ('coverage', ''): lambda result: result.coverage,
        **{('uncertainty', name): _getter('uncertainty', name) for name in uncertainty_names},
    }
    # One row a scene, one column a quantity.
    table = np.array([
        [np.mean([value(result) for result in members]) for value in columns.values()]
        for members in scenes.values()
    ])
    weights = np.array([
        1.0 if average == 'scenes' else len(members) for members in scenes.values()
    ])
    report: Report = {'frames': len(results), 'scenes': len(scenes)}
    report.update(_nested(columns, np.average(table, axis=0, weights=weights).tolist()))
    report.setdefault('uncertainty', None)
    report['confidence_95'] = None
    if len(scenes) > 1:
        limits = bootstrap_limits(table, weights)
        intervals = _nested(columns, [[float(low), float(high)] for low, high in limits])
        report['confidence_95'] = {
            key: intervals[key] for key in ('raw', 'aligned', 'scale_error')
        }
    return report


def full_report(evaluation: Evaluation, average: str = 'scenes') -> Report:
    """
    Report a run: per domain, per data set, per scene and in total.

    Args:
        evaluation: What was measured.
        average: As in ``group_report``.

    Returns:
        ``indoor`` and ``outdoor`` (None where there is no frame), ``total``, ``by_dataset``,
        ``by_scene`` (all as ``group_report``, scenes without intervals), ``protocol``,
        ``latency_ms``, ``frames``, ``scenes`` and ``left_out`` (number of frames by reason).
    """
    results = evaluation.results
    total = group_report(results, average)
    latencies = np.array([result.latency_ms for result in results])
    report: Report = {
        'frames': total['frames'],
        'scenes': total['scenes'],
        'average': average,
        'left_out': {reason: len(names) for reason, names in evaluation.left_out.items()},
        'protocol': {
            key: value for key, value in vars(evaluation.protocol).items() if value is not None
        },
        'latency_ms': {
            'mean': float(latencies.mean()),
            'p50': float(np.percentile(latencies, 50)),
            'p90': float(np.percentile(latencies, 90)),
        },
        'indoor': None,
        'outdoor': None,
        'total': total,
    }
    for domain, members in _grouped(results, lambda result: result.info.domain).items():
        report[domain] = group_report(members, average)
    datasets = _grouped(results, lambda result: result.info.dataset)
    report['by_dataset'] = {
        name: group_report(members, average) for name, members in datasets.items()
    }
    report['by_scene'] = {}
    for name, members in _grouped(results, lambda result: result.info.scene).items():
        scene = group_report(members)
        del scene['confidence_95'], scene['scenes']
        report['by_scene'][name] = {
            'dataset': members[0].info.dataset, 'domain': members[0].info.domain, **scene
        }
    return report


def _getter(part: str, name: str) -> Callable[[FrameResult], float]:
    def value(result: FrameResult) -> float:
        values: Mapping[str, float] = getattr(result, part)
        return values[name]

    return value


def _grouped(
    results: Sequence[FrameResult], key: Callable[[FrameResult], str]
) -> dict[str, list[FrameResult]]:
    """Group results by a key, in the order of the keys."""
    groups: dict[str, list[FrameResult]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return dict(sorted(groups.items()))


def _nested(columns: Mapping[tuple[str, str], Any], values: Sequence[Any]) -> Report:
    """Turn flat columns into {part: {name: value}}, or {part: value} if there is no name."""
    report: Report = {}
    for (part, name), value in zip(columns, values, strict=True):
        if name:
            report.setdefault(part, {})[name] = value
        else:
            report[part] = value
    return report


def bootstrap_limits(
    table: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Return the central 95 % of column means when rows are drawn anew with replacement.

    Args:
        table: One row a scene, one column a quantity.
        weights: How much each row counts.

    Returns:
        Low and high limit of each column, (columns, 2); the same ones on every call.
    """
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    draws = rng.integers(len(table), size=(BOOTSTRAP_ROUNDS, len(table)))
    # How often each row was drawn, times its weight: one matrix product gives all means.
    shares = np.stack([np.bincount(draw, minlength=len(table)) for draw in draws]) * weights
    means = shares @ table / shares.sum(axis=1, keepdims=True)
    limits: NDArray[np.float64] = np.percentile(means, (2.5, 97.5), axis=0).T
    return limits

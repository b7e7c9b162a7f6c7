# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Reports as text: raw metric numbers first, aligned ones apart and under their own name."""

from collections.abc import Iterator, Mapping
from typing import Any

from scaledepth_ros.evaluation.metrics import METRIC_NAMES

_LABEL_WIDTH = 34
_AVERAGES = {
    'scenes': 'means over scenes of means over frames',
    'frames': 'means over frames; intervals from resampling scenes',
}
_UNCERTAINTY = {
    'ause_abs_rel': 'AUSE rel',
    'aurg_abs_rel': 'AURG rel',
    'ause_rmse': 'AUSE m',
    'aurg_rmse': 'AURG m',
    'within_1_sigma': 'in 1 sig',
    'within_2_sigma': 'in 2 sig',
    'expected_calibration_error': 'ECE',
}


def format_report(title: str, reports: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Format one or several reports over the same frames.

    Args:
        title: First line: the model, its weights, the data.
        reports: Full reports by name of the predictor; the first is the model, others baselines.
    """
    first = next(iter(reports.values()))
    protocol = first['protocol']
    lines = [
        title,
        f'{first["frames"]} frames of {first["scenes"]} scenes; {_AVERAGES[first["average"]]}.',
        f'Protocol {protocol["name"]}: ground truth {protocol["min_depth_m"]:g} .. '
        f'{protocol["max_depth_m"]:g} m, crop {protocol["crop"]}, predictions '
        f'{"clamped to that range" if protocol["clamp_prediction"] else "not clamped"}'
        f'{_rescaling(protocol)}.',
    ]
    for reason, count in first['left_out'].items():
        lines.append(f'Left out: {count} frame(s), because {reason}.')
    lines += ['', 'RAW metric depth: metres against metres, no alignment']
    lines += _metric_table(reports, 'raw')
    lines += ['', 'Scale error |log(S_pred / S_gt)| and its sign (positive: too far)']
    for label, group in _groups(reports):
        low, high = (group['confidence_95'] or {}).get('scale_error', (None, None))
        interval = '' if low is None else f'  [{low:.3f}, {high:.3f}]'
        lines.append(
            f'{label:{_LABEL_WIDTH}s} {group["scale_error"]:6.3f}{interval}  '
            f'{group["scale_offset"]:+.3f}'
        )
    lines += ['', 'SCALE-ALIGNED: one scalar a frame, exp(-median log(pred / gt)), was applied']
    lines += _metric_table(reports, 'aligned')
    lines += ['', 'Uncertainty (a calibrated Gaussian has 0.683 in 1 sigma, 0.954 in 2 sigma)']
    header = ''.join(f' {title:>9s}' for title in _UNCERTAINTY.values())
    lines.append(f'{"":{_LABEL_WIDTH}s}{header}')
    for label, group in _groups(reports):
        stated = group['uncertainty']
        cells = ''.join(f' {stated[n]:9.3f}' for n in _UNCERTAINTY) if stated else ' not stated'
        lines.append(f'{label:{_LABEL_WIDTH}s}{cells}')
    lines.append('')
    for name, report in reports.items():
        latency, coverage = report['latency_ms'], report['total']['coverage']
        lines.append(
            f'{name}: p50 {latency["p50"]:.1f} ms, p90 {latency["p90"]:.1f} ms a frame; depth '
            f'predicted for {100 * coverage:.1f} % of the ground truth.'
        )
    return '\n'.join(lines)


def _metric_table(reports: Mapping[str, Mapping[str, Any]], part: str) -> Iterator[str]:
    """Yield a row for each group, with the interval of d1 and AbsRel."""
    header = ''.join(f' {name:>8s}' for name in METRIC_NAMES)
    yield f'{"":{_LABEL_WIDTH}s}{header}   d1 95 %         abs_rel 95 %'
    for label, group in _groups(reports):
        cells = ''.join(f' {group[part][name]:8.3f}' for name in METRIC_NAMES)
        intervals = ''
        if group['confidence_95']:
            limits = group['confidence_95'][part]
            intervals = ''.join(
                f'   [{limits[name][0]:.3f}, {limits[name][1]:.3f}]' for name in ('d1', 'abs_rel')
            )
        yield f'{label:{_LABEL_WIDTH}s}{cells}{intervals}'


def _groups(
    reports: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield labelled groups: domains of all reports, data sets of the first, totals of all."""
    several = len(reports) > 1
    first = next(iter(reports.values()))
    for domain in ('indoor', 'outdoor', 'total'):
        if domain == 'total':
            for name, group in first['by_dataset'].items():
                yield _label(f'  {name}', group), group
        for name, report in reports.items():
            group = report[domain]
            if group is not None:
                yield _label(f'{domain}: {name}' if several else domain, group), group


def _label(name: str, group: Mapping[str, Any]) -> str:
    """Return a name with its numbers of frames and scenes, cut to the width of the column."""
    counts = f' ({group["frames"]}/{group["scenes"]})'
    return name[: _LABEL_WIDTH - len(counts)] + counts


def _rescaling(protocol: Mapping[str, Any]) -> str:
    reference = protocol.get('focal_reference_px')
    return '' if reference is None else f' and rescaled by focal / {reference:g} px'

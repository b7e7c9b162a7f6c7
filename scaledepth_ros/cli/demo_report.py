# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a demo run has shown: numbers, a strip of pictures and a cloud, all from its recording."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scaledepth_ros.bag import BagReader, decode_cloud, decode_image, stamp_ns_of
from scaledepth_ros.cli.processes import ProcessError
from scaledepth_ros.depth_strip import draw_depth_strip, frame_caption, StripFrame
from scaledepth_ros.evaluation.metrics import (
    aligned_depth_metrics,
    depth_metrics,
    log_scale_offset,
    mean_metrics,
)
from scaledepth_ros.evenly_spaced import evenly_spaced
from scaledepth_ros.pointcloud import known_mask
from scaledepth_ros.visualization import write_picture, write_ply
from scaledepth_ros.whole_file import write_file

FloatMap = npt.NDArray[np.float32]

_STRIP_ROWS = 4
# Metrics of all pixels take a while; this many frames, evenly spread, tell the same.
_EVALUATED_FRAMES = 30
_MIN_FINITE_SHARE = 0.05


@dataclass
class _Recording:
    """What is taken from the bag, by the stamp [ns] of the image it came from."""

    median_m: dict[int, float] = field(default_factory=dict)
    finite_share: dict[int, float] = field(default_factory=dict)
    zero_count: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    images: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    depths_m: dict[int, FloatMap] = field(default_factory=dict)
    sigmas_m: dict[int, FloatMap] = field(default_factory=dict)
    metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    aligned: list[dict[str, float]] = field(default_factory=list)
    log_scale_errors: list[float] = field(default_factory=list)
    scales_m: list[float] = field(default_factory=list)
    scenes: Counter[str] = field(default_factory=Counter)
    cloud: tuple[FloatMap, npt.NDArray[np.uint8] | None] | None = None
    cloud_finite_share: list[float] = field(default_factory=list)


class _Truth:
    """True depth by stamp, as the camera has written it down."""

    def __init__(self, folder: Path) -> None:
        path = folder / 'sent.json'
        if not path.exists():
            raise ProcessError('The camera process has not written what it sent.')
        self.facts: dict[str, Any] = json.loads(path.read_text())
        self._folder = folder
        self.frame_of = {int(stamp): int(number) for stamp, number in self.facts.pop('sent')}
        step = max(1, len(self.frame_of) // _EVALUATED_FRAMES)
        self._evaluated = set(sorted(self.frame_of)[::step])

    def is_evaluated(self, stamp_ns: int) -> bool:
        return stamp_ns in self._evaluated

    def depth_m(self, stamp_ns: int) -> FloatMap | None:
        path = self._folder / f'truth_{self.frame_of.get(stamp_ns, -1):05d}.npy'
        return np.asarray(np.load(path), np.float32) if path.exists() else None


def report(output: Path, truth_folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the recording of a run, write strip.png, cloud.ply and summary.json.

    Args:
        output: Folder with received.json and bag/.
        truth_folder: Folder with sent.json and, if there is a truth, truth_NNNNN.npy.
        facts: What else is known: model, model_status, ros_domain_id, start_s.

    Returns:
        The summary.

    """
    arrivals: dict[str, list[Any]] = json.loads((output / 'received.json').read_text())
    truth = _Truth(truth_folder)
    recording = _Recording()
    if (output / 'bag').is_dir():
        recording = _read_bag(output / 'bag', truth)
    summary = _summarize(arrivals, truth, recording, facts)
    _write_cloud(output, recording, summary)
    _write_strip(output, truth, recording, summary)
    write_file(output / 'summary.json', (json.dumps(summary, indent=2) + '\n').encode())
    return summary


def _read_bag(path: Path, truth: _Truth) -> _Recording:
    recording = _Recording()
    with BagReader(path) as bag:
        for message in bag.messages():
            value = message.value
            if message.topic == '/image':
                recording.images[stamp_ns_of(value.header)] = decode_image(value)
            elif message.topic == '/depth/image':
                _add_depth(recording, truth, stamp_ns_of(value.header), decode_image(value))
            elif message.topic == '/depth/uncertainty':
                recording.sigmas_m[stamp_ns_of(value.header)] = decode_image(value)
            elif message.topic == '/points':
                recording.cloud = decode_cloud(value)
                finite = np.isfinite(recording.cloud[0]).all(axis=-1)
                recording.cloud_finite_share.append(float(finite.mean()))
            elif message.topic == '/scale':
                recording.scales_m.append(float(value.data))
            elif message.topic == '/scene':
                recording.scenes[value.data] += 1
    return recording


def _add_depth(recording: _Recording, truth: _Truth, stamp_ns: int, depth: Any) -> None:
    depth_m = depth.astype(np.float32) / 1000 if depth.dtype == np.uint16 else depth
    if depth.dtype == np.uint16:
        depth_m[depth == 0] = np.nan
    finite = np.isfinite(depth_m)
    recording.zero_count += int((depth_m == 0).sum())
    recording.finite_share[stamp_ns] = float(finite.mean())
    recording.median_m[stamp_ns] = float(np.median(depth_m[finite])) if finite.any() else np.nan
    recording.sizes[f'{depth_m.shape[1]}x{depth_m.shape[0]}'] += 1
    if stamp_ns in recording.images:
        recording.depths_m[stamp_ns] = depth_m
    if not truth.is_evaluated(stamp_ns) and stamp_ns not in recording.images:
        return
    truth_m = truth.depth_m(stamp_ns)
    if truth_m is None or truth_m.shape != depth_m.shape:
        return
    valid = known_mask(depth_m) & known_mask(truth_m)
    if not valid.any():
        return
    predicted, true = depth_m[valid], truth_m[valid]
    recording.metrics[stamp_ns] = depth_metrics(predicted, true)
    recording.aligned.append(aligned_depth_metrics(predicted, true))
    recording.log_scale_errors.append(abs(log_scale_offset(predicted, true)))


def _summarize(
    arrivals: Mapping[str, list[Any]], truth: _Truth, recording: _Recording,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    status = facts.get('model_status', {})
    topics = {name: _topic_numbers(entries) for name, entries in arrivals.items()}
    both_ms = _latency_of_both(arrivals)
    depth = topics.get('depth/image', {})
    shares = list(recording.finite_share.values())
    error = None
    if recording.metrics:
        error = {
            'frames': len(recording.metrics), 'raw': mean_metrics(recording.metrics.values()),
            'aligned': mean_metrics(recording.aligned),
            'log_scale_error': float(np.mean(recording.log_scale_errors)),
        }
    return {
        'frames_sent': len(truth.frame_of),
        'depth_received': depth.get('received', 0),
        'points_received': topics.get('points', {}).get('received', 0),
        'p50_ms': _percentile(both_ms, 50),
        'p99_ms': _percentile(both_ms, 99),
        'fps': depth.get('rate_hz'),
        'finite_share': float(np.mean(shares)) if shares else 0.0,
        'points_finite_share': (float(np.mean(recording.cloud_finite_share))
                                if recording.cloud_finite_share else 0.0),
        'weights': status.get('weights', 'unknown'),
        'weights_sha256': status.get('sha256', ''),
        'model': facts.get('model', ''),
        'device': status.get('device', ''),
        'engine': status.get('engine', ''),
        'source': truth.facts.get('description', ''),
        'intrinsics': truth.facts.get('intrinsics', ''),
        'sizes': dict(recording.sizes),
        'rate_hz': truth.facts.get('rate_hz'),
        'median_depth_m': _middle(list(recording.median_m.values())),
        'scale_m': _middle(recording.scales_m),
        'scene': recording.scenes.most_common(1)[0][0] if recording.scenes else None,
        'zero_depth_pixels': recording.zero_count,
        'error': error,
        'start_s': facts.get('start_s'),
        'ros_domain_id': facts.get('ros_domain_id'),
        'topics': topics,
    }


def _topic_numbers(entries: list[Any]) -> dict[str, Any]:
    received_s = [entry[0] / 1e9 for entry in entries]
    latency_ms = [(received - stamp) / 1e6 for received, stamp, _ in entries if stamp is not None]
    span_s = received_s[-1] - received_s[0] if len(received_s) > 1 else 0.0
    return {
        'received': len(entries),
        'rate_hz': round((len(entries) - 1) / span_s, 2) if span_s > 0 else None,
        'p50_ms': _percentile(latency_ms, 50),
        'p99_ms': _percentile(latency_ms, 99),
        'megabytes': round(sum(size for _, _, size in entries) / 1e6, 1),
    }


def _latency_of_both(arrivals: Mapping[str, list[Any]]) -> list[float]:
    """Give, for each frame, the time from its stamp until depth and cloud had both arrived."""
    depth, points = ({stamp: received for received, stamp, _ in arrivals.get(topic, [])}
                     for topic in ('depth/image', 'points'))
    return [(max(depth[stamp], points[stamp]) - stamp) / 1e6 for stamp in depth if stamp in points]


def _percentile(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 2) if values else None


def _middle(values: list[float]) -> float | None:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.median(finite)) if finite else None


def problems_of(summary: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a run; nothing if depth and clouds arrived and are finite."""
    problems = []
    for key, name in (('depth_received', 'depth image'), ('points_received', 'point cloud')):
        if not summary[key]:
            problems.append(f'No {name} was received for {summary["frames_sent"]} images.')
    for key, received, name in (('finite_share', 'depth_received', 'depth'),
                                ('points_finite_share', 'points_received', 'cloud')):
        if summary[received] and summary[key] < _MIN_FINITE_SHARE:
            problems.append(f'Only {100 * summary[key]:.1f} % of the {name} is finite.')
    if summary['zero_depth_pixels']:
        problems.append(f'{summary["zero_depth_pixels"]} depths are 0, which REP 117 forbids.')
    return problems


def format_table(summary: Mapping[str, Any]) -> str:
    """Make the table that is printed."""
    def number(value: float | None, digits: int = 1) -> str:
        return '-' if value is None else f'{value:.{digits}f}'

    head = f'{"topic":<20}{"received":>12}{"rate [Hz]":>12}{"p50 [ms]":>11}{"p99 [ms]":>11}'
    lines = ['', head, '-' * len(head)]
    sent = summary['frames_sent']
    for name, topic in summary['topics'].items():
        per_frame = name != '/diagnostics'
        count = f'{topic["received"]} / {sent}' if per_frame else str(topic['received'])
        lines.append(f'{name:<20}{count:>12}{number(topic["rate_hz"]):>12}'
                     f'{number(topic["p50_ms"]):>11}{number(topic["p99_ms"]):>11}')
    lines += [
        f'{"depth and points":<20}{"":>12}{"":>12}{number(summary["p50_ms"]):>11}'
        f'{number(summary["p99_ms"]):>11}', '-' * len(head),
        'Latency: from the stamp of the image until the message was received.', '',
        f'model    {summary["model"]} on {summary["device"]} with {summary["engine"]}',
        f'weights  {summary["weights"]}',
        f'source   {summary["source"]}, {", ".join(summary["sizes"]) or "no depth"}, '
        f'{number(summary["rate_hz"])} Hz; intrinsics: {summary["intrinsics"]}',
        f'depth    median {number(summary["median_depth_m"], 2)} m, '
        f'{100 * summary["finite_share"]:.1f} % finite, scale {number(summary["scale_m"], 2)} m, '
        f'scene {summary["scene"] or "unknown"}',
    ]
    error = summary['error']
    if error:
        raw, aligned = error['raw'], error['aligned']
        lines += [
            f'error    AbsRel {raw["abs_rel"]:.3f}, delta1 {raw["d1"]:.3f}, RMSE '
            f'{raw["rmse"]:.2f} m; scale off by a factor of '
            f'{np.exp(error["log_scale_error"]):.2f}',
            f'         with the scale aligned: AbsRel {aligned["abs_rel"]:.3f}, delta1 '
            f'{aligned["d1"]:.3f}   ({error["frames"]} frames)']
    return '\n'.join(lines)


def _write_cloud(output: Path, recording: _Recording, summary: Mapping[str, Any]) -> None:
    if recording.cloud is None:
        return
    points, rgb = recording.cloud
    write_ply(output / 'cloud.ply', points, rgb, comments=[
        f'model {summary["model"]}, weights: {summary["weights"]}',
        f'source {summary["source"]}, intrinsics: {summary["intrinsics"]}',
        'metres in the optical frame: x right, y down, z forward'])


def _write_strip(
    output: Path, truth: _Truth, recording: _Recording, summary: Mapping[str, Any],
) -> None:
    # A source that loops shows the same image again; one row is enough for it.
    first_stamp_of = {truth.frame_of.get(stamp, stamp): stamp for stamp in sorted(
        set(recording.images) & set(recording.depths_m), reverse=True)}
    stamps = sorted(first_stamp_of.values())
    if not stamps:
        return
    chosen = [stamps[i] for i in evenly_spaced(len(stamps), _STRIP_ROWS)]
    first_ns = min(truth.frame_of)
    title = [f'ScaleDepth {summary["model"]}    weights: {summary["weights"]}',
             f'{summary["source"]}    intrinsics: {summary["intrinsics"]}']
    write_picture(output / 'strip.png', draw_depth_strip(title, [
        StripFrame(
            caption=frame_caption((stamp - first_ns) / 1e9, recording.median_m[stamp],
                                  recording.metrics.get(stamp)),
            rgb_HW3=recording.images[stamp], depth_m=recording.depths_m[stamp],
            uncertainty_m=recording.sigmas_m.get(stamp), truth_m=truth.depth_m(stamp))
        for stamp in chosen]))

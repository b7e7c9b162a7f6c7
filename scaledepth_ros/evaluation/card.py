# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The tables of a model card, in Markdown, from the JSON that ``evaluate`` writes.

A number that is copied by hand is wrong sooner or later, so a card has marked blocks that are
written anew from measurements: ``<!-- results -->`` up to ``<!-- /results -->``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
import math
import re
from typing import Any

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.evaluation.compare import paired_difference

DOMAINS = ('indoor', 'outdoor')
Report = Mapping[str, Any]


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """
    Replace the marked blocks of a text.

    Args:
        text: The card.
        blocks: New content of each block by name.

    Raises:
        ConfigError: The card has no such block, or one that does not end.
    """
    for name, content in blocks.items():
        pattern = re.compile(
            rf'(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)', re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ConfigError(
                f'The card has no block {name!r}, or several; expected one line '
                f'"<!-- {name} -->" and a later one "<!-- /{name} -->".')
        text = pattern.sub(lambda match, body=content: (  # type: ignore[misc]
            f'{match[1]}\n{body.strip()}\n\n{match[2]}'), text)
    return text


def block_names(text: str) -> list[str]:
    """Return the names of the blocks of a card, in order."""
    return re.findall(r'<!-- ([a-z-]+) -->\n', text)


def results_tables(reports: Mapping[str, Report]) -> str:
    """
    Return raw and aligned numbers of several predictors on the same frames.

    Args:
        reports: Full report of each by name; the first is the model.
    """
    first = next(iter(reports.values()))
    counts = ', '.join(
        f'{first[domain]["frames"]} {domain} frames of {first[domain]["scenes"]} scenes'
        for domain in DOMAINS if first[domain])
    lines = [f'{counts}; means over scenes of means over frames, 95 % intervals by resampling '
             'scenes in brackets.', '',
             '| raw: metres against metres | delta1 | delta2 | AbsRel | RMSE [m] | scale error |',
             '|---|---|---|---|---|---|']
    for domain, name, group in _groups(reports):
        lines.append(_row(f'{domain}, {name}', group, (
            ('raw', 'd1', True), ('raw', 'd2', False), ('raw', 'abs_rel', True),
            ('raw', 'rmse', False), ('scale_error', None, True))))
    lines += ['', '| aligned by one factor a frame | delta1 | AbsRel | RMSE [m] | SILog |',
              '|---|---|---|---|---|']
    for domain, name, group in _groups(reports):
        lines.append(_row(f'{domain}, {name}', group, (
            ('aligned', 'd1', True), ('aligned', 'abs_rel', True), ('aligned', 'rmse', False),
            ('aligned', 'silog', False))))
    return '\n'.join(lines)


def differences_table(reports: Mapping[str, Report]) -> str:
    """
    Return how the model differs from each of the others, paired by scene.

    Args:
        reports: As for ``results_tables``; at least two.
    """
    (model, first), *others = reports.items()
    lines = [f'| {model} less ... | delta1 | AbsRel | aligned delta1 |', '|---|---|---|---|']
    for domain in DOMAINS:
        for name, report in others:
            cells = []
            for part, key in (('raw', 'd1'), ('raw', 'abs_rel'), ('aligned', 'd1')):
                ours, theirs = ({scene: values[part][key]
                                 for scene, values in source['by_scene'].items()
                                 if values['domain'] == domain} for source in (first, report))
                if not ours:
                    break
                found = paired_difference(ours, theirs)
                cells.append(f'{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]')
            if cells:
                lines.append(f'| {domain}, {name} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def datasets_table(report: Report) -> str:
    """Return the numbers of each data set, best delta1 first within a domain."""
    domain_of = {values['dataset']: values['domain'] for values in report['by_scene'].values()}
    lines = ['| | data set | frames | scenes | delta1 | AbsRel | aligned delta1 | scale off by |',
             '|---|---|---|---|---|---|---|---|']
    for domain in DOMAINS:
        members = [(name, group) for name, group in report['by_dataset'].items()
                   if domain_of.get(name) == domain]
        for name, group in sorted(members, key=lambda member: -member[1]['raw']['d1']):
            lines.append(
                f'| {domain} | {name} | {group["frames"]} | {group["scenes"]} '
                f'| {group["raw"]["d1"]:.2f} | {group["raw"]["abs_rel"]:.2f} '
                f'| {group["aligned"]["d1"]:.2f} | x{math.exp(group["scale_offset"]):.2f} |')
    return '\n'.join(lines)


def sources_table(rows: Iterable[Mapping[str, str]]) -> str:
    """
    Return which data sets were learnt from and measured by, and their licences.

    Args:
        rows: Those of an index.csv, with its columns ``dataset``, ``domain`` and ``split``, and
            with ``licence`` where somebody has noted it.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    licences: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        key = row['domain'], row['dataset']
        counts[key][row['split']] += 1
        # What the frames were found beside has a licence of its own, after the semicolon.
        licences[key].add((row.get('licence') or 'unknown').partition('; repo ')[0])
    lines = ['| | data set | frames to train | to measure | licence |', '|---|---|---|---|---|']
    lines += [f'| {domain} | {name} | {counts[domain, name]["train"]} '
              f'| {counts[domain, name]["val"]} | {", ".join(sorted(licences[domain, name]))} |'
              for domain, name in sorted(counts)]
    return '\n'.join(lines)


def uncertainty_table(report: Report) -> str:
    """Return how well the stated uncertainty orders and covers the errors."""
    lines = ['| | AUSE AbsRel | of a random order | less by | AUSE RMSE [m] | of a random order '
             '| within 1 sigma (68.3 %) | within 2 sigma (95.4 %) | calibration error |',
             '|---|---|---|---|---|---|---|---|---|']
    for domain in DOMAINS:
        if not report[domain]:
            continue
        stated = report[domain]['uncertainty']
        if stated is None:
            lines.append(f'| {domain} | not stated {"| " * 7}|')
            continue
        chance = stated['ause_abs_rel'] + stated['aurg_abs_rel']
        chance_m = stated['ause_rmse'] + stated['aurg_rmse']
        lines.append(
            f'| {domain} | {stated["ause_abs_rel"]:.3f} | {chance:.3f} '
            f'| {100 * stated["aurg_abs_rel"] / chance:.0f} % '
            f'| {stated["ause_rmse"]:.2f} | {chance_m:.2f} '
            f'| {100 * stated["within_1_sigma"]:.0f} % | {100 * stated["within_2_sigma"]:.0f} % '
            f'| {stated["expected_calibration_error"]:.2f} |')
    return '\n'.join(lines)


def _groups(reports: Mapping[str, Report]) -> list[tuple[str, str, Report]]:
    return [(domain, name, report[domain]) for domain in DOMAINS
            for name, report in reports.items() if report[domain]]


def _row(label: str, group: Report, cells: Sequence[tuple[str, str | None, bool]]) -> str:
    texts = []
    for part, key, with_interval in cells:
        value = group[part] if key is None else group[part][key]
        text = f'{value:.1f}' if key == 'silog' else f'{value:.3f}'
        limits = group['confidence_95']
        if with_interval and limits is not None:
            low, high = limits[part] if key is None else limits[part][key]
            text += f' [{low:.3f}, {high:.3f}]'
        texts.append(text)
    return f'| {label} | {" | ".join(texts)} |'

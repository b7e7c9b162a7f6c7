# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a model card: right numbers in the right place, and nothing else touched."""

import pytest
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.evaluation import card


def group(d1=0.5, abs_rel=0.25, scenes=2, **changes):
    """Return a group report with few different numbers."""
    metrics = dict.fromkeys(('d2', 'rmse', 'silog'), 0.125)
    return {
        'frames': 3, 'scenes': scenes, 'scale_error': 0.2, 'scale_offset': 0.6931472,
        'raw': {**metrics, 'd1': d1, 'abs_rel': abs_rel},
        'aligned': {**metrics, 'd1': 0.875, 'abs_rel': 0.0625},
        'confidence_95': {
            'raw': {'d1': [0.4, 0.6], 'abs_rel': [0.2, 0.3]}, 'scale_error': [0.1, 0.3],
            'aligned': {'d1': [0.8, 0.9], 'abs_rel': [0.05, 0.07]}} if scenes > 1 else None,
        'uncertainty': {
            'ause_abs_rel': 0.03, 'aurg_abs_rel': 0.07, 'ause_rmse': 0.5, 'aurg_rmse': 0.5,
            'within_1_sigma': 0.68, 'within_2_sigma': 0.951, 'expected_calibration_error': 0.02},
        **changes}


def report(d1=0.5, **changes):
    scenes = {name: {'domain': 'indoor', 'dataset': 'rooms', **group(value, scenes=1)}
              for name, value in (('a', d1), ('b', d1 + 0.25))}
    return {'indoor': group(d1), 'outdoor': None, 'by_scene': scenes,
            'by_dataset': {'rooms': group(d1)}, **changes}


def test_results_have_a_row_for_each_predictor_and_domain():
    text = card.results_tables({'`lite`': report(), 'mean': report(0.25)}).splitlines()
    assert text[0].startswith('3 indoor frames of 2 scenes; means over scenes')
    assert '| indoor, `lite` | 0.500 [0.400, 0.600] | 0.125 | 0.250 [0.200, 0.300] | 0.125 | ' \
           '0.200 [0.100, 0.300] |' in text
    assert '| indoor, mean | 0.875 [0.800, 0.900] | 0.062 [0.050, 0.070] | 0.125 | 0.1 |' in text
    assert not any('outdoor' in line for line in text)
    single = card.results_tables({'x': report(indoor=group(scenes=1))})
    assert '| indoor, x | 0.500 | 0.125 | 0.250 | 0.125 | 0.200 |' in single


def test_differences_are_paired():
    lines = card.differences_table({'`lite`': report(0.5), 'mean': report(0.25)}).splitlines()
    # Both scenes are better by 0.25, so nothing is left to doubt.
    assert lines[2:] == ['| indoor, mean | +0.250 [+0.250, +0.250] | +0.000 [+0.000, +0.000] | '
                         '+0.000 [+0.000, +0.000] |']


def test_data_sets_are_sorted_and_the_scale_is_a_factor():
    lines = card.datasets_table(report(by_scene={
        'a': {'domain': 'indoor', 'dataset': 'low'}, 'b': {'domain': 'indoor', 'dataset': 'high'},
        'c': {'domain': 'outdoor', 'dataset': 'street'}}, by_dataset={
            'street': group(0.9), 'low': group(0.1), 'high': group(0.3)})).splitlines()
    assert [line.split(' | ')[1] for line in lines[2:]] == ['high', 'low', 'street']
    assert lines[2] == '| indoor | high | 3 | 2 | 0.30 | 0.25 | 0.88 | x2.00 |'


def test_uncertainty_is_compared_with_a_random_order():
    lines = card.uncertainty_table(report(outdoor=group(uncertainty=None))).splitlines()
    # AUSE + AURG is what a random order has: 0.03 of 0.10 is 70 % less.
    assert lines[2] == '| indoor | 0.030 | 0.100 | 70 % | 0.50 | 1.00 | 68 % | 95 % | 0.02 |'
    assert lines[3].startswith('| outdoor | not stated')
    assert all(line.count('|') == lines[0].count('|') for line in lines)


def test_blocks_are_replaced_and_the_rest_is_left_alone():
    text = 'a\n<!-- results -->\nold\n<!-- /results -->\nb\n<!-- curves -->\n<!-- /curves -->\n'
    assert card.block_names(text) == ['results', 'curves']
    once = card.fill_blocks(text, {'results': r'new \1 | x'})
    assert once == ('a\n<!-- results -->\n\nnew \\1 | x\n\n<!-- /results -->\nb\n'
                    '<!-- curves -->\n<!-- /curves -->\n')
    assert card.fill_blocks(once, {'results': r'new \1 | x'}) == once
    for broken in ('', '<!-- results -->\n', text + text):
        with pytest.raises(ConfigError, match="no block 'results', or several"):
            card.fill_blocks(broken, {'results': 'x'})


def test_sources_are_counted_with_the_licences_of_the_data_sets():
    def row(split, dataset, licence, domain='outdoor'):
        return {'split': split, 'dataset': dataset, 'licence': licence, 'domain': domain}
    text = card.sources_table([
        row('train', 'KITTI', 'CC BY-NC-SA 3.0 (KITTI dataset); repo MIT'),
        row('train', 'KITTI', 'CC BY-NC-SA 3.0 (KITTI dataset); repo none'),
        row('val', 'KITTI', 'CC BY-NC-SA 3.0 (KITTI dataset)'),
        row('val', 'capture', '', 'indoor'), row('val', 'capture', 'MIT', 'indoor')])
    assert text.splitlines()[2:] == [
        '| indoor | capture | 0 | 2 | MIT, unknown |',
        '| outdoor | KITTI | 2 | 1 | CC BY-NC-SA 3.0 (KITTI dataset) |']

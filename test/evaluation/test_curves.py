# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of a run: what the log says is where the axes say."""

import json

import numpy as np
import pytest
from scaledepth_ros.errors import DatasetError
from scaledepth_ros.evaluation.curves import draw_panels, Line, Panel, training_panels


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def test_panels_hold_the_smoothed_loss_and_the_held_out_scenes(tmp_path):
    write(tmp_path / 'run' / 'log.jsonl',
          [{'step': step, 'loss': 9.0, 'loss_depth': float(step % 2)} for step in range(200)])
    loss, = training_panels(tmp_path / 'run')
    # Four steps a point: their mean step, counted from one, and their mean loss.
    assert loss.lines[0].points[:2] == [(2.5, 0.5), (6.5, 0.5)]
    assert len(loss.lines[0].points) == 50
    write(tmp_path / 'dev' / 'dev.jsonl', [
        {'step': 10, 'indoor': {'d1': 0.25, 'aligned_d1': 0.5}},
        {'step': 20, 'indoor': {'d1': 0.5, 'aligned_d1': 0.75}}])
    _, dev = training_panels(tmp_path / 'run', tmp_path / 'dev')
    assert [(line.name, line.points) for line in dev.lines] == [
        ('indoor', [(10, 0.25), (20, 0.5)]), ('indoor, aligned', [(10, 0.5), (20, 0.75)])]
    with pytest.raises(DatasetError, match=r'has no log\.jsonl with steps'):
        training_panels(tmp_path / 'dev')


def test_a_line_is_drawn_where_its_points_are():
    panel = Panel(title='', x_label='', lines=[Line(name='', points=[(0, 0), (100, 10)])])
    picture = draw_panels([panel, panel], width=400, height=300)
    assert picture.shape == (300, 800, 3)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero((picture[:, :400] == (0, 114, 178)).all(axis=2))
    assert len(rows) > 200
    # The axes span 0..100 from column 58 to 384 and 0..10 from row 256 up to 44.
    straight = 256 - (columns - 58) * (256 - 44) / (384 - 58)
    assert np.abs(rows - straight).max() < 2.5
    assert (columns.min(), columns.max()) == (pytest.approx(58, abs=2), pytest.approx(384, abs=2))


@pytest.mark.parametrize('points', [[(1, 2.0)], [(1, 2.0), (2, 2.0)], [(0, -1e-5), (1, 3e7)]])
def test_flat_and_steep_curves_can_be_drawn(points):
    picture = draw_panels([Panel(title='t', x_label='x', lines=[Line(name='n', points=points)])])
    assert picture.min() < 255

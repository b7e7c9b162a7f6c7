# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The model card script: a card's blocks are filled from what was measured."""

import json
from pathlib import Path
import sys
from types import SimpleNamespace

import cv2
from file_size_limit import largest_file
import numpy as np
import pytest
from scaledepth_ros.data.sample import FrameInfo, RgbdSample
from scaledepth_ros.model.scaledepth import DepthOutput

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'benchmarks'))

import model_card  # noqa: E402


class Frames:
    """Six frames of three places; the further the place, the more is missing."""

    infos = [FrameInfo(name=f'{scene}{i}', dataset='rooms', domain='indoor', scene=scene,
                       width=64, height=48) for scene in 'abc' for i in range(2)]

    def __len__(self):
        return len(self.infos)

    def __getitem__(self, index):
        depth_m = np.full((48, 64), 2.0 + index // 2, np.float32)
        depth_m[:20] = np.nan
        rgb = np.full((48, 64, 3), (1, 254, 3), np.uint8)
        return RgbdSample(info=self.infos[index], rgb_HW3=rgb, depth_m_HW=depth_m)


class StandIn:
    """Says 2 m everywhere."""

    def __init__(self, *_args, **_options):
        pass

    def infer(self, rgb_HW3, camera=None):
        depth = np.full(rgb_HW3.shape[:2], 2.0, np.float32)
        return DepthOutput(depth_m=depth, relative_depth=depth, uncertainty_m=depth, scale_m=1.0,
                           scene=None, scene_probabilities=None)

    def close(self):
        pass


def test_failures_show_the_worst_frame_of_each_place_without_its_image(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(model_card, 'Predictor', StandIn)
    monkeypatch.setattr(model_card, 'open_dataset', lambda *_: Frames())
    original = model_card.draw_output_maps
    monkeypatch.setattr(model_card, 'draw_output_maps', lambda worst, *args, **options: (
        drawn.append([result.info.scene for result in worst]), original(worst, *args, **options)
    )[1])
    model_card.draw_failures(SimpleNamespace(
        model='lite', data='index.csv', split='val', engine='torch', output=tmp_path))
    assert drawn[0] == ['c', 'b', 'a']
    assert [path.name for path in tmp_path.iterdir()] == ['lite_failures_indoor.png']
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / 'lite_failures_indoor.png')),
                           cv2.COLOR_BGR2RGB)
    assert (tmp_path / 'lite_failures_indoor.png').stat().st_size < 150_000
    assert not (picture == (1, 254, 3)).all(axis=2).any()
    # Grey where there is no truth, in the error map alone: 20 of 48 rows of three maps.
    grey = (picture == 110).all(axis=2)
    assert grey[:, picture.shape[1] // 2:].sum() == pytest.approx(3 * 320 * 100, rel=0.02)
    # The edges of letters may have any grey.
    assert grey[:, :picture.shape[1] // 2].sum() < 100


@pytest.fixture
def measured(tmp_path):
    metrics = dict.fromkeys(('d1', 'd2', 'abs_rel', 'rmse', 'silog'), 0.5)
    group = {'frames': 1, 'scenes': 1, 'scale_error': 0.1, 'scale_offset': 0.1, 'raw': metrics,
             'aligned': metrics, 'confidence_95': None, 'uncertainty': None}
    report = {'indoor': group, 'outdoor': None, 'by_dataset': {'rooms': group},
              'by_scene': {'a': {'domain': 'indoor', 'dataset': 'rooms', **group}}}
    for folder, extra in (('model', {'baselines': {'mean-depth-per-domain': report}}),
                          ('compare0', {})):
        (tmp_path / 'out' / folder).mkdir(parents=True)
        (tmp_path / 'out' / folder / 'evaluation.json').write_text(
            json.dumps({**report, **extra}))
    (tmp_path / 'out' / 'compare0' / 'name.txt').write_text('direct regression')
    (tmp_path / 'out' / 'lite_failures_indoor.png').write_bytes(b'png')
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'log.jsonl').write_text('{"step": 0, "loss_depth": 2.0}\n')
    return tmp_path


def write(measured, card, *extra):
    path = measured / 'docs' / 'card.md'
    path.parent.mkdir(exist_ok=True)
    path.write_text(card)
    code = model_card.main(['write', str(measured / 'out'), '--card', str(path), '--images',
                            str(measured / 'docs' / 'images'), *map(str, extra)])
    return code, path.read_text()


def test_only_the_blocks_that_the_card_has_are_filled(measured, capsys):
    code, text = write(
        measured, '# Card\n<!-- results -->\n<!-- /results -->\n<!-- failures -->\n'
        '<!-- /failures -->\n<!-- curves -->\n<!-- /curves -->\n<!-- ablations -->\nkept\n'
        '<!-- /ablations -->\n', '--run', measured / 'run')
    assert code == 0
    assert '| indoor, `lite` | 0.500 |' in text
    assert '| indoor, direct regression | 0.500 |' in text
    assert '| indoor, mean depth | 0.500 |' in text
    assert '![worst indoor frames](images/lite_failures_indoor.png)' in text
    assert (measured / 'docs' / 'images' / 'lite_failures_indoor.png').read_bytes() == b'png'
    assert cv2.imread(str(measured / 'docs' / 'images' / 'lite_training.png')) is not None
    # Nothing was held out.
    assert '![depth loss of the last layer](images/lite_training.png)' in text
    assert '<!-- ablations -->\nkept\n<!-- /ablations -->' in text
    assert 'nothing given for ablations' in capsys.readouterr().out


def test_sources_come_from_the_index(measured):
    index = measured / 'index.csv'
    index.write_text('split,domain,dataset,licence\ntrain,indoor,rooms,CC BY 4.0\n'
                     'val,indoor,rooms,CC BY 4.0\n', encoding='utf-8-sig')
    code, text = write(measured, '<!-- sources -->\n<!-- /sources -->\n', '--data', index)
    assert code == 0
    assert '| indoor | rooms | 1 | 1 | CC BY 4.0 |' in text


def test_a_card_that_does_not_fit_on_the_disk_stays_as_it_was(measured, capsys):
    card = f'# Card\n<!-- results -->\nold\n<!-- /results -->\n{"text " * 100}\n'
    path = measured / 'docs' / 'card.md'
    path.parent.mkdir()
    path.write_text(card)
    with largest_file(200):
        assert model_card.main(['write', str(measured / 'out'), '--card', str(path), '--images',
                                str(measured / 'docs' / 'images')]) == 1
    assert 'card.md cannot be written' in capsys.readouterr().err
    assert path.read_text() == card
    assert sorted(entry.name for entry in path.parent.iterdir()) == ['card.md', 'images']


def test_a_card_without_blocks_is_left_alone(measured, capsys):
    code, text = write(measured, '# Card\n')
    assert (code, text) == (1, '# Card\n')
    assert 'has no block that can be filled' in capsys.readouterr().err

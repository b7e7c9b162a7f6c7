# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluate command from its options to its output, with a stand-in for the network."""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

from mini_frames import Folder
import numpy as np
from picture_files import save
import pytest
from scaledepth_ros.cli import evaluate as command
from scaledepth_ros.errors import ConfigError, DatasetError, ImageError, SourceError
from scaledepth_ros.evaluation import baselines
from scaledepth_ros.inference import predictor as predictor_module
from scaledepth_ros.model import checkpoint
from scaledepth_ros.model.scaledepth import DepthOutput


class StandIn:
    """Says 2 m everywhere."""

    made: list['StandIn'] = []
    path = None

    def __init__(self, model='lite', **options):
        self.options = {'model': model, **options}
        self.weights = SimpleNamespace(
            description='stand-in', trained=False, sha256='', path=self.path)
        self.config = SimpleNamespace(canonical_focal_px=300.0, uncertainty_scale=3.0)
        self.device, self.engine, self.closed = 'cpu', 'none', False
        StandIn.made.append(self)

    def infer(self, rgb_HW3, camera=None):
        depth = np.full(rgb_HW3.shape[:2], 2.0, np.float32)
        return DepthOutput(
            depth_m=depth, relative_depth=depth / 4, uncertainty_m=depth / 10, scale_m=4.0,
            scene=None, scene_probabilities=None)

    def close(self):
        self.closed = True


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Return an index with rooms of 2.5 m and streets of 10 m."""
    monkeypatch.setattr(predictor_module, 'Predictor', StandIn)
    StandIn.made.clear()
    folder = Folder(tmp_path)
    for split in ('train', 'val'):
        for number in range(2):
            folder.add(f'{split}_room{number}', size=(64, 96), split=split,
                       depth=np.full((64, 96), 2500, np.uint16))
            folder.add(f'{split}_street{number}', size=(64, 96), split=split, domain='outdoor',
                       depth=np.full((64, 96), 10_000, np.uint16))
    return folder.write()


def _run(*options):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(option) for option in options]))


def test_json_has_what_the_documentation_promises(index, capsys):
    assert _run('--data', index, '--json', '--baseline', 'mean-log-depth-per-domain') == 0
    report = json.loads(capsys.readouterr().out)
    assert report['indoor']['raw']['abs_rel'] == pytest.approx(0.2)
    assert report['outdoor']['raw']['abs_rel'] == pytest.approx(0.8)
    assert report['indoor']['aligned']['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert report['outdoor']['scale_error'] == pytest.approx(np.log(5))
    assert (report['indoor']['frames'], report['indoor']['scenes']) == (2, 2)
    assert (report['split'], report['average']) == ('val', 'scenes')
    assert report['weights'] == 'stand-in'
    baseline = report['baselines']['mean-log-depth-per-domain']
    assert baseline['indoor']['raw']['abs_rel'] == pytest.approx(0.0, abs=1e-4)
    assert StandIn.made[0].closed


def test_tables_name_the_weights_and_every_predictor(index, capsys):
    assert _run('--data', index, '--baseline', 'mean-depth', '--split', 'train') == 0
    captured = capsys.readouterr()
    assert captured.out.startswith('stand-in on cpu (none), ')
    assert 'split train' in captured.out
    assert 'indoor: lite (2/2)' in captured.out
    assert 'indoor: mean-depth (2/2)' in captured.out
    assert '4/4 frames measured' in captured.err
    assert '\r' not in captured.out


def test_pictures_and_report_are_written(index, tmp_path, capsys):
    output = tmp_path / 'out/here'
    assert _run('--data', index, '--worst', 3, '--output', output, '--max-frames', 3) == 0
    assert len(list(output.glob('worst_*.png'))) == 3
    assert json.loads((output / 'evaluation.json').read_text())['frames'] == 3
    assert 'evaluation.json and 3 picture(s)' in capsys.readouterr().err


def test_a_result_is_not_lost_where_a_picture_finds_no_space(index, tmp_path, capsys, monkeypatch):
    def full(path, strip):
        raise SourceError(f'{path} cannot be written (No space left on device)')
    monkeypatch.setattr('scaledepth_ros.evaluation.pictures.write_picture', full)
    with pytest.raises(SourceError, match='worst_01_outdoor.png cannot be written'):
        _run('--data', index, '--json', '--worst', 1, '--output', tmp_path / 'out')
    assert json.loads(capsys.readouterr().out)['frames'] == 4
    assert json.loads((tmp_path / 'out' / 'evaluation.json').read_text())['frames'] == 4


def test_options_reach_the_predictor_and_the_protocol(index, capsys):
    _run('--data', index, '--model', 'nk', '--weights', 'w.safetensors', '--device', 'cpu',
         '--engine', 'torch', '--precision', 'bf16', '--protocol', 'sunrgbd', '--json',
         '--average', 'frames', '--mode', 'slide_flip')
    report = json.loads(capsys.readouterr().out)
    assert StandIn.made[0].options == {
        'model': 'nk', 'weights': Path('w.safetensors'), 'device': 'cpu', 'engine': 'torch',
        'precision': 'bf16', 'mode': 'slide_flip'}
    # The stand-in states a canonical focal length, so its depth is not rescaled again.
    assert 'focal_reference_px' not in report['protocol']
    assert report['protocol']['max_depth_m'] == 8.0
    assert report['outdoor'] is None
    assert report['left_out'] == {'no valid ground truth within crop and limits': 2}
    assert report['average'] == 'frames'


@pytest.mark.parametrize('protocol', ['nyu', 'kitti'])
def test_predictions_are_clamped_only_where_they_are_to_be(
        index, capsys, monkeypatch, protocol):
    def infer(self, rgb_HW3, camera=None):
        depth = np.full(rgb_HW3.shape[:2], 100.0, np.float32)
        return DepthOutput(
            depth_m=depth, relative_depth=depth / 100, uncertainty_m=depth / 10, scale_m=100.0,
            scene=None, scene_probabilities=None)
    monkeypatch.setattr(StandIn, 'infer', infer)
    limit_m = {'nyu': 10.0, 'kitti': 80.0}[protocol]
    for options, said_m in (((), limit_m), (('--no-clamp',), 100.0)):
        _run('--data', index, '--protocol', protocol, '--json', *options)
        report = json.loads(capsys.readouterr().out)
        assert report['indoor']['raw']['abs_rel'] == pytest.approx(said_m / 2.5 - 1)
        assert report['protocol']['name'] == protocol
        assert report['protocol']['clamp_prediction'] == (not options)


def test_a_network_without_canonical_focal_length_is_rescaled(index, capsys, monkeypatch):
    monkeypatch.setattr(
        StandIn, '__init__', lambda self, model='lite', **options: self.__dict__.update(
            weights=SimpleNamespace(description='x', trained=True, sha256='ab'),
            config=SimpleNamespace(canonical_focal_px=None), device='cpu', engine='none'))
    _run('--data', index, '--protocol', 'sunrgbd', '--json')
    report = json.loads(capsys.readouterr().out)
    # 2 m times 30 px / 519.16 px is 0.1156 m, where 2.5 m is right.
    assert report['indoor']['raw']['abs_rel'] == pytest.approx(1 - 0.11557 / 2.5, rel=1e-4)


def test_senseless_options_are_refused(index):
    with pytest.raises(ConfigError, match='--worst 2 needs a folder'):
        _run('--data', index, '--worst', 2)
    with pytest.raises(ConfigError, match='--max-frames is 0'):
        _run('--data', index, '--max-frames', 0)
    with pytest.raises(DatasetError, match='no such file or folder'):
        _run('--data', '/nowhere/index.csv')
    with pytest.raises(ConfigError, match=r'/index\.csv/out cannot be written \('):
        _run('--data', index, '--output', index / 'out')
    with pytest.raises(ConfigError, match='--worst is -1; expected 0 or more'):
        _run('--data', index, '--worst', -1, '--output', index.parent / 'out')
    with pytest.raises(ConfigError, match=r'--fit-uncertainty .* is a folder; expected the name'):
        _run('--data', index, '--fit-uncertainty', index.parent)
    with pytest.raises(DatasetError, match='nowhere: there is no such file'):
        _run('--data', index, '--baseline', 'mean-depth', '--train', '/nowhere')
    assert StandIn.made == [], 'data is opened before a network is loaded'


def test_the_command_offers_every_baseline():
    assert command.BASELINES == baselines.BASELINES


def test_the_real_network_is_measured(tmp_path, capsys):
    folder = Folder(tmp_path)
    folder.add('room', size=(64, 96), split='val', fx='80', fy='80', cx='48', cy='32')
    _run('--data', folder.write(), '--device', 'cpu', '--engine', 'torch', '--precision', 'fp32',
         '--json')
    report = json.loads(capsys.readouterr().out)
    assert report['indoor']['frames'] == 1
    assert report['indoor']['coverage'] == 1.0
    assert 0.0 <= report['indoor']['raw']['d1'] <= 1.0
    assert report['indoor']['uncertainty']['expected_calibration_error'] >= 0.0
    assert report['weights'].startswith('lite')
    assert report['latency_ms']['p50'] > 0


def _spoil(index, split='val'):
    """Empty the depth of one room, and lose the picture of a street."""
    for path in index.parent.glob(f'{split}_room1/*_depth.png'):
        save(path, np.zeros((64, 96), np.uint16))
    for path in index.parent.glob(f'{split}_street0/*[0-9].png'):
        path.unlink()


def test_frames_that_cannot_be_used_are_left_out_and_told(index, capsys):
    _spoil(index)
    assert _run('--data', index, '--json', '--baseline', 'mean-depth') == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert list(report['by_scene']) == ['val_room0', 'val_street1']
    assert report['left_out'] == {'the frame cannot be used': 2}
    lost, empty = report['unusable']
    assert 'val_street0' in lost
    assert 'No such file' in lost
    assert 'only 0 of 6144 depth pixels' in empty
    assert captured.err.count('Left out: ') == 2
    # The baseline is measured on the same frames.
    assert report['baselines']['mean-depth']['frames'] == 2


def test_strict_stops_at_a_frame_that_cannot_be_used(index):
    _spoil(index)
    with pytest.raises(DatasetError, match='No such file'):
        _run('--data', index, '--json', '--strict')


def test_training_frames_that_cannot_be_used_do_not_cost_the_measurement(index, capsys):
    _spoil(index, 'train')
    assert _run('--data', index, '--json', '--baseline', 'mean-depth',
                '--baseline', 'mean-log-depth-per-domain') == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report['frames'], report['unusable'], report['left_out']) == (4, [], {})
    # Both baselines read both frames; what is left shows the same.
    assert report['baselines']['mean-log-depth-per-domain']['indoor']['raw'][
        'abs_rel'] == pytest.approx(0.0, abs=1e-4)
    # One room of 2.5 m and one street of 10 m.
    assert report['baselines']['mean-depth']['outdoor']['raw']['abs_rel'] == pytest.approx(0.375)
    assert captured.err.count('Left out of the baselines: ') == 2
    assert 'train_street0' in captured.err
    assert 'only 0 of 6144 depth pixels' in captured.err
    assert '2 training frame(s) left out of the baselines' in captured.err


def test_strict_stops_at_a_training_frame_before_the_network_runs(index, monkeypatch):
    for path in index.parent.glob('train_room1/*_depth.png'):
        save(path, np.zeros((64, 96), np.uint16))

    def infer(self, rgb_HW3, camera=None):
        raise AssertionError('the network ran')
    monkeypatch.setattr(StandIn, 'infer', infer)
    with pytest.raises(DatasetError, match='only 0 of 6144 depth pixels'):
        _run('--data', index, '--json', '--strict', '--baseline', 'mean-depth')
    assert StandIn.made[0].closed


def test_an_image_that_is_too_small_is_left_out_by_name(index, capsys, monkeypatch):
    def infer(self, rgb_HW3, camera=None, infer=StandIn.infer):
        if rgb_HW3.shape[0] == 20:
            raise ImageError('The image is too small.')
        return infer(self, rgb_HW3, camera)
    monkeypatch.setattr(StandIn, 'infer', infer)
    for path, value in (('', 90), ('_depth', 2500)):
        kind = np.uint16 if path else np.uint8
        shape = (20, 20) if path else (20, 20, 3)
        (target,) = index.parent.glob(f'val_room1/*[0-9]{path}.png')
        save(target, np.full(shape, value, kind))
    assert _run('--data', index, '--json') == 0
    (told,) = json.loads(capsys.readouterr().out)['unusable']
    assert told.startswith('val_room1/')
    assert told.endswith('.png: The image is too small.')


def test_what_a_library_prints_is_no_part_of_the_result(index, capsys, monkeypatch):
    def infer(self, rgb_HW3, camera=None, infer=StandIn.infer):
        print('compiling')
        return infer(self, rgb_HW3, camera)
    monkeypatch.setattr(StandIn, 'infer', infer)
    assert _run('--data', index, '--json') == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)['frames'] == 4
    assert 'compiling' in captured.err


def test_named_scenes_only_and_the_baseline_has_not_seen_them(index, capsys):
    assert _run('--data', index, '--json', '--split', 'train', '--scenes',
                'train_room0, train_street1', '--baseline', 'mean-depth-per-domain') == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report['by_scene']) == ['train_room0', 'train_street1']
    assert report['frames'] == 2
    # What is left to learn from: one room and one street.
    assert report['baselines']['mean-depth-per-domain']['frames'] == 2
    with pytest.raises(DatasetError, match="'room9': room9 is no scene of this split"):
        _run('--data', index, '--scenes', 'room9')
    with pytest.raises(DatasetError, match='nothing is no scene'):
        _run('--data', index, '--scenes', ' ,')
    with pytest.raises(DatasetError, match='training set is empty'):
        _run('--data', index, '--split', 'train', '--scenes', 'train_room0,train_room1',
             '--baseline', 'mean-depth-per-domain')


def test_the_uncertainty_can_be_fitted_to_the_frames(index, tmp_path, monkeypatch, capsys):
    with pytest.raises(ConfigError, match='needs a model file; this model has random weights'):
        _run('--data', index, '--fit-uncertainty', tmp_path / 'out.safetensors')
    copied = []
    monkeypatch.setattr(checkpoint, 'copy_model', lambda *args, **changes: copied.append(
        (*args, changes)))
    monkeypatch.setattr(StandIn, 'path', tmp_path / 'in.safetensors')
    assert _run('--data', index, '--fit-uncertainty', tmp_path / 'out.safetensors') == 0
    source, target, changes = copied[0]
    assert (source.name, target.name) == ('in.safetensors', 'out.safetensors')
    # The stand-in states 0.2 m; rooms err by 0.5 m and streets by 8 m, each everywhere alike, so
    # more than half of the errors lie within once the streets' do: 8 / 0.2, times what was.
    assert changes == {'uncertainty_scale': pytest.approx(40 * 3.0, rel=1e-3)}
    assert 'uncertainty_scale 120' in capsys.readouterr().err

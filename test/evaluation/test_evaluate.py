# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation loop, its reports and its tables, with predictors whose answers are known."""

import math

from mini_frames import ListFrames, make_info, make_sample
import numpy as np
import pytest
from scaledepth_ros.data.resize import is_sparse
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.evaluation.baselines import evaluate_baseline, fit_baseline, MeanDepth
from scaledepth_ros.evaluation.evaluate import evaluate, FrameResult, worst_frames
from scaledepth_ros.evaluation.pictures import write_frame_pictures
from scaledepth_ros.evaluation.protocols import DEFAULT_PROTOCOL, Protocol
from scaledepth_ros.evaluation.report import full_report, group_report
from scaledepth_ros.evaluation.tables import format_report
from scaledepth_ros.model.scaledepth import DepthOutput


class ScaledTruth:
    """Predicts a multiple of the depth that the red channel encodes in decimetres."""

    def __init__(self, factor=1.0, sigma=0.1):
        self.factor, self.sigma, self.calls = factor, sigma, []

    def infer(self, rgb_HW3, camera=None):
        self.calls.append(camera)
        depth = rgb_HW3[..., 0].astype(np.float32) / 10 * np.float32(self.factor)
        return DepthOutput(
            depth_m=depth, relative_depth=depth / depth.max(),
            uncertainty_m=np.full_like(depth, self.sigma), scale_m=float(depth.max()),
            scene=None, scene_probabilities=None)


def _frame(scene, decimetres=30, focal_px=40.0, **changes):
    rng = np.random.default_rng(decimetres)
    red = np.clip(rng.integers(decimetres - 9, decimetres + 10, (24, 32)), 1, 255)
    rgb = np.stack([red, red, red], -1).astype(np.uint8)
    return make_sample(rgb, red / 10.0, focal_px, scene=scene, **changes)


def _result(scene, abs_rel, domain='indoor', dataset='mini', scale_offset=0.0):
    metrics = dict.fromkeys(
        ('d0.5', 'd1', 'd2', 'd3', 'sq_rel', 'rmse', 'rmse_log', 'log10', 'silog'), 0.5)
    return FrameResult(
        info=make_info(scene=scene, domain=domain, dataset=dataset),
        raw={**metrics, 'abs_rel': abs_rel}, aligned={**metrics, 'abs_rel': abs_rel / 2},
        scale_offset=scale_offset, latency_ms=3.0)


def test_a_perfect_and_a_mis_scaled_prediction():
    frames = ListFrames([_frame('a'), _frame('b', 60)])
    perfect = evaluate(frames, ScaledTruth()).results
    assert all(r.raw['d0.5'] == 1.0 and r.raw['abs_rel'] < 1e-6 for r in perfect)
    assert perfect[0].pixels == 24 * 32
    far = evaluate(frames, ScaledTruth(1.5)).results[0]
    assert far.raw['abs_rel'] == pytest.approx(0.5, rel=1e-5)
    assert far.aligned['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    assert far.scale_offset == pytest.approx(math.log(1.5), rel=1e-5)
    near = evaluate(frames, ScaledTruth(1 / 1.5)).results[0]
    assert near.scale_offset == pytest.approx(-math.log(1.5), rel=1e-5)
    assert near.scale_error == pytest.approx(math.log(1.5), rel=1e-5)


def test_the_predictor_gets_the_camera_and_is_warmed_up_for_each_size():
    wide = make_sample(np.full((24, 48, 3), 20, np.uint8), np.full((24, 48), 2.0), 50.0)
    frames = ListFrames([_frame('a'), _frame('b', focal_px=None), wide])
    predictor = ScaledTruth()
    seen = []
    evaluate(frames, predictor, progress=lambda done, total: seen.append((done, total)))
    assert [camera and camera.focal_px for camera in predictor.calls] == [
        40.0, 40.0, None, 50.0, 50.0]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_frames_without_true_depth_are_left_out_and_counted():
    beyond = make_sample(np.full((24, 32, 3), 200, np.uint8), np.full((24, 32), 90.0), 40.0)
    frames = ListFrames([
        _frame('a'), _frame('b', completed=True), _frame('c', kind='real-sgbm'), beyond])
    evaluation = evaluate(frames, ScaledTruth())
    assert [r.info.scene for r in evaluation.results] == ['a']
    assert {reason: len(names) for reason, names in evaluation.left_out.items()} == {
        'depth is interpolated': 1,
        'depth from stereo matching is no ground truth': 1,
        'no valid ground truth within crop and limits': 1,
    }
    assert frames.reads[1] == frames.reads[2] == 0
    assert len(evaluate(frames, ScaledTruth(), with_completed=True).results) == 2


def test_a_set_without_a_fit_frame_is_an_error():
    with pytest.raises(DatasetError, match='None of 1 frames can be measured: 1 because depth is'):
        evaluate(ListFrames([_frame('a', completed=True)]), ScaledTruth())


def test_missing_predictions_show_as_coverage_and_a_failed_frame_stops():
    class Patchy(ScaledTruth):
        def infer(self, rgb_HW3, camera=None):
            output = super().infer(rgb_HW3, camera)
            output.depth_m[: self.rows] = np.nan
            return output

    patchy = Patchy()
    patchy.rows = 6
    result = evaluate(ListFrames([_frame('a')]), patchy).results[0]
    assert result.coverage == 0.75
    assert result.pixels == 18 * 32
    patchy.rows = 24
    with pytest.raises(DatasetError, match='frame 0: the predictor gave no finite depth'):
        evaluate(ListFrames([_frame('a')]), patchy)


def test_focal_rescaling_scales_depth_and_sigma():
    protocol = Protocol(name='rescaled', focal_reference_px=20.0)
    result = evaluate(ListFrames([_frame('a')]), ScaledTruth(0.5, sigma=0.2), protocol).results[0]
    assert result.raw['abs_rel'] == pytest.approx(0.0, abs=1e-6)
    wrong = evaluate(ListFrames([_frame('a')]), ScaledTruth(0.45, sigma=0.2), protocol).results[0]
    # Errors are 10 % of about 3 m = 0.3 m; sigma becomes 0.4 m.
    assert wrong.uncertainty['within_1_sigma'] == 1.0


def test_a_predictor_without_uncertainty_is_still_measured():
    result = evaluate(ListFrames([_frame('a')]), ScaledTruth(sigma=np.nan)).results[0]
    assert result.uncertainty == {}
    assert group_report([result])['uncertainty'] is None


def test_scenes_count_once_however_many_frames_they_have():
    results = [_result('long', 0.1)] * 8 + [_result('short', 0.5)]
    assert group_report(results)['raw']['abs_rel'] == pytest.approx(0.3)
    assert group_report(results, 'frames')['raw']['abs_rel'] == pytest.approx(1.3 / 9)
    assert (group_report(results)['frames'], group_report(results)['scenes']) == (9, 2)


def test_intervals_come_from_scenes_and_cover_the_mean():
    rng = np.random.default_rng(0)
    results = [_result(f's{i}', value) for i, value in enumerate(rng.normal(0.3, 0.05, 40))]
    report = group_report(results * 5)
    low, high = report['confidence_95']['raw']['abs_rel']
    assert low < report['raw']['abs_rel'] < high
    # 1.96 sigma / sqrt(40) on either side; more frames of the same scenes do not narrow it.
    assert high - low == pytest.approx(2 * 1.96 * 0.05 / math.sqrt(40), rel=0.25)
    assert group_report([results[0]] * 5)['confidence_95'] is None


def _evaluation():
    frames = ListFrames([
        _frame('a'), _frame('a', 40), _frame('b', 50, dataset='other'),
        _frame('street', 90, domain='outdoor'), _frame('lot', 80, domain='outdoor')])
    return evaluate(frames, ScaledTruth(1.2))


def test_the_full_report_has_the_documented_shape():
    report = full_report(_evaluation())
    for domain, frames, scenes in (('indoor', 3, 2), ('outdoor', 2, 2)):
        group = report[domain]
        assert (group['frames'], group['scenes']) == (frames, scenes)
        for part in ('raw', 'aligned'):
            assert {'d1', 'd2', 'd3', 'abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'log10',
                    'silog'} <= set(group[part])
        assert group['raw']['abs_rel'] == pytest.approx(0.2, rel=1e-5)
        assert group['scale_error'] == pytest.approx(math.log(1.2), rel=1e-5)
        assert len(group['confidence_95']['scale_error']) == 2
    assert set(report['by_dataset']) == {'mini', 'other'}
    assert set(report['by_scene']) == {'a', 'b', 'street', 'lot'}
    assert report['by_scene']['street']['domain'] == 'outdoor'
    assert (report['frames'], report['scenes']) == (5, 4)
    assert report['protocol']['max_depth_m'] == 80.0
    assert report['latency_ms']['p50'] > 0


def test_a_domain_without_frames_is_none():
    report = full_report(evaluate(ListFrames([_frame('a')]), ScaledTruth()))
    assert report['outdoor'] is None
    assert report['indoor']['scenes'] == 1
    assert 'RAW' in format_report('only rooms', {'model': report})


def test_tables_print_raw_before_aligned_and_name_everything():
    text = format_report('the model', {'lite': full_report(_evaluation())})
    assert text.index('RAW metric depth') < text.index('Scale error') < text.index('SCALE-ALIGNED')
    assert '5 frames of 4 scenes; means over scenes' in text
    assert 'predictions not clamped' in text
    (row,) = [line for line in text.splitlines() if line.startswith('indoor (3/2)')][:1]
    assert row.split()[6] == '0.200', row


def test_the_worst_frames_come_first():
    results = [_result('a', 0.1), _result('b', 0.9), _result('c', 0.4)]
    assert [r.info.scene for r in worst_frames(results, 2)] == ['b', 'c']


def test_pictures_of_dense_and_sparse_frames_show_the_error(tmp_path):
    dense = _frame('a')
    sparse_depth = np.full((120, 160), np.nan, np.float32)
    sparse_depth[::10, ::10] = 5.0
    assert is_sparse(sparse_depth)
    sparse = make_sample(np.full((120, 160, 3), 30, np.uint8), sparse_depth, 100.0, scene='b',
                         domain='outdoor')
    frames = ListFrames([dense, sparse])
    predictor = ScaledTruth(1.3)
    results = evaluate(frames, predictor).results
    paths = write_frame_pictures(
        worst_frames(results, 2), frames, predictor, tmp_path / 'new', title='weights: none')
    assert [path.name for path in paths] == ['worst_01_indoor.png', 'worst_02_outdoor.png']
    assert all(path.stat().st_size > 1000 for path in paths)


def _wall(scene, depth_m, focal_px, domain='indoor'):
    return make_sample(np.zeros((24, 32, 3), np.uint8), np.full((24, 32), depth_m), focal_px,
                       scene=scene, domain=domain)


@pytest.mark.parametrize(('logarithmic', 'expected_m'), [(False, 5.0), (True, 4.0)])
def test_the_mean_depth_baseline_averages_scenes_in_canonical_focal_length(
        logarithmic, expected_m):
    # Scene a shows 2 m thrice, scene b 16 m with a lens twice as long, which is 8 m.
    train = ListFrames([_wall('a', 2.0, 40.0)] * 3 + [_wall('b', 16.0, 80.0)])
    baseline = MeanDepth(train, logarithmic=logarithmic)
    rgb = np.zeros((24, 32, 3), np.uint8)
    output = baseline.infer(rgb, _wall('c', 1.0, 40.0).camera)
    assert baseline.scenes == 2
    assert output.depth_m == pytest.approx(np.full((24, 32), expected_m), rel=1e-5)
    longer = baseline.infer(rgb, _wall('c', 1.0, 80.0).camera)
    assert longer.depth_m[0, 0] == pytest.approx(2 * expected_m, rel=1e-5)
    # Resizing an image resizes its focal length too, and changes no depth.
    twice = baseline.infer(
        np.zeros((48, 64, 3), np.uint8), _wall('c', 1.0, 40.0).camera.resized(64, 48))
    assert twice.depth_m.shape == (48, 64)
    assert twice.depth_m[0, 0] == pytest.approx(expected_m, rel=1e-5)
    # Deviation of {2, 8} is 3 m; of {log 2, log 8} it is log 2, times 4 m.
    sigma_m = 4 * math.log(2) if logarithmic else 3.0
    assert output.uncertainty_m[0, 0] == pytest.approx(sigma_m, rel=1e-4)


def test_the_mean_depth_fills_what_no_frame_covers_from_the_nearest_known():
    sample = _wall('a', 2.0, 40.0)
    sample.depth_m_HW[:12] = np.nan
    sample.depth_m_HW[12:, 16:] = 6.0
    output = MeanDepth(ListFrames([sample]), logarithmic=False).infer(
        sample.rgb_HW3, sample.camera)
    assert output.depth_m[0, 2] == pytest.approx(2.0, rel=1e-4)
    assert output.depth_m[0, 29] == pytest.approx(6.0, rel=1e-4)


def test_baselines_per_domain_know_where_they_are():
    train = ListFrames([_wall('a', 2.0, 40.0), _wall('b', 20.0, 40.0, 'outdoor')])
    frames = ListFrames([_wall('c', 2.0, 40.0), _wall('d', 20.0, 40.0, 'outdoor')])
    both = {'indoor', 'outdoor'}
    known = evaluate_baseline(
        fit_baseline('mean-depth-per-domain', train, both), frames, DEFAULT_PROTOCOL)
    assert [r.raw['abs_rel'] for r in known.results] == [pytest.approx(0, abs=1e-5)] * 2
    mean_depth = fit_baseline('mean-depth', train, both)
    common = evaluate_baseline(mean_depth, frames, DEFAULT_PROTOCOL)
    assert [r.raw['abs_rel'] for r in common.results] == [
        pytest.approx(4.5, rel=1e-4), pytest.approx(0.45, rel=1e-4)]
    rescaling = Protocol(name='rescaled', focal_reference_px=500.0)
    rescaled = evaluate_baseline(mean_depth, frames, rescaling)
    assert rescaled.results[0].raw == common.results[0].raw
    with pytest.raises(ConfigError, match="Baseline 'median'"):
        fit_baseline('median', train, both)
    with pytest.raises(DatasetError, match='training set is empty'):
        MeanDepth(ListFrames([]), logarithmic=False)


def test_a_domain_without_a_fit_frame_costs_a_baseline_only_that_domain():
    train = ListFrames([_wall('a', 2.0, 40.0), _wall('b', 20.0, 40.0, 'outdoor')])
    beyond = _wall('d', 90.0, 40.0, 'outdoor')
    baseline = fit_baseline('mean-depth-per-domain', train, {'indoor', 'outdoor'})
    found = evaluate_baseline(
        baseline, ListFrames([_wall('c', 2.0, 40.0), beyond]), DEFAULT_PROTOCOL)
    assert [result.info.scene for result in found.results] == ['c']
    assert found.left_out == {
        'no valid ground truth within crop and limits': (beyond.info.name,)}
    with pytest.raises(DatasetError, match='None of 1 frames can be measured: 1 because no valid'):
        evaluate_baseline(baseline, ListFrames([beyond]), DEFAULT_PROTOCOL)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Measure a model on frames with ground truth.

Raw metric numbers come first, with nothing aligned; scale-aligned ones follow under their own
name. Depth is compared at the resolution of the ground truth. The only thing done to predictions
beyond what the protocol says is to raise values below 1 mm to 1 mm, so that logarithms stay
finite. Frames whose depth is interpolated or comes from stereo matching are left out, and so are
those of an index.csv that cannot be used: how many, and why, is part of the result.
"""

import argparse
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
import json
from pathlib import Path
import sys
import time
from typing import Any

from scaledepth_ros.data.registry import DATASETS, open_dataset, split_spec
from scaledepth_ros.data.sample import FrameInfo, FrameSource, SelectedFrames
from scaledepth_ros.errors import ConfigError, DatasetError
from scaledepth_ros.evaluation.protocols import get_protocol, Protocol, PROTOCOLS
from scaledepth_ros.whole_file import make_output_folder

BASELINES = (
    'mean-depth', 'mean-log-depth', 'mean-depth-per-domain', 'mean-log-depth-per-domain',
)
Report = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """
    Declare the options.

    Args:
        parser: Parser of this command.
    """
    parser.add_argument('--model', default='lite', help='preset or .safetensors file [lite]')
    parser.add_argument('--weights', type=Path, help="model file instead of the preset's own")
    parser.add_argument(
        '--data', required=True,
        help=f'index.csv, its folder, or NAME:FOLDER with NAME one of {", ".join(DATASETS)}')
    parser.add_argument('--split', help='which frames [val, or the standard test split]')
    parser.add_argument(
        '--protocol', choices=list(PROTOCOLS),
        help='crop, limits and clamps [default; that of the data set for NAME:FOLDER]')
    parser.add_argument(
        '--no-clamp', action='store_true',
        help='compare predictions as they are, also where the protocol clamps them to its limits; '
        'the authors clamp those of nk on nyu and kitti, but not those of n and k')
    parser.add_argument(
        '--average', choices=('scenes', 'frames'),
        help='means over scenes of means over frames, or over frames [scenes; frames with '
        'NAME:FOLDER, as published numbers are]')
    parser.add_argument(
        '--with-completed', action='store_true', help='measure on interpolated depth too')
    parser.add_argument(
        '--strict', action='store_true',
        help='stop at the first frame that cannot be used, as with NAME:FOLDER always, instead '
        'of leaving it out')
    parser.add_argument(
        '--max-frames', type=int, metavar='N', help='measure on N evenly spaced frames only')
    parser.add_argument(
        '--scenes', metavar='NAMES',
        help='measure these scenes only, commas between; with --split train, those that a '
        'training held out')
    parser.add_argument(
        '--baseline', action='append', default=[], choices=BASELINES,
        help="also measure the training set's mean depth per pixel position; repeatable")
    parser.add_argument(
        '--train', help='training frames of the baselines, less --scenes [train split of --data]')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N [auto]')
    parser.add_argument('--engine', default='auto', help='inference engine [auto]')
    parser.add_argument('--precision', default='auto', help='auto, fp32, fp16, bf16 [auto]')
    parser.add_argument('--mode', default='whole', choices=('whole', 'slide_flip'),
                        help='slide_flip: the published test-time augmentation of nk [whole]')
    parser.add_argument('--json', action='store_true', help='print JSON instead of tables')
    parser.add_argument(
        '--worst', type=int, default=0, metavar='N',
        help='draw the N frames with the largest AbsRel into --output')
    parser.add_argument(
        '--fit-uncertainty', type=Path, metavar='FILE',
        help='write the model to FILE with its stated uncertainty scaled so that 68 %% of the '
        'errors on these frames lie within one sigma; use frames that the model has not learnt '
        'from and is not judged by')
    parser.add_argument(
        '--output', type=Path, metavar='DIR', help='write evaluation.json and pictures there')


def run(args: argparse.Namespace) -> int:
    """
    Run the command.

    Args:
        args: Parsed options.

    Returns:
        Exit code 0.

    Raises:
        ScaleDepthError: Data, model or options cannot be used.
    """
    if args.worst < 0:
        raise ConfigError(f'--worst is {args.worst}; expected 0 or more.')
    if args.worst and args.output is None:
        raise ConfigError(f'--worst {args.worst} needs a folder to draw into; add --output DIR.')
    if args.max_frames is not None and args.max_frames < 1:
        raise ConfigError(f'--max-frames is {args.max_frames}; expected at least 1.')
    # Imported here, so that --help and mistyped options do not wait for torch.
    from scaledepth_ros.evaluation.tables import format_report
    from scaledepth_ros.model.checkpoint import write_atomically

    # Found out now, not when everything has been measured.
    if args.output is not None:
        make_output_folder(args.output)
    if args.fit_uncertainty is not None:
        if args.fit_uncertainty.is_dir():
            raise ConfigError(
                f'--fit-uncertainty {args.fit_uncertainty} is a folder; expected the name of a '
                'model file to write, *.safetensors.')
        make_output_folder(args.fit_uncertainty.parent)
    output = sys.stdout

    def publish(title: str, reports: dict[str, Report], document: Report) -> None:
        text = json.dumps(document, indent=2)
        print(text if args.json else format_report(title, reports), file=output)
        if args.output is not None:
            write_atomically(args.output / 'evaluation.json', f'{text}\n'.encode())

    # What libraries print must not end up in the result.
    with redirect_stdout(sys.stderr):
        pictures = _measure(args, publish)
    if args.output is not None:
        print(f'{args.output}: evaluation.json and {pictures} picture(s)', file=sys.stderr)
    return 0


def _measure(
    args: argparse.Namespace, publish: Callable[[str, dict[str, Report], Report], None],
) -> int:
    """
    Measure, publish the result, then write what else was asked for.

    Args:
        args: Parsed options.
        publish: Called with the title, the reports by predictor and the whole result.

    Returns:
        How many pictures were drawn.
    """
    # Imported here for the same reason as in run().
    from scaledepth_ros.evaluation.baselines import evaluate_baseline, fit_baseline
    from scaledepth_ros.evaluation.evaluate import evaluate, UNUSABLE, worst_frames
    from scaledepth_ros.evaluation.pictures import write_frame_pictures
    from scaledepth_ros.evaluation.report import full_report
    from scaledepth_ros.inference.predictor import Predictor

    name = split_spec(args.data)[0]
    split = args.split or ('val' if name is None else DATASETS[name].test_split)
    unusable: list[str] = []

    def left_out(error: DatasetError) -> None:
        unusable.append(str(error))
        print(f'Left out: {error}', file=sys.stderr)

    # Published numbers are over every frame of a standard data set.
    skip = None if args.strict or name is not None else left_out
    frames = _spread(
        _chosen(open_dataset(args.data, split, skip=skip), args.scenes), args.max_frames)
    untaught: set[str] = set()

    def left_out_of_training(error: DatasetError) -> None:
        # Every baseline reads the training frames anew.
        if str(error) not in untaught:
            untaught.add(str(error))
            print(f'Left out of the baselines: {error}', file=sys.stderr)

    source = args.train or args.data
    strict = args.strict or split_spec(source)[0] is not None
    train_skip = None if strict else left_out_of_training
    train = open_dataset(source, 'train', skip=train_skip) if args.baseline else None
    if train is not None and args.scenes is not None:
        train = _without(train, frames)
    protocol = get_protocol(args.protocol or name or 'default')
    if args.no_clamp:
        protocol = replace(protocol, clamp_prediction=False)
    average = args.average or ('scenes' if name is None else 'frames')
    predictor = Predictor(
        args.model, weights=args.weights, device=args.device, engine=args.engine,
        precision=args.precision, mode=args.mode)
    try:
        if args.fit_uncertainty is not None and predictor.weights.path is None:
            raise ConfigError(
                '--fit-uncertainty needs a model file; this model has random weights.')
        # Before the network, so that nothing of them can cost what it took to measure it.
        fitted = [
            fit_baseline(
                baseline, train, {info.domain for info in frames.infos}, skip=train_skip,
                progress=_progress(f'training frames of {baseline}'))
            for baseline in args.baseline if train is not None]
        if untaught:
            print(f'{len(untaught)} training frame(s) left out of the baselines', file=sys.stderr)
        evaluation = evaluate(
            frames, predictor, _for_predictor(protocol, predictor),
            with_completed=args.with_completed, skip=skip, progress=_progress('frames measured'))
        reports = {args.model: full_report(evaluation, average)}
        if unusable:
            reports[args.model]['left_out'][UNUSABLE] = len(unusable)
        usable = _where(
            frames, lambda info: info.name not in evaluation.left_out.get(UNUSABLE, ()))
        for baseline in fitted:
            reports[baseline.name] = full_report(
                evaluate_baseline(
                    baseline, usable, protocol, with_completed=args.with_completed,
                    progress=_progress(f'frames of {baseline.name}')),
                average)
        title = (
            f'{predictor.weights.description} on {predictor.device} ({predictor.engine}), '
            f'{args.data}, split {split}')
        document: dict[str, Any] = {
            'model': args.model,
            'weights': predictor.weights.description,
            'weights_trained': predictor.weights.trained,
            'weights_sha256': predictor.weights.sha256,
            'device': predictor.device,
            'engine': predictor.engine,
            'data': args.data,
            'split': split,
            **reports[args.model],
            'unusable': unusable,
            'baselines': {key: reports[key] for key in args.baseline},
        }
        publish(title, reports, document)
        if args.fit_uncertainty is not None:
            _fit_uncertainty(evaluation, predictor, args.fit_uncertainty)
        pictures = []
        if args.worst:
            pictures = write_frame_pictures(
                worst_frames(evaluation.results, args.worst), frames, predictor, args.output,
                title=title)
    finally:
        predictor.close()
    return len(pictures)


def _chosen(frames: FrameSource, names: str | None) -> FrameSource:
    """Return the frames of the named scenes, or all of them."""
    if names is None:
        return frames
    wanted = {name.strip() for name in names.split(',')} - {''}
    unknown = sorted(wanted - {info.scene for info in frames.infos})
    if unknown or not wanted:
        raise DatasetError(
            f'--scenes {names!r}: {", ".join(unknown) or "nothing"} is no scene of this split; '
            'expected names of the scene column with commas between.')
    return _where(frames, lambda info: info.scene in wanted)


def _where(frames: FrameSource, condition: Callable[[FrameInfo], bool]) -> FrameSource:
    return SelectedFrames(frames, [i for i, info in enumerate(frames.infos) if condition(info)])


def _without(train: FrameSource, frames: FrameSource) -> FrameSource:
    """Return training frames of other scenes than those that are measured."""
    measured = {info.scene for info in frames.infos}
    return _where(train, lambda info: info.scene not in measured)


def _spread(frames: FrameSource, count: int | None) -> FrameSource:
    """Return evenly spaced frames, or all of them."""
    if count is None or count >= len(frames):
        return frames
    return SelectedFrames(frames, [i * len(frames) // count for i in range(count)])


def _fit_uncertainty(evaluation: Any, predictor: Any, target: Path) -> None:
    """Write the model with an uncertainty that is true on the frames that were measured."""
    from scaledepth_ros.evaluation.uncertainty import fitted_scale
    from scaledepth_ros.model.checkpoint import copy_model

    factor = fitted_scale([
        (result.info.scene, result.error_sigmas) for result in evaluation.results
        if result.error_sigmas])
    scale = factor * predictor.config.uncertainty_scale
    copy_model(predictor.weights.path, target, uncertainty_scale=scale)
    print(f'{target}: uncertainty_scale {scale:.3f}, {factor:.3f} times what it was',
          file=sys.stderr)


def _for_predictor(protocol: Protocol, predictor: Any) -> Protocol:
    """Drop the focal rescaling for a network that already uses the intrinsics."""
    if predictor.config.canonical_focal_px is not None:
        return replace(protocol, focal_reference_px=None)
    return protocol


def _progress(what: str) -> Callable[[int, int], None]:
    """Return a function that reports progress on stderr, at most twice a second."""
    start_s = last_s = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if done < total and now_s - last_s < 0.5:
            return
        last_s = now_s
        left_s = (now_s - start_s) / done * (total - done)
        end = '\n' if done == total else ''
        print(
            f'\r{done}/{total} {what}, {left_s:.0f} s left   ', end=end, file=sys.stderr,
            flush=True)

    return report

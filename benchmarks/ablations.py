# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Ablations of the training: what each part is worth, on scenes that no run has seen.

    python benchmarks/ablations.py run --data real/index.csv --data simulated --steps 1500 \
        --output runs/ablations [--only NAME] [--seed 0] [--set KEY.PATH=VALUE]
    python benchmarks/ablations.py table runs/ablations

`run` trains every variant with the same recipe, steps and seeds, one after the other, and then
measures it; it can be stopped at any time, and the same command goes on where it stopped. Several
may run at once with different --only. The first --data holds the real frames. About a quarter of
their scenes are held out by a fixed rule (`dev_scenes`), the same ones for every variant.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
import shlex
import signal
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from safetensors import safe_open  # noqa: E402
from scaledepth_ros.data.registry import open_dataset  # noqa: E402
from scaledepth_ros.errors import ConfigError, DatasetError, ScaleDepthError  # noqa: E402
from scaledepth_ros.evaluation.compare import paired_difference  # noqa: E402
from scaledepth_ros.evaluation.evaluate import measurable  # noqa: E402
from scaledepth_ros.whole_file import write_file  # noqa: E402

BASE = 'base'
# Every fourth scene, in the order of data sets and sizes. Where it starts was chosen for what is
# held out, before any run: indoors not the longest recordings, outdoors not KITTI alone.
EVERY = 4
FIRST = {'indoor': 1, 'outdoor': 0}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A training: what it changes in the recipe, and its share of the steps."""

    overrides: tuple[str, ...] = ()
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table; each stage starts from the weights of the one before."""

    what: str
    stages: tuple[Stage, ...] = field(default=(Stage(),))


def _variant(what, *overrides):
    return Variant(what=what, stages=(Stage(overrides=overrides),))


_REAL = ('sampling.shares.synthetic-indoor=0', 'sampling.shares.synthetic-outdoor=0')
_SYNTHETIC = ('sampling.shares.indoor=0', 'sampling.shares.outdoor=0')
_METRIC = ('model.overrides.canonical_focal_px=null', 'align_unknown_focal=false')

VARIANTS = {
    BASE: _variant('the recipe as it is'),
    'regression': _variant(
        'direct regression of log depth instead of bins and scale',
        'model.overrides.head=regression', 'model.overrides.uncertainty=bins',
        'model.overrides.supervised_layers=[]',
        'initialisation.scene_text=none', 'loss.scene_weight=0', 'loss.log_scale_weight=0',
        'loss.nll_weight=0'),
    'no-text': _variant("without SASP's text term", 'loss.scene_weight=0'),
    # Zooming changes the focal length, which plain metric depth does not know; the authors do
    # not zoom.
    'no-canonical-focal': _variant(
        'plain metric depth, no canonical focal length, no zoom', *_METRIC,
        'augmentation.zoom_min=1', 'augmentation.zoom_max=1'),
    'no-canonical-focal-zoom': _variant(
        "plain metric depth, but with the recipe's zoom", *_METRIC),
    'real': _variant('real frames only', *_REAL),
    'synthetic': _variant('synthetic frames only', *_SYNTHETIC),
    'synthetic-then-real': Variant(
        what='half of the steps on synthetic frames, then half on real ones',
        stages=(Stage(overrides=_SYNTHETIC, share=0.5), Stage(overrides=_REAL, share=0.5))),
}

METRICS = {
    'd1': ('raw', 'd1'), 'AbsRel': ('raw', 'abs_rel'), 'aligned d1': ('aligned', 'd1'),
    'scale error': ('scale_error', None),
}


def dev_scenes(infos):
    """
    Choose the scenes to hold out.

    Of the real scenes of a domain that have a frame fit for measuring, in the order of data set,
    number of frames and name, every fourth: so large and small ones of many sensors are among
    them, and the choice follows from the data alone.

    Args:
        infos: The frames of the train split.

    Returns:
        Their names, sorted.
    """
    chosen = []
    for domain, first in FIRST.items():
        scenes = defaultdict(list)
        for info in infos:
            if info.domain == domain and info.kind == 'real' and measurable(info) is None:
                scenes[info.scene].append(info)
        order = sorted(scenes, key=lambda name: (
            scenes[name][0].dataset, len(scenes[name]), name))
        chosen += order[min(first, max(len(order) - 1, 0))::EVERY]
    if not chosen:
        raise DatasetError('The first --data has no real scene to hold out; give the real frames '
                           'first.')
    return sorted(chosen)


def training_command(options, scenes, stage, seed, folder, start):
    """
    Return the command of one training.

    Args:
        options: Those of this script.
        scenes: What is held out.
        stage: What is special about it.
        seed: Its seed.
        folder: Folder of the run.
        start: Model file to start from, or None.
    """
    command = [sys.executable, '-m', 'scaledepth_ros.cli', 'train',
               '--config', str(options.config), '--output', str(folder),
               '--steps', str(stage_steps(options, stage)), '--dev-scenes', ','.join(scenes)]
    for source in options.data:
        command += ['--data', source]
    assignments = [*options.overrides, *stage.overrides, f'seed={seed}']
    if start is not None:
        assignments.append(f'initialisation.model={start}')
    for assignment in assignments:
        command += ['--set', assignment]
    for name in ('threads', 'device'):
        if getattr(options, name) is not None:
            command += [f'--{name}', str(getattr(options, name))]
    if (folder / 'last.ckpt').exists():
        command.append('--resume')
    return command


def stage_steps(options, stage):
    """Return the number of steps of a stage."""
    return max(1, round(options.steps * stage.share))


def run(options):
    """Train and measure the chosen variants; returns the exit code."""
    chosen = options.only or list(VARIANTS)
    scenes = dev_scenes(open_dataset(options.data[0], 'train').infos)
    print(f'Held out: {", ".join(scenes)}', flush=True)
    for name in chosen:
        for seed in options.seed or [0]:
            run_variant(options, scenes, name, seed)
    return 0


def run_variant(options, scenes, name, seed):
    """Train and measure one variant, unless that is done."""
    folder = options.output / f'{name}-seed{seed}'
    plan = {
        'variant': name, 'seed': seed, 'steps': options.steps, 'data': options.data,
        'dev_scenes': scenes, 'config': options.config.read_text(), 'set': options.overrides,
        'stages': [[*stage.overrides] for stage in VARIANTS[name].stages]}
    remember(folder / 'plan.json', plan)
    if (folder / 'evaluation.json').exists():
        print(f'{folder.name}: done', flush=True)
        return
    model = None
    for index, stage in enumerate(VARIANTS[name].stages):
        run_folder = folder / f'stage{index}'
        print(f'{folder.name}: training {run_folder.name}', flush=True)
        call(training_command(options, scenes, stage, seed, run_folder, model), options.threads)
        model = run_folder / 'last.safetensors'
        with safe_open(model, framework='np') as file:
            done = int(file.metadata()['steps'])
        if done < stage_steps(options, stage):
            raise ScaleDepthError(f'{run_folder} was stopped after {done} steps; the same command '
                                  'goes on.')
    call([sys.executable, '-m', 'scaledepth_ros.cli', 'evaluate', '--model', str(model),
          '--data', options.data[0], '--split', 'train', '--scenes', ','.join(scenes),
          '--output', str(folder), '--engine', 'torch', *(
              ['--device', options.device] if options.device is not None else [])],
         options.threads)


def remember(path, plan):
    """Write down what a folder is for, or refuse to mix it with something else."""
    text = json.dumps(plan, indent=2)
    if path.exists() and path.read_text() != text:
        old = json.loads(path.read_text())
        changed = [key for key in plan if plan[key] != old.get(key)]
        raise ConfigError(f'{path.parent} was run with another {", ".join(changed)}; choose '
                          'another --output, or delete that folder.')
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode())


def call(command, threads=None):
    """Run a command of the package; it gets the signals that ask this script to stop."""
    print(f'$ {shlex.join(command)}', flush=True)
    environment = None if threads is None else {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    handlers = {}
    try:
        # A terminal sends Ctrl-C to both; the training answers it with a checkpoint.
        handlers[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
        handlers[signal.SIGTERM] = signal.signal(
            signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
        code = process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if code:
        raise ScaleDepthError(f'{shlex.join(command[1:4])} ended with {code}; its message is '
                              'above.')


def read_results(folder):
    """
    Return what was measured.

    Args:
        folder: Output of `run`.

    Returns:
        For each variant its plans, and for each domain and scene the metrics, means over seeds.
    """
    found = defaultdict(list)
    for path in sorted(folder.glob('*/evaluation.json')):
        plan = json.loads((path.parent / 'plan.json').read_text())
        found[plan['variant']].append((plan, json.loads(path.read_text())))
    results = {}
    for name in [name for name in VARIANTS if name in found]:
        domains = defaultdict(lambda: defaultdict(list))
        for _, report in found[name]:
            for scene, values in report['by_scene'].items():
                domains[values['domain']][scene].append([
                    values[part] if key is None else values[part][key]
                    for part, key in METRICS.values()])
        results[name] = ([plan for plan, _ in found[name]], {
            domain: {scene: dict(zip(METRICS, np.mean(rows, axis=0), strict=True))
                     for scene, rows in sorted(scenes.items())}
            for domain, scenes in domains.items()})
    return results


def format_table(results):
    """Return the table as Markdown."""
    if BASE not in results:
        raise DatasetError(f'There is no finished run of {BASE!r} to compare with; run it first.')
    plans, base = results[BASE]
    lines = []
    for domain in sorted(base):
        seeds = sorted({plan['seed'] for plan in plans})
        lines += [
            f'{domain.capitalize()}: {len(base[domain])} held-out scenes, {plans[0]["steps"]} '
            f'steps, seed{"s" if len(seeds) > 1 else ""} {", ".join(map(str, seeds))}',
            '', f'| variant | {" | ".join(METRICS)} | d1 less base | AbsRel less base | '
            'aligned d1 less base |',
            '|---|' + '---|' * (len(METRICS) + 3)]
        for name, (_, domains) in results.items():
            scenes = domains[domain]
            cells = [f'{np.mean([row[key] for row in scenes.values()]):.3f}' for key in METRICS]
            for key in ('d1', 'AbsRel', 'aligned d1'):
                cells.append('' if name == BASE else _difference(scenes, base[domain], key))
            lines.append(f'| {VARIANTS[name].what} | {" | ".join(cells)} |')
        lines.append('')
    return '\n'.join(lines)


def _difference(scenes, base, key):
    found = paired_difference({scene: row[key] for scene, row in scenes.items()},
                              {scene: row[key] for scene, row in base.items()})
    return f'{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]'


def main(arguments=None):
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    train = commands.add_parser('run', help='train and measure the variants', epilog='; '.join(
        f'{name}: {variant.what}' for name, variant in VARIANTS.items()))
    train.add_argument('--data', action='append', required=True, metavar='SOURCE',
                       help='as for the train command; the real frames first')
    train.add_argument('--output', type=Path, required=True, help='folder of all runs')
    train.add_argument('--steps', type=int, required=True, help='steps of each variant')
    train.add_argument('--only', action='append', choices=list(VARIANTS), help='repeatable')
    train.add_argument('--seed', type=int, action='append', help='repeatable [0]')
    train.add_argument('--config', type=Path, default=ROOT / 'config' / 'train_lite.yaml',
                       help='the recipe [config/train_lite.yaml]')
    train.add_argument('--set', action='append', default=[], dest='overrides',
                       metavar='KEY.PATH=VALUE', help='change the recipe of all variants')
    train.add_argument('--threads', type=int, help='CPU threads')
    train.add_argument('--device', help='auto, cpu, cuda or cuda:N')
    table = commands.add_parser('table', help='print what was measured')
    table.add_argument('folder', type=Path)
    options = parser.parse_args(arguments)
    try:
        if options.command == 'table':
            print(format_table(read_results(options.folder)))
            return 0
        options.data = [absolute(source) for source in options.data]
        options.output = options.output.resolve()
        options.config = options.config.resolve()
        return run(options)
    except ScaleDepthError as error:
        print(error, file=sys.stderr)
        return 1


def absolute(source):
    """Return a source whose path does not depend on the current folder; NAME:FOLDER stays."""
    path, colon, tail = source.rpartition(':')
    if Path(source).exists():
        return str(Path(source).resolve())
    if colon and Path(path).exists():
        return f'{Path(path).resolve()}:{tail}'
    return source


if __name__ == '__main__':
    sys.exit(main())

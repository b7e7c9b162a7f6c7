# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Fill the tables and pictures of a model card from measurements.

    python benchmarks/model_card.py measure --model lite --data real/index.csv --output OUT \
        [--compare 'direct regression=runs/regression/last.safetensors']
    python benchmarks/model_card.py write OUT --run runs/lite [--dev-run runs/dev] \
        [--ablations runs/ablations] [--data real/index.csv] [--card CARD.md] [--images FOLDER]

`measure` runs `evaluate` with its baselines on the val split, once, and draws the worst frames:
in OUT/model with image and ground truth, to be looked at here, and in OUT/lite_failures_*.png
with the model's own output and its error alone, because the frames may not be passed on. `write`
replaces the blocks between `<!-- name -->` and `<!-- /name -->` of the card (results,
comparison, datasets, uncertainty, curves, failures, ablations, sources; those that it has) and
copies the pictures.
"""

import argparse
import csv
import json
import os
from pathlib import Path
import shutil
import sys

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'benchmarks')]

import ablations  # noqa: E402
import cv2  # noqa: E402
from scaledepth_ros.data.registry import open_dataset  # noqa: E402
from scaledepth_ros.data.sample import SelectedFrames  # noqa: E402
from scaledepth_ros.errors import ConfigError, ScaleDepthError  # noqa: E402
from scaledepth_ros.evaluation import card  # noqa: E402
from scaledepth_ros.evaluation.curves import draw_panels, training_panels  # noqa: E402
from scaledepth_ros.evaluation.evaluate import evaluate, worst_frames  # noqa: E402
from scaledepth_ros.evaluation.pictures import draw_output_maps  # noqa: E402
from scaledepth_ros.inference.predictor import Predictor  # noqa: E402
from scaledepth_ros.visualization import write_picture  # noqa: E402
from scaledepth_ros.whole_file import write_file  # noqa: E402

BASELINES = {
    'mean-depth-per-domain': 'mean depth', 'mean-log-depth-per-domain': 'mean log depth',
}
CARD = ROOT / 'scaledepth_ros' / 'model' / 'weights' / 'README.md'
IMAGES = ROOT / 'docs' / 'images'
WORST = 3
LARGEST_PICTURE_BYTES = 150_000


def measure(options):
    """Evaluate the model and those that it is compared with; draw the worst frames."""
    options.output.mkdir(parents=True, exist_ok=True)
    common = ['--data', options.data, '--split', options.split, '--engine', options.engine]
    call('evaluate', '--model', options.model, *common, '--output', options.output / 'model',
         '--worst', 2 * WORST, *(word for name in BASELINES for word in ('--baseline', name)))
    for number, (name, model) in enumerate(options.compare):
        folder = options.output / f'compare{number}'
        call('evaluate', '--model', model, *common, '--output', folder)
        (folder / 'name.txt').write_text(name)
    draw_failures(options)
    return 0


def draw_failures(options):
    """Draw the worst frames of each domain without image and ground truth."""
    predictor = Predictor(options.model, device='cpu', engine=options.engine)
    frames = open_dataset(options.data, options.split)
    for domain in card.DOMAINS:
        members = SelectedFrames(frames, [
            i for i, info in enumerate(frames.infos) if info.domain == domain])
        if not len(members):
            continue
        # One frame a place: those of a place fail alike.
        seen, worst = set(), []
        results = evaluate(members, predictor).results
        for result in worst_frames(results, len(results)):
            if result.info.scene not in seen and len(worst) < WORST:
                seen.add(result.info.scene)
                worst.append(result)
        path = options.output / f'lite_failures_{domain}.png'
        for width in range(320, 160, -20):
            picture = draw_output_maps(
                worst, members, predictor, cell_width=width,
                title=[f'lite: worst {domain} frames of {len(results)}'])
            # OpenCV's own choice is fast, and a third larger.
            _, data = cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                                   [cv2.IMWRITE_PNG_COMPRESSION, 9])
            if len(data) <= LARGEST_PICTURE_BYTES:
                break
        path.write_bytes(data.tobytes())
        print(f'{path}: {path.stat().st_size / 1000:.0f} kB')
    predictor.close()


def write(options):
    """Fill the blocks of the card that there are, and copy the pictures."""
    text = options.card.read_text(encoding='utf-8')
    wanted = card.block_names(text)
    blocks = {name: content for name, content in contents(options).items() if name in wanted}
    if not blocks:
        raise ConfigError(f'{options.card} has no block that can be filled; expected lines such '
                          'as "<!-- results -->" and "<!-- /results -->".')
    write_file(options.card, card.fill_blocks(text, blocks).encode())
    left = [name for name in wanted if name not in blocks]
    print(f'{options.card}: {", ".join(blocks)} written'
          + (f'; nothing given for {", ".join(left)}' if left else ''))
    return 0


def contents(options):
    """Return the content of each block that can be made; writes the pictures that they show."""
    document = json.loads((options.folder / 'model' / 'evaluation.json').read_text())
    reports = {'`lite`': document}
    for folder in sorted(options.folder.glob('compare*')):
        reports[(folder / 'name.txt').read_text()] = json.loads(
            (folder / 'evaluation.json').read_text())
    reports.update({BASELINES.get(name, name): report
                    for name, report in document['baselines'].items()})
    found = {
        'results': card.results_tables(reports),
        'comparison': card.differences_table(reports),
        'datasets': card.datasets_table(document),
        'uncertainty': card.uncertainty_table(document),
    }
    options.images.mkdir(parents=True, exist_ok=True)
    where = os.path.relpath(options.images.resolve(), options.card.resolve().parent)
    if options.run is not None:
        panels = training_panels(options.run, options.dev_run)
        write_picture(options.images / 'lite_training.png', draw_panels(panels))
        shown = ', '.join(panel.title for panel in panels)
        found['curves'] = f'![{shown}]({where}/lite_training.png)'
    failures = sorted(options.folder.glob('lite_failures_*.png'))
    for path in failures:
        shutil.copyfile(path, options.images / path.name)
    if failures:
        found['failures'] = '\n\n'.join(
            f'![worst {path.stem.rpartition("_")[2]} frames]({where}/{path.name})'
            for path in failures)
    if options.ablations is not None:
        found['ablations'] = ablations.format_table(ablations.read_results(options.ablations))
    if options.data is not None:
        with options.data.open(newline='', encoding='utf-8-sig') as file:
            found['sources'] = card.sources_table(csv.DictReader(file))
    return found


def call(*words):
    """Run a command of the package."""
    ablations.call([sys.executable, '-m', 'scaledepth_ros.cli', *map(str, words)])


def _named(text):
    name, equals, model = text.partition('=')
    if not equals or not name or not model:
        raise argparse.ArgumentTypeError(f'{text!r}; expected NAME=MODEL')
    return name, ablations.absolute(model)


def main(arguments=None):
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    first = commands.add_parser('measure', help='evaluate, and draw the worst frames')
    first.add_argument('--model', type=ablations.absolute, default='lite',
                       help='preset or model file [lite]')
    first.add_argument('--data', type=ablations.absolute, required=True, help='index.csv')
    first.add_argument('--split', default='val', help='[val]')
    first.add_argument('--compare', type=_named, action='append', default=[], metavar='NAME=MODEL',
                       help='a model for the same table; repeatable')
    first.add_argument('--engine', default='torch', help='inference engine [torch]')
    first.add_argument('--output', type=lambda text: Path(text).resolve(), required=True,
                       help='folder for what was measured')
    second = commands.add_parser('write', help='fill the blocks of the card')
    second.add_argument('folder', type=Path, help='output of measure')
    second.add_argument('--run', type=Path, help='folder of the training, for its curves')
    second.add_argument('--dev-run', type=Path,
                        help='a training with held-out scenes, for their curves [--run]')
    second.add_argument('--ablations', type=Path, help='folder of benchmarks/ablations.py')
    second.add_argument('--data', type=Path, help='index.csv, for the data sets and licences')
    second.add_argument('--card', type=Path, default=CARD, help="[the packaged weights' card]")
    second.add_argument('--images', type=Path, default=IMAGES, help='[docs/images]')
    options = parser.parse_args(arguments)
    try:
        return {'measure': measure, 'write': write}[options.command](options)
    except ScaleDepthError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())

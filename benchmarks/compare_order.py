# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Time the -NK network against the published order of operations, same weights, same run.

    python benchmarks/compare_order.py [--size 352x512] [--threads 2] [--repeats 7]

prints seconds for one image (median and least of interleaved repeats), processor seconds, the
ratio to the published order and the difference of the depth. Weights follow the rule of
test/golden/fill_rule.py: random, with masks that open and close like those of a trained network,
and far more sensitive to rounding than one.
"""

import argparse
import copy
import os
from pathlib import Path
import statistics
import sys
import time

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'test' / 'golden'), str(ROOT / 'benchmarks')]

import fill_rule  # noqa: E402
from golden_case import HERE, published_network  # noqa: E402
import official_order  # noqa: E402
from scaledepth_ros.inference.engines.prepacked import prepack  # noqa: E402
from scaledepth_ros.model.scaledepth import metric_depth  # noqa: E402
import torch  # noqa: E402


class Contender:
    """One way to run the network, cut where the features leave the image encoder."""

    def __init__(self, name, model, image, *, dtype=None, plain=False):
        self.name = name
        self.model = model
        self.image = image
        self.dtype = dtype
        self.plain = plain
        self.seconds = {'encoder': [], 'head': [], 'whole': []}
        self.processor = {'encoder': [], 'head': [], 'whole': []}

    def encoder(self):
        return self.model.image_encoder(self.image)

    def head(self, features):
        if self.plain:
            scale, relative = official_order.head(self.model, features)[-1]
            depth = scale[:, :, None, None] * relative
            return torch.nn.functional.interpolate(
                depth, self.image.shape[-2:], mode='bilinear', align_corners=False)
        return metric_depth(self.model.decode(features)[-1], tuple(self.image.shape[-2:]))

    def run(self, record=True):
        with torch.inference_mode(), torch.autocast(
                'cpu', self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            marks = [(time.perf_counter(), time.process_time())]
            features = self.encoder()
            marks.append((time.perf_counter(), time.process_time()))
            depth = self.head(features)
            marks.append((time.perf_counter(), time.process_time()))
        if record:
            for stage, first, last in (('encoder', 0, 1), ('head', 1, 2), ('whole', 0, 2)):
                self.seconds[stage].append(marks[last][0] - marks[first][0])
                self.processor[stage].append(marks[last][1] - marks[first][1])
        return depth.float()


def contenders(size):
    """Return the ways to compare, the published order first."""
    model = published_network(HERE / 'state_dict_keys.json').requires_grad_(False)
    height, width = size
    image = torch.from_numpy(
        fill_rule.uniform(f'input:{height}x{width}', (1, 3, height, width), 0, 255))
    last = image.contiguous(memory_format=torch.channels_last)
    found = [Contender('published order, fp32', model, image, plain=True),
             Contender('package, fp32, not packed', model, image)]
    for name, dtype in (('fp32', torch.float32), ('bf16', torch.bfloat16)):
        packed = copy.deepcopy(model).to(memory_format=torch.channels_last)
        if prepack(packed, dtype):
            found.append(Contender(f'package, {name}', packed, last,
                                   dtype=dtype if dtype == torch.bfloat16 else None))
        else:
            print(f'no packed linear layers in {name} here')
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--size', default='352x512', help='height x width')
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--repeats', type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size = tuple(int(side) for side in options.size.split('x'))
    found = contenders(size)
    reference = found[0].run(record=False)
    errors = [(contender.run(record=False) - reference).abs() / reference for contender in found]
    for _ in range(options.repeats):
        for contender in found:
            contender.run()
    print(f'{options.size}, {options.threads} threads, PyTorch {torch.__version__}, '
          f'load {os.getloadavg()[0]:.1f}: s a frame, median (least) of {options.repeats}; '
          'processor s; times as fast')
    for stage in ('encoder', 'head', 'whole'):
        first = found[0]
        for contender in found:
            seconds, processor = contender.seconds[stage], contender.processor[stage]
            print(f'{stage:8} {contender.name:26} {statistics.median(seconds):7.3f} '
                  f'({min(seconds):.3f})  cpu {statistics.median(processor):7.3f} '
                  f'({min(processor):.3f})  '
                  f'{statistics.median(first.seconds[stage]) / statistics.median(seconds):5.2f}x '
                  f'(cpu {min(first.processor[stage]) / min(processor):.2f}x)')
    print('relative difference of the depth: largest, 99.9 %, median')
    for contender, error in zip(found, errors, strict=True):
        quantile = torch.quantile(error.flatten(), torch.tensor([0.999, 0.5]))
        print(f'         {contender.name:26} {error.max():.1e}  {quantile[0]:.1e}  '
              f'{quantile[1]:.1e}')


if __name__ == '__main__':
    main()

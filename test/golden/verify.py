# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Compare this package with golden arrays of the official ScaleDepth code.

    python test/golden/verify.py DIR [--only TEXT] [--threads N] [--packed]

reads every golden_*.json of DIR and its .npz, rebuilds network and input from the json alone,
prints one line a case with the largest difference of each quantity, and exits with 1 if a case
misses a limit. --packed takes the network as the PyTorch engine runs it on a CPU (no gradients).

Limits. Attention looks where a mask logit is at least 0, so a logit within rounding noise of 0
may fall on either side, and everything behind it moves. A case whose mask bits all agree must
agree to 1e-4 in every array (activations that are no output: relative to their largest value),
and metric depth to a relative 1e-4 as well. Where bits differ, the first layer in which they do
may differ only where the logit is noise, and the result may move by 1e-3, or else by 5e-3 in the
mean and 5e-2 in the 99.9 % quantile. Losses: 1e-4. Gradient norms: a relative 5e-3, those that are
zero by construction apart. Evaluation metrics: a relative 2e-5.
"""

import argparse
from dataclasses import dataclass, field
import os
from pathlib import Path
import re
import sys
import time

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from golden_case import GoldenCase  # noqa: E402
from golden_metrics import metric_errors  # noqa: E402
import numpy as np  # noqa: E402
from scaledepth_ros.inference.engines.prepacked import prepack  # noqa: E402
from scaledepth_ros.inference.sliding_window import slide_flip, window_origins  # noqa: E402
from scaledepth_ros.model.scaledepth import metric_depth  # noqa: E402
from scaledepth_ros.training.losses import LossConfig, ScaleDepthLoss  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

TIGHT = 1e-4
FLIPPED, FLIPPED_MEAN, FLIPPED_QUANTILE = 1e-3, 5e-3, 5e-2
# Rounding noise of a mask logit, whose values spread by about 3.
NOISE = 1e-4
GRADIENT = 5e-3
METRIC = 2e-5
# A slide case stores no mask bits, but the smallest logit that decided one.
CLIFF_LOGIT = 5e-6
# A gradient that is zero by construction is noise beside the others.
ZERO_GRADIENT = 1e-6


@dataclass
class Result:
    """What a case came to: text of each quantity, and what missed its limit."""

    texts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, name, value, limit, shown=None):
        self.texts.append(f'{name} {value:.1e}' if shown is None else shown)
        if not value <= limit:  # NaN fails
            self.failures.append(f'{name} is {value:.2e}, limit {limit:.0e}')


def difference(ours, golden):
    """Return the absolute difference in float64; a wrong shape is an error of the test."""
    assert ours.shape == golden.shape, f'{ours.shape} instead of {golden.shape}'
    return np.abs(ours.astype(np.float64) - golden)


def sampled(values, shape, strides=(1, 2, 4, 8, 16, 32)):
    """Return values[..., ::s, ::s] for the power of two s that gives the wanted shape."""
    for step in strides:
        part = values[..., ::step, ::step]
        if part.shape[-2:] == tuple(shape[-2:]):
            channels = part.shape[-3] // shape[-3] if part.shape[-3] != shape[-3] else 1
            return part[..., ::channels, :, :].detach().numpy()
    raise AssertionError(f'no stride turns {tuple(values.shape)} into {tuple(shape)}')


class Limits:
    """The limit of an array, given whether mask bits fell on the other side."""

    def __init__(self, flipped):
        self.flipped = flipped

    def check(self, result, name, ours, golden, scale=1.0):
        error = difference(ours, golden) / scale
        if not self.flipped or error.max() <= FLIPPED:
            result.add(name, error.max(), FLIPPED if self.flipped else TIGHT)
        else:
            quantile = np.quantile(error, 0.999)
            result.add(f'{name} mean', error.mean(), FLIPPED_MEAN)
            result.add(f'{name} 99.9%', quantile, FLIPPED_QUANTILE,
                       shown=f'99.9% {quantile:.1e} max {error.max():.1e}')

    def check_metric(self, result, name, ours, golden):
        self.check(result, name, ours, golden)
        if not self.flipped:
            relative = (difference(ours, golden) / np.abs(golden)).max()
            result.add(f'{name} rel', relative, TIGHT)


def verify_forward(case, model, result):
    """Compare every stored array of a plain forward pass; return the outputs by layer."""
    stored = case.arrays
    seen = {'logits': []}
    decoder = model.query_decoder
    plain = decoder.mask_logits

    def recorded(bin_query, pixels):
        logits = plain(bin_query, pixels)
        seen['logits'].append(logits.detach())
        return logits
    hooks = [model.pixel_decoder.register_forward_hook(
                 lambda _, __, out: seen.__setitem__('pixels', out)),
             decoder.register_forward_hook(lambda _, __, out: seen.__setitem__('queries', out))]
    decoder.mask_logits = recorded
    try:
        inputs = case.inputs()
        features = model.image_encoder(inputs)
        layers = range(model.config.decoder_layers)
        outputs = model.decode(features, layers)
    finally:
        del decoder.mask_logits
        for hook in hooks:
            hook.remove()

    limits = Limits(flipped=False)
    if 'attn_mask_bits' in stored:
        limits = Limits(flipped=verify_mask_bits(case, seen['logits'], result) > 0)
    embedding, memory = seen['pixels']
    size = case.image_size()
    last = outputs[-1]
    stride = case.facts.get('M_full_stride', 4)
    arrays = {
        'S': torch.stack([out.scale_m[:, 0] for out in outputs]),
        'P': torch.stack([out.scene_logits.softmax(-1) for out in outputs]),
        'bin_edges': torch.stack([out.bin_edges for out in outputs]),
        'bin_logits': torch.stack([
            model.relative_depth.bin_embed(query).squeeze(-1) for query, _ in seen['queries']]),
        'scale_query': torch.stack([query for _, query in seen['queries']]),
        'R_quarter_last': last.relative_depth,
    }
    for name, values in arrays.items():
        if name in stored:
            limits.check(result, SHORT.get(name, name), values.detach().numpy(), stored[name],
                         activation_scale(name, stored[name]))
    maps = {
        'R_quarter_layers': torch.stack([out.relative_depth[:, 0] for out in outputs]),
        'R_full_sub': F.interpolate(last.relative_depth, size, mode='bilinear'),
        'mask_features_sub': embedding,
        **{f'memory{level}_sub': value for level, value in enumerate(memory)},
        'mask_logits_last_sub': seen['logits'][-1].view(
            *seen['logits'][-1].shape[:2], *embedding.shape[-2:]),
        **({f'res{level + 2}_sub': value for level, value in enumerate(features)}),
    }
    for name, values in maps.items():
        if name in stored:
            # Memories are always stored at every second cell.
            strides = (2,) if name.startswith('memory') else (1, 2, 4, 8, 16, 32)
            limits.check(result, SHORT.get(name, name),
                         sampled(values, stored[name].shape, strides), stored[name],
                         activation_scale(name, stored[name]))
    if 'M_full_sub' in stored:
        depth = metric_depth(last, size)[:, :, ::stride, ::stride]
        limits.check_metric(result, 'M', depth.detach().numpy(), stored['M_full_sub'])
    return outputs


SHORT = {'bin_edges': 'edges', 'bin_logits': 'bins', 'scale_query': 'query',
         'R_quarter_last': 'R', 'R_quarter_layers': 'R(layers)', 'R_full_sub': 'R(full)',
         'mask_features_sub': 'features', 'mask_logits_last_sub': 'masks',
         **{f'memory{i}_sub': f'memory{i}' for i in range(3)},
         **{f'res{i}_sub': f'res{i}' for i in range(2, 6)}}


def activation_scale(name, golden):
    """Return what a limit is relative to: 1 for outputs, the largest value for activations."""
    activation = name.startswith(('bin_logits', 'scale_query', 'memory', 'mask_logits', 'res'))
    return max(1.0, float(np.abs(golden).max())) if activation else 1.0


def verify_mask_bits(case, logits, result):
    """Compare the attention masks; return how many bits differ."""
    bits = case.arrays['attn_mask_bits']
    flips, offset = 0, 0
    # The official code makes one mask more, after the last layer, and never uses it.
    for call in case.facts['attn_masks'][:-1]:
        ours = logits.pop(0).numpy()
        assert ours.shape[-1] == call['size'][0] * call['size'][1]
        length = -(-ours.size // 8)
        golden = np.unpackbits(bits[offset:offset + length], count=ours.size)
        offset += length
        differs = (ours < 0).ravel() != golden.astype(bool)
        if differs.any() and not flips:
            worst = float(np.abs(ours.ravel()[differs]).max())
            if worst > NOISE:
                result.failures.append(
                    f'a mask bit differs where its logit is {worst:.1e}, more than noise')
        flips += int(differs.sum())
    result.texts.append(f'flips {flips}')
    return flips


def verify_loss(case, model, outputs, result):
    """Compare losses and gradient norms."""
    facts = case.facts['loss']
    depth, labels = case.ground_truth()
    supervised = model.config.supervised_layers
    names = {name.removeprefix('decode.'): value for name, value in facts['losses'].items()}
    config = LossConfig(max_depth_m=facts.get('max_depth'),
                        scene_weight=0.01 if 'loss_ce' in names else 0.0)
    loss = ScaleDepthLoss(config, supervised)
    terms = loss([outputs[layer] for layer, _ in supervised] + [outputs[-1]], depth, labels)
    ours = {name.replace('_scene', '_ce'): value.item() for name, value in terms.items()}
    if ours.keys() != names.keys():
        result.failures.append(f'losses are {sorted(ours)}, expected {sorted(names)}')
        return
    result.add('losses', max(abs(ours[name] - value) for name, value in names.items()), TIGHT)
    total = sum(terms.values())
    result.add('total', abs(total.item() - facts['total']), TIGHT * max(1.0, facts['total']))
    if 'grad_norms' not in facts:
        return
    model.zero_grad()
    total.backward()
    golden = facts['grad_norms']
    floor = ZERO_GRADIENT * max(golden.values())
    ours = {name: 0.0 if parameter.grad is None else float(parameter.grad.double().norm())
            for name, parameter in case.official_names(model).items()}
    missing = sorted(set(golden) - set(ours))
    if missing:
        result.failures.append(f'no gradient for {missing[:3]}')
        return
    worst = max((abs(ours[name] - value) / value, name) for name, value in golden.items()
                if value > floor)
    result.add(f'gradients({len(golden)})', worst[0], GRADIENT)
    zero = [name for name, value in golden.items() if value <= floor and ours[name] > 10 * floor]
    if zero:
        result.failures.append(f'gradient of {zero} is not zero')


def verify_slide(case, model, result):
    """Compare sliding-window and whole-image predictions."""
    facts, test = case.facts, case.facts['test_cfg']
    scales = []

    def run(images):
        with torch.inference_mode():
            out = model(torch.from_numpy(images))
            scales.extend(out.scale_m[:, 0].tolist())
            return metric_depth(out, images.shape[-2:]).numpy()
    image = case.inputs()
    size = tuple(image.shape[-2:])
    crop, stride = tuple(test['crop_size']), tuple(test['stride'])
    windows = [list(origin) for origin in window_origins(*size, crop, stride)]
    if windows != facts['windows_y1x1']:
        result.failures.append(f'windows at {windows}, expected {facts["windows_y1x1"]}')
        return
    depth = slide_flip(run, image.numpy(), crop=crop, stride=stride)
    limits = Limits(flipped=facts.get('min_abs_logit_used', 1.0) < CLIFF_LOGIT)
    golden = next(value for name, value in facts.items() if name.startswith('window_scales'))
    limits.check(result, 'S', np.array(scales), np.array(golden))

    def resized(values, to):
        return F.interpolate(torch.from_numpy(values), to, mode='bilinear').numpy()
    for name, stored in case.arrays.items():
        if name == 'M_full_sub':
            step = facts.get('M_full_stride', 4)
            ours = depth[:, :, ::step, ::step]
        elif name.startswith('slide'):
            ours = resized(depth, stored.shape[-2:])
        elif name.startswith('whole'):
            at = re.search(r'img_shape_(\d+)x(\d+)', name)
            with torch.inference_mode():
                out = model(image)
            whole = metric_depth(out, (int(at[1]), int(at[2])) if at else size).numpy()
            ours = resized(whole, stored.shape[-2:])
        else:
            raise AssertionError(f'{case.name} holds an array {name} of unknown meaning')
        limits.check_metric(result, 'M' if name == 'M_full_sub' else name, ours, stored)


def verify(path, packed=False):
    """Return the Result of one golden_*.json, or None where it is no case."""
    case = GoldenCase(path)
    result = Result()
    if case.is_metrics:
        errors, masks_fit = metric_errors(case.facts['cases'])
        for name, error in errors.items():
            result.add(name, error, METRIC)
        if not masks_fit:
            result.failures.append('another number of valid pixels')
        return result
    if not case.is_network:
        return None
    model = case.network()
    if packed and not prepack(model.to(memory_format=torch.channels_last), torch.float32):
        raise SystemExit('this machine has no packed linear layers')
    if 'test_cfg' in case.facts:
        verify_slide(case, model, result)
        return result
    with torch.set_grad_enabled('grad_norms' in case.facts.get('loss', {}) and not packed):
        outputs = verify_forward(case, model, result)
        if 'loss' in case.facts and not packed:
            verify_loss(case, model, outputs, result)
    return result


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('folder', type=Path, help='folder of golden_*.json and .npz files')
    parser.add_argument('--only', default='', help='only cases whose name contains this')
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--packed', action='store_true', help='as the PyTorch engine runs it')
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    paths = sorted(options.folder.glob('golden_*.json'))
    paths = [path for path in paths if options.only in path.stem]
    if not paths:
        print(f'{options.folder} holds no golden_*.json', file=sys.stderr)
        return 2
    failed = compared = 0
    for path in paths:
        start = time.monotonic()
        result = verify(path, options.packed)
        name = path.stem.removeprefix('golden_')
        if result is None:
            print(f'skip {name}: no case')
            continue
        compared += 1
        failed += bool(result.failures)
        print(f'{"FAIL" if result.failures else "ok  "} {name} '
              f'[{time.monotonic() - start:.1f} s]: {", ".join(result.texts)}', flush=True)
        for failure in result.failures:
            print(f'     {failure}', flush=True)
    print(f'{compared} cases, {failed} failed')
    return 1 if failed or not compared else 0


if __name__ == '__main__':
    sys.exit(main())

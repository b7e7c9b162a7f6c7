# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation: geometry that a camera could have produced, colours, determinism."""

import math

import cv2
from mini_frames import make_sample
import numpy as np
import pytest
from scaledepth_ros.data.augmentation import (
    Augmentation,
    AugmentationConfig,
    no_augmentation,
    official_augmentation,
)
from scaledepth_ros.data.colour import ColourConfig, jitter_colour, official_colour_jitter
from scaledepth_ros.data.mixing import copy_paste, cut_depth
from scaledepth_ros.errors import ConfigError
import torch

GEOMETRY = {'colour': None, 'flip_probability': 0.0}


def _rng(seed=0):
    return np.random.default_rng(seed)


def _sphere_scene(height, width, focal_px, radius_m=0.5, distance_m=3.0):
    """Return what a pinhole camera sees of a bright disc of known size on a dark far wall."""
    v, u = np.mgrid[:height, :width]
    x = (u - (width - 1) / 2) / focal_px * distance_m
    y = (v - (height - 1) / 2) / focal_px * distance_m
    disc = x**2 + y**2 < radius_m**2
    rgb = np.where(disc[..., None], 250, 20).astype(np.uint8).repeat(3, -1)
    return make_sample(rgb, np.where(disc, distance_m, 6.0), focal_px)


@pytest.mark.parametrize('zoom', [0.6, 1.0, 1.7])
def test_zoomed_frames_still_show_objects_of_true_size(zoom):
    # Size on the image / focal length * depth = size in the world, whatever was done to it.
    config = AugmentationConfig(zoom_min=zoom, zoom_max=zoom, off_centre_probability=0, **GEOMETRY)
    sample = Augmentation(config)(_sphere_scene(240, 320, 250.0), 120, 160, _rng())
    disc = sample.image_3HW[0] > 128
    diameter_px = 2 * math.sqrt(disc.sum().item() / math.pi)
    depth_m = sample.depth_1HW[0][disc].median().item() * sample.focal_px / 300.0
    assert depth_m == pytest.approx(3.0, rel=1e-4)
    assert diameter_px / sample.focal_px * depth_m == pytest.approx(1.0, rel=0.02)
    assert sample.focal_px == pytest.approx(250.0 * 0.5 * zoom, rel=0.01)


@pytest.mark.parametrize(('probability', 'low', 'high'), [
    (0.0, 0, 0), (0.25, 70, 130), (1.0, 400, 400)])
def test_frames_without_a_zoom_come_whole(probability, low, high):
    config = AugmentationConfig(
        zoom_min=1.2, zoom_max=1.5, zoom_probability=probability, **GEOMETRY)
    scene = _sphere_scene(60, 80, 60.0)
    whole = Augmentation(no_augmentation(300.0))(scene, 60, 80, _rng())
    zoomed = 0
    for seed in range(400):
        sample = Augmentation(config)(scene, 60, 80, _rng(seed))
        if sample.focal_px == whole.focal_px:
            assert torch.equal(sample.image_3HW, whole.image_3HW)
        else:
            zoomed += 1
    assert low <= zoomed <= high


def test_canonical_depth_of_two_lenses_agrees_where_the_pictures_do():
    # A lens twice as long shows an object twice as far away the same: same canonical depth.
    near = _sphere_scene(120, 160, 100.0, distance_m=2.0)
    far = _sphere_scene(120, 160, 200.0, distance_m=4.0)
    augment = Augmentation(no_augmentation(300.0))
    one, two = augment(near, 120, 160, _rng()), augment(far, 120, 160, _rng())
    disc = one.image_3HW[0] > 128
    assert torch.equal(one.image_3HW, two.image_3HW)
    assert one.depth_1HW[0][disc].unique().tolist() == pytest.approx([6.0])
    assert two.depth_1HW[0][disc].unique().tolist() == pytest.approx([6.0])


def test_padding_never_holds_depth_and_has_the_mean_colour():
    sample = make_sample(np.full((60, 80, 3), 90, np.uint8), np.full((60, 80), 2.0), 70.0)
    config = AugmentationConfig(zoom_min=0.5, zoom_max=0.5, **GEOMETRY)
    out = Augmentation(config)(sample, 60, 80, _rng())
    assert torch.isfinite(out.depth_1HW).sum().item() == 30 * 40
    assert (out.image_3HW == 90).all()


@pytest.mark.parametrize('size', [(60, 80), (96, 128), (64, 224), (96, 64)])
def test_any_frame_fits_any_network_size_and_depth_stays_on_its_pixel(size):
    # Colour encodes position coarsely, depth does exactly: they must move together.
    rows = np.linspace(20, 235, 90)[:, None].repeat(130, 1)
    columns = np.linspace(20, 235, 130)[None].repeat(90, 0)
    rgb = np.stack([rows, columns, np.zeros_like(rows)], -1).astype(np.uint8)
    sample = make_sample(rgb, 1.0 + rows / 100.0, 100.0)
    augment = Augmentation(AugmentationConfig(canonical_focal_px=None, colour=None))
    for seed in range(20):
        out = augment(sample, *size, _rng(seed))
        assert out.image_3HW.shape == (3, *size)
        assert out.depth_1HW.shape == (1, *size)
        known = torch.isfinite(out.depth_1HW[0])
        from_depth = (out.depth_1HW[0][known] - 1.0) * 100.0
        assert (out.image_3HW[0][known] - from_depth).abs().max() < 6.0


def test_flip_mirrors_image_and_depth_alike():
    columns = np.arange(80)[None].repeat(60, 0)
    rgb = columns[..., None].repeat(3, -1).astype(np.uint8)
    sample = make_sample(rgb, columns + 1.0, 70.0)
    config = AugmentationConfig(
        canonical_focal_px=None, colour=None, flip_probability=1.0, zoom_min=1, zoom_max=1)
    out = Augmentation(config)(sample, 60, 80, _rng())
    assert out.image_3HW[0, 0].tolist() == list(range(79, -1, -1))
    assert out.depth_1HW[0, 0].tolist() == list(range(80, 0, -1))


def test_off_centre_crops_go_everywhere_and_centred_ones_do_not():
    columns = np.arange(160)[None].repeat(60, 0)
    sample = make_sample(columns[..., None].repeat(3, -1).astype(np.uint8), columns + 1.0, 70.0)

    def first_columns(probability):
        config = AugmentationConfig(
            zoom_min=1, zoom_max=1, off_centre_probability=probability, **GEOMETRY)
        return {
            int(Augmentation(config)(sample, 60, 80, _rng(seed)).image_3HW[0, 0, 0])
            for seed in range(200)
        }

    assert first_columns(0.0) == {40}
    anywhere = first_columns(1.0)
    assert min(anywhere) < 4
    assert max(anywhere) > 76


def test_unknown_focal_lengths_are_assumed_and_marked():
    rgb, depth = np.zeros((90, 120, 3), np.uint8), np.full((90, 120), 2.0)
    augment = Augmentation(no_augmentation(300.0))
    out = augment(make_sample(rgb, depth), 90, 120, _rng())
    assert not out.focal_known
    assert out.focal_px == pytest.approx(60 / math.tan(math.radians(30)))
    upright = augment(make_sample(rgb.transpose(1, 0, 2), depth.T), 120, 90, _rng())
    assert upright.focal_px == pytest.approx(out.focal_px)
    assert augment(make_sample(rgb, depth, 50.0), 90, 120, _rng()).focal_known


def test_depth_beyond_the_limit_is_unknown():
    depth = np.full((60, 80), 79.0)
    depth[:, :40] = 81.0
    sample = make_sample(np.zeros((60, 80, 3), np.uint8), depth, 70.0)
    out = Augmentation(no_augmentation(300.0))(sample, 60, 80, _rng())
    assert torch.isfinite(out.depth_1HW).float().mean().item() == 0.5


def test_the_official_pipeline_crops_without_resizing_and_keeps_metres():
    rgb = _rng().integers(0, 256, (100, 140, 3), np.uint8)
    depth = np.arange(14000).reshape(100, 140) / 1000 + 1.0
    out = Augmentation(official_augmentation())(make_sample(rgb, depth, 70.0), 64, 96, _rng(5))
    assert out.focal_px == pytest.approx(70.0)
    rows = out.depth_1HW[0] if out.depth_1HW[0, 0, 1] > out.depth_1HW[0, 0, 0] else (
        out.depth_1HW[0].flip(-1))
    window = depth.astype(np.float32)
    top, left = np.argwhere(window == rows[0, 0].item())[0]
    assert np.array_equal(rows.numpy(), window[top : top + 64, left : left + 96])


def test_a_seed_fixes_every_pixel_and_torchs_own_generator_has_no_say():
    sample = make_sample(
        _rng().integers(0, 256, (90, 120, 3), np.uint8), _rng().uniform(1, 5, (90, 120)), 80.0)
    colour = ColourConfig(
        jitter_probability=1, blur_probability=1, noise_probability=1, jpeg_probability=1)
    augment = Augmentation(AugmentationConfig(colour=colour, cut_depth_probability=0.5))
    torch.manual_seed(0)
    one = augment(sample, 64, 96, _rng(7))
    torch.manual_seed(99)
    two = augment(sample, 64, 96, _rng(7))
    other = augment(sample, 64, 96, _rng(8))
    assert torch.equal(one.image_3HW, two.image_3HW)
    assert torch.equal(one.depth_1HW.nan_to_num(), two.depth_1HW.nan_to_num())
    assert one.focal_px == two.focal_px
    assert not torch.equal(one.image_3HW, other.image_3HW)


def test_augmentation_does_not_touch_the_frame():
    rgb = _rng().integers(0, 256, (60, 80, 3), np.uint8)
    sample = make_sample(rgb.copy(), np.full((60, 80), 3.0), 80.0)
    for config in (AugmentationConfig(), official_augmentation(), no_augmentation(300.0)):
        for seed in range(5):
            Augmentation(config)(sample, 60, 80, _rng(seed))
    assert np.array_equal(sample.rgb_HW3, rgb)
    assert (sample.depth_m_HW == 3.0).all()


COLOURS = torch.from_numpy(_rng(1).integers(0, 256, (3, 40, 50), np.uint8))
OFF = dict.fromkeys(
    [f'{n}_probability' for n in ('jitter', 'grayscale', 'blur', 'noise', 'jpeg')], 0.0)


@pytest.mark.parametrize('name', ['jitter', 'grayscale', 'blur', 'noise', 'jpeg'])
def test_each_colour_change_is_switched_by_its_probability(name):
    on = ColourConfig(**{**OFF, f'{name}_probability': 1.0})
    changed = jitter_colour(COLOURS, on, _rng())
    assert changed.shape == COLOURS.shape
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, COLOURS)
    assert torch.equal(jitter_colour(COLOURS, ColourConfig(**OFF), _rng()), COLOURS)


def test_grayscale_has_equal_channels_and_brightness_goes_both_ways():
    grey = jitter_colour(COLOURS, ColourConfig(**{**OFF, 'grayscale_probability': 1.0}), _rng())
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    config = ColourConfig(**{**OFF, 'jitter_probability': 1.0}, contrast=0, saturation=0, gamma=0,
                          hue=0)
    means = [jitter_colour(COLOURS, config, _rng(s)).float().mean().item() for s in range(40)]
    middle = COLOURS.float().mean().item()
    assert sum(mean > middle for mean in means) == pytest.approx(20, abs=10)


def test_official_colours_stay_within_the_limits_of_the_recipe():
    grey = torch.full((3, 4, 4), 128, dtype=torch.uint8)
    values = {int(official_colour_jitter(grey, _rng(seed))[0, 0, 0]) for seed in range(300)}
    assert 128 in values, 'all three steps are skipped one time in eight'
    assert min(values) >= 128 * 0.8 - 51 - 40
    assert max(values) <= 128 * 1.2 + 51 + 40
    assert len(values) > 50


def test_official_hue_shift_turns_the_colour_circle():
    red = torch.zeros((3, 2, 2), dtype=torch.uint8)
    red[0] = 200
    hues = set()
    for seed in range(200):
        shifted = official_colour_jitter(red, _rng(seed)).permute(1, 2, 0).numpy()
        hues.add(int(cv2.cvtColor(np.ascontiguousarray(shifted), cv2.COLOR_RGB2HSV)[0, 0, 0]))
    signed = {(hue + 90) % 180 - 90 for hue in hues}
    assert min(signed) < -10
    assert max(signed) > 10
    assert max(abs(hue) for hue in signed) <= 21


def test_cut_depth_shows_depth_as_grey_inside_one_rectangle():
    image = torch.full((3, 40, 60), 7, dtype=torch.uint8)
    depth = torch.full((1, 40, 60), 2.0)
    depth[..., 30:] = 4.0
    depth[:, 0] = math.nan
    changed = (cut_depth(image, depth, _rng(3)) != image).all(0)
    rows, columns = torch.where(changed)
    assert changed.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
    assert set(cut_depth(image, depth, _rng(3)).unique().tolist()) <= {7, 128, 255}
    assert (image == 7).all()
    sparse = torch.where(torch.arange(60) % 4 == 0, depth, math.nan)
    assert torch.equal(cut_depth(image, sparse, _rng(3)), image)


def test_copy_paste_puts_near_things_in_front_only():
    image, donor_image = (torch.full((3, 20, 30), v, dtype=torch.uint8) for v in (10, 200))
    depth, donor_depth = torch.full((1, 20, 30), 3.0), torch.full((1, 20, 30), 8.0)
    donor_depth[:, :5] = 1.0   # in front of the frame: pasted
    donor_depth[:, 5:6] = 5.0  # behind the frame: not pasted
    depth[:, 0, 0] = math.nan  # unknown: left alone
    pasted, pasted_depth = copy_paste(image, depth, donor_image, donor_depth, _rng())
    where = pasted[0] == 200
    assert where[:5].sum() == 5 * 30 - 1
    assert not where[5:].any()
    assert (pasted_depth[0][where] == 1.0).all()
    assert (pasted_depth[0, 5:] == 3.0).all()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'canonical_focal_px': 0.0}, 'canonical_focal_px is 0.0'),
        ({'zoom_min': 2.0, 'zoom_max': 1.0}, 'Zoom range is 2 .. 1'),
        ({'zoom_probability': 1.5}, 'zoom_probability is 1.5; expected 0 .. 1'),
        ({'assumed_fov_deg': 180.0}, 'assumed_fov_deg is 180'),
        ({'flip_probability': 1.5}, 'flip_probability is 1.5'),
        ({'max_depth_m': 0.0}, 'max_depth_m is 0'),
    ],
)
def test_senseless_settings_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        AugmentationConfig(**changes)


def test_senseless_colours_are_refused():
    with pytest.raises(ConfigError, match='hue = 0.7'):
        ColourConfig(hue=0.7)
    with pytest.raises(ConfigError, match='blur_probability = 2'):
        ColourConfig(blur_probability=2)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Colours mean what the scale says, strips show every picture once, PLY holds the points."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scaledepth_ros.errors import ImageError, SourceError
from scaledepth_ros.visualization import (
    color_bar,
    ColorScale,
    Column,
    depth_scale,
    draw_strip,
    NO_VALUE_RGB,
    relative_error_percent,
    relative_error_scale,
    Row,
    uncertainty_scale,
    write_picture,
    write_ply,
)

GREY_RAMP = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def grey_scale(low: float, high: float, *, logarithmic: bool = False) -> ColorScale:
    return ColorScale(low=low, high=high, unit='m', lut=GREY_RAMP, logarithmic=logarithmic)


def test_linear_and_logarithmic_positions_by_hand() -> None:
    np.testing.assert_allclose(grey_scale(2, 6).position(np.array([2.0, 3, 6])), [0, 0.25, 1])
    positions = grey_scale(1, 100, logarithmic=True).position(np.array([1.0, 10, 100, 31.6227766]))
    np.testing.assert_allclose(positions, [0, 0.5, 1, 0.75])


def test_values_outside_take_the_end_colours_and_unknown_is_grey() -> None:
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 9.0], [np.nan, np.inf, -np.inf, 0.2, 0.4]])
    rgb = grey_scale(0, 1).colorize(values)
    assert rgb.shape == (2, 5, 3)
    assert rgb[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert [tuple(p) for p in rgb[1, :3]] == [NO_VALUE_RGB] * 3
    assert rgb[1, 3:, 0].tolist() == [51, 102]


def test_what_is_no_distance_has_no_place_on_a_logarithmic_scale() -> None:
    positions = grey_scale(1, 10, logarithmic=True).position(np.array([0.0, -3.0, 0.5, 1.0]))
    np.testing.assert_array_equal(positions, [np.nan, np.nan, 0.0, 0.0])


def test_near_is_red_and_far_is_blue() -> None:
    depth_m = np.geomspace(1, 10, 1000, dtype=np.float32).reshape(20, 50)
    rgb = depth_scale([depth_m]).colorize(depth_m).astype(int)
    near, far = rgb[0, 2], rgb[-1, -4]
    assert near[0] > near[2]
    assert far[2] > far[0]


def test_depth_scale_ignores_outliers_and_what_is_unknown() -> None:
    depth_m = np.full((100, 100), 2.0)
    depth_m[50:] = 8.0
    depth_m[0, :40] = np.nan
    depth_m[2, :40] = np.inf
    depth_m[4, :40] = 0.0
    depth_m[6, :4] = 5000.0
    scale = depth_scale([depth_m])
    assert (scale.low, scale.high) == (2.0, 8.0)
    flat = depth_scale([np.full((10, 10), 3.0)])
    assert flat.high / flat.low == pytest.approx(2.0)
    assert flat.low * flat.high == pytest.approx(9.0)
    empty = depth_scale([np.full((4, 4), np.nan)])
    assert empty.low < empty.high


def test_uncertainty_starts_at_zero() -> None:
    scale = uncertainty_scale([np.full((10, 10), 0.3), np.full((5, 5), np.nan)])
    assert scale.low == 0.0
    assert scale.high == pytest.approx(0.3)
    assert uncertainty_scale([]).high > 0


def test_relative_error_by_hand() -> None:
    depth_m = np.array([[1.5, 2.0, np.nan, 4.0, np.inf]])
    truth_m = np.array([[1.0, 4.0, 2.0, np.nan, 2.0]])
    np.testing.assert_array_equal(relative_error_percent(depth_m, truth_m),
                                  [[50.0, -50.0, np.nan, np.nan, np.nan]])
    too_near, right, too_far = relative_error_scale().colorize(np.array([[-50.0, 0, 50]]))[0]
    assert too_near[2] > too_near[0]
    assert right.min() > 250
    assert too_far[0] > too_far[2]
    with pytest.raises(ImageError, match='expected equal shapes'):
        relative_error_percent(depth_m, truth_m[:, :2])


@pytest.mark.parametrize(('low', 'high', 'logarithmic'), [
    (0.5, 80.0, True), (1.3, 2.7, True), (2.0, 2.1, True), (0.02, 900.0, True), (0.0, 0.37, False),
    (-50.0, 50.0, False), (0.0, 1234.0, False),
])
def test_ticks_lie_on_the_scale_and_suffice(low: float, high: float, logarithmic: bool) -> None:
    ticks = grey_scale(low, high, logarithmic=logarithmic).ticks()
    assert 4 <= len(ticks) <= 20
    assert ticks == sorted(ticks)
    assert low - 1e-9 <= ticks[0]
    assert ticks[-1] <= high + 1e-9


@pytest.mark.parametrize(('low', 'high', 'logarithmic', 'text'), [
    (1.0, 1.0, False, 'expected finite limits'), (0.0, 1.0, True, 'cannot start at 0.0 m'),
    (np.nan, 1.0, False, 'expected finite limits'),
])
def test_senseless_scales_are_refused(
    low: float, high: float, logarithmic: bool, text: str,
) -> None:
    with pytest.raises(ImageError, match=text):
        grey_scale(low, high, logarithmic=logarithmic)


def test_colour_bar_runs_from_low_to_high() -> None:
    bar = color_bar(grey_scale(0, 1), 400)
    assert bar.shape[1] == 400
    length = int((bar[0, :, 0] < 50).sum())  # the frame is drawn in ink
    shown = [int(bar[6, round(place * length), 0]) for place in (0.1, 0.4, 0.9)]
    np.testing.assert_allclose(shown, [25.5, 102, 229.5], atol=2)


def test_a_strip_shows_each_picture_in_its_place() -> None:
    red = np.full((20, 40, 3), (200, 0, 0), np.uint8)
    tall = np.full((80, 40, 3), (0, 200, 0), np.uint8)
    depth_m = np.full((20, 40), 1.0, np.float32)
    scale = grey_scale(0, 2)
    columns = [Column(title='image'), Column(title='depth', scale=scale)]
    strip = draw_strip(['lite', 'weights: random (untrained)'], columns,
                       [Row(caption='a', cells=[red, depth_m]),
                        Row(caption='b', cells=[tall, np.full((80, 40), np.nan)])],
                       cell_width=100)
    assert strip.dtype == np.uint8

    def area(colour: tuple[int, int, int]) -> int:
        return int((strip == colour).all(axis=-1).sum())

    assert area((200, 0, 0)) == 100 * 50
    assert area((0, 200, 0)) == 100 * 200
    assert area((128, 128, 128)) >= 100 * 50
    assert 100 * 200 <= area(NO_VALUE_RGB) < 100 * 201  # letters have a few grey pixels
    half = strip.shape[1] // 2
    assert (strip[:, half:] == (200, 0, 0)).all(axis=-1).sum() == 0


def test_single_points_of_a_sparse_map_survive_shrinking() -> None:
    values = np.full((400, 800), np.nan)
    values[100, 200] = 1.0
    scale = grey_scale(0, 2)
    strip = draw_strip([], [Column(title='', scale=scale)], [Row(caption='', cells=[values])],
                       cell_width=100)
    # Drawn 17 pixels wide before shrinking by 8, so at least one pixel keeps its colour.
    rows, columns = np.nonzero((strip[:, :, 0] == 128) & (strip[:, :, 1] == 128))
    assert rows.size >= 1
    assert abs(columns.mean() - (12 + 200 / 8)) < 2
    assert (strip == NO_VALUE_RGB).all(axis=-1).sum() > 0.95 * 100 * 50
    dense = np.full((400, 800), 1.0)
    dense[100:103, 200:203] = np.nan
    shown = draw_strip([], [Column(title='', scale=scale)], [Row(caption='', cells=[dense])],
                       cell_width=800)
    assert (shown == NO_VALUE_RGB).all(axis=-1).sum() >= 9


def test_a_strip_of_unlike_parts_is_refused() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ImageError, match='has 2 pictures; expected one for each of the 1'):
        draw_strip([], [Column(title='a')], [Row(caption='', cells=[picture, picture])])
    with pytest.raises(ImageError, match='or a column with a colour scale'):
        draw_strip([], [Column(title='a')], [Row(caption='', cells=[np.zeros((4, 4))])])


def test_picture_keeps_its_colours(tmp_path: Path) -> None:
    rgb = np.zeros((3, 4, 3), np.uint8)
    rgb[..., 0] = 255
    write_picture(tmp_path / 'red.png', rgb)
    assert cv2.imread(str(tmp_path / 'red.png'))[0, 0].tolist() == [0, 0, 255]
    assert [p.name for p in tmp_path.iterdir()] == ['red.png']
    with pytest.raises(SourceError, match='cannot be written'):
        write_picture(tmp_path / 'absent' / 'red.png', rgb)
    for name in ('red.xyz', 'red'):
        with pytest.raises(SourceError, match=f'{name} could not be encoded; expected a name'):
            write_picture(tmp_path / name, rgb)


def read_ply(path: Path) -> tuple[list[str], npt.NDArray[np.void]]:
    header, _, body = path.read_bytes().partition(b'end_header\n')
    lines = header.decode('ascii').splitlines()
    kinds = {'float': '<f4', 'uchar': 'u1'}
    layout = [(line.split()[2], kinds[line.split()[1]]) for line in lines
              if line.startswith('property')]
    return lines, np.frombuffer(body, layout)


def test_ply_holds_the_finite_points_with_their_colours(tmp_path: Path) -> None:
    points = np.array([[[1, 2, 3], [np.nan, 0, 1]], [[4, 5, 6], [7, 8, np.inf]]], np.float32)
    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    count = write_ply(tmp_path / 'cloud.ply', points, rgb,
                      comments=['weights: random (untrained)', 'two\nlines'])
    lines, vertices = read_ply(tmp_path / 'cloud.ply')
    assert count == 2
    assert lines[:2] == ['ply', 'format binary_little_endian 1.0']
    assert 'comment weights: random (untrained)' in lines
    assert 'comment two lines' in lines
    assert 'element vertex 2' in lines
    assert [tuple(v) for v in vertices.tolist()] == [(1, 2, 3, 0, 1, 2), (4, 5, 6, 6, 7, 8)]


def test_ply_without_colours_and_a_second_reader(tmp_path: Path) -> None:
    points = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    assert write_ply(tmp_path / 'cloud.ply', points) == 50
    _, vertices = read_ply(tmp_path / 'cloud.ply')
    np.testing.assert_array_equal(np.stack([vertices[a] for a in 'xyz'], axis=1), points)
    trimesh = pytest.importorskip('trimesh')
    np.testing.assert_allclose(trimesh.load(tmp_path / 'cloud.ply').vertices, points)
    with pytest.raises(ImageError, match='expected equal shapes'):
        write_ply(tmp_path / 'cloud.ply', points, np.zeros((49, 3), np.uint8))

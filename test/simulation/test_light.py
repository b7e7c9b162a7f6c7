# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Shading against radiometry: shadows, the inverse square law, sensor exposure, mip levels."""

import numpy as np
import pytest
from scaledepth_ros.simulation import look_at_pose, SensorModel, SimulatedCamera
from scaledepth_ros.simulation.lighting import AreaLights, Lighting, sample_lights
from scaledepth_ros.simulation.materials import Palette
from scaledepth_ros.simulation.mesh import box
from scaledepth_ros.simulation.textures import Texture
from scaledepth_ros.simulation.tracer import Tracer
from simple_scenes import camera, floor, open_sky, scene_of

DOWN = look_at_pose((0.0, 0.0, 6.0), 0.0, -np.pi / 2)
PLAIN = SensorModel(vignette=0.0, shot_noise=0.0, read_noise=0.0, blur_px=0.0, bloom=0.0,
                    contrast=0.0)


def pixel_of(point_m: tuple[float, float, float]) -> tuple[int, int]:
    """Return row and column at which the downward camera sees a world point."""
    local = (np.array(point_m) - DOWN[:3, 3]) @ DOWN[:3, :3]
    column, row = camera().project(local)
    return round(float(row)), round(float(column))


def test_sun_casts_the_shadow_of_a_box_where_geometry_says() -> None:
    # The sun stands 45 degrees high towards +x: a box 1 m high throws 1 m of shadow to -x.
    scene = scene_of(floor(), box((1.0, 1.0, 1.0), 0), lighting=open_sky((1.0, 0.0, 1.0)))
    rgb = SimulatedCamera(camera(), scene, sensor=PLAIN, stride=1).render(DOWN).rgb.mean(-1)
    lit = rgb[pixel_of((1.5, 0.0, 0.0))]
    shadow = rgb[pixel_of((-1.0, 0.0, 0.0))]
    beyond = rgb[pixel_of((-1.9, 0.0, 0.0))]
    assert shadow < 0.65 * lit
    assert beyond == pytest.approx(lit, rel=0.06)


def test_corners_under_a_box_are_darker_than_open_floor() -> None:
    table = box((2.0, 2.0, 0.05), 0, at=(0.0, 0.0, 0.4))
    scene = scene_of(floor(), table)
    pose = look_at_pose((-3.0, 0.0, 0.25), 0.0, -0.08)
    rgb = SimulatedCamera(camera(), scene, sensor=PLAIN, samples=4).render(pose).rgb.mean(-1)
    depth = SimulatedCamera(camera(), scene).depth(pose)
    below = (depth > 2.6) & (depth < 3.4)
    before = (depth > 1.0) & (depth < 1.6)
    assert below.sum() > 20
    assert rgb[below].mean() < 0.8 * rgb[before].mean()
    assert rgb[below].min() < 0.68 * rgb[before].mean()


def test_irradiance_of_a_lamp_follows_the_inverse_square() -> None:
    lamp = AreaLights.from_rows(
        [((-0.05, 0.05, 2.0), (0.1, 0, 0), (0, -0.1, 0), (100.0, 100.0, 100.0), False)])
    tracer = Tracer(floor())
    for height in (0.0, 1.0):
        points = np.tile(np.array([[0.0, 0.0, height]], np.float32), (4000, 1))
        normals = np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (4000, 1))
        uniform = np.random.default_rng(0).random((3, 4000), np.float32)
        light, towards = sample_lights(tracer, lamp, points, normals,
                                       (uniform[0], uniform[1], uniform[2]))
        # E = L A / d^2 for a small lamp straight above: 100 x 0.01 m2 / d^2.
        assert light.mean() == pytest.approx(1.0 / (2.0 - height) ** 2, rel=0.01)
        assert (towards[:, 2] > 0.99).all()


def test_lamp_behind_a_plate_gives_no_light_and_choice_is_unbiased() -> None:
    rows = [((x - 0.05, 0.05, 2.0), (0.1, 0, 0), (0, -0.1, 0), (100.0,) * 3, False)
            for x in (0.0, 3.0)]
    points = np.zeros((20000, 3), np.float32)
    normals = np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (20000, 1))
    uniform = np.random.default_rng(0).random((3, 20000), np.float32)
    numbers = (uniform[0], uniform[1], uniform[2])
    free, _ = sample_lights(Tracer(floor(-1.0)), AreaLights.from_rows(rows), points, normals,
                            numbers)
    # The second lamp: cosines 2/sqrt(13) at both ends, d^2 = 13.
    expected = 1 / 4 + (4 / 13) / 13
    assert free.mean() == pytest.approx(expected, rel=0.01)
    plate = box((1.0, 1.0, 0.1), 0, at=(0.0, 0.0, 1.0))
    shaded, _ = sample_lights(Tracer(plate), AreaLights.from_rows(rows), points, normals, numbers)
    assert shaded.mean() == pytest.approx((4 / 13) / 13, rel=0.03)


def test_same_seed_same_bytes_and_another_seed_another_noise() -> None:
    simulated = SimulatedCamera(camera(), scene_of(floor(), lighting=open_sky((0.2, 0.1, 1.0))))
    first, again = simulated.render(DOWN, seed=4), simulated.render(DOWN, seed=4)
    np.testing.assert_array_equal(first.rgb, again.rgb)
    assert (simulated.render(DOWN, seed=5).rgb != first.rgb).mean() > 0.2


def test_exposure_adapts_to_the_light_and_obeys_its_bias() -> None:
    ramp = np.linspace(0.2, 1.0, 64, dtype=np.float32)[None, :, None].repeat(48, 0).repeat(3, 2)
    rng = np.random.default_rng(0)
    dim, bright = PLAIN.expose(ramp * 0.01, rng), PLAIN.expose(ramp * 50, rng)
    # The guard against a black picture, 1e-4 in the logarithm, shows in the dim one.
    np.testing.assert_allclose(dim.astype(int), bright.astype(int), atol=3)
    darker = SensorModel(exposure_bias=0.5, vignette=0.0, shot_noise=0.0, read_noise=0.0,
                         blur_px=0.0, bloom=0.0, contrast=0.0).expose(ramp, rng)
    # Half the light is 0.5^(1/2.2) = 0.73 of the code value where nothing saturates.
    assert darker[0, 5, 0] / dim[0, 5, 0] == pytest.approx(0.73, abs=0.02)


def test_white_balance_vignette_and_grey() -> None:
    flat = np.full((48, 64, 3), 0.3, np.float32)
    rng = np.random.default_rng(0)
    warm = SensorModel(white_balance=(1.3, 1.0, 0.7)).expose(flat, rng)
    assert warm[..., 0].mean() > warm[..., 1].mean() > warm[..., 2].mean()
    dark = SensorModel(vignette=0.4).expose(flat, rng)
    assert dark[24, 32].mean() > dark[0, 0].mean() + 10
    grey = SensorModel(saturation=0.0, white_balance=(1.3, 1.0, 0.7), shot_noise=0.0,
                       read_noise=0.0).expose(flat, rng)
    assert (np.ptp(grey.astype(int), axis=-1) <= 1).all()


def test_texture_look_up_reads_the_texel_and_fades_with_distance() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = 255  # the upper half is white
    palette = Palette(np.random.default_rng(0))
    table = (palette.add(Texture(image, (2.0, 2.0))), palette.table())[1]
    material = np.zeros(4, np.int32)
    # v runs upwards: v = 1.5 m of 2 m lies in the upper half; the pattern repeats every 2 m.
    uv = np.array([[0.5, 1.5], [0.5, 0.5], [2.5, 3.5], [-1.5, -1.5]], np.float32)
    near, dither = np.full(4, 0.001, np.float32), np.zeros(4, np.float32)
    value = table.sample(material, uv, near, dither)
    np.testing.assert_allclose(value[:, 0], [1.0, 0.0, 1.0, 0.0], atol=1e-3)
    far = table.sample(material, uv, np.full(4, 10.0, np.float32), dither)
    np.testing.assert_allclose(far, 0.5, atol=0.01)
    np.testing.assert_allclose(table.mean_albedo[0], 0.5, atol=0.01)


def test_indoor_walls_facing_away_from_the_lamp_receive_bounced_light() -> None:
    lamp = Lighting(AreaLights.from_rows(
        [((-0.2, 0.2, 2.4), (0.4, 0, 0), (0, -0.4, 0), (20.0,) * 3, False)]))
    room = box((4.0, 4.0, 2.5), 1)
    # A box is seen from the inside here, so that its faces turn inwards.
    inside = room.transformed(np.diag([1.0, 1.0, 1.0, 1.0]))
    flipped = type(inside)(inside.corners_m[:, ::-1].copy(), -inside.normals, inside.uv,
                           inside.material)
    scene = scene_of(flipped, lighting=lamp)
    assert scene.probes is not None
    up, down = np.array([[0.0, 0.0, 1.0]], np.float32), np.array([[0.0, 0.0, -1.0]], np.float32)
    middle = np.array([[0.0, 0.0, 1.2]], np.float32)
    above = scene.probes.look_up(middle, up)
    below = scene.probes.look_up(middle, down)
    assert (above > 2 * below).all()
    assert (below > 0.05 * above).all()

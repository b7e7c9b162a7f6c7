# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Tables by size: their numbers, and that they are made once wherever they are wanted."""

import math

import pytest
from scaledepth_ros.model.positional_encoding import sampling_base, sine_encoding
import torch


def test_encoding_is_sines_and_cosines_of_the_share_of_the_side() -> None:
    encoding = sine_encoding(2, 5, 8, torch.empty(0, dtype=torch.float64)).view(2, 5, 8)
    y, x = 2 * math.pi * 1 / 2, 2 * math.pi * 4 / 5  # first row, fourth column, counted from 1
    expected = [f(angle / wavelength) for angle in (y, x) for wavelength in (1, 100)
                for f in (math.sin, math.cos)]
    torch.testing.assert_close(
        encoding[0, 3], torch.tensor(expected, dtype=torch.float64), atol=1e-5, rtol=0)


def test_a_token_lies_where_its_share_of_the_image_is_in_every_level() -> None:
    base = sampling_base([(1, 2), (2, 4)], torch.empty(0))
    place = base.cell + base.rest
    # The right one of the two coarse cells: its own place, and the middle of four fine cells.
    torch.testing.assert_close(place[1], torch.tensor([[1.0, 0.0], [2.5, 0.5]]))
    assert base.cell.dtype == torch.int32
    assert ((base.rest >= 0) & (base.rest < 1)).all()


# The meta device stands for every device that is not the one where tables are computed.
@pytest.mark.parametrize('device', ['cpu', 'meta'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_tables_are_brought_to_a_device_once(device: str, dtype: torch.dtype) -> None:
    like = torch.empty(0, device=device, dtype=dtype)
    first = sine_encoding(3, 4, 8, like)
    assert (first.device.type, first.dtype) == (device, dtype)
    assert sine_encoding(3, 4, 8, like) is first
    base = sampling_base([(1, 2), (2, 4)], like)
    assert (base.rest.device.type, base.rest.dtype) == (device, torch.float32)
    assert sampling_base([(1, 2), (2, 4)], like) is base


def test_tables_that_inference_has_made_can_be_trained_with() -> None:
    like = torch.empty(0)
    with torch.inference_mode():
        sine_encoding(5, 7, 8, like)
        sampling_base([(5, 7)], like)
    factor = torch.ones(1, requires_grad=True)
    (factor * sine_encoding(5, 7, 8, like)).sum().backward()
    (factor * sampling_base([(5, 7)], like).rest).sum().backward()
    assert factor.grad is not None

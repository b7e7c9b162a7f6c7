# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What a person reads of an error."""

from scaledepth_ros.errors import error_text, ImageError


def test_only_what_was_not_written_for_people_is_shown_with_its_kind() -> None:
    assert error_text(ImageError('4 bytes arrived; expected 12')) == '4 bytes arrived; expected 12'
    # The key alone would say nothing.
    assert error_text(KeyError('rgb9')) == "KeyError: 'rgb9'"

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Where float32 is kept while the rest of the network runs in a smaller type."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """
    Return a context in which products of float32 tensors stay float32.

    A scale in bfloat16 has steps of 0.4 %, which a robot sees as all of the scene jumping back
    and forth. The heads cost next to nothing, so they are exact under autocast too.

    Args:
        like: Tensor whose device is meant.
    """
    kind = like.device.type
    # Only where it is needed: exporters do not know the context.
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()

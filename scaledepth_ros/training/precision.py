# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Reduced precision, and what it costs on a CPU."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

Precision = Literal['fp32', 'bf16', 'fp16']
DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
_LARGE_KERNEL = 5


class _LargeDepthwiseInFloat32(TorchFunctionMode):
    """Runs depthwise convolutions with large kernels in float32 under a CPU's bf16 autocast."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.conv2d, F.conv2d):
            groups = kwargs.get('groups', args[6] if len(args) > 6 else 1)
            if groups > 1 and args[1].shape[-1] >= _LARGE_KERNEL:
                with torch.autocast('cpu', enabled=False):
                    result = func(args[0].float(), *args[1:], **kwargs)
                return result.to(torch.bfloat16)
        return func(*args, **kwargs)


@contextmanager
def forward_precision(device: str, precision: Precision) -> Iterator[None]:
    """
    Run a forward pass in a precision; weights stay float32.

    On a CPU with bf16 instructions plain and pointwise convolutions gain two to three times, but
    the weight gradient of a 5x5 depthwise convolution takes three times as long as in float32,
    which eats most of the gain of EfficientNet-Lite. So those stay in float32.

    Args:
        device: 'cpu' or 'cuda'.
        precision: 'fp32', 'bf16' or 'fp16'.
    """
    if precision == 'fp32':
        yield
        return
    depthwise = _LargeDepthwiseInFloat32() if device == 'cpu' else nullcontext()
    with torch.autocast(device, dtype=DTYPES[precision]), depthwise:
        yield

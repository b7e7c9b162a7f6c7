# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Reduced precision: what a device is good at, and what it costs on a CPU."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

Precision = Literal['fp32', 'bf16', 'fp16']
PrecisionChoice = Literal['auto', 'fp32', 'bf16', 'fp16']
DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
_LARGE_KERNEL = 5
# Names of torch.cpu.get_capabilities(). That of ARM is not among them: nothing was measured there.
_CPU_BF16 = ('avx512_bf16', 'amx_bf16')


def cpu_computes_bf16() -> bool:
    """
    Tell whether this CPU has bf16 instructions that are known to make training faster.

    Without them bf16 is emulated: a step of ``lite`` then takes seven times as long as in float32
    (measured on a CPU with AVX2).
    """
    if not hasattr(torch.cpu, 'get_capabilities'):  # older releases of torch
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _CPU_BF16)


def resolve_precision(precision: PrecisionChoice, device: str) -> Precision:
    """
    Return the precision that a run computes in.

    Args:
        precision: What was asked for; 'auto' is bf16 where the device is made for it, else fp32.
        device: 'cpu' or 'cuda'.
    """
    if precision != 'auto':
        return precision
    # Without emulation: CUDA says yes to every device otherwise.
    native = (torch.cuda.is_bf16_supported(including_emulation=False) if device == 'cuda'
              else cpu_computes_bf16())
    return 'bf16' if native else 'fp32'


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

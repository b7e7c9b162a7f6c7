# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Linear layers with weights laid out ahead of time for oneDNN, for PyTorch on a CPU.

PyTorch computes a float32 linear layer with MKL, which uses half of the vector width of AMD
processors, and lays weights out again in every call. oneDNN's kernel with a packed weight is
2 to 2.5 times faster there, and takes the activation along. The operators are those that
torch.compile emits; they are private, so they are tried once and left alone if they are missing
or wrong.
"""

from functools import lru_cache
import logging
from typing import Any

from scaledepth_ros.model.attention import FeedForward, MultiheadAttention
from scaledepth_ros.model.scaledepth import DepthNetwork
from timm.layers.activations import GELU
import torch
from torch import nn, Tensor

_log = logging.getLogger(__name__)
_ACTIVATIONS: dict[type[nn.Module], tuple[str, str]] = {
    nn.ReLU: ('relu', ''), nn.GELU: ('gelu', 'none'), GELU: ('gelu', 'none')}

_TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 5e-2}
# The heads read their weights themselves, and stay float32 and plain.
_PARTS = ('image_encoder', 'pixel_decoder', 'query_decoder')


class PackedLinear(nn.Module):
    """
    A linear layer for inference, followed by an activation if there is one.

    Args:
        weight, bias: Of the layer.
        dtype: Type to compute in, float32 or bfloat16.
        activation: nn.ReLU, or nn.GELU or timm's (exact).
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        # Not buffers: the layout is this machine's and has no place in a state dict.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(
            weight.detach().to(dtype).contiguous(), None)
        self._bias = None if bias is None else bias.detach().to(dtype).clone()
        self._dtype = dtype
        self._name, self._algorithm = (
            ('none', '') if activation is None else _ACTIVATIONS[type(activation)])

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.to(self._dtype), self._weight, self._bias, self._name, [], self._algorithm)
        return out


class _PackedAttention(MultiheadAttention):
    """Attention whose projections are packed."""

    def __init__(self, plain: MultiheadAttention, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.heads = plain.heads
        self.projections = nn.ModuleList(
            PackedLinear(weight, bias, dtype) for weight, bias in zip(
                plain.in_proj_weight.chunk(3), plain.in_proj_bias.chunk(3), strict=True))
        self.add_module('out_proj', _packed(plain.out_proj, dtype))

    def project(
        self, query_BNC: Tensor, key_BTC: Tensor, value_BTC: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = self.projections
        return query(query_BNC), key(key_BTC), value(value_BTC)


class _PackedPointwise(nn.Module):
    """A 1 x 1 convolution, which is a linear layer of every pixel's channels."""

    def __init__(self, plain: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = PackedLinear(plain.weight.flatten(1), plain.bias, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H, W), channels last in memory."""
        out: Tensor = self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


def prepack(model: DepthNetwork, dtype: torch.dtype) -> bool:
    """
    Replace the linear layers of a network on a CPU, in place.

    In float32 results change by rounding only. In bfloat16 the other convolutions get weights of
    this type too, and the network has to run under autocast. It cannot be saved, trained or
    exported afterwards; packing it again changes nothing.

    Args:
        model: Network in evaluation mode, float32, channels last in memory.
        dtype: torch.float32 or torch.bfloat16.

    Returns:
        Whether it was done; False where this PyTorch or this processor cannot.
    """
    if not _usable(dtype):
        _log.info('no packed linear layers for %s here; using the plain ones', dtype)
        return False
    for name, part in model.named_children():
        if name in _PARTS:
            _replace(part, dtype)
    return True


@lru_cache(maxsize=2)
def _usable(dtype: torch.dtype) -> bool:
    if dtype not in _TOLERANCES:
        return False
    x = torch.randn(3, 5, 48, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        plain: Any = nn.Sequential(nn.Linear(48, 40), nn.GELU())
    try:
        with torch.inference_mode():
            said = _packed(plain[0], dtype, plain[1])(x).float()
            return bool(torch.allclose(said, plain(x), atol=_TOLERANCES[dtype]))
    # What is missing or refused differs from version to version.
    except (RuntimeError, AttributeError) as error:
        _log.debug('packed linear layers: %s', error)
        return False


def _packed(
    linear: Any, dtype: torch.dtype, activation: nn.Module | None = None,
) -> PackedLinear:
    return PackedLinear(linear.weight, linear.bias, dtype, activation)


def _replace(module: Any, dtype: torch.dtype) -> None:
    for name, child in module.named_children():
        if type(child) is MultiheadAttention:
            setattr(module, name, _PackedAttention(child, dtype))
        elif type(child) is nn.Linear:
            setattr(module, name, _packed(child, dtype))
        elif type(child) is nn.Conv2d and _is_pointwise(child):
            setattr(module, name, _PackedPointwise(child, dtype))
        elif isinstance(child, nn.Conv2d):
            # Once, instead of in every call.
            child.to(dtype)
        else:
            if isinstance(child, FeedForward):
                _join(child, 'expand', 'activation', dtype)
            elif isinstance(child, nn.Sequential):
                for index in range(len(child) - 1):
                    _join(child, str(index), str(index + 1), dtype)
            elif _is_convnext_block(child):
                _replace_in_convnext_block(child, dtype)
            _replace(child, dtype)


def _join(module: Any, linear: str, activation: str, dtype: torch.dtype) -> None:
    """Let a linear layer take the activation behind it along, if they are such a pair."""
    first, second = getattr(module, linear), getattr(module, activation)
    if type(first) is nn.Linear and type(second) in _ACTIVATIONS:
        setattr(module, linear, _packed(first, dtype, second))
        setattr(module, activation, nn.Identity())


def _is_pointwise(conv: nn.Conv2d) -> bool:
    return (conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1
            and conv.padding in ((0, 0), 'valid'))


def _is_convnext_block(module: Any) -> bool:
    return (hasattr(module, 'gamma') and hasattr(module, 'mlp')
            and type(getattr(module.mlp, 'fc2', None)) is nn.Linear)


def _replace_in_convnext_block(block: Any, dtype: torch.dtype) -> None:
    _join(block.mlp, 'fc1', 'act', dtype)
    weight, bias = block.mlp.fc2.weight, block.mlp.fc2.bias
    if block.gamma is not None:
        # The layer scale is a factor on the rows of the last layer.
        weight, bias = weight * block.gamma[:, None], bias * block.gamma
        block.gamma = None
    block.mlp.fc2 = PackedLinear(weight, bias, dtype)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Model files: safetensors with the configuration in their header.

A model file describes itself and holds tensors only, so loading one runs no code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save as serialise
from scaledepth_ros.errors import CheckpointError, ConfigError
from scaledepth_ros.model.build import build_model
from scaledepth_ros.model.scaledepth import DepthNetwork, ScaleDepthConfig
from scaledepth_ros.whole_file import replacing
import torch
from torch import Tensor

_FORMAT = 'scaledepth_ros/1'
_SHOWN = 5
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class WeightsInfo:
    """
    Where weights come from; whatever shows a depth shows this description too.

    Attributes:
        description: One line for a person.
        trained: False for random weights.
        sha256: Hash of the file; empty for random weights.
        path: The file; None for random weights.
    """

    description: str
    trained: bool
    sha256: str = ''
    path: Path | None = None


def save_model(
    model: DepthNetwork, path: str | Path, *, description: str, trained: bool = True,
    dtype: torch.dtype = torch.float16, extra: Mapping[str, str] | None = None,
) -> None:
    """
    Write a model file; the old file survives if writing fails.

    Args:
        model: The network.
        path: Target, usually *.safetensors.
        description: Where the weights come from, one line.
        trained: Whether they were trained.
        dtype: Type that floating tensors are stored in.
        extra: Further header entries, such as the training command.

    Raises:
        CheckpointError: The file cannot be written.
    """
    tensors = {name: (value.to(dtype) if value.is_floating_point() else value).contiguous()
               for name, value in model.state_dict().items()}
    header = {
        **(extra or {}), 'format': _FORMAT, 'config': json.dumps(asdict(model.config)),
        'description': description, 'trained': json.dumps(trained)}
    write_atomically(Path(path), serialise(tensors, header))


def copy_model(path: str | Path, target: str | Path, **changes: object) -> None:
    """
    Copy a model file with other values in its configuration; the weights stay bit for bit.

    Args:
        path: The model file.
        target: The copy; an older file survives if writing fails.
        changes: Fields of ScaleDepthConfig that leave the weights their meaning.

    Raises:
        CheckpointError: As load_model, or the copy cannot be written.
    """
    header, tensors, _ = _read(Path(path))
    config = {**json.loads(header['config']), **changes}
    header = {**header, 'config': json.dumps(config)}
    load_tensors(build_model(_config(header, Path(path))), tensors, str(path))
    write_atomically(Path(target), serialise(tensors, header))


def write_atomically(path: Path, data: bytes) -> None:
    """
    Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        CheckpointError: The folder is missing, not writable or full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=True) as part:
            part.write_bytes(data)
            # A model file is for everybody who may read its folder.
            part.chmod(0o644)
    except OSError as error:
        raise CheckpointError(
            f'{path} could not be written ({error.strerror}); free space or choose another '
            'folder. An older file of this name is unchanged.') from error


def load_model(path: str | Path) -> tuple[DepthNetwork, WeightsInfo]:
    """
    Read a model file.

    Returns:
        The network in evaluation mode with float32 weights, and where they come from.

    Raises:
        CheckpointError: The file is missing, damaged, not a model file of this package, does
            not fit its own configuration, or holds weights that are not finite.
    """
    path = Path(path)
    header, tensors, digest = _read(path)
    model = build_model(_config(header, path))
    load_tensors(model, tensors, str(path))
    return model.eval(), WeightsInfo(
        description=header.get('description', path.name),
        trained=header.get('trained') == 'true', sha256=digest, path=path)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor], str]:
    """Return the header of a model file, its tensors and its hash."""
    if not path.is_file():
        what = 'is no file' if path.exists() else 'does not exist'
        raise CheckpointError(f'{path} {what}; expected a .safetensors model file.')
    try:
        with safe_open(path, framework='pt') as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = sha256_of(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'{path} is not a readable safetensors file ({error}); it may be truncated. A file '
            'of the authors (.pth) is converted by `import-checkpoint`.') from error
    if header.get('format') != _FORMAT:
        raise CheckpointError(
            f'{path} has format {header.get("format")!r} in its header; expected {_FORMAT!r}, '
            'a model file written by this package.')
    return header, tensors, digest


def sha256_of(path: Path) -> str:
    """Return the hash of a file, which may be larger than what memory is left."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _config(header: Mapping[str, str], path: Path) -> ScaleDepthConfig:
    try:
        values: dict[str, Any] = json.loads(header['config'])
        known = {field.name for field in fields(ScaleDepthConfig)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f'unknown keys {unknown}')
        values['supervised_layers'] = tuple(
            (int(layer), float(weight)) for layer, weight in values['supervised_layers'])
        return ScaleDepthConfig(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'{path} has an unusable configuration in its header ({error}); it was written by '
            'another version of this package.') from error


def load_tensors(
    model: DepthNetwork, tensors: Mapping[str, Tensor], source: str, *,
    shown: Callable[[str], str] = str,
) -> None:
    """
    Copy tensors into a network, all or none.

    Args:
        model: The network to fill.
        tensors: One tensor for each entry of its state dict.
        source: Name of the file for error messages.
        shown: What error messages call a tensor; its own name by default.

    Raises:
        CheckpointError: Tensors are missing, unexpected, misshapen or not finite; by name.
    """
    expected = model.state_dict()
    shapes = [f'{shown(name)} {tuple(tensors[name].shape)} instead of {tuple(value.shape)}'
              for name, value in expected.items()
              if name in tensors and tensors[name].shape != value.shape]
    problems = [f'{kind}: {_listed(names)}' for kind, names in (
        ('missing', [shown(name) for name in expected if name not in tensors]),
        ('unexpected', [shown(name) for name in tensors if name not in expected]),
        ('wrong shape', shapes)) if names]
    if problems:
        raise CheckpointError(
            f'{source} does not fit the network ({"; ".join(problems)}); use the file that '
            'belongs to this configuration.')
    broken = [shown(name) for name, value in tensors.items()
              if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken:
        raise CheckpointError(
            f'{source} holds weights that are not finite ({_listed(broken)}); the file is '
            'damaged or training diverged.')
    model.load_state_dict({name: value.to(expected[name].dtype)
                           for name, value in tensors.items()})


def _listed(names: Sequence[str]) -> str:
    shown = ', '.join(names[:_SHOWN])
    return shown + (f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else '')

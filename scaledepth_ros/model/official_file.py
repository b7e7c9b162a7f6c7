# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Read the tensors of an mmengine checkpoint without running anything that it asks for.

Such a file is a pickle, and a pickle may name any function to be called. Here it may name what
tensors are made of (torch's weights-only unpickler) and a short list of bookkeeping classes,
which are never imported: an inert object takes their place. Everything else ends the reading.
"""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any
import zipfile

from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model.checkpoint import sha256_of
import torch
from torch import Tensor

# mmengine's message hub keeps the history of logged scalars: numpy arrays in a class of its own,
# with the names of that class's methods, which pickle writes as getattr(class, name).
_BOOKKEEPING = (
    'mmengine.logging.history_buffer.HistoryBuffer',
    'builtins.getattr',
    'numpy.ndarray',
    'numpy.dtype',
    'numpy.core.multiarray._reconstruct',
    'numpy.core.multiarray.scalar',
    'numpy._core.multiarray._reconstruct',
    'numpy._core.multiarray.scalar',
)


class _Inert:
    """Stands for an object of the file that nobody needs; takes any state, and drops it."""

    def __new__(cls, *_: object) -> '_Inert':
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        """Accept any arguments."""

    def __setstate__(self, state: object) -> None:
        """Accept any state."""


def read_official_file(path: str | Path) -> tuple[dict[str, Tensor], str]:
    """
    Return the tensors of a checkpoint, and the sha256 of the file.

    Tensors stay on the disk until they are used (zip format only), so what is dropped costs
    no memory.

    Args:
        path: iter_*.pth as mmengine writes it, or a plain state dict saved by torch.

    Raises:
        CheckpointError: The file is missing, damaged, no checkpoint, or names anything but
            tensors and harmless bookkeeping.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder' if path.is_dir() else 'does not exist'
        raise CheckpointError(f"{path} {what}; expected the authors' iter_*.pth.")
    try:
        is_zip = zipfile.is_zipfile(path)
        if is_zip:
            _check_sums(path)
        with torch.serialization.safe_globals([(_Inert, name) for name in _BOOKKEEPING]):
            content: Any = torch.load(path, map_location='cpu', weights_only=True, mmap=is_zip)
        digest = sha256_of(path)
    except CheckpointError:
        raise
    # Bytes that are not a pickle fail in as many ways as there are opcodes.
    except Exception as error:
        raise CheckpointError(_reason(path, error)) from error
    state = content.get('state_dict', content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(
            f'{path} holds no state_dict; expected a checkpoint as mmengine saves it.')
    for name, value in state.items():
        if not (isinstance(name, str) and isinstance(value, Tensor) and value.device.type == 'cpu'
                and value.layout == torch.strided and not value.is_quantized):
            raise CheckpointError(
                f'{path} holds {name!r} in its state_dict, which is {_kind(value)}; expected '
                'plain tensors only.')
    return {name: value.detach() for name, value in state.items()}, digest


def _check_sums(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
    if broken is not None:
        raise CheckpointError(
            f'{path} is damaged: {broken} fails its checksum. Download it again.')


def _reason(path: Path, error: Exception) -> str:
    """Say in one line why a file cannot be read."""
    named = re.search(r'GLOBAL ([\w.]+)', str(error)) or re.search(
        r'(?:function|object for|but got) (<[^>]+>)', str(error))
    if named:
        return (f'{path} asks for {named[1]}, which no tensor needs; it was refused and nothing '
                "of it was run. Use the authors' file from the authors' page.")
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (f'{path} is not a readable checkpoint ({first[:120]}); it may be truncated, or not '
            "be the authors' file.")


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f'a {value.layout} tensor on {value.device.type}'
    return f'a {type(value).__name__}'

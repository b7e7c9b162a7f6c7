# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Writing files so that a name stands for the old content or the new, never for a part of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

from scaledepth_ros.errors import ConfigError, SourceError


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """
    Give a name beside a file to write to, which takes the file's place if the block ends well.

    Args:
        path: The file; its folder exists.
        durable: Wait until the content is on the disk, so that it also survives a loss of power.

    Yields:
        The name to write to. Nothing is left under it when the block fails.

    Raises:
        OSError: The folder is missing, not writable or full; it names the file.
    """
    # Not made of the name of the file, which may be as long as a name can be.
    part = path.with_name(f'.{os.getpid()}-{token_hex(4)}.part')
    try:
        yield part
        if durable:
            with part.open('rb') as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        # Where a folder turns out to be a file, there is nothing to remove, and no way to say so.
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            # A full disk names no file, everything else one that nobody knows.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def make_output_folder(folder: Path) -> None:
    """
    Make a folder for results, and find out before the work whether files can be made in it.

    Raises:
        ConfigError: They cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f'{folder} cannot be written ({error.strerror}); choose another folder.') from error


def write_file(path: Path, data: bytes) -> None:
    """
    Write a result that a person asked for.

    Args:
        path: Where to; its folder exists.
        data: The content.

    Raises:
        SourceError: The folder is missing, not writable or full; an older file is unchanged.
    """
    try:
        with replacing(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise SourceError(
            f'{path} cannot be written ({error.strerror}); free space there or choose another '
            'folder.') from error

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Dispatch of the commands: one table, imported lazily, and one way to fail."""

import argparse
from collections.abc import Sequence
import errno
from importlib import import_module
from io import TextIOWrapper
import os
import sys

from scaledepth_ros import __version__
from scaledepth_ros.errors import ScaleDepthError

PROGRAM = 'scaledepth'
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# command: (module, what it does in one line)
COMMANDS: dict[str, tuple[str, str]] = {
    'demo': ('scaledepth_ros.cli.demo',
             'run camera, depth node and recorder as real ROS 2 processes and show the result'),
    'predict': ('scaledepth_ros.cli.predict',
                'turn images, a video or a bag into depth images and point clouds, without ROS'),
    'import-checkpoint': ('scaledepth_ros.cli.import_checkpoint',
                          "convert the authors' .pth into a .safetensors model file"),
    'embed-scenes': ('scaledepth_ros.cli.embed_scenes',
                     'compute text embeddings of the scene categories for training'),
    'simulate': ('scaledepth_ros.cli.simulate',
                 'render rooms, corridors and streets with exact depth as training data'),
    'train': ('scaledepth_ros.cli.train', 'train or fine-tune a network on RGB-D data'),
    'evaluate': ('scaledepth_ros.cli.evaluate',
                 'measure metric depth against ground truth, without alignment'),
}


def overview() -> str:
    """Give the help of the program: every command with its line."""
    width = max(map(len, COMMANDS))
    lines = [f'usage: {PROGRAM} COMMAND [options]', '',
             'Metric depth and point clouds from one camera.', '', 'commands:']
    lines += [f'  {name:<{width}}  {summary}' for name, (_, summary) in COMMANDS.items()]
    lines += ['', f'{PROGRAM} COMMAND --help shows the options of a command.']
    return '\n'.join(lines)


def command_parser(command: str) -> argparse.ArgumentParser:
    """
    Import a command and make its parser.

    Args:
        command: A key of COMMANDS.

    Returns:
        The parser; its default ``run`` is the command's function.

    """
    module_name, summary = COMMANDS[command]
    module = import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f'{PROGRAM} {command}', description=module.__doc__ or summary,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        arguments: Command line without the program; None for that of the process.

    Returns:
        Exit code: what the command returns, 2 for bad input or no space, 130 after Ctrl-C.

    """
    if isinstance(sys.stdout, TextIOWrapper):
        # File names may hold what standard output cannot; standard error does the same.
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        code = _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        # None where a program was started without one.
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output is gone (`... | head`).
        _drop_output()
        return EXIT_FAILURE
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        if error.filename is None:
            _drop_output()
        print(f'{PROGRAM}: {error.filename or "standard output"} cannot be written '
              f'({error.strerror}); free space there or choose another place.', file=sys.stderr)
        return EXIT_USAGE
    return code


def _drop_output() -> None:
    """Keep what is still in the buffer from failing once more when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ('-h', '--help', 'help'):
        print(overview())
        return 0 if arguments else EXIT_USAGE
    if arguments[0] == '--version':
        print(f'{PROGRAM} {__version__}')
        return 0
    command = arguments[0]
    if command not in COMMANDS:
        print(f'{PROGRAM}: there is no command {command!r}; expected one of '
              f'{", ".join(COMMANDS)}.', file=sys.stderr)
        return EXIT_USAGE
    try:
        parsed = command_parser(command).parse_args(arguments[1:])
        return int(parsed.run(parsed))
    except ScaleDepthError as error:
        print(f'{PROGRAM} {command}: {error}', file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print(f'{PROGRAM} {command}: interrupted', file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())

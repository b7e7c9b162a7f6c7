# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Every command can be asked for help, and all of them fail in the same way."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
import subprocess
import sys
from types import ModuleType

from file_size_limit import largest_file
import pytest
from scaledepth_ros.cli import __main__ as cli
from scaledepth_ros.errors import SourceError
from scaledepth_ros.whole_file import replacing


def install(monkeypatch: pytest.MonkeyPatch, run: Callable[[Namespace], int]) -> None:
    """Make 'probe' a command that runs a function of the test."""
    module = ModuleType('probe_command', 'Probes.')

    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument('--number', type=int, default=3)

    module.__dict__.update(add_arguments=add_arguments, run=run)
    monkeypatch.setitem(sys.modules, 'probe_command', module)
    monkeypatch.setitem(cli.COMMANDS, 'probe', ('probe_command', 'probes'))


@pytest.mark.parametrize('command', sorted(cli.COMMANDS))
def test_every_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, '--help'])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f'usage: scaledepth {command}')
    parser = cli.command_parser(command)
    assert parser.description
    for action in parser._actions:
        name = action.option_strings or action.dest
        assert action.help or action.choices, f'{command} {name} does not explain itself'


def test_every_module_that_is_a_command_is_listed() -> None:
    folder = Path(cli.__file__).parent
    listed = {module for module, _ in cli.COMMANDS.values()}
    for path in folder.glob('*.py'):
        name = f'scaledepth_ros.cli.{path.stem}'
        if path.stem != '__main__' and hasattr(import_module(name), 'run'):
            assert name in listed, f'{name} has run() but is no command'


def test_overview_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['--help']) == 0
    text = capsys.readouterr().out
    for command, (_, summary) in cli.COMMANDS.items():
        assert f'  {command} ' in text
        assert summary in text
    assert cli.main([]) == 2


def test_a_command_gets_its_arguments_and_gives_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, lambda args: int(args.number))
    assert cli.main(['probe']) == 3
    assert cli.main(['probe', '--number', '5']) == 5


def test_bad_input_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(args: Namespace) -> int:
        raise SourceError('no camera; plug one in')

    install(monkeypatch, fail)
    assert cli.main(['probe']) == 2
    assert capsys.readouterr().err == 'scaledepth probe: no camera; plug one in\n'
    assert cli.main(['prob']) == 2
    assert "there is no command 'prob'; expected one of demo," in capsys.readouterr().err


def test_ctrl_c_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(args: Namespace) -> int:
        raise KeyboardInterrupt

    install(monkeypatch, interrupt)
    assert cli.main(['probe']) == 130
    assert 'interrupted' in capsys.readouterr().err


def test_a_bug_is_not_taken_for_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: Namespace) -> int:
        raise ZeroDivisionError

    install(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(['probe'])


def test_the_program_runs_without_loading_torch_or_ros() -> None:
    code = ("import sys; from scaledepth_ros.cli.__main__ import main; main(['--help']); "
            "sys.exit(str([m for m in ('torch', 'rclpy', 'cv2') if m in sys.modules]))")
    ended = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                           check=False)
    assert ended.stderr.strip() == '[]'


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
@pytest.mark.parametrize('arguments', [['--help'], ['--version'], ['nonsense']])
def test_output_to_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path('/dev/full').open('w', encoding='utf-8') as full:
        ended = subprocess.run([sys.executable, '-m', 'scaledepth_ros.cli', *arguments],
                               stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count('\n') == 1
    if arguments != ['nonsense']:
        assert ended.stderr.startswith(
            'scaledepth: standard output cannot be written (No space left on device); free')


def test_a_file_name_that_is_not_utf_8_can_be_printed() -> None:
    code = ("import sys; from scaledepth_ros.cli import __main__ as cli; "
            "cli.overview = lambda: 'a\\udcff'; sys.exit(cli.main(['--help']))")
    ended = subprocess.run([sys.executable, '-c', code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b'a\\udcff\n', b'')


def test_a_full_disk_that_a_command_did_not_expect_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    def write(args: Namespace) -> int:
        with replacing(tmp_path / 'result') as part:
            part.write_bytes(bytes(1001))
        return 0

    install(monkeypatch, write)
    with largest_file(1000):
        assert cli.main(['probe']) == 2
    assert capsys.readouterr().err == (
        f'scaledepth: {tmp_path / "result"} cannot be written (File too large); free space there '
        'or choose another place.\n')


def test_version_and_a_closed_pipe() -> None:
    module = [sys.executable, '-m', 'scaledepth_ros.cli']
    version = subprocess.run([*module, '--version'], capture_output=True, text=True, check=True)
    assert version.stdout.startswith('scaledepth 0.')
    piped = subprocess.run(f'{sys.executable} -m scaledepth_ros.cli --help | true', shell=True,
                           capture_output=True, text=True, check=False)
    assert 'Traceback' not in piped.stderr
    closed = subprocess.run(f'{sys.executable} -m scaledepth_ros.cli --version >&-', shell=True,
                            capture_output=True, text=True, check=False)
    assert (closed.returncode, closed.stderr) == (0, '')

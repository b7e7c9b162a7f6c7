# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Convert a network for OpenVINO in a process of its own.

A conversion is seconds of Python. In a thread it would hold the interpreter lock that every
operator of the serving engine needs in between; a process of low priority takes only what is
left of the processor, and ends at once when it is not wanted any more.

The request is one line of JSON on standard input. The answer on standard output is the length
[bytes] of an .npz archive, the archive with what PyTorch says of the check frame, the length of
the exported graph, and the graph.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
import io
import json
import os
from pathlib import Path
import struct
import subprocess
import sys
import threading
from typing import Any, BinaryIO, NoReturn

import numpy as np
from scaledepth_ros.errors import CheckpointError, DeviceError, ScaleDepthError
from scaledepth_ros.inference.engines import EngineOutput, PreparationLostError, Size

_LENGTH = struct.Struct('<Q')
# It has ended by then, but something that it started may hold the pipe open.
_STDERR_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class NetworkSource:
    """
    Where a network can be loaded from again.

    Attributes:
        model: Preset name or path of a model file.
        weights: Model file to use instead of the preset's own, or None.
        sha256: Hash of the weights that are meant; empty for random ones.
    """

    model: str
    weights: str | None
    sha256: str


class ConversionProcess:
    """
    Starts a process for each conversion.

    Args:
        source: The network.
        precision: 'fp32', 'bf16' or 'fp16'.
        niceness: How much the process stands back behind others, 0 to 19.
    """

    def __init__(self, source: NetworkSource, precision: str, *, niceness: int = 5) -> None:
        self._source = source
        self._niceness = niceness
        self._precision = precision
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def convert(self, size: Size) -> tuple[memoryview, EngineOutput]:
        """
        Return the exported graph for a size, and what PyTorch says of its check frame.

        Raises:
            PreparationLostError: The process could not be started, or a signal ended it.
            DeviceError: It failed, or close has been called.
        """
        request = {**asdict(self._source), 'precision': self._precision, 'size': size,
                   'niceness': self._niceness}
        with self._lock:
            if self._closed:
                raise DeviceError('The conversion was given up.')
            try:
                self._process = process = subprocess.Popen(
                    [sys.executable, '-m', __name__], env=_environment(),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    # Ctrl-C is for the process that serves; this one ends with it.
                    start_new_session=True)
            except OSError as error:
                raise PreparationLostError(
                    f'The process that converts the network cannot be started ({error}).'
                ) from error
        said: list[bytes] = []
        assert process.stderr is not None
        listener = threading.Thread(
            target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        try:
            # What is shorter than announced is told by the exit code below.
            answer = _exchange(process, request)
        except (OSError, ValueError, struct.error):
            answer = None
        finally:
            code = self._finish(process)
        # Not by the code: it ends with 1 when its request is closed, done or not.
        if answer is None:
            listener.join(_STDERR_TIMEOUT_S)
            lines = b''.join(said).decode(errors='replace').strip().splitlines()
            # A signal: the kernel that is short of memory, an operator, a crash.
            kind = PreparationLostError if code < 0 else DeviceError
            raise kind(
                f'The process that converts the network ended with code {code}'
                f'{": " + lines[-1].rstrip(".") if lines else ""}.')
        return answer

    def close(self) -> None:
        """End a conversion that is under way, and refuse further ones."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _finish(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the process, which ends by itself, and close its pipes."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        code = process.wait()
        with self._lock:
            self._process = None
        return code


def _listen(stream: BinaryIO, said: list[bytes]) -> None:
    with stream:
        said.append(stream.read())


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        # Finds what this process finds, however it came by its path.
        'PYTHONPATH': os.pathsep.join(path for path in sys.path if path),
        # One core at most.
        'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}


def _exchange(
    process: subprocess.Popen[bytes], request: dict[str, Any],
) -> tuple[memoryview, EngineOutput]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode() + b'\n')
    process.stdin.flush()
    with np.load(io.BytesIO(_read_block(process.stdout))) as archive:
        expected = EngineOutput(*(archive.get(name) for name in EngineOutput._fields))
    return _read_block(process.stdout), expected


def _read_block(stream: Any) -> memoryview:
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    block = memoryview(bytearray(length))
    done = 0
    while done < length:
        count = stream.readinto(block[done:])
        if not count:
            raise ValueError(f'{done} of {length} bytes arrived')
        done += count
    return block


def _write_block(stream: BinaryIO, data: memoryview) -> None:
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)


def _end_with_parent() -> None:
    # Standard input ends when the parent does, or when it wants no answer any more.
    sys.stdin.buffer.read()
    os._exit(1)


def _let_the_kernel_take_this_first() -> None:
    # Where memory runs out, rather than the process that serves: this one can be started again.
    with suppress(OSError):
        Path('/proc/self/oom_score_adj').write_text('1000')


def main() -> NoReturn:
    """Convert what standard input asks for; what is wrong ends up as the last line of stderr."""
    # Nothing that a library prints may get between the bytes.
    answer_to = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    _let_the_kernel_take_this_first()
    code = 1
    try:
        request = json.loads(sys.stdin.buffer.readline())
        os.nice(request['niceness'])
        threading.Thread(target=_end_with_parent, daemon=True).start()
        _answer(request, answer_to)
        code = 0
    except ScaleDepthError as error:
        print(error, file=sys.stderr, flush=True)
    # Foreign code converts, and the parent wants its reason, whatever it raises.
    except Exception as error:
        print(f'{type(error).__name__}: {str(error).strip()}'.splitlines()[0], file=sys.stderr,
              flush=True)
    finally:
        # An orderly end takes a second to unload everything, and aborts while the thread that
        # reads holds the lock of standard input.
        os._exit(code)


def _answer(request: dict[str, Any], answer_to: BinaryIO) -> None:
    from scaledepth_ros.inference.engines.openvino_engine import OpenVino
    from scaledepth_ros.inference.predictor import load_network
    import torch
    torch.set_num_threads(1)
    model, weights = load_network(request['model'], request['weights'])
    if weights.sha256 != request['sha256']:
        raise CheckpointError(f'{weights.path} has changed since it was loaded; configure again')
    graph, expected = OpenVino(request['precision']).convert(model, tuple(request['size']))
    del model
    archive = io.BytesIO()
    np.savez(archive, **{name: value for name, value in expected._asdict().items()
                         if value is not None})
    exported = graph.export_model()
    del graph
    _write_block(answer_to, archive.getbuffer())
    _write_block(answer_to, exported.getbuffer())
    answer_to.flush()


if __name__ == '__main__':
    main()

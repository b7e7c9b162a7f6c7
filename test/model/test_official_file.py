# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as mmengine writes them are read; files that would run something are refused."""

import collections
import json
import os
from pathlib import Path
import pickle
import shutil
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
from scaledepth_ros.cli.__main__ import main
from scaledepth_ros.errors import CheckpointError
from scaledepth_ros.model import build
from scaledepth_ros.model.build import preset
from scaledepth_ros.model.checkpoint import load_model
from scaledepth_ros.model.official import official_name
from scaledepth_ros.model.official_file import read_official_file
from small_network import SMALL, small_network
import torch

GOLDEN = Path(__file__).parents[1] / 'golden'


@pytest.fixture
def history_buffer(monkeypatch):
    """
    Stand in for mmengine's class while a file is written.

    Like the real one it pickles numpy arrays and its own methods, by qualified name.
    """
    class HistoryBuffer:
        def __init__(self, values):
            self._log_history = np.array(values)
            self._count_history = np.ones(len(values))

        def mean(self):
            return self._log_history.mean()

        def __getstate__(self):
            return {**self.__dict__, 'statistics_methods': {'mean': HistoryBuffer.mean}}

        def __setstate__(self, state):
            raise AssertionError('the class of the file must not be used')

    name = 'mmengine.logging.history_buffer'
    HistoryBuffer.__module__ = name
    HistoryBuffer.__qualname__ = 'HistoryBuffer'
    HistoryBuffer.mean.__module__ = name
    HistoryBuffer.mean.__qualname__ = 'HistoryBuffer.mean'
    modules = {'mmengine': types.ModuleType('mmengine'),
               'mmengine.logging': types.ModuleType('mmengine.logging'),
               name: types.ModuleType(name)}
    modules[name].HistoryBuffer = HistoryBuffer
    with monkeypatch.context() as patch:
        for module, value in modules.items():
            patch.setitem(sys.modules, module, value)
        yield HistoryBuffer


def save_as_mmengine(path, state, history_buffer):
    """Write what mmengine's runner writes after 40 000 iterations."""
    ordered = collections.OrderedDict(state)
    ordered._metadata = collections.OrderedDict(version=1)
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    torch.save({
        'meta': {'epoch': 1, 'iter': 40000, 'cfg': 'model = dict()', 'mmengine_version': '0.10.7'},
        'state_dict': ordered,
        'message_hub': {
            'log_scalars': collections.OrderedDict(
                [('train/loss', history_buffer([3.0, 2.0, 1.0]))]),
            'runtime_info': collections.OrderedDict(iter=40000, best=np.float64(0.29)),
            'resumed_keys': collections.OrderedDict(iter=True)},
        'optimizer': optimizer.state_dict(),
        'param_schedulers': [{'last_step': 40000}],
    }, path)


def small_state():
    state = {official_name(name): value for name, value in small_network().state_dict().items()}
    state['backbone.clip_model.transformer.resblocks.0.attn.in_proj_bias'] = torch.zeros(500)
    return state


def test_an_mmengine_file_is_read_without_its_classes(tmp_path, history_buffer):
    path = tmp_path / 'iter_40000.pth'
    save_as_mmengine(path, small_state(), history_buffer)
    names = zipfile.ZipFile(path).namelist()
    content = zipfile.ZipFile(path).read(next(name for name in names if 'data.pkl' in name))
    assert b'HistoryBuffer' in content
    assert b'getattr' in content
    for module in [name for name in sys.modules if name.startswith('mmengine')]:
        del sys.modules[module]
    state, digest = read_official_file(path)
    assert 'mmengine' not in sys.modules
    expected = small_state()
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(state[name], value)
    assert digest == subprocess.run(
        ['sha256sum', path], capture_output=True, text=True, check=True).stdout.split()[0]


def test_the_command_converts_and_says_what_it_dropped(
        tmp_path, history_buffer, monkeypatch, capsys):
    source, target = tmp_path / 'iter_40000.pth', tmp_path / 'nk.safetensors'
    save_as_mmengine(source, small_state(), history_buffer)
    monkeypatch.setitem(build.PRESETS, 'nk', SMALL)
    assert main(['import-checkpoint', str(source), str(target)]) == 0
    printed = capsys.readouterr().out
    assert 'dropped text tower: 1 tensors, 500 parameters' in printed
    model, info = load_model(target)
    assert info.trained
    assert info.description.startswith('ScaleDepth-NK of the authors, from iter_40000.pth')
    for name, value in small_network().state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_the_command_keeps_the_old_file_when_the_new_one_is_refused(tmp_path, capsys):
    source, target = tmp_path / 'iter.pth', tmp_path / 'nk.safetensors'
    target.write_bytes(b'old')
    source.write_bytes(b'PK\x03\x04 no archive')
    assert main(['import-checkpoint', str(source), str(target)]) == 2
    assert target.read_bytes() == b'old'
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert 'iter.pth is not a readable checkpoint' in error
    assert main(['import-checkpoint', str(source), str(tmp_path / 'nk.pth')]) == 2
    assert 'ends in .safetensors' in capsys.readouterr().err


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def hostile(marker):
    """Return objects that would create a file if they were unpickled the usual way."""
    command = f'touch {marker}'
    return {
        'os.system': Call(os.system, command),
        'eval': Call(eval, f'open({str(marker)!r}, "w")'),
        'exec': Call(exec, f'open({str(marker)!r}, "w")'),
        'subprocess': Call(subprocess.check_output, ['touch', str(marker)]),
        'getattr': Call(getattr, Call(__import__, 'os'), 'system'),
        'import': Call(__import__, 'antigravity'),
        'torch.load': Call(torch.load, str(marker)),
        'numpy.load': Call(np.load, str(marker)),
        'nested': {'state': [Call(os.system, command)]},
        'partial': Call(pickle.loads, pickle.dumps(Call(os.system, command))),
    }


@pytest.mark.parametrize('kind', hostile('x'))
@pytest.mark.parametrize('place', ['message_hub', 'state_dict', 'whole'])
@pytest.mark.parametrize('new_format', [True, False])
def test_a_file_that_runs_something_is_refused(tmp_path, kind, place, new_format):
    marker, path = tmp_path / 'ran', tmp_path / 'evil.pth'
    content = {'state_dict': {'decode_head.a': torch.zeros(2)}, 'message_hub': {}}
    evil = hostile(marker)[kind]
    if place == 'whole':
        content = evil
    else:
        content[place]['x'] = evil
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(CheckpointError, match=r'evil\.pth (asks for|is not a readable)') as caught:
        read_official_file(path)
    assert not marker.exists()
    assert '\n' not in str(caught.value)


def test_the_hostile_files_would_really_run(tmp_path):
    marker, path = tmp_path / 'ran', tmp_path / 'evil.pth'
    torch.save(hostile(marker)['os.system'], path)
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_refused_function_is_named(tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save({'state_dict': Call(shutil.rmtree, str(tmp_path))}, path)
    with pytest.raises(CheckpointError, match=r'asks for shutil\.rmtree, which no tensor needs'):
        read_official_file(path)


def test_what_getattr_returns_cannot_be_called(tmp_path):
    path = tmp_path / 'evil.pth'
    # getattr('a', 'b')('c'): the name is on the short list, its result is an inert object.
    text = [b'X' + struct.pack('<I', 1) + letter for letter in (b'a', b'b', b'c')]
    content = (b'\x80\x02c__builtin__\ngetattr\n' + text[0] + text[1] + b'\x86R' + text[2]
               + b'\x85R.')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('evil/data.pkl', content)
        archive.writestr('evil/version', '3')
        archive.writestr('evil/byteorder', 'little')
    with pytest.raises(CheckpointError, match=r'evil\.pth asks for <.*_Inert'):
        read_official_file(path)


def test_the_short_list_does_not_stay_allowed(tmp_path, history_buffer):
    path = tmp_path / 'iter.pth'
    save_as_mmengine(path, small_state(), history_buffer)
    read_official_file(path)
    with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
        torch.load(path, weights_only=True)


@pytest.mark.parametrize('keep', [0.0, 0.001, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize('new_format', [True, False])
def test_a_truncated_file_is_refused(tmp_path, keep, new_format):
    path = tmp_path / 'cut.pth'
    torch.save({'state_dict': small_state()}, path, _use_new_zipfile_serialization=new_format)
    path.write_bytes(path.read_bytes()[:int(keep * path.stat().st_size)])
    with pytest.raises(CheckpointError, match=r'cut\.pth is not a readable checkpoint') as caught:
        read_official_file(path)
    assert '\n' not in str(caught.value)


def test_a_damaged_tensor_is_noticed(tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save({'state_dict': {'a': torch.zeros(10_000)}}, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match='fails its checksum'):
        read_official_file(path)


@pytest.mark.parametrize('content', [
    b'\x89PNG\r\n\x1a\n' + bytes(100), b'{"a": 1}', b'\x80\x02}q\x00.', bytes(5000),
    np.random.default_rng(0).bytes(5000)])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / 'other.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'other\.pth') as caught:
        read_official_file(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('content', [
    [1, 2], {'state_dict': {}}, {'state_dict': 3}, {'state_dict': {'a': 'text'}},
    {'state_dict': {'a': torch.zeros(2, device='meta')}}, torch.zeros(3),
    {'state_dict': {3: torch.zeros(2)}}, {'state_dict': {'a': torch.eye(3).to_sparse()}}])
def test_something_else_saved_by_torch_is_refused(tmp_path, content):
    path = tmp_path / 'other.pth'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match='state_dict'):
        read_official_file(path)


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    for path, what in ((tmp_path / 'none.pth', 'does not exist'), (tmp_path, 'is a folder')):
        with pytest.raises(CheckpointError, match=f'{path} {what}; expected the authors'):
            read_official_file(path)


@pytest.mark.slow
def test_a_full_size_checkpoint_becomes_the_network_that_the_golden_cases_use(
        tmp_path, history_buffer, capsys):
    sys.path.insert(0, str(GOLDEN))
    import fill_rule

    keys = json.loads((GOLDEN / 'state_dict_keys.json').read_text())
    source, target = tmp_path / 'iter_40000.pth', tmp_path / 'nk.safetensors'
    save_as_mmengine(
        source, {name: torch.from_numpy(fill_rule.fill(name, tuple(shape)))
                 for name, shape, _ in keys}, history_buffer)
    assert main(['import-checkpoint', str(source), str(target)]) == 0
    printed = capsys.readouterr().out
    assert 'kept 635 tensors, 216,481,666 parameters' in printed
    assert 'dropped text tower: 197 tensors, 152,001,792 parameters, 608.0 MB' in printed
    assert 'dropped CLIP image head: 6 tensors, 3,543,553 parameters, 14.2 MB' in printed
    source.unlink()
    model, _ = load_model(target)
    assert model.config == preset('nk')
    for name in ('image_encoder.stages.3.blocks.2.mlp.fc2.weight', 'query_decoder.query_feat'):
        official = official_name(name)
        value = model.state_dict()[name]
        expected = fill_rule.fill(official, tuple(value.shape))
        assert np.array_equal(value.numpy(), expected)

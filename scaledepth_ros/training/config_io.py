# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
From YAML to frozen dataclasses and back, refusing what it does not know.

A misspelt key in a configuration that trains for a day must not be ignored, so every key has to
be a field, and every value has to have the field's type.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from pathlib import Path
import types
from typing import Any, get_args, get_origin, get_type_hints, Literal, TypeVar, Union

from scaledepth_ros.errors import ConfigError
import yaml

T = TypeVar('T')


def read_yaml(path: str | Path) -> dict[str, Any]:
    """
    Read a YAML file whose top level is a mapping.

    Raises:
        ConfigError: The file is missing, is not YAML, or holds something else.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be read ({error.strerror}); expected a YAML file.') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f'{path} is not valid YAML: {error}') from error
    if not isinstance(values, dict):
        raise ConfigError(f'{path} holds {type(values).__name__}; expected keys and values.')
    return values


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """
    Return nested values with some replaced.

    Args:
        values: What a YAML file holds; not changed.
        overrides: Assignments such as 'optimiser.lr=2e-4'; the right side is YAML.

    Raises:
        ConfigError: An assignment is malformed, or its path runs through a plain value.
    """
    result = dict(values)
    for override in overrides:
        path, equals, text = override.partition('=')
        keys = path.strip().split('.')
        if not equals or not all(keys):
            raise ConfigError(f'{override!r} is no assignment; expected key.path=value.')
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f'The value of {override!r} is not valid YAML: {error}') from error
        target = result
        for depth, key in enumerate(keys[:-1]):
            inner = target.get(key) or {}
            if not isinstance(inner, Mapping):
                raise ConfigError(f'{".".join(keys[:depth + 1])} in {override!r} is a plain '
                                  'value; it has no keys.')
            target[key] = dict(inner)
            target = target[key]
        target[keys[-1]] = value
    return result


def from_mapping(
    cls: type[T], values: Any, path: str = '', *, derived: Mapping[str, str] | None = None,
) -> T:
    """
    Build a dataclass from nested values.

    Args:
        cls: A dataclass; fields may be dataclasses, tuples and mappings of such, or plain.
        values: Its fields by name.
        path: Where the values are, for messages.
        derived: Fields, by full path, that may not be given, and where they come from.

    Raises:
        ConfigError: A key is unknown or missing, or a value has the wrong type; by full path.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f'{path or "The configuration"} is {values!r}; expected keys and '
                          'values.')
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    derived = derived or {}
    unknown = sorted(_join(path, key) for key in values if key not in fields)
    if unknown:
        raise ConfigError(f'Unknown key {", ".join(unknown)}; '
                          f'{path or "the configuration"} has {", ".join(sorted(fields))}.')
    for key in values:
        if _join(path, key) in derived:
            raise ConfigError(f'{_join(path, key)} cannot be set here; it follows from '
                              f'{derived[_join(path, key)]}.')
    missing = sorted(
        _join(path, name) for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING)
    if missing:
        raise ConfigError(f'{", ".join(missing)} is missing; it has no default.')
    hints = get_type_hints(cls)
    arguments = {name: _convert(hints[name], value, _join(path, name), derived)
                 for name, value in values.items()}
    try:
        return cls(**arguments)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}' if path else str(error)) from error


def to_mapping(value: Any) -> Any:
    """Return a dataclass as nested plain values, the inverse of ``from_mapping``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_mapping(getattr(value, field.name))
                for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_mapping(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_mapping(inner) for inner in value]
    return value


def flatten(values: Mapping[str, Any], path: str = '') -> dict[str, Any]:
    """Return nested values by their full path; lists stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, _join(path, key)))
        else:
            flat[_join(path, key)] = value
    return flat


def _join(path: str, key: object) -> str:
    return f'{path}.{key}' if path else str(key)


def _convert(hint: Any, value: Any, path: str, derived: Mapping[str, str]) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert_union(
            [option for option in arguments if option is not type(None)], value, path, derived)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, value, path, derived=derived)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f'{path} is {value!r}; expected one of {arguments}.')
        return value
    if origin is tuple:
        return _convert_tuple(arguments, value, path, derived)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f'{path} is {value!r}; expected keys and values.')
        return {key: _convert(arguments[1], inner, _join(path, key), derived)
                for key, inner in value.items()}
    return _convert_plain(hint, value, path)


def _convert_union(
    options: Sequence[Any], value: Any, path: str, derived: Mapping[str, str],
) -> Any:
    for option in options[:-1]:
        try:
            return _convert(option, value, path, derived)
        except ConfigError:
            continue
    return _convert(options[-1], value, path, derived)


def _convert_tuple(
    arguments: tuple[Any, ...], value: Any, path: str, derived: Mapping[str, str],
) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f'{path} is {value!r}; expected a list.')
    hints = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
    if len(hints) != len(value):
        raise ConfigError(f'{path} has {len(value)} entries; expected {len(hints)}.')
    return tuple(_convert(hint, item, f'{path}[{index}]', derived)
                 for index, (hint, item) in enumerate(zip(hints, value, strict=True)))


def _convert_plain(hint: type, value: Any, path: str) -> Any:
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            # YAML 1.1 takes 1e-4, without a dot, for a string.
            return float(value)
        except ValueError:
            pass
    elif isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    names = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'text'}
    raise ConfigError(f'{path} is {value!r}; expected {names.get(hint, hint.__name__)}.')

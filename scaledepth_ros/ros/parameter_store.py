# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node: declared, validated, and read as immutable snapshots."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.ros.parameters import (
    AT_START,
    DepthParameters,
    Description,
    plain,
    table,
    WHEN_UNCONFIGURED,
)

_DESCRIPTIONS = {name: description for name, _default, description in table()}


class ParameterStore:
    """
    Declares the table on a node and answers who wants to change it.

    With named cameras, the parameters that differ between cameras exist once per camera too, as
    ``<camera>.<parameter>``; the plain ones are then their defaults.
    """

    def __init__(self, node: Node, *, configured: Callable[[], bool],
                 changed: Callable[[], None]) -> None:
        """
        Declare every parameter of the table.

        Args:
            node: gets the parameters, with descriptors and ranges.
            configured: tells whether the node has loaded its model.
            changed: called, in the executor's thread, before new values are first used.

        Raises:
            ConfigError: an override is out of range or of another type.

        """
        self._node = node
        self._configured = configured
        self._changed = changed
        self._stale = False
        self._cameras: dict[str, DepthParameters] = {}
        self._common = DepthParameters(**{
            name: self._declare(name, name, default) for name, default, _description in table()})
        node.add_on_set_parameters_callback(self._on_set)
        for service in node.services:
            if service.srv_type is SetParameters:
                service.callback = _in_any_order(service.callback)

    @property
    def last(self) -> DepthParameters:
        """The values as they were last read; for threads other than the executor's."""
        return self._common

    @property
    def current(self) -> DepthParameters:
        """The values as they are now."""
        if self._stale:
            self._stale = False
            self._common = self._common.changed(self._read('', _DESCRIPTIONS))
            for camera in self._cameras:
                self._cameras[camera] = self._of_camera(camera)
            self._changed()
        return self._common

    def of_camera(self, camera: str) -> DepthParameters:
        """
        Return the values for one camera.

        Args:
            camera: one that ``declare_cameras`` has named.

        """
        common = self.current
        return self._cameras[camera] if camera else common

    def declare_cameras(self, cameras: Iterable[str]) -> None:
        """
        Declare the parameters that each camera has of its own.

        Args:
            cameras: names; an empty one stands for the parameters without a name.

        Raises:
            ConfigError: an override is out of range or of another type.

        """
        common = self.current
        self._cameras = {}
        for camera in filter(None, cameras):
            for name, description in _DESCRIPTIONS.items():
                if description.per_camera:
                    self._declare(f'{camera}.{name}', name, getattr(common, name))
            self._cameras[camera] = self._of_camera(camera)

    def _of_camera(self, camera: str) -> DepthParameters:
        return self._common.changed(self._read(f'{camera}.', [
            name for name, description in _DESCRIPTIONS.items() if description.per_camera]))

    def _read(self, prefix: str, names: Iterable[str]) -> dict[str, Any]:
        names = list(names)
        found = self._node.get_parameters([prefix + name for name in names])
        return {name: parameter.value for name, parameter in zip(names, found, strict=True)}

    def _declare(self, name: str, table_name: str, default: Any) -> Any:
        if not self._node.has_parameter(name):
            value = list(default) if isinstance(default, tuple) else default
            try:
                self._node.declare_parameter(
                    name, value, _descriptor(name, default, _DESCRIPTIONS[table_name]))
            except Exception as error:  # rclpy has its own types for a wrong type and range
                raise ConfigError(f'parameter {name}: {error}') from error
        return plain(self._node.get_parameter(name).value)

    def _on_set(self, parameters: Iterable[Parameter]) -> SetParametersResult:
        reason = ''
        try:
            self._check(parameters)
        except ConfigError as error:
            reason = str(error)
        # Another callback may still refuse, so the new values are read when they are needed.
        self._stale = True
        return SetParametersResult(successful=not reason, reason=reason)

    def _check(self, parameters: Iterable[Parameter]) -> None:
        """Raise ConfigError unless all of these may be set now."""
        common: dict[str, Any] = {}
        of_camera: dict[str, dict[str, Any]] = {camera: {} for camera in self._cameras}
        for parameter in parameters:
            camera, _dot, name = parameter.name.rpartition('.')
            if camera in of_camera and name in _DESCRIPTIONS:
                of_camera[camera][name] = parameter.value
            elif parameter.name in _DESCRIPTIONS:
                # `ros2 param load` sets also what is already so.
                if plain(parameter.value) != getattr(self.current, parameter.name):
                    self._check_moment(parameter.name)
                common[parameter.name] = parameter.value
        values = self.current.changed(common)
        for camera, changes in of_camera.items():
            values.changed({**self._read(f'{camera}.', [
                name for name, description in _DESCRIPTIONS.items()
                if description.per_camera]), **changes})

    def _check_moment(self, name: str) -> None:
        if not self._configured():
            return
        if _DESCRIPTIONS[name].change == WHEN_UNCONFIGURED:
            raise ConfigError(
                f'{name} is read when the node is configured: deactivate and clean up first, set '
                'it, then configure again')
        if _DESCRIPTIONS[name].per_camera and self._cameras:
            first = next(iter(self._cameras))
            raise ConfigError(
                f'each camera has a {name} of its own: set {first}.{name} and so on')


def _in_any_order(set_each: Callable[..., Any]) -> Callable[..., Any]:
    """
    Let the order of the parameters in one request not matter.

    rclpy sets one after the other. A maximum that is less than the minimum of before, and arrives
    ahead of the new minimum, is refused; `ros2 param load` sorts them so.
    """
    def set_parameters(
            request: SetParameters.Request,
            response: SetParameters.Response) -> SetParameters.Response:
        set_each(request, response)
        asked, results = list(request.parameters), list(response.results)
        done = {parameter.name for parameter, result in zip(asked, results, strict=True)
                if result.successful}
        # What was set further on in the request must not be set back.
        again = [index for index, result in enumerate(results)
                 if not result.successful and asked[index].name not in done]
        # Once is enough: of two limits that are valid together, the old ones refuse one at most.
        if done and again:
            second = set_each(SetParameters.Request(parameters=[asked[i] for i in again]),
                              SetParameters.Response())
            for index, result in zip(again, second.results, strict=True):
                results[index] = result
            response.results = results
        return response

    return set_parameters


def _descriptor(name: str, default: Any, description: Description) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=name, description=description.text, read_only=description.change == AT_START)
    constraints = [f'Can be changed {description.change}.']
    if description.choices:
        constraints.append(f'One of: {", ".join(description.choices)}.')
    descriptor.additional_constraints = ' '.join(constraints)
    if description.minimum is not None and description.maximum is not None:
        # bool is an int to Python, but no boolean has a range.
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(
                from_value=int(description.minimum), to_value=int(description.maximum), step=1)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(
                from_value=float(description.minimum), to_value=float(description.maximum),
                step=0.0)]
    return descriptor

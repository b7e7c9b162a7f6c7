# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
A subscription for large images that matches whatever its publishers offer.

Best effort accepts every publisher, but with Fast DDS's default transports a raw VGA image is
more fragments than its shared-memory segment holds, and nearly every image is lost. Reliable
resends what is lost, but receives nothing at all from a best-effort publisher. So the
subscription is reliable exactly when all publishers are.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from scaledepth_ros.errors import ConfigError

AUTO = 'auto'
_RELIABILITIES = {'reliable': QoSReliabilityPolicy.RELIABLE,
                  'best_effort': QoSReliabilityPolicy.BEST_EFFORT}
_HISTORIES = {'keep_last': QoSHistoryPolicy.KEEP_LAST, 'keep_all': QoSHistoryPolicy.KEEP_ALL}


class InputSubscription:
    """Keeps the newest message only; its QoS can be overridden like that of any topic."""

    def __init__(self, node: Node, message_type: Any, topic: str,
                 callback: Callable[[Any], None],
                 on_error: Callable[[Exception], None]) -> None:
        """
        Read the overrides; nothing is received before ``open``.

        Args:
            node: owns the subscription and its parameters
                ``qos_overrides.<topic>.subscription.{history,depth,reliability}``.
            message_type: what to receive.
            topic: fully resolved name.
            callback: gets the messages, in the executor's thread.
            on_error: gets what the callback raises; it would end the node otherwise.

        Raises:
            ConfigError: an override has a value that does not exist.

        """
        self._node = node
        self._type = message_type
        self._topic = topic
        self._callback = callback
        self._on_error = on_error
        self._subscription: Any = None
        self._reliability = QoSReliabilityPolicy.BEST_EFFORT
        self._override = self._declare(
            'reliability', AUTO, (AUTO, *_RELIABILITIES),
            'reliable, best_effort, or auto: as the publishers')
        self._history = _HISTORIES[self._declare(
            'history', 'keep_last', tuple(_HISTORIES), 'keep_last or keep_all')]
        self._depth = self._declare('depth', 1, None, 'messages kept until they are read')

    @property
    def topic(self) -> str:
        """Fully resolved name."""
        return self._topic

    @property
    def reliability(self) -> str:
        """What is used now."""
        return self._reliability.name.lower()

    def open(self) -> None:
        """Start to receive."""
        self._reliability = self._wanted_reliability()
        profile = QoSProfile(history=self._history, depth=self._depth,
                             reliability=self._reliability,
                             durability=QoSDurabilityPolicy.VOLATILE)
        self._subscription = self._node.create_subscription(
            self._type, self._topic, self._receive, profile)

    def close(self) -> None:
        """Stop to receive."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def follow_publishers(self) -> None:
        """Subscribe anew if publishers have come or gone that need another reliability."""
        if self._subscription is not None and self._reliability != self._wanted_reliability():
            self.close()
            self.open()

    def _receive(self, message: Any) -> None:
        try:
            self._callback(message)
        except Exception as error:
            self._on_error(error)

    def publisher_count(self) -> int:
        """Return how many publishers the topic has."""
        return self._node.count_publishers(self._topic)

    def _wanted_reliability(self) -> QoSReliabilityPolicy:
        if self._override != AUTO:
            return _RELIABILITIES[self._override]
        offered = [info.qos_profile.reliability
                   for info in self._node.get_publishers_info_by_topic(self._topic)]
        if offered and all(policy == QoSReliabilityPolicy.RELIABLE for policy in offered):
            return QoSReliabilityPolicy.RELIABLE
        return QoSReliabilityPolicy.BEST_EFFORT

    def _declare(self, policy: str, default: Any, choices: tuple[str, ...] | None,
                 text: str) -> Any:
        # The names that rclpy's QoSOverridingOptions uses, which knows no 'auto'.
        name = f'qos_overrides.{self._topic}.subscription.{policy}'
        if not self._node.has_parameter(name):
            self._node.declare_parameter(name, default, ParameterDescriptor(
                description=f'{policy} of the subscription to {self._topic}: {text}.',
                read_only=True))
        value = self._node.get_parameter(name).value
        if choices is not None and value not in choices:
            raise ConfigError(f'{name} is {value!r}; choose one of {", ".join(choices)}')
        if choices is None and value < 1:
            raise ConfigError(f'{name} is {value}; it must be 1 or more')
        return value

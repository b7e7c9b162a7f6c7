# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
A subscription for large images that matches whatever its publishers offer.

Best effort accepts every publisher, but with Fast DDS's default transports a raw VGA image is
more fragments than its shared-memory segment holds, and nearly every image is lost. Reliable
resends what is lost, but receives nothing at all from a best-effort publisher. So the
subscription is reliable exactly when all publishers are. Likewise a volatile subscription never
gets what a publisher has latched, said once and kept for those who come later, and a transient
local one never gets anything from a volatile publisher. When the publishers change, the old
subscription stays until the new one has been found by them, so no message falls between the two.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
import time
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from scaledepth_ros.errors import ConfigError

AUTO = 'auto'
_RELIABILITIES = {'reliable': QoSReliabilityPolicy.RELIABLE,
                  'best_effort': QoSReliabilityPolicy.BEST_EFFORT}
# Publishers find a new subscription well within this.
_DISCOVERY_S = 1.0
_HISTORIES = {'keep_last': QoSHistoryPolicy.KEEP_LAST, 'keep_all': QoSHistoryPolicy.KEEP_ALL}


class InputSubscription:
    """Keeps the newest message only; its QoS can be overridden like that of any topic."""

    def __init__(self, node: Node, message_type: Any, topic: str,
                 callback: Callable[[Any], None],
                 on_error: Callable[[Exception], None], *, takes_latched: bool = False) -> None:
        """
        Read the overrides; nothing is received before ``open``.

        Args:
            node: owns the subscription and its parameters
                ``qos_overrides.<topic>.subscription.{history,depth,reliability}``.
            message_type: what to receive; it has a header.
            topic: name before remapping.
            callback: gets the messages, in the executor's thread.
            on_error: gets what the callback raises; it would end the node otherwise.
            takes_latched: an old message is as good as a new one, so take what all publishers
                have latched.

        Raises:
            ConfigError: an override has a value that does not exist.

        """
        self._node = node
        self._type = message_type
        # rclpy remaps what it is given, so it gets the name that has not been remapped yet: rules
        # like anchor/scan:=/scan and scan:=/camera_scan must not act one after the other.
        self._name = topic
        self._topic = node.resolve_topic_name(topic)
        self._callback = callback
        self._on_error = on_error
        self._takes_latched = takes_latched
        self._subscription: Any = None
        # Replaced by the one above, which may not have been matched with all publishers yet.
        self._former: Any = None
        self._generation = 0
        self._opened_s = 0.0
        self._heard = False
        self._last_header: Any = None
        self._policies = QoSReliabilityPolicy.BEST_EFFORT, QoSDurabilityPolicy.VOLATILE
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
        return self._policies[0].name.lower()

    def open(self) -> None:
        """Start to receive."""
        reliability, durability = policies = self._wanted_policies()
        generation = self._generation + 1
        profile = QoSProfile(history=self._history, depth=self._depth, reliability=reliability,
                             durability=durability)
        # First, because where it fails, as for lack of memory, the old one must go on.
        self._subscription = self._node.create_subscription(
            self._type, self._name, partial(self._receive, generation), profile)
        self._policies, self._generation = policies, generation
        self._heard = False
        self._opened_s = time.monotonic()

    def close(self) -> None:
        """Stop to receive."""
        self._close_former()
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def follow_publishers(self) -> None:
        """Subscribe anew if publishers have come or gone that need another QoS."""
        if self._subscription is None:
            return
        if self._heard or time.monotonic() > self._opened_s + _DISCOVERY_S:
            self._close_former()
        if self._policies != self._wanted_policies():
            self._close_former()
            former = self._subscription
            self.open()
            self._former = former

    def _close_former(self) -> None:
        if self._former is not None:
            self._node.destroy_subscription(self._former)
            self._former = None

    def _receive(self, generation: int, message: Any) -> None:
        if self._was_received(generation, message):
            return
        try:
            self._callback(message)
        except Exception as error:
            # The context may go away at any moment; that is no fault.
            if self._node.context.ok():
                self._on_error(error)

    def _was_received(self, generation: int, message: Any) -> bool:
        """Return whether the other of two overlapping subscriptions gave this message, too."""
        if generation != self._generation:
            received = self._heard
        else:
            # What is latched again may be news under an old stamp, and does no harm twice.
            received = (self._former is not None and not self._heard
                        and not self._takes_latched and message.header == self._last_header)
            self._heard = True
        if not received:
            self._last_header = message.header
        return received

    def publishers(self) -> list[TopicEndpointInfo]:
        """Return what is known of the publishers of the topic."""
        return self._node.get_publishers_info_by_topic(self._name)

    def publisher_count(self) -> int:
        """Return how many publishers the topic has."""
        # Alone among its kind, this does not remap.
        return self._node.count_publishers(self._topic)

    def silence(self) -> str:
        """Return why nothing may be arriving, and what to do about it."""
        publishers = self.publishers()
        if not publishers:
            return 'nobody publishes it; start the camera or remap image'
        wanted = f'sensor_msgs/msg/{self._type.__name__}'
        types = {info.topic_type for info in publishers}
        if wanted not in types:
            return (f'it carries {", ".join(sorted(types))}, not {wanted}; remap image, or set '
                    'image_transport')
        text = f'{len(publishers)} publisher(s), nothing arrives over {self.reliability}; '
        if self._policies[0] == QoSReliabilityPolicy.RELIABLE:
            offered = {info.qos_profile.reliability for info in publishers}
            if QoSReliabilityPolicy.BEST_EFFORT in offered:
                return (f'{text}a publisher offers best_effort: set qos_overrides.{self._topic}.'
                        'subscription.reliability to auto')
            return f'{text}is the camera streaming?'
        return (f'{text}is the camera streaming? Large images need a reliable publisher or '
                'FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA')

    def _wanted_policies(self) -> tuple[QoSReliabilityPolicy, QoSDurabilityPolicy]:
        offered = [info.qos_profile for info in self.publishers()]
        reliability = QoSReliabilityPolicy.BEST_EFFORT
        if self._override != AUTO:
            reliability = _RELIABILITIES[self._override]
        elif offered and all(profile.reliability == QoSReliabilityPolicy.RELIABLE
                             for profile in offered):
            reliability = QoSReliabilityPolicy.RELIABLE
        latched = (self._takes_latched and bool(offered)
                   and reliability == QoSReliabilityPolicy.RELIABLE
                   and all(profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
                           for profile in offered))
        return reliability, (QoSDurabilityPolicy.TRANSIENT_LOCAL if latched
                             else QoSDurabilityPolicy.VOLATILE)

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

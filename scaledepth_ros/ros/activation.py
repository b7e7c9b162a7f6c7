# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One time of being active: what was received in it is published in it or not at all."""
from __future__ import annotations

import threading
from typing import Any

# Fast DDS gives up a message that it cannot send after 0.1 s.
_SENDING_TIMEOUT_S = 0.2


class Activation:
    """
    Lasts from ``activate`` to ``deactivate``; every frame carries the one that it arrived in.

    An inference may take longer than a node is inactive. That the node is active again says
    nothing about a frame from before: a lifecycle manager may have moved the robot meanwhile.
    """

    def __init__(self) -> None:
        """Begin."""
        self._sending = threading.Lock()
        self._over = False

    @property
    def over(self) -> bool:
        """Whether what was received in it is of no use any more."""
        return self._over

    def publish(self, publisher: Any, message: Any) -> None:
        """
        Publish a message, unless this is over.

        Args:
            publisher: a publisher of rclpy.
            message: what it publishes.

        """
        with self._sending:
            if not self._over:
                publisher.publish(message)

    def end(self) -> None:
        """Let nothing more out; a message that was on its way has left when this returns."""
        self._over = True
        # Not for ever: a middleware that hangs must not keep the node from ending.
        if self._sending.acquire(timeout=_SENDING_TIMEOUT_S):
            self._sending.release()

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for tf2_ros, which ships with ROS 2 only; test_camera_pose.py checks it."""
from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Transform, TransformStamped
import numpy as np
from rclpy.time import Time as ClockTime


def robot_camera(x_m: float = 0.2) -> Transform:
    """Half a metre up, 0.2 m ahead, level: the optical frame of REP 103 in base_link."""
    transform = Transform()
    transform.translation.x, transform.translation.z = x_m, 0.5
    rotation = transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = -0.5, 0.5, -0.5, 0.5
    return transform


def stamp(at_s: float) -> Time:
    return Time(sec=int(at_s), nanosec=round((at_s - int(at_s)) * 1e9))


class StandIn(ModuleType):
    """tf2_ros as far as it is used, without ROS: transforms of one parent and one child."""

    class TransformException(Exception):
        pass

    class LookupException(TransformException):
        pass

    class ConnectivityException(TransformException):
        pass

    class ExtrapolationException(TransformException):
        pass

    def __init__(self) -> None:
        super().__init__('tf2_ros')
        self.listening: list[Any] = []
        module = self

        class Buffer:
            """Keeps {(parent, child): {stamp_ns or None if static: transform}}."""

            def __init__(self, cache_time=None, node=None):
                self.known: dict[tuple[str, str], dict[int | None, TransformStamped]] = {}

            def keep(self, transform, static):
                key = transform.header.frame_id, transform.child_frame_id
                when = None if static else ClockTime.from_msg(transform.header.stamp).nanoseconds
                series = self.known.setdefault(key, {})
                # What is ten seconds older than the newest is not kept.
                if static or when > max((s for s in series if s), default=0) - 10_000_000_000:
                    series[when] = transform

            def clear(self):
                for series in self.known.values():
                    for when in [when for when in series if when is not None]:
                        del series[when]

            def lookup_transform(self, target, source, when):
                names = {name for key in self.known for name in key}
                for name in (target, source):
                    if name not in names:
                        raise module.LookupException(f'"{name}" does not exist')
                series = self.known.get((target, source))
                if not series:
                    raise module.ConnectivityException('not connected')
                if None in series:
                    return SimpleNamespace(
                        header=SimpleNamespace(stamp=Time()), transform=series[None].transform)
                wanted, stamps = when.nanoseconds, sorted(series)
                if wanted == 0:
                    return series[stamps[-1]]
                if not stamps[0] <= wanted <= stamps[-1]:
                    raise module.ExtrapolationException('would need extrapolation')
                x = np.interp(wanted, stamps, [series[s].transform.translation.x for s in stamps])
                return SimpleNamespace(header=SimpleNamespace(stamp=when.to_msg()),
                                       transform=robot_camera(float(x)))

        class TransformListener:
            def __init__(self, buffer, node):
                self.buffer = buffer
                module.listening.append(self)

            def unregister(self):
                module.listening.remove(self)

        self.Buffer, self.TransformListener = Buffer, TransformListener

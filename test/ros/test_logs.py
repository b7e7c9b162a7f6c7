# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""What goes to the log, and how often."""
from __future__ import annotations

import logging

from scaledepth_ros.ros.logs import forward_package_log, LogForwarder, ThrottledLog


class Logger:
    """Notes what an rclpy logger is told."""

    def __init__(self):
        self.lines: list[tuple[str, str]] = []
        for level in ('info', 'warning', 'error'):
            setattr(self, level, lambda text, level=level: self.lines.append((level, text)))


def test_what_the_package_logs_goes_to_the_node():
    logger, package = Logger(), logging.getLogger('scaledepth_ros')
    level = package.level
    forward_package_log(logger)
    try:
        part = logging.getLogger('scaledepth_ros.inference.engines.switching')
        part.info('%s serves', 'openvino')
        part.warning('%s; using PyTorch', 'openvino differs')
        part.error('worse')
        part.debug('too much')
    finally:
        for handler in [h for h in package.handlers if isinstance(h, LogForwarder)]:
            package.removeHandler(handler)
        package.setLevel(level)
    assert logger.lines == [('info', 'openvino serves'),
                            ('warning', 'openvino differs; using PyTorch'), ('error', 'worse')]


def test_suppressed_faults_are_counted():
    logger = Logger()
    period_s = [3600.0]
    log = ThrottledLog(logger, lambda: period_s[0])
    for _ in range(4):
        log.fault('camera', 'bad image')
    period_s[0] = 0.0
    log.fault('camera', 'bad image')
    log.recovered('camera', 'works again')
    log.recovered('camera', 'works again')
    assert logger.lines == [
        ('error', 'bad image'), ('error', 'bad image (3 more since the last message)'),
        ('info', 'works again')]

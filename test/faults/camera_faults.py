# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Faults on the way in: the camera, its CameraInfo, its clock, and nonsense."""
from __future__ import annotations

import time

from bench import Bench, OtherProcess
from diagnostic_msgs.msg import DiagnosticStatus
from nonsense import nonsense_image, nonsense_info, samples
from outcome import Fault, Outcome
from ros_harness import make_info, wait_until
from sensor_msgs.msg import CameraInfo

WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def camera_killed(bench: Bench) -> Outcome:
    """Kill the process of a camera, and start another."""
    bench.ready()
    bench.camera.pause()
    first = OtherProcess(bench.domain, 'camera')
    bench.cameras.append(first)
    try:
        bench.wait_for_depth(min(first.sent.values()))
        with bench.injection() as injection:
            first.kill()
            status = bench.peer.wait_for_status('camera', WARN, 'no image on /image')
            second = OtherProcess(bench.domain, 'camera')
            bench.cameras.append(second)
            injection.over(min(second.sent.values()))
    finally:
        for camera in bench.cameras[1:]:
            camera.kill()
        # What they sent counts no more; their logs end with them.
        del bench.cameras[1:]
    return injection.outcome(status.message.split(':')[0])


def camera_info_lost(bench: Bench) -> Outcome:
    """Go on without CameraInfo: the last one holds."""
    bench.ready()
    with bench.injection() as injection:
        bench.camera.make_info = lambda: None
        time.sleep(1.0)
    bench.camera.reset()
    # On a busy machine some give way to newer ones.
    assert injection.lost < injection.of / 2, f'{injection.lost} of {injection.of} lost'
    return injection.outcome('keeps the last one')


def _wrong_camera_info(bench: Bench, text: str, info: CameraInfo) -> Outcome:
    bench.ready()
    with bench.injection() as injection:
        bench.camera.make_info = lambda: info
        status = bench.peer.wait_for_status('calibration', ERROR, text)
        # Depth with a wrong focal length would be worse than none. What was sent before the
        # CameraInfo may still be on its way.
        known_s = time.monotonic()
        time.sleep(0.5)
        assert not [stamp for stamp, at_s in bench.sent().items()
                    if at_s >= known_s and stamp in bench.arrived]
        bench.camera.reset()
    bench.peer.wait_for_status('calibration', DiagnosticStatus.OK)
    return injection.outcome(status.message.split(';')[0])


def camera_info_of_another_size(bench: Bench) -> Outcome:
    """Announce a resolution that the images do not have."""
    return _wrong_camera_info(bench, 'with intrinsics for 32x24', make_info(32, 24))


def camera_info_is_garbage(bench: Bench) -> Outcome:
    """Send a focal length that is not a number."""
    return _wrong_camera_info(bench, 'is unusable', make_info(fx=float('nan')))


def clock_goes_back(bench: Bench) -> Outcome:
    """Let stamps go back by an hour, as when a bag loops."""
    node = bench.ready()
    before = node.log().count('went back by')
    with bench.injection() as injection:
        bench.camera.clock_offset_s = -3600
    node.wait_for_log('went back by')
    assert node.log().count('went back by') == before + 1
    bench.camera.reset()
    return injection.outcome('says so once')


def _rejected(bench: Bench) -> int:
    status = wait_until(lambda: bench.peer.statuses.get('camera'))
    return int({value.key: value.value for value in status.values}['rejected'])


def _malformed(bench: Bench, count: int) -> Outcome:
    images = samples(nonsense_image(), count)
    infos = iter(samples(nonsense_info(), count // 20 + 1, seed=1))
    node = bench.ready()
    rejected_before = _rejected(bench)
    errors_before = node.log().count('ERROR')
    began_s = time.monotonic()
    with bench.injection() as injection:
        for index, image in enumerate(images):
            bench.camera.send_now(image)
            # The node reads only the newest image; give it a chance to see most of these.
            time.sleep(0.001)
            if index % 20 == 0:
                bench.camera.send_now(info=next(infos))
        rejected = _rejected(bench) - rejected_before
    # At most one line per kind of fault and period of five seconds, whatever arrives.
    periods = (time.monotonic() - began_s) / 5 + 1
    assert node.log().count('ERROR') - errors_before <= 4 * periods
    wait_until(lambda: 'works again' in node.log())
    return injection.outcome(f'at least {rejected} of them refused with the reason')


def malformed_300(bench: Bench) -> Outcome:
    """Send nonsense between the images of a good camera."""
    return _malformed(bench, 300)


def malformed_10000(bench: Bench) -> Outcome:
    """Send it for long."""
    return _malformed(bench, 10000)


FAULTS = (
    Fault('camera process killed and restarted', camera_killed),
    Fault('CameraInfo stops', camera_info_lost),
    Fault('CameraInfo of another resolution', camera_info_of_another_size),
    Fault('CameraInfo is garbage', camera_info_is_garbage),
    Fault('stamps go back by an hour', clock_goes_back),
    Fault('300 malformed messages', malformed_300),
    Fault('10,000 malformed messages', malformed_10000, slow=True),
)

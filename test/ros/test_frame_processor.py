# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Which fault of a frame is reported where, and what it costs the others."""
from __future__ import annotations

from types import SimpleNamespace

from known_depth_node import KnownDepth
import pytest
from ros_harness import make_image
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import DeviceError
from scaledepth_ros.ros.activation import Activation
from scaledepth_ros.ros.calibration import Calibration
from scaledepth_ros.ros.camera_health import CameraHealth, FaultKind
from scaledepth_ros.ros.camera_pose import pose_from_parameters
from scaledepth_ros.ros.camera_stream import Frame
from scaledepth_ros.ros.frame_processor import FrameProcessor
from scaledepth_ros.ros.frame_scale import FrameScale
from scaledepth_ros.ros.parameters import DepthParameters


class Stream:
    """The parts of a CameraStream that the worker thread uses."""

    def __init__(self, publish):
        self.outputs = SimpleNamespace(publish=publish)
        self.scale = FrameScale(pose_from_parameters)
        self.health = CameraHealth('', '/image')
        self.reports: list[tuple[FaultKind, str, bool]] = []

    def report(self, kind, error, *, warning=False):
        self.reports.append((kind, str(error), warning))

    def reject(self, error):
        self.report(FaultKind.CAMERA, error)

    def recovered(self, *kinds):
        pass


def frame(stream: Stream) -> Frame:
    camera = CameraModel.from_fov(64, 48, 60.0)
    calibration = Calibration('/camera_info', 'camera_optical_frame', camera)
    return Frame(stream, make_image(), calibration, DepthParameters(), 0.0, Activation())


def failing(*_arguments, **_options):
    raise ValueError('something is not what it was')


@pytest.mark.parametrize(('part', 'kind', 'text'), [
    ('infer', FaultKind.MODEL, 'inference failed with ValueError: something'),
    ('publish', FaultKind.OUTPUT, 'publishing failed with ValueError: something')])
def test_fault_is_reported_where_it_sits(part, kind, text):
    predictor = KnownDepth(DepthParameters(model='known'))
    if part == 'infer':
        predictor.infer = failing
    stream = Stream(failing if part == 'publish' else lambda *_a, **_o: (1.0, None))
    processor = FrameProcessor(predictor, lambda: 0)
    processor([frame(stream)])
    (reported, message, warning), = stream.reports
    assert (reported, warning) == (kind, False)
    assert message.startswith(text)


@pytest.mark.parametrize(('error', 'said'), [
    (ValueError('something is not what it was'), 'ValueError: something is not what it was'),
    (DeviceError('Out of memory on cuda:0.'), 'Out of memory on cuda:0.')])
def test_batch_that_fails_is_a_warning_while_each_image_works(error, said):
    def fail(*_arguments):
        raise error

    predictor = KnownDepth(DepthParameters(model='known'))
    predictor.infer_batch = fail
    published = []

    def publish(*arguments, **_options):
        published.append(arguments)
        return 1.0, None

    streams = [Stream(publish), Stream(publish)]
    processor = FrameProcessor(predictor, lambda: 0)
    processor([frame(stream) for stream in streams])
    assert len(published) == 2
    for stream in streams:
        (kind, text, warning), = stream.reports
        assert (kind, warning) == (FaultKind.COMPUTE, True)
        assert text == f'the batch of 2 failed, trying one by one: {said}'


def test_camera_that_was_deactivated_costs_the_other_of_a_batch_nothing():
    published = []
    streams = [Stream(lambda *_a, name=name, **_o: published.append(name) or (1.0, None))
               for name in ('left', 'right')]
    frames = [frame(stream) for stream in streams]
    frames[0].activation.end()
    FrameProcessor(KnownDepth(DepthParameters(model='known')), lambda: 0)(frames)
    assert published == ['right']
    assert [stream.health.published.total for stream in streams] == [0, 1]

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""From image messages to published depth: what the worker thread does with frames."""
from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from scaledepth_ros.bag import stamp_ns_of
from scaledepth_ros.camera import CameraModel
from scaledepth_ros.errors import CameraInfoError, error_text, ImageError, ScaleDepthError
from scaledepth_ros.inference.out_of_memory import free_caches, is_out_of_memory
from scaledepth_ros.ros.camera_health import FaultKind
from scaledepth_ros.ros.camera_stream import Frame
from scaledepth_ros.ros.image_decoding import decode_compressed_image, decode_image, RgbImage


class FrameProcessor:
    """
    Decodes, measures and publishes; lives in the worker thread.

    Whatever goes wrong with a frame is reported and costs that frame only.
    """

    def __init__(self, predictor: Any, now_ns: Callable[[], int]) -> None:
        """
        Take the loaded network.

        Args:
            predictor: a Predictor.
            now_ns: the node's clock, which may be simulated.

        """
        self.predictor = predictor
        self._now_ns = now_ns

    def __call__(self, frames: list[Frame]) -> None:
        """
        Process one frame of each camera that has one.

        Args:
            frames: at most one per camera.

        """
        decoded = []
        for frame in frames:
            if frame.activation.over:
                continue
            try:
                decoded.append((frame, *_decode(frame)))
            except (ImageError, CameraInfoError) as error:
                frame.reject(error)
            except Exception as error:
                _report_failure(frame, 'decoding', error)
        if not decoded:
            return
        for (frame, rgb, camera), output in zip(decoded, self._infer(decoded), strict=True):
            if output is not None and not frame.activation.over:
                self._publish(frame, rgb, camera, output)

    def _infer(self, decoded: list[tuple[Frame, RgbImage, CameraModel]]) -> list[Any]:
        """Return one output per frame, None where the network failed."""
        if len(decoded) > 1:
            try:
                return list(self.predictor.infer_batch(
                    [rgb for _frame, rgb, _camera in decoded],
                    [camera for _frame, _rgb, camera in decoded]))
            except Exception as error:
                # Out of memory, or one bad frame: each alone may still work.
                for frame, _rgb, _camera in decoded:
                    frame.report(
                        FaultKind.COMPUTE,
                        f'the batch of {len(decoded)} failed, trying one by one: '
                        f'{error_text(error)}', warning=True)
        return [self._infer_one(*item) for item in decoded]

    def _infer_one(self, frame: Frame, rgb: RgbImage, camera: CameraModel) -> Any:
        try:
            return self.predictor.infer(rgb, camera)
        except (ImageError, CameraInfoError) as error:
            frame.reject(error)
        except Exception as error:
            _report_failure(frame, 'inference', error)
        return None

    def _publish(self, frame: Frame, rgb: RgbImage, camera: CameraModel, output: Any) -> None:
        stream, header = frame.stream, frame.message.header
        try:
            scaled = stream.scale.scaled(output, camera, header, frame.parameters)
            valid_share, problem = stream.outputs.publish(
                header, rgb, camera, scaled.output, frame.parameters, frame.activation)
        except Exception as error:
            _report_failure(frame, 'publishing', error)
            return
        if frame.activation.over:
            return
        health = stream.health
        health.valid_share = valid_share
        health.scale_m, health.scene = float(scaled.output.scale_m), output.scene or ''
        health.scale_factor, health.correction = scaled.factor, scaled.correction
        health.anchor_sensor = scaled.sensor
        problem = problem or scaled.problem
        health.finished(latency_ms=(self._now_ns() - stamp_ns_of(header)) / 1e6,
                        processing_ms=(time.monotonic() - frame.received_s) * 1e3)
        stream.recovered(*(kind for kind in FaultKind if kind != FaultKind.OUTPUT))
        if problem is None:
            stream.recovered(FaultKind.OUTPUT)
        else:
            stream.report(FaultKind.OUTPUT, problem, warning=True)


def _report_failure(frame: Frame, what: str, error: Exception) -> None:
    """Report a lost frame; where memory was short, make room for the next one."""
    if is_out_of_memory(error):
        text = str(error) if isinstance(error, ScaleDepthError) else (
            f'{what} ran out of memory ({error or type(error).__name__}); give the process more, '
            'or use a smaller model or image')
        frame.report(FaultKind.MODEL, text)
        free_caches()
    else:
        kind = {'decoding': FaultKind.CAMERA, 'inference': FaultKind.MODEL,
                'publishing': FaultKind.OUTPUT}[what]
        frame.report(kind, f'{what} failed with {type(error).__name__}: {error}')


def _decode(frame: Frame) -> tuple[RgbImage, CameraModel]:
    rgb = decode_compressed_image(frame.message) if frame.compressed else decode_image(
        frame.message)
    parameters = frame.parameters
    camera = frame.calibration.camera_for(
        frame.message.header.frame_id, rgb.shape[:2],
        horizontal_fov_deg=parameters.horizontal_fov_deg,
        check_frame_id=parameters.check_frame_id)
    if frame.compressed:
        frame.stream.health.last_image = (
            f'{rgb.shape[1]}x{rgb.shape[0]} {frame.message.format}')
    return rgb, camera

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The depth node: images in, metric depth and point clouds out, as a managed (lifecycle) node."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile
from scaledepth_ros.errors import error_text
from scaledepth_ros.ros.camera_health import FaultKind
from scaledepth_ros.ros.camera_outputs import create_publisher
from scaledepth_ros.ros.camera_pose import pose_from_parameters, TfPose
from scaledepth_ros.ros.camera_stream import CameraStream, Frame
from scaledepth_ros.ros.depth_process import run_process
from scaledepth_ros.ros.diagnostics import model_status
from scaledepth_ros.ros.frame_processor import FrameProcessor
from scaledepth_ros.ros.inference_worker import InferenceWorker, WorkInterrupted
from scaledepth_ros.ros.lifecycle import refuse_impossible_transitions, release_state_machine
from scaledepth_ros.ros.logs import ThrottledLog
from scaledepth_ros.ros.network import (
    free_predictor,
    load_predictor,
    PredictorFactory,
    warmed_up,
)
from scaledepth_ros.ros.parameter_store import ParameterStore
from scaledepth_ros.ros.parameters import DepthParameters

# Within the second that launch and most supervisors grant before they kill.
_STOP_TIMEOUT_S = 0.7
# Cleaning up frees the network, so it waits for the inference that runs.
_CLEANUP_TIMEOUT_S = 10.0
# How soon the subscriptions notice a camera with another QoS.
_FOLLOW_PERIOD_S = 0.25
# A camera that was silent for longer is not waited for.
_ALIVE_S = 0.5


class DepthNode(LifecycleNode):
    """
    Metric depth for one or several cameras.

    ``configure`` loads and warms the network and fails with the reason if it cannot; ``activate``
    subscribes to the cameras; ``deactivate`` unsubscribes, and what arrived before it is never
    published after it; ``cleanup`` frees the network. Callbacks run in one executor thread, the
    network in one worker thread.
    """

    def __init__(self, node_name: str = 'depth', *,
                 predictor_factory: PredictorFactory = load_predictor, **kwargs: Any) -> None:
        """
        Declare the parameters.

        Args:
            node_name: name of the node.
            predictor_factory: loads the network; runs in the worker thread.
            kwargs: passed on to rclpy's LifecycleNode.

        Raises:
            ConfigError: a parameter override is not valid.

        """
        super().__init__(node_name, **kwargs)
        refuse_impossible_transitions(self)
        # Not a lifecycle publisher: a node that failed to configure has the most to report.
        self._diagnostics_publisher = create_publisher(
            self, DiagnosticArray, '/diagnostics', QoSProfile(depth=10), managed=False)
        self._diagnosed_s = 0.0
        self._predictor_factory = predictor_factory
        self._store = ParameterStore(
            self, configured=lambda: self._worker is not None, changed=self._on_changed)
        self._streams: list[CameraStream] = []
        self._worker: InferenceWorker | None = None
        self._processor: FrameProcessor | None = None
        self._tf_pose: TfPose | None = None
        self._active = False
        self._model_error = ''
        self._log = ThrottledLog(self.get_logger(), lambda: self._store.last.log_period_s)
        # The node's own clock stands still while a simulator or a bag is paused.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics_timer = self.create_timer(
            self.parameters.diagnostics_period_s, self._publish_diagnostics, clock=clock)
        self._follow_timer = self.create_timer(
            _FOLLOW_PERIOD_S, self._follow_publishers, clock=clock)
        self._autostart_timer = None
        if self.parameters.autostart:
            self._autostart_timer = self.create_timer(0.0, self._autostart, clock=clock)

    @property
    def parameters(self) -> DepthParameters:
        """The parameters as they are now."""
        return self._store.current

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Load the network and create the outputs.

        Args:
            state: the previous state.

        """
        parameters = self.parameters
        started_s = time.monotonic()
        self.get_logger().info(f'loading {parameters.model} ...')
        self._worker = worker = InferenceWorker(
            self._process, self._batch,
            lambda error: self._log.fault('worker', f'a frame was lost to {error!r}'))
        try:
            if parameters.camera_pose == 'tf':
                self._tf_pose = TfPose(self)
            self._store.declare_cameras(parameters.cameras)
            for camera in parameters.cameras:
                self._streams.append(CameraStream(
                    self, camera, partial(self._store.of_camera, camera), self._submit,
                    self._log, self._tf_pose or pose_from_parameters))
            # Last, because it takes longest.
            predictor = worker.call(
                lambda: warmed_up(self._predictor_factory, parameters), self._may_wait)
        except Exception as error:
            if isinstance(error, WorkInterrupted) or not self.context.ok():
                # The context is gone, so rclpy could not complete the transition; leave by the
                # way that a signal takes.
                raise KeyboardInterrupt from None
            # Also what is no ScaleDepthError: an import that fails, a driver that is missing.
            self._model_error = error_text(error)
            self.get_logger().error(f'cannot configure: {self._model_error}')
            self._release(_STOP_TIMEOUT_S)
            self._publish_diagnostics()
            return TransitionCallbackReturn.FAILURE
        self._model_error = ''
        self._processor = FrameProcessor(predictor, lambda: self.get_clock().now().nanoseconds)
        text = (f'{parameters.model} on {predictor.device} with {predictor.engine}, weights: '
                f'{predictor.weights.description}, ready in '
                f'{time.monotonic() - started_s:.1f} s')
        if predictor.weights.trained:
            self.get_logger().info(text)
        else:
            self.get_logger().warning(f'{text}; the depth means nothing')
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Start to receive and publish.

        Args:
            state: the previous state.

        """
        try:
            for stream in self._streams:
                stream.subscribe()
                self.get_logger().info(f'listening to {stream.description}')
        except Exception as error:
            if not self.context.ok():
                raise KeyboardInterrupt from None
            # rclpy would keep the reason to itself.
            self.get_logger().error(f'cannot activate: {error_text(error)}')
            self._stop_streams()
            return TransitionCallbackReturn.FAILURE
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Stop to receive and publish; the network stays loaded.

        Args:
            state: the previous state.

        """
        self._stop_streams()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Free the network and remove the outputs.

        Args:
            state: the previous state.

        """
        self._release(_CLEANUP_TIMEOUT_S, keep_waiting=self._may_wait)
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Stop for good.

        Args:
            state: the previous state.

        """
        self._release(_STOP_TIMEOUT_S)
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Go back to unconfigured after a transition that raised.

        Args:
            state: the previous state.

        """
        self._release(_STOP_TIMEOUT_S)
        return super().on_error(state)

    def stop(self, *, process_ends: bool = False) -> None:
        """
        Release everything, whatever the state, before the node is destroyed.

        Args:
            process_ends: leave the network to the end of the process, which frees it at once.

        """
        self._release(_STOP_TIMEOUT_S, free=not process_ends)

    def destroy_node(self) -> None:
        """Leave the middleware, and the memory that it shares with others."""
        super().destroy_node()
        release_state_machine(self)

    def _may_wait(self) -> bool:
        """Tell whether a transition may go on, and meanwhile report instead of the executor."""
        try:
            if time.monotonic() - self._diagnosed_s >= self.parameters.diagnostics_period_s:
                self._publish_diagnostics()
        except Exception:
            # The context may go away at any moment.
            if self.context.ok():
                raise
        return self.context.ok()

    def _autostart(self) -> None:
        self.destroy_timer(self._autostart_timer)
        self._autostart_timer = None
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _follow_publishers(self) -> None:
        _ = self.parameters  # Changed ones take effect here at the latest.
        for stream in self._streams:
            stream.follow_publishers()

    def _on_changed(self) -> None:
        self._diagnostics_timer.timer_period_ns = int(self.parameters.diagnostics_period_s * 1e9)
        for stream in self._streams:
            stream.refresh_calibration()

    def _batch(self) -> tuple[int, float]:
        """Return how many cameras deliver, and how long to wait for all of them."""
        now_s = time.monotonic()
        alive = sum(now_s - stream.last_submitted_s < _ALIVE_S for stream in self._streams)
        return alive, self._store.last.batch_wait_ms / 1e3

    def _submit(self, frame: Frame) -> bool:
        return self._worker is not None and self._worker.submit(frame.stream.name, frame)

    def _process(self, frames: list[Frame]) -> None:
        processor = self._processor
        if processor is not None:
            processor(frames)

    def _stop_streams(self) -> None:
        self._active = False
        for stream in self._streams:
            stream.unsubscribe()
        if self._worker is not None:
            self._worker.discard_frames()

    def _release(self, timeout_s: float, *, free: bool = True,
                 keep_waiting: Callable[[], bool] = lambda: True) -> None:
        self._stop_streams()
        for stream in self._streams:
            stream.destroy()
        self._streams = []
        if self._tf_pose is not None:
            self._tf_pose.close()
            self._tf_pose = None
        processor, self._processor = self._processor, None
        worker, self._worker = self._worker, None
        if worker is None:
            return
        predictor = processor.predictor if processor is not None else None
        stopped = worker.stop(
            timeout_s, finally_call=(lambda: free_predictor(predictor)) if free else None,
            keep_waiting=keep_waiting)
        if not stopped and self.context.ok():
            self.get_logger().warning(
                'the network is still at work; its memory is freed when it is done')

    def _publish_diagnostics(self) -> None:
        self._diagnosed_s = time.monotonic()
        faults = [stream.health.fault_of(FaultKind.MODEL) for stream in self._streams]
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status.append(model_status(
            self.parameters, self._processor and self._processor.predictor,
            error=self._model_error, loading=self._worker is not None,
            fault=next(filter(None, faults), None)))
        for stream in self._streams:
            message.status.extend(stream.statuses(active=self._active))
        for status in message.status:
            status.name = f'{self.get_fully_qualified_name()[1:]}: {status.name}'
        self._diagnostics_publisher.publish(message)


def main(args: list[str] | None = None, *,
         predictor_factory: PredictorFactory = load_predictor) -> int:
    """
    Run the depth node until SIGINT or SIGTERM.

    Args:
        args: command line; None for that of the process.
        predictor_factory: loads the network.

    Returns:
        1 if a parameter is not valid; otherwise the process ends here, with status 0.

    """
    return run_process(lambda: DepthNode(predictor_factory=predictor_factory), args)


if __name__ == '__main__':
    sys.exit(main())

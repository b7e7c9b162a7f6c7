# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Parameters of the depth node: names, defaults, ranges and meaning, in one table.

``DepthParameters`` is that table and also the immutable snapshot that a frame is processed with.
config/depth.yaml and docs/ repeat it; tests keep them equal.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
import math
import re
from typing import Any

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.scale.anchor import CORRELATION_S

ANY_TIME = 'any time'
WHEN_UNCONFIGURED = 'while unconfigured'
AT_START = 'at start'

_CAMERA_NAME = re.compile('[A-Za-z][A-Za-z0-9_]*')
_DEVICE = re.compile('auto|cpu|cuda(:[0-9]+)?')


@dataclass(frozen=True)
class Description:
    """What the parameter means and which values it takes."""

    text: str
    change: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    # With several cameras, each has its own, named <camera>.<parameter>.
    per_camera: bool = False


def _parameter(default: Any, text: str, *, change: str = ANY_TIME, choices: Iterable[str] = (),
               minimum: float | None = None, maximum: float | None = None,
               per_camera: bool = False) -> Any:
    description = Description(text, change, tuple(choices), minimum, maximum, per_camera)
    return field(default=default, metadata={'description': description})


@dataclass(frozen=True, kw_only=True)
class DepthParameters:
    """
    All parameters of the depth node, checked.

    Raises:
        ConfigError: a value is outside its range or choices, or two values contradict.

    """

    autostart: bool = _parameter(
        True, 'Configure and activate at start. Set it to false under a lifecycle manager.',
        change=AT_START)

    model: str = _parameter(
        'lite', 'Network: lite for a CPU, nk (or n or k) for a GPU, or the path of a .safetensors '
        'file that training wrote.', change=WHEN_UNCONFIGURED)
    weights: str = _parameter(
        '', 'Path of a .safetensors file, such as training writes, to take instead of what comes '
        'with the preset; what network it is, the file says. Empty for none.',
        change=WHEN_UNCONFIGURED)
    device: str = _parameter(
        'auto', 'auto, cpu, cuda or cuda:N; auto is cuda where there is one.',
        change=WHEN_UNCONFIGURED)
    engine: str = _parameter(
        'auto', 'Inference engine: auto, torch or openvino, which runs on a CPU only. auto is '
        'openvino on a CPU where it is installed and agrees with PyTorch, else torch.',
        change=WHEN_UNCONFIGURED)
    prepare_in_background: bool = _parameter(
        True, 'Serve with PyTorch while a faster engine gets ready; if false, configure waits '
        'for that engine.', change=WHEN_UNCONFIGURED)
    precision: str = _parameter(
        'auto', 'Arithmetic of the network; auto is fp16 on CUDA and fp32 on a CPU.',
        change=WHEN_UNCONFIGURED, choices=('auto', 'fp32', 'fp16', 'bf16'))
    image_width: int = _parameter(
        640, 'Width [px] of the images to get ready for while configuring; with OpenVINO, '
        'PyTorch serves the first seconds of another size.', change=WHEN_UNCONFIGURED,
        minimum=32, maximum=16384)
    image_height: int = _parameter(
        480, 'Height [px] of the images to get ready for.', change=WHEN_UNCONFIGURED,
        minimum=32, maximum=16384)

    cameras: tuple[str, ...] = _parameter(
        ('',), 'Names of the cameras; one network runs for all. The topics of a camera lie below '
        'its name (front/image, front/points). A single empty name: topics without a name.',
        change=WHEN_UNCONFIGURED)
    batch_wait_ms: float = _parameter(
        5.0, 'How long the first image waits for those of the other cameras [ms], so that the '
        'network runs once for all.', minimum=0.0, maximum=1000.0)
    image_transport: str = _parameter(
        'raw', 'raw subscribes to image (sensor_msgs/Image), compressed to image/compressed '
        '(sensor_msgs/CompressedImage).', change=WHEN_UNCONFIGURED,
        choices=('raw', 'compressed'))
    rectified: bool = _parameter(
        False, 'The image is rectified: use P of CameraInfo and no distortion.',
        per_camera=True)
    horizontal_fov_deg: float = _parameter(
        0.0, 'Horizontal field of view [deg] to assume where no usable CameraInfo arrives; 0 '
        'to wait for CameraInfo.', minimum=0.0, maximum=179.0,
        per_camera=True)
    check_frame_id: bool = _parameter(
        True, "Refuse a CameraInfo whose frame_id is not the image's.")
    max_rate_hz: float = _parameter(
        0.0, 'Skip images that arrive faster than this [Hz]; 0 for no limit.',
        minimum=0.0, maximum=1000.0)

    depth_encoding: str = _parameter(
        '32FC1', 'Encoding of depth/image: 32FC1 [m] or 16UC1 [mm], which ends at 65.535 m.',
        choices=('32FC1', '16UC1'))
    min_range_m: float = _parameter(
        0.0, 'Nearer depth becomes -Inf (REP 117) [m]; 0 for no limit. Acts on depth/image and '
        'points; scan has scan_range_min_m.',
        minimum=0.0, maximum=1000.0)
    max_range_m: float = _parameter(
        0.0, 'Farther depth becomes +Inf (REP 117) [m]; 0 for no limit. Acts on depth/image and '
        'points; scan has scan_range_max_m.',
        minimum=0.0, maximum=10000.0)
    point_stride: int = _parameter(
        1, 'Publish every n-th row and column of the cloud.', minimum=1, maximum=64)

    flying_pixel_tolerance: float = _parameter(
        0.05, 'Drop points that hang between an object and its background: off both surfaces by '
        'more than this share of their depth; 0 to keep them. Acts on points and scan.',
        minimum=0.0, maximum=1.0)
    max_relative_uncertainty: float = _parameter(
        0.0, 'Drop points whose standard deviation is a larger share of their depth; 0 to keep '
        'them. Acts on points and scan.', minimum=0.0, maximum=10.0)

    scale_anchor: str = _parameter(
        'none', 'What ties the scale of depth to metres beside the network: none; floor, the '
        'pose of the camera (below) over a level floor, whenever enough of it is in view; or '
        'ranges, what anchor/scan (sensor_msgs/LaserScan), anchor/points (PointCloud2) or '
        'anchor/range (Range) measure.', choices=('none', 'floor', 'ranges'))
    scale_anchor_time_s: float = _parameter(
        CORRELATION_S, 'How long a correction is believed without a new measurement [s]; then it '
        'fades.', minimum=0.1, maximum=3600.0)
    scale_time_constant_s: float = _parameter(
        0.0, 'Smooths the scale over time [s]; 0 for each frame on its own. A change by more '
        'than a factor of 1.3 comes through at once.', minimum=0.0, maximum=60.0)

    scan_frame_id: str = _parameter(
        'base_link', 'Frame of scan: x forward, z up, its z = 0 the floor (REP 103, REP 105).')
    camera_pose: str = _parameter(
        'parameters', 'Where the pose of the camera in scan_frame_id comes from: parameters '
        '(those that follow) or tf.', change=WHEN_UNCONFIGURED, choices=('parameters', 'tf'))
    camera_height_m: float = _parameter(
        0.0, 'Height of the camera above the floor [m]; 0: unknown, there is no scan and no '
        'floor for scale_anchor.',
        minimum=0.0, maximum=100.0,
        per_camera=True)
    camera_pitch_deg: float = _parameter(
        0.0, 'Pitch of the camera [deg], looking down is positive.',
        minimum=-90.0, maximum=90.0,
        per_camera=True)
    camera_roll_deg: float = _parameter(
        0.0, 'Roll of the camera [deg], leaning to the right is positive.',
        minimum=-180.0, maximum=180.0,
        per_camera=True)
    camera_yaw_deg: float = _parameter(
        0.0, 'Yaw of the camera [deg], looking to the left is positive.',
        minimum=-180.0, maximum=180.0,
        per_camera=True)
    camera_x_m: float = _parameter(
        0.0, 'How far the camera is in front of scan_frame_id [m].',
        minimum=-100.0, maximum=100.0,
        per_camera=True)
    camera_y_m: float = _parameter(
        0.0, 'How far the camera is to the left of scan_frame_id [m].',
        minimum=-100.0, maximum=100.0,
        per_camera=True)
    scan_angle_min_deg: float = _parameter(
        -45.0, 'Bearing of the first range [deg]; 0 is forward, left is positive.',
        minimum=-180.0, maximum=180.0)
    scan_angle_max_deg: float = _parameter(
        45.0, 'Bearing of the last range [deg].', minimum=-180.0, maximum=180.0)
    scan_angle_increment_deg: float = _parameter(
        0.5, 'Step between bearings [deg].', minimum=0.01, maximum=45.0)
    scan_min_height_m: float = _parameter(
        0.1, 'Lowest obstacle above the floor [m].', minimum=-100.0, maximum=100.0)
    scan_max_height_m: float = _parameter(
        1.8, 'Highest obstacle above the floor [m].', minimum=-100.0, maximum=100.0)
    scan_range_min_m: float = _parameter(
        0.2, 'Nearer obstacles are ignored [m].', minimum=0.0, maximum=1000.0)
    scan_range_max_m: float = _parameter(
        8.0, 'Farther obstacles are ignored [m].', minimum=0.0, maximum=1000.0)

    diagnostics_period_s: float = _parameter(
        1.0, 'Period of /diagnostics [s].', minimum=0.1, maximum=60.0)
    log_period_s: float = _parameter(
        5.0, 'The same fault is logged at most this often [s].', minimum=0.0, maximum=3600.0)
    image_timeout_s: float = _parameter(
        2.0, 'Diagnostics warn when no image has arrived for this long [s].',
        minimum=0.1, maximum=3600.0)

    def __post_init__(self) -> None:
        """Check every value, then the combinations."""
        for name, _default, description in table():
            _check_value(name, getattr(self, name), description)
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f'device is {self.device!r}; choose auto, cpu, cuda or cuda:N, N counted from 0')
        if 0.0 < self.max_range_m <= self.min_range_m:
            raise ConfigError(
                f'max_range_m is {self.max_range_m} and min_range_m is {self.min_range_m}; the '
                'maximum must be larger, or 0 for no limit')
        if not self.cameras or len(set(self.cameras)) < len(self.cameras):
            raise ConfigError(f'cameras is {list(self.cameras)}; name each camera once')
        for camera in self.cameras:
            if not _CAMERA_NAME.fullmatch(camera) and self.cameras != ('',):
                raise ConfigError(
                    f'cameras names {camera!r}; expected letters, digits and _ (a single empty '
                    'name stands for topics without a name)')
        for quantity in ('angle_{}_deg', '{}_height_m', 'range_{}_m'):
            least, most = (f'scan_{quantity.format(end)}' for end in ('min', 'max'))
            if getattr(self, least) >= getattr(self, most):
                raise ConfigError(
                    f'{least} is {getattr(self, least)} and {most} is {getattr(self, most)}; '
                    'the maximum must be larger')
        span_deg = self.scan_angle_max_deg - self.scan_angle_min_deg
        # As many digits of a difference as there are.
        if self.scan_angle_increment_deg > span_deg + 1e-9:
            raise ConfigError(
                f'scan_angle_increment_deg is {self.scan_angle_increment_deg}, but there are only '
                f'{span_deg:g} degrees from scan_angle_min_deg to scan_angle_max_deg; a step must '
                'fit between them')

    def changed(self, values: Mapping[str, Any]) -> DepthParameters:
        """
        Return a copy with some values replaced.

        Args:
            values: by name, as rclpy has them.

        Raises:
            ConfigError: the result would not be valid.

        """
        return replace(self, **{name: plain(value) for name, value in values.items()})


def table() -> Iterator[tuple[str, Any, Description]]:
    """Yield name, default and description of every parameter."""
    for item in fields(DepthParameters):
        yield item.name, item.default, item.metadata['description']


def plain(value: Any) -> Any:
    """Turn the sequence types of rclpy into tuples."""
    if isinstance(value, (str, bytes)) or not hasattr(value, '__iter__'):
        return value
    return tuple(value)


def _check_value(name: str, value: Any, description: Description) -> None:
    if description.choices and value not in description.choices:
        raise ConfigError(f'{name} is {value!r}; choose one of {", ".join(description.choices)}')
    if description.minimum is None or description.maximum is None:
        return
    if not math.isfinite(value) or not description.minimum <= value <= description.maximum:
        raise ConfigError(
            f'{name} is {value}; it must lie in {description.minimum} .. {description.maximum}')

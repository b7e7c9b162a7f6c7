# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Evaluation protocols: which pixels of a frame are compared, and how depths are treated before.

The crops and caps are those of the official evaluation, which follows Eigen et al. 2014 (Eigen
crop), Garg et al. 2016 (Garg crop) and the usual NYU Depth V2 border.

The clamps of ``nyu`` and ``kitti`` are those of ScaleDepth-NK; the authors' configurations of -N
and -K have none (``evaluate --no-clamp``).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scaledepth_ros.errors import ConfigError, DatasetError

CROPS = ('none', 'nyu', 'garg', 'eigen')
# Focal length [px] of the NYU camera that the official code rescales SUN RGB-D depth by.
SUNRGBD_FOCAL_PX = 519.163756

_NYU_ROWS, _NYU_COLUMNS = slice(45, 471), slice(41, 601)
_FRACTIONS = {
    # top, bottom (of the height), left, right (of the width)
    'garg': (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    'eigen': (0.3324324, 0.91351351, 0.0359477, 0.96405229),
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """
    Which ground truth counts and how predictions are treated before they are compared.

    Attributes:
        name: Name on the command line and in reports.
        min_depth_m: Ground truth must be greater than this [m].
        max_depth_m: Ground truth must be less than this [m].
        crop: ``'none'``, ``'nyu'``, ``'garg'`` or ``'eigen'``.
        clamp_prediction: Clamp predictions to ``[min_depth_m, max_depth_m]``.
        focal_reference_px: If set, predictions are multiplied by focal / this. It is for
            predictors that do not know the camera; one that uses the intrinsics must not be
            rescaled a second time.
    """

    name: str
    min_depth_m: float = 1e-3
    max_depth_m: float = 80.0
    crop: str = 'none'
    clamp_prediction: bool = False
    focal_reference_px: float | None = None

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ConfigError(f'Crop {self.crop!r} is unknown; choose one of {", ".join(CROPS)}.')
        if not 0.0 <= self.min_depth_m < self.max_depth_m:
            raise ConfigError(
                f'Depth limits {self.min_depth_m:g} .. {self.max_depth_m:g} m are senseless; '
                'expected 0 <= minimum < maximum.'
            )
        if self.focal_reference_px is not None and not self.focal_reference_px > 0:
            raise ConfigError(
                f'focal_reference_px is {self.focal_reference_px!r}; expected a positive length.'
            )

    def valid_mask(self, depth_m_HW: NDArray[Any]) -> NDArray[np.bool_]:
        """
        Return which pixels of a ground truth map are compared.

        Args:
            depth_m_HW: Ground truth [m]; NaN or 0 where unknown.

        Returns:
            Boolean mask of the same shape; limits are exclusive on both sides.
        """
        height, width = depth_m_HW.shape
        with np.errstate(invalid='ignore'):
            inside = (depth_m_HW > self.min_depth_m) & (depth_m_HW < self.max_depth_m)
        return np.asarray(inside & crop_mask(height, width, self.crop))

    def prepare(
        self,
        predicted_m_HW: NDArray[Any],
        depth_m_HW: NDArray[Any],
        focal_px: float | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """
        Apply rescaling, clamps, crop and range, and return what is to be compared.

        Args:
            predicted_m_HW: Predicted depth [m] at the resolution of the ground truth.
            depth_m_HW: Ground truth [m]; NaN or 0 where unknown.
            focal_px: Focal length of the image [px]; needed only where the protocol rescales.

        Returns:
            Predictions and ground truth of the valid pixels, two float64 vectors of one length,
            and the mask (H, W) that selects them.

        Raises:
            DatasetError: The two maps differ in size, or the focal length is needed but unknown.
        """
        if predicted_m_HW.shape != depth_m_HW.shape:
            raise DatasetError(
                f'Prediction {predicted_m_HW.shape} and ground truth {depth_m_HW.shape} differ '
                'in size; evaluate at the resolution of the ground truth.'
            )
        mask_HW = self.valid_mask(depth_m_HW)
        predicted_m = predicted_m_HW[mask_HW].astype(np.float64)
        truth_m = depth_m_HW[mask_HW].astype(np.float64)
        if self.focal_reference_px is not None:
            if focal_px is None or not focal_px > 0:
                raise DatasetError(
                    f'Protocol {self.name!r} rescales by focal length, but this frame has none '
                    f'({focal_px!r}); give its intrinsics.'
                )
            predicted_m *= focal_px / self.focal_reference_px
        if self.clamp_prediction:
            predicted_m = np.clip(predicted_m, self.min_depth_m, self.max_depth_m)
        return predicted_m, truth_m, mask_HW


def crop_mask(height: int, width: int, crop: str) -> NDArray[np.bool_]:
    """
    Return the mask of a standard evaluation crop.

    The NYU crop is a fixed window (rows 45..470, columns 41..600) whatever the size, as in the
    official code; it is meant for 480x640. Garg and Eigen crops are fractions of the size, meant
    for KITTI frames after the 352x1216 benchmark crop.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        crop: One of ``CROPS``.

    Returns:
        Boolean mask (height, width).
    """
    mask_HW = np.ones((height, width), dtype=np.bool_)
    if crop == 'none':
        return mask_HW
    mask_HW[:] = False
    if crop == 'nyu':
        mask_HW[_NYU_ROWS, _NYU_COLUMNS] = True
        return mask_HW
    if crop not in _FRACTIONS:
        raise ConfigError(f'Crop {crop!r} is unknown; choose one of {", ".join(CROPS)}.')
    top, bottom, left, right = _FRACTIONS[crop]
    rows = slice(int(top * height), int(bottom * height))
    mask_HW[rows, int(left * width) : int(right * width)] = True
    return mask_HW


# Ground truth between 1 mm and 80 m, no crop, predictions untouched.
DEFAULT_PROTOCOL = Protocol(name='default')

_INDOOR_10 = Protocol(name='nyu', max_depth_m=10.0, crop='nyu', clamp_prediction=True)
_GARG_80 = Protocol(name='kitti', max_depth_m=80.0, crop='garg', clamp_prediction=True)
# Which of the official zero-shot configurations clamp predictions follows no pattern.
_INDOOR_10_UNCLAMPED = replace(_INDOOR_10, clamp_prediction=False)
_GARG_80_UNCLAMPED = replace(_GARG_80, clamp_prediction=False)

# Standard protocols by the name that ``evaluate --protocol`` takes.
PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        DEFAULT_PROTOCOL,
        _INDOOR_10,
        _GARG_80,
        replace(_GARG_80, name='kitti_eigen', crop='eigen'),
        # The official config also clamps the ground truth, which changes nothing: a clamped
        # pixel lies on the limit, and the limits are exclusive.
        replace(
            _INDOOR_10,
            name='sunrgbd',
            max_depth_m=8.0,
            focal_reference_px=SUNRGBD_FOCAL_PX,
        ),
        replace(_INDOOR_10_UNCLAMPED, name='ibims'),
        replace(_INDOOR_10_UNCLAMPED, name='diode_indoor'),
        replace(_INDOOR_10_UNCLAMPED, name='hypersim', max_depth_m=80.0),
        replace(_GARG_80_UNCLAMPED, name='diode_outdoor'),
        replace(_GARG_80, name='vkitti'),
        replace(_GARG_80, name='ddad'),
        replace(_GARG_80_UNCLAMPED, name='diml', min_depth_m=2.0),
    )
}


def get_protocol(name: str) -> Protocol:
    """
    Return a standard protocol.

    Args:
        name: Key of ``PROTOCOLS``.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f'Protocol {name!r} is unknown; choose one of {", ".join(PROTOCOLS)}.')
    return PROTOCOLS[name]

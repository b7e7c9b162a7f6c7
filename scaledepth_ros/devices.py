# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Which device tensors live on; shared by inference and training."""

from scaledepth_ros.errors import DeviceError
import torch


def pick_device(device: str) -> str:
    """
    Return the torch device for a wish: 'auto', 'cpu', 'cuda' or 'cuda:N'.

    Raises:
        DeviceError: The device is not known or not there.
    """
    if device == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        kind = torch.device(device)
    except RuntimeError as error:
        raise DeviceError(f'device is {device!r}; expected auto, cpu, cuda or cuda:N.') from error
    if kind.type not in ('cpu', 'cuda'):
        raise DeviceError(f'device is {device!r}; expected auto, cpu, cuda or cuda:N.')
    if kind.type == 'cuda' and (kind.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f'device is {device!r}, but {torch.cuda.device_count()} CUDA devices are visible; '
            'use device cpu, or check the driver with nvidia-smi.')
    return device

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
Training in several processes, as started by torchrun.

Every process runs the network on its part of the batch. The loss is then taken over the outputs
of all processes, so that it is the loss of the whole batch also where the loss is no mean over
images (the published depth loss has one variance for the whole batch).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import os

from scaledepth_ros.devices import pick_device
from scaledepth_ros.errors import ConfigError, DeviceError
from scaledepth_ros.model.scaledepth import NetworkOutput
import torch
from torch import distributed, Tensor


@dataclass(frozen=True, kw_only=True)
class Processes:
    """
    This process among the others.

    Attributes:
        rank: Its number.
        count: Number of processes.
        device: Its device.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device('cpu')

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait for the others."""
        if self.count > 1:
            distributed.barrier()

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process, the same answer in all of them."""
        if self.count == 1:
            return flag
        seen = torch.tensor(float(flag), device=self.device)
        distributed.all_reduce(seen, distributed.ReduceOp.MAX)
        return bool(seen)

    def gather(self, tensor: Tensor) -> Tensor:
        """
        Return the rows of all processes; gradients flow to this process's own rows.

        Args:
            tensor: (B, ...), of one shape in all processes.
        """
        if self.count == 1:
            return tensor
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format)
                 for _ in range(self.count)]
        distributed.all_gather(parts, tensor.detach().contiguous())
        parts[self.rank] = tensor
        return torch.cat(parts)

    def gather_outputs(self, outputs: Sequence[NetworkOutput]) -> list[NetworkOutput]:
        """Return what the network said of the whole batch, layer by layer."""
        if self.count == 1:
            return list(outputs)
        return [output.map(self.gather) for output in outputs]

    def gather_lists(self, items: list[str]) -> list[str]:
        """Return the items of all processes, process by process."""
        if self.count == 1:
            return items
        parts: list[list[str]] = [[] for _ in range(self.count)]
        distributed.all_gather_object(parts, items)
        return [item for part in parts for item in part]


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """
    Join the process group that torchrun prepared, or stand alone.

    Args:
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'. With several processes 'cuda' and 'auto' give
            each its own device.

    Raises:
        DeviceError: The device is absent.
        ConfigError: A device number was given to several processes.
    """
    rank, count = int(os.environ.get('RANK', 0)), int(os.environ.get('WORLD_SIZE', 1))
    place = _device(device, count)
    if place.type == 'cuda':
        torch.cuda.set_device(place)
    processes = Processes(rank=rank, count=count, device=place)
    if count == 1:
        yield processes
        return
    distributed.init_process_group('nccl' if place.type == 'cuda' else 'gloo')
    try:
        yield processes
    finally:
        distributed.destroy_process_group()


def _device(name: str, count: int) -> torch.device:
    if count > 1 and name.startswith('cuda:'):
        raise ConfigError(f'device is {name!r} for {count} processes; expected cuda, which gives '
                          'each its own.')
    device = torch.device(pick_device(name))
    if device.type == 'cpu':
        return device
    index = int(os.environ.get('LOCAL_RANK', 0)) if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise DeviceError(f'device is cuda:{index}, but {torch.cuda.device_count()} CUDA devices '
                          'are visible; use cpu or fewer processes.')
    return torch.device('cuda', index)

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""One optimiser step: forward, loss, backward, clip, update."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
import math

from scaledepth_ros.data.sample import FrameInfo
from scaledepth_ros.data.training_set import NetworkBatch
from scaledepth_ros.errors import ConfigError, ScaleDepthError
from scaledepth_ros.model.scaledepth import DepthNetwork, metric_depth, NetworkOutput
from scaledepth_ros.training.config import TrainConfig
from scaledepth_ros.training.distributed import Processes
from scaledepth_ros.training.losses import ScaleDepthLoss
from scaledepth_ros.training.optimiser import lr_factor, set_lr
from scaledepth_ros.training.precision import forward_precision, resolve_precision
from timm.layers.norm_act import convert_sync_batchnorm
import torch
from torch import nn, Tensor
from torch.nn.parallel import DistributedDataParallel

# Below this factor fp16 training overflows whatever is done, so the network has diverged.
_MIN_LOSS_SCALE = 1.0


class DivergedError(ScaleDepthError, RuntimeError):
    """The loss or its gradient is not finite; the message names step and frames."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """
    What a step did.

    Attributes:
        loss: Of the whole batch.
        terms: Its parts by name.
        grad_norm: L2 norm of all gradients before clipping.
        lr: Learning rate of the head.
        updated: False where fp16 overflowed and the weights were left alone.
    """

    loss: float
    terms: dict[str, float]
    grad_norm: float
    lr: float
    updated: bool


class _SupervisedLayers(nn.Module):
    """The network whose forward gives all supervised layers, which is what DDP wraps."""

    def __init__(self, model: DepthNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> list[NetworkOutput]:
        return self.model.forward_layers(image)


class TrainStep:
    """
    Updates a network from batches.

    Args:
        model: The network, on its device; trained in place.
        optimiser: Its optimiser.
        config: The run's configuration.
        processes: This process among the others.

    Attributes:
        precision: What it computes in: the configuration's, or what 'auto' stands for here.

    Raises:
        ConfigError: The precision cannot be had on this device.
    """

    def __init__(
        self, model: DepthNetwork, optimiser: torch.optim.Optimizer, config: TrainConfig,
        processes: Processes,
    ) -> None:
        self.precision = resolve_precision(config.precision, processes.device.type)
        if self.precision == 'fp16' and processes.device.type != 'cuda':
            raise ConfigError(f"precision is 'fp16' on {processes.device.type}; expected fp32 or "
                              'bf16 there.')
        self.model = model
        self.scaler = torch.amp.GradScaler(
            processes.device.type, enabled=self.precision == 'fp16')
        self._optimiser = optimiser
        self._config = config
        self._processes = processes
        self._loss = ScaleDepthLoss(config.loss, model.config.supervised_layers)
        network: nn.Module = _SupervisedLayers(model)
        if processes.count > 1:
            on_gpu = processes.device.type == 'cuda'
            if on_gpu and config.batch_norm == 'train':
                network = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
            network = DistributedDataParallel(
                network, device_ids=[processes.device] if on_gpu else None,
                broadcast_buffers=False)
        self._network = network

    def __call__(self, parts: Sequence[NetworkBatch], step: int) -> StepResult:
        """
        Take one step.

        Args:
            parts: This process's frames, one batch for each accumulated part.
            step: Number of the step, from 0; learning rate and randomness follow from it.

        Raises:
            DivergedError: The loss or its gradient is not finite; weights are as before.
        """
        config = self._config
        lr = config.optimiser.lr * lr_factor(step, config.steps, config.schedule)
        set_lr(self._optimiser, lr)
        self._set_mode()
        # Stochastic depth draws from here; a run that resumes draws the same.
        torch.manual_seed(_mix(config.seed, step, self._processes.rank))
        self._optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            with self._syncing(index == len(parts) - 1):
                terms = self._forward(part)
                loss = torch.stack(list(terms.values())).sum() / len(parts)
                # DDP averages over processes, but each has the gradient of the whole batch.
                scaled = self.scaler.scale(loss * self._processes.count)
                scaled.backward()  # type: ignore[no-untyped-call]
            for name, value in terms.items():
                sums[name] = sums.get(name, 0) + value.detach() / len(parts)
        self.scaler.unscale_(self._optimiser)
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        # One wait for the device a step: everything that is looked at comes in one transfer.
        *values, grad_norm = torch.stack([*sums.values(), norm.to(loss.dtype)]).tolist()
        self._check(values, grad_norm, step, [info for part in parts for info in part.infos])
        if config.optimiser.clip_norm is not None and math.isfinite(grad_norm):
            torch.nn.utils.clip_grads_with_norm_(parameters, config.optimiser.clip_norm, norm)
        self.scaler.step(self._optimiser)
        self.scaler.update()
        return StepResult(
            loss=math.fsum(values), terms=dict(zip(sums, values, strict=True)),
            grad_norm=grad_norm, lr=lr, updated=math.isfinite(grad_norm))

    def _forward(self, part: NetworkBatch) -> dict[str, Tensor]:
        processes, config = self._processes, self._config
        aligned = config.align_unknown_focal and not bool(part.focal_known_B.all())
        part = part.to(processes.device)
        image = part.image_B3HW.float()
        if config.channels_last:
            image = image.contiguous(memory_format=torch.channels_last)
        with forward_precision(processes.device.type, self.precision):
            outputs = self._network(image)
        outputs = [output.map(torch.Tensor.float) for output in outputs]
        depth = part.depth_B1HW
        if aligned:
            outputs = [align_scale(output, depth, ~part.focal_known_B) for output in outputs]
        outputs = processes.gather_outputs(outputs)
        terms: dict[str, Tensor] = self._loss(
            outputs, processes.gather(depth), processes.gather(part.category_B))
        return terms

    def _set_mode(self) -> None:
        self.model.train()
        if self._config.batch_norm == 'freeze':
            for module in self.model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _syncing(self, last: bool) -> AbstractContextManager[None]:
        """Return a context in which gradients are exchanged for the last part only."""
        if isinstance(self._network, DistributedDataParallel) and not last:
            context: AbstractContextManager[None] = self._network.no_sync()
            return context
        return nullcontext()

    def _check(
        self, values: Sequence[float], grad_norm: float, step: int, infos: Sequence[FrameInfo],
    ) -> None:
        if all(math.isfinite(value) for value in values):
            if math.isfinite(grad_norm):
                return
            if self.scaler.is_enabled() and self.scaler.get_scale() > _MIN_LOSS_SCALE:
                return
        what = 'gradient' if all(math.isfinite(value) for value in values) else 'loss'
        # All processes get here together: loss and gradient are those of the whole batch.
        names = ', '.join(self._processes.gather_lists(
            [f'{info.dataset}: {info.name}' for info in infos]))
        raise DivergedError(
            f'The {what} of step {step} is not finite ({sum(values):g}, gradient norm '
            f'{grad_norm:g}). Its frames are: {names}. Look at them, lower optimiser.lr, or use '
            'precision fp32; the last checkpoint is unharmed.')


def align_scale(output: NetworkOutput, depth_B1HW: Tensor, chosen_B: Tensor) -> NetworkOutput:
    """
    Give some frames the scale of their ground truth, so that only their shape is learnt.

    Without a focal length the canonical depth is known but for one factor. Dividing the scale by
    the mean ratio of prediction and ground truth (geometric) makes the output independent of the
    scale that was predicted, which gets no gradient.

    Args:
        output: What a layer of the network said.
        depth_B1HW: Ground truth [m], NaN where unknown.
        chosen_B: Which frames to align.

    Returns:
        The output with the scale of these frames replaced.
    """
    known = depth_B1HW > 0
    predicted = metric_depth(output, (depth_B1HW.shape[-2], depth_B1HW.shape[-1]))
    # Unknown pixels are replaced before the logarithm: NaN times a zero gradient is NaN.
    error = torch.where(known, predicted, 1.0).log() - torch.where(known, depth_B1HW, 1.0).log()
    mean = error.sum((1, 2, 3)) / known.sum((1, 2, 3)).clamp(min=1)
    factor = torch.where(chosen_B, (-mean).exp(), 1.0)
    return output._replace(scale_m=output.scale_m * factor[:, None])


def _mix(seed: int, step: int, rank: int) -> int:
    return (seed * 1_000_003 + step) * 1_009 + rank

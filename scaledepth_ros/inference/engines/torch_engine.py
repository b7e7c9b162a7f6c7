# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""The reference engine: PyTorch on a CPU or a CUDA device."""

import gc

from scaledepth_ros.errors import DeviceError
from scaledepth_ros.inference.engines import engine_output, EngineOutput, Floats
from scaledepth_ros.inference.engines.prepacked import prepack
from scaledepth_ros.model.deformable_attention import DeformableAttention
from scaledepth_ros.model.scaledepth import DepthNetwork
import torch

PRECISIONS = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}


class TorchEngine:
    """
    Runs the network with PyTorch.

    Args:
        model: Network in evaluation mode; the engine takes it over.
        device: 'cpu' or 'cuda[:N]', from devices.pick_device.
        precision: 'fp32', 'bf16' or 'fp16' for matrix products; outputs are float32.
        packed: Whether linear layers on a CPU may be replaced by faster ones; the model can
            then be used by this engine only.

    Raises:
        DeviceError: The device has no memory for the network, or this PyTorch no code for it.
    """

    name = 'torch'

    def __init__(
        self, model: DepthNetwork, device: str, precision: str, *, packed: bool = True,
    ) -> None:
        self.device = device
        self._dtype = PRECISIONS[precision]
        self._autocast = self._dtype != torch.float32
        for part in model.modules():
            if isinstance(part, DeformableAttention):
                part.sampling = 'auto'
        module: torch.nn.Module = model.requires_grad_(False)
        try:
            # The layout that convolutions run fastest in.
            self._model = module.to(device).to(memory_format=torch.channels_last)
        except RuntimeError as error:
            first_line = str(error).strip().partition('\n')[0]
            raise DeviceError(
                f'The network cannot be loaded on {device} ({first_line}); use device cpu, or '
                'check memory and driver with nvidia-smi.') from error
        if packed and device == 'cpu':
            prepack(model, self._dtype)

    def run(self, image_B3HW: Floats) -> EngineOutput:
        """Return what the network says of RGB images, 0 to 255."""
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, self._dtype, self._autocast):
            image = torch.from_numpy(image_B3HW)
            if kind == 'cuda':
                image = image.pin_memory().to(self.device, non_blocking=True)
            out = self._model(image.contiguous(memory_format=torch.channels_last))
            batch = len(image_B3HW)
            said = (out.relative_depth, out.deviation, out.scale_m, out.scene_logits)
            # One tensor, so that a device is waited for once.
            parts = [part for part in said if part is not None]
            flat = torch.cat([part.float().reshape(batch, -1) for part in parts], dim=1).cpu()
        pieces = torch.split(flat, [part[0].numel() for part in parts], dim=1)
        arrays = [piece.reshape(part.shape).numpy()
                  for piece, part in zip(pieces, parts, strict=True)]
        return engine_output(arrays, [part is not None for part in said])

    def close(self) -> None:
        """Free the weights."""
        del self._model
        gc.collect()
        if self.device != 'cpu':
            torch.cuda.empty_cache()

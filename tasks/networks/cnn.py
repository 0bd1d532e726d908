"""Convolutions over pictures, images or spectrograms, with the other columns joined before the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import (
    Dropout,
    Encoder,
    JoinedNetwork,
    ScaleBytes,
    activation_layer,
    check_fields,
    dense_layers,
)
from tasks.networks.convolutions import SMALLEST_TO_HALVE, conv_norm, conv_norm_act
from tasks.networks.whitening import Whitening
from tasks.params.networks import CnnNetwork

_LARGEST_TO_FLATTEN = 64
"""Places that are left to the dense layer one by one; in a larger picture what is there matters more than where."""


class Cnn(JoinedNetwork):
    """Blocks of convolutions over each picture, then a dense layer over their features and the other columns."""

    def __init__(self, config: CnnNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "cnn", ("image", "audio"))
        super().__init__(
            spec,
            lambda field: PictureEncoder(config, field) if field.is_picture else None,
            lambda width: dense_layers([width, config.hidden, num_outputs], config.dropout, config.activation),
        )


class PictureEncoder(Encoder):
    """The convolutions' features of a picture [B, C, H, W]: place by place when few are left, else their mean.

    Raises UserError when convolutions without padding would leave nothing of the picture.
    """

    def __init__(self, config: CnnNetwork, field: Field) -> None:
        super().__init__()
        channels, height, width = field.shape
        of_blocks = config.filters(min(height, width))
        self.scale = ScaleBytes(field)
        self.whitening: Whitening | None = None
        blocks: list[nn.Module] = []
        if config.whitening:
            _check_patches(field)
            self.whitening = Whitening(channels, height, width)
            self.num_first_rows = self.whitening.num_pictures
            blocks.append(activation_layer(config.activation))
            channels, height, width = self.whitening.out_channels, height - 1, width - 1
        if config.style == "residual":
            # What is added must have the block's channels from the first on.
            blocks += conv_norm_act(channels, of_blocks[0], config.norm, config.activation)
            channels = of_blocks[0]
        for filters in of_blocks:
            height, width = _size_after(config, field, height, width)
            halve = min(height, width) >= SMALLEST_TO_HALVE
            blocks.append(_block(config, channels, filters, halve))
            channels, height, width = (filters, height // 2, width // 2) if halve else (filters, height, width)
        self.blocks = nn.Sequential(*blocks)
        if config.dirac:
            _pass_on(self.blocks)
        self.dropout = Dropout(config.dropout)
        # A spectrogram's rows are pitches, and where a sound is among them is what it is: only time is averaged.
        few, sound = height * width <= _LARGEST_TO_FLATTEN, field.kind == "audio"
        self.averaged: tuple[int, ...] = () if few else (3,) if sound else (2, 3)
        self.width = channels * (height * width if few else height if sound else 1)

    def begin_with(self, block: Tensor) -> None:
        if self.whitening is not None:
            self.whitening.learn(self.scale(block[: self.num_first_rows]))

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.scale(images)
        feature_maps: Tensor = self.blocks(values if self.whitening is None else self.whitening(values))
        # A plain mean, as adaptive pooling has no deterministic gradient on CUDA.
        pooled = feature_maps.mean(dim=self.averaged) if self.averaged else feature_maps
        kept: Tensor = self.dropout(pooled.flatten(1))
        return kept


class ResidualUnit(nn.Module):
    """Adds to the picture, [B, channels, H, W] -> [B, filters, H, W], what its convolutions make of it; the
    activation is behind the sum (He et al., 2016, arXiv:1512.03385)."""

    def __init__(self, config: CnnNetwork, channels: int, filters: int, num_convolutions: int) -> None:
        super().__init__()
        inner = [
            layer
            for number in range(num_convolutions - 1)
            for layer in conv_norm_act(filters if number else channels, filters, config.norm, config.activation)
        ]
        # The last has no activation of its own: the sum's comes behind it.
        last = conv_norm(channels if num_convolutions == 1 else filters, filters, config.norm)
        self.layers = nn.Sequential(*inner, *last)
        # A 1x1 convolution where the channels differ, as only pictures of the same channels can be added.
        same = channels == filters
        self.shortcut = nn.Sequential(*([] if same else conv_norm(channels, filters, config.norm, size=1)))
        self.activation = activation_layer(config.activation)

    def forward(self, images: Tensor) -> Tensor:
        sums: Tensor = self.activation(self.shortcut(images) + self.layers(images))
        return sums


def _check_patches(field: Field) -> None:
    _, height, width = field.shape
    if min(height, width) < 2:
        raise UserError(
            f"column {field.name}: whitening looks at patches of 2 x 2 pixels, and pictures of {height} x {width} have "
            "none; use `whitening: false`, or larger pictures (normalize)"
        )


@torch.no_grad()
def _pass_on(blocks: nn.Module) -> None:
    """Each convolution begins as the identity on its first channels, and as drawn on what it has more of (Jordan, 2024,
    arXiv:2404.00498, section 3.3): what is there at the beginning reaches the head."""
    for layer in blocks.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight[: layer.in_channels])


def _block(config: CnnNetwork, channels: int, filters: int, halve: bool) -> nn.Sequential:
    """[B, channels, H, W] -> [B, filters, H, W], half as high and wide when halved, smaller when padding is valid."""
    pool: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    make = _residual_units if config.style == "residual" else _plain_convolutions
    return nn.Sequential(*make(config, channels, filters), *pool)


def _plain_convolutions(config: CnnNetwork, channels: int, filters: int) -> list[nn.Module]:
    return [
        layer
        for number in range(config.convolutions)
        for layer in conv_norm_act(
            filters if number else channels, filters, config.norm, config.activation, config.padding
        )
    ]


def _residual_units(config: CnnNetwork, channels: int, filters: int) -> list[nn.Module]:
    """Units of two convolutions, and of one where it is left over."""
    sizes = [2] * (config.convolutions // 2) + [1] * (config.convolutions % 2)
    return [ResidualUnit(config, filters if number else channels, filters, size) for number, size in enumerate(sizes)]


def _size_after(config: CnnNetwork, field: Field, height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture after a block's convolutions, before it is halved."""
    # A 3x3 convolution without padding takes off one pixel on each side.
    taken = 2 * config.convolutions if config.padding == "valid" else 0
    if min(height, width) > taken:
        return height - taken, width - taken
    _, first_height, first_width = field.shape
    raise UserError(
        f"column {field.name}: padding valid takes {taken} pixels off height and width in each block of network cnn, "
        f"and of pictures of {first_height} x {first_width} only {height} x {width} are left for the next block; "
        f"use `padding: same`, fewer channels or convolutions, or larger pictures (normalize)"
    )

"""Convolutions over the one picture, an image or a spectrogram, with the other columns joined before the head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.inputs import Field, Spec
from tasks.networks.base import InputNetwork, ScaleBytes, dense_layers, read_width, reader, refuse_sparse
from tasks.params import CnnNetwork

_SMALLEST_TO_HALVE = 4
"""Pixels on the shorter side: halving a smaller picture leaves less than 2 x 2."""
_LARGEST_TO_FLATTEN = 64
"""Places that are left to the dense layer one by one; in a larger picture what is seen matters more than where."""


class Cnn(InputNetwork):
    """Blocks of two 3x3 convolutions, then a dense layer over what they found and the other columns."""

    def __init__(self, config: CnnNetwork, spec: Spec) -> None:
        super().__init__()
        picture = _the_picture(spec)
        self.picture_name = picture.name
        others = [field for field in spec.fields if not field.is_picture]
        self.other_names = [field.name for field in others]
        self.readers = nn.ModuleList(map(reader, others))
        channels, height, width = picture.shape
        self.scale = ScaleBytes(picture)
        blocks = []
        for filters in config.channels:
            halve = min(height, width) >= _SMALLEST_TO_HALVE
            blocks.append(_block(channels, filters, halve))
            channels, height, width = (filters, height // 2, width // 2) if halve else (filters, height, width)
        self.blocks = nn.Sequential(*blocks)
        self.flatten = height * width <= _LARGEST_TO_FLATTEN
        # A spectrogram's rows are pitches, and where a sound is among them is what it is: only time is averaged.
        self.averaged = (3,) if picture.kind == "audio" else (2, 3)
        places = height * width if self.flatten else height if picture.kind == "audio" else 1
        found = channels * places
        num_others = sum(map(read_width, others))
        self.dropout = nn.Dropout(config.dropout)
        self.head = dense_layers([found + num_others, config.hidden, spec.num_outputs], config.dropout)

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Outputs [B, O] from the picture [B, C, H, W] and the other blocks."""
        seen = self.blocks(self.scale(blocks[self.picture_name]))
        # A plain mean, as adaptive pooling has no deterministic gradient on CUDA.
        found = self.dropout((seen if self.flatten else seen.mean(dim=self.averaged)).flatten(1))
        others = [read(blocks[name]) for name, read in zip(self.other_names, self.readers, strict=True)]
        outputs: Tensor = self.head(torch.cat([found, *others], dim=1))
        return outputs


def _block(channels: int, filters: int, halve: bool) -> nn.Sequential:
    """[B, channels, H, W] -> [B, filters, H, W], or [B, filters, H // 2, W // 2] when halved."""
    pool: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    return nn.Sequential(*_convolution(channels, filters), *_convolution(filters, filters), *pool)


def _convolution(channels: int, filters: int) -> list[nn.Module]:
    # The bias would be taken away again by the batch norm's mean.
    return [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.GELU()]


def _the_picture(spec: Spec) -> Field:
    refuse_sparse(spec.fields, "cnn")
    pictures = [field for field in spec.fields if field.is_picture]
    if len(pictures) == 1:
        return pictures[0]
    if not pictures:
        names = ", ".join(field.name for field in spec.fields)
        raise UserError(
            f"network cnn reads one image or audio column, and none of {names} is one; use `network: kind: mlp`"
        )
    extra = pictures[1].name
    raise UserError(
        f"column {extra}: network cnn reads one image or audio column, and there is {pictures[0].name} already; "
        f"use `network: kind: mlp`, or give {extra} another role than feature"
    )

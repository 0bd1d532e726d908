"""Attention over the patches of a picture, an image or a spectrogram."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.model_input.inputs import Field, Spec
from tasks.networks.attention import Block
from tasks.networks.base import Dropout, Encoder, JoinedNetwork, ScaleBytes, check_fields
from tasks.networks.steps import joined_head
from tasks.params.networks import VitNetwork

_INITIAL_STD = 0.02
"""Standard deviation of the first positions (Dosovitskiy et al., 2020, in their published code)."""


class Vit(JoinedNetwork):
    """A transformer over each picture's patches (Dosovitskiy et al., 2020, arXiv:2010.11929), and a head over its
    features and the other columns."""

    def __init__(self, config: VitNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "vit", ("image", "audio"))
        super().__init__(
            spec,
            lambda field: PatchEncoder(config, field) if field.is_picture else None,
            joined_head(spec, config.width, config.dropout, num_outputs),
        )


class PatchEncoder(Encoder):
    """The mean of what attention makes of a picture's patches: [B, C, H, W] -> [B, width].

    The mean does as well as a class token, with less (Beyer et al., 2022, arXiv:2205.01580).
    """

    def __init__(self, config: VitNetwork, field: Field) -> None:
        super().__init__()
        channels, height, width = field.shape
        self.width = config.width
        # What is missing to whole patches; -n % p is p minus the rest.
        self.padding = -height % config.patch_size, -width % config.patch_size
        num_patches = -(-height // config.patch_size) * -(-width // config.patch_size)
        self.scale = ScaleBytes(field)
        # A convolution that steps by its own size is a linear layer over each patch.
        self.patches = nn.Conv2d(channels, config.width, config.patch_size, stride=config.patch_size)
        self.positions = nn.Parameter(torch.randn(num_patches, config.width) * _INITIAL_STD)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.Sequential(
            *(
                Block(config.width, config.num_heads, config.mlp_ratio, config.activation, config.dropout)
                for _ in range(config.num_layers)
            )
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, images: Tensor) -> Tensor:
        # The rim's pixels go on, so that the rim itself makes no edge.
        whole = functional.pad(self.scale(images), (0, self.padding[1], 0, self.padding[0]), mode="replicate")
        patches: Tensor = self.patches(whole).flatten(2).transpose(1, 2)
        encoded: Tensor = self.norm(self.blocks(self.dropout(patches + self.positions)))
        return encoded.mean(dim=1)

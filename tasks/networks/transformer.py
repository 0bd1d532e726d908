"""Attention over the tokens of a text or the frames of a sound (Vaswani et al., 2017, arXiv:1706.03762)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.attention import Block
from tasks.networks.base import Dropout, Encoder, JoinedNetwork, check_fields
from tasks.networks.steps import joined_head, mean_of_steps, step_mask, steps_of
from tasks.params.networks import TransformerNetwork

_KINDS = ("tokens", "audio")
_LONGEST_WAVE = 10_000.0
"""Of the slowest wave, in steps over 2 pi (Vaswani et al., 2017, section 3.5)."""


class Transformer(JoinedNetwork):
    """Texts and sounds by blocks in which each step looks at all others."""

    def __init__(self, config: TransformerNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "transformer", _KINDS)
        super().__init__(
            spec,
            lambda field: TransformerEncoder(config, field) if field.kind in _KINDS else None,
            joined_head(spec, config.width, config.dropout, num_outputs),
        )


class TransformerEncoder(Encoder):
    """A column's steps through all blocks, and their mean: [B, L] tokens or [B, 1, n_mels, frames] -> [B, width].

    Blocks norm what they read, not what they leave (pre-norm), so the sum is normed at the end.
    """

    positions: Tensor

    def __init__(self, config: TransformerNetwork, field: Field) -> None:
        super().__init__()
        self.width = width = config.width
        self.steps = steps_of(field, width)
        # Tokens are embedded at the width already; a frame has as many numbers as there are pitches.
        self.enter = nn.Identity() if field.kind == "tokens" else nn.Linear(self.steps.width, width)
        # As large as what they are added to, or the tokens would drown in them. Not among the weights: a
        # trained network can go on with longer texts.
        positions = sinusoidal_positions(self.steps.length, width) * self.steps.std
        self.register_buffer("positions", positions, persistent=False)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(width, config.num_heads, config.mlp_ratio, config.activation, config.dropout)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, block: Tensor) -> Tensor:
        values, lengths = self.steps(block)
        # Without a mask where there is nothing to hide: the fastest kernels of attention take none.
        mask = None if self.steps.is_whole else step_mask(values, lengths)
        values = self.dropout(self.enter(values) + self.positions)
        for attend in self.blocks:
            values = attend(values, mask)
        return mean_of_steps(self.norm(values), lengths)


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """Where a step is, as sines and cosines of waves from fast to slow: [length, width] float32."""
    # In float64: a late step's angle is large, and float32 would leave few digits of its sine.
    pairs = torch.arange((width + 1) // 2, dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * _LONGEST_WAVE ** (-2 * pairs / width)
    both = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
    # An odd width has a sine without its cosine.
    return both[:, :width].to(torch.float32)

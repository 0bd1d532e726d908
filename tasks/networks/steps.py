"""Steps in their order, as networks for sequences read them: a text's tokens, a sound's frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import Dropout, ScaleBytes, dense_layers

_INITIAL_STD = 0.02
"""Standard deviation of a token's first numbers (Devlin et al., 2019, NAACL, BERT). With torch's own 1, what a rare
token begins with stays as noise: on 4,000 sentences of rt-polarity, text_cnn was right in 61 % of the others, and is
in 73 %."""


class SequenceSteps(nn.Module):
    """Makes `width` numbers of each step: a block [B, ...] -> values [B, L, width] float32, and how many of the L steps
    each row has: [B] int64, at least 1."""

    width: int
    length: int
    std: float
    """About the standard deviation of the values before anything is learnt."""
    is_whole = False
    """Whether every row that comes now has all L steps. Said by whoever knows it of the rows (`TokenSteps`): to ask
    the block itself would make a GPU be waited for."""


class TokenSteps(SequenceSteps):
    """What is learnt of each token: [B, L] numbers -> [B, L, width].

    0 fills a text up and is 0 everywhere. A text of no tokens counts as one of one filling token.
    """

    def __init__(self, field: Field, width: int) -> None:
        super().__init__()
        self.width, self.length, self.std = width, field.shape[0], _INITIAL_STD
        self.vectors = nn.Embedding(field.vocabulary, width, padding_idx=0)
        nn.init.normal_(self.vectors.weight, std=_INITIAL_STD)
        with torch.no_grad():
            # `padding_idx` keeps that row from learning, and the draw above has just filled it.
            self.vectors.weight[0] = 0

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        tokens = tokens.to(torch.int64)
        return self.vectors(tokens), (tokens != 0).sum(dim=1).clamp(min=1)


class FrameSteps(SequenceSteps):
    """The pitches of each frame: [B, 1, n_mels, frames] bytes -> [B, frames, n_mels]. All sounds have all frames."""

    is_whole = True

    def __init__(self, field: Field) -> None:
        super().__init__()
        _, self.width, self.length = field.shape
        # The recipe scales sounds to a standard deviation of 1.
        self.std = 1.0
        self.scale = ScaleBytes(field)

    def forward(self, sounds: Tensor) -> tuple[Tensor, Tensor]:
        values = self.scale(sounds).squeeze(1).transpose(1, 2)
        return values, torch.full((len(values),), self.length, device=values.device)


def steps_of(field: Field, width: int) -> SequenceSteps:
    """The steps of a text, each `width` numbers, or of a sound, each as many as it has pitches."""
    return TokenSteps(field, width) if field.kind == "tokens" else FrameSteps(field)


def step_mask(values: Tensor, lengths: Tensor) -> Tensor:
    """Which steps are a row's own: [B, L, W] and [B] -> [B, L] bool; the rest fills up."""
    return torch.arange(values.shape[1], device=values.device) < lengths[:, None]


def mean_of_steps(values: Tensor, lengths: Tensor) -> Tensor:
    """The mean of each row's own steps: [B, L, W] and [B] -> [B, W]."""
    own = values.masked_fill(~step_mask(values, lengths)[:, :, None], 0)
    return own.sum(dim=1) / lengths[:, None]


def joined_head(spec: Spec, hidden: int, dropout: float, num_outputs: int) -> Callable[[int], nn.Module]:
    """Makes the head: linear over one column; with several, a dense layer lets their features act together."""
    widths = [hidden] if len(spec.fields) > 1 else []
    return lambda width: nn.Sequential(Dropout(dropout), dense_layers([width, *widths, num_outputs], dropout))

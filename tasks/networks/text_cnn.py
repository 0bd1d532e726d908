"""Convolutions over the tokens of a text (Kim, 2014, "Convolutional neural networks for sentence classification")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import Encoder, JoinedNetwork, activation_layer, check_fields
from tasks.networks.steps import TokenSteps, joined_head
from tasks.params.networks import TextCnnNetwork

_KINDS = ("tokens",)


class TextCnn(JoinedNetwork):
    """Texts by which few tokens stand together, wherever they do."""

    def __init__(self, config: TextCnnNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "text_cnn", _KINDS)
        super().__init__(
            spec,
            lambda field: _Filters(config, field) if field.kind in _KINDS else None,
            joined_head(spec, config.channels, config.dropout, num_outputs),
        )


class _Filters(Encoder):
    """The strongest answer of each filter: [B, L] tokens -> [B, windows * channels]."""

    def __init__(self, config: TextCnnNetwork, field: Field) -> None:
        super().__init__()
        self.steps = TokenSteps(field, config.embedding)
        self.kernel_sizes = config.kernel_sizes
        # Filled up at both ends, as Kim's own program does, so that a text may be shorter than the window.
        self.filters = nn.ModuleList(
            nn.Conv1d(config.embedding, config.channels, window, padding=window - 1) for window in config.kernel_sizes
        )
        self.activation = activation_layer(config.activation)
        self.width = len(config.kernel_sizes) * config.channels

    def forward(self, tokens: Tensor) -> Tensor:
        values, lengths = self.steps(tokens)
        values = values.transpose(1, 2)
        windows = zip(self.kernel_sizes, self.filters, strict=True)
        strongest = [_max_over_time(filters(values), lengths + window - 1) for window, filters in windows]
        # The activation comes after the largest is chosen: the same where it rises, and far less to compute.
        features: Tensor = self.activation(torch.cat(strongest, dim=1))
        return features


def _max_over_time(answers: Tensor, counts: Tensor) -> Tensor:
    """The largest of each row's first `counts` windows, which hold a token of it: [B, C, L] and [B] -> [B, C]."""
    mask = torch.arange(answers.shape[2], device=answers.device) < counts[:, None]
    # Not 0, which would be the largest where a row's own answers are all negative.
    return answers.masked_fill(~mask[:, None], -torch.inf).amax(dim=2)

"""What networks have in common: they read a block a column, scale a picture's bytes and expand codes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.inputs import Field

TOKEN_WIDTH = 32
"""Numbers that stand for a token: enough for the few thousand tokens of a small text model, and cheap."""


class InputNetwork(nn.Module):
    """A network over named blocks: dense [B, K] float32, pictures [B, C, H, W] bytes, as uint8 or as float32, codes [B]
    or what was mixed of them [B, K], tokens [B, L]."""

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Outputs [B, O]: a score before softmax for each class, or one value for regression."""
        raise NotImplementedError


class ScaleBytes(nn.Module):
    """Makes numbers of a picture's bytes as the recipe says: [B, C, H, W] of 0 ... 255 -> float32."""

    factor: Tensor
    offset: Tensor

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.register_buffer("factor", torch.tensor(field.factor, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("offset", torch.tensor(field.offset, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return images.to(torch.float32) * self.factor + self.offset


class OneHot(nn.Module):
    """Makes inputs of codes: [B] places -> [B, K] float32. What is [B, K] already, as mixed rows are, stays."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.num_places = field.num_inputs

    def forward(self, codes: Tensor) -> Tensor:
        if codes.dim() > 1:
            return codes.to(torch.float32)
        return functional.one_hot(codes.to(torch.int64), self.num_places).to(torch.float32)


class Embed(nn.Module):
    """The mean of what is learnt of each token, [B, L] -> [B, TOKEN_WIDTH]; 0 fills up, and a text of nothing is 0."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.vectors = nn.Embedding(field.vocabulary, TOKEN_WIDTH, padding_idx=0)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens.to(torch.int64)
        lengths = (tokens != 0).sum(dim=1, keepdim=True).clamp(min=1)
        found: Tensor = self.vectors(tokens).sum(dim=1) / lengths
        return found


def reader(field: Field) -> nn.Module:
    """What makes [B, ...] float32 of a field's block."""
    match field.kind:
        case "image" | "audio":
            return ScaleBytes(field)
        case "codes":
            return OneHot(field)
        case "tokens":
            return Embed(field)
        case _:
            return nn.Identity()


def read_width(field: Field) -> int:
    """How many numbers a row has after `reader`, when flattened."""
    return TOKEN_WIDTH if field.kind == "tokens" else field.num_inputs


def dense_layers(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers, each but the last followed by GELU and dropout: [B, widths[0]] -> [B, widths[-1]]."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.GELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])


def refuse_sparse(fields: Sequence[Field], network: str) -> None:
    """Raises UserError for a text column: tens of thousands of inputs, mostly zero, are not for these networks."""
    for field in fields:
        if field.kind == "sparse":
            raise UserError(
                f"column {field.name}: network {network} cannot read sparse input (text as TF-IDF); "
                f"use `train: kind: sklearn` or lightgbm, or `normalize: text: encode: tokens`"
            )

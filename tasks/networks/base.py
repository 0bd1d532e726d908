"""What networks have in common: they read a block a column, and scale a picture's bytes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.inputs import Field


class InputNetwork(nn.Module):
    """A network over named blocks: dense [B, K] float32, pictures [B, C, H, W] bytes, as uint8 or as float32."""

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
                f"use `train: kind: sklearn` or lightgbm, or give the column another role than feature"
            )

"""Dense layers over numbers, categories, the mean of a text's tokens, and flattened pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tasks.errors import UserError
from tasks.inputs import Spec
from tasks.networks.base import InputNetwork, dense_layers, read_width, reader, refuse_sparse
from tasks.params import MlpNetwork


class Mlp(InputNetwork):
    """All columns side by side, through dense layers; no hidden layer is a linear model."""

    def __init__(self, config: MlpNetwork, spec: Spec) -> None:
        super().__init__()
        refuse_sparse(spec.fields, "mlp")
        if not spec.fields:
            raise UserError("network mlp: there is no column to read; give at least one the role feature")
        # Numbered, not named: a column's name may hold a dot, which a module's name may not.
        self.names = [field.name for field in spec.fields]
        self.readers = nn.ModuleList(map(reader, spec.fields))
        num_inputs = sum(map(read_width, spec.fields))
        self.layers = dense_layers([num_inputs, *config.hidden, spec.num_outputs], config.dropout)

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Outputs [B, O] from all blocks, a picture's [B, C, H, W] flattened to [B, C * H * W]."""
        read = [read(blocks[name]).flatten(1) for name, read in zip(self.names, self.readers, strict=True)]
        outputs: Tensor = self.layers(torch.cat(read, dim=1))
        return outputs

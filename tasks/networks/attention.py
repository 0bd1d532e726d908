"""Attention, and the block that a transformer is made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from tasks.networks.base import Dropout, activation
from tasks.params.networks import Activation


class Attention(nn.Module):
    """Each place takes over what it looks for from all the others, by several looks at once: [B, L, W] -> [B, L, W]
    (Vaswani et al., 2017, arXiv:1706.03762)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = values.shape
        projected: Tensor = self.project(values).reshape(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind()
        found = functional.scaled_dot_product_attention(query, key, value, _seen(mask), dropout_p=0.0)
        joined: Tensor = self.join(found.transpose(1, 2).reshape(batch, length, width))
        return joined


class Block(nn.Module):
    """Attention, then dense layers of `mlp_ratio` times the width, each added to what came in, with the norm before:
    [B, L, W] -> [B, L, W] (pre-norm: Xiong et al., 2020, arXiv:2002.04745; Dosovitskiy et al., 2020, arXiv:2010.11929).

    The norm of the last block's sum is its caller's to add.
    """

    def __init__(self, width: int, num_heads: int, mlp_ratio: int, bend: Activation, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads)
        self.attention_dropout = Dropout(dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, mlp_ratio * width),
            activation(bend),
            Dropout(dropout),
            nn.Linear(mlp_ratio * width, width),
            Dropout(dropout),
        )

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` [B, L] bool is True where there is something; what is found at the other places means nothing."""
        attended: Tensor = self.attention(self.attention_norm(values), mask)
        values = values + self.attention_dropout(attended)
        dense: Tensor = self.dense(values)
        return values + dense


def _seen(mask: Tensor | None) -> Tensor | None:
    """What each place may look at, [B, 1, 1, L]; all, in a row where there is nothing, as no look at all is not a
    number."""
    if mask is None:
        return None
    return (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]

"""Attention, and the block that a transformer is made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from tasks.networks.base import Dropout, activation_layer
from tasks.params.networks import Activation


class Attention(nn.Module):
    """Each place takes over what it looks for from all the others, by several heads at once: [B, L, W] -> [B, L, W]
    (Vaswani et al., 2017, arXiv:1706.03762)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # One product for queries, keys and values: three smaller ones take longer.
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = values.shape
        projected: Tensor = self.project(values).reshape(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind()
        # No dropout here: torch's fused kernels would draw by themselves, and not the same for a batch in
        # micro-batches.
        attended = functional.scaled_dot_product_attention(query, key, value, _attention_mask(mask), dropout_p=0.0)
        joined: Tensor = self.join(attended.transpose(1, 2).reshape(batch, length, width))
        return joined


class Block(nn.Module):
    """Attention, then dense layers of `mlp_ratio` times the width, each added to what came in, with the norm before:
    [B, L, W] -> [B, L, W] (pre-norm: Xiong et al., 2020, arXiv:2002.04745; Dosovitskiy et al., 2020, arXiv:2010.11929).

    The norm of the last block's sum is its caller's to add.
    """

    def __init__(self, width: int, num_heads: int, mlp_ratio: int, activation: Activation, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads)
        self.attention_dropout = Dropout(dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, mlp_ratio * width),
            activation_layer(activation),
            Dropout(dropout),
            nn.Linear(mlp_ratio * width, width),
            Dropout(dropout),
        )

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` [B, L] bool is True where there is something; the values at the other places mean nothing."""
        attended: Tensor = self.attention(self.attention_norm(values), mask)
        values = values + self.attention_dropout(attended)
        dense: Tensor = self.dense(values)
        return values + dense


def _attention_mask(mask: Tensor | None) -> Tensor | None:
    """Which places each place may look at, [B, 1, 1, L] bool."""
    if mask is None:
        return None
    # All of them in a row where there is nothing: the softmax over no place at all is NaN, and would reach the loss.
    return (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]

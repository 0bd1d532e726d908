"""What networks over pictures have in common: a convolution with what follows it, and the picture's size behind it."""

from __future__ import annotations

from torch import nn

from tasks.networks.base import activation
from tasks.params.networks import Activation

SMALLEST_TO_HALVE = 4
"""Pixels on a side: halving a smaller one leaves a single place."""


def convolution(channels: int, filters: int, norm: str, padding: str = "same", size: int = 3) -> list[nn.Module]:
    """[B, channels, H, W] -> [B, filters, H, W], or with padding valid [B, filters, H - size + 1, W - size + 1]."""
    # The bias would be taken away again by the batch norm's mean.
    steady: list[nn.Module] = [nn.BatchNorm2d(filters)] if norm == "batch" else []
    margin = size // 2 if padding == "same" else 0
    return [nn.Conv2d(channels, filters, size, padding=margin, bias=not steady), *steady]


def bent_convolution(
    channels: int, filters: int, norm: str, bend: Activation, padding: str = "same"
) -> list[nn.Module]:
    """A 3x3 convolution, what steadies its values, and what bends them; shapes as `convolution`."""
    return [*convolution(channels, filters, norm, padding), activation(bend)]

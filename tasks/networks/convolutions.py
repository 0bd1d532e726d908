"""What networks over pictures have in common: a convolution with the norm and the activation behind it."""

from __future__ import annotations

from torch import nn

from tasks.networks.base import activation_layer
from tasks.params.networks import Activation

SMALLEST_TO_HALVE = 4
"""Pixels on a side: halving a smaller one leaves a single place."""


def conv_norm(channels: int, filters: int, norm: str, padding: str = "same", size: int = 3) -> list[nn.Module]:
    """A convolution and its norm: [B, channels, H, W] -> [B, filters, H, W], or with padding valid
    [B, filters, H - size + 1, W - size + 1]."""
    norm_layer: list[nn.Module] = [nn.BatchNorm2d(filters)] if norm == "batch" else []
    margin = size // 2 if padding == "same" else 0
    # Without a bias before a batch norm, which would take it away again with the mean.
    return [nn.Conv2d(channels, filters, size, padding=margin, bias=not norm_layer), *norm_layer]


def conv_norm_act(
    channels: int, filters: int, norm: str, activation: Activation, padding: str = "same"
) -> list[nn.Module]:
    """A 3x3 convolution, its norm and its activation; shapes as `conv_norm`."""
    return [*conv_norm(channels, filters, norm, padding), activation_layer(activation)]

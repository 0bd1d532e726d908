"""Random changes of a batch of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.columns.draws import on_device_of
from tasks.params.augment import AugmentNumber

if TYPE_CHECKING:
    from torch import Generator, Tensor


def jittered(block: Tensor, settings: AugmentNumber, generator: Generator, std: float) -> Tensor:
    """Numbers [B, 1] or [B, 2] with normal noise on the first input, whose `std` is that of the training rows.

    The second input says that the number was missing: it stays, and so does what was put in for a missing one.
    """
    import torch

    if not settings.jitter:
        return block
    noise = on_device_of(block, torch.randn(len(block), generator=generator)) * (settings.jitter * std)
    if block.shape[1] > 1:
        noise = noise * (block[:, 1] == 0)
    return torch.cat([block[:, :1] + noise[:, None], block[:, 1:]], dim=1)

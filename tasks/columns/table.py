"""Random changes of a batch of numbers and of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.params import AugmentCategory, AugmentNumber

if TYPE_CHECKING:
    from torch import Generator, Tensor


def jittered(block: Tensor, settings: AugmentNumber, generator: Generator, deviation: float) -> Tensor:
    """Numbers [B, 1] or [B, 2] with normal noise on the first input, whose `deviation` is that of the training rows.

    The second input says that the number was missing: it stays, and so does what was put in for a missing one.
    """
    import torch

    if not settings.jitter:
        return block
    noise = torch.randn(len(block), generator=generator).to(block.device) * (settings.jitter * deviation)
    if block.shape[1] > 1:
        noise = noise * (block[:, 1] == 0)
    return torch.cat([block[:, :1] + noise[:, None], block[:, 1:]], dim=1)


def swapped(block: Tensor, settings: AugmentCategory, generator: Generator) -> Tensor:
    """Encoded categories [B, ...], of which `swap` become those of another row of the batch, drawn at random.

    So categories stay as frequent as they are, whatever the encoding.
    """
    import torch

    if not settings.swap or len(block) < 2:
        return block
    # Among the others only: a row that changes places with itself would not be changed.
    step = torch.randint(1, len(block), (len(block),), generator=generator)
    other = ((torch.arange(len(block)) + step) % len(block)).to(block.device)
    chosen = (torch.rand(len(block), generator=generator) < settings.swap).to(block.device)
    return torch.where(chosen.reshape(-1, *[1] * (block.dim() - 1)), block[other], block)

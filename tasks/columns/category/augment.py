"""Random changes of a batch of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.columns.draws import on_device_of
from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.augment import AugmentCategory

if TYPE_CHECKING:
    from torch import Generator, Tensor


def swapped(block: Tensor, settings: AugmentCategory, generator: Generator, rows: StepRows = ALL) -> Tensor:
    """Encoded categories [B, ...], of which `swap` become those of another row of the batch, drawn at random.

    So categories stay as frequent as they are, whatever the encoding.
    """
    import torch

    if not settings.swap or len(block) < 2:
        return block[rows.own]
    # Among the others only: a row that swaps with itself would not be changed.
    step = torch.randint(1, len(block), (len(block),), generator=generator)
    other = on_device_of(block, ((torch.arange(len(block)) + step) % len(block))[rows.own])
    chosen = on_device_of(block, (torch.rand(len(block), generator=generator) < settings.swap)[rows.own])
    return torch.where(chosen.reshape(-1, *[1] * (block.dim() - 1)), block[other], block[rows.own])

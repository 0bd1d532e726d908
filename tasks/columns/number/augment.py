"""Random changes of a batch of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.columns.draws import RowDraws, on_device_of
from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.augment import AugmentNumber

if TYPE_CHECKING:
    from torch import Generator, Tensor


def jittered(block: Tensor, settings: AugmentNumber, generator: Generator, std: float, rows: StepRows = ALL) -> Tensor:
    """Numbers [B, 1] or [B, 2] with normal noise on the first input, whose `std` is that of the training rows.

    The second input says that the number was missing: it stays, and so does what was put in for a missing one.
    """
    import torch

    if not settings.jitter:
        return block[rows.own]
    draws = RowDraws(generator=generator, num_rows=len(block), rows=rows).normal()
    block = block[rows.own]
    noise = on_device_of(block, draws) * (settings.jitter * std)
    if block.shape[1] > 1:
        noise = noise * (block[:, 1] == 0)
    return torch.cat([block[:, :1] + noise[:, None], block[:, 1:]], dim=1)

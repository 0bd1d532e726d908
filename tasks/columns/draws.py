"""Random draws for a batch: always on the CPU, so that every device sees the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Generator, Tensor


def either_way(count: int, extent: float, generator: Generator) -> Tensor:
    """[count] evenly between -extent and extent; nothing is drawn for an extent of zero."""
    import torch

    return (torch.rand(count, generator=generator) * 2 - 1) * extent if extent else torch.zeros(count)


def up_to(count: int, extent: float, generator: Generator) -> Tensor:
    """[count] evenly between 0 and extent; nothing is drawn for an extent of zero."""
    import torch

    return torch.rand(count, generator=generator) * extent if extent else torch.zeros(count)


def on_device_of(block: Tensor, draws: Tensor) -> Tensor:
    """The draws where the block is. A GPU takes them from pinned memory, and nobody waits until it has done what was
    asked of it before."""
    if block.device.type == "cuda":
        return draws.pin_memory().to(block.device, non_blocking=True)
    return draws.to(block.device)


def generator_for(*numbers: int) -> Generator:
    """A torch generator on the CPU for this seed and place, such as (seed, copy, window, column)."""
    import torch

    state = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state >> 1)


def random_for(*numbers: int) -> np.random.Generator:
    """The same for numpy: its own numbers for each seed and place, whatever else is drawn."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(numbers)))

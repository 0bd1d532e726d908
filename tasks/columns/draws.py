"""Random draws for a batch: always on the CPU, so that every device sees the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.model_input.step_rows import StepRows

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class RowDraws:
    """Draws for all rows of a step, of which those of the wanted `rows` are kept."""

    generator: Generator
    num_rows: int
    rows: StepRows

    def uniform(self, *shape: int) -> Tensor:
        """[own, *shape] evenly between 0 and 1."""
        import torch

        return torch.rand((self.num_rows, *shape), generator=self.generator)[self.rows.own]

    def normal(self, *shape: int) -> Tensor:
        """[own, *shape] of the standard normal distribution."""
        import torch

        return torch.randn((self.num_rows, *shape), generator=self.generator)[self.rows.own]

    def either_way(self, extent: float) -> Tensor:
        """[own] as `either_way`."""
        return either_way(self.num_rows, extent, self.generator)[self.rows.own]


def either_way(count: int, extent: float, generator: Generator) -> Tensor:
    """[count] evenly between -extent and extent; nothing is drawn for an extent of zero."""
    import torch

    return (torch.rand(count, generator=generator) * 2 - 1) * extent if extent else torch.zeros(count)


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

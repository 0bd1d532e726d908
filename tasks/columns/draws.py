"""Random draws for a batch: always on the CPU, so that every device sees the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.step_rows import StepRows

if TYPE_CHECKING:
    from torch import Generator, Tensor


_GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""From one state of SplitMix64 to the next."""


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


def bits_of(numbers: NDArray[np.int64], seed: int, place: int) -> NDArray[np.bool_]:
    """A bit for each number from 0 on, [N]: as good as drawn, and the same whenever and with whomever it is asked.

    That of `place`, from the highest, of SplitMix64's outputs (Steele, Lea and Flood, 2014, OOPSLA), the seed's own
    output being where they begin.
    """
    states = _mixed(np.array([seed], dtype=np.uint64)) + (numbers.astype(np.uint64) + np.uint64(1)) * _GAMMA
    bits: NDArray[np.bool_] = (_mixed(states) >> np.uint64(63 - place)) & np.uint64(1) != 0
    return bits


def _mixed(states: NDArray[np.uint64]) -> NDArray[np.uint64]:
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return states ^ (states >> np.uint64(31))


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

"""An epoch's steps: how many, and which rows of the epoch's order each one takes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class EpochSteps:
    """`num_rows` rows, `step_rows` at a time.

    A last step of fewer than `min_rows` joins the one before: batch norm needs two rows, and every worker needs one.
    """

    num_rows: int
    step_rows: int
    min_rows: int = 2

    @property
    def num_steps(self) -> int:
        whole, rest = divmod(self.num_rows, self.step_rows)
        return whole + (rest >= self.min_rows or (rest > 0 and whole == 0))

    def start(self, step: int) -> int:
        """The first row of the step, or of the end for `num_steps`."""
        return self.num_rows if step >= self.num_steps else step * self.step_rows

    def sizes(self, first: int = 0) -> Iterator[int]:
        """The rows of each step, from step `first` on."""
        return (self.start(step + 1) - self.start(step) for step in range(first, self.num_steps))


def drawn(num_items: int, *key: int) -> torch.Tensor:
    """The numbers below `num_items`, [N] int64, in an order that depends on the key alone: another for each key."""
    # Mixed into one number, as torch's generator takes no more.
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
    return torch.randperm(num_items, generator=generator)


@dataclass
class Clock:
    """Seconds in which something was waited for."""

    seconds: float = 0.0


class CountedSteps:
    """What held and streamed rows tell alike: how many rows and steps there are, and how long the loop has waited."""

    def __init__(self, steps: EpochSteps) -> None:
        self._steps, self._clock = steps, Clock()

    @property
    def num_rows(self) -> int:
        return self._steps.num_rows

    @property
    def num_steps(self) -> int:
        return self._steps.num_steps

    @property
    def waited(self) -> float:
        return self._clock.seconds


def timed(items: Iterable[Item], clock: Clock) -> Iterator[Item]:
    """The same items; the clock counts while the next one is waited for."""
    source = iter(items)
    while True:
        since = time.perf_counter()
        item = next(source, None)
        clock.seconds += time.perf_counter() - since
        if item is None:
            return
        yield item

"""The training loss of an epoch, from its steps' losses; one that is not finite is noticed soon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

_LOOK_EVERY = 50
"""Steps between two looks at an accelerator's losses: each look makes it wait. On a CPU a look costs nothing."""


class NotFiniteError(Exception):
    """The loss of a step was not finite; `step` is its place in the epoch, from 0."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


class EpochLoss:
    """The sum of an epoch's losses so far, each times its step's weight, and the sum of those weights.

    In float64 and step after step, whenever looked at: so it keeps its digits, and has the same in a run that went on.
    """

    def __init__(self, device: torch.device) -> None:
        self.loss = self.weight = 0.0
        self._look_every = 1 if device.type == "cpu" else _LOOK_EVERY
        self._unread: list[tuple[int, Tensor, Tensor | float]] = []

    def add(self, step: int, loss: Tensor, weight: Tensor | float) -> None:
        """Takes the mean loss of the epoch's step, and how much its rows count together. Raises as `read` does."""
        self._unread.append((step, loss, weight))
        if len(self._unread) >= self._look_every:
            self.read()

    def read(self) -> None:
        """Adds up what was taken since the last time. Raises NotFiniteError for the first that is not finite."""
        if not self._unread:
            return
        steps, losses, weights = zip(*self._unread, strict=True)
        self._unread.clear()
        for step, loss, weight in zip(steps, _numbers(losses), _numbers(weights), strict=True):
            if not math.isfinite(loss):
                raise NotFiniteError(step)
            self.loss += loss * weight
            self.weight += weight

    def mean(self) -> float:
        """The mean over all that was taken; NaN of rows that all count nothing. Raises as `read` does."""
        self.read()
        return self.loss / self.weight if self.weight else math.nan

    def restart(self, loss: float = 0.0, weight: float = 0.0) -> None:
        """Begins with these sums: those of a checkpoint, or nothing."""
        self.loss, self.weight = loss, weight
        self._unread.clear()


def _numbers(values: Sequence[Tensor] | Sequence[float]) -> Sequence[float]:
    """Scalars as numbers, by one copy from the device for all of them."""
    first = values[0]
    if isinstance(first, float):
        return cast("Sequence[float]", values)
    if len(values) == 1:
        return [first.item()]
    numbers: list[float] = torch.stack(cast("list[Tensor]", values)).tolist()
    return numbers

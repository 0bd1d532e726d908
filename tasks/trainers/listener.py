"""What trainers tell of: the protocol of whoever hangs on a training's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Listener(Protocol):
    """Is told what happens in a training; never changes it."""

    def started(self, num_epochs: int) -> None:
        """The training begins; it has at most `num_epochs` epochs (or trees)."""

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Epoch `epoch`, from 1, is over; `metrics` has the same names every time."""

    def ended(self) -> None:
        """The training is over, early or not."""

"""What an encoding by the target tells of it: one number for each class, or one in all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TargetStatistics:
    """What is told of the target: shares of `classes`, or the mean, standardized when the target is a number."""

    classes: tuple[str, ...]
    mean: float = 0.0
    std: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Of two classes the share of one says it all."""
        return self.classes[1:] if len(self.classes) == 2 else self.classes or ("",)

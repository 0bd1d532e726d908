"""What a stage says when it is done: one figure for the table, and the numbers behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Report:
    """A stage's result in small: `figure` is what matters there in a few words, `numbers` is for programs, `hints` are
    sentences for a person who wants to do better."""

    stage: str
    figure: str
    numbers: dict[str, Any] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "hints": list(self.hints)}

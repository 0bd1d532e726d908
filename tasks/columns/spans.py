"""Stretches of a value that a reason falls upon, such as the words of a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Span:
    """The signs from `start` to `end` of a text, and what they add to the answer."""

    start: int
    end: int
    amount: float

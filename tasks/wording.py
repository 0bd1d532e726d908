"""How numbers, counts, shares and names are spelt wherever a person reads them: one spelling each."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log10

_SMALLEST_WRITTEN = 1e-9
"""What is smaller is written with an exponent."""


def number(value: float) -> str:
    """Four digits that matter, thousands apart: 0.9926, 54.13, 12,345, 0.0000001234."""
    size = abs(value)
    if size >= 10_000:
        return f"{value:,.0f}"
    # Shares have four decimals, so that they stand under each other; of what is smaller these would be zeros.
    if size == 0 or 0.001 <= size <= 1:
        return f"{value:.4f}"
    # A person counts zeros up to some number of them.
    return f"{value:.4g}" if size > 1 or size < _SMALLEST_WRITTEN else f"{value:.{3 - floor(log10(size))}f}"


def signed(value: float) -> str:
    """The same of a difference, with its sign: +136.7, -0.0053, 0.0000."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{number(abs(value))}"


def counted(num: int, noun: str, plural: str = "") -> str:
    """`1 row`, `1,234 rows`; `plural` is for nouns that take more than an s."""
    return f"{num:,} {noun if num == 1 else plural or f'{noun}s'}"


def percent(share: float, digits: int = 1) -> str:
    """`93.8 %`: with a space, as the 95 % of an interval has it."""
    return f"{100 * share:.{digits}f} %"


def quoted(names: Iterable[str]) -> str:
    """`'ham', 'spam'`: a name of the data, such as a class, may hold commas, or be empty."""
    return ", ".join(repr(name) for name in names)

"""How counts, shares and names are spelt wherever a person reads them: one spelling each."""

from __future__ import annotations

from collections.abc import Iterable


def counted(num: int, noun: str, plural: str = "") -> str:
    """`1 row`, `1,234 rows`; `plural` is for nouns that take more than an s."""
    return f"{num:,} {noun if num == 1 else plural or f'{noun}s'}"


def percent(share: float, digits: int = 1) -> str:
    """`93.8 %`: with a space, as the 95 % of an interval has it."""
    return f"{100 * share:.{digits}f} %"


def quoted(names: Iterable[str]) -> str:
    """`'ham', 'spam'`: a name of the data, such as a class, may hold commas, or be empty."""
    return ", ".join(repr(name) for name in names)

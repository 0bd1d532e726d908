"""Numbers with a currency, a per cent sign or a unit around them: how a column writes them, told by its values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from tasks.repair.number_text import with_plain_signs
from tasks.repair.repair import InText, numbers_in_text

_CURRENCIES = ("$", "€", "£", "¥", "₹", "₩", "₽", "CHF", "EUR", "GBP", "INR", "JPY", "USD", "US$")
_UNITS = (
    *("%", "‰", "kg", "g", "mg", "t", "lb", "lbs", "oz", "km", "m", "cm", "mm", "mi", "ft", "in", "km/h", "mph"),
    *("h", "min", "s", "ms", "W", "kW", "kWh", "V", "A", "°C", "°F", "l", "L", "ml", "kB", "MB", "GB", "TB"),
    *("Hz", "kHz", "MHz", "GHz", "px"),
)
_COMMA_SETS_THOUSANDS_APART = frozenset(("$", "US$", "USD", "£", "GBP", "₹", "INR", "¥", "JPY"))

_FORMATS: tuple[tuple[Literal[".", ","], str | None], ...] = (
    *((".", None), (".", ","), (",", None)),
    *((",", "."), (",", " "), (".", "'")),
)
"""Decimal sign and what sets thousands apart, in the order in which they are tried."""


@dataclass(frozen=True)
class Written:
    """How a column's numbers are written; `ambiguous` when it could be read in two ways, and so must not be."""

    how: InText
    ambiguous: bool = False


@dataclass
class NumberStyle:
    """What is known of a column so far; None before its first value."""

    first: str | None = None
    fitting: list[InText] = field(default_factory=list)
    varies: bool = False
    has_separators: bool = False


def still_fits(candidate: NumberStyle, values: pl.Series) -> bool:
    """Looks at more values of a column; most columns of words are done with at the first one."""
    present = with_plain_signs(values.drop_nulls().str.strip_chars())
    if present.is_empty():
        return True
    # The first value names the currency or unit, which all others must share.
    if candidate.first is None:
        candidate.first = str(present[0])
        candidate.fitting = _formats(candidate.first)
    candidate.fitting = [how for how in candidate.fitting if _fits(present, how)]
    if not candidate.fitting:
        return False
    candidate.varies |= bool((present != candidate.first).any())
    candidate.has_separators |= bool(present.str.contains("[.,]").any())
    return True


def _formats(value: str) -> list[InText]:
    before, after = _affixes(value)
    # An unknown affix may be part of a code, such as A11, whose letters mean something.
    known = before in ("", *_CURRENCIES) and after in ("", *_CURRENCIES, *_UNITS)
    # Numbers without anything around them are read by ingest already.
    if not known or not (before or after):
        return []
    return [InText(before=before, after=after, decimal=decimal, thousands=apart) for decimal, apart in _FORMATS]


def _affixes(value: str) -> tuple[str, str]:
    # A sign may stand before the currency or behind it: -$5 and $-5.
    match = re.fullmatch(r"\s*[+-]?\s*([^\d+\-.,\s]*)\s*[+-]?[\d.,'\u2019\s]*\d\s*([^\d\s]*)\s*", value)
    return (match[1], match[2]) if match else ("", "")


def _fits(values: pl.Series, how: InText) -> bool:
    """Whether every value that is there is written so, with what stands around it."""
    present = values.drop_nulls()
    around = present.str.contains(how.before, literal=True) & present.str.contains(how.after, literal=True)
    # The affix is asked for here, as `numbers_in_text` also takes plain numbers: rows to answer may have lost it.
    return bool(around.all()) and numbers_in_text(present, how).null_count() == 0


def decided(candidate: NumberStyle) -> Written:
    """The first that fits. Where 1,200 may be read as 1.2 as well, only the currency's own custom can decide."""
    fitting = candidate.fitting
    point = [how for how in fitting if how.decimal == "."]
    # Without any separator all formats read the same number, so that nothing is ambiguous.
    either = candidate.has_separators and 0 < len(point) < len(fitting)
    custom = {fitting[0].before, fitting[0].after} & _COMMA_SETS_THOUSANDS_APART
    return Written(point[0] if custom and point else fitting[0], ambiguous=either and not custom)


def written_in(values: pl.Series) -> Written | None:
    """How all of these values are written; None when they are no numbers with one currency or unit around them."""
    candidate = NumberStyle()
    return decided(candidate) if still_fits(candidate, values) and candidate.varies else None


def with_unit(unit: str, decimal: str, thousands: str | None) -> InText:
    """Numbers with that unit before or behind them."""
    return InText(before=unit, after=unit, decimal="," if decimal == "," else ".", thousands=thousands)

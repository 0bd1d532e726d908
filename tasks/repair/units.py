"""Numbers with a currency, a per cent sign or a unit around them: how they are written, and how that is found out."""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from tasks.params.config import Config
from tasks.repair.number_text import plainly, with_plain_signs

_CURRENCIES = ("$", "€", "£", "¥", "₹", "₩", "₽", "CHF", "EUR", "GBP", "INR", "JPY", "USD", "US$")
_UNITS = (
    *("%", "‰", "kg", "g", "mg", "t", "lb", "lbs", "oz", "km", "m", "cm", "mm", "mi", "ft", "in", "km/h", "mph"),
    *("h", "min", "s", "ms", "W", "kW", "kWh", "V", "A", "°C", "°F", "l", "L", "ml", "kB", "MB", "GB", "TB"),
    *("Hz", "kHz", "MHz", "GHz", "px"),
)
_COMMA_SETS_THOUSANDS_APART = frozenset(("$", "US$", "USD", "£", "GBP", "₹", "INR", "¥", "JPY"))

_FORMATS: tuple[tuple[Literal[".", ","], str], ...] = ((".", ","), (",", "."), (",", " "), (".", "'"))
"""Decimal sign and what sets thousands apart, in the order in which they are tried."""


NEARLY_ALL = 0.9
"""Of the cells of a column: the others are strange ones among them."""


class UnitFormat(Config):
    """Numbers that are written with a currency, a per cent sign or a unit: what stands before and after them."""

    before: str = ""
    after: str = ""
    decimal: Literal[".", ","] = "."
    thousands: str | None = None

    @property
    def example(self) -> str:
        """A number written so, for people."""
        number = f"1{self.thousands or ''}234{self.decimal}5"
        # A unit that may stand on either side stands where people put it.
        if self.before and (not self.after or self.before in _CURRENCIES):
            return f"{self.before}{number}"
        return f"{number} {self.after}".rstrip()


def with_unit(unit: str, decimal: str, thousands: str | None) -> UnitFormat:
    """Numbers with that unit before or behind them."""
    return UnitFormat(before=unit, after=unit, decimal="," if decimal == "," else ".", thousands=thousands)


def numbers_with_unit(values: pl.Series, written: UnitFormat) -> pl.Series:
    """Text as Float64; what is not a number written so becomes missing.

    A plain number counts as well: a cell, or a row that is to be answered, may have lost its unit.
    """
    bare = with_plain_signs(values.str.strip_chars()).str.replace(r"^([+-])\s*", "${1}")
    # The sign may stand before the currency: it is taken off, and put back in front of the digits.
    sign = bare.str.extract(r"^([+-])").fill_null("")
    rest = bare.str.strip_prefix("-").str.strip_prefix("+").str.strip_prefix(written.before).str.strip_chars()
    rest = rest.str.strip_suffix(written.after).str.strip_chars()
    return plainly(sign + rest, written.decimal, written.thousands).cast(pl.Float64, strict=False)


def unit_formats(values: pl.Series, decimal: str = ".") -> tuple[UnitFormat, ...]:
    """How these texts write numbers, when each has the same currency or unit: one format, and none for other text.

    Several are left where 1,200 may be read as 1.2 as well, and neither the currency's own custom nor the `decimal`
    sign of the source tells: then it must not be read.
    """
    present = values.drop_nulls()
    # The first value names the currency or unit, which all others must share: most columns are done with it.
    formats = [each for first in with_plain_signs(present.head(1).str.strip_chars()) for each in _formats(first)]
    if not formats:
        return ()
    present = with_plain_signs(present.str.strip_chars())
    fitting = [written for written in formats if _fits(present, written)]
    # A value that never varies may be a word such as `5 kg`: nothing is lost by leaving it one.
    if not fitting or not (present != present[0]).any():
        return ()
    has_custom = bool({fitting[0].before, fitting[0].after} & _COMMA_SETS_THOUSANDS_APART)
    likely = [written for written in fitting if written.decimal == ("." if has_custom else decimal)]
    # Numbers without any separator say nothing of it: a comma that comes later would be a guess.
    if not (has_custom or present.str.contains(r"[.,'\u2019]|\d\s+\d").any()):
        return (fitting[0].model_copy(update={"decimal": decimal, "thousands": None}),)
    if likely and (has_custom or decimal == ","):
        return tuple(likely[:1])
    return tuple(fitting[:1] if len({written.decimal for written in fitting}) == 1 else fitting)


def unit_format(values: pl.Series, decimal: str = ".") -> UnitFormat | None:
    """The one format in which these texts write numbers with a unit; None when there is none, or more than one."""
    formats = unit_formats(values, decimal)
    return formats[0] if len(formats) == 1 else None


def with_one_unit(values: pl.Series) -> pl.Series:
    """Those of the texts that have what nearly all of them have around their digits; all of them when there is none."""
    bare = with_plain_signs(values.str.strip_chars()).str.replace(r"^[+-]\s*", "")
    around = bare.str.extract(r"^([^\d.,]*)").str.strip_chars() + "|" + bare.str.extract(r"([^\d.,\s]*)$")
    most = around.drop_nulls().mode(maintain_order=True).head(1)
    has_most = (around == most[0] if len(most) else around.is_null()).fill_null(value=False)
    return values.filter(has_most) if has_most.sum() >= NEARLY_ALL * len(values) else values


def _formats(value: str) -> list[UnitFormat]:
    before, after = _affixes(value)
    # An unknown affix may be part of a code, such as A11, whose letters mean something.
    known = before in ("", *_CURRENCIES) and after in ("", *_CURRENCIES, *_UNITS)
    # Numbers without anything around them need no unit to be read.
    if not known or not (before or after):
        return []
    return [UnitFormat(before=before, after=after, decimal=decimal, thousands=apart) for decimal, apart in _FORMATS]


def _affixes(value: str) -> tuple[str, str]:
    # A sign may stand before the currency or behind it: -$5 and $-5.
    match = re.fullmatch(r"\s*[+-]?\s*([^\d+\-.,\s]*)\s*[+-]?[\d.,'\u2019\s]*\d\s*([^\d\s]*)\s*", value)
    return (match[1], match[2]) if match else ("", "")


def _fits(present: pl.Series, written: UnitFormat) -> bool:
    """Whether every value is written so, with what stands around it."""
    around = present.str.contains(written.before, literal=True) & present.str.contains(written.after, literal=True)
    # The affix is asked for here, as `numbers_with_unit` also takes plain numbers.
    return bool(around.all()) and numbers_with_unit(present, written).null_count() == 0

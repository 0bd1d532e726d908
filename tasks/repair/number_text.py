"""Numbers as text writes them: with a decimal comma, with thousands set apart, or plainly."""

from __future__ import annotations

import re

import polars as pl

_LEADING_ZERO = r"^\s*[+-]?0\d"


_MINUS = "\u2212"
"""The minus sign of typography, which spreadsheets and web pages write; no other dash is one."""

_GROUPS = {" ": "[ \u00a0\u2007\u2009\u202f]", "'": "['\u2019]"}
"""What else stands for these signs between groups of digits: blanks that do not break, or are thin, and a curved
apostrophe."""


def parsed(values: pl.Series, decimal: str = ".", thousands: str | None = None) -> pl.Series | None:
    """Text as Float64, when every value that is there is a number; None when one is not.

    Text such as 007 is no number: read as one it would lose its zeros.
    """
    num_missing = values.null_count()
    is_plain = decimal == "." and thousands is None
    plain = values if is_plain else plainly(values, decimal, thousands)
    numbers = plain.cast(pl.Float64, strict=False)
    # Blanks are only cut away when reading failed: most columns have none, and copying all text costs time.
    if is_plain and numbers.null_count() > num_missing:
        plain = with_plain_signs(values.str.strip_chars())
        numbers = plain.cast(pl.Float64, strict=False)
    return None if numbers.null_count() > num_missing or _has_leading_zeros(plain, numbers) else numbers


def as_numbers(values: pl.Series, decimal: str = ".", thousands: str | None = None) -> pl.Series:
    """Text as Float64; what is no number in that format becomes missing."""
    if decimal == "." and thousands is None:
        return with_plain_signs(values.str.strip_chars()).cast(pl.Float64, strict=False)
    return plainly(values, decimal, thousands).cast(pl.Float64, strict=False)


def plainly(values: pl.Series, decimal: str, thousands: str | None) -> pl.Series:
    """Numbers of that format with a decimal point and nothing else; what is not written so becomes missing."""
    group = _GROUPS.get(thousands, re.escape(thousands)) if thousands else ""
    # Groups of three digits exactly, or as India writes them, 12,34,567: 1,20 must not be read as 120.
    groups = rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+|[1-9]\d?(?:{group}\d{{2}})+{group}\d{{3}}"
    whole = rf"(?:\d+|{groups})" if thousands else r"\d+"
    point = re.escape(decimal)
    written = with_plain_signs(values.str.strip_chars())
    fits = written.str.contains(rf"^[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?$")
    # Cut out after the match: only then is it known that they stand where they must.
    if thousands in _GROUPS:
        written = written.str.replace_all(group, "")
    elif thousands:
        written = written.str.replace_all(thousands, "", literal=True)
    return written.str.replace(decimal, ".", literal=True).set(~fits, None)


def with_plain_signs(values: pl.Series) -> pl.Series:
    """Text with a hyphen for the minus sign, and for the parentheses in which accountants write (12) for -12."""
    # Looked for first: next to no column has either, and rewriting all text costs more.
    if values.str.contains_any([_MINUS]).any():
        values = values.str.replace_all(_MINUS, "-", literal=True)
    if values.str.starts_with("(").any():
        values = values.str.replace(r"^\(\s*([^()+-]*\d[^()+-]*?)\s*\)$", "-${1}")
    return values


def _has_leading_zeros(text: pl.Series, numbers: pl.Series) -> bool:
    """Looks for the beginnings first: the pattern takes six times as long on every value."""
    lowest = numbers.min()
    # -0.5 begins with -0, and only columns with such numbers need to be asked for it.
    has_minus = isinstance(lowest, float) and lowest <= 0
    signs = ("0", "+0", "-0") if has_minus else ("0", "+0")
    # By place: polars takes names such as `*` for others.
    begins = pl.any_horizontal(pl.nth(0).str.starts_with(sign) for sign in signs)
    suspects = text.to_frame().filter(begins & (pl.nth(0).str.len_bytes() > 1)).to_series()
    return bool(suspects.str.contains(_LEADING_ZERO).any())

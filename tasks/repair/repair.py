"""What puts the values of one column right: the same on rows to learn from and, in the recipe, on rows to answer."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.params.config import Config

FEW = 256
"""Up to so many values Python's own loop is faster: a call of polars costs some 50 us, as much as a hundred cells do
here, and what a server answers together is a row or some dozens."""

WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Unicode calls so, and polars: Python's own `strip` takes four more signs."""

_TO_BLANKS = str.maketrans(WHITE_SPACE, " " * len(WHITE_SPACE))

_MOST_DISTINCT = 0.25
"""Share of distinct texts up to which it takes less time to repair those and put them in their places."""

UnicodeForm = Literal["none", "NFC", "NFKC"]


class Repair(Config):
    """What is done to each value of a column, in this order; a field that is left out does nothing.

    Doing it twice is doing it once, so that rows that `clean` has repaired may pass through it again.
    """

    white_space: Literal["keep", "ends", "all"] = "keep"
    unicode: UnicodeForm = "none"
    case: Literal["keep", "lower", "upper"] = "keep"
    replace: dict[str, str] = Field(default_factory=dict)
    """Whole values that become others: the user's own, and spellings that were merged."""
    allowed: tuple[str, ...] | None = None
    """All others become missing."""
    common: tuple[str, ...] | None = None
    """All others become `rare_name`."""
    rare_name: str = "(rare)"
    least: float | None = None
    most: float | None = None
    outside: Literal["missing", "clip"] = "missing"
    low: float | None = None
    high: float | None = None
    """Beyond `low` and `high`, bounds for outliers, a number becomes the bound."""
    width: float | None = None
    unit: Literal["year", "month", "day", "hour"] | None = None
    keep: int | None = None
    """Generalised: numbers to multiples of `width`, timestamps to `unit`, text to its first `keep` characters."""

    @property
    def does_nothing(self) -> bool:
        return self == Repair()


def repaired(values: pl.Series, repair: Repair | None) -> pl.Series:
    """The values put right, [N], of the type that they had."""
    if repair is None:
        return values
    if values.dtype == pl.String:
        return _text_repaired(values, repair)
    if values.dtype == pl.Float64:
        return _numbers_repaired(values, repair)
    if repair.unit is not None and values.dtype == pl.Datetime("us"):
        return values.dt.truncate({"year": "1y", "month": "1mo", "day": "1d", "hour": "1h"}[repair.unit])
    return values


def down_to(value: float, width: float | None) -> float:
    """A number as `width` makes it coarser."""
    return value if width is None else math.floor(value / width) * width


def _text_repaired(values: pl.Series, repair: Repair) -> pl.Series:
    # Changes of case stay with polars: Python may follow another version of Unicode.
    if len(values) <= FEW and repair.case == "keep":
        put_right = text_repairer(repair)
        assert put_right is not None
        few = [None if value is None else put_right(value) for value in values.to_list()]
        return pl.Series(values.name, few, dtype=pl.String)
    distinct = values.unique()
    if len(distinct) > len(values) * _MOST_DISTINCT:
        return _each_repaired(values, repair)
    right = _each_repaired(distinct, repair)
    # Only changed values are put in place: in most columns these are few, or none.
    changed = right.ne_missing(distinct)
    return values.replace(distinct.filter(changed), right.filter(changed)) if changed.any() else values


def _each_repaired(values: pl.Series, repair: Repair) -> pl.Series:
    # Form first: replacements and categories are compared with values in this form.
    values = _form_repaired(values, repair)
    if repair.keep is not None:
        values = values.str.slice(0, repair.keep)
    if repair.replace:
        values = values.replace(repair.replace)
    if repair.allowed is not None:
        values = values.set(~values.is_in(list(repair.allowed)), None)
    if repair.common is not None:
        # `rare_name` itself is common: repairing twice must be repairing once.
        values = values.set(~values.is_in([*repair.common, repair.rare_name]), repair.rare_name)
    return values


def _form_repaired(values: pl.Series, repair: Repair) -> pl.Series:
    values = _in_form(values, repair.unicode)
    match repair.case:
        case "lower":
            # Once more, as another case may be in another form: İ becomes i and a dot.
            values = _in_form(values.str.to_lowercase(), repair.unicode)
        case "upper":
            values = _in_form(values.str.to_uppercase(), repair.unicode)
        case _:
            pass
    if repair.white_space != "keep":
        values = values.str.strip_chars()
    if repair.white_space == "all" and values.str.contains(r"\s\s|[^\S ]").any():
        values = values.str.replace_all(r"\s+", " ")
    return values


def _in_form(values: pl.Series, form: UnicodeForm) -> pl.Series:
    """Distinct values one by one, as polars knows no forms; most stay as they are."""
    # As many bytes as characters are ASCII alone, which is the same in every form.
    if form == "none" or (values.str.len_bytes() == values.str.len_chars()).all():
        return values
    distinct = values.unique().drop_nulls().to_list()
    changed = {value: new for value in distinct if (new := unicodedata.normalize(form, value)) != value}
    return values.replace(changed) if changed else values


def _numbers_repaired(values: pl.Series, repair: Repair) -> pl.Series:
    if repair.width is not None:
        # Coarse before the bounds: these are coarse themselves, and a value must not be judged by digits that go.
        values = (values / repair.width).floor() * repair.width
    if repair.outside == "clip":
        values = values.clip(repair.least, repair.most)
    else:
        if repair.least is not None:
            values = values.set((values < repair.least).fill_null(value=False), None)
        if repair.most is not None:
            values = values.set((values > repair.most).fill_null(value=False), None)
    # After what is possible: bounds of outliers were learnt from what is left by that.
    return values.clip(repair.low, repair.high)


def text_repairer(repair: Repair) -> Callable[[str], str | None] | None:
    """What puts one text right. None for repairs that change the case: Python and polars may follow different versions
    of Unicode."""
    if repair.case != "keep":
        return None
    allowed = None if repair.allowed is None else frozenset(repair.allowed)
    common = None if repair.common is None else frozenset(repair.common)

    def right(value: str) -> str | None:
        form = _one_form(value, repair)
        if allowed is not None and form not in allowed:
            return None
        return form if common is None or form in common else repair.rare_name

    return right


def number_repairer(repair: Repair) -> Callable[[float], float | None] | None:
    """What puts one finite number right; None for what only polars does."""
    if repair.width is not None:
        return None
    least, most, low, high = (
        bound if bound is not None else default
        for bound, default in zip(
            (repair.least, repair.most, repair.low, repair.high), (-math.inf, math.inf) * 2, strict=True
        )
    )
    is_clipped = repair.outside == "clip"

    def right(value: float) -> float | None:
        if value < least or value > most:
            if not is_clipped:
                return None
            value = least if value < least else most
        return low if value < low else high if value > high else value

    return right


def _one_form(value: str, repair: Repair) -> str:
    if repair.unicode != "none" and not value.isascii():
        value = unicodedata.normalize(repair.unicode, value)
    if repair.white_space != "keep":
        value = value.strip(WHITE_SPACE)
    if repair.white_space == "all":
        # Only the characters that Unicode calls white space: Python would split at four more.
        value = " ".join(filter(None, value.translate(_TO_BLANKS).split(" ")))
    if repair.keep is not None:
        value = value[: repair.keep]
    return repair.replace.get(value, value)

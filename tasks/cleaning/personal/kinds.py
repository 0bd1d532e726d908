"""The kinds of personal data: what their values look like, which of these are valid, and how many make a column one.

A kind with check digits, or of a form that nothing else has, is found by its values alone. What else has the same form
(any ten digits could be a phone number) needs a column name that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tasks.cleaning.personal.check_digits import begins_with_iban, is_card, is_iban
from tasks.cleaning.personal.national_numbers import SCHEMES, NationalNumber
from tasks.cleaning.personal.words import names_a_person

PersonalKind = Literal["email", "phone", "name", "address", "card", "iban", "national_number"]

FEWEST = 5
"""Different values, all but a few valid, before values alone say anything: with one check digit a tenth of all numbers
is valid by chance, and five in a row are one case in 100,000."""

MOSTLY = 0.8
NAMED = 0.5
"""Shares of the values that must be valid, when nothing but the values says so, and when the column's name does."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of value: `pattern` where the column's name speaks for it, `alone` where nothing does.

    Both are regular expressions over the whole value, cut at both ends; `valid` asks those that match. `scheme` is
    the country's for national numbers; `word` is what `kinds_by_name` calls it.
    """

    kind: PersonalKind
    word: str
    pattern: str
    alone: str | None
    valid: Callable[[str], bool] | None = None
    scheme: str | None = None
    digits: int | None = None
    named_share: float = NAMED
    alone_share: float = MOSTLY
    fewest: int = FEWEST

    def share(self, values: pl.Series, pattern: str) -> tuple[float, pl.Series]:
        """The share of the values that are valid, and these."""
        # The pattern first: it is fast, and a check digit costs a call of Python for each value.
        like = values.filter(values.str.contains(pattern))
        if self.valid is not None:
            like = like.filter(pl.Series([self.valid(value) for value in like.to_list()], dtype=pl.Boolean))
        return len(like) / len(values), like


_DECIMAL = re.compile(r"\+?\d+\.\d+")
"""A coordinate or an amount, which would pass for a number with its country."""


def _is_phone(text: str) -> bool:
    """Whether a text of a phone's form is one. With a country's code, the country's own plan of numbers decides.

    Without it, ITU-T E.164: at most 15 digits; less than 7 are no subscriber's number anywhere we know. Which country
    is meant nobody knows, so the form and the column's name must do.
    """
    if _DECIMAL.fullmatch(text):
        return False
    # Only a number with its country can be held against a plan.
    if text.lstrip("( ").startswith("+"):
        return _is_international_phone(text)
    # What follows x or ext is an extension, whose digits do not count.
    number = text.lower().partition("x")[0].partition("e")[0]
    return 7 <= sum(sign.isdigit() for sign in number) <= 15


def _is_international_phone(text: str) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


def _national(scheme: NationalNumber) -> Kind:
    # Without Unicode: its digits and letters that fold to A to Z are in no such number, and no check knows them.
    return Kind(
        kind="national_number",
        word=scheme.name,
        pattern=f"(?i-u)^(?:{scheme.pattern})$",
        alone=None if scheme.alone is None else f"(?i-u)^(?:{scheme.alone})$",
        valid=scheme.is_valid,
        scheme=scheme.name,
        digits=scheme.digits,
    )


_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
"""The form that HTML's `input type=email` takes, with a domain of two parts at least."""

_EXTENSION = r"(?:\s*(?:x|ext\.?)\s*\d{1,6})?"
_NORTH_AMERICAN = r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}"
"""North American Numbering Plan: neither area nor exchange begins with 0 or 1."""
_INTERNATIONAL = r"\+[1-9]\d{0,2}[ .\-(]*\d(?:[ .\-()/]*\d){6,12}"

_NATIONAL = r"0\d{9,10}|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}"

_PERSON = r"^\p{L}[\p{L}\p{M}'\u2019.\-]*(?:,? \(?\"?\p{L}[\p{L}\p{M}'\u2019.\-]*\"?\)?)%s$"
_STREET = (
    r"(?i)\b(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|highway|hwy|"
    r"way|terrace|parkway|pkwy|close|crescent|rue|calle|via|viale|avenida|avda|piazza|plaza|rua|allee|chaussee)\b|"
    r"(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee|ufer|straat|laan|gatan|vej)\b"
)
_HOUSE = r"\b\d{1,5}\s?[A-Za-z]?\b"

KINDS = (
    Kind(
        kind="email",
        word="email",
        pattern=f"^{_EMAIL}$",
        alone=f"^{_EMAIL}$",
        named_share=0.2,
        alone_share=0.5,
        fewest=1,
    ),
    Kind(kind="card", word="card", pattern=r"^\d[\d -]{11,22}\d$", alone=r"^\d[\d -]{11,22}\d$", valid=is_card),
    Kind(
        kind="iban",
        word="iban",
        pattern=r"(?i)^[A-Z]{2}\d{2}[ A-Z0-9-]{11,38}$",
        alone=r"(?i)^[A-Z]{2}\d{2}[ A-Z0-9-]{11,38}$",
        valid=is_iban,
        fewest=2,
    ),
    # Before phones, whose form many of these numbers have as well: of equal shares the first kind is taken.
    *map(_national, SCHEMES),
    Kind(
        kind="phone",
        word="phone",
        pattern=rf"(?i)^\(?\+?\d[\d ().\-/]{{5,}}\d{_EXTENSION}$",
        alone=rf"(?i)^(?:{_INTERNATIONAL}|{_NORTH_AMERICAN}){_EXTENSION}$",
        valid=_is_phone,
    ),
    Kind(
        kind="address",
        word="address",
        pattern=rf"{_STREET}|^\d{{1,5}}[A-Za-z]?,? \p{{L}}{{2,}}|\p{{L}}{{3,}}\.?,? \d{{1,5}} ?[A-Za-z]?(?:$|,)",
        alone=rf"(?:{_HOUSE}.*(?:{_STREET}))|(?:(?:{_STREET}).*{_HOUSE})",
    ),
    Kind(kind="name", word="own_name", pattern=_PERSON % "{0,6}", alone=None, named_share=MOSTLY),
    Kind(
        kind="name",
        word="name",
        pattern=_PERSON % "{0,6}",
        alone=_PERSON % "{1,4}",
        valid=names_a_person,
        named_share=0.2,
        alone_share=0.5,
    ),
)
"""In the order in which they are asked for; of several that fit, the one that the name speaks for is taken first."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """One kind of value within free text, or `in_any_text`: the first group of `pattern` is it, `valid` asks it."""

    kind: PersonalKind
    pattern: str
    valid: Callable[[str], bool] | None = None
    in_any_text: bool = False


INSIDE = (
    Inside(kind="email", pattern=rf"({_EMAIL})", in_any_text=True),
    Inside(
        kind="phone",
        pattern=rf"(?:^|[^\d.,+])({_INTERNATIONAL}|{_NORTH_AMERICAN}|{_NATIONAL})(?:$|\D)",
        valid=_is_phone,
    ),
    Inside(kind="card", pattern=r"(?:^|\D)(\d(?:[ -]?\d){12,18})(?:$|\D)", valid=is_card),
    Inside(kind="iban", pattern=r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30})", valid=begins_with_iban),
)
"""Only these: a name or an address within a sentence cannot be told from other words."""

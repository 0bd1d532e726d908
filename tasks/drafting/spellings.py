"""Spellings of one value: Paid and paid, `no.` and no, yes and TRUE. Told, with the setting that makes them one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.drafting.block import flow
from tasks.drafting.findings import Finding, listed
from tasks.drafting.nearly import first_places
from tasks.drafting.target import Classes
from tasks.sources.base import Source

_YES = frozenset("1 y yes true t on ja j oui si sí".split())  # noqa: SIM905
_NO = frozenset("0 n no false f off nein non".split())  # noqa: SIM905
_MOST_CELLS = 8


@dataclass(frozen=True, kw_only=True)
class Spellings:
    """Names of one column's values, as clean leaves them, each with the one that it is a spelling of."""

    counts: Mapping[str, int]
    replace: Mapping[str, str]

    @property
    def is_case_alone(self) -> bool:
        return all(old.casefold() == new.casefold() for old, new in self.replace.items())

    @property
    def merged(self) -> dict[str, int]:
        """The rows of each value when its spellings are one."""
        counts: dict[str, int] = {}
        for name, count in self.counts.items():
            new = self.replace.get(name, name)
            counts[new] = counts.get(new, 0) + count
        return counts

    @property
    def setting(self) -> dict[str, object]:
        """What the column's section of `clean` must say."""
        return {"case": "merge"} if self.is_case_alone else {"replace": dict(self.replace)}


def spellings_of(counts: Mapping[str, int]) -> Spellings | None:
    """Which of the names say the same, each with the most frequent of its spellings; None where all differ."""
    by_key: dict[str, list[str]] = {}
    is_yes_or_no = _are_yes_and_no(counts)
    for name in sorted(counts):
        key = _key(name)
        if is_yes_or_no:
            key = "yes" if key in _YES else "no"
        by_key.setdefault(key, []).append(name)
    chosen = {key: max(names, key=lambda name: counts[name]) for key, names in by_key.items()}
    replace = {name: chosen[key] for key, names in by_key.items() for name in names if name != chosen[key]}
    return Spellings(counts=counts, replace=replace) if replace else None


def find_spellings(name: str, values: Classes, rows: Source, *, is_merged: bool = False) -> list[Finding]:
    """What is told of one column; `is_merged`: the block makes its spellings one already."""
    spellings = spellings_of(values.counts)
    if spellings is None:
        return []
    spelled = {*spellings.replace, *spellings.replace.values()}
    # As the first of them stands in the file: a blank at its end is gone in clean's form.
    cells = {cleaned: values.cells[cleaned][0] for cleaned in values.counts if cleaned in spelled}
    places = first_places(rows, {name: cells.values()})[name]
    groups: dict[str, list[str]] = {}
    for cleaned, cell in cells.items():
        place = f", first {places[cell]}" if cell in places else ""
        counted = f"`{cell}` ({values.counts[cleaned]:,}{place})"
        groups.setdefault(spellings.replace.get(cleaned, cleaned), []).append(counted)
    setting = flow({"columns": {name: spellings.setting}})
    together = "; ".join(listed(group, _MOST_CELLS) for group in groups.values())
    then = (
        f"They are made one by clean: {setting}, as a part would lack some of them; take it out where they differ."
        if is_merged
        else f"Each is a value of its own; to make them one, write clean: {setting}."
    )
    return [
        Finding(kind="spellings", columns=(name,), message=f"{name} has spellings of one value: {together}. {then}")
    ]


def _key(name: str) -> str:
    """The same for spellings that nobody means to tell apart; signs within a name, as in C++ or <=50K, stay."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    # A dot or comma at the end is left over from a sentence; - and _ between letters stand for a blank.
    plain = re.sub(r"[\s.,;:!]+$", "", plain)
    return re.sub(r"(?<=\w)[\s_-]+(?=[^\W\d])", " ", plain) or name


def _are_yes_and_no(counts: Mapping[str, int]) -> bool:
    """Whether the names say yes and no in words of several pairs."""
    keys = {_key(name) for name in counts}
    return len(keys) > 2 and keys <= _YES | _NO and bool(keys & _YES) and bool(keys & _NO)

"""What was found out about the data, in words, and what follows from it for the pipeline's block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.params.config import Role

# In the order of weight, which `by_weight` takes from here; notes come last.
Kind = Literal[
    "too_few_rows", "known_test_rows", "no_better", "encoding", "leak", "one_hot_label", "rounded", "group", "time",
    "few_in_class", "duplicates", "imbalance", "no_header", "total_row", "title", "second_header", "nearly_numbers",
    "nearly_dates", "spellings", "ambiguous_numbers", "ambiguous_amounts", "ambiguous_dates", "clock_times",
    "sentinel", "opaque", "mostly_empty", "capped", "heavy_tail", "near_constant", "sensitive", "missing",
    "identifier", "constant", "codes", "pattern", "given_split", "ignored",
]  # fmt: skip
_NOTES: frozenset[Kind] = frozenset({"missing", "identifier", "constant", "codes", "pattern", "given_split", "ignored"})
# Three sentences of one kind are still read.
_MANY = 4
_WEIGHTS: Mapping[str, int] = {kind: place for place, kind in enumerate(Kind.__args__)}  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing about one or more columns: `message` is a whole sentence with its numbers.

    `role` and `missing` go into the block, for each of `columns`; `proposal` is only written there as a comment, a line
    of the column's settings that a person may switch on.
    """

    kind: Kind
    columns: tuple[str, ...]
    message: str
    role: Role | None = None
    missing: tuple[str, ...] = ()
    proposal: str | None = None
    cells: tuple[str, ...] = ()
    """Cells of the one column whose first places are to be told as well: whoever has the rows adds them."""

    @property
    def is_warning(self) -> bool:
        """Whether a person should think about it; the rest is only told."""
        return self.kind not in _NOTES


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """What matters most stands first."""
    return sorted(findings, key=lambda finding: _WEIGHTS[finding.kind])


def listed(names: Iterable[str], most: int = 6) -> str:
    """`a, b and 3 more`."""
    names = list(names)
    rest = len(names) - most
    return f"{', '.join(names[:most])} and {rest} more" if rest > 0 else ", ".join(names)


def plain(value: float) -> str:
    """A number as people write it: 1,159,414 and not 1.15941e+06, 41,396 and not 41396; a year has no comma."""
    # Below, `g` writes six digits as they are; above, a float64 has no more whole digits to show.
    if 1e5 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,g}" if abs(value) >= 1e4 else f"{value:g}"


def gathered(findings: Iterable[Finding], kind: Kind, statement: str) -> list[Finding]:
    """Many findings of one kind that change nothing as one: `statement` says it of all columns, the first in full."""
    findings = list(findings)
    same = [finding for finding in findings if finding.kind == kind]
    if len(same) < _MANY:
        return findings
    columns = tuple(name for finding in same for name in finding.columns)
    one = Finding(kind=kind, columns=columns, message=f"{listed(columns)} {statement}; for one, {same[0].message}")
    return [*(finding for finding in findings if finding.kind != kind), one]


def share(part: float, whole: float) -> str:
    """`12.3 %`, with as many digits as a small share needs."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.1f} %" if percent >= 0.1 or not part else f"{percent:.2g} %"

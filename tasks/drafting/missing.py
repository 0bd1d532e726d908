"""Cells that stand for a missing value: words among numbers, well-known signs, and numbers that are none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.drafting.column_statistics import ColumnStatistics
from tasks.drafting.findings import Finding, listed, plain, share
from tasks.drafting.nearly import Strays, describe_strays, first_places, stray_cells
from tasks.drafting.profile import Facts, SourceProfile, Tokens
from tasks.sources.base import Source
from tasks.wording import counted

_NONE = """
    ? na n/a #n/a <na> null nan none nil - -- . .. * x missing unknown unk undefined n.a. nd n.d. #value! #ref! #div/0!
    """
_NONE_AMONG_NUMBERS = frozenset(_NONE.split()) | {"", "not available", "not applicable", "no data"}
"""What stands for a missing value where all else is a number, in small letters."""
_NONE_ANYWHERE = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "NaN", "nan")
"""What hardly ever means anything else, among words too. `None` and `-` do: an answer, a range, a bill of nothing."""

_SENTINELS = re.compile(r"-1|-?(9{2,}(\.9+)?|[12]00|88+(\.8+)?|77+(\.7+)?)|-9(\.9+)?")
"""Numbers that people write where there is none, -200 and -999.9 among them."""


_LONG = 888
"""Signs from here on are no percentage and no count of a few."""


def find_tokens(profile: SourceProfile, known: Tokens, is_table: bool) -> Tokens:
    """What is known, and what the pass shows besides. Only a table of files can say it for all columns at once."""
    everywhere, by_column = set(known.everywhere), {name: set(cells) for name, cells in known.by_column.items()}
    for name, state in profile.columns.items():
        if profile.dtypes[name] != pl.String:
            continue
        for cell in (*_among_numbers(state), *_among_words(state), *stray_cells(profile, name)):
            # What is no value anywhere is best said once, for the whole source.
            if is_table and cell in _NONE_ANYWHERE:
                everywhere.add(cell)
            else:
                by_column.setdefault(name, set()).add(cell)
    return Tokens(
        everywhere=tuple(sorted(everywhere)), by_column={name: tuple(sorted(by_column[name])) for name in by_column}
    )


def describe_tokens(tokens: Tokens, passes: Sequence[SourceProfile], rows: Source) -> list[Finding]:
    """A sentence for each token. `passes`: the profiles in which they were still values."""
    # The first pass saw all cells as they are; later ones have these as missing already.
    everywhere = {cell: tuple(passes[0].columns) for cell in tokens.everywhere}
    signs: dict[str, tuple[str, ...]] = {}
    others: dict[str, list[str]] = {}
    for name, cells in tokens.by_column.items():
        for cell in cells:
            if is_sign(cell):
                signs[cell] = (*signs.get(cell, ()), name)
            else:
                others.setdefault(name, []).append(cell)
    return [
        *(_finding(cell, _counts(passes, cell, names), ()) for cell, names in everywhere.items()),
        *(_finding(cell, _counts(passes, cell, names), (cell,)) for cell, names in signs.items()),
        *_strays(others, passes, rows),
    ]


def _strays(cells: Mapping[str, Sequence[str]], passes: Sequence[SourceProfile], rows: Source) -> list[Finding]:
    """What is told of cells that nobody writes for a missing value: where they stand, too."""
    places = first_places(rows, cells) if cells else {}
    strays = []
    for name in cells:
        counts = {cell: _counts(passes, cell, (name,)).get(name, 1) for cell in places[name]}
        last = passes[-1]
        # By the last pass they count as missing.
        num_present = last.columns[name].num_present + sum(counts.values())
        is_number = last.surveys[name].is_number
        strays.append(
            Strays(column=name, cells=counts, places=places[name], num_present=num_present, is_number=is_number)
        )
    return describe_strays(strays)


def find_sentinels(facts: Facts, target: str) -> list[Finding]:
    """Numbers far from all others, repeated, that look like a sign for "none": proposed, for a person to decide."""
    findings = (
        _sentinel(facts, name, is_target=name == target)
        for name in facts.names
        if facts.is_number(name) and facts.state(name).num_present
    )
    return [finding for finding in findings if finding]


def _among_numbers(state: ColumnStatistics) -> list[str]:
    """The well-known signs in a column of numbers; empty when it holds other words too, unless they are few."""
    cells = state.non_numeric or {}
    # One number among words is a word that looks like one.
    return list(cells) if cells and state.num_numbers >= 2 and all(map(is_sign, cells)) else []


def is_sign(cell: str) -> bool:
    """Whether people write this for a value that is not there."""
    return cell.strip().lower() in _NONE_AMONG_NUMBERS


def _among_words(state: ColumnStatistics) -> list[str]:
    """The well-known signs in a column of words. NA among codes of two letters may be Namibia, and stays."""
    counts = state.counts or {}
    signs = [sign for sign in _NONE_ANYWHERE if sign in counts]
    others = [str(cell) for cell in counts if cell not in _NONE_ANYWHERE]
    # Codes of countries: `NA` is Namibia there.
    if others and all(re.fullmatch(r"[A-Z]{2}", cell) for cell in others):
        signs = [sign for sign in signs if sign != "NA"]
    return signs


def _counts(passes: Sequence[SourceProfile], cell: str, names: Sequence[str]) -> dict[str, int]:
    """In how many rows of each column the cell stands, where it does."""
    counts = {name: max(_count(profile.columns[name], cell) for profile in passes) for name in names}
    return {name: count for name, count in counts.items() if count}


def _count(state: ColumnStatistics, cell: str) -> int:
    counters = (state.counts, state.non_numeric, state.off_format)
    return max(counts.get(cell, 0) for counts in counters if counts is not None) if any(counters) else 0


def _finding(cell: str, counts: Mapping[str, int], missing: tuple[str, ...]) -> Finding:
    shown = f"`{cell}`" if cell.strip() else "a cell of blanks"
    message = f"{shown} stands for a missing value: {listed(f'{name} ({count:,})' for name, count in counts.items())}."
    return Finding(kind="missing", columns=tuple(counts), message=message, missing=missing)


def _sentinel(facts: Facts, name: str, *, is_target: bool) -> Finding | None:
    values = facts.present(name)
    candidates = _numbers_like_signs(facts, name)
    # All of them aside: of -999 and -888, each would else hide how far the other is from the values.
    others = values.filter(~values.is_in(list(candidates)))
    # A sign comes again; a single -999 is an outlier for `clean` to judge. With next to nothing else in the column
    # there is no distance to judge by.
    signs = {
        value: num_rows
        for value, num_rows in candidates.items()
        if num_rows >= max(3, facts.num_rows // 10_000) and others.len() >= num_rows / 50 and _is_far(value, others)
    }
    if not signs:
        return None
    counts = " and ".join(
        f"{plain(value)} in {counted(num_rows, 'row')} ({share(num_rows, facts.num_rows)})"
        for value, num_rows in signs.items()
    )
    what = "a sign for a missing value, or a cap?" if len(signs) == 1 else "signs for missing values, or caps?"
    return Finding(
        kind="sentinel",
        columns=(name,),
        message=f"{name} is {counts}, far from all other values ({_span(others)}): {what}"
        f"{_without_target(sum(signs.values()), facts.num_rows) if is_target else ''}",
        proposal=f"missing: [{', '.join(json.dumps(_written(facts, name, value)) for value in signs)}]",
    )


def _without_target(num_missing: int, num_rows: int) -> str:
    # A quarter more than these: a part may lose more than the whole, and other rules take some.
    limit = round(min(0.99, 1.25 * num_missing / num_rows + 0.1), 2)
    return f" Rows of it then go as rows without a target: allow for them by clean: {{max_quarantined: {limit}}}."


def _numbers_like_signs(facts: Facts, name: str) -> dict[float, int]:
    """The numbers of the column that are written as such signs are, each with its rows; the least first."""
    extremes, values = facts.state(name).extremes, facts.present(name)
    exact = {extremes.low: extremes.num_low, extremes.high: extremes.num_high}
    # Extremes are counted in all rows, what stands between them in the sample.
    sampled = dict(zip(values.unique(maintain_order=True).to_list(), values.unique_counts().to_list(), strict=True))
    like = {value for value in (*sampled, *exact) if _SENTINELS.fullmatch(f"{value:.10g}")}
    return {value: exact.get(value) or facts.estimate(sampled[value]) for value in sorted(like)}


def _is_far(value: float, others: pl.Series) -> bool:
    """Beyond all others by as much as nearly all of those are apart."""
    if _float(others.min()) <= value <= _float(others.max()):
        return False
    low, high = _quantile(others, 0.01), _quantile(others, 0.99)
    # Beside a single other value nothing tells what is far: 95 % and 100 % are two rates.
    if low == high and abs(value) < _LONG:
        return False
    nearest = _float(others.min() if value < low else others.max())
    # The only one below 0: -200 is a sign among amounts of up to 1,500, too. They must spread, as counts may be few.
    if value < 0 <= nearest and high - low >= 10:
        return True
    if value == -1:
        return False
    return abs(nearest - value) >= max(high - low, 1e-12) and (value < nearest) == (value < low)


def _written(facts: Facts, name: str, value: float) -> str:
    """The number as the file has it: -200, or -200.0."""
    written = facts.profile.sample[name]
    same = written.filter((facts.sample[name] == value).fill_null(value=False)).cast(pl.String).unique().sort()
    return str(same[0]) if len(same) else f"{value:g}"


def _span(values: pl.Series) -> str:
    return f"{plain(_float(values.min()))} to {plain(_float(values.max()))}"


def _quantile(values: pl.Series, share: float) -> float:
    return _float(values.quantile(share))


def _float(value: Any) -> float:
    return float(value)

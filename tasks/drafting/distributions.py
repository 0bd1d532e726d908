"""How a column's values are distributed: nearly all the same or missing, few codes, cut at a limit, a long tail."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl

from tasks.drafting.findings import Finding, listed, plain, share
from tasks.drafting.profile import Facts
from tasks.drafting.roles import FEWEST_ROWS
from tasks.wording import counted

_NEARLY_ALL = 0.99
_MANY = 20
"""Columns with fewer different values are codes: what is frequent there is a class, no limit."""
_SKEWED = 5.0
"""Of a normal distribution it is 0, of an exponential one 2."""


def find_near_constant(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns where one value stands in nearly all rows."""
    findings = []
    for name in facts.names:
        counts, num_present = facts.state(name).counts, facts.state(name).num_present
        # With one value it is a constant, which has a finding of its own.
        if name in skip or not counts or len(counts) < 2:
            continue
        value, num_rows = max(counts.items(), key=lambda pair: pair[1])
        if num_rows >= _NEARLY_ALL * num_present:
            message = f"{name} is {value} in {num_rows:,} of {num_present:,} rows ({share(num_rows, num_present)})"
            findings.append(Finding(kind="near_constant", columns=(name,), message=f"{message}."))
    return findings


def find_capped(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns whose greatest value stands there far more often than those near it: a limit that was cut at."""
    findings = []
    for name in _amounts(facts, skip):
        extremes, values = facts.state(name).extremes, facts.present(name)
        num_near = _most_frequent_near(values, extremes.high)
        if facts.estimate(num_near) * 3 < extremes.num_high >= max(10, facts.num_rows * 0.005):
            message = (
                f"{name} is {plain(extremes.high)}, its greatest value, in {counted(extremes.num_high, 'row')} "
                f"({share(extremes.num_high, facts.num_rows)}) and hardly near it: cut off there?"
            )
            findings.append(Finding(kind="capped", columns=(name,), message=message))
    return findings


def find_heavy_tails(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns where a few values are far greater than the rest."""
    findings = []
    for name in _amounts(facts, skip):
        values = facts.present(name)
        # One infinity would make the skewness no number.
        skewness = values.filter(values.is_finite()).skew()
        if skewness is not None and abs(skewness) > _SKEWED:
            end, edge = ("largest", values.max()) if skewness > 0 else ("smallest", values.min())
            median, furthest = plain(_float(values.median())), plain(_float(edge))
            message = f"{name} has a heavy tail: the median is {median}, the {end} of the sample {furthest}"
            findings.append(Finding(kind="heavy_tail", columns=(name,), message=f"{message}."))
    return findings


def find_gaps(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns with a value in fewer than half of the rows."""
    findings = []
    for name in facts.names:
        state = facts.state(name)
        if name not in skip and state.num_missing > facts.num_rows / 2:
            message = (
                f"{name} is missing in {counted(state.num_missing, 'row')} ({share(state.num_missing, facts.num_rows)})"
            )
            findings.append(Finding(kind="mostly_empty", columns=(name,), message=f"{message}: is it worth keeping?"))
    return findings


def find_codes(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Whole numbers with few values, which may be names rather than amounts: told, and left numbers."""
    names = [
        name
        for name in facts.names
        # Two values are a flag, which says the same as a number and as a category.
        if name not in skip and facts.is_whole(name) and 3 <= facts.state(name).num_distinct <= 12
    ]
    if not names or facts.num_rows < FEWEST_ROWS:
        return []
    message = (
        f"{listed(names)}: whole numbers with few different values, read as numbers; "
        "where they are codes without an order, write type: category."
    )
    return [Finding(kind="codes", columns=tuple(names), message=message)]


def _amounts(facts: Facts, skip: Collection[str]) -> list[str]:
    return [
        name
        for name in facts.names
        if name not in skip and facts.is_number(name) and facts.state(name).num_distinct > _MANY
    ]


def _most_frequent_near(values: pl.Series, high: float) -> int:
    """How often the commonest value of the upper tenth of the range stands there, but for the greatest itself."""
    low = _float(values.min()) if len(values) else high
    near = values.filter((values >= high - (high - low) / 10) & (values < high))
    # Renamed, as polars fails on a column called `count`.
    return round(_float(near.alias("value").value_counts()["count"].max())) if len(near) else 0


def _float(value: Any) -> float:
    return float(value)

"""Columns with gaps that give the target away: by where they have a value, or by what it is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.drafting.findings import Finding, share
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess
from tasks.wording import counted

_BY_CHANCE = 1e-6
"""How likely what is left out may be by chance: of tables with a thousand columns, one in a thousand loses one."""
_NEARLY = 0.98
_ENOUGH_ROWS = 50
"""Rows with a value below which a few exceptions may be chance."""
_FEWEST_EQUAL = 10
_FEWEST_AMOUNTS = 5
"""Equal amounts prove nothing where there are hardly any different ones."""
_ROWS_PER_VALUE = 3

Floats = NDArray[np.float64]


def find_partial_leaks(facts: Facts, target: TargetGuess, features: Sequence[str]) -> list[Finding]:
    """Certain ones, with the role id, and suspected ones, with a proposal; at most one for a column."""
    rows = facts.sample.filter(facts.sample[target.name].is_not_null())
    findings = []
    for name in features:
        # Of the rows with a target: a column that has no gap there has nothing to say here.
        if 0 < rows[name].null_count() < rows.height:
            finding = (
                _of_amounts(facts, target.name, rows, name)
                if target.task == "regression"
                else _of_classes(facts, target.name, rows, name)
            )
            findings += [finding] if finding else []
    return findings


def _of_classes(facts: Facts, target: str, rows: pl.DataFrame, name: str) -> Finding | None:
    classes = rows[target].cast(pl.String)
    is_present = rows[name].is_not_null()
    by_presence = _one_class(classes, is_present)
    if by_presence:
        num_with, num_class = int(is_present.sum()), int((classes == by_presence).sum())
        exactly = "exactly" if num_with == num_class else "only"
        where = f"{name} has a value {exactly} where {target} is {by_presence}"
        return _certain(name, f"{where} ({counted(facts.estimate(num_with), 'row')})", target)
    finding = _nearly_one_class(facts, target, classes, is_present, name)
    if not finding and not (facts.is_free_text(name) or facts.is_media(name)):
        finding = _repeated(target, rows.filter(is_present), name)
    by_absence = None if finding else _one_class(classes, ~is_present)
    if by_absence:
        num_without = facts.estimate(int((~is_present).sum()))
        finding = _suspected(
            name, f"where {name} is missing ({counted(num_without, 'row')}), {target} is always {by_absence}"
        )
    return finding


def _one_class(classes: pl.Series, among: pl.Series) -> str | None:
    """The one class that all of these rows have, when that is no chance."""
    own = classes.filter(among)
    if own.n_unique() != 1:
        return None
    overall = float((classes == own[0]).mean())
    # A class that nearly all rows have says nothing, however many they are.
    return str(own[0]) if overall ** len(own) < _BY_CHANCE else None


def _nearly_one_class(facts: Facts, target: str, classes: pl.Series, present: pl.Series, name: str) -> Finding | None:
    """A value in next to all rows of one class, and in next to no others."""
    own = classes.filter(present)
    if len(own) < _ENOUGH_ROWS:
        return None
    counts = own.alias("value").value_counts().sort("count", "value", descending=[True, False])
    commonest, num_hits = str(counts["value"][0]), int(counts["count"][0])
    num_class = int((classes == commonest).sum())
    # A class that most rows have is met by chance as well.
    if min(num_hits / len(own), num_hits / num_class) < _NEARLY or num_class > _NEARLY * len(classes):
        return None
    return _suspected(
        name,
        f"{name} has a value in {share(num_hits, num_class)} of the rows where {target} is {commonest}, and in "
        f"{facts.estimate(len(own) - num_hits):,} others",
    )


def _repeated(target: str, rows: pl.DataFrame, name: str) -> Finding | None:
    """Each value goes with one class, where there is a value."""
    pairs = pl.DataFrame({"value": rows[name].cast(pl.String), "class": rows[target].cast(pl.String)})
    counts = pairs.group_by("value", "class").len("rows")
    num_values, num_classes = pairs["value"].n_unique(), pairs["class"].n_unique()
    shares = counts.group_by("class").agg(pl.col("rows").sum())["rows"].to_numpy() / len(pairs)
    # The first row of each value may have any class; the others agree with it by chance, each with this probability.
    agreement = float((shares**2).sum())
    is_chance = agreement ** (len(pairs) - num_values) >= _BY_CHANCE
    if num_classes < 2 or is_chance or num_values * _ROWS_PER_VALUE > len(pairs):
        return None
    num_hits = int(counts.group_by("value").agg(pl.col("rows").max())["rows"].sum())
    where = f"in the {counted(len(pairs), 'row')} where {name} has a value"
    if num_hits == len(pairs) and num_values == num_classes:
        return _certain(name, f"{where}, it is {target} again, a value for each class", target)
    is_better = shares.max() < 1 - 5 * (1 - _NEARLY)
    if num_hits >= _NEARLY * len(pairs) and is_better and (num_hits == len(pairs) or len(pairs) >= _ENOUGH_ROWS):
        return _suspected(name, f"{where}, it tells {target} in {share(num_hits, len(pairs))} of them")
    return None


def _of_amounts(facts: Facts, target: str, rows: pl.DataFrame, name: str) -> Finding | None:
    amounts = _floats(rows[target])
    is_present = rows[name].is_not_null().to_numpy()
    by_presence = _one_class(rows[target].cast(pl.String), rows[name].is_not_null())
    if by_presence:
        where = f"{name} has a value only where {target} is {by_presence}"
        return _certain(name, f"{where} ({counted(facts.estimate(int(is_present.sum())), 'row')})", target)
    if facts.is_number(name):
        own, there = _floats(rows[name])[is_present], amounts[is_present]
        both = np.isfinite(own) & np.isfinite(there)
        own, there = own[both], there[both]
        is_varied = len(np.unique(there)) >= _FEWEST_AMOUNTS
        if is_varied and len(own) >= _FEWEST_EQUAL and np.isclose(own, there, rtol=1e-9, atol=0).all():
            return _certain(
                name, f"in the {counted(len(own), 'row')} where {name} has a value, it equals {target}", target
            )
        if is_varied and len(own) >= _ENOUGH_ROWS and _r2(own, there) > _NEARLY:
            return _suspected(
                name, f"in the {counted(len(own), 'row')} where {name} has a value, it tells {target} almost alone"
            )
    if min(is_present.sum(), (~is_present).sum()) >= _ENOUGH_ROWS and _r2(is_present.astype(float), amounts) > _NEARLY:
        return _suspected(name, f"whether {name} has a value tells {target} almost alone")
    return None


def _repeated_amounts(target: str, amounts: Floats, values: Floats, name: str) -> Finding | None:
    both = np.isfinite(values) & np.isfinite(amounts)
    values, amounts = values[both], amounts[both]
    if len(np.unique(amounts)) < _FEWEST_AMOUNTS:
        return None
    where = f"in the {counted(len(values), 'row')} where {name} has a value, it"
    if len(values) >= _FEWEST_EQUAL and np.isclose(values, amounts, rtol=1e-9, atol=0).all():
        return _certain(name, f"{where} equals {target}", target)
    if len(values) >= _ENOUGH_ROWS and _r2(values, amounts) > _NEARLY:
        return _suspected(name, f"{where} tells {target} almost alone")
    return None


def _r2(values: Floats, amounts: Floats) -> float:
    """The share of the amounts' variance that a straight line in the values explains."""
    both = np.isfinite(values) & np.isfinite(amounts)
    if np.ptp(values[both]) == 0 or np.ptp(amounts[both]) == 0:
        return 0.0
    # Numbers near the largest float overflow when squared; they prove nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        correlation = float(np.corrcoef(values[both], amounts[both])[0, 1])
    return correlation**2 if np.isfinite(correlation) else 0.0


def _floats(values: pl.Series) -> Floats:
    return values.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _certain(name: str, statement: str, target: str) -> Finding:
    message = f"{statement}: left out, as it is written down after {target} is known."
    return Finding(kind="leak", columns=(name,), message=message, role="id")


def _suspected(name: str, statement: str) -> Finding:
    return Finding(
        kind="leak",
        columns=(name,),
        message=f"{statement}: known before it is, or written down after?",
        proposal="role: id",
    )

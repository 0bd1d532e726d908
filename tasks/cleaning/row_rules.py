"""Rules that need one row only: no target, values that cannot be used, values that are impossible."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tasks.cleaning.settings import of_type
from tasks.columns import column_type
from tasks.columns.base import ColumnType
from tasks.params.clean import Clean, CleanColumn
from tasks.tables.dataset import Column, Dataset
from tasks.tables.quarantine import add_findings, no_findings

_LARGEST_WEIGHT = 1e30
"""Networks and LightGBM add weights up in single precision, which ends at 3e38."""


def find_faults(rows: pl.DataFrame, dataset: Dataset, config: Clean, *, is_train: bool) -> pl.DataFrame:
    """Rule and reason for each row that must go, as tasks.tables.quarantine keeps them; `rows` are repaired.

    A row without a target, or with one that is impossible, has no answer to learn or to judge by; one that cannot be
    decoded has nothing to ask. A feature beyond its bounds is what the world may bring: such rows are not learnt from.
    """
    target = dataset.target.name
    # First of all rules: a row without a target is of no use, whatever else is wrong with it.
    no_target = pl.when(rows[target].is_null()).then(pl.lit(f"{target} is missing"))
    findings = add_findings(no_findings(rows.height), "missing_target", rows.select(no_target).to_series())
    for column in (*dataset.features, dataset.target):
        values = rows[column.name]
        reasons = column_type(column.type).faults(values, of_type(config, column))
        findings = add_findings(findings, f"unusable_{column.type}", reasons)
    if dataset.weight is not None:
        findings = add_findings(findings, "unusable_weight", _unusable_weight(rows[dataset.weight.name]))
    findings = add_findings(findings, "nothing_present", _nothing_present(rows, dataset))
    if is_train:
        return _with_impossible(findings, rows, (*dataset.features, dataset.target), config)
    return _with_impossible(findings, rows, (dataset.target,), config)


def find_flags(rows: pl.DataFrame, dataset: Dataset, config: Clean) -> pl.DataFrame:
    """Rule and reason for each row that stays and should be looked at, such as one with a blank image."""
    findings = _with_impossible(no_findings(rows.height), rows, dataset.features, config)
    for column in dataset.features:
        # Most types flag nothing: a column of missing reasons a part would only cost time.
        if type(column_type(column.type)).flags is ColumnType.flags:
            continue
        reasons = column_type(column.type).flags(rows[column.name], of_type(config, column))
        findings = add_findings(findings, f"doubtful_{column.type}", reasons)
    return findings


def _unusable_weight(weights: pl.Series) -> pl.Series:
    """Nobody can say how much such a row counts."""
    wrong = (weights < 0) | (weights > _LARGEST_WEIGHT) | weights.is_nan()
    reason = (
        pl.when(weights.is_null())
        .then(pl.lit(f"{weights.name} is missing"))
        .when(wrong)
        .then(pl.format("{} is {}, which is no weight", pl.lit(weights.name), weights))
    )
    return pl.DataFrame([weights]).select(reason.alias("reason")).to_series()


def _nothing_present(rows: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """A missing value is a value to learn from, as long as another feature has one."""
    present: list[pl.Series] = []
    for column in dataset.features:
        present.append(column_type(column.type).is_present(rows[column.name]).alias(column.name))
        # One feature that every row has is enough, and in most tables the first one is.
        if present[-1].all():
            break
    if not present or present[-1].all():
        return pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    what = f"{dataset.features[0].name} is missing" if len(present) == 1 else "no feature has a value"
    nothing = pl.when(~pl.any_horizontal(pl.all())).then(pl.lit(what))
    return pl.DataFrame(present).select(nothing.alias("reason")).to_series()


def _with_impossible(
    findings: pl.DataFrame, rows: pl.DataFrame, columns: Iterable[Column], config: Clean
) -> pl.DataFrame:
    """Adds the rows that a column's own bounds call impossible, where such rows are to go."""
    for column in columns:
        own = config.columns.get(column.name)
        if own is not None and own.outside == "quarantine":
            findings = add_findings(findings, "impossible", _impossible(rows[column.name], own))
    return findings


def _impossible(values: pl.Series, own: CleanColumn) -> pl.Series:
    name = values.name
    shown = pl.col(name).cast(pl.String)
    # Given as String: of nothing but missing reasons polars would make a column of type Null.
    reason = pl.lit(None, dtype=pl.String)
    if values.dtype.is_numeric():
        if own.min is not None:
            low = pl.format(f"{name} is {{}}, below {own.min:g}", shown)
            reason = pl.when(pl.col(name) < own.min).then(low).otherwise(reason)
        if own.max is not None:
            high = pl.format(f"{name} is {{}}, above {own.max:g}", shown)
            reason = pl.when(pl.col(name) > own.max).then(high).otherwise(reason)
    elif own.allowed is not None:
        unknown = pl.col(name).is_not_null() & ~pl.col(name).is_in(list(own.allowed))
        reason = pl.when(unknown).then(pl.format(f"{name} is {{}}, which is not allowed", shown)).otherwise(reason)
    return values.to_frame().select(reason.alias(name)).to_series()

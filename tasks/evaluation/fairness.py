"""Whether the model treats groups of people alike: those that columns with the role sensitive tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from tasks.evaluation.fairness_report import FairnessReport, GroupComparison, GroupScore, worst
from tasks.evaluation.group_differences import GroupContrast, contrast
from tasks.evaluation.group_figures import GroupedRows
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.partitions import FEWEST_ROWS, Partition, by_column
from tasks.evaluation.sliceable_columns import sensitive_columns, values_of_test_rows
from tasks.measures import Measure
from tasks.params.register import GROUP_MEASURES
from tasks.paths import Paths
from tasks.tables.dataset import Column, Dataset

MOST_CROSSED = 200
"""Groups of two columns at once, in all: of more, hardly one has rows enough."""


def fairness_of_test_rows(judge: Judge, rows: JudgedRows, dataset: Dataset, paths: Paths) -> FairnessReport:
    """By the sensitive columns of the test rows, as clean left them."""
    columns = sensitive_columns(dataset, paths)
    return fairness_of(judge, rows, values_of_test_rows(paths, columns), columns)


def fairness_of(judge: Judge, rows: JudgedRows, values: pl.DataFrame, columns: Sequence[Column]) -> FairnessReport:
    """Of rows that were answered, by the values [N] that they have in these columns.

    Rows of weight 0 count for nothing. Each column alone, then pairs of columns, those of the
    fewest groups first, of MOST_CROSSED groups at most.
    """
    counted = rows.weights > 0
    if not counted.all():
        rows, values = rows.where(counted), values.filter(pl.Series(counted)) if columns else values
    singles = [_named(by_column(values[column.name], column)) for column in columns]
    pairs = [_crossed(*pair) for pair in combinations(singles, 2)]
    shown = _few(pairs)
    contrasts = {
        partition.columns: contrast(GroupedRows(judge=judge, rows=rows, names=partition.names, codes=partition.codes))
        for partition in [*singles, *shown]
    }
    return FairnessReport(
        metric=judge.metric,
        positive=rows.classes[judge.positive] if rows.classes and judge.positive is not None else None,
        num_rows=len(rows.weights),
        fewest_rows=FEWEST_ROWS,
        comparisons=tuple(_comparison(names, one) for names, one in contrasts.items()),
        num_pairs_left_out=len(pairs) - len(shown),
        measured=_measured(contrasts),
    )


def _measured(contrasts: Mapping[tuple[str, ...], GroupContrast]) -> dict[str, Measure]:
    """Each difference that the gate knows, the worst of all columns and pairs: groups that are answered alike by each
    of two columns may be far apart where both are looked at (Kearns and others, Preventing Fairness Gerrymandering,
    2018)."""
    of_column = {names: one.differences(num_families=len(contrasts)) for names, one in contrasts.items()}
    of_columns = {
        name: {names: there[name] for names, there in of_column.items() if name in there} for name in GROUP_MEASURES
    }
    return {name: worst(there) for name, there in of_columns.items() if there}


def _comparison(columns: tuple[str, ...], one: GroupContrast) -> GroupComparison:
    num_rows = one.grouped.num_rows
    groups = [
        GroupScore(
            name=name,
            num_rows=int(num_rows[code]),
            compared=bool(num_rows[code] >= FEWEST_ROWS),
            figures={figure: _defined(values[code]) for figure, values in one.values.items()},
        )
        for code, name in enumerate(one.grouped.names)
    ]
    return GroupComparison(
        columns=columns,
        groups=tuple(groups),
        num_rows_left_out=int((one.grouped.codes < 0).sum()),
        differences=tuple(one.differences().values()),
    )


def _named(partition: Partition) -> Partition:
    """Groups that have rows, by what they are within the column: `Female`, `up to 30`, `missing`."""
    kept = partition.only(partition.num_rows > 0)
    (column,) = kept.columns
    names = tuple(name.removeprefix(f"{column} ").removeprefix("is ") for name in kept.names)
    return Partition(columns=kept.columns, names=names, codes=kept.codes)


def _crossed(first: Partition, second: Partition) -> Partition:
    """Groups by both columns that have rows."""
    width = len(second.names)
    codes = np.where((first.codes >= 0) & (second.codes >= 0), first.codes * width + second.codes, -1)
    names = tuple(f"{one}, {other}" for one in first.names for other in second.names)
    whole = Partition(columns=first.columns + second.columns, names=names, codes=codes)
    return whole.only(whole.num_rows > 0)


def _few(pairs: Sequence[Partition]) -> list[Partition]:
    kept: list[Partition] = []
    num_left = MOST_CROSSED
    for pair in sorted(pairs, key=lambda pair: len(pair.names)):
        num_left -= len(pair.names)
        if num_left < 0:
            break
        kept.append(pair)
    return kept


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

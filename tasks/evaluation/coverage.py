"""Whether intervals and sets of classes keep on the test rows what they promise, and how wide they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.mean_interval import mean_of_rows
from tasks.evaluation.partitions import FEWEST_ROWS, Partition, partitions
from tasks.evaluation.weighted_metrics import Floats
from tasks.measures import Measure
from tasks.model_input.conformal import BY_ANSWER, BY_CLASS, ConformalRule
from tasks.params.config import Config
from tasks.tables.dataset import Column

_MOST_SHOWN = 24


class KindCoverage(Config):
    """Of one kind of test rows, such as "region is north", the share whose truth is within, and the mean size."""

    name: str
    coverage: Measure
    size: Measure

    def falls_short_of(self, promised: float) -> bool:
        """Whether all of the 95 % interval lies below it."""
        return self.coverage.high is not None and self.coverage.high < promised


class CoverageReport(Config):
    """coverage.json: by the test rows; `promised` is the stated share, `num_validation` the rows that it was learnt
    from.

    `size` is the mean width of intervals, in the target's unit, or the mean number of classes in a set; `single` and
    `empty` are the shares of sets of one class and of none. `pinball` is the mean pinball loss of both ends, each as
    the quantile that it would be, (1 - coverage) / 2 and (1 + coverage) / 2, if misses were as many on either side.
    """

    promised: float
    by: str | None
    num_validation: int
    coverage: Measure
    size: Measure
    single: Measure | None = None
    empty: Measure | None = None
    pinball: Measure | None = None
    kinds: tuple[KindCoverage, ...] = ()
    unbounded: tuple[str, ...] = ()
    """Classes that are in every set, as too few validation rows are of them."""

    @property
    def is_of_classes(self) -> bool:
        return self.single is not None

    @property
    def shown(self) -> tuple[KindCoverage, ...]:
        """The kinds on the page: all, or those of the least coverage when there are more than a reader goes through."""
        if len(self.kinds) <= _MOST_SHOWN:
            return self.kinds
        return tuple(sorted(self.kinds, key=lambda kind: kind.coverage.value)[:_MOST_SHOWN])

    @property
    def measures(self) -> dict[str, Measure]:
        """What the gate can bound, by its names."""
        sizes = {"set_size" if self.is_of_classes else "interval_width": self.size}
        return {"coverage": self.coverage, **sizes, **({"pinball": self.pinball} if self.pinball else {})}


def coverage_report(
    rule: ConformalRule, rows: JudgedRows, values: pl.DataFrame, sensitive: Sequence[Column] = ()
) -> CoverageReport:
    """Of test rows, whose `values` [N] are those of the columns that kinds are told apart by: the rule's own, as text,
    and the `sensitive` ones, as they are at rest."""
    weights, groups, truth = rows.weights, rows.groups, rows.predictions.y_true
    own = values[rule.column.name].cast(pl.String) if rule.column else None
    more: dict[str, Measure] = {}
    if rows.classes:
        sets = rule.sets(rows.predictions.y_score, own)
        is_within, sizes = sets[np.arange(len(truth)), truth], sets.sum(axis=1).astype(np.float64)
        more["single"], more["empty"] = (mean_of_rows(sizes == size, weights, groups) for size in (1, 0))
    else:
        low, high = rule.interval(rows.predictions.y_score, own)
        is_within, sizes = (low <= truth) & (truth <= high), high - low
        more["pinball"] = mean_of_rows(pinball_losses(truth, low, high, rule.coverage), weights, groups)
    kinds = [_of_kinds(one, is_within, sizes, rows) for one in _partitions(rule, rows, own, values, sensitive)]
    return CoverageReport(
        promised=rule.coverage,
        by=rule.by,
        num_validation=rule.num_rows,
        coverage=mean_of_rows(is_within, weights, groups),
        size=mean_of_rows(sizes, weights, groups),
        kinds=tuple(kind for of_partition in kinds for kind in of_partition),
        unbounded=tuple(str(kind) for kind, one in zip(rule.kinds, rule.distances, strict=True) if one is None),
        **more,
    )


def pinball_losses(truth: Floats, low: Floats, high: Floats, coverage: float) -> Floats:
    """The mean of both ends' losses, [N]: an end is off by more where the truth is on the side that is to be rare."""
    ends = (low, (1 - coverage) / 2), (high, (1 + coverage) / 2)
    losses = [np.maximum(level * (truth - end), (level - 1) * (truth - end)) for end, level in ends]
    return np.asarray(np.mean(losses, axis=0))


def _partitions(
    rule: ConformalRule, rows: JudgedRows, own: pl.Series | None, values: pl.DataFrame, sensitive: Sequence[Column]
) -> Iterator[Partition]:
    """By what the rule goes by, then by each sensitive column."""
    if rule.by is not None:
        named = "answer" if rule.by == BY_ANSWER else rule.by
        yield _whole(named, rule, _numbers(rule, rows, own))
    for column in sensitive:
        if rule.column is None or column.name != rule.column.name:
            yield from partitions(values.select(column.name), [column])


def _numbers(rule: ConformalRule, rows: JudgedRows, own: pl.Series | None) -> NDArray[np.int64]:
    if rule.by == BY_CLASS:
        return np.asarray(rows.predictions.y_true)
    return rule.kind_numbers(rows.predictions.y_score, own)


def _whole(named: str, rule: ConformalRule, numbers: NDArray[np.int64]) -> Partition:
    """Rows of no known kind are one of their own; kinds of few rows are left out, as in slices."""
    if rule.by == BY_ANSWER:
        names = [str(kind) for kind in rule.kinds]
    else:
        names = [f"{named} is {'missing' if kind is None else kind}" for kind in rule.kinds]
    codes = np.where(numbers < 0, len(names), numbers)
    partition = Partition(columns=(named,), names=(*names, f"{named} is new"), codes=codes)
    return partition.only(partition.num_rows >= FEWEST_ROWS)


def _of_kinds(
    partition: Partition, is_within: NDArray[np.bool_], sizes: Floats, rows: JudgedRows
) -> Iterator[KindCoverage]:
    for number, name in enumerate(partition.names):
        own = partition.codes == number
        if not rows.weights[own].any():
            continue
        groups = None if rows.groups is None else rows.groups[own]
        coverage, size = (mean_of_rows(one[own], rows.weights[own], groups, of=name) for one in (is_within, sizes))
        yield KindCoverage(name=name, coverage=coverage, size=size)

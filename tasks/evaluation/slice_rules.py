"""What must hold in each kind of test rows: a bound of the metric, and that the champion is not better there.

Many slices are looked at, and the worst of them looks bad by chance. So a slice breaks a rule only where it surely
does, after all slices that the rule was asked of (Holm).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.evaluation.bound_test import worse_than_bound
from tasks.evaluation.holm import holm
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_tests import PairedTest, paired_test
from tasks.evaluation.partitions import Partition, partitions
from tasks.evaluation.sliceable_columns import sliceable_columns, values_of_test_rows
from tasks.evaluation.weighted_metrics import Answers
from tasks.params.config import Metric
from tasks.params.register import LOWER_IS_BETTER, SliceRules
from tasks.paths import Paths
from tasks.promotion.contest import SliceLoss
from tasks.promotion.gate import GateRule
from tasks.tables.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class ComparedSlices:
    """The slices in which a challenger must not be worse than the champion by more than `worse_by`."""

    partitions: Sequence[Partition]
    worse_by: float
    alpha: float

    def where(self, kept: NDArray[np.bool_]) -> ComparedSlices:
        """Of those rows alone."""
        return ComparedSlices(
            partitions=[one.where(kept) for one in self.partitions], worse_by=self.worse_by, alpha=self.alpha
        )


def ruled_partitions(config: SliceRules, paths: Paths, dataset: Dataset) -> list[Partition]:
    """The slices of the test rows that the rules are asked of, by columns as clean left them.

    Raises UserError for a column that cannot be sliced by.
    """
    columns = sliceable_columns(dataset, paths)
    known = [column.name for column in columns]
    for name in config.columns or ():
        if name not in known:
            raise UserError(
                f"params.yaml: register.slices.columns: {name} is no column that rows are told apart by: a feature of "
                f"type category, boolean or number, or one of the role sensitive{did_you_mean(name, known)}"
            )
    chosen = [column for column in columns if config.columns is None or column.name in config.columns]
    return partitions(values_of_test_rows(paths, chosen), chosen)


def bounds_in_slices(
    judge: Judge, rows: JudgedRows, tested: Sequence[Partition], config: SliceRules
) -> tuple[GateRule, ...]:
    """A rule for each slice that surely breaks the bound; where none does, one for the slice that is nearest to it."""
    slices = [(name, rows.where(within & (rows.weights > 0))) for name, within in _slices(tested)]
    bound = config.max if judge.metric in LOWER_IS_BETTER else config.min
    assert bound is not None, "asked only where there is a bound"
    p_values = holm(np.array([worse_than_bound(judge, own, bound) for _, own in slices]))
    values = np.array([_value(judge, own) for _, own in slices])
    away = values - bound if judge.metric in LOWER_IS_BETTER else bound - values
    order = np.lexsort((-away, p_values))
    order = order[~np.isnan(p_values[order])]
    broken = [place for place in order if p_values[place] <= config.alpha]
    return tuple(
        GateRule(
            metric=judge.metric,
            of=slices[place][0],
            min=config.min,
            max=config.max,
            surely=False,
            value=float(values[place]),
            low=None,
            high=None,
            num_rows=len(slices[place][1].weights),
            p_value=float(p_values[place]),
            num_tests=int((~np.isnan(p_values)).sum()),
            passed=place not in broken,
        )
        for place in broken or order[:1]
    )


def slices_that_lose(
    metric: Metric, ours: Answers, theirs: Answers, rows: JudgedRows, compared: ComparedSlices
) -> tuple[SliceLoss, ...]:
    """The slices in which the first is surely worse than the second by more than is allowed, the surest first."""
    slices = [(name, within & (rows.weights > 0)) for name, within in _slices(compared.partitions)]
    tests = [_lost(metric, ours.where(own), theirs.where(own), rows.where(own), compared) for _, own in slices]
    p_values = holm(np.array([np.nan if test is None else test.p_value for test in tests]))
    losses = [
        SliceLoss(name=name, num_rows=int(own.sum()), loss=test.gain, p_value=float(p))
        for (name, own), test, p in zip(slices, tests, p_values, strict=True)
        if test is not None and p <= compared.alpha
    ]
    return tuple(sorted(losses, key=lambda one: (one.p_value, -one.loss)))


def _slices(tested: Sequence[Partition]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for partition in tested:
        for code, name in enumerate(partition.names):
            yield name, partition.codes == code


def _value(judge: Judge, rows: JudgedRows) -> float:
    return judge.of(rows.predictions.y_true, rows.predictions.y_score)(rows.weights)


def _lost(
    metric: Metric, ours: Answers, theirs: Answers, rows: JudgedRows, compared: ComparedSlices
) -> PairedTest | None:
    """Whether the second is better by more than is allowed."""
    return paired_test(metric, theirs, ours, rows.weights, rows.groups, compared.worse_by)

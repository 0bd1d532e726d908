"""What must hold in each kind of test rows: a bound of the metric, and that the champion is not better there.

Many slices are looked at, and the worst of them looks bad by chance. So a slice breaks a rule only where it surely
does, after all that were asked (Holm): of a bound the rules of the gate that refuse what is surely broken are among
them, as they refuse the same version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.evaluation.bound_test import worse_than_bound
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_tests import PairedTest, paired_test
from tasks.evaluation.partitions import Partition, partitions
from tasks.evaluation.sliceable_columns import sliceable_columns, values_of_test_rows
from tasks.evaluation.weighted_metrics import Answers
from tasks.holm import holm
from tasks.params.config import Metric, metrics_of
from tasks.params.register import LOWER_IS_BETTER, Bound, Bounded, SliceRules
from tasks.paths import Paths
from tasks.promotion.contest import SliceLoss
from tasks.promotion.gate_rule import GateRule
from tasks.recipe.recipe import Recipe
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


def ruled_partitions(config: SliceRules, paths: Paths, dataset: Dataset, recipe: Recipe) -> list[Partition]:
    """The slices of the test rows that the rules are asked of, by columns as clean left them or as the recipe computes
    them.

    Raises UserError for a column that cannot be sliced by.
    """
    columns = sliceable_columns(dataset, paths, recipe)
    known = [column.name for column in columns]
    for name in config.columns or ():
        if name not in known:
            raise UserError(
                f"params.yaml: register.slices.columns: {name} is no column that rows are told apart by: a feature of "
                f"type category, boolean or number, or one of the role sensitive{did_you_mean(name, known)}"
            )
    chosen = [column for column in columns if config.columns is None or column.name in config.columns]
    return partitions(values_of_test_rows(paths, chosen, recipe), chosen)


def bounds_in_slices(
    judge: Judge, rows: JudgedRows, tested: Sequence[Partition], config: SliceRules
) -> tuple[GateRule, ...]:
    """A rule for each slice whose rows tell something, with how likely it would be that bad by chance if it kept the
    bound; the gate asks which are broken after all."""
    bound = config.max if judge.metric in LOWER_IS_BETTER else config.min
    assert bound is not None, "asked only where there is a bound"
    rules = []
    for name, within in _slices(tested):
        own = rows.where(within & (rows.weights > 0))
        p_value = worse_than_bound(judge, own, bound)
        if not np.isnan(p_value):
            rules.append(
                GateRule(
                    metric=judge.metric,
                    of=name,
                    min=config.min,
                    max=config.max,
                    surely="broken",
                    value=judge.of(own.predictions.y_true, own.predictions.y_score)(own.weights),
                    low=None,
                    high=None,
                    num_rows=len(own.weights),
                    p_value=p_value,
                    passed=True,
                )
            )
    return tuple(rules)


def p_values_of_metrics(judge: Judge, rows: JudgedRows, bounds: Mapping[Bounded, Bound]) -> dict[str, float | None]:
    """How likely each metric would be that bad by chance if it kept its bound, of those that the gate refuses where the
    bound is surely broken: by the test of the metric, which is as sure far out as its interval. None where the rows do
    not tell; a metric that is bounded from the side on which it is better is not here."""
    counted, known = rows.where(rows.weights > 0), metrics_of("multiclass" if rows.classes else "regression")
    p_values: dict[str, float | None] = {}
    for metric in known:
        asked = bounds.get(metric)
        if asked is None or asked.surely != "broken":
            continue
        worse, better = (asked.max, asked.min) if metric in LOWER_IS_BETTER else (asked.min, asked.max)
        if worse is not None and better is None:
            p = worse_than_bound(replace(judge, metric=metric), counted, worse)
            p_values[metric] = None if np.isnan(p) else p
    return p_values


def slices_that_lose(
    metric: Metric, ours: Answers, theirs: Answers, rows: JudgedRows, compared: ComparedSlices
) -> tuple[SliceLoss, ...]:
    """The slices in which the first is surely worse than the second by more than is allowed, the surest first."""
    slices = [(name, within & (rows.weights > 0)) for name, within in _slices(compared.partitions)]
    tests = [_lost(metric, ours.where(own), theirs.where(own), rows.where(own), compared) for _, own in slices]
    adjusted = holm([np.nan if test is None else test.p_value for test in tests])
    losses = [
        SliceLoss(
            name=name,
            num_rows=int(own.sum()),
            loss=test.gain,
            p_value=test.p_value,
            adjusted_p_value=float(p),
        )
        for (name, own), test, p in zip(slices, tests, adjusted, strict=True)
        if test is not None and p <= compared.alpha
    ]
    return tuple(sorted(losses, key=lambda one: (one.adjusted_p_value, one.p_value, -one.loss)))


def _slices(tested: Sequence[Partition]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for partition in tested:
        for code, name in enumerate(partition.names):
            yield name, partition.codes == code


def _lost(
    metric: Metric, ours: Answers, theirs: Answers, rows: JudgedRows, compared: ComparedSlices
) -> PairedTest | None:
    """Whether the second is better by more than is allowed."""
    return paired_test(metric, theirs, ours, rows.weights, rows.groups, compared.worse_by)

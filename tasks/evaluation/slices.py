"""On which kinds of test rows the model is worse than on the rest: slices by one column or by two, each tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import FEWER_RESAMPLES, intervals
from tasks.evaluation.partitions import Partition, partitions
from tasks.evaluation.slice_test import worse_p_values
from tasks.evaluation.sliceable_columns import sliceable_columns, values_of_test_rows
from tasks.evaluation.weighted_metrics import Floats, row_losses
from tasks.params.config import Config, Metric
from tasks.params.register import LOWER_IS_BETTER
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables.dataset import Column, Dataset

FALSE_DISCOVERY_RATE = 0.1
"""Of the slices that are called worse, the share that is so by chance, at most and on average."""
MOST_SHOWN = 12
_Place = tuple[Partition, int]
"""The number of a slice, in the partition that has it."""


class SliceScore(Config):
    """How the model does on one kind of rows, and on all others.

    `name` is such as "town is Ulm and age over 60", `cut_from` the slices of one column that a pair is cut from.
    `value` is the metric there, None where it is undefined, as ROC-AUC is of one class alone; `rest` that of all other
    rows, `difference` the first less the second; the 95 % interval of `value` is worked out for slices that are shown.
    `worse` is whether it is worse for sure: by `q_value`, the p-value after all that were tested, and not better by the
    metric itself. A slice that is one group, or has all others, has no p-value.
    """

    name: str
    columns: tuple[str, ...]
    cut_from: tuple[str, ...] = ()
    num_rows: int
    value: float | None
    low: float | None = None
    high: float | None = None
    rest: float | None
    difference: float | None
    p_value: float | None
    q_value: float | None
    worse: bool


class SliceReport(Config):
    """slices.json: all slices that were tested, those first that are worse for sure, and of them the surest.

    `tested_by` is the metric whose row values are compared: that of the pipeline where it is a mean of such values or
    its root, else log loss, or RMSE, which stands for squared errors.
    """

    metric: Metric
    tested_by: Metric
    value: float
    num_rows: int
    slices: tuple[SliceScore, ...]

    @property
    def shown(self) -> tuple[SliceScore, ...]:
        """What the page shows: a pair only where it is surer than each of the two slices that it is cut from, as
        else these explain it."""
        p_values = {one.name: one.p_value for one in self.slices if one.p_value is not None}
        surest = [
            one
            for one in self.slices
            if one.worse and all(p_values[one.name] < p_values.get(name, 1.0) for name in one.cut_from)
        ]
        return tuple(surest[:MOST_SHOWN])


def slices_of_test_rows(judge: Judge, rows: JudgedRows, dataset: Dataset, recipe: Recipe, paths: Paths) -> SliceReport:
    """By the test rows as clean left them, and by the features of one's own that the recipe computes of them."""
    columns = sliceable_columns(dataset, paths, recipe)
    return slices_of(judge, rows, values_of_test_rows(paths, columns, recipe), columns)


def slices_of(judge: Judge, rows: JudgedRows, values: pl.DataFrame, columns: Sequence[Column]) -> SliceReport:
    """Of rows that were answered, by the values [N] that they have in these columns.

    Rows of weight 0 count for no slice. The false discovery rate is kept by the procedure of Benjamini and Hochberg
    (Journal of the Royal Statistical Society B 57, 1995), over the slices of one column and of two together.
    """
    counted = rows.weights > 0
    if not counted.all():
        rows, values = rows.where(counted), values.filter(pl.Series(counted)) if columns else values
    answers = judge.answers(rows.predictions.y_true, rows.predictions.y_score)
    tested_by, losses = row_losses(judge.metric, answers)
    tested = partitions(values, columns)
    p_values = worse_p_values(tested, losses, rows.weights, rows.groups)
    scored = list(_scores(judge, rows, tested, p_values, _q_values(p_values)))
    scored.sort(key=lambda pair: _rank(pair[0]))
    report = SliceReport(
        metric=judge.metric,
        tested_by=tested_by,
        value=judge.of(rows.predictions.y_true, rows.predictions.y_score)(rows.weights),
        num_rows=len(rows.weights),
        slices=tuple(one for one, _ in scored),
    )
    # By what they are: values that are cut to be shown may leave two of one name.
    shown = {id(one) for one in report.shown}
    slices = tuple(_with_interval(judge, rows, one, own) if id(one) in shown else one for one, own in scored)
    return report.model_copy(update={"slices": slices})


def _q_values(p_values: Floats) -> Floats:
    """Those that there are, after all that were tested; NaN where there is no p-value."""
    from scipy.stats import false_discovery_control

    q_values, are_tested = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    if are_tested.any():
        q_values[are_tested] = false_discovery_control(p_values[are_tested], method="bh")
    return q_values


def _scores(
    judge: Judge, rows: JudgedRows, tested: Sequence[Partition], p_values: Floats, q_values: Floats
) -> Iterator[tuple[SliceScore, _Place]]:
    """Each slice, and where its rows are."""
    of_weights = judge.of(rows.predictions.y_true, rows.predictions.y_score)
    place = 0
    for partition in tested:
        num_rows = partition.num_rows
        for code, name in enumerate(partition.names):
            within = partition.codes == code
            value, rest = (_defined(of_weights(rows.weights * kept)) for kept in (within, ~within))
            difference = None if value is None or rest is None else value - rest
            score = SliceScore(
                name=name,
                columns=partition.columns,
                cut_from=partition.single_names[code] if partition.single_names else (),
                num_rows=int(num_rows[code]),
                value=value,
                rest=rest,
                difference=difference,
                p_value=_defined(p_values[place]),
                q_value=_defined(q_values[place]),
                worse=bool(q_values[place] <= FALSE_DISCOVERY_RATE) and _is_below(judge.metric, difference),
            )
            place += 1
            yield score, (partition, code)


def _is_below(metric: Metric, difference: float | None) -> bool:
    """Whether the metric is worse, too: log loss may be so where rows are harder, and their order is none the worse."""
    if difference is None:
        return True
    return difference > 0 if metric in LOWER_IS_BETTER else difference < 0


def _rank(one: SliceScore) -> tuple[bool, float, int, str]:
    return not one.worse, 2.0 if one.p_value is None else one.p_value, -one.num_rows, one.name


def _with_interval(judge: Judge, rows: JudgedRows, one: SliceScore, place: _Place) -> SliceScore:
    # Rows drawn anew make it larger than it is.
    if judge.metric == "calibration_error":
        return one
    partition, code = place
    own = rows.where(partition.codes == code)
    of_weights = judge.of(own.predictions.y_true, own.predictions.y_score)
    ends = intervals({judge.metric: of_weights}, own.weights, own.groups, FEWER_RESAMPLES)[judge.metric]
    return one if ends is None else one.model_copy(update={"low": ends[0], "high": ends[1]})


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

"""How much the model needs each column: by how much the metric gets worse when its values are shuffled among test rows.

With the interval in which the loss lies with 95 % confidence over other test rows: a column that is of no use has one
that holds 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.judge import Judge
from tasks.evaluation.paired_bootstrap import CONFIDENCE
from tasks.evaluation.plots import importance_bars
from tasks.evaluation.weighted_metrics import Floats
from tasks.explanation.association import correlated_groups
from tasks.explanation.dependents import Dependents
from tasks.explanation.permutation import Columns, columns_that_matter, permuted_answers, varies
from tasks.model_input.inputs import Examples, Spec
from tasks.params.config import Metric
from tasks.params.register import LOWER_IS_BETTER
from tasks.trainers.base import Model
from tasks.trainers.introspection import rates

_NUM_RESAMPLES = 100
"""Enough for a standard error that is right to some 7 %."""
_SEED = 0
_DIGITS = 6
_MOST_SHOWN, _MOST_GROUPS_SHOWN = 15, 5


@dataclass(frozen=True, kw_only=True)
class ColumnImportance:
    """What shuffling these columns costs, in the metric's own unit; `own` is the model's own share of them.

    None where it was not measured or the metric is undefined, and `own` where the model keeps none.
    """

    columns: Columns
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    own: float | None = None
    is_still: bool = False
    """Whether it is the same in all rows that were shuffled, so that nothing is known of it."""

    @property
    def name(self) -> str:
        """As people read it."""
        return " + ".join(self.columns)

    @property
    def rank(self) -> float:
        """The larger, the more important; what was not measured comes last."""
        return -np.inf if self.loss is None else self.loss


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Columns and groups of them, each most important first; `num_rows` test rows were shuffled."""

    metric: Metric
    num_rows: int
    columns: tuple[ColumnImportance, ...]
    groups: tuple[ColumnImportance, ...]

    def as_table(self) -> pl.DataFrame:
        """importance.csv."""
        entries = [*(("column", one) for one in self.columns), *(("group", one) for one in self.groups)]
        names = ("loss", "low", "high", "own")
        figures = {name: [_rounded(getattr(one, name)) for _, one in entries] for name in names}
        return pl.DataFrame(
            {
                "column": [one.name for _, one in entries],
                "kind": [kind for kind, _ in entries],
                "metric": [self.metric] * len(entries),
                "importance": pl.Series(figures["loss"], dtype=pl.Float64),
                "low": pl.Series(figures["low"], dtype=pl.Float64),
                "high": pl.Series(figures["high"], dtype=pl.Float64),
                "model_share": pl.Series(figures["own"], dtype=pl.Float64),
            }
        )

    def picture(self) -> bytes:
        """importance.png: the columns that matter most, and the groups."""
        shown = [one for one in self.shown if one.loss is not None]
        ends = np.array([(one.low, one.high) for one in shown], dtype=np.float64).reshape(-1, 2)
        losses = np.array([one.loss for one in shown], dtype=np.float64)
        return importance_bars([one.name for one in shown], losses, ends, self.metric.replace("_", " "))

    @property
    def has_own(self) -> bool:
        """Whether the model says of itself what it used."""
        return any(one.own is not None for one in self.columns)

    @property
    def shown_columns(self) -> int:
        """How many columns, not groups, are shown."""
        return min(_MOST_SHOWN, len(self.columns))

    def place(self, value: float) -> float:
        """Where a value lies between the lowest and the highest end that is shown, from 2 to 98."""
        ends = [0.0, *(end for one in self.shown for end in (one.low, one.high) if end is not None)]
        width = (max(ends) - min(ends)) or 1.0
        return round(2 + 96 * (value - min(ends)) / width, 2)

    @property
    def shown(self) -> tuple[ColumnImportance, ...]:
        """What a person looks at."""
        return (*self.columns[:_MOST_SHOWN], *self.groups[:_MOST_GROUPS_SHOWN])


def measured_importance(
    model: Model,
    spec: Spec,
    rows: Examples,
    judge: Judge,
    groups_of_rows: NDArray[np.int64] | None = None,
    dependents: Dependents | None = None,
) -> Importance:
    """That of every column, and of groups of columns that tell the same; also of columns that are no input themselves,
    and are read by features of one's own.

    `groups_of_rows` are the numbers of the rows' groups [N]: rows of one patient or day are no evidence of their own.
    `dependents` are the features of one's own of the rows, if there are any.
    """
    own = rates(model)
    names = columns_that_matter(model, rows.inputs, spec, dependents)
    groups = correlated_groups(spec, rows.inputs, names)
    read_only = dependents.read_only if dependents else ()
    every = [*(field.name for field in spec.fields), *read_only]
    varying = {name for name in every if varies(rows.inputs, (name,), dependents)}
    asked = [(name,) for name in (*names, *read_only) if name in varying]
    sets = [*asked, *(group for group in groups if varying.intersection(group))]
    answers = permuted_answers(model, rows.inputs, sets, dependents=dependents)
    losses = _losses(model, rows, zip(sets, answers, strict=True), judge, groups_of_rows)
    columns = [replace(_with_own((name,), losses.get((name,)), own), is_still=name not in varying) for name in every]
    return Importance(
        metric=judge.metric,
        num_rows=rows.num_rows,
        columns=_ranked(columns),
        groups=_ranked([_with_own(group, losses[group], own) for group in groups]),
    )


_Loss = tuple[float, float, float] | None


def _losses(
    model: Model,
    rows: Examples,
    asked: Iterable[tuple[Columns, Floats]],
    judge: Judge,
    groups: NDArray[np.int64] | None,
) -> dict[Columns, _Loss]:
    """Of each set of columns; `asked` are the answers when they are shuffled."""
    before = model.predict(rows.inputs)
    weights = np.ones(rows.num_rows) if rows.weight is None else rows.weight
    draws, num_units = _draws(weights, groups)
    sign = 1 if judge.metric in LOWER_IS_BETTER else -1
    of_usual = judge.of(rows.target, before)
    usual = np.array([of_usual(drawn) for drawn in [weights, *draws]])
    losses: dict[Columns, _Loss] = {}
    for columns, after in asked:
        if np.array_equal(after, np.broadcast_to(before, after.shape)):
            losses[columns] = (0.0, 0.0, 0.0)  # a column that the model does not use
            continue
        shuffled = [judge.of(rows.target, answers) for answers in after]
        values = np.array([np.mean([of(drawn) for of in shuffled]) for drawn in [weights, *draws]])
        losses[columns] = _interval(sign * (values - usual), num_units)
    return losses


def _draws(weights: Floats, groups: NDArray[np.int64] | None) -> tuple[list[Floats], int]:
    """The rows' weights in each resample, and of how many rows or groups these are drawn."""
    units = np.arange(len(weights)) if groups is None else np.unique(groups, return_inverse=True)[1]
    num_units = int(units.max()) + 1
    random = np.random.default_rng(_SEED)
    counts = (
        np.bincount(random.integers(num_units, size=num_units), minlength=num_units) for _ in range(_NUM_RESAMPLES)
    )
    return [weights * count[units] for count in counts], num_units


def _interval(values: Floats, num_units: int) -> _Loss:
    """The loss on all rows, the first of the values, and its ends by the standard error of the others."""
    from scipy.stats import t

    resampled = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or len(resampled) < 2 or num_units < 2:
        return None
    # Of few rows resamples vary too little: as in `paired_bootstrap`, by Student's distribution.
    reach = float(np.sqrt(num_units / (num_units - 1)) * t.ppf((1 + CONFIDENCE) / 2, num_units - 1))
    error = reach * float(resampled.std(ddof=1))
    loss = float(values[0])
    return loss, loss - error, loss + error


def _with_own(columns: Columns, loss: _Loss, own: Mapping[str, float]) -> ColumnImportance:
    # No model keeps a share of a column that is no input of it.
    share = sum(own[name] for name in columns) if own.keys() >= set(columns) else None
    value, low, high = loss or (None, None, None)
    return ColumnImportance(columns=columns, loss=value, low=low, high=high, own=share)


def _ranked(entries: Sequence[ColumnImportance]) -> tuple[ColumnImportance, ...]:
    # Python's sort is stable: of equal ones the earlier column stays the earlier.
    return tuple(sorted(entries, key=lambda one: -one.rank))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")

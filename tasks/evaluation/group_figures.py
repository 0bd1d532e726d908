"""What is said of each group of test rows, by Fairlearn, and what each of these figures is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.fairness_report import SELECTION
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.weighted_metrics import Answers, Floats, OfWeights, row_losses
from tasks.params.config import Metric

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RowFigure:
    """A figure of any rows: of those that are in its `base` [N].

    Of a rate, the share of rows that are `hits` [N]; of all else `of` makes of some rows' numbers the function of their
    weights, and `values` [N] are what tests of means go by, where the figure is one or its root.
    """

    base: Bools
    hits: Bools | None = None
    of: Callable[[Ints], OfWeights] | None = None
    values: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class GroupedRows:
    """Test rows in groups: `codes` [N] number them by their `names`, -1 for a row in none."""

    judge: Judge
    rows: JudgedRows
    names: tuple[str, ...]
    codes: Ints

    @property
    def answers(self) -> Answers:
        return self.judge.answers(self.rows.predictions.y_true, self.rows.predictions.y_score)

    @property
    def num_rows(self) -> Ints:
        """Of each group."""
        return np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:]

    def own_rows(self, code: int, base: Bools) -> Ints:
        """The numbers of a group's rows that are in the base."""
        return np.flatnonzero((self.codes == code) & base)


def selection_of(name: str) -> str:
    """What the share of rows is called that are answered as this class."""
    return f"{SELECTION}{name}"


def row_figures(judge: Judge, rows: JudgedRows) -> dict[str, RowFigure]:
    """By their names, the metric that the pipeline is judged by the last one."""
    answers = judge.answers(rows.predictions.y_true, rows.predictions.y_score)
    every = np.ones(len(answers.y_true), dtype=bool)
    if not rows.classes:
        return {**_without(judge.metric, _of_numbers(answers, every)), judge.metric: _of_metric(judge, answers, every)}
    rates = {"accuracy": RowFigure(base=every, hits=answers.y_pred == answers.y_true)}
    if judge.positive is not None:
        is_positive, is_answered = answers.y_true == judge.positive, answers.y_pred == judge.positive
        rates = {
            "selection_rate": RowFigure(base=every, hits=is_answered),
            "true_positive_rate": RowFigure(base=is_positive, hits=is_answered),
            "false_positive_rate": RowFigure(base=~is_positive, hits=is_answered),
            **rates,
        }
        as_rates = {"recall": rates["true_positive_rate"], "precision": RowFigure(base=is_answered, hits=is_positive)}
    else:
        by_class = {
            selection_of(name): RowFigure(base=every, hits=answers.y_pred == number)
            for number, name in enumerate(rows.classes)
        }
        rates, as_rates = {**rates, **by_class}, {}
        rates["recall"] = _of_metric(replace(judge, metric="recall"), answers, every)
    own = {"accuracy": rates["accuracy"], **as_rates}.get(judge.metric) or _of_metric(judge, answers, every)
    return {**_without(judge.metric, rates), judge.metric: own}


def _without(metric: Metric, figures: Mapping[str, RowFigure]) -> dict[str, RowFigure]:
    """The metric that decides has the last place, whether it is a figure of its own or not."""
    return {name: figure for name, figure in figures.items() if name != metric}


def _of_numbers(answers: Answers, every: Bools) -> dict[str, RowFigure]:
    means = {"mean_answer": answers.y_score, "mean_error": answers.y_score - answers.y_true}
    by_metric: tuple[Metric, ...] = ("rmse", "mae")
    return {
        **{name: RowFigure(base=every, of=partial(_mean_of, values), values=values) for name, values in means.items()},
        **{metric: _of_metric(Judge(metric=metric), answers, every) for metric in by_metric},
    }


def _of_metric(judge: Judge, answers: Answers, every: Bools) -> RowFigure:
    tested_by, losses = row_losses(judge.metric, answers)
    values = losses if tested_by == judge.metric else None
    return RowFigure(base=every, of=partial(_metric_of, judge, answers), values=values)


def _mean_of(values: Floats, own: Ints) -> OfWeights:
    return lambda weights: float((weights * values[own]).sum() / weights.sum())


def _metric_of(judge: Judge, answers: Answers, own: Ints) -> OfWeights:
    return judge.of(answers.y_true[own], answers.y_score[own])


def group_values(grouped: GroupedRows, figures: Mapping[str, RowFigure]) -> dict[str, Floats]:
    """Each figure of each group [G], NaN where it is undefined."""
    return {
        name: _by_metric(grouped, figure) if figure.hits is None else _by_fairlearn(grouped, figure.base, figure.hits)
        for name, figure in figures.items()
    }


def _by_metric(grouped: GroupedRows, figure: RowFigure) -> Floats:
    assert figure.of is not None
    values = np.full(len(grouped.names), np.nan)
    for code in range(len(grouped.names)):
        own = grouped.own_rows(code, figure.base)
        if len(own):
            values[code] = figure.of(own)(grouped.rows.weights[own])
    return values


def _by_fairlearn(grouped: GroupedRows, base: Bools, hits: Bools) -> Floats:
    """The share of hits among each group's rows of the base: of these, Fairlearn's selection rate."""
    from fairlearn.metrics import MetricFrame, selection_rate

    values, kept = np.full(len(grouped.names), np.nan), base & (grouped.codes >= 0)
    if kept.any():
        frame = MetricFrame(
            metrics=selection_rate,
            y_true=hits[kept].astype(np.int64),
            y_pred=hits[kept].astype(np.int64),
            # A column of its own: of one row alone, Fairlearn takes an array for a number.
            sensitive_features={"group": grouped.codes[kept]},
            sample_params={"sample_weight": grouped.rows.weights[kept]},
        )
        values[frame.by_group.index.to_numpy().astype(np.int64)] = frame.by_group.to_numpy(dtype=np.float64)
    return values

"""Two trials on the same test rows: the metric of both, their difference and its interval; or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.evaluation.comparison import compare
from tasks.evaluation.cost_matrix import cost_matrix
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.paired_bootstrap import Interval, group_numbers, paired_interval
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.weighted_metrics import Answers, Floats, metric_of_weights
from tasks.params.config import Metric
from tasks.params.evaluate import Evaluate
from tasks.promotion.contest import Comparison, NotComparableError

_PROBABILITY = "probability_"

_FEWEST = 2
"""Rows that a comparison needs: one alone tells nothing of others."""


def on_common_rows(metric: Metric, baseline: pl.DataFrame, other: pl.DataFrame, config: Evaluate) -> Comparison:
    """`other` in the challenger's place and `baseline` in the champion's, both as `kept_answers` has them.

    Only rows that both answered, with the same truth, count. Raises NotComparableError when these are too few, or when
    one answers another question.
    """
    rows = _in_both(baseline, other)
    if rows.height < _FEWEST:
        raise NotComparableError(f"of their test rows, {rows.height} are the same")
    comparison = compare(metric, _judged(rows, other.columns), _second(rows, baseline.columns), config)
    return comparison.model_copy(update={"notes": (*comparison.notes, *_left_out(rows, baseline, other))})


def _in_both(baseline: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows of `other` beside those of `baseline`, whose columns end in `_baseline`."""
    if baseline.schema["actual"] != other.schema["actual"]:
        raise NotComparableError("one answers with classes, the other with a number")
    renamed = baseline.rename({name: f"{name}_baseline" for name in baseline.columns if name not in ("row", "number")})
    rows = other.join(renamed, on=["row", "number"], how="inner", maintain_order="left")
    # A row whose target was put right in between is another row.
    return rows.filter(pl.col("actual").eq_missing(pl.col("actual_baseline")))


def _left_out(rows: pl.DataFrame, baseline: pl.DataFrame, other: pl.DataFrame) -> tuple[str, ...]:
    if rows.height == baseline.height == other.height:
        return ()
    return (
        f"only the {rows.height:,} test rows that both were judged on: {baseline.height:,} and {other.height:,} are "
        "their own",
    )


def _second(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """What the baseline answered, as a version answers."""
    names = [name for name in columns if name == "prediction" or name.startswith(_PROBABILITY)]
    return rows.select(pl.col(f"{name}_baseline").alias(name) for name in names)


def _judged(rows: pl.DataFrame, columns: list[str]) -> JudgedRows:
    known = [name.removeprefix(_PROBABILITY) for name in columns if name.startswith(_PROBABILITY)]
    # A class that is newer than the version gets no probability of it.
    classes = tuple(dict.fromkeys([*known, *(rows["actual"].unique().sort() if known else ())]))
    groups = group_numbers(rows["group"].cast(pl.String)) if "group" in columns else None
    return JudgedRows(classes=classes, predictions=_predictions(rows, classes), groups=groups)


def _predictions(rows: pl.DataFrame, classes: tuple[str, ...]) -> Predictions:
    weight = rows["weight"].to_numpy() if "weight" in rows.columns else None
    if not classes:
        return Predictions(y_true=rows["actual"].to_numpy(), y_score=rows["prediction"].to_numpy(), weight=weight)
    numbers = {name: number for number, name in enumerate(classes)}
    y_true = np.array([numbers[name] for name in rows["actual"]], dtype=np.int64)
    scores = np.zeros((rows.height, len(classes)))
    for name, number in numbers.items():
        if f"{_PROBABILITY}{name}" in rows.columns:
            scores[:, number] = rows[f"{_PROBABILITY}{name}"].to_numpy()
    answered = np.array([numbers[name] for name in rows["prediction"]], dtype=np.int64)
    return Predictions(y_true=y_true, y_score=scores, weight=weight, answered=answered)


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric on one trial's own test rows, with its interval where they are enough for one."""

    value: float
    interval: Interval | None
    num_rows: int


def score(metric: Metric, answers: pl.DataFrame, config: Evaluate) -> Score:
    """The metric of one trial, and how far it would move with other test rows of the same kind."""
    rows = _judged(answers, answers.columns)
    positive = positive_number(rows.classes, config.positive) if rows.classes else None
    predictions = rows.predictions
    answers_of_it = Answers(
        y_true=predictions.y_true,
        y_score=predictions.y_score,
        average=config.average,
        positive=positive,
        answered=predictions.answered,
        costs=cost_matrix(config, rows.classes),
    )
    value = metric_of_weights(metric, answers_of_it)
    interval = paired_interval(value, _nothing, rows.weights, rows.groups)
    return Score(value=value(rows.weights), interval=interval, num_rows=answers.height)


def _nothing(weights: Floats) -> float:
    return 0.0

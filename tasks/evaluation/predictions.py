"""What answers to the test rows are worth: metrics, pictures, and which rows to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.metrics import (
    ClassScore,
    class_scores,
    classification_metrics,
    confusion_counts,
    positive_number,
    regression_metrics,
    reliability,
)
from tasks.evaluation.plots import (
    Plot,
    calibration,
    confusion_matrix,
    predicted_against_actual,
    residuals,
    roc_curve,
)
from tasks.params.evaluate import Evaluate
from tasks.reports import number

MOST_MISTAKES = 12
_DIGITS = 6
"""Of a probability in predictions.csv."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The test rows' truths [N] and the model's answers: probabilities [N, K], or values [N] for regression."""

    actual: NDArray[Any]
    given: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the answers are worth. `predictions` has a line a test row; `worst` are row numbers, worst first.

    `verdict` puts it in rows or units, such as "2 of 270 wrong".
    """

    metrics: dict[str, float]
    predictions: pl.DataFrame
    pictures: list[Plot]
    worst: list[int]
    verdict: str
    scores: list[ClassScore]
    positive: str | None = None


def judge_classes(classes: Sequence[str], answers: Answers, config: Evaluate) -> Judgement:
    """Answers as probabilities [N, K] against class numbers."""
    actual, given = answers.actual, answers.given
    metrics = classification_metrics(classes, actual, given, config.average, config.positive)
    predicted, claimed = given.argmax(axis=1), given.max(axis=1)
    counts = confusion_counts(actual, predicted, len(classes))
    positive = positive_number(classes, config.positive)
    names = np.array(classes, dtype=object)
    wrong = np.flatnonzero(predicted != actual)
    return Judgement(
        metrics=metrics,
        predictions=pl.DataFrame(
            {
                "actual": names[actual].tolist(),
                "predicted": names[predicted].tolist(),
                "probability": claimed.round(_DIGITS),
            }
        ),
        pictures=[confusion_matrix(classes, counts), *_probability_pictures(classes, answers, positive)],
        worst=_first(wrong, -claimed[wrong]),
        verdict=f"{len(wrong):,} of {len(actual):,} test rows wrong",
        scores=class_scores(classes, counts),
        positive=None if positive is None else classes[positive],
    )


def judge_values(answers: Answers) -> Judgement:
    """Answers as values [N] against values."""
    actual, given = answers.actual.astype(np.float64), answers.given
    metrics = regression_metrics(actual, given)
    off = np.abs(given - actual)
    return Judgement(
        metrics=metrics,
        # Nine digits are what a single-precision number holds.
        predictions=pl.DataFrame({"actual": actual, "predicted": given}).with_columns(pl.all().round_sig_figs(9)),
        pictures=[predicted_against_actual(actual, given), residuals(actual, given)],
        worst=_first(np.arange(len(off)), -off),
        verdict=f"half of {len(actual):,} test rows within {number(float(np.median(off)))}",
        scores=[],
    )


def _probability_pictures(classes: Sequence[str], answers: Answers, positive: int | None) -> list[Plot]:
    actual, given = answers.actual, answers.given
    if positive is None:
        bins = reliability(given.max(axis=1), given.argmax(axis=1) == actual)
        return [calibration(bins, "probability of the answer")]
    name, truth, probability = classes[positive], actual == positive, given[:, positive]
    return [roc_curve(name, truth, probability), calibration(reliability(probability, truth), f"probability of {name}")]


def _first(rows: NDArray[np.int64], rank: NDArray[np.float64]) -> list[int]:
    """The rows of lowest rank; of equal ones the earlier row, whatever the platform's sort."""
    return [int(row) for row in rows[np.argsort(rank, kind="stable")][:MOST_MISTAKES]]

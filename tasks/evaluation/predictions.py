"""What predictions on the test rows are worth: metrics, pictures, and which rows to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.confidence import risk_coverage
from tasks.evaluation.cost_matrix import cost_matrix
from tasks.evaluation.drawing import Plot
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
    calibration,
    confusion_matrix,
    predicted_against_actual,
    residuals,
    risk_by_coverage,
    roc_curve,
)
from tasks.params.config import Metric
from tasks.params.evaluate import Evaluate
from tasks.wording import number

MOST_MISTAKES = 12


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The test rows' true values [N] and what is predicted: probabilities [N, K], or values [N] for regression.

    `weight` is how much each row counts, [N]; None where all count the same. `answered` are the class numbers [N] that
    are answered; None where these are the likeliest ones.
    """

    y_true: NDArray[Any]
    y_score: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None
    answered: NDArray[np.int64] | None = None

    @property
    def y_pred(self) -> NDArray[np.int64]:
        """The class that is answered, [N]."""
        return self.y_score.argmax(axis=1) if self.answered is None else self.answered

    def where(self, kept: NDArray[np.bool_]) -> Predictions:
        """Those rows alone."""
        return Predictions(
            y_true=self.y_true[kept],
            y_score=self.y_score[kept],
            weight=None if self.weight is None else self.weight[kept],
            answered=None if self.answered is None else self.answered[kept],
        )

    def as_table(self) -> pl.DataFrame:
        """A row a test row, as it lies at rest: `actual`, a class number or a value, `answer`, `weight`, and
        `answered`, where it is not the likeliest class."""
        shape = self.y_score.shape[1:]
        answers = pl.Series("answer", self.y_score, dtype=pl.Array(pl.Float64, shape) if shape else pl.Float64)
        more = {"weight": self.weight, "answered": self.answered}
        there = [pl.Series(name, values) for name, values in more.items() if values is not None]
        return pl.DataFrame([pl.Series("actual", self.y_true), answers, *there])

    @classmethod
    def of_table(cls, rows: pl.DataFrame) -> Predictions:
        """What `as_table` made."""
        weight, answered = (rows[name].to_numpy() if name in rows.columns else None for name in ("weight", "answered"))
        actual, answer = rows["actual"].to_numpy(), rows["answer"].to_numpy()
        return cls(y_true=actual, y_score=answer, weight=weight, answered=answered)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What the predictions are worth. `predictions` has a line a test row; `worst` are row numbers, worst first.

    `verdict` puts it in rows or units, such as "2 of 270 wrong".
    """

    metrics: dict[Metric, float]
    predictions: pl.DataFrame
    plots: list[Plot]
    worst: list[int]
    verdict: str
    scores: list[ClassScore]
    positive: str | None = None


def evaluate_classification(classes: Sequence[str], predictions: Predictions, config: Evaluate) -> Evaluation:
    """Predictions as probabilities [N, K] against class numbers."""
    y_true, y_score = predictions.y_true, predictions.y_score
    weight, answered = predictions.weight, predictions.answered
    metrics = classification_metrics(
        classes, y_true, y_score, config.average, config.positive, weight=weight, answered=answered
    )
    y_pred = predictions.y_pred
    if (costs := cost_matrix(config, classes)) is not None:
        metrics["expected_cost"] = float(np.average(costs[y_true, y_pred], weights=weight))
    confidence = y_score[np.arange(len(y_pred)), y_pred]
    counts = confusion_counts(y_true, y_pred, len(classes))
    positive = positive_number(classes, config.positive)
    names = np.array(classes, dtype=object)
    wrong_rows = np.flatnonzero(y_pred != y_true)
    return Evaluation(
        metrics=metrics,
        predictions=pl.DataFrame(
            {
                "actual": names[y_true].tolist(),
                "predicted": names[y_pred].tolist(),
                "probability": confidence,
            }
        ),
        plots=[confusion_matrix(classes, counts), *_probability_plots(classes, predictions, positive)],
        # The surest mistakes first: they say most about what the model has learnt wrongly.
        worst=_first(wrong_rows, -confidence[wrong_rows]),
        verdict=f"{len(wrong_rows):,} of {len(y_true):,} test rows wrong",
        scores=class_scores(classes, y_true, y_pred, predictions.weight),
        positive=None if positive is None else classes[positive],
    )


def evaluate_regression(predictions: Predictions) -> Evaluation:
    """Predictions as values [N] against values."""
    y_true, y_pred = predictions.y_true.astype(np.float64), predictions.y_score
    metrics = regression_metrics(y_true, y_pred, predictions.weight)
    errors = np.abs(y_pred - y_true)
    return Evaluation(
        metrics=metrics,
        predictions=pl.DataFrame({"actual": y_true, "predicted": y_pred}),
        plots=[predicted_against_actual(y_true, y_pred), residuals(y_true, y_pred)],
        worst=_first(np.arange(len(errors)), -errors),
        verdict=f"half of {len(y_true):,} test rows within {number(float(np.median(errors)))}",
        scores=[],
    )


def _probability_plots(classes: Sequence[str], predictions: Predictions, positive: int | None) -> list[Plot]:
    y_true, y_score = predictions.y_true, predictions.y_score
    by_confidence = risk_by_coverage(risk_coverage(predictions))
    if positive is None:
        bins = reliability(y_score.max(axis=1), y_score.argmax(axis=1) == y_true)
        return [calibration(bins, "probability of the answer"), by_confidence]
    name, truth, probability = classes[positive], y_true == positive, y_score[:, positive]
    of_positive = calibration(reliability(probability, truth), f"probability of {name}")
    return [roc_curve(name, truth, probability), of_positive, by_confidence]


def _first(rows: NDArray[np.int64], rank: NDArray[np.float64]) -> list[int]:
    """The rows of lowest rank; of equal ones the earlier row, whatever the platform's sort."""
    return [int(row) for row in rows[np.argsort(rank, kind="stable")][:MOST_MISTAKES]]

"""What each answered row adds to a metric, once its label is there; and how sure its answer was, before that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.monitoring.tail_bounds import Floats
from tasks.params.monitor import LossName

_LEAST = float(np.finfo(np.float64).eps)
"""As scikit-learn has it: a probability of 0 for what came true would be a loss without end."""


@dataclass(frozen=True, kw_only=True)
class AnsweredRows:
    """Answers [N]: numbers, or class numbers with the probabilities [N, K] of all classes."""

    answered: NDArray[Any]
    probabilities: Floats | None = None

    @property
    def confidence(self) -> Floats:
        """What tells before the label how well a row may be answered, [N]: the answered class's probability, or the
        number itself, as large ones are missed by more."""
        if self.probabilities is None:
            return self.answered.astype(np.float64)
        return self.probabilities[np.arange(len(self.answered)), self.answered.astype(np.int64)]


def answered_rows(answers: pl.DataFrame, classes: Sequence[str]) -> AnsweredRows:
    """From the columns that `predict` writes: `prediction`, and of classes `probability_CLASS` each."""
    if not classes:
        return AnsweredRows(answered=answers["prediction"].cast(pl.Float64).to_numpy())
    numbers = {name: number for number, name in enumerate(classes)}
    answered = answers["prediction"].cast(pl.String).replace_strict(numbers, return_dtype=pl.Int64)
    probabilities = answers.select(f"probability_{name}" for name in classes).cast(pl.Float64).to_numpy()
    return AnsweredRows(answered=answered.to_numpy(), probabilities=probabilities)


def row_losses(actual: NDArray[Any], rows: AnsweredRows) -> dict[LossName, Floats]:
    """What each row [N] adds to each metric, whose value is their mean (of rmse the mean's root)."""
    if rows.probabilities is None:
        errors = rows.answered - actual
        return {"rmse": errors**2, "mae": np.abs(errors)}
    numbers = actual.astype(np.int64)
    shares = rows.probabilities / rows.probabilities.sum(axis=1, keepdims=True)
    truth = np.eye(shares.shape[1])[numbers]
    own = np.clip(shares[np.arange(len(numbers)), numbers], _LEAST, 1.0)
    squares = ((shares - truth) ** 2).sum(axis=1)
    # Of two classes the one says what the other does, and by custom counts once.
    brier = squares / 2 if shares.shape[1] == 2 else squares
    return {"accuracy": (rows.answered == numbers).astype(np.float64), "log_loss": -np.log(own), "brier": brier}


def residuals(actual: NDArray[Any], rows: AnsweredRows) -> Floats | None:
    """By how much the truth lies above the answer [N]; of two classes, above the second's probability; else None."""
    if rows.probabilities is None:
        difference: Floats = actual - rows.answered
        return difference
    if rows.probabilities.shape[1] != 2:
        return None
    return np.asarray(actual - rows.probabilities[:, 1], dtype=np.float64)


def compared_loss(losses: Mapping[LossName, Floats]) -> Floats:
    """The loss by which labelled rows are compared with the test rows: it must tell more than right from wrong."""
    return losses["log_loss"] if "log_loss" in losses else losses["mae"]


def as_metric(name: LossName, mean: float) -> float:
    """The metric by the mean of what rows add to it."""
    return float(np.sqrt(max(mean, 0.0))) if name == "rmse" else mean

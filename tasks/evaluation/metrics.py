"""What the test rows say of a model, as numbers: pure functions over answers and truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_LARGER_TEST = "give the test more rows (split.test in params.yaml, or more data)"


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How one class fares: `num_rows` are the test rows that are of it."""

    name: str
    precision: float
    recall: float
    f1: float
    num_rows: int


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Bins of claimed probability [B]: what was claimed and what came true, on average, in `num_rows` rows each."""

    claimed: Floats
    observed: Floats
    num_rows: Ints


def classification_metrics(
    classes: Sequence[str],
    actual: Ints,
    probabilities: Floats,
    average: Literal["macro", "weighted"],
    positive: str | None = None,
) -> dict[str, float]:
    """Accuracy, precision, recall, F1, ROC-AUC and log loss by their usual names.

    `actual`: [N] class numbers, `probabilities`: [N, K]. Two classes: precision, recall, F1 and ROC-AUC are those of
    the `positive` class (the last one when not given). More: precision, recall and F1 are averaged as told over the
    classes that were seen or answered, which is scikit-learn's own habit, and ROC-AUC is the mean of one class against
    the rest over the classes that the test rows hold. Raises UserError when an answer is not finite or a metric is
    undefined.
    """
    from sklearn.metrics import accuracy_score, log_loss

    number = positive_number(classes, positive)
    _check_answers(actual, probabilities)
    if len(np.unique(actual)) < 2:
        only = classes[int(actual[0])]
        raise UserError(
            f"evaluate: roc_auc is undefined: all {len(actual)} test rows are of the class {only!r}; {_LARGER_TEST}"
        )
    # Single-precision probabilities sum to 1 only roughly, and log_loss warns of that.
    sure = probabilities.astype(np.float64) / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    predicted = sure.argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        **_precision_recall_f1(actual, predicted, average, number),
        "roc_auc": _roc_auc(actual, sure, number),
        "log_loss": float(log_loss(actual, sure, labels=np.arange(len(classes)))),
    }


def regression_metrics(actual: Floats, predicted: Floats) -> dict[str, float]:
    """RMSE, MAE and R² of [N] answers. Raises UserError when an answer is not finite or R² is undefined."""
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    _check_answers(actual, predicted)
    actual, predicted = actual.astype(np.float64), predicted.astype(np.float64)
    if len(np.unique(actual)) < 2:
        raise UserError(f"evaluate: r2 is undefined: the test rows hold one value only, {actual[0]:g}; {_LARGER_TEST}")
    return {
        "rmse": float(root_mean_squared_error(actual, predicted)),
        "mae": float(mean_absolute_error(actual, predicted)),
        "r2": float(r2_score(actual, predicted)),
    }


def positive_number(classes: Sequence[str], positive: str | None) -> int | None:
    """The number of the class that counts as positive; None when there are more than two classes.

    Raises UserError for a name that is no class, and for any name when there are not exactly two classes.
    """
    if len(classes) != 2:
        if positive is not None:
            raise UserError(
                f"evaluate.positive is {positive!r}, but a positive class is one of two, and here are {len(classes)}; "
                "remove it from params.yaml"
            )
        return None
    if positive is None:
        return 1
    if positive not in classes:
        raise UserError(f"evaluate.positive: {positive!r} is no class{did_you_mean(positive, classes)}")
    return list(classes).index(positive)


def confusion_counts(actual: Ints, predicted: Ints, num_classes: int) -> NDArray[np.int64]:
    """[K, K] rows of each class (down) that were answered as each class (across)."""
    flat = actual.astype(np.int64) * num_classes + predicted
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes).astype(np.int64)


def class_scores(classes: Sequence[str], counts: NDArray[np.int64]) -> list[ClassScore]:
    """Each class by itself, from `confusion_counts`; what has no rows to be measured on counts as 0."""
    hits = np.diagonal(counts)
    answered, present = counts.sum(axis=0), counts.sum(axis=1)
    precision, recall = _share(hits, answered), _share(hits, present)
    f1 = _share(2 * hits, answered + present)
    return [
        ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f), num_rows=int(n))
        for name, p, r, f, n in zip(classes, precision, recall, f1, present, strict=True)
    ]


def reliability(claimed: Floats, came_true: NDArray[np.bool_], num_bins: int = 10) -> Reliability:
    """Claimed probabilities [N] against what came true [N], in bins of equal width; empty bins are left out."""
    numbers = np.minimum((claimed * num_bins).astype(np.int64), num_bins - 1)
    rows = np.bincount(numbers, minlength=num_bins)
    filled = rows > 0
    sums = [np.bincount(numbers, weights=values, minlength=num_bins)[filled] for values in (claimed, came_true)]
    return Reliability(claimed=sums[0] / rows[filled], observed=sums[1] / rows[filled], num_rows=rows[filled])


def _check_answers(actual: NDArray[Any], answers: Floats) -> None:
    if len(actual) == 0:
        raise UserError(f"evaluate: there are no test rows, so nothing can be measured; {_LARGER_TEST}")
    wrong = np.flatnonzero(~np.isfinite(answers.reshape(len(answers), -1)).all(axis=1))
    if len(wrong):
        raise UserError(
            f"evaluate: the model's answer is not a finite number for {len(wrong)} of {len(answers)} test rows "
            f"(the first is row {wrong[0]}); lower train.learning_rate or scale the inputs, and train again"
        )


def _precision_recall_f1(actual: Ints, predicted: Ints, average: str, positive: int | None) -> dict[str, float]:
    from sklearn.metrics import precision_recall_fscore_support

    if positive is None:
        labels, how = np.union1d(actual, predicted), average
    else:
        # One label, averaged over itself: "binary" would ask for the label to be there.
        labels, how = np.array([positive]), "macro"
    scores = precision_recall_fscore_support(actual, predicted, labels=labels, average=how, zero_division=0.0)
    return {name: float(score) for name, score in zip(("precision", "recall", "f1"), scores[:3], strict=True)}


def _roc_auc(actual: Ints, probabilities: Floats, positive: int | None) -> float:
    from sklearn.metrics import roc_auc_score

    numbers = np.unique(actual) if positive is None else [positive]
    return float(np.mean([roc_auc_score(actual == number, probabilities[:, number]) for number in numbers]))


def _share(part: Ints, whole: Ints) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

"""What the test rows say of a model, as numbers: pure functions over predictions and truths."""

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
    y_true: Ints,
    y_score: Floats,
    average: Literal["macro", "weighted"],
    positive: str | None = None,
    weight: Floats | None = None,
    answered: Ints | None = None,
) -> dict[str, float]:
    """Accuracy, precision, recall, F1, ROC-AUC and log loss by their usual names.

    `y_true`: [N] class numbers, `y_score`: [N, K]. Two classes: precision, recall, F1 and ROC-AUC are those of
    the `positive` class (the last one when not given). More: precision, recall and F1 are averaged as told over the
    classes that were seen or answered, which is scikit-learn's own habit, and ROC-AUC is the mean of one class against
    the rest over the classes that the test rows hold. `weight` is how much each row counts, [N]; `answered` are the
    class numbers [N] that are answered, where these are not the likeliest. Raises UserError when an answer is not
    finite or a metric is undefined.
    """
    from sklearn.metrics import accuracy_score, log_loss

    positive_class = positive_number(classes, positive)
    _check_predictions(y_true, y_score)
    y_pred = y_score.argmax(axis=1) if answered is None else answered
    y_pred = y_pred if weight is None else y_pred[weight > 0]
    y_true, y_score, weight = _weighing(y_true, y_score, weight)
    if len(np.unique(y_true)) < 2:
        only = classes[int(y_true[0])]
        raise UserError(
            f"evaluate: roc_auc is undefined: all {len(y_true)} test rows are of the class {only!r}; {_LARGER_TEST}"
        )
    # Single-precision probabilities sum to 1 only roughly, and log_loss warns of that. For that alone: a division may
    # break ties, or make some, which are the model's own.
    normalized = y_score.astype(np.float64) / y_score.sum(axis=1, keepdims=True, dtype=np.float64)
    return {
        "accuracy": float(accuracy_score(y_true, y_pred, sample_weight=weight)),
        **_precision_recall_f1(y_true, y_pred, average, positive_class, weight),
        "roc_auc": _roc_auc(y_true, y_score, positive_class, weight),
        "log_loss": float(log_loss(y_true, normalized, labels=np.arange(len(classes)), sample_weight=weight)),
    }


def regression_metrics(y_true: Floats, y_pred: Floats, weight: Floats | None = None) -> dict[str, float]:
    """RMSE, MAE and R² of [N] answers, each row as much as its weight [N]; of amounts, RMSLE too.

    RMSLE is undefined where a true value is below 0, and left out then; an answer below 0 counts as 0. Raises UserError
    when an answer is not finite or R² is undefined.
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    _check_predictions(y_true, y_pred)
    y_true, y_pred, weight = _weighing(y_true, y_pred, weight)
    y_true, y_pred = y_true.astype(np.float64), y_pred.astype(np.float64)
    if len(np.unique(y_true)) < 2:
        raise UserError(f"evaluate: r2 is undefined: the test rows hold one value only, {y_true[0]:g}; {_LARGER_TEST}")
    return {
        "rmse": float(root_mean_squared_error(y_true, y_pred, sample_weight=weight)),
        "mae": float(mean_absolute_error(y_true, y_pred, sample_weight=weight)),
        **_rmsle(y_true, y_pred, weight),
        "r2": float(r2_score(y_true, y_pred, sample_weight=weight)),
    }


def _rmsle(y_true: Floats, y_pred: Floats, weight: Floats | None) -> dict[str, float]:
    from sklearn.metrics import root_mean_squared_log_error

    if y_true.min() < 0:
        return {}
    return {"rmsle": float(root_mean_squared_log_error(y_true, np.maximum(y_pred, 0), sample_weight=weight))}


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
        # The last one, as scikit-learn counts two classes.
        return 1
    if positive not in classes:
        raise UserError(f"evaluate.positive: {positive!r} is no class{did_you_mean(positive, classes)}")
    return list(classes).index(positive)


def confusion_counts(y_true: Ints, y_pred: Ints, num_classes: int) -> NDArray[np.int64]:
    """[K, K] rows of each class (down) that were predicted as each class (across)."""
    from sklearn.metrics import confusion_matrix

    counts: NDArray[np.int64] = confusion_matrix(y_true, y_pred, labels=np.arange(num_classes)).astype(np.int64)
    return counts


def class_scores(classes: Sequence[str], y_true: Ints, y_pred: Ints, weight: Floats | None = None) -> list[ClassScore]:
    """Each class by itself; what has no rows to be measured on counts as 0."""
    from sklearn.metrics import precision_recall_fscore_support

    # All of them, or a class without a test row would be missing from the table.
    labels = np.arange(len(classes))
    scores = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, average=None, zero_division=0.0, sample_weight=weight
    )
    # Rows are counted, whatever they weigh.
    counts = np.bincount(y_true, minlength=len(classes))
    return [
        ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f), num_rows=int(n))
        for name, p, r, f, n in zip(classes, *scores[:3], counts, strict=True)
    ]


def reliability(y_score: Floats, is_positive: NDArray[np.bool_], num_bins: int = 10) -> Reliability:
    """Claimed probabilities [N] against what came true [N], in bins of equal width; empty bins are left out."""
    # By hand: scikit-learn's calibration_curve does not say how many rows a bin has, and the plot shows that.
    # A probability of exactly 1 belongs to the last bin, not to one of its own.
    bin_numbers = np.minimum((y_score * num_bins).astype(np.int64), num_bins - 1)
    num_rows = np.bincount(bin_numbers, minlength=num_bins)
    filled = num_rows > 0
    sums = [np.bincount(bin_numbers, weights=values, minlength=num_bins)[filled] for values in (y_score, is_positive)]
    return Reliability(
        claimed=sums[0] / num_rows[filled], observed=sums[1] / num_rows[filled], num_rows=num_rows[filled]
    )


def _check_predictions(y_true: NDArray[Any], predictions: Floats) -> None:
    if len(y_true) == 0:
        raise UserError(f"evaluate: there are no test rows, so nothing can be measured; {_LARGER_TEST}")
    # Flat, so that values [N] and probabilities [N, K] are looked through alike.
    not_finite = np.flatnonzero(~np.isfinite(predictions.reshape(len(predictions), -1)).all(axis=1))
    if len(not_finite):
        raise UserError(
            f"evaluate: the model's answer is not a finite number for {len(not_finite)} of {len(predictions)} test "
            f"rows (the first is row {not_finite[0]}); lower train.learning_rate or scale the inputs, and train again"
        )


def _weighing(
    y_true: NDArray[Any], answers: Floats, weight: Floats | None
) -> tuple[NDArray[Any], Floats, Floats | None]:
    """The rows that weigh anything: a class of which no other is there has no curve, and counts as absent."""
    if weight is None:
        return y_true, answers, None
    if not weight.any():
        raise UserError(
            "evaluate: the weights of all test rows are 0, so nothing can be measured; correct the column with the "
            "role weight, or give it another role"
        )
    return y_true[weight > 0], answers[weight > 0], weight[weight > 0]


def _precision_recall_f1(
    y_true: Ints, y_pred: Ints, average: str, positive: int | None, weight: Floats | None
) -> dict[str, float]:
    from sklearn.metrics import precision_recall_fscore_support

    if positive is None:
        labels, averaging = np.union1d(y_true, y_pred), average
    else:
        # One label, averaged over itself: "binary" would ask for the label to be there.
        labels, averaging = np.array([positive]), "macro"
    scores = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, average=averaging, zero_division=0.0, sample_weight=weight
    )
    return {name: float(score) for name, score in zip(("precision", "recall", "f1"), scores[:3], strict=True)}


def _roc_auc(y_true: Ints, y_score: Floats, positive: int | None, weight: Floats | None) -> float:
    from sklearn.metrics import roc_auc_score

    # A class without a test row has no curve, and its area would be NaN.
    numbers = np.unique(y_true) if positive is None else [positive]
    areas = [roc_auc_score(y_true == number, y_score[:, number], sample_weight=weight) for number in numbers]
    return float(np.mean(areas))

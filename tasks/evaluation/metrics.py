"""What the test rows say of a model, as numbers: pure functions over predictions and truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Metric

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
) -> dict[Metric, float]:
    """scikit-learn's metrics of classes, by their usual names, and the expected calibration error.

    `y_true`: [N] class numbers, `y_score`: [N, K]. Two classes: precision, recall, F1, and the areas under the ROC and
    the precision-recall curve (as average precision) are those of the `positive` class (the last one when not given).
    More: precision, recall and F1 are averaged as told over the classes that were seen or answered, which is
    scikit-learn's own habit, and an area is the mean of one class against the rest over the classes that the test rows
    hold. The Brier score of two classes is that of one of them, of more the sum over all. `weight` is how much each row
    counts, [N]; `answered` are the class numbers [N] that are answered, where these are not the likeliest. Raises
    UserError when an answer is not finite or a metric is undefined.
    """
    from sklearn import metrics as sk

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
    labels = np.arange(len(classes))
    return {
        "accuracy": float(sk.accuracy_score(y_true, y_pred, sample_weight=weight)),
        "balanced_accuracy": float(_balanced_accuracy(y_true, y_pred, weight)),
        **_precision_recall_f1(y_true, y_pred, average, positive_class, weight),
        "mcc": float(sk.matthews_corrcoef(y_true, y_pred, sample_weight=weight)),
        "roc_auc": _area(sk.roc_auc_score, y_true, y_score, positive_class, weight),
        "pr_auc": _area(sk.average_precision_score, y_true, y_score, positive_class, weight),
        "log_loss": float(sk.log_loss(y_true, normalized, labels=labels, sample_weight=weight)),
        "brier": float(sk.brier_score_loss(y_true, normalized, labels=labels, sample_weight=weight)),
        "calibration_error": calibration_error(y_true, normalized, positive_class, weight),
    }


def regression_metrics(y_true: Floats, y_pred: Floats, weight: Floats | None = None) -> dict[Metric, float]:
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


def _rmsle(y_true: Floats, y_pred: Floats, weight: Floats | None) -> dict[Metric, float]:
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


def calibration_error(
    y_true: Ints, probabilities: Floats, positive: int | None, weight: Floats | None = None, num_bins: int = 10
) -> float:
    """The expected calibration error: how far claimed probabilities and what came true are apart, in bins of equal
    width, each as much as its rows (Naeini, Cooper and Hauskrecht, AAAI 2015).

    Of two classes what is claimed is the `positive` one, of more the likeliest answer (Guo et al., ICML 2017).
    """
    claimed, came_true = claims(y_true, probabilities, positive)
    numbers = np.minimum((claimed * num_bins).astype(np.int64), num_bins - 1)
    weight = np.ones(len(claimed)) if weight is None else weight
    gaps = np.bincount(numbers, weights=weight * (claimed - came_true), minlength=num_bins)
    return float(np.abs(gaps).sum() / weight.sum())


def claims(y_true: Ints, probabilities: Floats, positive: int | None) -> tuple[Floats, NDArray[np.bool_]]:
    """What is claimed of each row [N], a probability, and whether it came true."""
    if positive is None:
        return probabilities.max(axis=1), probabilities.argmax(axis=1) == y_true
    return probabilities[:, positive], y_true == positive


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
) -> dict[Metric, float]:
    from sklearn.metrics import precision_recall_fscore_support

    if positive is None:
        labels, averaging = np.union1d(y_true, y_pred), average
    else:
        # One label, averaged over itself: "binary" would ask for the label to be there.
        labels, averaging = np.array([positive]), "macro"
    scores = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, average=averaging, zero_division=0.0, sample_weight=weight
    )
    precision, recall, f1 = map(float, scores[:3])
    return {"precision": precision, "recall": recall, "f1": f1}


def _balanced_accuracy(y_true: Ints, y_pred: Ints, weight: Floats | None) -> float:
    from sklearn.metrics import recall_score

    # scikit-learn's own function warns of a class that is answered and not there.
    there = np.unique(y_true)
    return float(recall_score(y_true, y_pred, labels=there, average="macro", zero_division=0.0, sample_weight=weight))


def _area(of_class: Any, y_true: Ints, y_score: Floats, positive: int | None, weight: Floats | None) -> float:
    # A class without a test row has no curve, and its area would be NaN.
    numbers = np.unique(y_true) if positive is None else [positive]
    areas = [of_class(y_true == number, y_score[:, number], sample_weight=weight) for number in numbers]
    return float(np.mean(areas))

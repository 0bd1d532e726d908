"""Each metric as a function of the rows' weights: what is needed of the answers is worked out once, and asked often.

A bootstrap asks for a metric thousands of times, of the same answers and other counts of the rows; scikit-learn would
sort and check them every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.evaluation.metrics import calibration_error
from tasks.params.config import Metric

Floats = NDArray[np.float64]
OfWeights = Callable[[Floats], float]
"""The metric of rows of these weights [N], NaN where it is undefined."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What was true [N], as class numbers or values, and what was answered: probabilities [N, K], or values [N].

    `positive` is the class of two that precision, recall, F1 and ROC-AUC are of; of more, these are means over classes.
    """

    y_true: NDArray[Any]
    y_score: Floats
    average: Literal["macro", "weighted"] = "macro"
    positive: int | None = None
    answered: NDArray[np.int64] | None = None
    """The class numbers [N] that were answered, where they are not the likeliest."""
    costs: Floats | None = None
    """What answering class j costs where class i is true, [K, K], where that is known."""

    @property
    def y_pred(self) -> NDArray[np.int64]:
        """The class that is answered, [N]."""
        return self.y_score.argmax(axis=1) if self.answered is None else self.answered

    def where(self, kept: NDArray[np.bool_]) -> Answers:
        """Those rows alone."""
        answered = None if self.answered is None else self.answered[kept]
        return replace(self, y_true=self.y_true[kept], y_score=self.y_score[kept], answered=answered)

    @property
    def row_costs(self) -> Floats:
        """What each row's answer costs, [N]. Raises UserError where nobody says."""
        if self.costs is None:
            raise UserError(
                "expected_cost needs what mistakes cost: write evaluate.costs into params.yaml, or of two classes "
                "evaluate.threshold with false_positive and false_negative"
            )
        return np.asarray(self.costs[self.y_true, self.y_pred])


def metric_of_weights(metric: Metric, answers: Answers) -> OfWeights:
    """The metric by scikit-learn's definition, with its `sample_weight` as the one argument that is left."""
    match metric:
        case "accuracy":
            return _mean_of(answers.y_pred == answers.y_true)
        case "log_loss":
            return _mean_of(_log_losses(answers))
        case "precision" | "recall" | "f1":
            return _of_confusion(metric, answers)
        case "balanced_accuracy":
            return _balanced_accuracy(answers)
        case "mcc":
            return _mcc(answers)
        case "roc_auc":
            return _mean_over_classes(answers, _roc_area)
        case "pr_auc":
            return _mean_over_classes(answers, _average_precision)
        case "brier":
            return _mean_of(_brier_scores(answers))
        case "calibration_error":
            return _calibration_error(answers)
        case "expected_cost":
            return _mean_of(answers.row_costs)
        case "mae":
            return _mean_of(np.abs(answers.y_true - answers.y_score))
        case "rmse":
            mse = _mean_of(np.square(answers.y_true - answers.y_score))
            return lambda weights: float(np.sqrt(mse(weights)))
        case "rmsle":
            return _rmsle(answers)
        case "r2":
            return _r2(answers)


def row_losses(metric: Metric, answers: Answers) -> tuple[Metric, Floats]:
    """How badly each row is answered, [N], larger is worse, and the metric whose values these are.

    The metric's own where it is a mean of the rows' values, or the root of one; of all else those of log loss, or the
    squared errors, whose root is RMSE.
    """
    y_true, y_score = answers.y_true, answers.y_score
    if metric == "accuracy":
        return metric, (answers.y_pred != y_true).astype(np.float64)
    if metric == "brier":
        return metric, _brier_scores(answers)
    if metric == "expected_cost":
        return metric, answers.row_costs
    if y_score.ndim == 2:
        return "log_loss", _log_losses(answers)
    if metric == "mae":
        return metric, np.abs(y_true - y_score)
    if metric == "rmsle" and y_true.min() >= 0:
        return metric, _squared_log_errors(answers)
    return "rmse", np.square(y_true - y_score)


def _mean_of(values: NDArray[Any]) -> OfWeights:
    values = values.astype(np.float64)
    return lambda weights: _sum(weights, values) / float(weights.sum())


def _sum(weights: Floats, values: Floats) -> float:
    """The weighted sum, in numpy's own order: a library's product of vectors depends on the number of threads."""
    return float((weights * values).sum())


def _log_losses(answers: Answers) -> Floats:
    """-log p of the class that came true, p as scikit-learn has it: summing to 1, and never quite 0."""
    own = answers.y_score[np.arange(len(answers.y_true)), answers.y_true] / answers.y_score.sum(axis=1)
    return np.asarray(-np.log(np.clip(own, np.finfo(np.float64).eps, 1.0)))


def _of_confusion(metric: Literal["precision", "recall", "f1"], answers: Answers) -> OfWeights:
    y_true, y_pred = answers.y_true, answers.y_pred
    num_classes, is_right = answers.y_score.shape[1], y_pred == y_true

    def value(weights: Floats) -> float:
        right = np.bincount(y_true[is_right], weights[is_right], num_classes)
        true, answered = np.bincount(y_true, weights, num_classes), np.bincount(y_pred, weights, num_classes)
        whole = {"precision": answered, "recall": true, "f1": (true + answered) / 2}[metric]
        # What has no rows to be measured on counts as 0, as in metrics.json.
        of_class = np.divide(right, whole, out=np.zeros(num_classes), where=whole > 0)
        if answers.positive is not None:
            return float(of_class[answers.positive])
        there: Floats = (true + answered > 0).astype(np.float64)
        shares = there if answers.average == "macro" else true.astype(np.float64)
        return _sum(shares, of_class) / float(shares.sum())

    return value


def _balanced_accuracy(answers: Answers) -> OfWeights:
    y_true, is_right, num_classes = answers.y_true, answers.y_pred == answers.y_true, answers.y_score.shape[1]

    def value(weights: Floats) -> float:
        true = np.bincount(y_true, weights, num_classes)
        right = np.bincount(y_true[is_right], weights[is_right], num_classes)
        return float((right[true > 0] / true[true > 0]).mean())

    return value


def _mcc(answers: Answers) -> OfWeights:
    """Gorodkin's correlation of classes (Computational Biology and Chemistry 28, 2004), as scikit-learn has it."""
    y_true, y_pred, num_classes = answers.y_true, answers.y_pred, answers.y_score.shape[1]
    is_right = y_true == y_pred

    def value(weights: Floats) -> float:
        true: Floats = np.bincount(y_true, weights, num_classes).astype(np.float64)
        answered: Floats = np.bincount(y_pred, weights, num_classes).astype(np.float64)
        whole, right = float(weights.sum()), float(weights[is_right].sum())
        spread = (whole**2 - _sum(true, true)) * (whole**2 - _sum(answered, answered))
        return (right * whole - _sum(true, answered)) / float(np.sqrt(spread)) if spread > 0 else 0.0

    return value


def _brier_scores(answers: Answers) -> Floats:
    """Squares of how far the probabilities are off, summed over the classes; of two classes half of it."""
    probabilities = answers.y_score / answers.y_score.sum(axis=1, keepdims=True)
    off = probabilities - np.eye(probabilities.shape[1])[answers.y_true]
    return np.asarray(np.square(off).sum(axis=1) / (2 if probabilities.shape[1] == 2 else 1))


def _calibration_error(answers: Answers) -> OfWeights:
    probabilities = answers.y_score / answers.y_score.sum(axis=1, keepdims=True)
    return lambda weights: calibration_error(answers.y_true, probabilities, answers.positive, weights)


def _mean_over_classes(answers: Answers, of_class: Callable[[NDArray[np.bool_], Floats], OfWeights]) -> OfWeights:
    numbers = np.unique(answers.y_true) if answers.positive is None else [answers.positive]
    areas = [of_class(answers.y_true == number, answers.y_score[:, number]) for number in numbers]

    def value(weights: Floats) -> float:
        of_class = np.array([area(weights) for area in areas])
        # A resample may lack a class, which then has no curve; without any there is no figure.
        defined = of_class[~np.isnan(of_class)]
        return float(defined.mean()) if len(defined) else float("nan")

    return value


def _roc_area(is_positive: NDArray[np.bool_], scores: Floats) -> OfWeights:
    """The share of pairs of a positive and a negative row that are ranked rightly, ties half: the area under the curve
    (Hanley and McNeil, 1982), in one pass over rows that are sorted once."""
    order = np.argsort(scores, kind="stable")
    ranked, positive = scores[order], is_positive[order]
    # Of each positive row how many rows are below it, and how many are not above it.
    below = np.searchsorted(ranked, ranked[positive], side="left")
    not_above = np.searchsorted(ranked, ranked[positive], side="right")
    places, is_negative = order[positive], (~positive).astype(np.float64)
    num_before = np.zeros(len(order) + 1)

    def value(weights: Floats) -> float:
        np.cumsum(weights[order] * is_negative, out=num_before[1:])
        of_positive = weights[places]
        num_pairs = of_positive.sum() * num_before[-1]
        rightly = _sum(of_positive, (num_before[below] + num_before[not_above]) / 2)
        return rightly / float(num_pairs) if num_pairs else float("nan")

    return value


def _average_precision(is_positive: NDArray[np.bool_], scores: Floats) -> OfWeights:
    """The area under the precision-recall curve as a sum of steps, one for each score that there is."""
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], is_positive[order].astype(np.float64)
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)

    def value(weights: Floats) -> float:
        drawn = weights[order]
        hits, answered = np.cumsum(drawn * positive)[ends], np.cumsum(drawn)[ends]
        if not hits[-1]:
            return float("nan")
        precision = np.divide(hits, answered, out=np.zeros(len(ends)), where=answered > 0)
        return _sum(np.diff(hits, prepend=0.0), precision) / float(hits[-1])

    return value


def _squared_log_errors(answers: Answers) -> Floats:
    # Less than nothing has no logarithm: such an answer counts as 0.
    true, answered = (np.log1p(np.maximum(values, 0)) for values in (answers.y_true, answers.y_score))
    return np.asarray(np.square(true - answered))


def _rmsle(answers: Answers) -> OfWeights:
    # And of a truth below nothing there is no figure.
    msle, is_below = _mean_of(_squared_log_errors(answers)), answers.y_true < 0
    return lambda weights: float("nan" if weights[is_below].any() else np.sqrt(msle(weights)))


def _r2(answers: Answers) -> OfWeights:
    # Off the mean first: of large numbers that differ little the squares would keep no digit of the difference.
    centered = answers.y_true - answers.y_true.mean()
    squared = np.square(centered)
    unexplained = np.square(answers.y_true - answers.y_score)

    def value(weights: Floats) -> float:
        total = _sum(weights, squared) - _sum(weights, centered) ** 2 / float(weights.sum())
        return 1 - _sum(weights, unexplained) / total if total > 0 else float("nan")

    return value

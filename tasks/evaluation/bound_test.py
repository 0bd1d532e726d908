"""Whether a metric is worse than a bound on rows like these, and not on these by chance alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.delong import area_difference
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import num_units_of_rarest_class, resampled_error
from tasks.evaluation.weighted_metrics import Answers
from tasks.params.register import LOWER_IS_BETTER

_OF_CLASSES = frozenset({"balanced_accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "pr_auc"})
"""Metrics that are no mean over rows: of a rare class, a few rows count as much as all others."""


def worse_than_bound(judge: Judge, rows: JudgedRows, bound: float) -> float:
    """How likely the metric of these rows is as bad, or worse, if the true one is `bound`: one-sided.

    Shares of rows (accuracy; of two classes precision and recall) are tested exactly, areas of two classes by DeLong's
    error, where rows are on their own and weigh the same; all else by the error of rows or groups that are drawn anew,
    and Student's distribution: of a metric that classes are behind one by one, as of F1, with the degrees of freedom of
    the rarest of them, as one row of a class hardly varies however often it is drawn. 1 where the metric is not worse
    than the bound, NaN where the rows do not tell.
    """
    answers = judge.answers(rows.predictions.y_true, rows.predictions.y_score)
    value = judge.of(rows.predictions.y_true, rows.predictions.y_score)(rows.weights)
    below = bound - value if judge.metric not in LOWER_IS_BETTER else value - bound
    if np.isnan(value):
        return np.nan
    if below <= 0:
        return 1.0
    if rows.groups is None and np.ptp(rows.weights) == 0:
        counted = _counted(judge, answers)
        if counted is not None:
            return _of_share(counted, bound)
        if judge.metric == "roc_auc" and answers.positive is not None:
            return _of_area(answers, below)
    return _by_drawing(judge, rows, below)


def _counted(judge: Judge, answers: Answers) -> NDArray[np.bool_] | None:
    """Which rows are right, of those that the metric is a share of; None where it is no share of rows."""
    if judge.metric not in ("accuracy", "precision", "recall"):
        return None
    is_right: NDArray[np.bool_] = np.asarray(answers.y_pred == answers.y_true)
    if judge.metric == "accuracy":
        return is_right
    if answers.positive is None:
        return None
    classes = answers.y_true if judge.metric == "recall" else answers.y_pred
    return np.asarray(is_right[classes == answers.positive])


def _of_share(is_right: NDArray[np.bool_], bound: float) -> float:
    from scipy.stats import binom

    return float(binom.cdf(int(is_right.sum()), len(is_right), bound)) if len(is_right) else np.nan


def _of_area(answers: Answers, below: float) -> float:
    is_positive = answers.y_true == answers.positive
    if not 2 <= is_positive.sum() <= len(is_positive) - 2:
        return np.nan
    scores = answers.y_score[:, answers.positive]
    # Against a model that tells nothing apart, whose area is a half and has no error.
    area = area_difference(is_positive, scores, np.zeros(len(scores)))
    return _of_error(below, area.standard_error, area.degrees_of_freedom)


def _by_drawing(judge: Judge, rows: JudgedRows, below: float) -> float:
    num_units = len(rows.weights) if rows.groups is None else int(rows.groups.max()) + 1
    if judge.metric in _OF_CLASSES:
        num_units = num_units_of_rarest_class(rows.predictions.y_true, rows.weights, rows.groups)
    if num_units < 2:
        return np.nan
    of_weights = judge.of(rows.predictions.y_true, rows.predictions.y_score)
    error = resampled_error(of_weights, lambda _: 0.0, rows.weights, rows.groups)
    return np.nan if error is None else _of_error(below, error, num_units - 1)


def _of_error(below: float, error: float, degrees_of_freedom: float) -> float:
    from scipy.stats import t

    # Rows that are all answered alike do not say how others would be.
    return float(t.sf(below / error, degrees_of_freedom)) if error > 0 else np.nan

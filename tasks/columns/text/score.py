"""Text by what the target was with its words: a linear model on TF-IDF, learnt from texts beside their targets."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import round_significant
from tasks.columns.moments import moments
from tasks.columns.target_statistics import TargetStatistics
from tasks.columns.text.encoding import LinearScore, TextEncoding, tfidf

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_C = 1.0
"""Of logistic regression: among the best where texts say as much as other columns do (docs/log.md)."""
_ALPHA = 1.0
_MAX_ITER = 200

Fitted = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Coefficients [num_scores, K] and intercepts [num_scores]."""


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Texts of one part and their raw targets, both [N]; TF-IDF is made of them once, for all models that learn it."""

    documents: pl.Series
    target: pl.Series
    _matrices: list[csr_matrix] = field(default_factory=list)

    @cached_property
    def order_keys(self) -> pl.DataFrame:
        """What rows are sorted by: equal ones may stand in any order."""
        return pl.DataFrame({"document": self.documents, "target": self.target})

    def matrix(self, vocabulary: TextEncoding) -> csr_matrix:
        """Of the vocabulary of all training rows, which is the same at every call."""
        if not self._matrices:
            self._matrices.append(tfidf(self.documents.to_list(), vocabulary))
        return self._matrices[0]


def scored_rows(values: pl.Series, target: pl.Series) -> ScoredRows:
    """Of one part's texts [N] and raw targets [N]; rows without a target teach nothing."""
    rows = pl.DataFrame({"document": values.fill_null(""), "target": target}).drop_nulls("target")
    return ScoredRows(rows["document"], rows["target"])


def scale_of(rows: Sequence[ScoredRows]) -> TargetStatistics:
    """The classes in their order, or mean and standard deviation, which is 1 for a target of one value."""
    target = pl.concat([some.target for some in rows])
    if not target.dtype.is_float():
        return TargetStatistics(classes=tuple(sorted(target.unique().to_list())))
    center, std = moments(target.cast(pl.Float64).to_numpy()).center_and_std
    return TargetStatistics(classes=(), mean=center, std=std or 1.0)


def learnt_score(rows: Sequence[ScoredRows], vocabulary: TextEncoding) -> LinearScore:
    """The model of all training rows."""
    scale = scale_of(rows)
    inputs, target = _in_order(rows, vocabulary)
    coefficients, intercepts = _fitted(inputs, target, scale)
    return _written(scale, coefficients, intercepts, _means(inputs) @ coefficients.T + intercepts)


def score_of_others(rows: Sequence[ScoredRows], vocabulary: TextEncoding, of_all: LinearScore) -> LinearScore:
    """The model for a fold, by the other folds' rows: their mean score is that of all.

    Its own intercept would tell the fold: where a fold has more of a class, the others have less, and a model that
    reads which fold a row is in learns its target from that.
    """
    centers = np.array(of_all.centers)
    coefficients = np.zeros((len(centers), len(of_all.matrix)))
    means = np.zeros(len(of_all.matrix))
    if any(len(some.target) for some in rows):
        inputs, target = _in_order(rows, vocabulary)
        coefficients, _ = _fitted(inputs, target, of_all.scale)
        means = _means(inputs)
    return _written(of_all.scale, coefficients, centers - means @ coefficients.T, centers)


def _in_order(rows: Sequence[ScoredRows], vocabulary: TextEncoding) -> tuple[csr_matrix, pl.Series]:
    """TF-IDF [N, K] and targets [N] of all rows, in an order of their own: that of the table must not count."""
    from scipy.sparse import csr_matrix, vstack

    keys = pl.concat([some.order_keys for some in rows])
    order = keys.select(pl.arg_sort_by("document", "target")).to_series()
    inputs = csr_matrix(vstack([some.matrix(vocabulary) for some in rows], format="csr"))[order.to_numpy()]
    return inputs.astype(np.float64), keys["target"].gather(order)


def _means(inputs: csr_matrix) -> NDArray[np.float64]:
    """Of each term [K]."""
    return np.asarray(inputs.mean(axis=0)).ravel()


def _fitted(inputs: csr_matrix, target: pl.Series, scale: TargetStatistics) -> Fitted:
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # One thread, as sums of several differ in the last bits. A model that has nearly converged scores nearly as well.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _of_classes(inputs, target, scale) if scale.classes else _of_number(inputs, target, scale)


def _of_number(inputs: csr_matrix, target: pl.Series, scale: TargetStatistics) -> Fitted:
    from sklearn.linear_model import Ridge

    values = (target.cast(pl.Float64).to_numpy() - scale.mean) / scale.std
    model = Ridge(alpha=_ALPHA).fit(inputs, values)
    return np.asarray(model.coef_)[None, :], np.array([model.intercept_])


def _of_classes(inputs: csr_matrix, target: pl.Series, scale: TargetStatistics) -> Fitted:
    """A class that no row has, or a single one, has scores that say nothing."""
    from sklearn.linear_model import LogisticRegression

    coefficients, intercepts = np.zeros((len(scale.names), inputs.shape[1])), np.zeros(len(scale.names))
    present = sorted(target.unique().to_list())
    if len(present) < 2:
        return coefficients, intercepts
    model = LogisticRegression(C=_C, max_iter=_MAX_ITER).fit(inputs, target.to_numpy())
    if len(scale.classes) == 2:
        return model.coef_, model.intercept_
    places = [scale.classes.index(name) for name in model.classes_]
    # Of two classes scikit-learn has one score, for the second against the first.
    coefficients[places] = model.coef_ if len(present) > 2 else np.vstack([-model.coef_, model.coef_]) / 2
    intercepts[places] = model.intercept_ if len(present) > 2 else np.hstack([-model.intercept_, model.intercept_]) / 2
    return coefficients, intercepts


def _written(
    scale: TargetStatistics,
    coefficients: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    centers: NDArray[np.float64],
) -> LinearScore:
    return LinearScore(
        classes=scale.classes,
        mean=scale.mean,
        std=scale.std,
        coefficients=tuple(tuple(map(round_significant, row)) for row in coefficients),
        intercepts=tuple(map(round_significant, intercepts)),
        centers=tuple(map(round_significant, centers)),
    )

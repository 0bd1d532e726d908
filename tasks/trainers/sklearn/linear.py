"""Why a linear estimator answers so: each input's coefficient times how far it is from that of an empty row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDRegressor,
)

from tasks.model_input.inputs import Spec
from tasks.trainers.introspection import EMPTY_ROW, Floats, Terms, terms_by_field

_OF_NUMBERS = (ARDRegression, BayesianRidge, ElasticNet, HuberRegressor, LinearRegression, Ridge, SGDRegressor)


def is_linear(estimator: Any) -> bool:
    """Whether its answer, or the log-odds or scores of classes, is a sum of coefficients times inputs."""
    return isinstance(estimator, (LogisticRegression, *_OF_NUMBERS))


def linear_terms(spec: Spec, estimator: Any, rows: Any, empty: Any, outputs: NDArray[np.int64]) -> Terms:
    """`rows` [N, K] and `empty` [1, K] as the estimator reads them; `outputs` are the class numbers asked for [N]."""
    coefficients, intercepts = _of_each_output(spec, estimator, outputs)
    nothing = _dense(empty)[0]
    base = coefficients @ nothing + intercepts
    terms = (_dense(rows) - nothing) * coefficients
    return Terms(
        unit="log-odds" if spec.task == "binary" else "score" if spec.classes else "target",
        method="the terms of the linear model",
        base_of=EMPTY_ROW,
        base=base,
        answer=np.einsum("nk,nk->n", _dense(rows), coefficients) + intercepts,
        by_column=terms_by_field(spec.fields, terms),
    )


def _of_each_output(spec: Spec, estimator: Any, outputs: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Coefficients [N, K] and intercepts [N] of what each row is asked for."""
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercepts = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), len(coefficients))
    if len(coefficients) > 1:
        numbers = np.searchsorted(estimator.classes_, outputs)
        return coefficients[numbers], intercepts[numbers]
    # Two classes have one score, the second one's log-odds.
    sign = np.where(outputs == 0, -1.0, 1.0) if spec.task == "binary" else np.ones(len(outputs))
    return coefficients * sign[:, None], intercepts[0] * sign


def _dense(matrix: Any) -> Floats:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), dtype=np.float64)

"""Probabilities from the scores of an estimator that has none of its own, such as a support vector machine.

A sigmoid for each class, learnt on the validation rows. scikit-learn's own way, CalibratedClassifierCV, fits five more
estimators on parts of the training rows, which for a support vector machine is five times the time; and `probability`
of SVC goes with version 1.11. The validation rows were not learnt from, so their scores are as those of new rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Sigmoid = tuple[float, float]
"""Slope and offset: p = 1 / (1 + exp(-(slope * score + offset)))."""

_MOST_STEPS = 100
"""Newton's method takes ten or so; the loss is convex."""
_SMALL_GRADIENT = 1e-9
"""A row's share of the gradient at which it stands still."""


def fit_sigmoids(scores: NDArray[np.float64], classes: NDArray[Any], target: NDArray[Any]) -> tuple[Sigmoid, ...]:
    """A sigmoid for each column of scores [N, K], or one for scores [N] that rise with the second of two classes."""
    if scores.ndim == 1:
        return (fit_sigmoid(scores, target == classes[1]),)
    return tuple(fit_sigmoid(scores[:, place], target == name) for place, name in enumerate(classes))


def probabilities(scores: NDArray[np.float64], sigmoids: tuple[Sigmoid, ...]) -> NDArray[np.float64]:
    """Scores [N] or [N, K] as probabilities [N, 2] or [N, K] that sum to 1."""
    from scipy.special import expit

    slopes, offsets = np.transpose(sigmoids)
    if scores.ndim == 1:
        second = expit(slopes[0] * scores + offsets[0])
        return np.column_stack([1 - second, second])
    # Never all zero, however far from every class a row is.
    claimed = np.maximum(expit(scores * slopes + offsets), np.finfo(np.float64).tiny)
    return np.asarray(claimed / claimed.sum(axis=1, keepdims=True))


def fit_sigmoid(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Sigmoid:
    """The sigmoid under which scores [N] make it most likely that the `positive` rows, and no others, are of a class.

    The truth counts as a little less than certain, so that there is an answer also for scores without an error, or for
    a class that no row is of. Platt, "Probabilistic outputs for support vector machines", 1999; Newton's method with
    backtracking after Lin, Lin and Weng, "A note on Platt's probabilistic outputs", 2007.
    """
    from scipy.special import expit

    yes, no = int(positive.sum()), int((~positive).sum())
    wanted = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    scale = float(np.abs(scores).max()) or 1.0
    inputs = np.column_stack([scores / scale, np.ones(len(scores))])
    weights = np.array([0.0, np.log((yes + 1) / (no + 1))])
    for _ in range(_MOST_STEPS):
        claimed = expit(inputs @ weights)
        gradient = inputs.T @ (claimed - wanted)
        if np.abs(gradient).max() <= _SMALL_GRADIENT * len(scores):
            break
        curvature = (inputs * (claimed * (1 - claimed))[:, None]).T @ inputs + 1e-12 * np.eye(2)
        weights = _step(inputs, wanted, weights, np.linalg.solve(curvature, gradient), gradient)
    return float(weights[0] / scale), float(weights[1])


def _step(inputs: Any, wanted: Any, weights: Any, direction: Any, gradient: Any) -> Any:
    """As far along the direction as makes the loss fall: all of it, or half, or half of that."""
    size, before, slope = 1.0, _loss(inputs, wanted, weights), float(gradient @ direction)
    while size > 1e-10 and _loss(inputs, wanted, weights - size * direction) > before - 1e-4 * size * slope:
        size /= 2
    return weights - size * direction


def _loss(inputs: Any, wanted: Any, weights: Any) -> float:
    scores = inputs @ weights
    return float((np.logaddexp(0, scores) - wanted * scores).sum())

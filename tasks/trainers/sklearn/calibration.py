"""Probabilities from the scores of an estimator that has none of its own, such as a support vector machine."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = tuple[Any, Any]
"""Inputs as the estimator reads them, and targets."""


def calibrated(estimator: Any, train: Rows, validation: Rows) -> Any:
    """The fitted estimator behind a sigmoid for each class, which is learnt on the validation rows.

    The validation rows were not learnt from, so their scores are as those of new rows. Platt, "Probabilistic outputs
    for support vector machines", 1999. A class without a validation row is held to be unlikely, and not impossible.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    inputs, target, weights = _with_every_class(estimator.classes_, train, validation)
    rows = np.arange(len(target))
    # Nothing is fitted but the sigmoids, so all rows are one fold; five would need five rows of each class.
    model = CalibratedClassifierCV(FrozenEstimator(estimator), method="sigmoid", cv=[(rows, rows)])
    with warnings.catch_warnings():
        # It says that the estimator is not fitted with the weights: it is not fitted at all.
        warnings.filterwarnings("ignore", message="Since FrozenEstimator does not appear to accept sample_weight")
        model.fit(inputs, target, sample_weight=weights)
    return model.set_params(cv=None)  # or each row's number would lie in the model's file


def _with_every_class(classes: NDArray[Any], train: Rows, validation: Rows) -> tuple[Any, NDArray[Any], Any]:
    """The validation rows, with weights. scikit-learn takes the classes from them: a training row of each that is
    missing stands there, too, and counts for nothing."""
    inputs, target = validation
    missing = np.setdiff1d(classes, target)
    if not len(missing):
        return inputs, target, None
    extra = [int(np.flatnonzero(train[1] == name)[0]) for name in missing]
    weights = np.r_[np.ones(len(target)), np.zeros(len(extra))]
    return _stacked(inputs, train[0][extra]), np.r_[target, train[1][extra]], weights


def _stacked(first: Any, second: Any) -> Any:
    from scipy.sparse import issparse, vstack

    return vstack([first, second], format="csr") if issparse(first) else np.vstack([first, second])

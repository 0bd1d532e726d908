"""Models that tell a row's class from its features, quickly: they judge labels, and are then forgotten."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.columns.base import Encoding
from tasks.errors import UserError
from tasks.model_input.inputs import ModelInput, Spec, as_matrix
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import Normalize, NormalizeCategory

_SLICE = 4_096
"""Rows that are encoded at once: their one-hot blocks are dense, however sparse the matrix that they become."""

_MOST_TREES = 600
"""Of one model, over all classes: many classes get fewer rounds, or fifty of them would take an hour."""

_MOST_ROUNDS, _FEWEST_ROUNDS = 60, 10


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """Features as a matrix; `linear` says for which kind of model."""

    encodings: Mapping[str, Encoding]
    linear: bool

    def matrix(self, rows: pl.DataFrame) -> Any:
        """[N, K] float64: a scipy csr_matrix when a feature is sparse, and dense otherwise."""
        slices = [self._encoded(rows.slice(start, _SLICE)) for start in range(0, rows.height, _SLICE)]
        # One sparse block makes the whole matrix sparse: dense, the columns of text would not fit into memory.
        if all(isinstance(one, np.ndarray) for one in slices):
            return np.vstack(slices).astype(np.float64)
        from scipy.sparse import vstack

        return vstack(slices, format="csr").astype(np.float64)

    def _encoded(self, rows: pl.DataFrame) -> Any:
        fields = tuple(encoding.field(name) for name, encoding in self.encodings.items())
        blocks = {
            name: column_type(encoding.type).transform(rows[name], encoding)
            for name, encoding in self.encodings.items()
        }
        # The task is of no importance here: only the inputs are read.
        spec = Spec(fields=fields, task="multiclass", classes=())
        return as_matrix(spec, ModelInput(blocks=blocks, num_rows=rows.height))


def learn_encoder(rows: pl.DataFrame, features: Mapping[str, ColumnTypeName]) -> FeatureEncoder:
    """Encodings by the settings that `normalize` has by default; categories are numbers for trees.

    A column from which nothing can be learnt, such as one without any value, is left out.
    """
    linear = any(column_type(type_name).has_many_inputs for type_name in features.values())
    encodings = {name: _encoding(rows[name], type_name, linear) for name, type_name in features.items()}
    return FeatureEncoder({name: encoding for name, encoding in encodings.items() if encoding is not None}, linear)


@dataclass(frozen=True, eq=False)
class ClassModel:
    """A fitted scikit-learn classifier over class numbers."""

    estimator: Any

    def probabilities(self, matrix: Any, num_classes: int) -> NDArray[np.float64]:
        """[N, num_classes]: 0 for classes that the model never saw."""
        # The model only knows the classes of its own folds; the columns are those of all.
        probabilities = np.zeros((matrix.shape[0], num_classes))
        probabilities[:, self.estimator.classes_] = self.estimator.predict_proba(matrix)
        return probabilities


def fit_classes(matrix: Any, classes: NDArray[np.int64], *, linear: bool, seed: int) -> ClassModel | None:
    """Logistic regression, or boosted trees, over rows [N, K] and their class numbers [N]; None when there is
    but one class, or no column.

    One thread for linear algebra: more would add in another order, and end on other last digits.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    num_classes = len(np.unique(classes))
    # A classifier of scikit-learn refuses a single class, and a matrix without columns.
    if num_classes < 2 or not matrix.shape[1]:
        return None
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        # A judge that has nearly converged judges nearly as well.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ClassModel((_logistic() if linear else _trees(num_classes, seed)).fit(matrix, classes))


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, max_iter=200)


def _trees(num_classes: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Two classes need one tree a round, more of them a tree each.
    rounds = _MOST_TREES // num_classes if num_classes > 2 else _MOST_ROUNDS
    return HistGradientBoostingClassifier(
        max_iter=max(_FEWEST_ROUNDS, min(_MOST_ROUNDS, rounds)),
        max_leaf_nodes=15,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=seed,
    )


def _encoding(values: pl.Series, type_name: ColumnTypeName, linear: bool) -> Encoding | None:
    of_type, settings = column_type(type_name), _settings(type_name, linear)
    try:
        encoding = of_type.finish(of_type.fit(values, settings), settings)
    except UserError:
        return None
    assert isinstance(encoding, Encoding)
    return encoding


def _settings(type_name: ColumnTypeName, linear: bool) -> Config:
    settings = getattr(Normalize(), type_name)
    assert isinstance(settings, Config)
    if isinstance(settings, NormalizeCategory) and not linear:
        return NormalizeCategory(encode="ordinal")
    return settings


def class_numbers(labels: pl.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """Each label's place among the classes, [N]."""
    numbers = pl.Series(range(len(classes)), dtype=pl.Int64)
    return labels.replace_strict(pl.Series(classes, dtype=pl.String), numbers, return_dtype=pl.Int64).to_numpy()

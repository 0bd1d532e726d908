"""A fitted estimator with what it takes to ask it: how it reads rows, and what its answers mean."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from threadpoolctl import ThreadpoolController

from tasks.errors import UserError
from tasks.model_input.inputs import ModelInput, Spec
from tasks.params.config import Config
from tasks.trainers.base import read_model, write_model
from tasks.trainers.introspection import ModelSize, Terms, shares_by_field
from tasks.trainers.sklearn.files import from_bytes, to_bytes
from tasks.trainers.sklearn.linear import is_linear, linear_terms
from tasks.trainers.sklearn.matrix import MatrixLayout, in_chunks, read_matrix
from tasks.trainers.sklearn.size import estimator_size

_WEIGHTS = "model.skops"
_TREES = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
_WORTH_SHARING = 10_000
"""Rows from which several threads are faster than one to ask a tree."""


class Asking(Config):
    """What model.json says beside the estimator's own file.

    A number is `center + scale * answer`. `allowed` are the import paths of the classes beyond scikit-learn's that may
    be loaded.
    """

    reading: MatrixLayout = MatrixLayout()
    center: float = 0.0
    scale: float = Field(1.0, gt=0)
    allowed: tuple[str, ...] = ()


class SklearnModel:
    """A fitted estimator that answers encoded rows."""

    def __init__(self, spec: Spec, estimator: Any, asking: Asking) -> None:
        self.spec, self.estimator, self.asking = spec, estimator, asking

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        shape = (inputs.num_rows, len(self.spec.classes)) if self.spec.classes else (inputs.num_rows,)
        answers = np.zeros(shape)
        if inputs.num_rows:
            for rows, matrix in in_chunks(self.spec, inputs, self.asking.reading):
                with _threads(self.estimator, matrix.shape[0]):
                    answers[rows] = self.answer(matrix)
        return answers

    def answer(self, matrix: Any) -> NDArray[np.float64]:
        """Probabilities [N, K] or values [N] for rows as the estimator reads them."""
        if not self.spec.classes:
            values = np.asarray(self.estimator.predict(matrix), dtype=np.float64).reshape(-1)
            return self.asking.center + self.asking.scale * values
        answers = np.zeros((matrix.shape[0], len(self.spec.classes)))
        # A class without a training row is unknown to the estimator; its probability stays zero.
        answers[:, np.asarray(self.estimator.classes_, dtype=np.int64)] = self.estimator.predict_proba(matrix)
        return answers

    @property
    def answers_apart(self) -> bool:
        return isinstance(self.estimator, _TREES)

    def own_importance(self) -> dict[str, float] | None:
        """What the splits of trees on each column took off their impurity, where the estimator keeps that."""
        values = getattr(self.estimator, "feature_importances_", None)
        # Estimators that keep it read categories one-hot, so their columns are those of the spec.
        return None if values is None else shares_by_field(self.spec.fields, np.asarray(values, dtype=np.float64))

    def size(self) -> ModelSize | None:
        """Of trees, linear estimators and scikit-learn's networks; None of any other."""
        return estimator_size(self.estimator)

    def terms(self, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms | None:
        """Those of a linear estimator; None of any other."""
        # An estimator that reads rows in another unit than the target's is none of the linear ones.
        if not is_linear(self.estimator) or self.asking.scale != 1 or self.asking.center != 0:
            return None
        asked, nothing = (read_matrix(self.spec, some, self.asking.reading) for some in (rows, empty))
        return linear_terms(self.spec, self.estimator, asked, nothing, outputs)

    def save(self, folder: Path) -> None:
        content = to_bytes(self.estimator, self.asking.allowed)
        write_model(folder, "sklearn", self.spec, _WEIGHTS, content, asking=self.asking.model_dump(mode="json"))


def _threads(estimator: Any, num_rows: int) -> AbstractContextManager[object]:
    """One thread for few rows and many trees: boosted trees start their threads anew for every tree.

    The limit is that of the calling thread, and the answers are the same for any number.
    """
    boosted = isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor))
    if not boosted or num_rows >= _WORTH_SHARING:
        return nullcontext()
    limit: AbstractContextManager[object] = _thread_pools().limit(limits=1, user_api="openmp")
    return limit


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()  # it looks through all libraries that are loaded, which takes a while


def load_model(folder: Path, spec: Spec) -> SklearnModel:
    """The model that `SklearnModel.save` wrote. Raises UserError when a file is missing, damaged or not trusted."""
    content, weights = read_model(folder, "sklearn", spec)
    asking = _read_asking(folder / "model.json", content.get("asking", {}))
    return SklearnModel(spec, from_bytes(weights, asking.allowed, folder / _WEIGHTS), asking)


def _read_asking(path: Path, content: Any) -> Asking:
    """`asking` of model.json, as it is written now or was before."""
    if isinstance(content, dict):
        content = dict(content)
        # Before, model.json held the sigmoids from scores to probabilities, and of other estimators an empty list.
        if content.pop("sigmoids", []):
            raise UserError(f"{path}: holds sigmoids, which the estimator's own file holds by now; train again")
        if "spread" in content:  # what `scale` was called before
            content["scale"] = content.pop("spread")
    try:
        return Asking.model_validate(content)
    except ValidationError:
        raise UserError(f"{path}: damaged (its `asking` is not what a trainer writes); train again") from None

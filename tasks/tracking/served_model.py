"""The model as MLflow serves it: raw rows in, predictions out. MLflow runs this file in the process that serves.

The one module that imports mlflow at its top: nothing here imports it, MLflow does (`python_model` in package.py).
A copy of `tasks` lies beside it in the model's `code` folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from tasks.columns import column_type
from tasks.errors import UserError
from tasks.recipe.recipe import Feature, Recipe, read_recipe
from tasks.repair.repair import InText, numbers_in_text
from tasks.trainers import load


class ServedModel(PythonModel):
    """The recipe and the model of one version."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["model"])
        self._recipe = read_recipe(folder / "recipe.json")
        self._recipe.check_encoders()  # a damaged file is said when the server starts, not at its first request
        self._model = load(folder, self._recipe.spec())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """`prediction`, and for classes a column `probability_CLASS` each; a row for each row of `model_input`."""
        try:
            answers = self._answers(raw_rows(model_input, self._recipe))
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        # The caller's own index, by which answers are joined to its rows.
        return answer_frame(answers, self._recipe).set_index(model_input.index)

    def _answers(self, rows: pl.DataFrame) -> np.ndarray[Any, Any]:
        if rows.is_empty():  # which not every library takes
            return np.zeros((0, self._recipe.spec().num_outputs))
        return self._model.predict(self._recipe.encode(rows))


def raw_rows(frame: pd.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The feature columns as they are at rest.

    Raises UserError that names the column that is missing or of a wrong type.
    """
    return pl.DataFrame([_raw_column(frame, feature) for feature in recipe.features])


def answer_frame(answers: np.ndarray[Any, Any], recipe: Recipe) -> pd.DataFrame:
    """Probabilities [N, K] or values [N] as the table that callers get."""
    classes = recipe.target.classes
    if not classes:
        return pd.DataFrame({"prediction": answers.astype(np.float64).ravel()})
    best = [classes[number] for number in answers.argmax(axis=1)]
    probabilities = {f"probability_{name}": answers[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"prediction": best, **probabilities})


def _raw_column(frame: pd.DataFrame, feature: Feature) -> pl.Series:
    name, repair, of_type = feature.name, feature.repair, column_type(feature.encoding.type)
    if name not in frame.columns:
        raise UserError(f"column {name} is missing; the model was trained with it")
    if of_type.dtype == pl.Float64 and pd.api.types.is_numeric_dtype(frame[name]):
        # The common case, without a Python object for each row.
        return pl.Series(name, frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
    values = [None if _is_missing(value) else value for value in frame[name]]
    if repair is not None and repair.in_text is not None:
        values = [_number_in_text(value, repair.in_text) for value in values]
    try:
        at_rest = [None if value is None else of_type.served_value(value) for value in values]
    except UserError as error:
        raise UserError(f"column {name}: {error}") from None
    return pl.Series(name, at_rest, dtype=of_type.dtype)


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, bytes | str | list | np.ndarray) and bool(pd.isna(value)))


def _number_in_text(value: Any, written: InText) -> Any:
    """Text such as `$1,200` as its number; all else, and what is no such text, as it is."""
    if not isinstance(value, str):
        return value
    number = numbers_in_text(pl.Series([value]), written)[0]
    return value if number is None else number


set_model(ServedModel())

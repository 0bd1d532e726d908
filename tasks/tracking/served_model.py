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
from tasks.model_input.conformal import ConformalRule, read_conformal, sure
from tasks.model_input.decision import LIKELIEST, Decision, read_decision
from tasks.recipe.kind_values import as_text, kind_values
from tasks.recipe.raw_values import at_rest, check_fit
from tasks.recipe.recipe import Feature, Recipe, read_recipe
from tasks.tracking.served_requests import take_over
from tasks.trainers import load


class ServedModel(PythonModel):
    """The recipe and the model of one version."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["model"])
        self._recipe = read_recipe(folder / "recipe.json")
        self._recipe.check_encoders()  # a damaged file is said when the server starts, not at its first request
        self._model = load(folder, self._recipe.spec())
        file, classes = context.artifacts.get("decision"), self._recipe.target.classes
        self._decision = read_decision(Path(file), classes) if file else LIKELIEST
        conformal = context.artifacts.get("conformal")
        self._rule = read_conformal(Path(conformal), classes) if conformal else None
        names = [feature.name for feature in self._recipe.raw_features]
        beside = self._rule.column_beside(names) if self._rule else None
        take_over([*names, beside] if beside else names)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """`prediction`, and for classes a column `probability_CLASS` each; a row for each row of `model_input`.

        Beside it, of a version that has these, `prediction_low` and `prediction_high`, or `prediction_set`.
        """
        frame = _in_rows(model_input)
        try:
            rows = raw_rows(frame, self._recipe)
            answers = self._answers(rows)
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        table = answer_frame(answers, self._recipe, self._decision)
        if self._rule is not None:
            columns = sure(self._rule, answers, self._recipe.target.classes, self._kinds(self._rule, frame, rows))
            for place, (name, values) in enumerate(columns.items(), start=1):
                table.insert(place, name, values)
        # The caller's own index, by which answers are joined to its rows.
        return table.set_index(frame.index)

    def _kinds(self, rule: ConformalRule, frame: pd.DataFrame, rows: pl.DataFrame) -> pl.Series | None:
        """The values that say which kind a row is of; None where no column says so, or the rows do not have it."""
        column = rule.column
        if column is None or column.name not in (*rows.columns, *frame.columns):
            return None
        if column.name in rows.columns:
            return kind_values(rows[column.name], column)
        return kind_values(as_text([None if _is_missing(cell) else cell for cell in frame[column.name]]), column)

    def _answers(self, rows: pl.DataFrame) -> np.ndarray[Any, Any]:
        if rows.is_empty():  # which not every library takes
            return np.zeros((0, self._recipe.spec().num_outputs))
        return self._model.predict(self._recipe.encode(rows))


def raw_rows(frame: pd.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The feature columns as they are at rest. Raises UserError that names the column that is missing, or a value that
    cannot be read, and what to give."""
    return pl.DataFrame([_raw_column(frame, feature) for feature in recipe.raw_features])


def answer_frame(answers: np.ndarray[Any, Any], recipe: Recipe, decision: Decision = LIKELIEST) -> pd.DataFrame:
    """Probabilities [N, K] or values [N] as the table that callers get."""
    classes = recipe.target.classes
    if not classes:
        return pd.DataFrame({"prediction": answers.astype(np.float64).ravel()})
    best = [classes[number] for number in decision.of(answers)]
    probabilities = {f"probability_{name}": answers[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"prediction": best, **probabilities})


def _raw_column(frame: pd.DataFrame, feature: Feature) -> pl.Series:
    if feature.name not in frame.columns:
        raise UserError(f"column {feature.name} is missing; the model was trained with it")
    column = _at_rest(frame, feature)
    check_fit(column, feature)
    return column


def _at_rest(frame: pd.DataFrame, feature: Feature) -> pl.Series:
    name = feature.name
    if column_type(feature.encoding.type).dtype == pl.Float64 and pd.api.types.is_any_real_numeric_dtype(frame[name]):
        # The common case, without a Python object for each row.
        numbers = pl.Series(name, frame[name].to_numpy(dtype=np.float64, na_value=np.nan), nan_to_null=True)
        return feature.dialect.without_missing(numbers)
    return at_rest([None if _is_missing(value) else value for value in frame[name]], feature)


def _in_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of `inputs` that are all text: MLflow makes one row of them, whose cells are the columns."""
    if len(frame) != 1 or not all(isinstance(cell, list) and _are_texts(cell) for cell in frame.iloc[0]):
        return frame
    return pd.DataFrame({name: frame[name].iloc[0] for name in frame.columns}, dtype=object)


def _are_texts(cell: list[Any]) -> bool:
    return all(isinstance(value, str) for value in cell)


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, bytes | str | list | np.ndarray) and bool(pd.isna(value)))


set_model(ServedModel())

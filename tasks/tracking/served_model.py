"""The model as MLflow serves it: raw rows in, predictions out. MLflow runs this file in the process that serves.

The one module that imports mlflow at its top: nothing here imports it, MLflow does (`python_model` in package.py).
A copy of `tasks` lies beside it in the model's `code` folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
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
from tasks.model_input.conformal import read_conformal, sure
from tasks.model_input.decision import LIKELIEST, Decision, read_decision
from tasks.model_input.inputs import ModelInput
from tasks.recipe.few_rows import FewRows
from tasks.recipe.kind_values import as_text, kind_values
from tasks.recipe.raw_values import at_rest, check_fit, check_there, rows_at_rest, unreadable_cells
from tasks.recipe.recipe import Feature, Recipe, read_recipe
from tasks.tracking.served_requests import take_over
from tasks.trainers import load
from tasks.trainers.introspection import answers_apart


class ServedModel(PythonModel):
    """The recipe and the model of one version."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["model"])
        self._recipe = read_recipe(folder / "recipe.json")
        self._recipe.check_encoders()  # a damaged file is said when the server starts, not at its first request
        self._few_rows = FewRows(self._recipe)
        self._model = load(folder, self._recipe.spec())
        self._answers_apart = answers_apart(self._model)
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
        sure_columns = self._sure(answers, self._kinds({name: frame[name] for name in frame.columns}, rows))
        for place, (name, values) in enumerate(sure_columns.items(), start=1):
            table.insert(place, name, values)
        # The caller's own index, by which answers are joined to its rows.
        return table.set_index(frame.index)

    def answer_requests(self, requests: Sequence[Mapping[str, Sequence[Any]]]) -> list[dict[str, list[Any]]]:
        """The columns of `predict` for the rows of each request by themselves, to the last bit.

        A request is its rows' values by column, as JSON has them; all requests have the same columns. They are read and
        encoded together, which takes hardly longer for a hundred rows than for one. Raises UserError when a value of
        any of them cannot be read.
        """
        cells = {name: [cell for request in requests for cell in request[name]] for name in requests[0]}
        inputs, kinds = self._few_rows.encode(cells), self._kinds_of_cells(cells)
        ends = [0, *accumulate(len(next(iter(request.values()))) for request in requests)]
        parts = [slice(*ends_of_one) for ends_of_one in pairwise(ends)]
        answers = self._answers_of_parts(inputs, parts)
        # What a class costs is a product of matrices, too.
        if self._decision.costs is not None:
            return [self._columns(answers[part], None if kinds is None else kinds[part]) for part in parts]
        columns = self._columns(answers, kinds)
        return [{name: values[part] for name, values in columns.items()} for part in parts]

    def unreadable_cells(self, request: Mapping[str, Sequence[Any]]) -> list[str]:
        """Of a request of one row, why each of its cells cannot be read that cannot."""
        return unreadable_cells(request, self._recipe.raw_features)

    def _answers_of_parts(self, inputs: ModelInput, parts: Sequence[slice]) -> np.ndarray[Any, Any]:
        """The model's answers to each part of the rows, as if it had been asked for that part alone."""
        if len(parts) == 1 or self._answers_apart:
            return _finite(self._model.predict(inputs))
        numbers = np.arange(inputs.num_rows)
        return _finite(np.concatenate([self._model.predict(inputs.take(numbers[part])) for part in parts]))

    def _columns(self, answers: np.ndarray[Any, Any], kinds: pl.Series | None) -> dict[str, list[Any]]:
        columns = {**answer_columns(answers, self._recipe, self._decision), **self._sure(answers, kinds)}
        return {name: values if isinstance(values, list) else values.tolist() for name, values in columns.items()}

    def describe_columns(self) -> list[dict[str, str]]:
        """Each column of a raw row, its type, and in words what may be given for it."""
        return [
            {"name": feature.name, "type": of_type.name, "accepts": of_type.accepts(feature.dialect)}
            for feature in self._recipe.raw_features
            for of_type in [column_type(feature.encoding.type)]
        ]

    def _sure(self, answers: np.ndarray[Any, Any], kinds: pl.Series | None) -> Mapping[str, Any]:
        """What a version with a rule answers besides."""
        return {} if self._rule is None else sure(self._rule, answers, self._recipe.target.classes, kinds)

    def _kinds(self, cells: Mapping[str, Any], rows: pl.DataFrame) -> pl.Series | None:
        """The values that say which kind a row is of; None where no column says so, or the rows do not have it."""
        column = None if self._rule is None else self._rule.column
        if column is None or column.name not in (*rows.columns, *cells):
            return None
        if column.name in rows.columns:
            return kind_values(rows[column.name], column)
        return kind_values(as_text([None if _is_missing(cell) else cell for cell in cells[column.name]]), column)

    def _kinds_of_cells(self, cells: Mapping[str, Sequence[Any]]) -> pl.Series | None:
        """The same where rows have not been read."""
        if self._rule is None or self._rule.column is None:
            return None
        named = [feature for feature in self._recipe.raw_features if feature.name == self._rule.column.name]
        return self._kinds(cells, rows_at_rest(cells, named))

    def _answers(self, rows: pl.DataFrame) -> np.ndarray[Any, Any]:
        if rows.is_empty():  # which not every library takes
            return np.zeros((0, self._recipe.spec().num_outputs))
        return _finite(self._model.predict(self._recipe.encode(rows)))


def _finite(answers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The answers. Raises UserError where one is none, as a model of logarithms had before it had a bound."""
    if not np.isfinite(answers).all():
        raise UserError(
            "the answer is not a finite number: a value is too far from all that was learnt from; correct it"
        )
    return answers


def raw_rows(frame: pd.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The feature columns as they are at rest. Raises UserError that names the column that is missing, or a value that
    cannot be read, and what to give."""
    return pl.DataFrame([_raw_column(frame, feature) for feature in recipe.raw_features])


def answer_frame(answers: np.ndarray[Any, Any], recipe: Recipe, decision: Decision = LIKELIEST) -> pd.DataFrame:
    """Probabilities [N, K] or values [N] as the table that callers get."""
    return pd.DataFrame(answer_columns(answers, recipe, decision))


def answer_columns(answers: np.ndarray[Any, Any], recipe: Recipe, decision: Decision) -> dict[str, Any]:
    """The columns of that table, by their names."""
    classes = recipe.target.classes
    if not classes:
        return {"prediction": answers.astype(np.float64).ravel()}
    best = [classes[number] for number in decision.of(answers)]
    probabilities = {f"probability_{name}": answers[:, number] for number, name in enumerate(classes)}
    return {"prediction": best, **probabilities}


def _raw_column(frame: pd.DataFrame, feature: Feature) -> pl.Series:
    check_there(frame, feature)
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

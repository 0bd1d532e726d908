"""The model as MLflow serves it: raw rows in, predictions out. MLflow runs this file in the process that serves.

The one module that imports mlflow at its top: nothing here imports it, MLflow does (`python_model` in package.py).
A copy of `tasks` lies beside it in the model's `code` folder.
"""

from __future__ import annotations

import base64
import binascii
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from tasks.columns.boolean.column import WORDS
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
    name, kind, repair = feature.name, feature.encoding.type, feature.repair
    if name not in frame.columns:
        raise UserError(f"column {name} is missing; the model was trained with it")
    if kind == "number" and pd.api.types.is_numeric_dtype(frame[name]):
        return pl.Series(name, frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
    values = [None if _is_missing(value) else value for value in frame[name]]
    try:
        match kind:
            case "number":
                if repair is not None and repair.in_text is not None:
                    values = [_number_in_text(value, repair.in_text) for value in values]
                return pl.Series(name, [_number(value) for value in values], dtype=pl.Float64)
            case "boolean":
                return pl.Series(name, [_boolean(value) for value in values], dtype=pl.Boolean)
            case "timestamp":
                return pl.Series(name, [_timestamp(value) for value in values], dtype=pl.Datetime("us"))
            case "image":
                return pl.Series(name, [_image(value) for value in values], dtype=pl.Binary)
            case "audio":
                return pl.Series(name, [_audio(value) for value in values], dtype=pl.Binary)
            case "category" | "text":
                return pl.Series(name, [_text(value) for value in values], dtype=pl.String)
    except UserError as error:
        raise UserError(f"column {name}: {error}") from None


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, bytes | str | list | np.ndarray) and bool(pd.isna(value)))


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bytes | list | np.ndarray):
        raise UserError(f"{type(value).__name__} is no number; give a number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"{value!r:.80} is no number; give a number") from None


def _number_in_text(value: Any, written: InText) -> Any:
    """Text such as `$1,200` as its number; all else, and what is no such text, as it is."""
    if not isinstance(value, str):
        return value
    number = numbers_in_text(pl.Series([value]), written)[0]
    return value if number is None else number


def _text(value: Any) -> str | None:
    """Whole numbers lose their `.0`, as they do when a table is read."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool | int | float | np.generic):
        return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)
    raise UserError(f"{type(value).__name__} is no text; give a string")


def _boolean(value: Any) -> bool | None:
    """Truth values, the words that a table may hold, and 1 and 0."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, str) and value.strip().lower() in WORDS:
        return WORDS[value.strip().lower()]
    if isinstance(value, int | float | np.number) and value in (0, 1):
        return bool(value)
    raise UserError(f"{value!r:.80} is neither yes nor no; give true or false")


def _timestamp(value: Any) -> datetime | None:
    """Times as pandas or Python has them, or ISO 8601 text; with a time zone they become those of UTC, without one
    they are of UTC."""
    if value is None:
        return None
    try:
        time = pd.Timestamp(datetime.fromisoformat(value.strip()) if isinstance(value, str) else value)
    except (ValueError, TypeError):
        raise UserError(f"{value!r:.80} is no timestamp; give one such as 2024-01-31T23:59:00") from None
    in_utc: datetime = (time.tz_convert(None) if time.tzinfo else time).floor("us").to_pydatetime()
    return in_utc


def _image(value: Any) -> bytes | None:
    """Encoded bytes: as they are, base64 text (as JSON carries them), or an array of byte values as PNG."""
    if value is None or isinstance(value, bytes | bytearray | memoryview | str):
        return _encoded(value)
    return _png(np.asarray(value))


def _audio(value: Any) -> bytes | None:
    """The bytes of a sound: as they are, or as base64 text."""
    if value is None or isinstance(value, bytes | bytearray | memoryview | str):
        return _encoded(value)
    raise UserError(f"{type(value).__name__} is no sound; give the bytes of a WAV, FLAC, OGG or MP3 file")


def _encoded(value: bytes | bytearray | memoryview | str | None) -> bytes | None:
    if value is None or not isinstance(value, str):
        return None if value is None else bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("text that is not base64; give the encoded bytes of the file") from None


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    """[H, W], [H, W, 1] or [H, W, 3] with values from 0 to 255."""
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)) or pixels.size == 0:
        raise UserError(
            f"an array of shape {pixels.shape} is no image; give [height, width] or [height, width, channels]"
        )
    if pixels.dtype.kind not in "uif" or not ((pixels >= 0) & (pixels <= 255) & (pixels % 1 == 0)).all():
        raise UserError("an image's values are whole numbers from 0 to 255")
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, format="PNG")
    return content.getvalue()


set_model(ServedModel())

"""A toy column type: text whose exclamation marks count."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, Statistic
from tasks.model_input.inputs import Field
from tasks.tables.dialect import ColumnDialect


class LoudnessEncoding(Encoding):
    type: Any = "loudness"
    scale: float

    def field(self, name: str) -> Field:
        return Field(name=name, kind="dense", shape=(1,), labels=(name,))


class LoudnessColumn(ColumnType[int, Any, LoudnessEncoding]):
    name: ClassVar[Any] = "loudness"
    dtype: ClassVar[pl.DataType] = pl.String()
    encoding: ClassVar[type[Encoding]] = LoudnessEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"lengths"})

    def could_be(self, values: pl.Series) -> bool:
        return values.dtype == pl.String and bool(values.drop_nulls().str.starts_with("word ").all())

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        return []

    def served_value(self, value: Any, encoding: LoudnessEncoding, dialect: ColumnDialect) -> str:
        return str(value)

    def accepts(self, dialect: ColumnDialect) -> str:
        return "text"

    def fit(self, values: pl.Series, settings: Any) -> int:
        return len(values)

    def merge(self, first: int, second: int) -> int:
        return first + second

    def finish(self, state: int, settings: Any) -> LoudnessEncoding:
        return LoudnessEncoding(scale=settings.scale)

    def transform(self, values: pl.Series, encoding: LoudnessEncoding) -> NDArray[np.float32]:
        marks = values.str.count_matches("!").fill_null(0).cast(pl.Float32).to_numpy()
        return np.asarray(marks[:, None] / encoding.scale, dtype=np.float32)

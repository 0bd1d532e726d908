"""Booleans: yes or no, however it is written; an indicator says where the answer was missing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, Statistic, expectation
from tasks.columns.cells import CellReader, OddCellError, text_reader
from tasks.columns.disturbance import MISSING, Disturbance
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.params.config import ColumnTypeName
from tasks.params.normalize import NormalizeBoolean
from tasks.repair.repair import FEW, WHITE_SPACE, Repair
from tasks.tables.dialect import ColumnDialect

PAIRS: tuple[tuple[str, str], ...] = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"))
"""How files write yes and no, in any case of letters; the words of one column are of one pair."""

WORDS: dict[str, bool] = {word: word == pair[0] for pair in PAIRS for word in pair}


@dataclass(frozen=True)
class BooleanState:
    """How many rows say yes, say no, and say nothing."""

    num_true: int
    num_false: int
    num_missing: int


class BooleanEncoding(Encoding):
    """Yes is 1 and no is 0; a missing value becomes `impute` first."""

    type: Literal["boolean"] = "boolean"
    impute: bool
    indicator: bool

    @property
    def is_continuous(self) -> bool:
        return False

    def field(self, name: str) -> Field:
        labels = (name, f"{name} missing") if self.indicator else (name,)
        return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)


class BooleanColumn(ColumnType[BooleanState, NormalizeBoolean, BooleanEncoding]):
    """Yes or no. A column of 0 and 1 is one of numbers, unless params.yaml says otherwise."""

    name: ClassVar[ColumnTypeName] = "boolean"
    dtype: ClassVar[pl.DataType] = pl.Boolean()
    encoding: ClassVar[type[Encoding]] = BooleanEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"categories"})
    asks_values: ClassVar[bool] = False
    missing_words: ClassVar[frozenset[str]] = frozenset({""})
    disturbances: ClassVar[tuple[Disturbance, ...]] = (MISSING,)

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype != pl.String:
            return values.dtype == pl.Boolean
        words = set(_words(values.drop_nulls().unique()))
        return any(words <= set(pair) for pair in PAIRS)

    def fits(self, summary: ValueSummary) -> bool:
        # Codes such as 01 are names, whatever else their digits could mean.
        return summary.is_boolean and not summary.is_code

    def cast(self, values: pl.Series) -> pl.Series:
        """Words by their meaning, 1 as yes and 0 as no."""
        if values.dtype == pl.Boolean:
            return values
        text = _words(values.cast(pl.String, strict=False))
        from_words = text.replace_strict(WORDS, default=None, return_dtype=pl.Boolean)
        # A table reader may have made 1.0 of a 1.
        numbers = text.cast(pl.Float64, strict=False)
        return from_words.zip_with(
            from_words.is_not_null(), numbers.replace_strict({1.0: True, 0.0: False}, default=None)
        )

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        if values.null_count():
            return []
        return [expectation("column_values_to_not_be_null", "warning", column=column)]

    def from_profile(self, value: Any) -> bool:
        return bool(value == "true")

    def served_value(self, value: Any, encoding: BooleanEncoding, dialect: ColumnDialect) -> bool | None:
        """Truth values, and 1 and 0."""
        is_boolean = isinstance(value, bool | np.bool_) or (isinstance(value, Real | Decimal) and value in (0, 1))
        return bool(value) if is_boolean else None

    def accepts(self, dialect: ColumnDialect) -> str:
        return "true or false"

    def fit(self, values: pl.Series, settings: NormalizeBoolean) -> BooleanState:
        num_missing = values.null_count()
        num_true = int(values.sum())
        return BooleanState(num_true, len(values) - num_missing - num_true, num_missing)

    def merge(self, first: BooleanState, second: BooleanState) -> BooleanState:
        return BooleanState(
            first.num_true + second.num_true,
            first.num_false + second.num_false,
            first.num_missing + second.num_missing,
        )

    def finish(self, state: BooleanState, settings: NormalizeBoolean) -> BooleanEncoding:
        if state.num_true + state.num_false == 0:
            raise UserError("has no value in any training row; give it the role id to leave it out")
        return BooleanEncoding(
            # Of as many of both, no.
            impute=settings.impute == "most_frequent" and state.num_true > state.num_false,
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: BooleanEncoding) -> NDArray[np.float32]:
        """[N, 1] float32, or [N, 2] with the indicator."""
        if len(values) <= FEW:
            return self.few_block(values.to_list(), encoding)
        truth = values.fill_null(encoding.impute).cast(pl.Float32).to_numpy()
        if not encoding.indicator:
            return truth[:, None]
        return np.stack([truth, values.is_null().cast(pl.Float32).to_numpy()], axis=1)

    def cell_reader(
        self, encoding: BooleanEncoding, repair: Repair | None, dialect: ColumnDialect
    ) -> CellReader | None:
        text = text_reader(dialect.missing, self.missing_texts(encoding, repair, dialect))

        def read(cell: Any) -> bool | None:
            if cell is None or cell is True or cell is False:
                return cell
            if type(cell) is not str or dialect.unit is not None:
                raise OddCellError(cell)
            present = text(cell)
            truth = None if present is None else WORDS.get(present.strip(WHITE_SPACE).lower())
            if truth is None and present is not None:
                raise OddCellError(cell)
            return truth

        return read

    def few_block(self, values: list[Any], encoding: BooleanEncoding) -> NDArray[np.float32]:
        truth = [encoding.impute if value is None else value for value in values]
        columns = [truth, [value is None for value in values]] if encoding.indicator else [truth]
        return np.array(columns, dtype=np.float32).T


def _words(text: pl.Series) -> pl.Series:
    return text.str.strip_chars().str.to_lowercase()

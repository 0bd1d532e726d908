"""Categories: one-hot or ordinal, with a place for values that the training rows did not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeCategory

MAX_CATEGORIES = 1_000
"""A column with more distinct values than this is free text, whatever its name."""

MAX_LENGTH = 100
"""A value longer than this many characters is a sentence, not a category."""

_LARGEST_WHOLE = 2.0**63


class CategoryEncoding(Encoding):
    """Each known value has a number; `missing` has the next one, if training rows had gaps; all else has the last."""

    type: Literal["category"] = "category"
    encode: Literal["one_hot", "ordinal"]
    categories: tuple[str, ...]
    missing: bool

    @property
    def num_codes(self) -> int:
        return len(self.categories) + self.missing + 1

    def field(self, name: str) -> Field:
        if self.encode == "ordinal":
            return Field(name=name, kind="dense", shape=(1,), labels=(name,))
        own = [_unlike("(missing)", self.categories)] if self.missing else []
        places = (*self.categories, *own, _unlike("(other)", self.categories))
        labels = tuple(f"{name}={place}" for place in places)
        return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)


class CategoryColumn(ColumnType[Counter[str | None], NormalizeCategory, CategoryEncoding]):
    """One of a set of names."""

    name: ClassVar[ColumnTypeName] = "category"
    dtype: ClassVar[pl.DataType] = pl.String()

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype == pl.Boolean:
            return True
        if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
            return False
        present = values.cast(pl.String).drop_nulls()
        return present.n_unique() <= MAX_CATEGORIES and bool((present.str.len_chars() <= MAX_LENGTH).all())

    def cast(self, values: pl.Series) -> pl.Series:
        """Whole numbers lose their `.0`: class 1 is class 1, however the file wrote it and whatever stands beside."""
        text = values.cast(pl.String)
        if not values.dtype.is_float():
            return text
        whole = (values % 1 == 0) & (values.abs() < _LARGEST_WHOLE)
        return values.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(value=False), text)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        seen = values.drop_nulls().unique().sort().to_list()
        return [expectation("column_values_to_be_in_set", "warning", column=column, value_set=seen)]

    def fit(self, values: pl.Series, settings: NormalizeCategory) -> Counter[str | None]:
        counts = values.value_counts()
        return Counter(dict(zip(counts[values.name].to_list(), counts["count"].to_list(), strict=True)))

    def merge(self, first: Counter[str | None], second: Counter[str | None]) -> Counter[str | None]:
        return first + second

    def finish(self, state: Counter[str | None], settings: NormalizeCategory) -> CategoryEncoding:
        counts = {value: count for value, count in state.items() if value is not None}
        if not counts:
            raise UserError("has no value in any training row; give it the role id to leave it out")
        frequent = sorted(counts, key=lambda value: (-counts[value], value))[: settings.max_categories]
        return CategoryEncoding(encode=settings.encode, categories=tuple(sorted(frequent)), missing=None in state)

    def transform(self, values: pl.Series, encoding: CategoryEncoding) -> NDArray[np.float32]:
        codes = _codes(values, encoding)
        if encoding.encode == "ordinal":
            return codes.astype(np.float32)[:, None]
        return np.eye(encoding.num_codes, dtype=np.float32)[codes]


def _unlike(place: str, categories: Collection[str]) -> str:
    """The name of a place, in more brackets where a category has it already."""
    while place in categories:
        place = f"({place})"
    return place


def _codes(values: pl.Series, encoding: CategoryEncoding) -> NDArray[np.int64]:
    """Each value's number, [N]."""
    other = encoding.num_codes - 1
    numbers = pl.Series(range(len(encoding.categories)), dtype=pl.Int64)
    codes = values.replace_strict(pl.Series(encoding.categories, dtype=pl.String), numbers, default=other)
    if encoding.missing:
        codes = codes.set(values.is_null(), len(encoding.categories))
    return codes.to_numpy()

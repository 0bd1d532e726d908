"""How categories become model input, as the recipe keeps it: each value's index, and what stands there."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import AliasChoices
from pydantic import Field as Setting

from tasks.columns.base import Encoding
from tasks.columns.target_statistics import TargetStatistics
from tasks.model_input.inputs import Field
from tasks.params.config import Config
from tasks.repair.repair import FEW


class TargetTable(Config):
    """What the target was with each category, a row of `values` each.

    The shares of `classes` (of two that of the second), or for a number (mean of the category - `mean`) / `std`.
    """

    classes: tuple[str, ...]
    mean: float
    # recipe.json of an earlier version has it as `deviation`.
    std: float = Setting(validation_alias=AliasChoices("std", "deviation"))
    values: tuple[tuple[float, ...], ...]

    @property
    def scale(self) -> TargetStatistics:
        return TargetStatistics(self.classes, self.mean, self.std)


class CategoryEncoding(Encoding):
    """Each known value has an index; `missing` has the next one, if training rows had gaps; all else has the last.

    With `impute` that value stands in for a missing one instead. Hashed, a value's index is the first 8 bytes of its
    BLAKE2b digest modulo `buckets`: values that share an index cannot be told apart, and none is unseen.
    """

    type: Literal["category"] = "category"
    encode: Literal["one_hot", "ordinal", "target", "hashed"]
    categories: tuple[str, ...] = ()
    missing: bool
    impute: str | None = None
    buckets: int | None = None
    target: TargetTable | None = None

    @property
    def num_categories(self) -> int:
        return self.buckets + self.missing if self.buckets else len(self.categories) + self.missing + 1

    @property
    def is_continuous(self) -> bool:
        return self.encode == "target"

    def field(self, name: str) -> Field:
        if self.target is not None:
            labels = tuple(f"{name} mean {label}".rstrip() for label in self.target.scale.names)
            return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)
        if self.encode == "ordinal":
            return Field(name=name, kind="dense", shape=(1,), labels=(name,))
        labels = tuple(f"{name}={label}" for label in self._category_names())
        return Field(name=name, kind="category_index", shape=(len(labels),), labels=labels)

    def _category_names(self) -> tuple[str, ...]:
        own = [_unlike("(missing)", self.categories)] if self.missing else []
        if self.buckets:
            return (*(f"({bucket})" for bucket in range(self.buckets)), *own)
        return (*self.categories, *own, _unlike("(other)", self.categories))

    @cached_property
    def indices(self) -> dict[str | None, int]:
        """The index of each known value, and of a missing one."""
        indices: dict[str | None, int] = {value: index for index, value in enumerate(self.categories)}
        indices[None] = self._missing_index(indices)
        return indices

    @cached_property
    def numbered(self) -> dict[float, str]:
        """The categories that are numbers in text, by their number; none where two are the same one."""
        numbers = pl.Series(self.categories, dtype=pl.String).str.strip_chars().cast(pl.Float64, strict=False).to_list()
        counts = Counter(numbers)
        pairs = zip(numbers, self.categories, strict=True)
        return {number: name for number, name in pairs if number is not None and counts[number] == 1}

    def _missing_index(self, indices: dict[str | None, int]) -> int:
        if self.missing:
            return self.num_categories - (1 if self.buckets else 2)
        value = "" if self.impute is None else self.impute
        if self.buckets:
            return _bucket(value, self.buckets)
        return self.num_categories - 1 if self.impute is None else indices.get(value, self.num_categories - 1)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """`target.values` [num_categories, K]."""
        assert self.target is not None
        return np.array(self.target.values, dtype=np.float64)


def _unlike(label: str, categories: Collection[str]) -> str:
    """The label, in more brackets where a category has it already."""
    while label in categories:
        label = f"({label})"
    return label


def category_indices(values: pl.Series, encoding: CategoryEncoding) -> NDArray[np.int32]:
    """Each value's index, [N]."""
    if len(values) <= FEW:
        return few_indices(values.to_list(), encoding)
    # Each different value is hashed once.
    known = _hashed(values.unique().to_list(), encoding) if encoding.buckets else encoding.indices
    names = pl.Series(list(known), dtype=pl.String)
    indices = pl.Series(list(known.values()), dtype=pl.Int32)
    return values.replace_strict(names, indices, default=encoding.num_categories - 1, return_dtype=pl.Int32).to_numpy()


def few_indices(values: list[str | None], encoding: CategoryEncoding) -> NDArray[np.int32]:
    """The same for a few values, of which finding the different ones would take longer than hashing."""
    known = _hashed(values, encoding) if encoding.buckets else encoding.indices
    other = encoding.num_categories - 1
    return np.array([known.get(value, other) for value in values], dtype=np.int32)


def _hashed(values: list[str | None], encoding: CategoryEncoding) -> dict[str | None, int]:
    assert encoding.buckets is not None
    buckets: dict[str | None, int] = {value: _bucket(value, encoding.buckets) for value in values if value is not None}
    return buckets | {None: encoding.indices[None]}


def _bucket(value: str, buckets: int) -> int:
    """The same on every machine and for ever, which Python's own hash is not."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big") % buckets

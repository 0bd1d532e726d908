"""How categories become model input, as the recipe keeps it: each value's place, and what stands there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import FEW, Encoding
from tasks.columns.category.target import TargetStatistics
from tasks.model_input.inputs import Field
from tasks.params.config import Config


class TargetTable(Config):
    """What the target was with each place, a row of `values` each: the shares of `classes` (of two that of the second),
    or for a number (mean of the place - `mean`) / `deviation`."""

    classes: tuple[str, ...]
    mean: float
    deviation: float
    values: tuple[tuple[float, ...], ...]

    @property
    def scale(self) -> TargetStatistics:
        return TargetStatistics(self.classes, self.mean, self.deviation)


class CategoryEncoding(Encoding):
    """Each known value has a place; `missing` has the next one, if training rows had gaps; all else has the last.

    With `impute` that value stands in for a missing one instead. Hashed, a value's place is the first 8 bytes of its
    BLAKE2b digest modulo `buckets`: values that share a place cannot be told apart, and none is unseen.
    """

    type: Literal["category"] = "category"
    encode: Literal["one_hot", "ordinal", "target", "hashed"]
    categories: tuple[str, ...] = ()
    missing: bool
    impute: str | None = None
    buckets: int | None = None
    target: TargetTable | None = None

    @property
    def num_places(self) -> int:
        return self.buckets + self.missing if self.buckets else len(self.categories) + self.missing + 1

    @property
    def is_continuous(self) -> bool:
        return self.encode == "target"

    def field(self, name: str) -> Field:
        if self.target is not None:
            labels = tuple(f"{name} mean {place}".rstrip() for place in self.target.scale.names)
            return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)
        if self.encode == "ordinal":
            return Field(name=name, kind="dense", shape=(1,), labels=(name,))
        labels = tuple(f"{name}={place}" for place in self._place_names())
        return Field(name=name, kind="codes", shape=(len(labels),), labels=labels)

    def _place_names(self) -> tuple[str, ...]:
        own = [_unlike("(missing)", self.categories)] if self.missing else []
        if self.buckets:
            return (*(f"({bucket})" for bucket in range(self.buckets)), *own)
        return (*self.categories, *own, _unlike("(other)", self.categories))

    @cached_property
    def places(self) -> dict[str | None, int]:
        """The place of each known value, and of a missing one."""
        places: dict[str | None, int] = {value: place for place, value in enumerate(self.categories)}
        places[None] = self._place_of_missing(places)
        return places

    def _place_of_missing(self, places: dict[str | None, int]) -> int:
        if self.missing:
            return self.num_places - (1 if self.buckets else 2)
        value = "" if self.impute is None else self.impute
        if self.buckets:
            return _bucket(value, self.buckets)
        return self.num_places - 1 if self.impute is None else places.get(value, self.num_places - 1)

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """`target.values` [places, K]."""
        assert self.target is not None
        return np.array(self.target.values, dtype=np.float32)


def _unlike(place: str, categories: Collection[str]) -> str:
    """The name of a place, in more brackets where a category has it already."""
    while place in categories:
        place = f"({place})"
    return place


def places_of(values: pl.Series, encoding: CategoryEncoding) -> NDArray[np.int32]:
    """Each value's place, [N]."""
    known = encoding.places
    if encoding.buckets:
        distinct = values if len(values) <= FEW else values.unique()
        hashed = {value: _bucket(value, encoding.buckets) for value in distinct.to_list() if value is not None}
        known = {**hashed, None: known[None]}
    if len(values) <= FEW:
        other = encoding.num_places - 1
        return np.array([known.get(value, other) for value in values.to_list()], dtype=np.int32)
    names = pl.Series(list(known), dtype=pl.String)
    places = pl.Series(list(known.values()), dtype=pl.Int32)
    return values.replace_strict(names, places, default=encoding.num_places - 1, return_dtype=pl.Int32).to_numpy()


def _bucket(value: str, buckets: int) -> int:
    """The same on every machine and for ever, which Python's own hash is not."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big") % buckets

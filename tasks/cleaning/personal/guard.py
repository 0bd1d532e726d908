"""What personal data in a table become, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.cleaning.personal.k_anonymity import k_anonymity
from tasks.cleaning.personal.look import PersonalSamples, merge, personal_columns
from tasks.cleaning.personal.protection import hash_key, hashed, key_check, masked
from tasks.cleaning.rows_under_repair import RowsUnderRepair
from tasks.errors import UserError, did_you_mean
from tasks.params.clean import Clean, CleanColumn, Protection
from tasks.tables.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Which columns are dropped, masked or hashed on their way out of the stage; `key` is that of the hashes."""

    how: Mapping[str, Protection] = field(default_factory=dict)
    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, config: Clean, dataset: Dataset) -> Guard:
        """Raises UserError when a column is to be hashed and the environment has no key."""
        names = [column.name for column in dataset.columns if column.name in config.columns]
        how = {name: own for name in names if (own := config.columns[name].personal) is not None}
        key = hash_key(config.personal.hash_key) if "hash" in how.values() else None
        return cls(how=how, key=key)

    @property
    def private(self) -> frozenset[str]:
        """Columns whose values are in no report."""
        return frozenset(self.how)

    def protected(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows as they may leave. What is generalised was so when values were put right."""
        for name, how in self.how.items():
            match how:
                case "drop":
                    rows = rows.drop(name)
                case "mask":
                    rows = rows.with_columns(masked(rows[name]))
                case "hash":
                    assert self.key is not None
                    rows = rows.with_columns(hashed(rows[name], self.key))
                case "generalise":
                    pass
        return rows

    def as_it_came(self, raw: pl.DataFrame, repaired: pl.DataFrame) -> pl.DataFrame:
        """The raw rows, but for columns whose values must not be kept as fine as they came."""
        return raw.with_columns(repaired[name] for name, how in self.how.items() if how == "generalise")

    def without_dropped(self, dataset: Dataset) -> Dataset:
        """The columns that are left."""
        left = tuple(column for column in dataset.columns if self.how.get(column.name) != "drop")
        return dataset.model_copy(update={"columns": left})

    def facts(self, rows: RowsUnderRepair, config: Clean) -> dict[str, Any]:
        """Which key was used, without telling it, and how well people hide among each other."""
        told: dict[str, Any] = {}
        if self.key is not None:
            told["hash_key"] = key_check(self.key)
        if config.personal.k_anonymity:
            told["k_anonymity"] = k_anonymity(rows.parts, list(config.personal.k_anonymity))
        return told


class Watch:
    """Looks for personal data in the parts that pass by."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._seen: PersonalSamples | None = None

    def add(self, new: PersonalSamples) -> None:
        """What one part looks like."""
        if self._enabled:
            self._seen = new if self._seen is None else merge(self._seen, new)

    def facts(self, guard: Guard) -> dict[str, Any]:
        """The columns that look like personal data, and what becomes of them."""
        if self._seen is None:
            return {}
        found = [one.model_dump(mode="json") for one in personal_columns(self._seen)]
        return {"personal": [one | {"treatment": guard.how.get(one["column"], "none")} for one in found]}


def check_settings(config: Clean, dataset: Dataset) -> None:
    """Refuses rules for columns that are not there, or that cannot keep them. Raises UserError."""
    columns = {column.name: column for column in dataset.columns}
    for name in (*config.columns, *config.personal.k_anonymity):
        if name not in columns:
            raise UserError(f"clean: there is no column {name}{did_you_mean(name, columns)}; correct the name")
    for name in config.personal.k_anonymity:
        if columns[name].type in ("image", "audio"):
            raise UserError(f"clean.personal.k_anonymity: {name} is of type {columns[name].type}; leave it out")
    for name, own in config.columns.items():
        for setting, types in _only_for(own).items():
            if columns[name].type not in types:
                raise UserError(
                    f"clean.columns.{name}.{setting} is for {' and '.join(types)} columns, and {name} is of type "
                    f"{columns[name].type}; leave it out, or set ingest.columns.{name}.type"
                )
        _check_protection(name, own, columns[name].role)


def _only_for(own: CleanColumn) -> dict[str, tuple[str, ...]]:
    """The settings that are given, and the column types that they are for."""
    words = ("category", "text")
    rules: dict[str, tuple[bool, tuple[str, ...]]] = {
        "min": (own.min is not None, ("number",)),
        "max": (own.max is not None, ("number",)),
        "allowed": (own.allowed is not None, ("category",)),
        "replace": (bool(own.replace), words),
        "case": (own.case is not None, ("category",)),
        "rare": (own.rare is not None, ("category",)),
        "outliers": (own.outliers is not None, ("number",)),
        "personal": (own.personal in ("mask", "hash"), words),
        "generalise.width": (own.generalise.width is not None, ("number",)),
        "generalise.unit": (own.generalise.unit is not None, ("timestamp",)),
        "generalise.keep": (own.generalise.keep is not None, words),
    }
    return {setting: types for setting, (given, types) in rules.items() if given}


def _check_protection(name: str, own: CleanColumn, role: str) -> None:
    if own.personal is not None and role == "target":
        raise UserError(
            f"clean.columns.{name}.personal: {name} is the target, which must stay as it is; choose another target"
        )
    if own.personal == "hash" and role == "feature":
        raise UserError(
            f"clean.columns.{name}.personal: hash: {name} is a feature, and a served model has no key to hash "
            f"what it is asked; set ingest.columns.{name}.role to id or group, or use mask, generalise or drop"
        )
    if own.personal == "mask" and role == "feature":
        raise UserError(
            f"clean.columns.{name}.personal: mask: {name} is a feature, of which a mask leaves nothing to learn from; "
            f"set ingest.columns.{name}.role to id, or use generalise or drop"
        )

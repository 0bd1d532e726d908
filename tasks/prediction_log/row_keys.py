"""What a row is known by, so that its label finds it: a keyed digest of its ids, or of all that a model asks.

The ids themselves are not kept: they name people as often as not, and the log is read by many. HMAC-SHA256 (RFC 2104)
with a secret key: without it nobody can tell by trying whose row it is. The key is the environment's, or one that is
made once for the project and never leaves it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars import selectors

from tasks import files
from tasks.cleaning.personal.protection import MIN_KEY_BYTES, hash_key
from tasks.errors import UserError
from tasks.splitting.key import Key
from tasks.tables.dataset import Dataset

_DIGITS = 32
"""Hexadecimal digits of a row's key: 128 bits, so that no two rows ever share one by chance."""
_SAMPLED_DIGITS = 13
"""Of these, 52 bits say whether the row is in a sample: what a float64 holds exactly."""


@dataclass(frozen=True, kw_only=True)
class RowKey:
    """How rows become keys: by their ids, where they have them all, and else by what the model asks of them."""

    ids: tuple[str, ...]
    asked: tuple[str, ...]
    dataset: Dataset
    secret: bytes = field(repr=False)

    def names(self, there: Sequence[str]) -> tuple[str, ...]:
        """The columns that these rows are known by. Raises UserError where they lack both."""
        for names in (self.ids, self.asked):
            if names and set(names) <= {*there}:
                return names
        needed = ", ".join(self.ids) or ", ".join(self.asked)
        raise UserError(f"the rows have none of what they are known by: {needed}; add these columns")

    def of(self, rows: pl.DataFrame) -> pl.Series:
        """The key of each row [N] as text. A value counts as it is written: 7, 7.0 and `07` are one."""
        names = self.names(rows.columns)
        # As text they are read as any writing of theirs is; a long one would not be a float64.
        rows = rows.with_columns(selectors.integer().cast(pl.String))
        dialects = {column.name: column.dialect for column in self.dataset.columns}
        return self._digests(Key(names, names, dialects).hashes_of(rows, names, ""), "row_key")

    def of_groups(self, rows: pl.DataFrame) -> pl.Series:
        """The key of each row's group [N]; missing where the rows have none."""
        name = next((column.name for column in self.dataset.columns if column.role == "group"), None)
        if name is None or name not in rows.columns:
            return pl.Series("group_key", [None] * rows.height, dtype=pl.String)
        hashes = Key((name,), (name,)).hashes_of(rows, (name,), "")
        return self._digests(hashes.set(rows[name].is_null(), None), "group_key")

    def _digests(self, hashes: pl.Series, name: str) -> pl.Series:
        keys = [
            None if value is None else hmac.digest(self.secret, value.to_bytes(8, "little"), "sha256").hex()[:_DIGITS]
            for value in hashes.to_list()
        ]
        return pl.Series(name, keys, dtype=pl.String)


def sampled(keys: pl.Series, share: float) -> NDArray[np.bool_]:
    """Which rows [N] are in a sample of this share: by their keys alone, so that a row is in it always or never."""
    positions = keys.str.head(_SAMPLED_DIGITS).str.to_integer(base=16).to_numpy() / 16.0**_SAMPLED_DIGITS
    return np.asarray(positions < share)


def row_secret(variable: str, place: Path) -> bytes:
    """The key in the environment variable of that name; without one that of the file, which is made if need be.

    Raises UserError where the variable is too short to be a key, or the file cannot be written.
    """
    if os.environ.get(variable):
        return hash_key(variable)
    if not place.exists():
        with files.scratch(place) as folder:
            draft = folder / "draft"
            draft.touch(mode=0o600)
            draft.write_bytes(secrets.token_hex(MIN_KEY_BYTES).encode())
            # Only where there is none: of two that begin at once, both go on with the first one's.
            with suppress(FileExistsError):
                place.hardlink_to(draft)
    return place.read_bytes()

"""Personal data made harmless: dropped, masked for people to read, or hashed with a key that no file holds."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.columns.category.column import CategoryColumn
from tasks.errors import UserError
from tasks.params.clean import Clean, Protection
from tasks.tables.dataset import Dataset

MIN_KEY_BYTES = 16
"""128 bits. NIST SP 800-131A asks for 112 at least; RFC 2104 (Krawczyk, Bellare, Canetti 1997) advises as many as the
hash has, 32 bytes, which is what the command in the message makes."""

_CHECKED = b"modelwright: which key was used"
_CHECK_DIGITS = 8


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
        # Asked for before any work: a run must not fail at its end for want of a key.
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
                # The recipe must do it to rows to answer as well, so that it is a repair.
                case "generalise":
                    pass
        return rows

    def as_it_came(self, raw: pl.DataFrame, repaired: pl.DataFrame) -> pl.DataFrame:
        """The raw rows, but for columns whose values must not be kept as fine as they came."""
        # Quarantine must not hold what the user asked to make coarser.
        return raw.with_columns(repaired[name] for name, how in self.how.items() if how == "generalise")

    def without_dropped(self, dataset: Dataset) -> Dataset:
        """The columns that are left."""
        left = tuple(column for column in dataset.columns if self.how.get(column.name) != "drop")
        return dataset.model_copy(update={"columns": left})

    @property
    def facts(self) -> dict[str, Any]:
        """Which key was used, without telling it."""
        return {} if self.key is None else {"hash_key": key_check(self.key)}


def masked(values: pl.Series) -> pl.Series:
    """Every letter as x and every digit as 0; other signs stay, and so does what is missing.

    Marks that belong to a letter (accents that stand by themselves, vowel signs) go with it.
    """
    return CategoryColumn().cast(values).str.replace_all(r"\p{L}\p{M}*", "x").str.replace_all(r"\p{N}", "0")


def hashed(values: pl.Series, key: bytes) -> pl.Series:
    """HMAC-SHA256 (RFC 2104, FIPS 180-4) of each value's UTF-8 text, 64 hexadecimal digits; missing stays missing.

    Equal values have equal hashes, so rows of one person still belong together; without the key nobody can tell
    which value it was by trying all of them, as one can with a hash alone. Whole numbers are hashed without `.0`.
    """
    text = CategoryColumn().cast(values)
    # HMAC is done once a distinct value, as it is a call of Python each.
    distinct = text.drop_nulls().unique()
    digests = [hmac.digest(key, value.encode(), "sha256").hex() for value in distinct.to_list()]
    # The dtype is given: of no value at all polars would guess another.
    return text.replace_strict(distinct, pl.Series(digests, dtype=pl.String), return_dtype=pl.String)


def hash_key(variable: str) -> bytes:
    """The key in the environment variable of that name. Raises UserError when there is none or it is short."""
    key = os.environ.get(variable, "").encode()
    if len(key) >= MIN_KEY_BYTES:
        return key
    what = f"holds {len(key)} bytes, and a key needs {MIN_KEY_BYTES}" if key else "is not set"
    raise UserError(
        f"the environment variable {variable} {what}: it is the key of columns with `personal: hash`. Make one with "
        '`python -c "import secrets; print(secrets.token_hex(32))"`, keep it where you keep passwords (the same key '
        f"gives the same hashes), and set it: `export {variable}=...`"
    )


def key_check(key: bytes) -> str:
    """Eight hexadecimal digits by which two reports tell whether they used the same key; they do not give it away."""
    return hmac.digest(key, _CHECKED, "sha256").hex()[:_CHECK_DIGITS]

"""A row's identity: a hash of its values, the same on every machine and for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

GOLDEN_RATIO = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio, as SplitMix64 has it; it also stands for a missing value."""

Keys = Callable[[pl.Series], NDArray[np.uint64]]
"""64 bits for each cell of a column, [N]: equal for equal values, whatever equal is to mean."""

MOST_DISTINCT = 0.5
"""Share of distinct texts from which on it takes less time to hash every one of them."""

_POSITION_BITS = 52
"""Of a hash that become a number in [0, 1): what a float64 holds exactly."""


def typed_keys(values: pl.Series) -> NDArray[np.uint64]:
    """64 bits for each cell, [N]: equal for equal values of one type."""
    match values.dtype:
        case pl.Float64:
            # A negative zero is equal to zero, and adding zero makes it one.
            keys = (values.fill_null(0.0).to_numpy() + 0.0).view(np.uint64).copy()
        case pl.Boolean:
            # A missing value gets a key of its own below; here it only must not fail.
            keys = values.fill_null(value=False).cast(pl.UInt64).to_numpy().copy()
        case pl.Datetime():
            keys = values.to_physical().fill_null(0).to_numpy().view(np.uint64).copy()
        case pl.Binary:
            keys = np.array([_digest(content or b"") for content in values], dtype=np.uint64)
        case _:
            return text_keys(values.cast(pl.String))
    if values.null_count():
        # Missing is a value like any other, and unlike an empty text, a zero and false.
        keys[values.is_null().to_numpy()] = GOLDEN_RATIO
    return keys


def row_hashes(rows: pl.DataFrame, columns: Sequence[str], salt: str = "", keys: Keys = typed_keys) -> pl.Series:
    """64 bits of each row's values in the given columns, [N] UInt64; the columns' order does not matter.

    A sum over the columns of a hash of each cell. Cells are mixed by the last step of SplitMix64 (Steele, Lea and
    Flood, OOPSLA 2014), each column with an offset by its name, so that no other column matters; text and bytes by MD5
    before that, because its definition never changes. Nothing here needs to resist an attack.
    """
    total = np.zeros(rows.height, dtype=np.uint64)
    for name in sorted(columns):
        total += mixed(keys(rows[name]) + _digest(f"{name}|{salt}".encode()))
    return pl.Series("hash", mixed(total))


def equality_hashes(rows: pl.DataFrame, columns: Sequence[str], seed: int = 0) -> NDArray[np.uint64]:
    """64 bits of each row's values in the given columns, [N]: to find equal rows of one run in a seventh of the time.

    Not to be kept, nor to choose by: another version of polars has other hashes. Zero is equal to negative zero, and
    missing to missing alone; seeds give hashes that have nothing to do with each other.
    """
    # polars hashes no table without columns; all rows of one are equal.
    if not columns:
        return np.zeros(rows.height, dtype=np.uint64)
    # In the order of names, so that tables with the same columns in another order agree.
    return rows.select(sorted(columns)).hash_rows(seed).to_numpy()


def unit_interval(hashes: pl.Series) -> pl.Series:
    """Hashes as numbers in [0, 1)."""
    whole = hashes.to_numpy() >> np.uint64(64 - _POSITION_BITS)
    return pl.Series("position", whole / 2.0**_POSITION_BITS)


def text_keys(values: pl.Series) -> NDArray[np.uint64]:
    """64 bits for each text, [N]; a missing one has those of GOLDEN_RATIO. Texts that come often are hashed once."""
    present = values.fill_null("")
    # MD5 is a call of Python for each text: most columns of categories have few.
    distinct = present.unique()
    if len(distinct) > len(values) * MOST_DISTINCT:
        keys = _digests(present)
    else:
        keys = _digests(distinct)[present.cast(pl.Enum(distinct)).to_physical().to_numpy()]
    if values.null_count():
        keys[values.is_null().to_numpy()] = GOLDEN_RATIO
    return keys


def checksum_keys(values: pl.Series) -> NDArray[np.uint64]:
    """As `typed_keys`, in a sixth of the time for texts, of 32 bits: to choose some, not to tell them apart.

    CRC-32 of their bytes in UTF-8; a missing one is as an empty one.
    """
    if values.dtype != pl.String:
        return typed_keys(values)
    contents = values.fill_null("").cast(pl.Binary).to_list()
    return np.fromiter(map(crc32, contents), np.uint64, len(contents))


def _digests(texts: pl.Series) -> NDArray[np.uint64]:
    """`_digest` of each text, [N], in half the time: one array is made of all digests, and not a number of each."""
    md5 = hashlib.md5
    digests = b"".join([md5(text, usedforsecurity=False).digest() for text in texts.cast(pl.Binary).to_list()])
    return np.frombuffer(digests, dtype="<u8")[::2].astype(np.uint64)


def _digest(content: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.md5(content, usedforsecurity=False).digest()[:8], "little"))


def mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's last step: all bits of a key change each bit of its answer, and no two keys share an answer."""
    bits = keys ^ (keys >> np.uint64(30))
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits

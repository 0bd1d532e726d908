"""What decides a row's part: the values of its key, whatever their type, and whatever other columns there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.columns.boolean.column import WORDS
from tasks.errors import UserError, did_you_mean
from tasks.parallel import parallel_map
from tasks.params.split import HashSplit, Split, TimeSplit
from tasks.splitting.base import Read
from tasks.splitting.copies import Copies
from tasks.tables.dataset import Dataset
from tasks.tables.dialect import ColumnDialect
from tasks.tables.row_hashes import MOST_DISTINCT, row_hashes, text_keys, typed_keys, unit_interval

_TELLING = 0.5
"""Least share of distinct ids among the rows: columns with fewer hold something else, such as one value for all."""

_WORDS = {word: float(meaning) for word, meaning in WORDS.items()}
"""How a boolean may stand in a column that is read as text."""

_LONG_WHOLE_NUMBER = r"^[+-]?\d{16,}$"
"""A number that a float64 may not hold exactly, such as an order's: from `_LARGEST_EXACT` on it stays text."""

_LARGEST_EXACT = 2.0**53
"""Below, every whole number is a float64 of its own."""

_PLAIN = ColumnDialect()

_INSTANT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_INSTANT_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True)
class Key:
    """The columns that decide a row's part, and those that do where all of these are missing."""

    names: tuple[str, ...]
    content: tuple[str, ...]
    dialects: Mapping[str, ColumnDialect] = field(default_factory=dict)
    """How the columns are written, so that what is read as text now has the key of the number that it was before."""

    @property
    def columns(self) -> list[str]:
        """All columns that are read for it."""
        return list(dict.fromkeys([*self.names, *self.content]))

    def hashes(self, rows: pl.DataFrame, salt: str) -> pl.Series:
        """64 bits of each row's key, [N]."""
        hashes = self.hashes_of(rows, self.names, salt)
        is_missing = rows.select(pl.all_horizontal(pl.col(self.names).is_null())).to_series()
        if not is_missing.any():
            return hashes
        # All rows without a key would else have one, and go to one part.
        return hashes.zip_with(~is_missing, self.hashes_of(rows, self.content, salt))

    def hashes_of(self, rows: pl.DataFrame, columns: Sequence[str], salt: str) -> pl.Series:
        """64 bits of these columns' values, [N]. A value counts as it is written: 7, 7.0 and `07` are one."""
        return row_hashes(
            rows, columns, salt, lambda values: written_keys(values, self.dialects.get(values.name, _PLAIN))
        )

    def positions(self, rows: pl.DataFrame, salt: str) -> NDArray[np.float64]:
        """A number in [0, 1) for each row, [N]: uniform, and from the key's values and the salt alone."""
        return unit_interval(self.hashes(rows, salt)).to_numpy()

    def num_distinct(self, read: Read) -> int:
        """How many different keys the rows have; 8 bytes are held for each."""
        # Counted by polars: numpy's `unique` took fifty times as long as sorting a million of them.
        return pl.concat([self.hashes(rows, "").unique() for rows in read(self.columns)]).n_unique()


Placer = Callable[[pl.DataFrame, str], NDArray[np.float64]]
"""A number in [0, 1) for each row, [N], with that salt."""


def placer(config: Split, key: Key) -> Placer:
    """What places rows by their key; where repeats are apart, it is asked once, and for parts in their order."""
    if not parts_repeats(config):
        return key.positions
    copies = Copies()
    return lambda rows, salt: unit_interval(copies.told_apart(key.hashes(rows, salt))).to_numpy()


def parts_repeats(config: Split) -> bool:
    """Whether rows of one key may be in several parts."""
    return isinstance(config, HashSplit) and config.repeats == "apart"


def split_key(config: Split, dataset: Dataset, read: Read) -> Key:
    """What decides a row's part: the columns that `split.key` names.

    Without them the columns of bytes, since a picture is the same under every name; or else the ids, where they tell
    rows apart; or else all that makes a row what it is, which a new column changes, but for the target: rows of the
    same features would be parted by their answers, and train on "yes" alone where the test has "no". Raises UserError
    for a column that is not there.
    """
    content = tuple(dataset.asked_names)
    dialects = {column.name: column.dialect for column in dataset.columns}
    if isinstance(config, TimeSplit):
        return Key(content, content, dialects)
    if config.key is None:
        return Key(_contents(dataset, read) or _ids(dataset, read) or content, content, dialects)
    known = [column.name for column in dataset.columns]
    for name in config.key:
        if name not in known:
            raise UserError(
                f"split.key: there is no column {name}{did_you_mean(name, known)}; name columns that the data have"
            )
    return Key(config.key, content, dialects)


def written_keys(values: pl.Series, dialect: ColumnDialect) -> NDArray[np.uint64]:
    """64 bits for each cell, [N], the same for a number, a boolean or an instant and for the text that says it."""
    if values.dtype == pl.Boolean:
        return typed_keys(values.cast(pl.Float64))
    if values.dtype != pl.String:
        return typed_keys(values)
    distinct = values.unique()
    # A text that comes often is read once; to find each one's place takes longer than reading all ids.
    if len(distinct) > len(values) * MOST_DISTINCT:
        return _keys_of_texts(values, dialect)
    keys = _keys_of_texts(distinct, dialect)
    index = values.to_frame("text").join(
        pl.DataFrame({"text": distinct, "index": np.arange(len(distinct))}),
        on="text",
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )["index"]
    chosen: NDArray[np.uint64] = keys[index.to_numpy()]
    return chosen


def _keys_of_texts(texts: pl.Series, dialect: ColumnDialect) -> NDArray[np.uint64]:
    keys = np.empty(len(texts), dtype=np.uint64)
    is_text = np.ones(len(texts), dtype=np.bool_)
    plain = texts.str.strip_chars()
    readings = [_as_numbers(plain)]
    # No text is both, and looking for instants takes longer than all else.
    if readings[0].null_count() > texts.null_count():
        readings.append(_as_instants(plain))
    # In the source's own writing last: 1.234 is what a source with points between thousands means by it.
    for parsed in (*readings, *_in_dialect(plain, dialect)):
        is_parsed = parsed.is_not_null().to_numpy()
        keys[is_parsed] = typed_keys(parsed)[is_parsed]
        is_text &= ~is_parsed
    # A digest is a call of Python for each text, and ids are numbers as often as not.
    keys[is_text] = text_keys(texts.filter(pl.Series(is_text)))
    return keys


def _as_numbers(texts: pl.Series) -> pl.Series:
    """Numbers and booleans that are written as text; missing where there is none."""
    parsed = texts.cast(pl.Float64, strict=False)
    # "nan" and "inf" are words here: no column of numbers holds them.
    is_number = parsed.is_finite().fill_null(value=False)
    is_large = (parsed.abs() >= _LARGEST_EXACT) & is_number
    # Most columns are numbers from end to end, and small ones: what only others need is spared.
    if is_large.any():
        is_number &= ~(is_large & texts.str.contains(_LONG_WHOLE_NUMBER))
    if is_number.all():
        return parsed
    words = texts.str.to_lowercase().replace_strict(_WORDS, default=None, return_dtype=pl.Float64)
    return parsed.zip_with(is_number, words)


def _as_instants(texts: pl.Series) -> pl.Series:
    """Instants as ISO 8601 has them; missing where there is none."""
    written = pl.when(pl.col("text").str.contains(_INSTANT)).then(pl.col("text").str.replace("T", " "))
    parsed = [written.str.to_datetime(pattern, time_unit="us", strict=False) for pattern in _INSTANT_FORMATS]
    return texts.to_frame("text").select(pl.coalesce(parsed)).to_series()


def _in_dialect(texts: pl.Series, dialect: ColumnDialect) -> Iterator[pl.Series]:
    """Numbers and instants as the source writes them, where that is another way than that of programs."""
    if dialect.unit is not None or not dialect.writes_plain_numbers:
        numbers = column_type("number").read(texts, dialect)
        yield numbers.set((numbers.abs() >= _LARGEST_EXACT).fill_null(value=False), None)
    if dialect.format is not None:
        yield column_type("timestamp").read(texts, dialect)


def _contents(dataset: Dataset, read: Read) -> tuple[str, ...]:
    first = next(iter(read(None)), None)
    if first is None:
        return ()
    return tuple(column.name for column in dataset.features if first.schema[column.name] == pl.Binary)


def _ids(dataset: Dataset, read: Read) -> tuple[str, ...]:
    ids = tuple(column.name for column in dataset.columns if column.role == "id")
    if not ids:
        return ()
    key = Key(ids, ids)
    hashes = pl.concat(parallel_map(lambda rows: key.hashes(rows, ""), read(ids)))
    return ids if hashes.n_unique() >= _TELLING * len(hashes) else ()

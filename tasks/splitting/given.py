"""Split as the data say: a column names each row's part."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from tasks.errors import UserError
from tasks.params.split import GivenSplit, goes_by_time
from tasks.paths import PARTS, Part
from tasks.splitting.base import Assign, Read, refuse_feature, split_column
from tasks.splitting.key import Key
from tasks.splitting.times import TimeOrder, time_order
from tasks.tables.dataset import Dataset

_SPELLINGS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""How a given column may name the parts, in lower case."""

_MOST_SHOWN = 3


def by_given(config: GivenSplit, dataset: Dataset, key: Key, read: Read) -> Assign:
    """Each row's part as the column says; parts that it never names get a share of the train rows, by their key.

    Or the newest of them, where `validation_by` is time. Raises UserError when the column is missing or a feature, a
    value names no part, or a row to be cut in time has none.
    """
    column = split_column(config.column, "split", dataset)
    refuse_feature(column, "split")
    _check_values(column.name, read)
    # Also where nothing is left to be cut by it: folds go by it, too.
    order = time_order(config, dataset) if goes_by_time(config) else None
    named: set[str] = set()
    # One at a time: reading ends when all parts are named.
    for rows in read([column.name]):
        named.update(parts_named(rows[column.name]).unique())
        if {"validation", "test"} <= named:
            break
    shares: dict[Part, float] = {"validation": config.validation, "test": config.test}
    absent = {part: share for part, share in shares.items() if share and part not in named}
    if not absent:
        return lambda rows: parts_named(rows[column.name])
    return partial(_carved, config, key, absent) if order is None else _newest(config, order, absent, read)


def _newest(config: GivenSplit, order: TimeOrder, shares: Mapping[Part, float], read: Read) -> Assign:
    """Parts as given, with the newest of the train rows for parts that the data do not name, the test's last."""
    are_cut = ((rows, parts_named(rows[config.column]) == "train") for rows in read([order.name, config.column]))
    values = order.known(rows[order.name].filter(is_train) for rows, is_train in are_cut)
    latest_first: list[Part] = [part for part in PARTS[::-1] if part in shares]
    wanted = [round(shares[part] * len(values)) for part in latest_first]
    cuts = dict(zip(latest_first, order.newest_from(values, wanted), strict=True))

    def assign(rows: pl.DataFrame) -> pl.Series:
        parts = parts_named(rows[config.column])
        is_train, when = parts == "train", order.instants(rows)
        # Earlier cuts first: what is later than a later one is then that part's.
        for part, start in reversed(cuts.items()):
            moves = (is_train & (when >= start)).fill_null(value=False)
            parts = parts.zip_with(~moves, pl.repeat(part, rows.height, eager=True))
        return parts

    return assign


def _carved(config: GivenSplit, key: Key, shares: Mapping[Part, float], rows: pl.DataFrame) -> pl.Series:
    """Parts as given, with those shares of the train rows for parts that the data do not name."""
    parts = parts_named(rows[config.column])
    places = key.positions(rows, str(config.seed))
    # Rows of the other parts are never touched: the source has said which ones they are.
    is_train = parts == "train"
    start = 0.0
    for part, share in shares.items():
        moves = is_train & pl.Series((places >= start) & (places < start + share))
        parts = parts.zip_with(~moves, pl.repeat(part, rows.height, eager=True))
        start += share
    return parts


def _check_values(name: str, read: Read) -> None:
    """Raises UserError when some rows name no part."""
    num_rows = num_unknown = 0
    examples: list[str] = []
    for rows in read([name]):
        unknown = rows[name].filter(parts_named(rows[name]).is_null())
        num_rows, num_unknown = num_rows + rows.height, num_unknown + len(unknown)
        shown = unknown.unique(maintain_order=True).head(_MOST_SHOWN).to_list()
        examples += ["nothing" if value is None else repr(value) for value in shown]
    if num_unknown:
        values = ", ".join(dict.fromkeys(examples[:_MOST_SHOWN]))
        raise UserError(
            f"split.column: column {name} holds {values} in {num_unknown:,} of {num_rows:,} rows; known are "
            f"{', '.join(_SPELLINGS)}; correct them in the source, or, where the column says something else, "
            "name another one or split another way: `split: {kind: hash}`"
        )


def parts_named(values: pl.Series) -> pl.Series:
    """What a given column says as the names of parts; missing where a value names none."""
    # A source may write Test or TEST with a blank behind it.
    given = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    return given.replace_strict(_SPELLINGS, default=None, return_dtype=pl.String)

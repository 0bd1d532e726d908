"""A row's part depends on its key alone: rows, columns, types, roles and categories may change around it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import ingest
from tasks.errors import UserError
from tasks.params.ingest import Ingest
from tasks.params.split import GroupSplit, HashSplit
from tasks.paths import Project
from tasks.splitting.hashed import spread
from tasks.splitting.key import Key, split_key, written_keys
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tables.dialect import ColumnDialect
from tests.small_tables import Kind, cut, described
from tests.splitting.rows import COLUMNS, DATASET, assigned, many, tables

KEYED = HashSplit(key=("x", "who"), validation=0.3, test=0.3)


def read_of(rows: pl.DataFrame) -> Any:
    def read(columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        yield rows if columns is None else rows.select(columns)

    return read


def test_ids_that_tell_rows_apart_are_the_key() -> None:
    rows = many(60)
    assert split_key(HashSplit(), DATASET, read_of(rows)).names == ("id",)
    assert split_key(HashSplit(key=("x",)), DATASET, read_of(rows)).names == ("x",)


def test_what_is_left_out_as_an_id_and_is_the_same_everywhere_is_no_key() -> None:
    rows = many(60).with_columns(id=pl.lit("all"))
    assert split_key(HashSplit(), DATASET, read_of(rows)).names == ("x", "who", "when")


def test_a_picture_is_the_same_under_every_name() -> None:
    columns: dict[str, Kind] = {
        "path": ("category", "id"),
        "scan": ("image", "feature"),
        "label": ("category", "target"),
    }
    rows = pl.DataFrame({"path": ["a", "b"], "scan": [b"same", b"same"], "kind": ["x", "y"]})
    assert split_key(HashSplit(), described(columns), read_of(rows)).names == ("scan",)


def test_rows_without_a_key_are_rows_of_their_own() -> None:
    rows = many(300).with_columns(id=pl.when(pl.col("x") < 200).then(None).otherwise("id"))
    parts = assigned(HashSplit(key=("id",), test=0.3), [rows.with_columns(id=pl.int_range(pl.len()).cast(pl.String))])
    key = split_key(HashSplit(key=("id",)), DATASET, read_of(rows))
    assert len(np.unique(key.positions(rows, "0"))) == 300
    assert len(set(parts.values())) == 3


def test_a_key_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"split.key: there is no column wo; did you mean who\?"):
        split_key(HashSplit(key=("wo",)), DATASET, read_of(many(9)))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables, more=tables, with_ids=st.booleans())
def test_no_new_row_column_or_category_moves_anybody(rows: pl.DataFrame, more: pl.DataFrame, with_ids: bool) -> None:
    config = HashSplit(validation=0.3, test=0.3) if with_ids else KEYED
    before = assigned(config, [rows])
    strange = more.with_columns(id=pl.col("id") + "new", label=pl.lit("never seen"), who=pl.lit("new"))
    wider = pl.concat([strange, rows]).with_columns(aaa=pl.lit("new column"), zzz=pl.lit(1.0))
    dataset = described({**COLUMNS, "aaa": ("category", "feature"), "zzz": ("number", "id")})
    if with_ids:
        dataset = described({**COLUMNS, "aaa": ("category", "feature"), "zzz": ("number", "feature")})
    assert assigned(config, [wider], dataset).items() >= before.items()


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables)
def test_another_type_or_role_of_a_column_moves_nobody(rows: pl.DataFrame) -> None:
    before = assigned(KEYED, [rows])
    as_text = rows.with_columns(x=pl.col("x").cast(pl.Int64).cast(pl.String))
    other = described(
        {**COLUMNS, "x": ("category", "feature"), "label": ("category", "feature"), "who": ("text", "target")}
    )
    assert assigned(KEYED, [as_text], other) == before


APART = HashSplit(key=("who",), repeats="apart", validation=0.3, test=0.3)


def numbers_of_parts(rows: pl.DataFrame, parts: dict[str, str]) -> Counter[tuple[str, str]]:
    """How many rows of each `who` are in each part."""
    return Counter((str(row["who"]), parts[row["id"]]) for row in rows.iter_rows(named=True))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables, more=tables, places=st.lists(st.integers(0, 60), max_size=3), seed=st.integers(0, 99))
def test_events_of_one_key_keep_their_parts_as_rows_are_added_and_cut(
    rows: pl.DataFrame, more: pl.DataFrame, places: list[int], seed: int
) -> None:
    rows = rows.with_columns(who=pl.col("who").fill_null("nobody"))
    before = assigned(APART, [rows])
    more = more.with_columns(id=pl.col("id") + "new", who=pl.col("who").fill_null("nobody"))
    assert assigned(APART, cut(pl.concat([rows, more]), places)).items() >= before.items()
    shuffled = rows[random.Random(seed).sample(range(rows.height), rows.height)]
    # Which of equal rows is where depends on their order; how many are, does not.
    assert numbers_of_parts(shuffled, assigned(APART, [shuffled])) == numbers_of_parts(rows, before)


def test_events_of_one_key_go_to_all_parts_in_their_shares() -> None:
    rows = many(6_000, num_groups=3)
    by_who = numbers_of_parts(rows, assigned(APART, cut(rows, [100, 3_500])))
    for who in ("g0", "g1", "g2"):
        # Of 2,000 rows, 4 standard errors of 0.3 are 82.
        assert abs(by_who[who, "test"] - 600) < 82
        assert abs(by_who[who, "validation"] - 600) < 82
    counts = assigned(HashSplit(key=("who",), repeats="apart", validation=500, test=700), cut(rows, [2_000]))
    assert Counter(counts.values()) == {"train": 4_800, "validation": 500, "test": 700}


def test_the_group_may_change_its_type() -> None:
    numbers = many(200).with_columns(who=pl.col("who").str.slice(1).cast(pl.Float64))
    texts = numbers.with_columns(who=pl.col("who").cast(pl.Int64).cast(pl.String))
    config = GroupSplit(kind="group")
    assert assigned(config, [numbers]) == assigned(config, [texts])


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (pl.Series([7.0, -0.5, 0.1, 1e22, None]), pl.Series(["7", "-0.50", ".1", "1e22", None])),
        # Microseconds since 1970, an order's number of 16 digits.
        (pl.Series([1.7e15, 4e15 + 7]), pl.Series(["1700000000000000", "4000000000000007"])),
        (pl.Series([True, False, None]), pl.Series(["Yes", "n", None])),
        (pl.Series([True, False, None]), pl.Series([1.0, 0.0, None])),
        (
            pl.Series([datetime(2024, 2, 29), datetime(2024, 2, 29, 12, 30, 1)]),
            pl.Series(["2024-02-29", "2024-02-29T12:30:01"]),
        ),
    ],
)
def test_a_value_counts_as_it_is_written(typed: pl.Series, written: pl.Series) -> None:
    plain = ColumnDialect()
    assert (written_keys(typed.rename("a"), plain) == written_keys(written.rename("a"), plain)).all()


def test_long_whole_numbers_and_words_are_told_apart() -> None:
    texts = ["9007199254740993", "9007199254740992", "nan", "inf", "", "-", "1_0", "10", None]
    for dialect in (ColumnDialect(), ColumnDialect(decimal=",", thousands=".")):
        assert len(np.unique(written_keys(pl.Series("a", texts), dialect))) == len(texts)


def in_german(number: float) -> str:
    return f"{number:,.4f}".replace(",", "'").replace(".", ",").replace("'", ".")


WRITTEN: dict[str, tuple[Callable[[int], str], dict[str, str]]] = {
    "amount": (lambda n: in_german(n * 1017.8125), {"type": "number"}),
    "price": (lambda n: f"{n * 1000},5 €", {"type": "number", "unit": "€", "decimal": ","}),
    "day": (lambda n: f"{1 + n % 28:02}.{1 + n % 12:02}.2024", {"type": "timestamp", "format": "%d.%m.%Y"}),
    "works": (lambda n: "On" if n % 3 else "off", {"type": "boolean"}),
    "size": (str, {"type": "number"}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_read_as_text_from_now_on_keeps_its_part(tmp_path: Path, name: str) -> None:
    write, typed = WRITTEN[name]
    cells = [write(n) for n in range(1, 200)]
    rows = pl.DataFrame({name: cells, "label": ["a", "b", "c"] * 66 + ["a"], "more": range(199)})
    rows.write_csv(tmp_path / "rows.csv", separator=";")
    source = {"kind": "table", "path": "rows.csv", "separator": ";", "decimal": ",", "thousands": "."}
    positions = []
    for changed in ({}, {"type": "text"}, {"type": "category"}, {"type": "text", "role": "id"}):
        paths = Project(root=tmp_path).pipeline("shop")
        block = {"source": source, "target": "label", "columns": {name: {**typed, **changed}}}
        ingest.run(Ingest.model_validate(block), paths)
        rows = storage.read_table(paths.raw)
        key = split_key(HashSplit(key=(name,)), read_dataset(paths.dataset), read_of(rows))
        positions.append(key.positions(rows, "0").tolist())
    assert all(of == positions[0] for of in positions)
    assert len(set(positions[0])) == len(set(cells))


def test_a_key_is_the_same_for_ever() -> None:
    rows = pl.DataFrame({"name": ["a", None], "size": [1.5, 2.0]})
    key = Key(("name", "size"), ())
    assert key.hashes(rows, "0").to_list() == [1_295_342_589_280_683_109, 13_727_561_232_574_316_223]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    total=st.integers(1, 60),
)
def test_rows_are_spread_over_the_classes(counts: list[int], total: int) -> None:
    most = np.maximum(np.array(counts) - 2, 0)
    wanted = np.bincount(np.arange(min(total, sum(counts))) % len(counts), minlength=len(counts))
    rows = spread(wanted, most)
    assert (rows <= most).all()
    assert (rows >= 0).all()
    assert rows.sum() == min(wanted.sum(), most.sum())
    if wanted.sum() >= len(counts):
        assert (rows[most > 0] > 0).all()

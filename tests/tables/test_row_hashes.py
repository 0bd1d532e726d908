from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.tables.row_hashes import checksum_keys, equality_hashes, row_hashes, unit_interval

NUMBERS = st.none() | st.floats(allow_nan=False)
WORDS = st.none() | st.text(max_size=5) | st.sampled_from(["-", "", "|", "None"])
CONTENTS = st.none() | st.binary(max_size=5)
ROWS = st.lists(st.tuples(NUMBERS, WORDS, WORDS, CONTENTS), min_size=1, max_size=8)
SCHEMA = {"number": pl.Float64, "a": pl.String, "b": pl.String, "bytes": pl.Binary}


def frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def hashes(rows: pl.DataFrame, salt: str = "") -> list[int]:
    return row_hashes(rows, list(SCHEMA), salt).to_list()


def test_a_rows_hash_is_the_same_for_ever() -> None:
    rows = frame([(1.0, "x", "y", b"z"), (None, "", None, b""), (0.1, "é", "-", None), (1e300, None, "", b"\xff\x00")])
    assert hashes(rows) == [
        3_232_794_934_408_659_130,
        15_130_521_267_557_037_537,
        5_558_212_386_819_254_210,
        17_554_138_753_373_279_418,
    ]
    assert hashes(rows[:1], salt="7") == [9_172_732_120_036_399_962]


def test_numbers_keep_their_sign_and_all_their_digits() -> None:
    numbers = [0.1, 0.1 + 1e-16, 0.2, -0.2, 1e22, 1e23, float("inf"), float("-inf"), 5e-324, 2.0**53, 2.0**53 + 2]
    rows = pl.DataFrame({"n": numbers})
    assert row_hashes(rows, ["n"]).n_unique() == len(set(numbers))


def test_missing_empty_and_a_dash_are_three_things() -> None:
    words = pl.DataFrame({"w": [None, "", "-", "|", "None", "null"]})
    contents = pl.DataFrame({"w": [None, b"", b"-", b"|", b"None", b"null"]})
    for rows in (words, contents):
        assert row_hashes(rows, ["w"]).n_unique() == 6


def test_values_do_not_run_into_each_other() -> None:
    rows = pl.DataFrame({"a": ["x", "x|y", "", "x"], "b": ["y|z", "z", "x|y|z", None]})
    assert row_hashes(rows, ["a", "b"]).n_unique() == 4
    assert row_hashes(pl.DataFrame({"a": ["x", None], "b": [None, "x"]}), ["a", "b"]).n_unique() == 2


@pytest.mark.parametrize("name", ["size (cm)", 'a "b"', "größe", "select", "a;b", "rows", "hash", "salt"])
def test_columns_may_have_any_name(name: str) -> None:
    rows = pl.DataFrame({name: [1.0, None], "a": [1.0, 2.0]})
    assert row_hashes(rows, [name, "a"]).n_unique() == 2
    # By its name: the same values of another column are another row.
    assert row_hashes(rows, [name])[0] != row_hashes(rows, ["a"])[0]


def test_only_the_named_columns_count() -> None:
    rows = pl.DataFrame({"id": ["1", "2"], "a": ["x", "x"]})
    assert row_hashes(rows, ["a"]).n_unique() == 1
    assert row_hashes(rows, ["id", "a"]).n_unique() == 2


def test_a_table_without_rows_has_no_hashes() -> None:
    assert row_hashes(frame([]), list(SCHEMA)).dtype == pl.UInt64
    assert hashes(frame([])) == []


@settings(derandomize=True, max_examples=10, deadline=None)
@given(rows=ROWS, order=st.permutations(list(SCHEMA)), cut=st.integers(0, 8))
def test_neither_the_order_of_columns_nor_the_other_rows_matter(
    rows: list[tuple[object, ...]], order: list[str], cut: int
) -> None:
    table = frame(rows)
    expected = hashes(table)
    assert row_hashes(table.select(order), order).to_list() == expected
    assert hashes(table[:cut]) + hashes(table[cut:]) == expected


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=ROWS)
def test_rows_are_the_same_when_and_only_when_their_values_are(rows: list[tuple[object, ...]]) -> None:
    all_hashes = hashes(frame(rows))
    for first, row in zip(all_hashes, rows, strict=True):
        for second, other in zip(all_hashes, rows, strict=True):
            assert (first == second) == (row == other)


def test_places_are_spread_evenly_over_the_unit_interval() -> None:
    places = unit_interval(row_hashes(pl.DataFrame({"n": [float(n) for n in range(4000)]}), ["n"]))
    assert places.min() >= 0  # type: ignore[operator]
    assert places.max() < 1  # type: ignore[operator]
    # Kolmogorov and Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand.
    steps = pl.Series(range(4000)) / 4000
    assert (places.sort() - steps).abs().max() < 1.95 / 4000**0.5  # type: ignore[operator]


def test_the_ends_of_the_unit_interval() -> None:
    assert unit_interval(pl.Series([0, 2**64 - 1, 2**63], dtype=pl.UInt64)).to_list() == [0.0, 1 - 2.0**-52, 0.5]


@given(rows=ROWS)
def test_equality_hashes_are_equal_where_rows_are(rows: list[tuple[object, ...]]) -> None:
    table = frame(rows)
    names = list(SCHEMA)
    for seed in (0, 1):
        hashes = equality_hashes(table, names, seed)
        # Python says so too: -0.0 == 0.0 and None == None.
        assert [one == other for one in rows for other in rows] == [
            bool(one == other) for one in hashes for other in hashes
        ]
    assert (equality_hashes(table, names[::-1]) == equality_hashes(table.select(names[::-1]), names)).all()


def test_equality_hashes_of_two_seeds_have_nothing_in_common() -> None:
    # Near each other in every way: whole numbers, short texts, and a column that is nearly always the same.
    num_rows = 200_000
    numbers = np.arange(num_rows)
    rows = pl.DataFrame({"n": numbers % 500.0, "m": numbers // 500 * 1.0, "t": ["same"] * num_rows})
    one, other = (equality_hashes(rows, ["n", "m", "t"], seed) for seed in (0, 1))
    for bits in (one, other, one ^ other):
        assert len(np.unique(bits)) == num_rows
        # Of 32 of them, as many agree as by chance: 4.7 pairs are expected, and 20 are a chance of 1e-7.
        assert num_rows - len(np.unique(bits >> np.uint64(32))) < 20


def test_equality_hashes_of_no_columns_are_all_equal() -> None:
    assert equality_hashes(pl.DataFrame({"a": [1.0, 2.0]}), []).tolist() == [0, 0]


def test_checksums_are_the_ones_that_zip_files_have() -> None:
    assert checksum_keys(pl.Series(["123456789", "", None])).tolist() == [0xCBF43926, 0, 0]
    assert checksum_keys(pl.Series([0.5])).tolist() == pl.Series([0.5]).to_numpy().view("uint64").tolist()

from __future__ import annotations

from collections import Counter
from datetime import datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.findings import ROW
from tasks.cleaning.personal.k_anonymity import k_anonymity
from tests.small_tables import cut

SCHEMA = {"zip": pl.String, "age": pl.Float64}
PEOPLE = st.lists(
    st.tuples(st.sampled_from(["10115", "10117", None]), st.sampled_from([30.0, 40.0, float("nan"), None])), max_size=25
)


def table(rows: list[tuple[str | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").with_row_index(ROW)


def test_the_smallest_group_is_k() -> None:
    rows = table([("10115", 30.0)] * 3 + [("10117", 41.0)] * 7 + [(None, 30.0)])
    assert k_anonymity(lambda: iter([rows]), ["zip", "age"]) == {
        "columns": ["zip", "age"],
        "k": 1,
        "num_groups": 3,
        "rows_below": {"2": 1, "5": 4, "10": 11},
        "smallest": ["zip (missing), age 00", "zip 00000, age 00", "zip 00000, age 00"],
    }


def test_no_rows_have_no_group() -> None:
    nothing = {"k": 0, "num_groups": 0, "rows_below": {"2": 0, "5": 0, "10": 0}, "smallest": []}
    for parts in ([], [table([])]):
        assert k_anonymity(lambda parts=parts: iter(parts), ["zip"]) == {"columns": ["zip"], **nothing}


def test_columns_may_have_any_name_and_type() -> None:
    rows = pl.DataFrame({'a "b"': [True, True, None], "size": [datetime(2020, 1, 1)] * 3, "c0": ["", "", None]})
    summary = k_anonymity(lambda: iter([rows]), ['a "b"', "size", "c0"])
    assert (summary["k"], summary["num_groups"]) == (1, 2)


@given(PEOPLE, st.lists(st.integers(0, 30), max_size=3))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_it_is_what_counting_all_rows_says_on_any_cut(
    rows: list[tuple[str | None, float | None]], places: list[int]
) -> None:
    parts = cut(table(rows), places)
    summary = k_anonymity(lambda: iter(parts), ["zip", "age"])
    sizes = Counter((zip_, str(age)) for zip_, age in rows).values()
    assert summary["k"] == min(sizes, default=0)
    assert summary["num_groups"] == len(sizes)
    assert summary["rows_below"] == {str(n): sum(size for size in sizes if size < n) for n in (2, 5, 10)}
    assert summary == k_anonymity(lambda: iter([table(rows)]), ["zip", "age"])

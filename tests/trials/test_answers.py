from __future__ import annotations

import polars as pl

from tasks.trials.answers import _distinct, rows_digest


def keyed(rows: list[int], content: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"row": rows, "content": content}, schema={"row": pl.UInt64, "content": pl.UInt64})


def test_rows_of_one_key_are_distinct_by_content_and_equal_ones_by_number() -> None:
    apart = _distinct(keyed([7, 8, 8, 9, 9], [1, 2, 3, 4, 4]))
    assert apart["row"][0] == 7
    assert apart["row"].n_unique() == 4
    assert apart["number"].to_list() == [0, 0, 0, 0, 1]
    # Whatever their order.
    turned = _distinct(keyed([9, 8, 7, 9, 8], [4, 3, 1, 4, 2]))
    assert sorted(turned.rows()) == sorted(apart.rows())


def test_the_digest_is_of_rows_and_truth_and_not_of_answers() -> None:
    table = pl.DataFrame({"row": [1, 2], "actual": ["a", "b"], "prediction": ["a", "a"]})
    assert rows_digest(table) == rows_digest(table.with_columns(prediction=pl.lit("b")))
    assert rows_digest(table) != rows_digest(table.with_columns(actual=pl.lit("b")))

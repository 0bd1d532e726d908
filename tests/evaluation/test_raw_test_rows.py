"""What the champion is asked: the rows that clean kept, as the source wrote them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks import clean
from tasks.errors import UserError
from tasks.evaluation.raw_test_rows import raw_test_rows
from tasks.params.clean import Clean
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tests.small_tables import cut, described, pipeline_in, write_split

KINDS = {
    "town": ("category", "feature"),
    "size": ("number", "feature"),
    "label": ("category", "target"),
}
CONFIG = {
    "duplicates": "quarantine",
    "category": {"case": "merge"},
    "number": {"outliers": {"method": "iqr", "action": "clip"}},
    "max_quarantined": 0.9,
}


def table(num_rows: int, first: int) -> pl.DataFrame:
    numbers = range(first, first + num_rows)
    return pl.DataFrame(
        {
            "town": [["Ulm", "Ulm", "ulm", "Bonn"][number % 4] for number in numbers],
            "size": [float(number * 37 % 1_009) for number in numbers],
            "label": [["no", "yes"][number % 2] for number in numbers],
        }
    )


@pytest.fixture
def cleaned(tmp_path: Path):
    paths = pipeline_in(tmp_path)
    write_dataset(paths.dataset, described(KINDS))
    test = table(30, 2_000).with_columns(size=pl.Series([1e6, *range(0, 580, 20)], dtype=pl.Float64))
    # A row without a target, and one that stands there twice.
    gap = pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise(pl.col("label")).alias("label")
    test = pl.concat([test.with_columns(gap), test[7:8]])
    write_split(paths, cut(table(200, 0), [90]), table(20, 1_000), test)
    storage.write_parts(paths.split("test"), cut(test, [3, 11]))
    clean.run(Clean.model_validate(CONFIG), paths)
    return paths, test


def test_rows_come_as_they_were_written_without_those_that_clean_took(cleaned):
    paths, test = cleaned
    rows = pl.concat(raw_test_rows(paths, "label"))
    kept = storage.read_table(paths.clean("test"))
    assert rows.height == kept.height == 29
    assert rows.columns == ["town", "size"], "and without the target"
    left = test.with_row_index().filter(~pl.col("index").is_in([4, 30]))
    assert rows["size"].to_list() == left["size"].to_list(), "not clipped"
    assert rows["town"].to_list() == left["town"].to_list(), "not merged"
    assert kept["town"].to_list() != rows["town"].to_list()
    assert kept["size"].max() < rows["size"].max()


def test_tables_that_do_not_belong_together_are_said(cleaned):
    paths, test = cleaned
    storage.write_parts(paths.split("test"), [test.head(12)])
    with pytest.raises(UserError, match="run `modelwright run p --from clean`"):
        list(raw_test_rows(paths, "label"))

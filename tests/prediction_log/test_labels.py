"""Labels find their rows; what contradicts itself or belongs to no row is kept apart, and the newest label counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.prediction_log.labels import (
    CONTRADICTED,
    UNKNOWN,
    UNREADABLE,
    SortedLabels,
    newest_labels,
    read_labels,
    sort_labels,
    write_labels,
)
from tasks.repair.repair import Repair
from tasks.tables.dataset import Column
from tasks.tables.dialect import ColumnDialect

NONE_KNOWN = pl.DataFrame(schema={"row_key": pl.String, "label": pl.String})
LOW, HIGH = "0" * 32, "f" * 32
"""Keys within and outside any sample."""


def key(number: int) -> str:
    return f"0{number:031x}"


def sorted_out(rows: list[tuple[str, str | None]], logged: list[str], **more: Any) -> SortedLabels:
    keys, labels = (
        pl.Series([one for one, _ in rows], dtype=pl.String),
        pl.Series([label for _, label in rows], dtype=pl.String),
    )
    settings = {"known": NONE_KNOWN, "share": 1.0, **more}
    return sort_labels(keys, labels, pl.Series(logged, dtype=pl.String), **settings)


def test_each_row_of_a_file_comes_to_one_thing() -> None:
    rows = [
        (key(1), "yes"),
        (key(1), "yes"),
        (key(2), "yes"),
        (key(2), "no"),
        (key(3), None),
        (key(9), "yes"),
        (HIGH, "yes"),
        (key(4), "no"),
        (key(5), "no"),
    ]
    known = pl.DataFrame({"row_key": [key(4), key(5)], "label": ["no", "yes"]})
    outcome = sorted_out(rows, [key(number) for number in range(1, 6)], known=known, share=0.5)
    assert outcome.kept.rows() == [(key(1), "yes"), (key(5), "no")]
    assert (outcome.num_new, outcome.num_corrected, outcome.num_repeated, outcome.num_unsampled) == (1, 1, 2, 1)
    assert outcome.rules == {CONTRADICTED: 2, UNREADABLE: 1, UNKNOWN: 1}
    assert outcome.reasons.to_list() == [
        None, None, CONTRADICTED, CONTRADICTED, UNREADABLE, UNKNOWN, None, None, None,
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["yes", "no", None])), max_size=30),
    st.sets(st.integers(0, 6)),
    st.dictionaries(st.integers(0, 6), st.sampled_from(["yes", "no"])),
)
def test_no_label_is_lost_and_none_counts_twice(
    rows: list[tuple[int, str | None]], logged: set[int], known: dict[int, str]
) -> None:
    table = pl.DataFrame(
        {"row_key": [key(number) for number in known], "label": [*known.values()]},
        schema={"row_key": pl.String, "label": pl.String},
    )
    outcome = sorted_out([(key(number), label) for number, label in rows], [*map(key, logged)], known=table)
    counts = outcome.num_new + outcome.num_corrected + outcome.num_repeated + outcome.num_unsampled
    assert counts + sum(outcome.rules.values()) == len(rows)
    assert outcome.kept["row_key"].is_unique().all()


def test_the_newest_label_counts_and_the_first_ones_time_is_known(tmp_path: Path) -> None:
    times = [datetime(2026, 3, day) for day in (1, 5, 9)]
    for time, label in zip(times, ("yes", "no", "yes"), strict=True):
        write_labels(tmp_path, pl.DataFrame({"row_key": [LOW], "label": [label]}), time, "a")
    write_labels(tmp_path, pl.DataFrame({"row_key": [HIGH], "label": ["no"]}), times[1], "b")
    write_labels(tmp_path, pl.DataFrame({"row_key": [], "label": []}), times[1], "c")
    assert sorted(newest_labels(tmp_path).rows()) == [
        (LOW, "yes", times[2], times[0]), (HIGH, "no", times[1], times[1]),
    ]  # fmt: skip
    assert len([*tmp_path.iterdir()]) == 4
    assert newest_labels(tmp_path / "none").is_empty()


@pytest.mark.parametrize(
    ("cells", "column", "classes", "labels"),
    [
        (["Ja ", "nein", "k.A.", "maybe"], {"type": "category"}, ("ja", "nein"), ["ja", "nein", None, None]),
        ([0, 1, 7], {"type": "category"}, ("0", "1"), ["0", "1", None]),
        (["true", "0", "x"], {"type": "boolean"}, ("false", "true"), ["true", "false", None]),
        (["1.234,5", "x", "k.A."], {"type": "number"}, (), [1234.5, None, None]),
        ([1.5, float("inf"), None], {"type": "number"}, (), [1.5, None, None]),
    ],
)
def test_labels_are_read_as_the_training_rows_were(
    cells: list[Any], column: dict[str, Any], classes: tuple[str, ...], labels: list[Any]
) -> None:
    repair = Repair(white_space="ends", case="lower") if column["type"] == "category" else None
    dialect = ColumnDialect(decimal=",", thousands=".", missing=("k.A.",))
    target = Column(name="y", role="target", dialect=dialect, repair=repair, **column)
    assert read_labels(pl.Series("y", cells), target, classes).to_list() == labels

"""Which columns of the test rows are called drifted, where it is known which are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.drift_of_test import FALSE_ALARMS, DriftOfTest, drift_between, drift_of_test_rows
from tasks.params.config import ColumnTypeName, Role
from tasks.paths import Paths, Project
from tasks.tables import storage
from tasks.validation.data_profile import ProfileState
from tests.small_tables import described

NUMBERS = [f"n{place}" for place in range(17)]
KINDS: dict[str, tuple[ColumnTypeName, Role]] = {
    **dict.fromkeys(NUMBERS, ("number", "feature")),
    "town": ("category", "feature"),
    "member": ("boolean", "feature"),
    "note": ("text", "feature"),
    "label": ("category", "target"),
}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Project(root=tmp_path).pipeline("p")


def table(num_rows: int, random: np.random.Generator) -> pl.DataFrame:
    numbers = {name: random.normal(size=num_rows) for name in NUMBERS}
    numbers["n16"] = np.where(random.uniform(size=num_rows) < 0.3, np.nan, numbers["n16"].round())
    return pl.DataFrame(numbers).with_columns(
        n16=pl.col("n16").fill_nan(None),
        town=pl.Series(random.choice(["Ulm", "Bonn", "Jena"], num_rows)),
        member=pl.Series(random.uniform(size=num_rows) < 0.4),
        note=pl.Series(["x" * int(length) for length in random.integers(1, 60, num_rows)]),
        label=pl.lit("no"),
    )


def drift(paths: Paths, train: pl.DataFrame, test: pl.DataFrame, kinds: dict = KINDS) -> DriftOfTest:
    for part, rows in (("train", train), ("test", test)):
        storage.write_parts(paths.clean(part), rows.iter_slices(250))
    return drift_of_test_rows(described(kinds), paths)


def profiled(rows: pl.DataFrame, kinds: dict = KINDS) -> ProfileState:
    state = ProfileState(described(kinds))
    state.add(rows)
    return state


def test_where_nothing_drifts_hardly_ever_a_column_is_named() -> None:
    """In no more than one of twenty simulations, give or take three standard errors."""
    num_alarms = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        report = drift_between(described(KINDS).features, *(profiled(table(rows, random)) for rows in (300, 120)))
        assert (report.num_columns, report.num_rows) == (20, (300, 120))
        num_alarms += bool(report.columns)
    assert num_alarms / 200 <= FALSE_ALARMS + 3 * np.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / 200)


def test_a_shift_of_half_a_deviation_in_one_of_twenty_columns_is_named(paths: Paths) -> None:
    random = np.random.default_rng(1)
    moved = table(400, random).with_columns(pl.col("n7") + 0.5)
    report = drift(paths, table(1200, random), moved)
    assert [one.name for one in report.columns] == ["n7"]
    assert report.columns[0].sentence.startswith("n7 has mean 0.5")
    assert report.columns[0].p_value < 1e-3
    assert (report.measure.value, report.measure.of, report.measure.num_rows) == (1, "n7", 400)
    assert report.measure.low is None
    # How many are sure at a level is what the measure's p-values say.
    assert [p <= FALSE_ALARMS for p in report.measure.p_values[:2]] == [True, False]


def test_the_surest_come_first_and_each_column_once(paths: Paths) -> None:
    random = np.random.default_rng(2)
    test = table(600, random).with_columns(
        pl.col("n0") + 1,
        town=pl.when(pl.int_range(pl.len()) < 60).then(pl.lit("Kiel")).otherwise("town"),
        n3=pl.when(pl.int_range(pl.len()) < 90).then(None).otherwise("n3"),
        note=pl.col("note") + pl.lit("y" * 30),
    )
    report = drift(paths, table(1500, random), test)
    assert {one.name for one in report.columns} == {"n0", "town", "n3", "note"}
    p_values = [one.p_value for one in report.columns]
    assert p_values == sorted(p_values)
    assert report.measure.of.endswith(" and 1 more")
    sentences = {one.name: one.sentence for one in report.columns}
    assert "Kiel (60 rows)" in sentences["town"]
    assert sentences["n3"].startswith("n3 is missing in 15.0 % of the rows")


def test_rows_of_a_group_and_rows_of_weight_0_are_no_evidence(paths: Paths) -> None:
    """Each patient has one value in 40 rows; and what counts for nothing may be anything."""
    random = np.random.default_rng(3)
    kinds = {"n0": ("number", "feature"), "patient": ("category", "group"), "weight": ("number", "weight")}

    def rows(num_groups: int, first: int) -> pl.DataFrame:
        of_group, group = random.normal(size=num_groups), np.repeat(np.arange(num_groups), 40)
        own = pl.DataFrame({"n0": of_group[group], "patient": (group + first).astype(str), "label": "no"})
        none = own.with_columns(n0=pl.lit(99.0))
        return pl.concat([none.with_columns(weight=pl.lit(0.0)), own.with_columns(weight=pl.lit(1.0))])

    kinds["label"] = ("category", "target")
    report = drift(paths, rows(60, 0), rows(20, 60), kinds)
    assert report.num_rows == (60, 20)
    assert report.columns == ()
    alone = {name: kind for name, kind in kinds.items() if name != "patient"}
    assert [one.name for one in drift(paths, rows(60, 0), rows(20, 60), alone).columns] == ["n0"]


def test_times_go_on_and_pictures_are_not_compared(paths: Paths) -> None:
    kinds = {"day": ("timestamp", "feature"), "scan": ("image", "feature"), "label": ("category", "target")}
    days = [datetime(2026, 1, 1) + timedelta(days=day) for day in range(80)]
    rows = pl.DataFrame({"day": days, "scan": [b"x"] * 80, "label": ["no"] * 80})
    report = drift(paths, rows[:60], rows[60:], kinds)
    assert (report.num_columns, report.columns) == (1, ())
    gaps = rows[60:].with_columns(day=pl.lit(None, dtype=pl.Datetime("us")))
    assert [one.name for one in drift(paths, rows[:60], gaps, kinds).columns] == ["day"]
    pictures = {name: kind for name, kind in kinds.items() if name != "day"}
    none = drift(paths, rows[:60], rows[60:], pictures)
    assert (none.num_columns, none.measure.value, none.measure.of) == (0, 0, None)

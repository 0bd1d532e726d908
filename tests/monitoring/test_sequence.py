"""Looks that go on for years: no alarm where nothing changes, and an early one where something does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.monitoring.cells import CellCuts, cut
from tasks.monitoring.column_tests import log_p_values, quantiles, tests_of
from tasks.monitoring.sequence import KnownColumn, spans, sure_changes
from tasks.promotion.looks import alpha_of
from tests.monitoring.unchanged import DrawnColumn, first_alarm, table

tests_of.__test__ = False  # type: ignore[attr-defined]

LEVEL = 0.05


def test_nothing_is_called_drift_in_tables_that_do_not_change() -> None:
    """Six tables of fifty columns for two months: correlated, tied, rare, missing, seasonal."""
    alarms = [first_alarm(table(seed, 60, 200, 5_000), LEVEL) for seed in range(6)]
    # benchmarks/monitoring.py has a year, 1,000 times.
    assert sum(alarm is not None for alarm in alarms) == 0


@pytest.mark.parametrize(("shift", "within"), [(0.5, 7), (0.3, 14)])
def test_one_moved_column_of_fifty_is_seen_within_days(shift: float, within: int) -> None:
    since = 30
    for seed in (1, 2):
        alarm = first_alarm(table(seed, since + within, 200, 5_000, shift, since), LEVEL, since)
        assert alarm is not None
        assert alarm < since + within


def one_column(cuts: CellCuts, training: pl.Series) -> KnownColumn:
    return KnownColumn(cuts=cuts, counts=cuts.counts(training, np.zeros(len(training), dtype=np.int64), 1))


def looked_at(values: pl.Series, window: pl.Series) -> list[str]:
    """What is called changed at the tenth look at a column whose last window is this one."""
    column = one_column(cut(values[:1_000], "number" if values.dtype == pl.Float64 else "category"), values[1_000:])
    same = column.counts / column.counts.sum() * 200
    counts = column.cuts.counts(window, np.zeros(len(window), dtype=np.int64), 1)
    changes = sure_changes([column], [[same]] * 9 + [[counts]], 10, LEVEL)
    return [change.test for change in changes if change.windows == 1]


NORMAL = pl.Series("x", np.random.default_rng(0).normal(size=6_000))
RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("window", "test"),
    [
        (RANDOM.normal(size=200), None),
        (RANDOM.normal(0.8, size=200), "level"),
        (RANDOM.normal(scale=3.0, size=200), "spread"),
        (np.where(RANDOM.random(200) < 0.2, np.nan, RANDOM.normal(size=200)), "missing"),
        (np.where(RANDOM.random(200) < 0.1, 50.0, RANDOM.normal(size=200)), "above"),
        (np.where(RANDOM.random(200) < 0.1, -50.0, RANDOM.normal(size=200)), "below"),
    ],
)
def test_what_has_changed_of_a_number_is_named(window: np.ndarray, test: str | None) -> None:
    tests = looked_at(NORMAL, pl.Series("x", window, nan_to_null=True))
    assert tests[:1] == ([] if test is None else [test])


def test_a_new_category_and_one_that_is_gone_are_named() -> None:
    towns = pl.Series("town", RANDOM.choice(["Ulm", "Bonn", "Kiel"], 6_000, p=[0.5, 0.3, 0.2]))
    window = pl.Series("town", RANDOM.choice(["Ulm", "Bonn", "Jena"], 200, p=[0.5, 0.3, 0.2]))
    assert sorted(looked_at(towns, window)) == ["Kiel", "any other"]


def test_a_category_is_in_its_cell_and_a_number_between_its_edges() -> None:
    cuts = CellCuts(name="x", kind="number", edges=(0.0, 1.0, 2.0))
    places = cuts.places(pl.Series("x", [-1.0, 0.0, 0.5, 1.0, 2.0, 9.0, None, float("nan")]))
    assert places.tolist() == [0, 1, 1, 2, 3, 3, 4, 3]
    assert (cuts.num_cells, len(cuts.titles)) == (5, 5)
    # Masked since the cells were cut.
    assert cuts.places(pl.Series("x", ["xx", "0.5", None])).tolist() == [3, 1, 4]
    towns = CellCuts(name="x", kind="category", categories=("Ulm", "Bonn"))
    assert towns.places(pl.Series("x", ["Bonn", None, "Ulm", "Kiel"])).tolist() == [1, 3, 0, 2]


def test_quantiles_are_those_of_the_values_as_finely_as_the_cells_tell() -> None:
    values = pl.Series("x", np.random.default_rng(3).normal(10.0, 2.0, size=20_000))
    column = one_column(cut(values, "number"), values)
    told = quantiles(column.cuts, column.counts, [0.25, 0.5, 0.75])
    assert told == pytest.approx(np.quantile(values.to_numpy(), [0.25, 0.5, 0.75]), abs=0.05)


def test_all_looks_together_spend_no_more_than_the_whole_chance() -> None:
    assert sum(alpha_of(look, LEVEL) for look in range(1, 10_000)) < LEVEL
    assert [*spans(1)] == [1]
    assert [*spans(30)] == [1, 7, 28]


def test_cells_are_cut_by_other_rows_than_are_counted() -> None:
    """Ranks of a window beside training rows have the p-values that they should have, not smaller ones."""
    random, low = np.random.default_rng(5), 0
    for _ in range(400):
        values = pl.Series("x", random.normal(size=500))
        column = one_column(cut(values[:100], "number"), values[100:])
        window = column.cuts.counts(pl.Series("x", random.normal(size=100)), np.zeros(100, dtype=np.int64), 1)
        low += bool(log_p_values("number", window, column.counts).min() < np.log(0.01))
    # Five tests at 0.01: twenty at most on average, and bounds call far fewer.
    assert low <= 20


def test_windows_of_one_day_of_the_week_are_compared_with_that_days_rows() -> None:
    """The level of each day of the week is another one: pooled, a Sunday would be drift, and by its own day it is
    none."""
    columns = table(7, 35, 200, 5_000)
    seasonal = columns[-1]
    assert seasonal.known.shape[0] == 7
    assert first_alarm([seasonal], LEVEL) is None
    pooled = DrawnColumn(seasonal.kind, seasonal.known.sum(axis=0)[None], seasonal.days.sum(axis=1)[:, None])
    assert first_alarm([pooled], LEVEL) is not None

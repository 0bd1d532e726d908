"""What is told of columns that changed, and that hardly anything is told where nothing did: simulated."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.params.validate import Drift
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.validation.accepted import Accepted
from tasks.validation.data_profile import ProfileState
from tasks.validation.drift import drift

Dice = np.random.Generator
TYPES = {pl.Float64(): "number", pl.String(): "category", pl.Boolean(): "boolean"}
WORDS = np.array(["x" * length for length in range(200)])


def state(rows: pl.DataFrame, digest: str) -> ProfileState:
    columns = tuple(
        Column.model_validate(
            {
                "name": name,
                "type": "text" if name.startswith("text") else TYPES[rows.schema[name]],
                "role": "feature",
            }
        )
        for name in rows.columns
    )
    source = SourceRecord(kind="table", location="rows.csv", digest=digest)
    making = ProfileState(Dataset(columns=columns, task="binary", num_rows=rows.height, source=source))
    making.add(rows)
    return making


def warnings(old: pl.DataFrame, new: pl.DataFrame, **settings: Any) -> list[dict[str, Any]]:
    incoming, accepted = state(new, "2"), Accepted().after(state(old, "1").profile())
    # Sizes differ on purpose here.
    return drift(Drift(rows=1e-9, **settings), incoming.profile(), incoming.histograms(), accepted)


def kinds(old: Any, new: Any, **settings: Any) -> list[str]:
    frames = (pl.DataFrame({"column": column}, strict=False) for column in (old, new))
    return [entry["kind"] for entry in warnings(*frames, **settings)]


def words(dice: Dice, size: int, num_values: int, exponent: float) -> Any:
    shares = 1 / np.arange(1, num_values + 1) ** exponent
    return np.array([f"v{number}" for number in range(num_values)])[
        dice.choice(num_values, size, p=shares / shares.sum())
    ]


def mixed_table(dice: Dice, size: int) -> pl.DataFrame:
    """Twenty columns as data have them: light and heavy tails, few values and many, rare ones, gaps."""
    rows = pl.DataFrame(
        {
            "normal": dice.normal(size=size),
            "lognormal": dice.lognormal(sigma=2, size=size),
            "cauchy": dice.standard_cauchy(size),
            "exponential": dice.exponential(size=size),
            "uniform": dice.random(size),
            "count": dice.poisson(3, size).astype(np.float64),
            "mostly zero": np.where(dice.random(size) < 0.9, 0.0, dice.random(size)),
            "money": np.round(dice.normal(50, 10, size), 1),
            "two peaks": dice.normal(size=size) + 8 * (dice.random(size) < 0.5),
            "far from zero": 1e9 + dice.random(size),
            "two": words(dice, size, 2, 0.5),
            "five": words(dice, size, 5, 1),
            "thirty": words(dice, size, 30, 1.2),
            "thousand": words(dice, size, 1_000, 1),
            "many": words(dice, size, 3_000, 0.3),
            "hardly ever": np.where(dice.random(size) < 0.01, "b", "a"),
            "even": dice.random(size) < 0.5,
            "hardly true": dice.random(size) < 0.02,
            "text, short": WORDS[dice.poisson(20, size)],
            "text, long": WORDS[np.minimum(dice.geometric(0.03, size), 199)],
        }
    )
    shares = np.array([0, 0.01, 0.1, 0.5] * 5)
    gaps = dice.random((20, size)) < shares[:, None]
    return rows.with_columns(
        pl.when(pl.Series(gap)).then(None).otherwise(pl.col(name)).alias(name)
        for name, gap in zip(rows.columns, gaps, strict=True)
    )


@pytest.mark.parametrize(
    ("num_old", "num_new", "num_runs"),
    [(100, 100, 100), (1_000, 300, 50), (300, 3_000, 30), (2_000, 30, 50), (20_000, 20_000, 40), (100_000, 100_000, 5)],
)
def test_fewer_than_one_run_in_twenty_warns_where_nothing_changed(num_old: int, num_new: int, num_runs: int) -> None:
    num_warned = 0
    for number in range(num_runs):
        dice = np.random.default_rng([num_old, num_new, number])
        num_warned += bool(warnings(mixed_table(dice, num_old), mixed_table(dice, num_new)))
    assert num_warned / num_runs < 0.05


SIZES = pytest.mark.parametrize(("num_old", "num_new"), [(100, 100), (1_000, 300), (100_000, 100_000)])


@SIZES
def test_a_mean_that_moves_four_deviations_within_the_old_range_is_told(num_old: int, num_new: int) -> None:
    dice = np.random.default_rng(0)
    old = np.concatenate([[-20.0, 20.0], dice.normal(size=num_old - 2)])
    assert kinds(old, dice.normal(loc=4, size=num_new)) == ["distribution"]


@SIZES
def test_a_category_that_goes_from_98_to_2_percent_is_told(num_old: int, num_new: int) -> None:
    old = np.where(np.arange(num_old) % 50 == 0, "rare", "usual")
    new = np.where(np.arange(num_new) % 50 == 0, "usual", "rare")
    assert kinds(old, new) == ["distribution"]
    assert kinds(old == "rare", new == "rare") == ["distribution"]
    (entry,) = warnings(pl.DataFrame({"plan": old}), pl.DataFrame({"plan": new}))
    assert entry["sentence"].startswith(
        "plan is distributed otherwise: rare is in 98.0 % of the rows, and was in 2.0 %;"
    )
    assert entry["accepted"]["usual"] == pytest.approx(0.98)
    assert entry["now"]["usual"] == pytest.approx(0.02)


@pytest.mark.parametrize(("num_old", "num_new"), [(1_000, 300), (100_000, 100_000)])
def test_a_variance_that_doubles_is_told(num_old: int, num_new: int) -> None:
    """Within the range, with the mean where it was."""
    dice = np.random.default_rng(0)
    old = np.concatenate([[-20.0, 20.0], dice.normal(size=num_old - 2)])
    assert kinds(old, dice.normal(scale=2**0.5, size=num_new)) == ["distribution"]


@SIZES
@pytest.mark.parametrize("num_values", [3, 200, 5_000])
def test_a_new_category_that_dominates_is_told(num_old: int, num_new: int, num_values: int) -> None:
    dice = np.random.default_rng(0)
    new = np.where(dice.random(num_new) < 0.6, "new one", words(dice, num_new, num_values, 1))
    found = kinds(words(dice, num_old, num_values, 1), new)
    # Of more than a thousand categories, which ones are new is not known, and their shares tell.
    assert found[0] == ("distribution" if num_values == 5_000 and num_old == 100_000 else "new_category")
    assert len(found) == 1 or num_values == 5_000


def test_a_column_of_categories_that_had_no_value_yet() -> None:
    old, new = pl.Series([None] * 100, dtype=pl.String), pl.Series(["a", "b"] * 50)
    assert kinds(old, new) == ["missing"]
    assert kinds(new, old) == ["missing"]


@pytest.mark.parametrize(("num_old", "num_new"), [(1_000, 1_000), (100_000, 100_000)])
def test_a_missing_share_that_triples_is_told(num_old: int, num_new: int) -> None:
    old, new = ([None if row % 100 < gaps else 1.0 for row in range(num)] for num, gaps in ((num_old, 2), (num_new, 6)))
    assert kinds(old, new) == ["missing"]
    assert kinds(new, old) == ["missing"]
    assert kinds(old, new, missing_ratio=4) == []


def test_texts_that_become_longer_are_told() -> None:
    dice = np.random.default_rng(0)
    old, new = (pl.DataFrame({"text": WORDS[dice.poisson(mean, 300)]}) for mean in (20, 60))
    (entry,) = warnings(old, new)
    assert entry["kind"] == "distribution"
    assert entry["sentence"].startswith("text has lengths of mean ")


def test_millions_of_rows_do_not_warn_of_next_to_nothing() -> None:
    dice = np.random.default_rng(0)
    old, new = dice.normal(size=500_000), dice.normal(loc=0.1, size=500_000)
    assert kinds(old.clip(-3, 3), new.clip(-3, 3)) == []
    assert kinds(old.clip(-3, 3), new.clip(-3, 3), distribution=0.01) == ["distribution"]


def test_numbers_that_become_infinite_are_told() -> None:
    old = np.random.default_rng(0).random(200)
    assert kinds(old, np.where(np.arange(200) % 2 == 0, np.inf, old)) == ["distribution"]


def test_fewer_categories_are_named_than_there_are() -> None:
    """A profile names a thousand: one of those that come next is no difference by not being named."""
    dice = np.random.default_rng(1)
    old, new = (words(dice, num, 20_000, 0.5) for num in (2_000, 50_000))
    assert kinds(old, new) == kinds(new, old) == []

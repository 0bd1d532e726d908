"""Two trials are compared on the rows that both answered, each row with itself, and on no others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from tasks.params.evaluate import Evaluate
from tasks.promotion.contest import NotComparableError
from tasks.trials.pairs import on_common_rows, score

CONFIG = Evaluate()


def classes(rows: range, share_right: float, seed: int, labels: tuple[str, str] = ("no", "yes")) -> pl.DataFrame:
    """Answers of a model that is right on this share of the rows, in an order of its own."""
    random = np.random.default_rng(seed)
    truth = np.array([row % 2 for row in rows])
    right = random.random(len(rows)) < share_right
    answered = np.where(right, truth, 1 - truth)
    table = pl.DataFrame(
        {
            "row": pl.Series(list(rows), dtype=pl.UInt64),
            "number": pl.Series([0] * len(rows), dtype=pl.UInt32),
            "actual": [labels[value] for value in truth],
            "prediction": [labels[value] for value in answered],
            f"probability_{labels[0]}": 1.0 - answered,
            f"probability_{labels[1]}": answered.astype(float),
        }
    )
    return table.sample(fraction=1.0, shuffle=True, seed=seed)


def numbers(rows: range, error: float, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    truth = np.array([float(row) for row in rows])
    return pl.DataFrame(
        {
            "row": pl.Series(list(rows), dtype=pl.UInt64),
            "number": pl.Series([0] * len(rows), dtype=pl.UInt32),
            "actual": truth,
            "prediction": truth + random.normal(0, error, len(rows)),
        }
    )


def accuracy(table: pl.DataFrame) -> float:
    return float(accuracy_score(table["actual"], table["prediction"]))


def test_each_row_is_paired_with_itself_whatever_their_order() -> None:
    baseline, other = classes(range(400), 0.7, 1), classes(range(400), 0.9, 2)
    comparison = on_common_rows("accuracy", baseline, other, CONFIG)
    assert comparison.challenger == pytest.approx(accuracy(other))
    assert comparison.champion == pytest.approx(accuracy(baseline))
    # The gain of a row is -1, 0 or 1; the standard error of their mean is known, and the bootstrap's must be that.
    joined = baseline.join(other, on="row", suffix="_other")
    right = joined.select(
        (pl.col("prediction_other") == pl.col("actual")).cast(pl.Int8)
        - (pl.col("prediction") == pl.col("actual")).cast(pl.Int8)
    ).to_series()
    deviation = float(right.cast(pl.Float64).std()) / np.sqrt(400)
    assert comparison.high - comparison.low == pytest.approx(2 * 1.966 * deviation, rel=0.08)
    assert comparison.low > 0
    assert comparison.num_rows == 400


def test_only_rows_that_both_were_judged_on_count() -> None:
    baseline, other = classes(range(0, 300), 0.8, 1), classes(range(200, 500), 0.8, 2)
    comparison = on_common_rows("accuracy", baseline, other, CONFIG)
    assert comparison.num_rows == 100
    assert comparison.challenger == pytest.approx(accuracy(other.filter(pl.col("row") < 300)))
    assert comparison.champion == pytest.approx(accuracy(baseline.filter(pl.col("row") >= 200)))
    assert "only the 100 test rows that both were judged on: 300 and 300" in comparison.notes[0]


def test_a_row_with_another_truth_is_another_row() -> None:
    baseline = classes(range(100), 0.8, 1)
    other = classes(range(100), 0.8, 2).with_columns(
        actual=pl.when(pl.col("row") < 10).then(pl.lit("maybe")).otherwise("actual")
    )
    assert on_common_rows("accuracy", baseline, other, CONFIG).num_rows == 90


def test_without_common_rows_there_is_no_comparison() -> None:
    with pytest.raises(NotComparableError, match="of their test rows, 0 are the same"):
        on_common_rows("accuracy", classes(range(100), 0.8, 1), classes(range(100, 200), 0.8, 2), CONFIG)
    with pytest.raises(NotComparableError, match="one answers with classes, the other with a number"):
        on_common_rows("accuracy", classes(range(100), 0.8, 1), numbers(range(100), 1.0, 2), CONFIG)


def test_where_less_is_better_the_interval_is_turned() -> None:
    baseline, other = numbers(range(200), 5.0, 1), numbers(range(200), 1.0, 2)
    comparison = on_common_rows("mae", baseline, other, CONFIG)
    assert comparison.challenger == pytest.approx(mean_absolute_error(other["actual"], other["prediction"]))
    assert comparison.challenger < comparison.champion
    assert comparison.low > 0


def test_a_model_against_itself_has_no_difference() -> None:
    table = classes(range(100), 0.8, 1)
    comparison = on_common_rows("accuracy", table, table.reverse(), CONFIG)
    assert comparison.challenger == comparison.champion
    assert comparison.p_value == 1.0
    # On other rows two models that agree on a hundred may differ a little.
    assert comparison.low == pytest.approx(-comparison.high)


def test_a_class_that_one_does_not_know_is_told() -> None:
    """Rows of three classes; the baseline knows two of them."""
    rows = pl.DataFrame(
        {
            "row": pl.Series(range(90), dtype=pl.UInt64),
            "number": pl.Series([0] * 90, dtype=pl.UInt32),
            "actual": ["a", "b", "c"] * 30,
        }
    )
    knows = rows.with_columns(
        prediction=pl.col("actual"),
        **{f"probability_{name}": (pl.col("actual") == name).cast(pl.Float64) for name in "abc"},
    )
    guesses = rows.with_columns(prediction=pl.lit("a"), probability_a=pl.lit(1.0), probability_b=pl.lit(0.0))
    comparison = on_common_rows("accuracy", guesses, knows, CONFIG)
    assert (comparison.challenger, comparison.champion) == (1.0, pytest.approx(1 / 3))
    assert any("does not know the class 'c'" in note for note in comparison.notes)
    turned = on_common_rows("accuracy", knows, guesses, CONFIG)
    assert (turned.challenger, turned.champion) == (pytest.approx(1 / 3), 1.0)


def test_the_interval_of_one_accuracy_is_that_of_a_share() -> None:
    table = classes(range(1000), 0.8, 3)
    own = score("accuracy", table, CONFIG)
    share = accuracy(table)
    assert own.value == pytest.approx(share)
    assert own.interval is not None
    half = 1.96 * np.sqrt(share * (1 - share) / 1000)
    assert own.interval.low == pytest.approx(share - half, abs=0.003)
    assert own.interval.high == pytest.approx(share + half, abs=0.003)
    assert own.num_rows == 1000


def test_rows_of_one_group_are_drawn_together() -> None:
    table = classes(range(400), 0.8, 4)
    # Each group is wholly right or wrong: 20 facts, and not 400.
    grouped = table.with_columns(group=(pl.col("row") // 20).cast(pl.UInt64)).with_columns(
        prediction=pl.when(pl.col("group") % 5 == 0).then(pl.lit("no")).otherwise("actual")
    )
    is_yes = (pl.col("prediction") == "yes").cast(pl.Float64)
    grouped = grouped.with_columns(probability_yes=is_yes, probability_no=1 - is_yes)
    alone = score("accuracy", grouped.drop("group"), CONFIG).interval
    together = score("accuracy", grouped, CONFIG).interval
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.num_units == 20

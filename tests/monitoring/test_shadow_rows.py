"""Which live rows two versions are compared on, and that the comparison is the one that the gate makes of test rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error

from tasks.evaluation.comparison import chance_of_worse, compare
from tasks.evaluation.paired_tests import BOOTSTRAP, MCNEMAR
from tasks.monitoring.shadow_rows import LiveRows, judged_live_rows, live_rows
from tasks.params.evaluate import Evaluate
from tasks.promotion.contest import NotComparableError

SINCE, HOUR = datetime(2026, 3, 1), timedelta(hours=1)
CLASSES = ("no", "yes")


def log(keys: Sequence[str], answers: Sequence[str], time: datetime = SINCE + HOUR, **more: Any) -> pl.DataFrame:
    """Answers to rows with these keys as they are kept; `chance` is the probability of yes."""
    num_rows = len(keys)
    chance = more.pop("chance", [0.8 if answer == "yes" else 0.3 for answer in answers])
    answer = pl.DataFrame(
        {"prediction": answers, "probability_no": [1 - one for one in chance], "probability_yes": chance}
    )
    values = more.pop("values", [1.0] * num_rows)
    columns = {"error": [None] * num_rows, "group_key": [None] * num_rows, "sample": [1.0] * num_rows, **more}
    return pl.DataFrame(
        {
            "time": pl.Series([time] * num_rows, dtype=pl.Datetime("us")),
            "row_key": keys,
            **{
                name: pl.Series(cells, dtype=pl.Float64 if name in ("sample", "weight") else pl.String)
                for name, cells in columns.items()
            },
            "row": pl.DataFrame({"age": values}).to_struct(),
            "answer": answer.to_struct(),
        }
    )


def labels(keys: Sequence[str], values: Sequence[Any], time: datetime = SINCE + 2 * HOUR) -> pl.DataFrame:
    came = pl.Series([time] * len(keys), dtype=pl.Datetime("us"))
    return pl.DataFrame({"row_key": keys, "label": values, "received": came, "first_received": came})


def names(num_rows: int) -> list[str]:
    return [f"{number:06d}" for number in range(num_rows)]


def both(first: pl.DataFrame, second: pl.DataFrame, known: pl.DataFrame) -> LiveRows:
    return live_rows(second, first, known, SINCE)


def test_a_row_counts_that_both_have_answered_and_whose_label_has_come_since() -> None:
    keys = ["both", "early answer", "early label", "no label", "not answered", "only ours"]
    ours = pl.concat([log(keys, ["yes"] * 6), log(["early answer"], ["yes"], SINCE - HOUR)])
    ours = ours.filter((pl.col("row_key") != "early answer") | (pl.col("time") < SINCE))
    theirs = log(keys[:5], ["no"] * 5).with_columns(
        error=pl.when(pl.col("row_key") == "not answered").then(pl.lit("unreadable"))
    )
    known = pl.concat(
        [labels([keys[0], keys[1], keys[4], keys[5]], ["yes"] * 4), labels([keys[2]], ["yes"], SINCE - HOUR)]
    )
    rows = both(ours, theirs, known)
    assert rows.table["row_key"].to_list() == ["both"]
    assert (rows.num_challenger, rows.num_common) == (5, 3)
    assert live_rows(None, ours, known, SINCE).num_challenger == 5
    assert live_rows(theirs, None, known, SINCE).num_common == 0


def test_of_a_row_that_was_asked_again_the_last_answers_to_the_same_values_count() -> None:
    keys = ["a"]
    ours = pl.concat([log(keys, ["no"], values=[1.0]), log(keys, ["yes"], SINCE + 3 * HOUR, values=[2.0])])
    # The champion's second answer was to values that the challenger never got, as its copy was dropped.
    theirs = pl.concat(
        [
            log(keys, ["no"], values=[1.0]),
            log(keys, ["yes"], SINCE + 3 * HOUR + timedelta(milliseconds=5), values=[2.0]),
            log(keys, ["no"], SINCE + 9 * HOUR, values=[3.0]),
        ]
    )
    table = both(ours, theirs, labels(keys, ["yes"])).table
    assert table["answer"].struct.field("prediction").to_list() == ["yes"]
    assert table["answer_champion"].struct.field("prediction").to_list() == ["yes"]
    assert table["time"].to_list() == [SINCE + 3 * HOUR]
    other = log(keys, ["no"], values=[7.0])
    assert both(ours, other, labels(keys, ["yes"])).num_common == 0


def test_the_same_logs_in_another_order_are_the_same_rows() -> None:
    keys = names(50)
    ours, theirs, known = log(keys, ["yes"] * 50), log(keys, ["no"] * 50), labels(keys, ["yes"] * 50)
    one, other = (
        both(ours, theirs, known),
        both(ours.reverse(), theirs.sample(fraction=1, shuffle=True, seed=1), known.reverse()),
    )
    assert one.digest == other.digest
    assert one.table.equals(other.table.select(one.table.columns))
    corrected = known.with_columns(label=pl.when(pl.col("row_key") == keys[0]).then(pl.lit("no")).otherwise("label"))
    assert both(ours, theirs, corrected).digest != one.digest


def drawn(num_rows: int, first: float, second: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and two versions' answers that are right with these chances."""
    random = np.random.default_rng(5)
    truth = random.integers(2, size=num_rows)
    ours, theirs = (np.where(random.random(num_rows) < right, truth, 1 - truth) for right in (first, second))
    return truth, ours, theirs


def as_names(numbers: np.ndarray) -> list[str]:
    return [CLASSES[number] for number in numbers]


def test_the_figures_are_those_of_scikit_learn_and_the_test_is_mcnemars() -> None:
    truth, ours, theirs = drawn(400, 0.9, 0.8)
    keys = names(400)
    rows = both(log(keys, as_names(ours)), log(keys, as_names(theirs)), labels(keys, as_names(truth)))
    judged, champion = judged_live_rows(rows, CLASSES, None)
    result = compare("accuracy", judged, champion, Evaluate())
    assert result.challenger == accuracy_score(truth, ours)
    assert result.champion == accuracy_score(truth, theirs)
    alone, other = int(((ours == truth) & (theirs != truth)).sum()), int(((ours != truth) & (theirs == truth)).sum())
    assert (result.test, result.num_rows) == (MCNEMAR, 400)
    assert result.p_value == pytest.approx(binomtest(alone, alone + other, alternative="greater").pvalue)
    assert chance_of_worse("accuracy", judged, champion, Evaluate()) == pytest.approx(
        binomtest(other, alone + other, alternative="greater").pvalue
    )
    scores = np.where(theirs == 1, 0.8, 0.3)
    assert compare("log_loss", judged, champion, Evaluate()).champion == pytest.approx(log_loss(truth, scores))


def test_rows_weigh_as_much_as_they_came_with_over_the_share_that_was_kept() -> None:
    truth, ours, theirs = drawn(300, 0.9, 0.8)
    keys, random = names(300), np.random.default_rng(6)
    weight = [*np.round(random.random(298) * 5, 2).tolist(), None, 0.0]
    sample = [0.5 if number < 100 else 1.0 for number in range(300)]
    rows = both(
        log(keys, as_names(ours), weight=weight, sample=sample),
        log(keys, as_names(theirs)),
        labels(keys, as_names(truth)),
    )
    # One came without a weight; one of weight 0 counts for nothing.
    assert (rows.table.height, rows.num_unweighted) == (298, 1)
    judged, champion = judged_live_rows(rows, CLASSES, None)
    result = compare("accuracy", judged, champion, Evaluate())
    weights = np.array(weight[:298], dtype=float) / np.array(sample[:298])
    assert result.challenger == pytest.approx(accuracy_score(truth[:298], ours[:298], sample_weight=weights))
    assert result.test == BOOTSTRAP
    # Of rows without any weight all count the same, and of one share too.
    alike = both(
        log(keys, as_names(ours), sample=[0.1] * 300),
        log(keys, as_names(theirs), sample=[0.1] * 300),
        labels(keys, as_names(truth)),
    )
    assert compare("accuracy", *judged_live_rows(alike, CLASSES, None), Evaluate()).test == MCNEMAR


def test_rows_of_a_group_are_no_evidence_of_their_own() -> None:
    """Each row twenty times, in a group: as sure as it is once, and not as twenty times as many."""
    truth, ours, theirs = (np.repeat(values, 20) for values in drawn(60, 0.9, 0.8))
    keys = names(1_200)
    groups = [f"g{number // 20}" for number in range(1_200)]
    rows = both(log(keys, as_names(ours), group_key=groups), log(keys, as_names(theirs)), labels(keys, as_names(truth)))
    result = compare("accuracy", *judged_live_rows(rows, CLASSES, None), Evaluate())
    assert (result.num_groups, result.num_rows) == (60, 1_200)
    apart = both(log(keys, as_names(ours)), log(keys, as_names(theirs)), labels(keys, as_names(truth)))
    sure = compare("accuracy", *judged_live_rows(apart, CLASSES, None), Evaluate())
    assert result.standard_error == pytest.approx(sure.standard_error * np.sqrt(20), rel=0.1)
    assert result.p_value > 10 * sure.p_value


def test_numbers_are_compared_as_numbers() -> None:
    random, keys = np.random.default_rng(7), names(100)
    truth = random.normal(size=100)
    ours, theirs = truth + random.normal(size=100) * 0.5, truth + random.normal(size=100)

    def of_numbers(values: np.ndarray) -> pl.DataFrame:
        answers = pl.DataFrame({"prediction": values}).to_struct("answer")
        return log(keys, ["no"] * 100).with_columns(answers)

    judged, champion = judged_live_rows(both(of_numbers(ours), of_numbers(theirs), labels(keys, truth)), (), None)
    result = compare("mae", judged, champion, Evaluate())
    assert result.challenger == pytest.approx(mean_absolute_error(truth, ours))
    assert result.p_value < 0.001 < 0.999 < chance_of_worse("mae", judged, champion, Evaluate())


def test_a_label_of_a_class_that_the_challenger_does_not_know_is_answered_wrongly() -> None:
    keys = names(4)
    known = labels(keys, ["yes", "no", "perhaps", "perhaps"])
    rows = both(log(keys, ["yes", "no", "no", "no"]), log(keys, ["yes"] * 4), known)
    judged, champion = judged_live_rows(rows, CLASSES, None)
    assert judged.classes == ("no", "yes", "perhaps")
    assert compare("accuracy", judged, champion, Evaluate()).challenger == 0.5


def test_what_the_rows_cannot_give_is_refused_and_not_made_up() -> None:
    """All labels are of one class, of which no area under a curve is to be had."""
    keys = names(40)
    rows = both(log(keys, ["yes"] * 40), log(keys, ["no"] * 40), labels(keys, ["yes"] * 40))
    with pytest.raises(NotComparableError, match="roc_auc of the 40 test rows tells nothing of others"):
        compare("roc_auc", *judged_live_rows(rows, CLASSES, None), Evaluate())

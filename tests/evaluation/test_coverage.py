"""What is said of intervals and sets on test rows, beside scikit-learn and SciPy, and on rows of which it is known."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest, t
from sklearn.metrics import mean_pinball_loss

from tasks.evaluation.coverage import CoverageReport, coverage_report
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.mean_interval import mean_of_rows
from tasks.evaluation.predictions import Predictions
from tasks.measures import Measure
from tasks.model_input.conformal import ConformalRule, KindColumn, set_texts
from tasks.tables.dataset import Column

NOTHING = pl.DataFrame()


def numbers(num_rows: int, weight: np.ndarray | None = None, seed: int = 0) -> JudgedRows:
    truth = np.random.default_rng(seed).normal(size=num_rows)
    return JudgedRows(classes=(), predictions=Predictions(y_true=truth, y_score=np.zeros(num_rows), weight=weight))


@pytest.mark.parametrize("weight", [None, np.random.default_rng(1).uniform(0, 3, 500)])
@pytest.mark.parametrize("coverage", [0.9, 0.6])
def test_of_numbers_coverage_width_and_pinball_loss(coverage: float, weight: np.ndarray | None) -> None:
    rows = numbers(500, weight)
    rule = ConformalRule(coverage=coverage, num_rows=100, common=1.5)
    report = coverage_report(rule, rows, NOTHING)
    truth = rows.predictions.y_true
    assert report.coverage.value == pytest.approx(np.average(np.abs(truth) <= 1.5, weights=weight))
    assert (report.size.value, report.size.low, report.size.high) == pytest.approx((3, 3, 3))
    ends = [(-1.5, (1 - coverage) / 2), (1.5, (1 + coverage) / 2)]
    losses = [mean_pinball_loss(truth, np.full(500, end), sample_weight=weight, alpha=level) for end, level in ends]
    assert report.measures["pinball"].value == pytest.approx(np.mean(losses), rel=1e-12)
    assert set(report.measures) == {"coverage", "interval_width", "pinball"}
    assert (report.single, report.empty, report.kinds) == (None, None, ())


def test_of_classes_sizes_and_shares_of_sets() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.35, 0.33, 0.32], [0.6, 0.4, 0.0]])
    predictions = Predictions(y_true=np.array([0, 1, 2, 1]), y_score=probabilities)
    rule = ConformalRule(coverage=0.9, num_rows=50, common=1 - 0.4)
    report = coverage_report(rule, JudgedRows(classes=("a", "b", "c"), predictions=predictions), NOTHING)
    assert rule.sets(probabilities).tolist() == [
        [True, False, False],
        [True, True, False],
        [False, False, False],
        [True, True, False],
    ]
    values = [one.value for one in (report.coverage, report.size, report.single, report.empty) if one]
    assert values == [0.75, 1.25, 0.25, 0.25]
    assert set(report.measures) == {"coverage", "set_size"}


def test_what_is_known_of_kinds_and_of_sensitive_columns() -> None:
    random = np.random.default_rng(2)
    town, sex = random.choice(["Bonn", "Jena", "Ulm"], 900, p=[0.5, 0.48, 0.02]), random.choice(["f", "m"], 900)
    truth = np.where(sex == "f", 1.0, 3.0) * random.normal(size=900)
    rows = JudgedRows(classes=(), predictions=Predictions(y_true=truth, y_score=np.zeros(900)))
    rule = ConformalRule(
        coverage=0.9,
        by="town",
        column=KindColumn(name="town", type="category"),
        num_rows=100,
        common=9,
        kinds=("Bonn",),
        distances=(2.0,),
    )
    columns = [Column(name=name, type="category", role="sensitive") for name in ("sex", "town")]
    report = coverage_report(rule, rows, pl.DataFrame({"town": town, "sex": sex}), columns)
    kinds = {kind.name: kind for kind in report.kinds}
    assert list(kinds) == ["town is Bonn", "town is new", "sex is f", "sex is m"]
    reach = np.where(town == "Bonn", 2, 9)
    for name, own in {"town is Bonn": town == "Bonn", "town is new": town != "Bonn", "sex is m": sex == "m"}.items():
        assert kinds[name].coverage.value == pytest.approx(np.mean(np.abs(truth[own]) <= reach[own]))
        assert kinds[name].coverage.num_rows == own.sum()
        assert kinds[name].size.value == pytest.approx(np.mean(2 * reach[own]))
    assert [kind.name for kind in report.kinds if kind.falls_short_of(0.9)] == ["town is Bonn", "sex is m"]
    assert CoverageReport.model_validate(json.loads(report.model_dump_json())) == report


@pytest.mark.parametrize(("num_true", "num_rows"), [(0, 30), (30, 30), (27, 30), (450, 500), (1, 2)])
def test_a_share_has_the_interval_of_wilson(num_true: int, num_rows: int) -> None:
    expected = binomtest(num_true, num_rows).proportion_ci(0.95, method="wilson")
    share = mean_of_rows(np.arange(num_rows) < num_true, np.full(num_rows, 0.7))
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_mean_has_the_interval_of_student() -> None:
    values = np.random.default_rng(3).normal(size=40)
    reach = t.ppf(0.975, 39) * values.std(ddof=1) / np.sqrt(40)
    mean = mean_of_rows(values, np.ones(40))
    assert (mean.low, mean.high) == pytest.approx((values.mean() - reach, values.mean() + reach))
    # Each row twice as one group is no row more.
    twice = mean_of_rows(np.repeat(values, 2), np.ones(80), np.repeat(np.arange(40), 2))
    assert (twice.low, twice.high) == pytest.approx((mean.low, mean.high))
    # Rows that do not count are not there.
    more = mean_of_rows(np.append(values, [1e9, 1e9]), np.append(np.ones(40), [0, 0]))
    assert more == mean
    assert mean_of_rows(values, np.ones(40), np.zeros(40, dtype=np.int64)) == Measure(
        value=pytest.approx(values.mean()), num_rows=40
    )


@pytest.mark.parametrize("share", [0.9, 0.98])
def test_intervals_of_shares_hold_the_truth_where_rows_come_in_groups_and_have_weights(share: float) -> None:
    """19 times in 20, by 600 draws of 50 groups whose rows are alike: a standard error of 0.9 points."""
    random, num_held, num_naive = np.random.default_rng(4), 0, 0
    for _ in range(600):
        groups = np.repeat(np.arange(50), random.integers(1, 12, 50))
        own = random.beta(2 * share, 2 * (1 - share), 50)[groups]
        is_true = random.uniform(size=len(groups)) < own
        weights = random.uniform(0.5, 1.5, len(groups))
        held, naive = mean_of_rows(is_true, weights, groups), mean_of_rows(is_true, weights)
        num_held += held.low <= share <= held.high
        num_naive += naive.low <= share <= naive.high
    assert num_held / 600 >= 0.925
    assert num_naive / 600 < 0.9


def test_a_set_is_text_that_is_read_as_json() -> None:
    classes = ("spam, eggs", 'a "quoted" one', "Köln")
    sets = np.array([[True, True, False], [False, False, False], [False, False, True], [True, True, False]])
    texts = set_texts(sets, classes)
    assert texts == ['["spam, eggs", "a \\"quoted\\" one"]', "[]", '["Köln"]', texts[0]]
    assert [json.loads(text) for text in texts] == [[*classes[:2]], [], ["Köln"], [*classes[:2]]]
    assert set_texts(np.zeros((0, 3), dtype=bool), classes) == []

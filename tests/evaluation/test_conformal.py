"""Intervals and sets of classes keep their promise on simulated rows of which the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tasks.errors import UserError
from tasks.evaluation.conformal import conformal_quantile, conformal_rule, kind_column
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.predictions import Predictions
from tasks.model_input.conformal import ConformalRule
from tasks.params.evaluate import Conformal
from tasks.tables.dataset import Column, Dataset, SourceRecord

NUM_DRAWS, NUM_VALIDATION, NUM_TEST = 400, 200, 400
"""Coverage varies by 2 points from draw to draw: its mean over the draws by 0.1."""
TOWN = Column(name="town", type="category", role="feature")


def numbers(y_true: np.ndarray, y_score: np.ndarray, **more: np.ndarray) -> JudgedRows:
    groups = more.pop("groups", None)
    return JudgedRows(classes=(), predictions=Predictions(y_true=y_true, y_score=y_score, **more), groups=groups)


def of_classes(y_true: np.ndarray, y_score: np.ndarray) -> JudgedRows:
    names = tuple(f"class {number}" for number in range(y_score.shape[1]))
    return JudgedRows(classes=names, predictions=Predictions(y_true=y_true, y_score=y_score))


def within(rule: ConformalRule, rows: JudgedRows, values: pl.Series | None = None) -> np.ndarray:
    truth, answers = rows.predictions.y_true, rows.predictions.y_score
    if rows.classes:
        return rule.sets(answers, values)[np.arange(len(truth)), truth]
    low, high = rule.interval(answers, values)
    return (low <= truth) & (truth <= high)


def homoscedastic(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=len(x))


def heteroscedastic(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (0.2 + 3 * x) * random.normal(size=len(x))


def skewed(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.lognormal(0, 1.5, len(x))


def drawn_numbers(
    noise: Callable[[np.ndarray, np.random.Generator], np.ndarray], num_rows: int, random: np.random.Generator
) -> JudgedRows:
    """Answered by a model that is a little off."""
    x = random.uniform(size=num_rows)
    return numbers(10 * x + noise(x, random), 9 * x + 0.3)


def drawn_classes(num_classes: int, sharpness: float, num_rows: int, random: np.random.Generator) -> JudgedRows:
    """By true probabilities of each row; those that the model claims are `sharpness` times as sure of themselves."""
    logits = 1.5 * random.normal(size=(num_rows, num_classes))
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    claimed = np.exp(sharpness * logits)
    return of_classes(truth, claimed / claimed.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("by", [None, "answer"])
@pytest.mark.parametrize("noise", [homoscedastic, heteroscedastic, skewed])
@pytest.mark.parametrize("coverage", [0.9, 0.8])
def test_of_numbers_the_stated_share_lies_within(
    noise: Callable[[np.ndarray, np.random.Generator], np.ndarray], by: str | None, coverage: float
) -> None:
    random, shares = np.random.default_rng(0), []
    for _ in range(NUM_DRAWS):
        rule = conformal_rule(Conformal(coverage=coverage, by=by), drawn_numbers(noise, NUM_VALIDATION, random))
        shares.append(within(rule, drawn_numbers(noise, NUM_TEST, random)).mean())
    assert np.mean(shares) == pytest.approx(coverage, abs=0.01)


@pytest.mark.parametrize("sharpness", [1.0, 0.4, 3.0])
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_of_classes_the_stated_share_lies_within_whatever_the_model_claims(num_classes: int, sharpness: float) -> None:
    random, shares = np.random.default_rng(1), []
    for _ in range(NUM_DRAWS):
        rule = conformal_rule(Conformal(), drawn_classes(num_classes, sharpness, NUM_VALIDATION, random))
        shares.append(within(rule, drawn_classes(num_classes, sharpness, NUM_TEST, random)).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)


def test_by_class_each_class_has_the_share_and_without_it_a_rare_one_may_not() -> None:
    random = np.random.default_rng(2)

    def drawn(num_rows: int) -> JudgedRows:
        """One row in six is of a class that the model hardly sees."""
        truth = (random.uniform(size=num_rows) < 1 / 6).astype(np.int64)
        of_rare = 1 / (1 + np.exp(2.5 - 1.2 * truth - random.normal(size=num_rows)))
        return of_classes(truth, np.column_stack([1 - of_rare, of_rare]))

    shares: dict[str | None, list[tuple[float, float]]] = {None: [], "class": []}
    for _ in range(NUM_DRAWS):
        validation, test = drawn(NUM_VALIDATION), drawn(NUM_TEST)
        is_rare = test.predictions.y_true == 1
        for by, of_classes_ in shares.items():
            is_within = within(conformal_rule(Conformal(by=by), validation), test)
            of_classes_.append((is_within[is_rare].mean(), is_within[~is_rare].mean()))
    # Of n rows the mean is ceil((n + 1) 0.9) / (n + 1): some 1.5 points above 90 % for the 33 of the rare class.
    rare, common = np.mean(shares["class"], axis=0)
    assert 0.9 <= rare < 0.92
    assert common == pytest.approx(0.9, abs=0.01)
    assert np.mean(shares[None], axis=0)[0] < 0.6


def test_by_a_column_each_value_of_it_has_the_share() -> None:
    random = np.random.default_rng(3)
    towns = np.array(["Bonn", "Jena", "Ulm"])

    def drawn(num_rows: int) -> tuple[JudgedRows, pl.Series]:
        place = random.choice(3, num_rows, p=[0.5, 0.3, 0.2])
        return numbers(np.array([1, 3, 9])[place] * random.normal(size=num_rows), np.zeros(num_rows)), pl.Series(
            towns[place]
        )

    shares = []
    for _ in range(NUM_DRAWS):
        validation, values = drawn(300)
        rule = conformal_rule(Conformal(by="town"), validation, TOWN, values)
        test, values = drawn(NUM_TEST)
        is_within = within(rule, test, values)
        shares.append([is_within[(values == town).to_numpy()].mean() for town in towns])
        assert rule.distances[0] < rule.distances[1] < rule.distances[2]
    # Of Ulm, some 60 rows: up to a point and a half above.
    assert np.mean(shares, axis=0) == pytest.approx([0.9, 0.9, 0.9], abs=0.016)
    assert (np.mean(shares, axis=0) >= 0.895).all()


def test_widths_follow_the_answers_where_errors_do() -> None:
    random = np.random.default_rng(4)
    validation, test = (drawn_numbers(heteroscedastic, 5000, random) for _ in range(2))
    even, by_answer = (conformal_rule(Conformal(by=by), validation) for by in (None, "answer"))
    fifth = by_answer.kind_numbers(test.predictions.y_score)
    of_fifths = {
        name: [within(rule, test)[fifth == number].mean() for number in range(5)]
        for name, rule in (("even", even), ("by answer", by_answer))
    }
    # 1,000 rows each: a standard error of one point.
    assert of_fifths["by answer"] == pytest.approx([0.9] * 5, abs=0.03)
    assert min(of_fifths["even"]) < 0.75
    assert max(of_fifths["even"]) > 0.99
    assert by_answer.distances == tuple(sorted(by_answer.distances))


def test_of_rows_of_one_group_it_is_groups_that_are_new() -> None:
    """All rows of a group are off by the same: 56 rows of 14 groups tell no more of the next group than 14 rows do."""
    random = np.random.default_rng(5)

    def drawn(num_groups: int) -> JudgedRows:
        groups = np.repeat(np.arange(num_groups), 4)
        truth = random.normal(size=num_groups)[groups] + 0.01 * random.normal(size=len(groups))
        return numbers(truth, np.zeros(len(groups)), groups=groups)

    shares = []
    for _ in range(1500):
        validation, test = drawn(14), drawn(40)
        as_rows = JudgedRows(classes=(), predictions=validation.predictions)
        shares.append([within(conformal_rule(Conformal(), one), test).mean() for one in (validation, as_rows)])
    by_groups, by_rows = np.mean(shares, axis=0)
    # The 14th of 14 and one, where rows would take the 13th: 14 / 15 and 13 / 15.
    assert by_groups == pytest.approx(14 / 15, abs=0.01)
    assert by_rows == pytest.approx(13 / 15, abs=0.01)


def test_where_rows_have_weights_it_is_the_share_of_the_weight() -> None:
    random = np.random.default_rng(6)

    def drawn(num_rows: int) -> JudgedRows:
        """Rows that are hard count four times."""
        is_hard = random.uniform(size=num_rows) < 0.3
        truth = np.where(is_hard, 5, 1) * random.normal(size=num_rows)
        return numbers(truth, np.zeros(num_rows), weight=np.where(is_hard, 4.0, 1.0))

    shares = []
    for _ in range(NUM_DRAWS):
        rule, test = conformal_rule(Conformal(), drawn(NUM_VALIDATION)), drawn(NUM_TEST)
        shares.append(np.average(within(rule, test), weights=test.weights))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)


class Given(RegressorMixin, BaseEstimator):
    """A fitted model whose answer is the first column; MAPIE asks it for a `fit` that it never calls."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Given:
        raise AssertionError

    n_features_in_ = 1

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0]


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """A fitted model whose probabilities are the columns."""

    n_features_in_ = 3
    classes_ = np.arange(3)

    def fit(self, x: np.ndarray, y: np.ndarray) -> GivenProbabilities:
        raise AssertionError

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x.argmax(axis=1)


@pytest.mark.parametrize(("num_rows", "coverage"), [(57, 0.9), (199, 0.9), (200, 0.95), (99, 0.7)])
def test_intervals_and_sets_are_those_of_mapie(num_rows: int, coverage: float) -> None:
    random = np.random.default_rng(num_rows)
    validation, test = (drawn_numbers(skewed, size, random) for size in (num_rows, 50))
    rule = conformal_rule(Conformal(coverage=coverage), validation)
    by_mapie = SplitConformalRegressor(Given(), confidence_level=coverage, prefit=True)
    by_mapie.conformalize(validation.predictions.y_score[:, None], validation.predictions.y_true)
    _, ends = by_mapie.predict_interval(test.predictions.y_score[:, None])
    for own, theirs in zip(rule.interval(test.predictions.y_score), ends[:, :, 0].T, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-12)
    validation, test = (drawn_classes(3, 0.7, size, random) for size in (num_rows, 300))
    rule = conformal_rule(Conformal(coverage=coverage), validation)
    classifier = SplitConformalClassifier(
        GivenProbabilities(), confidence_level=coverage, conformity_score="lac", prefit=True
    )
    classifier.conformalize(validation.predictions.y_score, validation.predictions.y_true)
    _, sets = classifier.predict_set(test.predictions.y_score)
    np.testing.assert_array_equal(rule.sets(test.predictions.y_score), sets[:, :, 0])


@pytest.mark.parametrize("num_rows", [9, 10, 19, 20, 97])
def test_the_distance_is_that_of_the_finite_sample(num_rows: int) -> None:
    distances = np.random.default_rng(0).permutation(num_rows) + 1.0
    for percent in range(50, 100):
        rank = -(-(num_rows + 1) * percent // 100)
        expected = None if rank > num_rows else rank
        assert conformal_quantile(distances, percent / 100, np.full(num_rows, 0.3)) == expected


def test_a_row_of_weight_0_is_not_there() -> None:
    distances, weights = np.arange(1.0, 101), np.ones(100)
    weights[50:] = 0
    assert conformal_quantile(distances, 0.9, weights) == conformal_quantile(distances[:50], 0.9, weights[:50]) == 46


def test_rare_and_new_values_share_the_distance_of_all_rows() -> None:
    random = np.random.default_rng(7)
    validation = numbers(random.normal(size=108) * np.repeat([1, 2, 9], [60, 8, 40]), np.zeros(108))
    values = pl.Series(["Ulm"] * 60 + ["Bonn"] * 8 + [None] * 40)
    rule = conformal_rule(Conformal(by="town"), validation, TOWN, values)
    assert rule.kinds == ("Bonn", "Ulm", None)
    asked = pl.Series(["Bonn", "Jena", "Ulm", None], dtype=pl.String)
    reach = rule.interval(np.zeros(4), asked)[1]
    assert reach.tolist() == [rule.common, rule.common, rule.distances[1], rule.distances[2]]
    assert len({rule.common, *rule.distances}) == 3
    assert rule.interval(np.zeros(1))[1].tolist() == [rule.common], "a row of which the town is not given"


def test_a_class_of_few_rows_is_in_every_set() -> None:
    validation = of_classes(np.array([0] * 40 + [1] * 8), np.tile([0.95, 0.05], (48, 1)))
    rule = conformal_rule(Conformal(by="class"), validation)
    assert rule.distances[1] is None
    assert rule.sets(np.array([[1.0, 0.0], [0.2, 0.8]])).tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(
    ("coverage", "num_rows", "more", "message"),
    [
        (
            0.9,
            8,
            {},
            "a coverage of 0.9 asks for 9 validation rows at least, and there are 8; give validation more rows",
        ),
        (0.95, 18, {}, "asks for 19 validation rows at least, and there are 18"),
        (0.9, 40, {"groups": np.arange(40) // 5}, "asks for 9 validation groups at least, and there are 8"),
        (
            0.9,
            40,
            {"weight": np.append(np.full(39, 0.01), 5.0)},
            "asks for 9 validation rows at least, and there are 40, which by their weight are worth 1.2",
        ),
    ],
)
def test_too_few_rows_are_refused(coverage: float, num_rows: int, more: dict[str, np.ndarray], message: str) -> None:
    rows = numbers(np.arange(num_rows, dtype=np.float64), np.zeros(num_rows), **more)
    with pytest.raises(UserError, match=message):
        conformal_rule(Conformal(coverage=coverage), rows)


def test_as_many_rows_as_the_message_asks_for_will_do() -> None:
    assert conformal_rule(Conformal(), numbers(np.arange(9.0), np.zeros(9))).common == 8
    assert conformal_rule(Conformal(coverage=0.95), numbers(np.arange(19.0), np.zeros(19))).common == 18


@pytest.mark.parametrize(
    ("by", "num_classes", "message"),
    [
        ("class", 0, "class is for classes, and here is a number"),
        ("answer", 3, "answer is for numbers, and here are classes"),
        ("twon", 2, "no column twon; did you mean town"),
        ("age", 0, "age is of type number with the role feature; give a feature, a group"),
        ("label", 2, "label is of type category with the role target"),
    ],
)
def test_what_tells_no_kinds_apart_is_refused(by: str, num_classes: int, message: str) -> None:
    columns = (
        TOWN,
        Column(name="age", type="number", role="feature"),
        Column(name="label", type="category", role="target"),
    )
    source = SourceRecord(kind="table", location="data.csv", digest="d" * 64)
    dataset = Dataset(columns=columns, task="binary", num_rows=9, source=source)
    with pytest.raises(UserError, match=message):
        kind_column(Conformal(by=by), dataset, ["town", "age", "label"], num_classes)
    assert kind_column(Conformal(by="town"), dataset, ["town"], num_classes) == TOWN
    assert kind_column(Conformal(), dataset, ["town"], num_classes) is None

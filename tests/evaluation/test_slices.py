"""On which kinds of rows a model is worse: simulated rows of which that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control, t, ttest_ind
from sklearn.metrics import accuracy_score, roc_auc_score

from tasks.columns.category.column import CategoryEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.errors import UserError
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.partitions import MOST_PAIRS, Partition, partitions
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.slice_rules import ruled_partitions
from tasks.evaluation.slice_test import worse_p_values
from tasks.evaluation.slices import SliceReport, SliceScore, slices_of, slices_of_test_rows
from tasks.params.register import SliceRules
from tasks.paths import Project
from tasks.recipe.recipe import Feature, Recipe, Target
from tasks.tables import storage
from tasks.tables.dataset import Column
from tests.small_tables import described

pytestmark = pytest.mark.chain

COLUMNS = (
    Column(name="town", type="category", role="feature"),
    Column(name="member", type="boolean", role="feature"),
    Column(name="age", type="number", role="feature"),
    Column(name="origin", type="text", role="sensitive"),
)


def table(num_rows: int, random: np.random.Generator) -> pl.DataFrame:
    """Columns that have nothing to do with each other."""
    age = random.uniform(18, 90, num_rows).round()
    return pl.DataFrame(
        {
            "town": random.choice(["Bonn", "Jena", "Ulm"], num_rows, p=[0.5, 0.3, 0.2]),
            "member": random.uniform(size=num_rows) < 0.4,
            "age": [None if unknown else value for value, unknown in zip(age, age > 84, strict=True)],
            "origin": random.choice(["A", "B"], num_rows),
        }
    )


def of_classes(
    chance: np.ndarray, random: np.random.Generator, weight: np.ndarray | None = None, groups: np.ndarray | None = None
) -> JudgedRows:
    """Two classes, answered right with this chance [N], and as sure of themselves wherever that is."""
    truth = random.integers(0, 2, len(chance))
    answer = np.where(random.uniform(size=len(chance)) < chance, truth, 1 - truth)
    of_one = np.where(answer == 1, 1, -1) * random.uniform(0.05, 0.4, len(chance)) + 0.5
    predictions = Predictions(y_true=truth, y_score=np.column_stack([1 - of_one, of_one]), weight=weight)
    return JudgedRows(classes=("a", "b"), predictions=predictions, groups=groups)


def named(report: SliceReport, name: str) -> SliceScore:
    (one,) = [one for one in report.slices if one.name == name]
    return one


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "brier", "roc_auc", "f1", "mcc"])
def test_a_value_that_is_answered_badly_is_named_first(metric: str) -> None:
    random = np.random.default_rng(0)
    rows = table(1500, random)
    is_bad = (rows["town"] == "Ulm").to_numpy()
    judged = of_classes(np.where(is_bad, 0.6, 0.9), random)
    report = slices_of(Judge(metric=metric, positive=1), judged, rows, COLUMNS)
    assert report.tested_by == (metric if metric in ("accuracy", "log_loss", "brier") else "log_loss")
    worst = report.slices[0]
    assert (worst.name, worst.columns, worst.worse, worst.num_rows) == ("town is Ulm", ("town",), True, is_bad.sum())
    assert worst.low < worst.value < worst.high
    assert worst.difference == pytest.approx(worst.value - worst.rest)
    # What the town explains is not shown once more for each value that goes with it.
    assert [one.name for one in report.shown] == ["town is Ulm"]
    assert {one.name for one in report.slices if one.worse} > {"town is Ulm"}
    truth, score = judged.predictions.y_true, judged.predictions.y_score
    if metric == "accuracy":
        assert worst.value == pytest.approx(accuracy_score(truth[is_bad], score[is_bad].argmax(axis=1)))
    if metric == "roc_auc":
        assert worst.rest == pytest.approx(roc_auc_score(truth[~is_bad], score[~is_bad, 1]))


def test_a_pair_is_found_where_its_columns_alone_are_as_good_as_all() -> None:
    random = np.random.default_rng(1)
    rows = table(3000, random).with_columns(member=random.uniform(size=3000) < 0.5)
    member, origin = rows["member"].to_numpy(), (rows["origin"] == "A").to_numpy()
    # Of either column alone, each value is answered right in 8 rows of 10.
    chance = np.where(member == origin, 0.65, 0.95)
    report = slices_of(Judge(metric="accuracy"), of_classes(chance, random), rows, COLUMNS)
    shown = [one.name for one in report.shown]
    assert set(shown[:2]) == {"member is yes and origin is A", "member is no and origin is B"}
    assert named(report, "member is yes and origin is A").cut_from == ("member is yes", "origin is A")
    assert not any(one.worse for one in report.slices if len(one.columns) == 1)


@pytest.mark.parametrize(("metric", "chance"), [("accuracy", 0.97), ("log_loss", 0.8)])
def test_where_rows_are_all_alike_hardly_ever_a_slice_is_called_worse(metric: str, chance: float) -> None:
    """In no more than one of ten simulations, give or take three standard errors: whatever is called worse is not."""
    num_alarms = 0
    for seed in range(200):
        random = np.random.default_rng(1000 + seed)
        judged = of_classes(np.full(400, chance), random)
        num_alarms += slices_of(Judge(metric=metric), judged, table(400, random), COLUMNS).slices[0].worse
    assert num_alarms / 200 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 200)


def test_rows_of_a_group_are_no_evidence_of_their_own() -> None:
    """30 groups of 40 rows that are answered alike: which town a group is of has nothing to do with how well."""
    alarms = {True: 0, False: 0}
    for seed in range(60):
        random = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 40)
        rows = pl.DataFrame({"town": random.choice(["Bonn", "Jena"], 30)[groups]})
        chance = random.uniform(0.5, 1, 30)[groups]
        for as_groups in (True, False):
            judged = of_classes(chance, np.random.default_rng(seed), groups=groups if as_groups else None)
            report = slices_of(Judge(metric="accuracy"), judged, rows, COLUMNS[:1])
            alarms[as_groups] += report.slices[0].worse
    assert alarms[True] / 60 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 60)
    assert alarms[False] / 60 > 0.3


def test_a_slice_of_one_group_has_no_p_value() -> None:
    random = np.random.default_rng(2)
    rows = pl.DataFrame({"town": ["Ulm"] * 50 + ["Bonn"] * 250})
    groups = np.concatenate([np.zeros(50, dtype=np.int64), np.repeat(np.arange(1, 26), 10)])
    judged = of_classes(np.where(groups == 0, 0.2, 0.9), random, groups=groups)
    report = slices_of(Judge(metric="accuracy"), judged, rows, COLUMNS[:1])
    assert [(one.p_value, one.q_value, one.worse) for one in report.slices] == [(None, None, False)] * 2


def test_rows_of_weight_0_count_for_nothing() -> None:
    random = np.random.default_rng(3)
    rows = table(1200, random)
    is_bad = (rows["town"] == "Ulm").to_numpy()
    weight = np.where(is_bad & (random.uniform(size=1200) < 0.5), 0.0, random.uniform(0.5, 2, 1200))
    judged = of_classes(np.where(weight == 0, 0.0, 0.9), random, weight)
    report = slices_of(Judge(metric="accuracy"), judged, rows, COLUMNS)
    kept = weight > 0
    assert report == slices_of(Judge(metric="accuracy"), judged.where(kept), rows.filter(pl.Series(kept)), COLUMNS)
    ulm = named(report, "town is Ulm")
    assert (ulm.num_rows, ulm.worse) == ((is_bad & kept).sum(), False)
    none_counts = of_classes(np.full(1200, 0.9), random, np.where(is_bad, 0.0, 1.0))
    assert "town is Ulm" not in {one.name for one in slices_of(Judge(metric="f1"), none_counts, rows, COLUMNS).slices}


def test_a_slice_without_a_class_has_no_roc_auc() -> None:
    random = np.random.default_rng(4)
    rows = table(600, random)
    judged = of_classes(np.full(600, 0.8), random)
    truth = np.where((rows["town"] == "Ulm").to_numpy(), 0, judged.predictions.y_true)
    predictions = Predictions(y_true=truth, y_score=judged.predictions.y_score)
    report = slices_of(
        Judge(metric="roc_auc", positive=1), JudgedRows(classes=("a", "b"), predictions=predictions), rows, COLUMNS
    )
    ulm = named(report, "town is Ulm")
    assert (ulm.value, ulm.difference, ulm.low) == (None, None, None)
    assert 0 <= ulm.p_value <= ulm.q_value <= 1


@pytest.mark.parametrize("metric", ["rmse", "mae", "rmsle", "r2"])
def test_numbers_that_are_further_off_for_some_rows(metric: str) -> None:
    random = np.random.default_rng(5)
    rows = table(1500, random)
    is_bad = rows["age"].is_null().to_numpy()
    truth = random.normal(1e6, 1e3, 1500)
    answers = truth + random.normal(0, np.where(is_bad, 600, 200))
    judged = JudgedRows(classes=(), predictions=Predictions(y_true=truth, y_score=answers))
    report = slices_of(Judge(metric=metric), judged, rows, COLUMNS)
    assert report.tested_by == ("rmse" if metric == "r2" else metric)
    assert [one.name for one in report.shown] == ["age is missing"]
    worst = report.slices[0]
    assert worst.worse
    assert worst.low < worst.value < worst.high
    if metric == "rmse":
        assert worst.value == pytest.approx(np.sqrt(np.mean((truth - answers)[is_bad] ** 2)))


def test_answers_without_an_error_are_worse_nowhere() -> None:
    rows = table(300, np.random.default_rng(6))
    exact = Predictions(y_true=np.arange(300.0), y_score=np.arange(300.0))
    off = Predictions(y_true=np.arange(300.0), y_score=np.arange(300.0) + 0.1)
    for predictions in (exact, off):
        report = slices_of(Judge(metric="rmse"), JudgedRows(classes=(), predictions=predictions), rows, COLUMNS)
        assert {one.p_value for one in report.slices} == {1.0}


def test_without_columns_there_is_no_slice() -> None:
    judged = of_classes(np.full(100, 0.8), np.random.default_rng(7))
    report = slices_of(Judge(metric="accuracy"), judged, pl.DataFrame(), [])
    assert (report.slices, report.shown) == ((), ())


def test_p_values_are_the_larger_of_welchs_and_students() -> None:
    random = np.random.default_rng(8)
    losses = random.exponential(size=300) * np.where(np.arange(300) < 60, 1.5, 1)
    codes = np.where(np.arange(300) < 60, 0, np.where(np.arange(300) < 200, 1, -1))
    both = Partition(columns=("town",), names=("Ulm", "Bonn"), codes=codes)

    def by_scipy(inside: np.ndarray, rest: np.ndarray) -> float:
        return max(ttest_ind(inside, rest, equal_var=equal, alternative="greater").pvalue for equal in (True, False))

    expected = [by_scipy(losses[codes == code], losses[codes != code]) for code in (0, 1)]
    assert worse_p_values([both], losses, np.ones(300)) == pytest.approx(expected)
    # Weights that are all alike change nothing; groups that have as many rows each stand for their means.
    assert worse_p_values([both], losses, np.full(300, 3.0)) == pytest.approx(expected)
    groups = np.arange(300) // 4
    means = losses.reshape(75, 4).mean(axis=1)
    expected = [by_scipy(means[codes[::4] == code], means[codes[::4] != code]) for code in (0, 1)]
    assert worse_p_values([both], losses, np.ones(300), groups) == pytest.approx(expected)


def test_a_group_may_stand_on_both_sides() -> None:
    random = np.random.default_rng(9)
    losses, groups, codes = random.exponential(size=400), random.integers(0, 40, 400), random.integers(0, 2, 400)
    both = Partition(columns=("member",), names=("no", "yes"), codes=codes)
    weights = random.uniform(0.1, 2, 400)
    p_values = worse_p_values([both], losses, weights, groups)

    def of_groups(within: np.ndarray) -> tuple[float, float, np.ndarray]:
        """The mean, its variance, and the groups' weights."""
        kept = [np.flatnonzero(within & (groups == group)) for group in range(40)]
        sums = np.array([weights[rows].sum() for rows in kept if len(rows)])
        means = np.array([np.average(losses[rows], weights=weights[rows]) for rows in kept if len(rows)])
        mean = np.average(means, weights=sums)
        return mean, (sums**2 * (means - mean) ** 2).sum() / sums.sum() ** 2 * len(sums) / (len(sums) - 1), sums

    for code in (0, 1):
        (mean, variance, sums), (other, of_other, others) = of_groups(codes == code), of_groups(codes != code)
        degrees = [weight.sum() ** 2 / (weight**2).sum() - 1 for weight in (sums, others)]
        freedom = (variance + of_other) ** 2 / (variance**2 / degrees[0] + of_other**2 / degrees[1])
        welch = t.sf((mean - other) / np.sqrt(variance + of_other), freedom)
        assert welch - 1e-12 <= p_values[code] == pytest.approx(welch, abs=0.01)


def test_q_values_are_those_of_benjamini_and_hochberg_over_all_slices() -> None:
    random = np.random.default_rng(10)
    report = slices_of(Judge(metric="accuracy"), of_classes(np.full(800, 0.8), random), table(800, random), COLUMNS)
    q_values = false_discovery_control([one.p_value for one in report.slices])
    assert [one.q_value for one in report.slices] == pytest.approx(q_values)


def test_numbers_are_cut_into_fifths_and_few_of_them_are_values() -> None:
    age = Column(name="age", type="number", role="feature")
    values = pl.DataFrame({"age": [*range(1, 101), *[None] * 25]}, strict=False)
    (fifths,) = partitions(values, [age])
    assert fifths.names[0] == "age up to 20"
    assert fifths.names[1] == "age over 20, up to 40"
    assert fifths.names[4:] == ("age over 80", "age is missing")
    assert fifths.num_rows.tolist() == [20, 20, 20, 20, 20, 25]
    (few,) = partitions(pl.DataFrame({"age": [0] * 90 + [1] * 30 + [7] * 5}), [age])
    assert few.names == ("age is 0", "age is 1"), "7 has fewer than 20 rows"
    (mostly_large,) = partitions(pl.DataFrame({"age": [*range(40), *[50] * 160]}), [age])
    assert mostly_large.num_rows.sum() == 200
    assert partitions(pl.DataFrame({"age": [None] * 50}, schema={"age": pl.Float64}), [age]) == []


def test_slices_are_of_20_rows_and_leave_as_many() -> None:
    town = Column(name="town", type="category", role="feature")
    towns = ["Bonn"] * 60 + ["Ulm"] * 20 + ["Jena"] * 19 + [None] * 21
    (by_town,) = partitions(pl.DataFrame({"town": towns}), [town])
    assert by_town.names == ("town is Bonn", "town is missing", "town is Ulm")
    assert [towns[row] for row in np.flatnonzero(by_town.codes == 2)] == ["Ulm"] * 20
    assert partitions(pl.DataFrame({"town": ["Bonn"] * 60 + ["Ulm"] * 19}), [town]) == []


def test_pairs_are_bounded_and_say_nothing_twice() -> None:
    random = np.random.default_rng(11)
    columns = [Column(name=f"c{place}", type="category", role="feature") for place in range(20)]
    rows = pl.DataFrame({column.name: random.choice(list("abc"), 1000) for column in columns})
    pairs = [partition for partition in partitions(rows, columns) if len(partition.columns) == 2]
    assert MOST_PAIRS - 9 < sum(len(pair.names) for pair in pairs) <= MOST_PAIRS
    same = pl.DataFrame({"c0": rows["c0"], "c1": rows["c0"]})
    assert [partition.columns for partition in partitions(same, columns[:2])] == [("c0",), ("c1",)]


NUMBER = NumberEncoding(impute=0.0, factor=1.0, offset=0.0, indicator=False)
MADE = Recipe(
    features=(
        Feature(name="torque", encoding=NUMBER),
        Feature(name="speed", encoding=NUMBER),
        Feature(name="power", encoding=NUMBER, sql="torque * speed"),
        Feature(
            name="gear",
            encoding=CategoryEncoding(encode="one_hot", categories=("high", "low"), missing=False),
            sql="CASE WHEN speed > 50 THEN 'high' ELSE 'low' END",
        ),
    ),
    target=Target(name="label", task="binary", classes=("a", "b")),
    num_inputs=6,
)


def test_a_feature_of_ones_own_is_a_slice_where_what_it_is_computed_of_is_none(tmp_path: Path) -> None:
    """Wrong where torque times speed is large: a fifth of the rows, of which neither column alone tells as much."""
    random, paths = np.random.default_rng(7), Project(root=tmp_path).pipeline("p")
    drawn = {"torque": random.uniform(-9, 9, 2000), "speed": random.uniform(0, 90, 2000)}
    rows = pl.DataFrame({**drawn, "label": random.choice(["a", "b"], 2000)})
    storage.write_parts(paths.clean("test"), rows.iter_slices(700))
    kinds = {"torque": ("number", "feature"), "speed": ("number", "feature"), "label": ("category", "target")}
    power = (rows["torque"] * rows["speed"]).to_numpy()
    is_large = power > np.quantile(power, 0.8, method="inverted_cdf")
    judged = of_classes(np.where(is_large, 0.5, 0.95), random)
    report = slices_of_test_rows(Judge(metric="accuracy"), judged, described(kinds), MADE, paths)
    worst = report.slices[0]
    assert (worst.columns, worst.worse, worst.num_rows) == (("power",), True, is_large.sum())
    assert worst.name.startswith("power over ")
    # A computed category is cut by its values.
    is_high = drawn["speed"] > 50
    assert named(report, "gear is high").num_rows == is_high.sum()
    # And so are the slices that the gate bounds: by their names, in the order of the rows.
    (gear,) = ruled_partitions(SliceRules(columns=["gear"]), paths, described(kinds), MADE)
    assert (gear.codes == gear.names.index("gear is high")).tolist() == is_high.tolist()
    with pytest.raises(UserError, match=r"register\.slices\.columns: powr is no column .*did you mean power\?"):
        ruled_partitions(SliceRules(columns=["powr"]), paths, described(kinds), MADE)

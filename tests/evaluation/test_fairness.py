"""How groups of people are treated: by Fairlearn, by hand, and by simulated groups of which the truth is known."""

from __future__ import annotations

import fairlearn.metrics as fair
import numpy as np
import polars as pl
import pytest
from scipy.stats import alexandergovern, chi2_contingency
from sklearn.metrics import accuracy_score, recall_score, root_mean_squared_error

from tasks.evaluation import fairness
from tasks.evaluation.fairness import fairness_of
from tasks.evaluation.fairness_report import FairnessReport, GroupComparison, GroupDifference
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.predictions import Predictions
from tasks.model_input.decision import Decision
from tasks.tables.dataset import Column

pytestmark = pytest.mark.chain

SEX = Column(name="sex", type="category", role="sensitive")
TOWN = Column(name="town", type="text", role="sensitive")
AGE = Column(name="age", type="number", role="sensitive")


def people(num_rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age = random.uniform(18, 90, num_rows).round()
    return pl.DataFrame(
        {
            "sex": random.choice(["Female", "Male", None], num_rows, p=[0.4, 0.5, 0.1]).tolist(),
            "town": random.choice(["Bonn", "Jena", "Ulm"], num_rows, p=[0.5, 0.49, 0.01]),
            "age": [None if unknown else value for value, unknown in zip(age, age > 84, strict=True)],
        }
    )


def answered(
    chance: np.ndarray, seed: int, weight: np.ndarray | None = None, groups: np.ndarray | None = None
) -> JudgedRows:
    """Two classes; `yes` is answered with this chance [N], and true in half of the rows."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, len(chance))
    of_yes = np.where(random.uniform(size=len(chance)) < chance, 0.5, 0.0) + random.uniform(0.01, 0.49, len(chance))
    predictions = Predictions(y_true=truth, y_score=np.column_stack([1 - of_yes, of_yes]), weight=weight)
    return JudgedRows(classes=("no", "yes"), predictions=predictions, groups=groups)


def by_sex(rows: pl.DataFrame, **chances: float) -> np.ndarray:
    return np.array([chances[name or "missing"] for name in rows["sex"]])


def of(report: FairnessReport, *columns: str) -> GroupComparison:
    (one,) = [one for one in report.comparisons if one.columns == columns]
    return one


def named(comparison: GroupComparison, name: str) -> GroupDifference:
    (one,) = [one for one in comparison.differences if one.name == name]
    return one


ACCURACY = Judge(metric="accuracy", positive=1)


@pytest.mark.parametrize("weighted", [False, True])
def test_of_two_classes_the_figures_are_fairlearns(weighted: bool) -> None:
    rows = people(900, 0)
    weight = np.random.default_rng(1).integers(1, 4, 900).astype(float) if weighted else None
    judged = answered(by_sex(rows, Female=0.3, Male=0.6, missing=0.5), 2, weight)
    report = fairness_of(ACCURACY, judged, rows, [SEX, TOWN, AGE])
    truth, answer = judged.predictions.y_true, judged.predictions.y_pred
    by = {"sensitive_features": rows["sex"].fill_null("missing").to_numpy(), "sample_weight": weight}
    sex = of(report, "sex")
    for name in (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
        "equal_opportunity_difference",
    ):
        expected = getattr(fair, name)(truth, answer, **by)
        difference = named(sex, name)
        assert difference.value == pytest.approx(expected, rel=1e-12)
        assert difference.low <= difference.value <= difference.high
        assert difference.num_rows == 900
    frame = fair.MetricFrame(
        metrics={
            "selection_rate": fair.selection_rate,
            "true_positive_rate": fair.true_positive_rate,
            "false_positive_rate": fair.false_positive_rate,
            "accuracy": accuracy_score,
        },
        y_true=truth,
        y_pred=answer,
        sensitive_features=by["sensitive_features"],
        sample_params={
            name: {"sample_weight": weight}
            for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
        }
        if weighted
        else None,
    )
    assert [group.name for group in sex.groups] == ["Male", "Female", "missing"]
    for group in sex.groups:
        assert group.num_rows == (by["sensitive_features"] == group.name).sum()
        assert group.figures == pytest.approx(dict(frame.by_group.loc[group.name]), rel=1e-12)
    parity = named(sex, "demographic_parity_difference")
    assert (parity.lowest, parity.highest, parity.figure) == ("Female", "Male", "selection_rate")
    assert named(sex, "metric_difference").value == pytest.approx(frame.difference()["accuracy"])


def test_by_hand_with_another_positive_class_and_a_threshold() -> None:
    """Of 40 women 10 are answered `no` and of 40 men 20, by a threshold of its own."""
    rows = pl.DataFrame({"sex": ["Female"] * 40 + ["Male"] * 40})
    of_no = np.array([0.3] * 10 + [0.1] * 30 + [0.3] * 20 + [0.1] * 20)
    truth = np.tile([0, 1], 40)
    judge = Judge(metric="f1", positive=0, decision=Decision(positive=0, threshold=0.2))
    judged = JudgedRows(
        classes=("no", "yes"), predictions=Predictions(y_true=truth, y_score=np.column_stack([of_no, 1 - of_no]))
    )
    report = fairness_of(judge, judged, rows, [SEX])
    assert report.positive == "no"
    sex = of(report, "sex")
    assert [group.figures["selection_rate"] for group in sex.groups] == [0.25, 0.5]
    assert [group.figures["true_positive_rate"] for group in sex.groups] == [0.25, 0.5]
    # Of 10 answers 5 are right, and 5 of 20 are answered so: 2 * 0.5 * 0.25 / 0.75; of men 2 * 0.5 * 0.5 / 1.
    assert [group.figures["f1"] for group in sex.groups] == pytest.approx([1 / 3, 1 / 2])
    values = {one.name: one.value for one in sex.differences}
    assert values == pytest.approx(
        {
            "demographic_parity_difference": 0.25,
            "demographic_parity_ratio": 0.5,
            "equalized_odds_difference": 0.25,
            "equal_opportunity_difference": 0.25,
            "metric_difference": 1 / 6,
        }
    )
    parity = named(sex, "demographic_parity_difference")
    assert parity.p_value == pytest.approx(chi2_contingency([[10, 30], [20, 20]], correction=False).pvalue)
    # 20 rows of either truth have the rate, which is 5 of 20 and 10 of 20 for both.
    odds = named(sex, "equalized_odds_difference")
    assert odds.p_value == pytest.approx(2 * chi2_contingency([[5, 15], [10, 10]], correction=False).pvalue)
    # No standard test is for F1, and its interval is by drawing.
    f1 = named(sex, "metric_difference")
    assert f1.p_value is None
    assert f1.low == 0 < f1.value < f1.high


def test_the_gate_gets_the_worst_of_all_columns_with_the_two_groups() -> None:
    rows = people(900, 3)
    judged = answered(by_sex(rows, Female=0.3, Male=0.6, missing=0.5), 4)
    report = fairness_of(ACCURACY, judged, rows, [SEX, AGE])
    parity = report.measured["demographic_parity_difference"]
    both = named(of(report, "sex", "age"), "demographic_parity_difference")
    assert parity.of == f"sex and age: {both.lowest} {both.lowest_value:.3g}, {both.highest} {both.highest_value:.3g}"
    assert (parity.value, parity.num_rows) == (both.value, both.num_rows)
    # It holds for both columns and their pair together, so it is wider.
    sex = named(of(report, "sex"), "demographic_parity_difference")
    assert parity.low < max(sex.low, both.low) < both.high < parity.high
    assert set(report.measured) == {
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
        "equal_opportunity_difference",
        "metric_difference",
    }
    ratio = report.measured["demographic_parity_ratio"]
    columns = (("sex",), ("age",), ("sex", "age"))
    assert ratio.value == min(named(of(report, *names), "demographic_parity_ratio").value for names in columns)
    assert ratio.low < ratio.value < ratio.high


def test_numbers_are_cut_and_missing_is_a_group_and_two_columns_are_crossed() -> None:
    rows = people(900, 5)
    report = fairness_of(ACCURACY, answered(np.full(900, 0.5), 6), rows, [SEX, TOWN, AGE])
    assert [one.columns for one in report.comparisons] == [
        *[("sex",), ("town",), ("age",)],
        *[("sex", "town"), ("sex", "age"), ("town", "age")],
    ]
    ages = [group.name for group in of(report, "age").groups]
    assert (len(ages), ages[0].startswith("up to"), ages[-1]) == (6, True, "missing")
    crossed = of(report, "sex", "town")
    assert "Female, Bonn" in [group.name for group in crossed.groups]
    assert sum(group.num_rows for group in crossed.groups) == 900


def test_parity_by_each_column_alone_may_be_none_by_both() -> None:
    """Of women of Bonn and men of Ulm 100 of 500 are answered yes, of the others 400: by sex and by town half."""
    rows = pl.DataFrame({"sex": ["Female"] * 1000 + ["Male"] * 1000, "town": (["Bonn"] * 500 + ["Ulm"] * 500) * 2})
    is_yes = np.concatenate([np.arange(500) < num_yes for num_yes in (100, 400, 400, 100)])
    truth = np.tile([0, 1], 1000)
    predictions = Predictions(y_true=truth, y_score=np.eye(2)[is_yes.astype(int)])
    report = fairness_of(ACCURACY, JudgedRows(classes=("no", "yes"), predictions=predictions), rows, [SEX, TOWN])
    name = "demographic_parity_difference"
    assert [named(one, name).value for one in report.comparisons] == pytest.approx([0, 0, 0.6])
    parity = report.measured[name]
    assert parity.value == pytest.approx(0.6)
    assert parity.low < 0.6 < parity.high
    assert parity.low > 0.45
    assert parity.of == "sex and town: Female, Bonn 0.2, Female, Ulm 0.8"
    assert report.measured["demographic_parity_ratio"].value == pytest.approx(0.25)


def test_groups_of_few_rows_are_shown_and_not_compared() -> None:
    rows = pl.DataFrame({"town": ["Bonn"] * 300 + ["Jena"] * 300 + ["Ulm"] * 19})
    judged = answered(np.where(np.arange(619) < 600, 0.5, 1.0), 7)
    town = of(fairness_of(ACCURACY, judged, rows, [TOWN]), "town")
    assert [(group.name, group.compared) for group in town.groups] == [("Bonn", True), ("Jena", True), ("Ulm", False)]
    assert town.groups[2].figures["selection_rate"] == 1
    assert [group.name for group in town.too_small] == ["Ulm"]
    parity = named(town, "demographic_parity_difference")
    assert {parity.lowest, parity.highest} == {"Bonn", "Jena"}
    assert parity.num_rows == 600
    # And so is a rate of few rows: of those who are positive, where there are 600 who are not.
    predictions = judged.predictions
    few = Predictions(y_true=np.where(np.arange(619) < 590, 0, 1), y_score=predictions.y_score)
    of_few = fairness_of(ACCURACY, JudgedRows(classes=("no", "yes"), predictions=few), rows, [TOWN])
    assert "equal_opportunity_difference" not in of_few.measured
    assert of(of_few, "town").groups[0].figures["true_positive_rate"] is None
    assert named(of(of_few, "town"), "equalized_odds_difference").figure == "false_positive_rate"


def test_one_group_or_no_column_leaves_nothing_to_compare() -> None:
    judged = answered(np.full(100, 0.5), 8)
    alone = fairness_of(ACCURACY, judged, pl.DataFrame({"sex": ["Female"] * 100}), [SEX])
    assert (of(alone, "sex").differences, alone.measured) == ((), {})
    assert fairness_of(ACCURACY, judged, pl.DataFrame(), []).comparisons == ()


def test_rows_of_weight_0_count_for_nothing() -> None:
    rows = people(600, 9)
    weight = np.random.default_rng(10).integers(0, 3, 600).astype(float)
    judged = answered(np.full(600, 0.4), 11, weight)
    kept = weight > 0
    expected = fairness_of(ACCURACY, judged.where(kept), rows.filter(pl.Series(kept)), [SEX, AGE])
    assert fairness_of(ACCURACY, judged, rows, [SEX, AGE]) == expected


def test_too_many_pairs_are_left_out_those_of_the_fewest_groups_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = people(300, 12)
    monkeypatch.setattr(fairness, "MOST_CROSSED", 10)
    report = fairness_of(ACCURACY, answered(np.full(300, 0.5), 13), rows, [SEX, TOWN, AGE])
    assert [one.columns for one in report.comparisons if len(one.columns) == 2] == [("sex", "town")]
    assert report.num_pairs_left_out == 2


def test_of_several_classes_each_is_asked_how_often_it_is_answered() -> None:
    rows = people(900, 14)
    random = np.random.default_rng(15)
    truth = random.integers(0, 3, 900)
    is_female = (rows["sex"] == "Female").fill_null(value=False).to_numpy()
    answer = np.where(is_female & (random.uniform(size=900) < 0.5), 2, truth)
    judged = JudgedRows(classes=("a", "b", "c"), predictions=Predictions(y_true=truth, y_score=np.eye(3)[answer]))
    report = fairness_of(Judge(metric="accuracy"), judged, rows, [SEX])
    sex = of(report, "sex")
    female = next(group for group in sex.groups if group.name == "Female")
    assert female.figures["selection_rate of c"] == pytest.approx((answer[is_female] == 2).mean())
    expected = recall_score(truth[is_female], answer[is_female], average="macro")
    assert female.figures["recall"] == pytest.approx(expected)
    difference = named(sex, "selection_rate_difference")
    assert (difference.figure, difference.highest) == ("selection_rate of c", "Female")
    assert difference.low <= difference.value <= difference.high
    assert difference.p_value < 1e-6
    assert set(report.measured) == {"metric_difference"}
    assert report.measured["metric_difference"].value == named(sex, "metric_difference").value


def test_of_numbers_the_means_and_the_errors() -> None:
    rows = people(900, 16)
    random = np.random.default_rng(17)
    is_female = (rows["sex"] == "Female").fill_null(value=False).to_numpy()
    truth = random.normal(100, 10, 900)
    answer = truth + random.normal(0, 2, 900) - 3 * is_female
    judged = JudgedRows(classes=(), predictions=Predictions(y_true=truth, y_score=answer))
    report = fairness_of(Judge(metric="rmse"), judged, rows, [SEX])
    sex = of(report, "sex")
    female = next(group for group in sex.groups if group.name == "Female")
    assert female.figures["mean_answer"] == pytest.approx(answer[is_female].mean())
    assert female.figures["mean_error"] == pytest.approx((answer - truth)[is_female].mean())
    assert female.figures["rmse"] == pytest.approx(root_mean_squared_error(truth[is_female], answer[is_female]))
    error = named(sex, "mean_error_difference")
    # Women are answered 3 too low.
    assert error.lowest == "Female"
    assert error.low < 3 < error.high
    assert error.p_value < 1e-6
    assert list(report.measured) == ["metric_difference"]
    assert report.measured["metric_difference"].of.startswith("sex: ")


def test_a_perfect_group_says_nothing_sure_of_a_metric_that_is_drawn() -> None:
    rows = pl.DataFrame({"sex": ["Female"] * 50 + ["Male"] * 50})
    truth = np.tile([0, 1], 50)
    answer = np.where((np.arange(100) >= 50) & (np.arange(100) % 5 == 0), 1 - truth, truth)
    judged = JudgedRows(classes=("no", "yes"), predictions=Predictions(y_true=truth, y_score=np.eye(2)[answer]))
    by_mcc = named(of(fairness_of(Judge(metric="mcc", positive=1), judged, rows, [SEX]), "sex"), "metric_difference")
    assert (by_mcc.highest, by_mcc.highest_value, by_mcc.low, by_mcc.high) == ("Female", 1, None, None)
    # Of a rate a share of 1 has an interval of its own.
    accuracy = named(of(fairness_of(ACCURACY, judged, rows, [SEX]), "sex"), "metric_difference")
    assert 0 < accuracy.low < 0.2 < accuracy.high


def test_p_values_are_those_of_scipy() -> None:
    rows = people(600, 18)
    judged = answered(np.full(600, 0.5), 19)
    sex = of(fairness_of(Judge(metric="log_loss", positive=1), judged, rows, [SEX]), "sex")
    predictions, codes = judged.predictions, rows["sex"].fill_null("missing").to_numpy()
    table = [[(predictions.y_pred[codes == name] == answer).sum() for answer in (0, 1)] for name in np.unique(codes)]
    parity = named(sex, "demographic_parity_difference")
    assert parity.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    losses = -np.log(predictions.y_score[np.arange(600), predictions.y_true])
    welch = alexandergovern(*[losses[codes == name] for name in np.unique(codes)]).pvalue
    assert named(sex, "metric_difference").p_value == pytest.approx(welch, abs=0.02)
    # Neither for rows that weigh differently nor for groups of rows is there a standard test.
    groups = answered(np.full(600, 0.5), 19, groups=np.arange(600) // 2)
    of_groups = of(fairness_of(ACCURACY, groups, rows, [SEX]), "sex")
    assert {one.p_value for one in of_groups.differences} == {None}


def test_a_rate_of_one_row_is_that_rows() -> None:
    """One positive test row, and one of all that have a group: shown, and compared with nothing."""
    truth, rate = np.array([1, 0, 0]), np.array([0.9, 0.8, 0.3])
    rows = JudgedRows(classes=("no", "yes"), predictions=Predictions(y_true=truth, y_score=np.c_[1 - rate, rate]))
    column = Column(name="sex", type="category", role="sensitive")
    report = fairness_of(Judge(metric="accuracy", positive=1), rows, pl.DataFrame({"sex": ["f", "m", "m"]}), [column])
    (comparison,) = report.comparisons
    figures = {group.name: group.figures for group in comparison.groups}
    assert figures["f"]["true_positive_rate"] == figures["f"]["selection_rate"] == 1
    assert figures["m"]["false_positive_rate"] == figures["m"]["selection_rate"] == 0.5
    assert figures["m"].get("true_positive_rate") is None
    assert not any(group.compared for group in comparison.groups)

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error, root_mean_squared_log_error

from tasks import augment, evaluate, files, normalize, reports
from tasks.errors import UserError
from tasks.evaluation.page_content import raw_rows
from tasks.evaluation.predictions import Predictions, evaluate_classification, evaluate_regression
from tasks.measures import Measure
from tasks.model_input.decision import read_decision
from tasks.params.augment import Augment
from tasks.params.config import MetricOfClasses, Task
from tasks.params.evaluate import Conformal, Costs, Evaluate
from tasks.params.normalize import Normalize
from tasks.params.sklearn import LogisticRegression, Ridge, SklearnTrain
from tasks.paths import PARTS, Paths, Project
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, read_dataset, write_dataset
from tasks.trainers import trainer
from tasks.training.job import read_job
from tasks.training.result import write_model

pytestmark = pytest.mark.chain

CLASSES = ["ham & eggs", "<b>spam</b>"]
NUM_TEST = 40


def rows(num_rows: int, seed: int, *, regression: bool) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    label = np.arange(num_rows) % 2
    weight = random.normal(size=num_rows) + 1.5 * label
    price = pl.Series("target", 100 + 20 * weight + random.normal(size=num_rows))
    target = price if regression else pl.Series("target", [CLASSES[number] for number in label])
    return pl.DataFrame({"id": [f"row-{seed}-{n}" for n in range(num_rows)], "weight": weight}).with_columns(target)


def prepared(
    root: Path,
    *,
    regression: bool,
    change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
    task: Task | None = None,
) -> Paths:
    """A project that has run up to and with evaluate, in parts of 15 rows."""
    paths = Project(root=root).pipeline("demo")
    columns = (
        Column(name="id", type="category", role="id"),
        Column(name="weight", type="number", role="feature"),
        Column(name="target", type="number" if regression else "category", role="target"),
    )
    source = SourceRecord(kind="table", location="data.csv", digest="d" * 64)
    task = task or ("regression" if regression else "binary")
    write_dataset(paths.cleaned, Dataset(columns=columns, task=task, num_rows=203, source=source))
    num_rows = {"train": 120, "validation": 40, "test": NUM_TEST}
    for seed, part in enumerate(PARTS):
        frame = change(rows(num_rows[part], seed, regression=regression))
        storage.write_parts(paths.clean(part), frame.iter_slices(15))
    files.write_json(paths.validation_report, {"num_rows": 203, "num_quarantined": 2, "expectations": [{}, {}]})
    cleaning = {
        "num_rows_in": 201,
        "num_rows_out": 200,
        "num_quarantined": 1,
        "rules": {"duplicate": {"num_quarantined": 1}},
        "num_rows": num_rows,
    }
    files.write_json(paths.cleaning_report, cleaning)
    files.write_json(paths.split_report, {"kind": "hash"})
    normalize.run(Normalize(), paths)
    augment.run(Augment(), paths)
    fit(paths, regression=regression)
    evaluate.run(Evaluate(), paths)
    return paths


def fit(paths: Paths, *, regression: bool) -> None:
    estimator = Ridge(kind="ridge") if regression else LogisticRegression(kind="logistic_regression")
    config = SklearnTrain(kind="sklearn", estimator=estimator)
    fitted = trainer("sklearn").fit(read_job(config, paths, read_recipe(paths.recipe), []), config)
    digest = write_model(paths, fitted)
    files.write_text(paths.history, "epoch,train_loss,validation_loss\n1,0.9,1\n2,0.5,0.6\n")
    record = {
        "model": digest,
        "trainer": "sklearn",
        "facts": fitted.facts,
        "metrics": {},
        "params": {"estimator.C": 1.0},
    }
    files.write_json(paths.run, record)


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return prepared(tmp_path_factory.mktemp("classes"), regression=False)


@pytest.fixture(scope="module")
def regressed(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return prepared(tmp_path_factory.mktemp("values"), regression=True)


@pytest.fixture
def damaged(classified: Paths, tmp_path: Path) -> Paths:
    """A copy to break things in."""
    shutil.copytree(classified.project.root, tmp_path / "copy")
    return Project(root=tmp_path / "copy").pipeline("demo")


def predictions(paths: Paths) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(paths.predictions.read_text())))


def test_classes_are_judged_on_the_test_rows(classified: Paths) -> None:
    report = reports.evaluate(classified)
    metrics = json.loads(classified.metrics.read_text())
    lines = predictions(classified)
    assert report.numbers == metrics
    assert list(metrics) == [name for name in get_args(MetricOfClasses) if name != "expected_cost"]
    assert report.figure.startswith("accuracy 0.")
    assert len(lines) == NUM_TEST
    assert [line["actual"] for line in lines] == list(storage.read_table(classified.clean("test"))["target"])
    right = [line["actual"] == line["predicted"] for line in lines]
    assert metrics["accuracy"] == np.mean(right)
    assert all(0.5 <= float(line["probability"]) <= 1 for line in lines)


def test_classes_leave_pictures_and_a_page(classified: Paths) -> None:
    names = {file.name for file in classified.plots.iterdir()}
    assert names == {
        "learning_loss.png",
        "confusion_matrix.png",
        "roc_curve.png",
        "calibration.png",
        "risk_coverage.png",
        "thresholds.png",
    }
    html = classified.report_page.read_text()
    assert "<b>spam</b>" not in html
    assert "&lt;b&gt;spam&lt;/b&gt;" in html
    assert "row-2-" in html, "the id of a mistaken row is shown"
    for text in ("203", "1 duplicate", "2 expectations"):
        assert text in html


def test_the_importance_of_columns_is_left_as_a_table_and_a_picture(regressed: Paths, damaged: Paths) -> None:
    table = storage.read_csv(regressed.importance)
    assert table.columns == ["column", "kind", "metric", "importance", "low", "high", "model_share"]
    ((column, kind, metric, importance, low, high, share),) = table.rows()
    assert (column, kind, metric, share) == ("weight", "column", "rmse", None)
    assert 0 < low < importance < high
    assert regressed.importance_picture.read_bytes().startswith(b"\x89PNG")
    html = regressed.report_page.read_text()
    assert "What it goes by" in html
    assert "How much worse rmse gets" in html
    evaluate.run(Evaluate(metric="log_loss"), damaged)
    assert storage.read_csv(damaged.importance)["metric"].to_list() == ["log_loss"]


def test_kinds_of_rows_that_are_answered_worse_are_left_as_a_file_and_on_the_page(damaged: Paths) -> None:
    slices = files.read_json(damaged.assessment("slices"))
    assert (slices["metric"], slices["num_rows"], slices["slices"]) == ("accuracy", NUM_TEST, [])
    assert "No column tells kinds of rows apart" in damaged.report_page.read_text()
    assert "Not looked at: no column has the role sensitive" in damaged.report_page.read_text()
    assert files.read_json(damaged.assessment("fairness"))["comparisons"] == []
    # A sensitive column that goes by how the rows are answered.
    wrong = [line["actual"] != line["predicted"] for line in predictions(damaged)]
    assert 0 < sum(wrong) < NUM_TEST / 2
    parts = pl.concat(storage.read_parts(damaged.clean("test")))
    by_answer = pl.Series(
        "origin", ["<i>A" if row < 20 else "B" for row in np.argsort(np.argsort(np.logical_not(wrong)))]
    )
    storage.write_parts(damaged.clean("test"), parts.with_columns(by_answer).iter_slices(15))
    dataset = read_dataset(damaged.cleaned)
    origin = Column(name="origin", type="category", role="sensitive")
    write_dataset(damaged.cleaned, dataset.model_copy(update={"columns": (*dataset.columns, origin)}))
    evaluate.run(Evaluate(), damaged)
    worst, other = files.read_json(damaged.assessment("slices"))["slices"]
    assert (worst["name"], worst["num_rows"], worst["worse"]) == ("origin is <i>A", 20, True)
    assert worst["value"] == pytest.approx(1 - sum(wrong) / 20)
    assert (other["value"], other["worse"]) == (1, False)
    page = damaged.report_page.read_text()
    section = page[page.index("Where it is worse") :]
    assert "origin is &lt;i&gt;A" in section
    assert f"{reports.number(worst['low'])} to {reports.number(worst['high'])}" in section
    assert "2 were tested" in section
    # The same column tells groups of people apart.
    (compared,) = files.read_json(damaged.assessment("fairness"))["comparisons"]
    assert [(group["name"], group["num_rows"]) for group in compared["groups"]] == [("<i>A", 20), ("B", 20)]
    measure = files.read_json(damaged.assessment("measures"))["metric_difference"]
    assert measure["value"] == pytest.approx(sum(wrong) / 20)
    assert measure["of"] == f"origin: <i>A {1 - sum(wrong) / 20:.3g}, B 1"
    assert measure["low"] < measure["value"] < measure["high"]
    section = page[page.index("Between groups of people") :]
    assert "By origin" in section
    assert reports.number(measure["high"]) in section


def test_what_disturbed_rows_cost_is_left_as_a_file_a_measure_and_a_section(regressed: Paths, damaged: Paths) -> None:
    report = files.read_json(regressed.assessment("robustness"))
    assert (report["metric"], report["num_rows"]) == ("rmse", NUM_TEST)
    assert report["value"] == pytest.approx(reports.evaluate(regressed).numbers["rmse"], rel=1e-6)
    missing, noise = report["scores"][:3], report["scores"][3:]
    assert [one["kind"] for one in noise] == ["noise"] * 3
    # 20 in the target for 1 in the weight: noise of a quarter of its deviation is off by that much.
    std = pl.concat(storage.read_parts(regressed.clean("train")))["weight"].to_numpy().std()
    assert noise[1]["value"] == pytest.approx(np.sqrt(1 + (20 * 0.25 * std) ** 2), rel=0.35)
    measure = files.read_json(regressed.assessment("measures"))["robustness_loss"]
    worst = max((missing[1], noise[1]), key=lambda one: one["loss"])
    # The interval is of the largest loss, whichever of the two it is of: it leaves out what noise surely costs more.
    assert measure == {
        "value": worst["loss"],
        "low": report["largest"]["low"],
        "high": report["largest"]["high"],
        "num_rows": NUM_TEST,
        "of": worst["sentence"],
        "tail": 0.05,
    }
    assert max(missing[1]["low"], 0) < measure["low"] < worst["loss"] < measure["high"]
    assert "When rows are disturbed" in regressed.report_page.read_text()
    fewer = Evaluate.model_validate({"robustness": {"rows": 25}})
    evaluate.run(fewer, damaged)
    assert files.read_json(damaged.assessment("robustness"))["num_rows"] == 25


def test_columns_of_which_the_test_rows_are_others_are_left_as_a_file_and_a_measure(
    classified: Paths, damaged: Paths
) -> None:
    assert files.read_json(classified.assessment("drift")) == {
        "num_columns": 1,
        "num_rows": [120, 40],
        "columns": [],
        "p_values": [1.0],
    }
    assert files.read_json(classified.assessment("measures"))["drifted_columns"]["value"] == 0
    moved = pl.concat(storage.read_parts(damaged.clean("test"))).with_columns(pl.col("weight") + 2)
    storage.write_parts(damaged.clean("test"), moved.iter_slices(15))
    evaluate.run(Evaluate(), damaged)
    (column,) = files.read_json(damaged.assessment("drift"))["columns"]
    measure = files.read_json(damaged.assessment("measures"))["drifted_columns"]
    assert (measure["value"], measure["of"], measure["num_rows"], measure["low"]) == (1, "weight", NUM_TEST, None)
    assert column["sentence"] in damaged.report_page.read_text()


def test_values_are_judged_on_the_test_rows(regressed: Paths) -> None:
    report = reports.evaluate(regressed)
    actual, predicted = (
        np.array([float(line[name]) for line in predictions(regressed)]) for name in ("actual", "predicted")
    )
    assert report.numbers["rmse"] == pytest.approx(np.sqrt(np.mean((actual - predicted) ** 2)), rel=1e-4)
    assert set(report.numbers) == {"rmse", "mae", "rmsle", "r2"}
    assert report.figure.startswith("rmse ")
    assert (regressed.plots / "residuals.png").is_file()
    assert "too high" in regressed.report_page.read_text()


def test_a_logarithm_of_less_than_nothing_is_refused(tmp_path: Path) -> None:
    paths = prepared(tmp_path, regression=True, change=lambda frame: frame.with_columns(pl.col("target") - 120))
    assert set(reports.evaluate(paths).numbers) == {"rmse", "mae", "r2"}
    before = paths.metrics.read_bytes()
    with pytest.raises(UserError, match=r"rmsle is undefined .* choose another register.metric, such as mae"):
        evaluate.run(Evaluate(metric="rmsle"), paths)
    assert paths.metrics.read_bytes() == before


@pytest.mark.parametrize("kind", ["classified", "regressed"])
def test_another_run_leaves_the_same_bytes_and_nothing_else(kind: str, request: pytest.FixtureRequest) -> None:
    paths: Paths = request.getfixturevalue(kind)

    def outcome() -> dict[Path, bytes]:
        importance = [paths.importance, paths.importance_picture]
        files = [
            paths.metrics,
            paths.predictions,
            paths.assessment("measures"),
            paths.assessment("drift"),
            paths.assessment("robustness"),
            paths.assessment("slices"),
            paths.assessment("fairness"),
            paths.report_page,
            *importance,
            *sorted(paths.plots.iterdir()),
        ]
        return {file: file.read_bytes() for file in files}

    before = outcome()
    files.write_bytes(paths.plots / "of_an_earlier_version.png", b"")
    evaluate.run(Evaluate(), paths)
    assert outcome() == before


def test_the_positive_class_can_be_told(classified: Paths, damaged: Paths) -> None:
    assert read_recipe(damaged.recipe).target.classes[1] == CLASSES[0]
    other = evaluate.run(Evaluate(positive=CLASSES[1]), damaged).numbers
    usual = reports.evaluate(classified).numbers
    assert usual["accuracy"] == other["accuracy"]
    assert usual["precision"] != other["precision"]
    with pytest.raises(UserError, match="did you mean ham & eggs"):
        evaluate.run(Evaluate(positive="ham and eggs"), damaged)


def test_a_model_that_cannot_be_loaded_is_said(damaged: Paths) -> None:
    files.write_json(damaged.model / "model.json", {})
    with pytest.raises(UserError, match=r"model.json: damaged \(names no trainer\); run stage train again"):
        evaluate.run(Evaluate(), damaged)
    shutil.rmtree(damaged.model)
    with pytest.raises(UserError, match="there is no such file"):
        evaluate.run(Evaluate(), damaged)


def test_raw_and_normalized_rows_must_be_the_same(damaged: Paths) -> None:
    storage.write_parts(damaged.clean("test"), [storage.read_table(damaged.clean("test")).head(30)])
    with pytest.raises(
        UserError, match="has 30 rows and data/demo/normalized/test 40; run `modelwright run demo --from"
    ):
        evaluate.run(Evaluate(), damaged)


def test_raw_rows_are_found_in_their_parts(classified: Paths) -> None:
    found = raw_rows(classified, [39, 0, 15])
    assert {row: values["id"] for row, values in found.items()} == {0: "row-2-0", 15: "row-2-15", 39: "row-2-39"}


def test_each_mistake_stands_beside_the_training_rows_most_like_it(damaged: Paths) -> None:
    wrong = next(row for row, line in enumerate(predictions(damaged)) if line["actual"] != line["predicted"])
    test = pl.concat(storage.read_parts(damaged.clean("test")))[wrong]
    train = pl.concat(storage.read_parts(damaged.clean("train")))
    # The same weight with the other class, planted in the place of a row.
    other = train.with_row_index().filter(pl.col("target") != test["target"][0])["index"][20]
    planted = pl.when(pl.int_range(pl.len()) == other).then(test["weight"][0]).otherwise("weight").alias("weight")
    storage.write_parts(damaged.clean("train"), train.with_columns(planted).iter_slices(15))
    model_input = pl.concat(storage.read_parts(damaged.normalized("train")))
    own = pl.concat(storage.read_parts(damaged.normalized("test")))["weight"]
    values = model_input["weight"].to_list()
    values[other] = own[wrong].to_list()
    encoded = model_input.with_columns(pl.Series("weight", values, dtype=own.dtype))
    storage.write_parts(damaged.normalized("train"), encoded.iter_slices(40))
    evaluate.run(Evaluate(), damaged)
    page = damaged.report_page.read_text()
    mistake = page[page.index(f"test row {wrong + 1}</p>") :]
    assert "the data contradict each other" in mistake[:2000]
    assert f"the same in all that the model reads · training row {other + 1}" in mistake[:2000]
    storage.write_parts(damaged.clean("train"), [train.head(60)])
    with pytest.raises(UserError, match="clean/train has 60 rows and data/demo/normalized/train 120"):
        evaluate.run(Evaluate(), damaged)


def test_the_surest_mistakes_come_first() -> None:
    y_score = np.array([[0.1, 0.9], [0.4, 0.6], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]])
    predictions = Predictions(y_true=np.array([0, 0, 0, 0, 1]), y_score=y_score)
    evaluation = evaluate_classification(("a", "b"), predictions, Evaluate())
    assert evaluation.worst == [0, 3, 1]
    assert evaluation.verdict == "3 of 5 test rows wrong"


def test_the_furthest_answers_come_first() -> None:
    predictions = Predictions(y_true=np.array([1, 2, 3], dtype=np.float32), y_score=np.array([1.0, 5.0, 2.0]))
    evaluation = evaluate_regression(predictions)
    assert evaluation.worst == [1, 2, 0]
    assert evaluation.predictions.rows() == [(1.0, 1.0), (2.0, 5.0), (3.0, 2.0)]


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 1.0), (1e-7, 1e-9)])
def test_numbers_of_any_size_score_as_scikit_learn_scores_them(tmp_path: Path, shift: float, scale: float) -> None:
    """From the clean table to metrics.json: not a digit is lost of a target that single precision cannot tell apart."""

    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(target=shift + scale * (pl.col("target") - 100) / 20)

    paths = prepared(tmp_path, regression=True, change=moved)
    predicted = storage.read_table(paths.predicted)
    y_true, y_pred = storage.read_table(paths.clean("test"))["target"].to_numpy(), predicted["answer"].to_numpy()
    assert predicted["actual"].to_list() == y_true.tolist()
    metrics = json.loads(paths.metrics.read_text())
    expected = {
        "rmse": root_mean_squared_error(y_true, y_pred),
        "mae": mean_absolute_error(y_true, y_pred),
        **({"rmsle": root_mean_squared_log_error(y_true, np.maximum(y_pred, 0))} if y_true.min() >= 0 else {}),
        "r2": r2_score(y_true, y_pred),
    }
    assert metrics == pytest.approx(expected, rel=1e-12)
    assert metrics["r2"] > 0.9
    assert float(predictions(paths)[0]["actual"]) == y_true[0]


def test_the_report_opens_with_what_the_pipeline_is_judged_by(damaged: Paths) -> None:
    report = evaluate.run(Evaluate(metric="roc_auc"), damaged)
    judged = files.read_json(damaged.evaluation)
    assert report.figure == f"roc_auc {reports.number(judged['value'])}"
    assert next(iter(files.read_json(damaged.metrics))) == "roc_auc"
    assert judged["low"] < judged["value"] <= judged["high"]
    assert (judged["baseline"], judged["baseline_value"], judged["beats"]) == ("always '<b>spam</b>'", 0.5, True)
    page = damaged.report_page.read_text()
    opening = page[page.index('class="headline"') : page.index("<main>")]
    for figure in (judged["value"], judged["low"], judged["high"], judged["baseline_value"]):
        assert reports.number(figure) in opening
    assert "ROC-AUC" in opening
    assert "always &#39;&lt;b&gt;spam&lt;/b&gt;&#39;" in opening
    assert "Surely better than the baseline." in opening


def test_of_a_number_the_baseline_is_the_mean_of_the_training_rows(regressed: Paths) -> None:
    judged = files.read_json(regressed.evaluation)
    train, test = (
        pl.concat(storage.read_parts(regressed.clean(part)))["target"].to_numpy() for part in ("train", "test")
    )
    assert judged["baseline"] == f"always the mean, {reports.number(train.mean())}"
    assert judged["baseline_value"] == pytest.approx(root_mean_squared_error(test, np.full(len(test), train.mean())))


def test_where_time_splits_the_baseline_is_the_last_value_known(tmp_path: Path) -> None:
    def with_days(frame: pl.DataFrame) -> pl.DataFrame:
        # The last day does not come last in the file.
        return frame.with_columns(day=pl.Series([(7 * row) % frame.height for row in range(frame.height)]))

    paths = prepared(tmp_path, regression=True, change=with_days)
    files.write_json(paths.split_report, {"kind": "time", "time": "day"})
    evaluate.run(Evaluate(), paths)
    known = pl.concat(storage.read_parts(paths.clean("validation")))
    last = known.sort("day")["target"][-1]
    assert files.read_json(paths.evaluation)["baseline"] == f"always the last value known, {reports.number(last)}"


def test_a_threshold_is_chosen_on_validation_rows_and_used_on_test_rows(damaged: Paths) -> None:
    as_usual = files.read_json(damaged.metrics)
    report = evaluate.run(Evaluate(threshold=Costs(false_negative=20)), damaged)
    decision = files.read_json(damaged.decision)
    assert 0 < decision["threshold"] < 0.5
    assert decision["positive"] == "ham & eggs"
    assert report.figure.endswith(f", threshold {reports.number(decision['threshold'])}")
    metrics = files.read_json(damaged.metrics)
    assert metrics["recall"] > as_usual["recall"]
    assert metrics["roc_auc"] == as_usual["roc_auc"]
    # Chosen without a look at the test rows: others in their place choose the same.
    swapped = pl.concat(storage.read_parts(damaged.normalized("validation")))
    storage.write_parts(damaged.normalized("test"), [swapped])
    storage.write_parts(damaged.clean("test"), [pl.concat(storage.read_parts(damaged.clean("validation")))])
    evaluate.run(Evaluate(threshold=Costs(false_negative=20)), damaged)
    assert files.read_json(damaged.decision) == decision


def test_what_mistakes_cost_judges_the_model_and_what_it_has_to_beat(damaged: Paths) -> None:
    report = evaluate.run(Evaluate(metric="expected_cost", costs={CLASSES[0]: {CLASSES[1]: 20}}), damaged)
    lines = predictions(damaged)
    costs = [0 if line["actual"] == line["predicted"] else 20 if line["actual"] == CLASSES[0] else 1 for line in lines]
    judged = files.read_json(damaged.evaluation)
    assert report.figure.startswith("expected_cost ")
    assert judged["value"] == report.numbers["expected_cost"] == pytest.approx(np.mean(costs))
    # Half of the rows are of either class, and who always answers the one pays 1 for each of the other.
    assert (judged["baseline"], judged["baseline_value"]) == (f"always {CLASSES[0]!r}", 0.5)
    assert "what the answer to a row costs on average" in damaged.report_page.read_text()
    with pytest.raises(UserError, match=r"evaluate.costs: 'ham &' is no class; did you mean ham & eggs"):
        evaluate.run(Evaluate(costs={"ham &": {CLASSES[1]: 20}}), damaged)


def test_of_three_classes_the_least_expected_cost_answers_where_params_yaml_says_so(tmp_path: Path) -> None:
    def with_beans(frame: pl.DataFrame) -> pl.DataFrame:
        is_bean = pl.int_range(pl.len()) % 5 == 4
        return frame.with_columns(target=pl.when(is_bean).then(pl.lit("beans")).otherwise("target"))

    paths = prepared(tmp_path, regression=False, change=with_beans, task="multiclass")
    assert files.read_json(paths.assessment("costs")) == {"costs": None}
    costs = {"beans": dict.fromkeys(CLASSES, 20)}
    usual = evaluate.run(Evaluate(costs=costs), paths)
    both_ways = files.read_json(paths.assessment("costs"))
    assert usual.numbers["expected_cost"] == pytest.approx(both_ways["likeliest"])
    assert files.read_json(paths.decision) == {"threshold": None}
    assert "<code>evaluate: {answer: least_cost}</code>" in paths.report_page.read_text()
    report = evaluate.run(Evaluate(costs=costs, answer="least_cost"), paths)
    assert report.figure.endswith(", answered by the least expected cost")
    by_hand = [
        0 if line["actual"] == line["predicted"] else 20 if line["actual"] == "beans" else 1
        for line in predictions(paths)
    ]
    assert report.numbers["expected_cost"] == pytest.approx(np.mean(by_hand))
    assert report.numbers["expected_cost"] == pytest.approx(both_ways["least_expected"])
    assert both_ways["least_expected"] < both_ways["likeliest"]
    classes = read_recipe(paths.recipe).target.classes
    decided_by = read_decision(paths.decision, classes).costs
    assert sorted(decided_by[classes.index("beans")]) == [0, 20, 20]
    page = paths.report_page.read_text()
    assert "What answers cost" in page
    assert "It is what this model answers." in page


def test_the_page_tells_what_thresholds_do(damaged: Paths) -> None:
    evaluate.run(Evaluate(threshold=0.3), damaged)
    page = damaged.report_page.read_text()
    assert "0.3000 is what params.yaml says" in page
    assert 'class="chosen"' in page
    assert "What a threshold finds and costs" in page
    assert (damaged.plots / "thresholds.png").exists()


def test_without_conformal_nothing_of_it_is_left(classified: Paths) -> None:
    assert files.read_json(classified.assessment("conformal")) == {"coverage": None}
    assert files.read_json(classified.assessment("coverage")) == {"coverage": None}
    assert not {"coverage", "set_size"} & set(files.read_json(classified.assessment("measures")))
    assert "Coverage" not in classified.report_page.read_text()


def test_intervals_are_learnt_from_validation_rows_and_judged_on_test_rows(regressed: Paths, tmp_path: Path) -> None:
    shutil.copytree(regressed.project.root, tmp_path / "copy")
    paths = Project(root=tmp_path / "copy").pipeline("demo")
    config = Evaluate(conformal=Conformal(coverage=0.8))
    evaluate.run(config, paths)
    rule, report = (files.read_json(paths.assessment(name)) for name in ("conformal", "coverage"))
    recipe = read_recipe(paths.recipe)
    errors = [
        np.abs(one.y_true - one.y_score)
        for one in (evaluate.predict_rows(recipe, paths, part) for part in ("validation", "test"))
    ]
    # Of 40 validation rows that of rank 41 x 0.8 = 32.8.
    assert (rule["coverage"], rule["num_rows"], rule["common"]) == (0.8, 40, np.sort(errors[0])[32])
    assert report["coverage"]["value"] == np.mean(errors[1] <= rule["common"])
    assert report["size"]["value"] == pytest.approx(2 * rule["common"])
    measures = files.read_json(paths.assessment("measures"))
    assert set(measures) > {"size_mib", "coverage", "interval_width", "pinball"}
    assert Measure(**measures["coverage"]) == Measure(**report["coverage"])
    page = paths.report_page.read_text()
    section = page[page.index("How far off an answer may be") : page.index("What it goes by")]
    assert "an interval that holds the true number in 80\u00a0% of rows" in section
    assert f"{100 * report['coverage']['value']:.1f} %" in section
    assert f"{reports.number(report['pinball']['low'])} to {reports.number(report['pinball']['high'])}" in section
    # Where the model learnt the validation rows as well, what was said of them before counts.
    first = evaluate.predict_rows(recipe, paths, "validation")
    storage.write_parts(paths.validation_answers, [pl.DataFrame({"answer": first.y_true + 7.0})])
    evaluate.run(config, paths)
    assert files.read_json(paths.assessment("conformal"))["common"] == pytest.approx(7)


def test_sets_of_classes_are_told_by_kinds_of_rows(damaged: Paths) -> None:
    for part in PARTS:
        parts = pl.concat(storage.read_parts(damaged.clean(part)))
        origin = pl.Series("origin", ["<i>A" if row % 2 else "B" for row in range(parts.height)])
        storage.write_parts(damaged.clean(part), parts.with_columns(origin).iter_slices(15))
    dataset = read_dataset(damaged.cleaned)
    origin = Column(name="origin", type="category", role="sensitive")
    write_dataset(damaged.cleaned, dataset.model_copy(update={"columns": (*dataset.columns, origin)}))
    evaluate.run(Evaluate(conformal=Conformal(by="class")), damaged)
    report = files.read_json(damaged.assessment("coverage"))
    names = [kind["name"] for kind in report["kinds"]]
    assert names == [f"class is {name}" for name in CLASSES[::-1]] + ["origin is <i>A", "origin is B"]
    page = damaged.report_page.read_text()
    section = page[page.index("Which classes an answer may be") :]
    assert "origin is &lt;i&gt;A" in section
    assert "Sets of one class" in section
    evaluate.run(Evaluate(conformal=Conformal(by="origin")), damaged)
    rule = files.read_json(damaged.assessment("conformal"))
    assert (rule["kinds"], rule["column"]["name"]) == (["<i>A", "B"], "origin")
    with pytest.raises(UserError, match="no column orign; did you mean origin"):
        evaluate.run(Evaluate(conformal=Conformal(by="orign")), damaged)
    with pytest.raises(UserError, match="asks for 49 validation rows at least, and there are 40"):
        evaluate.run(Evaluate(conformal=Conformal(coverage=0.98)), damaged)


def test_a_model_that_is_no_better_than_the_baseline_is_told(damaged: Paths) -> None:
    for part in PARTS:
        parts = [rows.with_columns(pl.col("weight").shuffle(1)) for rows in storage.read_parts(damaged.clean(part))]
        storage.write_parts(damaged.clean(part), parts)
    normalize.run(Normalize(), damaged)
    augment.run(Augment(), damaged)
    fit(damaged, regression=False)
    (hint,) = evaluate.run(Evaluate(metric="roc_auc"), damaged).diagnostics
    assert "is not surely better than 0.5000, which always '<b>spam</b>' has on the same 40 test rows" in hint

"""What disturbed rows cost a model, where theory says how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score

from tasks.columns.audio.column import AudioEncoding
from tasks.columns.category.column import CategoryEncoding
from tasks.columns.disturbance import MISSING, TYPOS, Disturbance
from tasks.columns.image.column import ImageEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.columns.number.disturbances import NOISE
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.robustness import (
    DisturbedRows,
    RobustnessReport,
    kinds_of,
    robustness_of,
    robustness_of_test_rows,
)
from tasks.evaluation.robustness_chart import HEIGHT, robustness_chart
from tasks.evaluation.rows_at_rest import drawn_rows, rows_at
from tasks.model_input.inputs import ModelInput
from tasks.params.evaluate import Robustness
from tasks.paths import Project
from tasks.recipe.frame_function import FrameFunction
from tasks.recipe.recipe import Feature, Recipe, Target
from tasks.tables import storage
from tests.small_tables import image
from tests.sounds import tone

PLAIN = {"factor": 1.0, "offset": 0.0, "indicator": False}
TOWNS = ("Bonn", "Jena", "Ulm")


@dataclass(frozen=True)
class Answers:
    """A model that is a function of its input."""

    answer: Callable[[ModelInput], np.ndarray]

    def predict(self, inputs: ModelInput) -> np.ndarray:
        return self.answer(inputs)

    def save(self, folder: Any) -> None:
        raise AssertionError


def recipe_of(classes: tuple[str, ...] = (), **more: Any) -> Recipe:
    features = (
        Feature(name="x", encoding=NumberEncoding(impute=1.5, **PLAIN)),
        Feature(name="z", encoding=NumberEncoding(impute=0.0, **PLAIN)),
        Feature(name="town", encoding=CategoryEncoding(encode="one_hot", categories=TOWNS, missing=False)),
    )
    task = "binary" if classes else "regression"
    target = Target(name="y", task=task, classes=classes)
    return Recipe(features=(*features, *more.pop("features", ())), target=target, num_inputs=5, **more)


def table(num_rows: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": random.normal(1.5, 2.0, num_rows),
            "z": random.normal(0.0, 1.0, num_rows),
            "town": random.choice(TOWNS, num_rows),
        }
    )


def judged(y_true: np.ndarray, classes: tuple[str, ...] = (), **more: Any) -> JudgedRows:
    score = np.zeros((len(y_true), 2)) if classes else np.zeros(len(y_true))
    groups = more.pop("groups", None)
    return JudgedRows(classes=classes, predictions=Predictions(y_true=y_true, y_score=score, **more), groups=groups)


def report_of(model: Answers, raw: pl.DataFrame, rows: JudgedRows, metric: str, kinds: list[Disturbance], **more: Any):
    recipe = more.pop("recipe", None) or recipe_of(rows.classes)
    disturbed = DisturbedRows(recipe=recipe, raw=raw, stds={"x": 2.0, "z": 1.0})
    return robustness_of(Judge(metric=metric, positive=1 if rows.classes else None), model, disturbed, rows, kinds)


def of_x(inputs: ModelInput) -> np.ndarray:
    return inputs.blocks["x"][:, 0]


def test_noise_adds_its_variance_to_the_squared_error() -> None:
    """y = x + noise of deviation e; with noise of deviation s in x, the answer x is off by sqrt(e² + s²)."""
    raw = table(5_000)
    e = 0.5
    truth = raw["x"].to_numpy() + np.random.default_rng(1).normal(0, e, 5_000)
    report = report_of(Answers(of_x), raw, judged(truth), "rmse", [NOISE])
    for score, share in zip(report.scores, NOISE.strengths, strict=True):
        expected = np.sqrt(e**2 + (share * 2.0) ** 2)
        assert score.value == pytest.approx(expected, rel=0.03)
        assert score.loss == pytest.approx(score.value - report.value)
        assert score.low < score.loss < score.high
        assert score.low <= expected - e <= score.high


def test_a_column_that_the_model_ignores_costs_nothing() -> None:
    raw = table(300)
    by_town = Answers(lambda inputs: (inputs.blocks["town"] == 0).astype(np.float64))
    report = report_of(by_town, raw, judged(np.zeros(300)), "mae", [NOISE])
    assert {(one.loss, one.low, one.high) for one in report.scores} == {(0.0, 0.0, 0.0)}
    # Noise in z alone, in the place of x.
    without = robustness_of(
        Judge(metric="rmse"),
        Answers(of_x),
        DisturbedRows(recipe=recipe_of(), raw=raw, stds={"z": 5.0}),
        judged(np.zeros(300)),
        [NOISE],
    )
    assert {one.loss for one in without.scores} == {0.0}


def test_where_all_cells_are_missing_a_model_is_as_good_as_the_baseline() -> None:
    """Each number is its mean then: a regression on centred inputs answers the mean of the target."""
    raw = table(500)
    truth = 3 + 2 * (raw["x"].to_numpy() - 1.5) + np.random.default_rng(2).normal(size=500)
    model = Answers(lambda inputs: 3 + 2 * (of_x(inputs) - 1.5))
    all_missing = replace(MISSING, strengths=(0.1, 0.5, 1.0))
    report = report_of(model, raw, judged(truth), "rmse", [all_missing])
    assert report.scores[-1].value == pytest.approx(np.sqrt(np.mean((truth - 3) ** 2)))
    losses = [one.loss for one in report.scores]
    assert losses == sorted(losses)
    assert losses[0] > 0


def test_a_typo_makes_a_category_unknown() -> None:
    """A model that is right where it knows the town is wrong in as many rows as have a typo."""
    raw = table(400)
    known = Answers(lambda inputs: np.eye(2)[(inputs.blocks["town"] < len(TOWNS)).astype(int)])
    rows = judged(np.ones(400, dtype=np.int64), ("no", "yes"))
    report = report_of(known, raw, rows, "accuracy", [TYPOS])
    assert report.value == 1.0
    assert [one.value for one in report.scores] == pytest.approx([0.95, 0.9, 0.8])
    assert [one.loss for one in report.scores] == pytest.approx([0.05, 0.1, 0.2])
    assert report.measure.of == "a typo in 10 % of the cells that hold text"
    assert (report.measure.value, report.measure.num_rows) == (pytest.approx(0.1), 400)
    assert report.measure.low < 0.1 < report.measure.high
    # The binomial's standard error, by which the mean of so many right and wrong answers varies.
    assert report.measure.high - report.measure.low == pytest.approx(2 * 1.96 * np.sqrt(0.1 * 0.9 / 400), rel=0.15)


def test_the_worst_of_several_kinds_has_an_interval_over_all_of_them() -> None:
    raw = table(400)
    model = Answers(lambda inputs: of_x(inputs) + (inputs.blocks["town"] == len(TOWNS)))
    rows = judged(raw["x"].to_numpy() + np.random.default_rng(5).normal(0, 1, 400))
    report = report_of(model, raw, rows, "mae", [MISSING, NOISE, TYPOS])
    middle = [kind[1] for kind in report.kinds]
    worst = max(middle, key=lambda one: one.loss)
    assert (report.measure.value, report.measure.of) == (worst.loss, worst.sentence)
    assert report.largest.low < worst.low < worst.high < report.largest.high
    # One kind alone is no choice, and its interval is as wide as it was, by another way.
    alone = report_of(model, raw, rows, "mae", [NOISE])
    one = alone.scores[1]
    assert alone.largest.high - alone.largest.low == pytest.approx(one.high - one.low, rel=0.05)


def test_rows_count_by_their_weight_and_groups_are_drawn_as_a_whole() -> None:
    raw = table(400)
    random = np.random.default_rng(3)
    truth, weight = random.integers(0, 2, 400), random.uniform(0.1, 3, 400)
    model = Answers(lambda inputs: np.eye(2)[(of_x(inputs) > 1.5).astype(int)])
    report = report_of(model, raw, judged(truth, ("no", "yes"), weight=weight), "accuracy", [NOISE])
    disturbed = DisturbedRows(recipe=recipe_of(("no", "yes")), raw=raw, stds={"x": 2.0})
    by_hand = (disturbed.rows(NOISE, 0.25)["x"] > 1.5).cast(pl.Int64).to_numpy()
    assert report.scores[1].value == pytest.approx(accuracy_score(truth, by_hand, sample_weight=weight))
    one_group = judged(truth, ("no", "yes"), groups=np.zeros(400, dtype=np.int64))
    alone = report_of(model, raw, one_group, "accuracy", [NOISE])
    assert {one.low for one in alone.scores} == {None}
    assert alone.measure.low is None


def test_the_same_rows_give_the_same_report_and_another_column_changes_no_draw() -> None:
    raw, rows = table(200), judged(np.zeros(200))
    first, second = (report_of(Answers(of_x), raw, rows, "mae", [MISSING, NOISE]) for _ in range(2))
    assert first == second
    disturbed = DisturbedRows(recipe=recipe_of(), raw=raw, stds={"x": 2.0, "z": 1.0})
    features = recipe_of().features[1:]
    fewer = replace(disturbed, recipe=recipe_of().model_copy(update={"features": features}))
    assert fewer.rows(MISSING, 0.1)["z"].equals(disturbed.rows(MISSING, 0.1)["z"])
    assert not disturbed.rows(MISSING, 0.1)["z"].is_null().equals(disturbed.rows(MISSING, 0.1)["x"].is_null())


def test_rows_that_cannot_be_answered_are_reported_as_such() -> None:
    """A function of the user's own that asks for its column."""
    code = "import polars as pl\n\ndef add(rows):\n    if rows['x'].null_count():\n        raise ValueError('no x')\n"
    code += "    return rows.with_columns(double=pl.col('x') * 2)\n"
    function = FrameFunction(reference="mine.py:add", code=code, reads=("x",))
    double = Feature(name="double", encoding=NumberEncoding(impute=0.0, **PLAIN), by_function=True)
    recipe = recipe_of(features=(double,), function=function)
    model = Answers(lambda inputs: inputs.blocks["double"][:, 0])
    report = report_of(model, table(100), judged(np.zeros(100)), "mae", [MISSING, NOISE], recipe=recipe)
    assert all("ends with ValueError: no x" in one.refusal for one in report.kinds[0])
    # What is computed of a disturbed column is computed anew.
    assert all(one.loss > 0 for one in report.kinds[1])
    assert report.measure.of == NOISE.sentence(0.25)


def test_pictures_and_sounds_are_disturbed_as_they_came_in() -> None:
    """Grey pictures of 90 and 160, told apart at 125: half of them are wrong when they are moved by 51, none by 25.5;
    and tones that are told from noise by how much of their picture is silent."""
    scan = ImageEncoding(height=6, width=6, channels=1, factor=(1.0,), offset=(0.0,))
    sound = AudioEncoding(rate=8_000, num_samples=800, window=200, hop=80, n_mels=20, top_db=40.0)
    features = (Feature(name="scan", encoding=scan), Feature(name="call", encoding=sound))
    recipe = recipe_of(("no", "yes")).model_copy(update={"features": features})
    bright = np.arange(60) % 2
    scans = [image(np.full((12, 12), 160 if one else 90, dtype=np.uint8)) for one in bright]
    raw = pl.DataFrame({"scan": scans, "call": [tone(440, seconds=0.1)] * 60})
    assert [kind.name for kind in kinds_of(features)][:2] == ["sound_noise", "gain"]
    by_light = Answers(lambda inputs: np.eye(2)[(inputs.blocks["scan"].mean(axis=(1, 2, 3)) > 125).astype(int)])
    rows = judged(bright, ("no", "yes"))
    report = report_of(by_light, raw, rows, "accuracy", kinds_of(features), recipe=recipe)
    by_kind = {kind[0].kind: [one.loss for one in kind] for kind in report.kinds}
    assert by_kind["light"] == [0.0, pytest.approx(0.5, abs=3 * np.sqrt(0.25 / 60)), by_kind["light"][1]]
    assert {name for name, losses in by_kind.items() if any(losses)} == {"light"}
    by_silence = Answers(lambda inputs: np.eye(2)[((inputs.blocks["call"] > 0).mean(axis=(1, 2, 3)) > 0.9).astype(int)])
    quiet = judged(np.zeros(60, dtype=np.int64), ("no", "yes"))
    noisy = report_of(by_silence, raw, quiet, "accuracy", kinds_of(features)[:2], recipe=recipe)
    assert [one.value for one in noisy.kinds[0]][-1] == 0.0
    assert noisy.value == 1.0


def test_kinds_are_those_of_the_columns() -> None:
    assert [kind.name for kind in kinds_of(recipe_of().features)] == ["missing", "noise", "typos"]
    assert kinds_of(recipe_of().features[2:]) == [MISSING, TYPOS]


def test_switched_off_nothing_is_asked_of_the_model(tmp_path) -> None:
    paths = Project(root=tmp_path).pipeline("none")
    model = Answers(lambda inputs: pytest.fail("it was asked"))
    off = Robustness(enabled=False)
    report = robustness_of_test_rows(off, Judge(metric="mae"), model, recipe_of(), judged(np.zeros(50)), paths)
    assert report == RobustnessReport(metric="mae", num_rows=0)
    assert (report.measure, report.kinds) == (None, ())


def test_a_metric_that_is_undefined_has_no_loss() -> None:
    model = Answers(lambda inputs: np.eye(2)[(of_x(inputs) > 1.5).astype(int)])
    rows = judged(np.ones(50, dtype=np.int64), ("no", "yes"))
    report = report_of(model, table(50), rows, "roc_auc", [NOISE])
    assert (report.value, report.measure, {one.loss for one in report.scores}) == (None, None, {None})
    assert robustness_chart(report) is None
    # Answers beyond all numbers, of noise that the logarithm of a target does not bear.
    endless = Answers(lambda inputs: np.where(of_x(inputs) > 9, np.inf, of_x(inputs)))
    raw = table(50).with_columns(pl.col("x").clip(None, 8))
    strong = replace(NOISE, strengths=(0.0, 100.0, 200.0))
    beyond = report_of(endless, raw, judged(raw["x"].to_numpy()), "rmse", [strong])
    assert [one.value for one in beyond.scores] == [0.0, None, None]
    assert beyond.measure is None


def test_the_chart_has_a_line_a_kind_that_rises_with_the_loss() -> None:
    raw = table(400)
    model = Answers(lambda inputs: of_x(inputs) + (inputs.blocks["town"] == len(TOWNS)))
    report = report_of(model, raw, judged(raw["x"].to_numpy()), "mae", [MISSING, NOISE, TYPOS])
    chart = robustness_chart(report)
    assert [line.title for line in chart.lines] == [MISSING.title, NOISE.title, TYPOS.title]
    for line in chart.lines:
        heights = [y for _, y in line.dots]
        assert heights == sorted(heights, reverse=True)
        assert all(low >= y >= high for (_, y), (_, low, high) in zip(line.dots, line.spans, strict=True))
    assert chart.zero == HEIGHT
    assert robustness_chart(RobustnessReport(metric="mae", num_rows=0)) is None


def test_rows_are_drawn_once_and_read_where_they_lie(tmp_path) -> None:
    assert drawn_rows(5, 10).tolist() == [0, 1, 2, 3, 4]
    numbers = drawn_rows(1_000, 50)
    assert len(set(numbers)) == 50
    assert numbers.tolist() == sorted(drawn_rows(1_000, 50))
    raw = table(1_000)
    storage.write_parts(tmp_path / "rows", raw.iter_slices(300))
    assert rows_at(tmp_path / "rows", numbers).equals(raw[numbers.tolist()])
    assert rows_at(tmp_path / "rows", np.array([999]), ["z"]).equals(raw[999:][["z"]])
    assert rows_at(tmp_path / "rows", np.array([], dtype=np.int64)).height == 0

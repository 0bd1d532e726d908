"""The role weight weighs in every stage: a row of weight 2 is the row twice, from the split to the gate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from tasks import augment, clean, evaluate, files, normalize, split
from tasks.errors import UserError
from tasks.evaluation.comparison import compare
from tasks.evaluation.judged_rows import judged_rows
from tasks.evaluation.predictions import Predictions, evaluate_classification, evaluate_regression
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.config import Role
from tasks.params.evaluate import Evaluate
from tasks.params.normalize import Normalize
from tasks.params.split import HashSplit
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import read_dataset, write_dataset
from tasks.trainers import fit
from tasks.training.cross_validation import cross_validate
from tasks.training.job import read_job
from tasks.training.result import validation_metrics, write_model
from tests.small_tables import Kind, described, pipeline_in

RIDGE = {"kind": "sklearn", "estimator": {"kind": "ridge", "alpha": 2.0}}
LOGISTIC = {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}


def table(*, classes: bool, num_rows: int = 400) -> pl.DataFrame:
    random = np.random.default_rng(0)
    size = random.normal(size=num_rows)
    answer = size + random.normal(size=num_rows)
    target = pl.Series("answer", np.where(answer > 0, "yes", "no") if classes else 1e9 + answer)
    return pl.DataFrame(
        {
            "id": [f"r{number}" for number in range(num_rows)],
            "size": size,
            "count": random.integers(0, 4, num_rows).astype(float),
        }
    ).with_columns(target)


def judged(root: Path, rows: pl.DataFrame, config: dict[str, object], weight: Role = "weight") -> Paths:
    """The stages from split to train, and what evaluate predicts."""
    is_number = rows.schema["answer"].is_numeric()
    columns: dict[str, Kind] = {
        "id": ("category", "id"),
        "size": ("number", "feature"),
        "count": ("number", weight),
        "answer": ("number" if is_number else "category", "target"),
    }
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(columns, task="regression" if is_number else "binary"))
    storage.write_parts(paths.valid, rows.iter_slices(90))
    split.run(HashSplit(key=("id",), folds=3), paths)
    clean.run(Clean(duplicates="keep"), paths)
    normalize.run(Normalize.model_validate({"number": {"scale": "none"}}), paths)
    augment.run(Augment(), paths)
    settings: Train = TypeAdapter(Train).validate_python(config)
    recipe = read_recipe(paths.recipe)
    job = read_job(settings, paths, recipe, [])
    fitted = fit(job, settings)
    write_model(paths, fitted)
    predictions = evaluate.predict_rows(recipe, paths)
    storage.write_parts(paths.predicted, [predictions.as_table()])
    numbers = {
        "validation": validation_metrics(job.spec, fitted, job.validation),
        "folds": cross_validate(settings, paths, lambda of_fold: fit(of_fold, settings)),
        "test": evaluated(recipe.target.classes, predictions),
    }
    files.write_json(paths.metrics, numbers)
    return paths


def evaluated(classes: tuple[str, ...], predictions: Predictions) -> dict[str, float]:
    if classes:
        return evaluate_classification(classes, predictions, Evaluate()).metrics
    return evaluate_regression(predictions).metrics


@pytest.mark.parametrize(("config", "exact"), [(RIDGE, 1e-6), (LOGISTIC, 1e-3)], ids=["ridge", "logistic"])
def test_a_row_of_weight_two_is_the_row_twice_in_every_number(tmp_path: Path, config: dict, exact: float) -> None:
    rows = table(classes=config is LOGISTIC)
    repeated = rows.select(pl.all().repeat_by(pl.col("count").cast(pl.UInt32)).explode()).drop_nulls()
    by_weight = judged(tmp_path / "weight", rows, config)
    by_rows = judged(tmp_path / "rows", repeated, config, weight="id")
    numbers, expected = (json.loads(paths.metrics.read_text()) for paths in (by_weight, by_rows))
    for part in ("validation", "test"):
        assert numbers[part] == pytest.approx(expected[part], rel=exact), part
    for metric in set(expected["folds"]) - {"num_folds"}:
        assert numbers["folds"][metric]["folds"] == pytest.approx(expected["folds"][metric]["folds"], rel=exact)


def test_the_gate_weighs_rows(tmp_path: Path) -> None:
    """The champion is right where rows weigh much, and wrong on most rows."""
    rows = table(classes=True).with_columns(pl.when(pl.col("answer") == "yes").then(9.0).otherwise(1.0).alias("count"))
    paths = judged(tmp_path, rows, LOGISTIC)
    judged_by_weight = judged_rows(paths, read_dataset(paths.cleaned), ("no", "yes"))
    always = pl.DataFrame({"prediction": ["yes"] * len(judged_by_weight.predictions.y_true)}).with_columns(
        probability_no=pl.lit(0.1), probability_yes=pl.lit(0.9)
    )
    comparison = compare("accuracy", judged_by_weight, always, Evaluate())
    share = float((judged_by_weight.predictions.y_true == 1).mean())
    assert comparison.champion == pytest.approx(9 * share / (9 * share + 1 - share))


def test_rows_whose_weight_is_none_go_to_quarantine_with_their_reason(tmp_path: Path) -> None:
    bad = {3: None, 7: -1.0, 11: float("inf"), 12: 1e300}
    rows = table(classes=True)
    counts = pl.Series(
        "count", [bad.get(number, value) for number, value in enumerate(rows["count"])], dtype=pl.Float64
    )
    paths = judged(tmp_path, rows.with_columns(counts), LOGISTIC)
    taken = storage.read_table(paths.quarantine("clean"))
    assert dict(taken.select("id", "_reason").iter_rows()) == {
        "r3": "count is missing",
        "r7": "count is -1.0, which is no weight",
        "r11": "count is inf, which is no weight",
        "r12": "count is 1e+300, which is no weight",
    }
    assert set(taken["_rule"]) == {"unusable_weight"}


def test_copies_keep_the_weight_of_their_row(tmp_path: Path) -> None:
    paths = judged(tmp_path, table(classes=True), LOGISTIC)
    augment.run(Augment.model_validate({"number": {"jitter": 0.1}, "copies": 1}), paths)
    weights = storage.read_table(paths.augmented)["_row_weight"]
    before = storage.read_table(paths.normalized("train"))["_row_weight"]
    assert sorted(weights) == sorted([*before, *before])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"a": ("number", "weight"), "b": ("number", "weight")},
            "a, b have the role weight, which one column",
        ),
        ({"a": ("text", "weight")}, r"ingest\.columns\.a: has the role weight, and is of type text"),
    ],
)
def test_a_weight_that_is_none_is_refused(columns: dict[str, Kind], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _ = described({**columns, "answer": ("category", "target")}).weight

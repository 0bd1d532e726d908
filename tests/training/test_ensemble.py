"""An ensemble through the stages: groups and times from the data, honest figures, reasons that add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from tasks import augment, clean, evaluate, files, normalize, split, train
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.explanation.reasons import explained
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.evaluate import Evaluate
from tasks.params.normalize import Normalize
from tasks.params.split import GroupSplit, TimeSplit
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tasks.trainers import load
from tests.drafting.small_tables import init, run_stages
from tests.small_tables import Kind, described, pipeline_in
from tests.training.test_cross_validation import prepared, rows

LINEAR = {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}
TREES = {"kind": "lightgbm", "num_iterations": 20, "min_data_in_leaf": 5}
NEAREST = {"kind": "sklearn", "estimator": {"kind": "k_neighbors", "n_neighbors": 1}}
BOTH = {"kind": "ensemble", "members": [LINEAR, TREES]}


@pytest.fixture(autouse=True)
def nobody_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def trained(paths: Paths, settings: dict[str, Any]) -> dict[str, Any]:
    train.run(TypeAdapter(Train).validate_python(settings), paths)
    record: dict[str, Any] = files.read_json(paths.run)
    return record


def test_it_is_trained_judged_and_explained_as_any_model(tmp_path: Path) -> None:
    init(tmp_path, rows(400), target="label", settings=["clean.duplicates=keep"], dry_run=False)
    paths = run_stages(tmp_path, "normalize")
    augment.run(Augment(), paths)
    record = trained(paths, BOTH)
    used = sum(weight > 0 for weight in record["facts"]["weights"].values())
    assert record["figure"].endswith(f", {used} of 2 members on 5 folds")
    assert record["facts"]["rows"] == record["training_rows"]["num_rows"] + storage.count_rows(
        paths.normalized("validation")
    )
    assert len(paths.history.read_text().splitlines()) == 3
    evaluate.run(Evaluate(positive="yes"), paths)
    page = paths.report_page.read_text()
    assert "logistic_regression" in page
    assert files.read_json(paths.metrics)["roc_auc"] > 0.8
    recipe, raw = read_recipe(paths.recipe), storage.read_table(paths.clean("test"))[:5]
    model = load(paths.model, recipe.spec())
    for reason, answer in zip(explained(model, recipe, raw), model.predict(recipe.encode(raw)), strict=True):
        assert reason.base + sum(one.amount for one in reason.reasons) == pytest.approx(answer[1], abs=1e-9)


def test_it_is_the_same_twice(tmp_path: Path) -> None:
    paths, digests = prepared(tmp_path, rows(300), folds=0), []
    for _ in range(2):
        trained(paths, BOTH)
        digests.append(folder_digest(paths.model))
    assert digests[0] == digests[1]
    assert not paths.checkpoints.exists()


@pytest.mark.parametrize("changes", [{"copies": 1, "number": {"jitter": 0.1}}, {"balance": "repeat"}])
def test_rows_that_are_made_of_others_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    paths = prepared(tmp_path, rows(300), folds=0, augment=changes)
    with pytest.raises(UserError, match=r"take augment\.copies and augment\.balance out"):
        trained(paths, BOTH)
    augment.run(Augment(), paths)
    trained(paths, BOTH)


def visits(num_groups: int, kind: str) -> pl.DataFrame:
    """Each group has ten rows that are nearly one, and an answer that nothing but the group tells; groups follow one
    another in time."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(num_groups), 10)
    x = random.normal(size=num_groups)[group] + random.normal(scale=1e-3, size=len(group))
    label = np.where(random.random(num_groups) < 0.5, "yes", "no")[group]
    place = pl.Series(kind, [f"p{number}" for number in group] if kind == "patient" else group.astype(float))
    return pl.DataFrame({"x": x, "label": label}).with_columns(place)


@pytest.mark.parametrize("kind", ["patient", "when"])
def test_a_member_is_not_judged_on_neighbours_of_what_it_learnt(tmp_path: Path, kind: str) -> None:
    """By heart, 1 of 1 would be right if rows were held out one by one; held out with their group, half of them are."""
    columns: dict[str, Kind] = {
        "x": ("number", "feature"),
        "label": ("category", "target"),
        kind: ("category", "group") if kind == "patient" else ("number", "time"),
    }
    paths = pipeline_in(tmp_path)
    write_dataset(paths.dataset, described(columns))
    storage.write_parts(paths.valid, [visits(120, kind)])
    split.run(GroupSplit(kind="group") if kind == "patient" else TimeSplit(kind="time"), paths)
    clean.run(Clean(max_quarantined=0.9), paths)
    normalize.run(Normalize(), paths)
    augment.run(Augment(), paths)
    record = trained(paths, {"kind": "ensemble", "members": [NEAREST], "calibrate": "none"})
    # A hundred groups: the standard error of a half is 0.05. Each wrong answer costs -ln 1e-15.
    assert 0.3 < record["facts"]["loss"] / -np.log(1e-15) < 0.7

"""Once more on all rows: as long as validation has said, the same twice, and no threshold by rows that are learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression

from tasks import augment, evaluate, files, train
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, as_matrix
from tasks.params.evaluate import Evaluate
from tasks.params.file import load_pipeline
from tasks.params.train import Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.trainers import load
from tasks.trainers.base import Job
from tasks.training import refit
from tests.drafting.small_tables import init, run_stages
from tests.training.test_cross_validation import prepared, rows

BOOSTED = {
    "kind": "lightgbm",
    "num_iterations": 200,
    "patience": 20,
    "learning_rate": 0.2,
    "num_leaves": 31,
    "refit": "all_rows",
}


NETWORK = {
    "kind": "torch",
    "network": {"kind": "mlp", "hidden": [16]},
    "learning_rate": 0.05,
    "epochs": 12,
    "patience": 3,
    "refit": "all_rows",
}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A pipeline after augment, and a tracking server that nobody has started."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return prepared(tmp_path, rows(400), folds=0)


def trained(paths: Paths, settings: dict[str, Any]) -> dict[str, Any]:
    train.run(TypeAdapter(Train).validate_python(settings), paths)
    record: dict[str, Any] = files.read_json(paths.run)
    return record


def all_rows(paths: Paths) -> Examples:
    spec = read_recipe(paths.recipe).spec()
    parts = (*storage.part_files(paths.augmented), *storage.part_files(paths.normalized("validation")))
    return StoredExamples(spec=spec, target="label", files=parts).loaded()


def test_trees_are_grown_once_more_on_all_rows_as_many_as_were_best(paths: Paths) -> None:
    first = trained(paths, {**BOOSTED, "refit": "none"})
    record = trained(paths, BOOSTED)
    everything = all_rows(paths)
    best = first["facts"]["best_tree"]
    assert best < first["facts"]["trees"]
    (file,) = (file for file in paths.model.iterdir() if file.suffix == ".txt")
    grown = lightgbm.Booster(model_file=file)
    num_leaves = sum(tree["num_leaves"] for tree in grown.dump_model()["tree_info"])
    assert record["facts"] == {
        **first["facts"],
        "refitted_on": everything.num_rows,
        "num_parameters": num_leaves,
    }
    assert record["metrics"] == first["metrics"]
    assert record["figure"].endswith(f"tree {best} of {first['facts']['trees']}, then {everything.num_rows} rows")
    assert grown.num_trees() == best


def test_a_network_learns_once_more_for_as_many_epochs_as_were_best(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, real = [], refit.fit

    def watched(job: Job, config: Any) -> Any:
        jobs.append((job.train.num_rows, job.validation.num_rows, config.epochs, config.patience))
        return real(job, config)

    monkeypatch.setattr(refit, "fit", watched)
    facts = trained(paths, NETWORK)["facts"]
    everything = all_rows(paths).num_rows
    assert jobs == [(everything, everything, facts["best_epoch"], None)]
    assert facts["refitted_on"] == everything


def test_it_is_for_one_process() -> None:
    with pytest.raises(ValueError, match="refit all_rows trains once more in one process; take workers or refit out"):
        TypeAdapter(Train).validate_python({**NETWORK, "workers": 2})


def test_a_linear_model_is_scikit_learns_on_all_rows(paths: Paths) -> None:
    trained(paths, {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}, "refit": "all_rows"})
    everything, spec = all_rows(paths), read_recipe(paths.recipe).spec()
    direct = LogisticRegression(max_iter=1000).fit(as_matrix(spec, everything.inputs), everything.target)
    answers = load(paths.model, spec).predict(everything.inputs)
    np.testing.assert_allclose(answers, direct.predict_proba(as_matrix(spec, everything.inputs)), atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [BOOSTED, {"kind": "sklearn", "estimator": {"kind": "hist_gradient_boosting"}, "refit": "all_rows"}, NETWORK],
    ids=["lightgbm", "sklearn", "torch"],
)
def test_it_is_the_same_twice_and_another_model_than_the_first(paths: Paths, settings: dict[str, Any]) -> None:
    digests = []
    for given in (settings, settings, {**settings, "refit": "none"}):
        trained(paths, given)
        digests.append(folder_digest(paths.model))
    assert digests[0] == digests[1] != digests[2]
    assert not paths.validation_answers.exists()


def test_what_is_kept_of_the_validation_rows_was_said_before_they_were_learnt(paths: Paths) -> None:
    trained(paths, {**BOOSTED, "refit": "none"})
    spec = read_recipe(paths.recipe).spec()
    part = storage.part_files(paths.normalized("validation"))
    validation = StoredExamples(spec=spec, target="label", files=tuple(part)).loaded()
    before = load(paths.model, spec).predict(validation.inputs)
    trained(paths, BOOSTED)
    kept = storage.read_table(paths.validation_answers)["answer"].to_numpy()
    np.testing.assert_array_equal(kept, before)
    assert not np.array_equal(load(paths.model, spec).predict(validation.inputs), before)


def test_a_threshold_is_chosen_by_the_first_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    init(tmp_path, rows(400), target="label", settings=["clean.duplicates=keep"], dry_run=False)
    paths = run_stages(tmp_path, "normalize")
    augment.run(load_pipeline(tmp_path / "params.yaml", "mine").augment, paths)
    costs = Evaluate.model_validate({"positive": "yes", "threshold": {"false_negative": 5}})
    thresholds = []
    for again in ("none", "all_rows"):
        trained(paths, {**BOOSTED, "refit": again})
        evaluate.run(costs, paths)
        thresholds.append(files.read_json(paths.decision)["threshold"])
    assert thresholds[0] == thresholds[1]


def test_an_svm_has_no_rows_left_for_its_probabilities() -> None:
    with pytest.raises(ValueError, match="refit all_rows leaves no rows to learn the probabilities of svm on"):
        TypeAdapter(Train).validate_python({"kind": "sklearn", "estimator": {"kind": "svm"}, "refit": "all_rows"})


def test_rows_that_cannot_be_read_are_named(paths: Paths) -> None:
    storage.part_files(paths.normalized("validation"))[0].write_bytes(b"")
    with pytest.raises(UserError, match="part-00000"):
        trained(paths, BOOSTED)

"""Estimators of scikit-learn: what is theirs alone."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from threadpoolctl import threadpool_limits

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.trainers.base import Job
from tasks.trainers.sklearn import SklearnTrainer
from tasks.training.listeners import History
from tests.trainers.estimators import BINARY, NUMBER, TOWN, config, examples, imported, job


def saved(folder: Path, *fit: Any) -> dict[str, bytes]:
    folder.mkdir()
    SklearnTrainer().fit(*fit).model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_says_that_it_did_not_converge_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = SklearnTrainer().fit(job(BINARY), config("logistic_regression", max_iter=1))
    assert fitted.facts == {"iterations": 1, "converged": False}
    assert "max_iter" in fitted.diagnostics[0]
    assert SklearnTrainer().fit(job(BINARY), config("logistic_regression")).diagnostics == ()


def test_columns_that_repeat_each_other_need_no_penalty() -> None:
    twins = job(NUMBER)
    twins.train.inputs.blocks["x"][:, 1] = twins.train.inputs.blocks["x"][:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SklearnTrainer().fit(twins, config("ridge", alpha=0)).model
    assert np.allclose(model.predict(twins.train.inputs), twins.train.target, atol=1e-3)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_a_support_vector_machine_knows_the_unit_of_its_target(factor: float) -> None:
    """With a target of any size: epsilon is in its deviations."""
    plain = job(NUMBER)
    scaled = replace(
        plain, train=replace(plain.train, target=1000 * factor + factor * plain.train.target.astype(float))
    )
    answers = SklearnTrainer().fit(plain, config("svm", epsilon=0.01)).model.predict(plain.validation.inputs)
    scaled_answers = SklearnTrainer().fit(scaled, config("svm", epsilon=0.01)).model.predict(plain.validation.inputs)
    assert np.std(answers - plain.validation.target) < 0.4
    assert np.allclose((scaled_answers - 1000 * factor) / factor, answers, atol=0.02)


@pytest.mark.parametrize("kind", ["logistic_regression", "random_forest", "hist_gradient_boosting"])
def test_any_number_of_threads_leaves_the_same_bytes(kind: str, tmp_path: Path) -> None:
    wanted = {"random_forest": {"n_estimators": 8}, "hist_gradient_boosting": {"max_iter": 8}}.get(kind, {})
    files = []
    for threads in (1, 3):
        with threadpool_limits(threads):
            files.append(saved(tmp_path / str(threads), job(BINARY, 6_000, noise=1.0), config(kind, **wanted)))
    assert files[0] == files[1]


def test_a_forest_adds_its_answers_up_in_one_order() -> None:
    fitted = SklearnTrainer().fit(job(NUMBER), config("random_forest", n_estimators=20))
    assert fitted.model.estimator.n_jobs is None


def test_answers_that_are_not_finite_are_refused() -> None:
    constant = job(BINARY)
    for part in (constant.train, constant.validation):
        part.inputs.blocks["x"][:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UserError, match="not finite"):
            SklearnTrainer().fit(constant, config("naive_bayes", distribution="gaussian"))


def test_an_estimator_without_probabilities_gets_them_from_its_scores(tmp_path: Path) -> None:
    for wanted in (config("svm"), imported("sklearn.linear_model.RidgeClassifier")):
        noisy = job(BINARY, 400, noise=0.7)
        model = SklearnTrainer().fit(noisy, wanted).model
        test = examples(BINARY, 4_000, 2, 0.7)
        answers = model.predict(test.inputs)[:, 1]
        assert isinstance(model.estimator, CalibratedClassifierCV)
        for low in (0.1, 0.3, 0.5, 0.7):
            sure = (answers >= low) & (answers < low + 0.2)
            assert test.target[sure].mean() == pytest.approx(answers[sure].mean(), abs=0.1)


def test_an_older_models_file_says_nothing_of_how_to_ask_it(tmp_path: Path) -> None:
    model = SklearnTrainer().fit(job(BINARY), config("logistic_regression")).model
    model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    del card["asking"]
    (tmp_path / "model.json").write_text(json.dumps(card))
    inputs = job(BINARY).validation.inputs
    assert np.array_equal(SklearnTrainer().load(tmp_path, BINARY).predict(inputs), model.predict(inputs))


def test_a_spoilt_way_to_ask_is_refused(tmp_path: Path) -> None:
    SklearnTrainer().fit(job(NUMBER), config("svm")).model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    card["asking"]["scale"] = -1
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"model\.json: damaged .*train again"):
        SklearnTrainer().load(tmp_path, NUMBER)


def test_the_unit_of_an_older_models_target_is_read_by_the_name_it_had(tmp_path: Path) -> None:
    model = SklearnTrainer().fit(job(NUMBER), config("svm")).model
    model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    card["asking"] |= {"spread": card["asking"].pop("scale"), "sigmoids": []}
    (tmp_path / "model.json").write_text(json.dumps(card))
    inputs = job(NUMBER).validation.inputs
    assert np.array_equal(SklearnTrainer().load(tmp_path, NUMBER).predict(inputs), model.predict(inputs))


def test_an_older_models_way_to_read_categories_has_the_name_it_had(tmp_path: Path) -> None:
    towns = replace(BINARY, fields=(TOWN,))
    model = SklearnTrainer().fit(job(towns), config("hist_gradient_boosting")).model
    model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    reading, (field,) = card["asking"]["reading"], card["reads"]["fields"]
    reading["codes"] = reading.pop("categories")
    assert (reading["codes"], field["kind"]) == ("native", "category_index")
    field["kind"] = "codes"
    (tmp_path / "model.json").write_text(json.dumps(card))
    inputs = job(towns).validation.inputs
    assert np.array_equal(SklearnTrainer().load(tmp_path, towns).predict(inputs), model.predict(inputs))


def test_an_older_model_with_sigmoids_of_its_own_is_refused(tmp_path: Path) -> None:
    SklearnTrainer().fit(job(BINARY), config("svm")).model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    card["asking"]["sigmoids"] = [[2.5, -1.0]]
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"model\.json: holds sigmoids, .*train again"):
        SklearnTrainer().load(tmp_path, BINARY)


@pytest.mark.parametrize(
    ("kind", "wanted"), [("logistic_regression", 0.96), ("svm", 0.98), ("k_neighbors", 0.96), ("naive_bayes", 0.75)]
)
def test_reads_digits(kind: str, wanted: float) -> None:
    """The 8 x 8 digits of scikit-learn, as flattened pixels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = Field(name="x", kind="dense", shape=(64,))
    spec = Spec(fields=(pixels,), task="multiclass", classes=tuple("0123456789"))
    held_out = np.arange(len(digits.target)) % 5
    values = (digits.data / 16).astype(np.float32)
    train, validation = (
        Examples(inputs=ModelInput(blocks={"x": values[rows]}, num_rows=int(rows.sum())), target=digits.target[rows])
        for rows in (held_out != 0, held_out == 0)
    )
    model = SklearnTrainer().fit(Job(spec=spec, train=train, validation=validation), config(kind)).model
    assert (model.predict(validation.inputs).argmax(axis=1) == validation.target).mean() >= wanted


def test_keeps_the_trees_up_to_the_best_round() -> None:
    history = History()
    noisy = replace(job(BINARY, 200, noise=1.5), listeners=[history])
    fitted = SklearnTrainer().fit(noisy, config("hist_gradient_boosting", max_iter=100, patience=8))
    losses = [row["validation_loss"] for row in history.rows]
    best, trees = fitted.facts["best_tree"], fitted.facts["trees"]
    assert best < trees == len(losses) < 100
    assert losses[best - 1] == min(losses)
    assert fitted.model.estimator.n_iter_ == best
    fewer = SklearnTrainer().fit(noisy, config("hist_gradient_boosting", max_iter=best, patience=None))
    inputs = noisy.validation.inputs
    assert np.array_equal(fitted.model.predict(inputs), fewer.model.predict(inputs))


def test_without_patience_all_trees_are_kept() -> None:
    fitted = SklearnTrainer().fit(job(NUMBER, noise=1.5), config("hist_gradient_boosting", max_iter=30, patience=None))
    assert fitted.facts == {"trees": 30, "best_tree": 30}
    assert fitted.model.estimator.n_iter_ == 30


def test_the_validation_rows_teach_nothing() -> None:
    """They say when to stop, and no tree is grown on them."""
    plain = job(BINARY, 200)
    other = replace(plain, validation=replace(plain.validation, target=1 - plain.validation.target))
    wanted = config("hist_gradient_boosting", max_iter=5, patience=None)
    answers = [SklearnTrainer().fit(one, wanted).model.predict(plain.validation.inputs) for one in (plain, other)]
    assert np.array_equal(*answers)


def test_a_category_is_one_column_whose_values_split_in_any_way() -> None:
    town = replace(TOWN, shape=(40,), labels=())
    spec = Spec(fields=(town,), task="binary", classes=("no", "yes"))
    indices = np.random.default_rng(0).integers(0, 40, 2_000).astype(np.int32)
    rows = Examples(inputs=ModelInput(blocks={"town": indices}, num_rows=2_000), target=(indices % 2).astype(np.int64))
    wanted = config("hist_gradient_boosting", max_iter=1, max_leaf_nodes=2, learning_rate=1, patience=None)
    model = SklearnTrainer().fit(Job(spec=spec, train=rows, validation=rows), wanted).model
    answers = model.predict(rows.inputs)
    assert (answers.argmax(axis=1) == rows.target).all()
    assert model.estimator.n_features_in_ == 1
    unseen = ModelInput(blocks={"town": np.array([39, 39], dtype=np.int32)}, num_rows=2)
    assert np.isfinite(model.predict(unseen)).all()

"""Boosted trees of scikit-learn: stopped by the validation rows and cut back, with categories of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tasks.model_input.inputs import Examples, ModelInput, Spec
from tasks.trainers.base import Job
from tasks.trainers.sklearn import SklearnTrainer
from tasks.training.listeners import History
from tests.trainers.estimators import BINARY, NUMBER, TOWN, config, job


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
    codes = np.random.default_rng(0).integers(0, 40, 2_000).astype(np.int32)
    rows = Examples(inputs=ModelInput(blocks={"town": codes}, num_rows=2_000), target=(codes % 2).astype(np.int64))
    wanted = config("hist_gradient_boosting", max_iter=1, max_leaf_nodes=2, learning_rate=1, patience=None)
    model = SklearnTrainer().fit(Job(spec=spec, train=rows, validation=rows), wanted).model
    answers = model.predict(rows.inputs)
    assert (answers.argmax(axis=1) == rows.target).all()
    assert model.estimator.n_features_in_ == 1
    unseen = ModelInput(blocks={"town": np.array([39, 39], dtype=np.int32)}, num_rows=2)
    assert np.isfinite(model.predict(unseen)).all()

"""From settings to estimators: each for its task, with its settings, on columns that it can read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.svm import SVC, SVR

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.trainers.sklearn import SklearnTrainer
from tasks.trainers.sklearn.estimators import make_estimator, make_reading
from tests.trainers.estimators import BINARY, FIELD, NUMBER, TOWN, WORDS, config, examples, job

TEXT = replace(BINARY, fields=(WORDS,))
MIXED = replace(BINARY, fields=(FIELD, WORDS))


def made(spec: Spec, kind: str, **settings: Any) -> Any:
    return make_estimator(spec, config(kind, **settings), examples(spec))


@pytest.mark.parametrize("kind", ["logistic_regression", "naive_bayes"])
def test_what_tells_classes_apart_is_not_for_numbers(kind: str) -> None:
    with pytest.raises(UserError, match=f"{kind} tells classes apart, .*use ridge"):
        SklearnTrainer().fit(job(NUMBER), config(kind))


@pytest.mark.parametrize("kind", ["ridge", "elastic_net"])
def test_what_predicts_numbers_is_not_for_classes(kind: str) -> None:
    with pytest.raises(UserError, match=f"{kind} predicts a number, .*use logistic_regression"):
        SklearnTrainer().fit(job(BINARY), config(kind))


@pytest.mark.parametrize(
    ("spec", "kind", "settings"),
    [
        (BINARY, "logistic_regression", {"C": 0.5, "max_iter": 7}),
        (NUMBER, "ridge", {"alpha": 3}),
        (NUMBER, "elastic_net", {"alpha": 3, "l1_ratio": 0.1, "max_iter": 7}),
        (BINARY, "svm", {"kernel": "poly", "C": 2, "gamma": 0.3}),
        (NUMBER, "svm", {"epsilon": 0.4, "gamma": "auto"}),
        (BINARY, "k_neighbors", {"n_neighbors": 3, "weights": "distance", "metric": "cosine"}),
        (NUMBER, "random_forest", {"n_estimators": 7, "max_depth": 2, "min_samples_leaf": 3, "max_features": 0.5}),
        (NUMBER, "extra_trees", {"n_estimators": 7, "max_depth": 2, "min_samples_leaf": 3, "max_features": 0.5}),
        (BINARY, "extra_trees", {"n_estimators": 7, "max_features": "log2"}),
        (BINARY, "hist_gradient_boosting", {"learning_rate": 0.3, "max_iter": 9, "max_leaf_nodes": 5,
                                            "min_samples_leaf": 4, "l2_regularization": 2}),
    ],
)  # fmt: skip
def test_settings_reach_the_estimator(spec: Spec, kind: str, settings: dict[str, Any]) -> None:
    estimator = made(spec, kind, **settings)
    assert {name: getattr(estimator, name) for name in settings} == settings


def test_the_task_chooses_the_kind() -> None:
    assert isinstance(made(BINARY, "svm"), SVC)
    assert isinstance(made(NUMBER, "svm"), SVR)


@pytest.mark.parametrize(
    "kind", ["logistic_regression", "svm", "random_forest", "extra_trees", "hist_gradient_boosting"]
)
def test_class_weights_are_by_name(kind: str) -> None:
    assert made(BINARY, kind, class_weight={"yes": 3}).class_weight == {1: 3.0}
    assert made(BINARY, kind, class_weight="balanced").class_weight == "balanced"
    with pytest.raises(
        UserError, match=r"class_weight: 'maybe' is no class of the target; its classes are 'no', 'yes'"
    ):
        made(BINARY, kind, class_weight={"maybe": 3})


@pytest.mark.parametrize("kind", ["svm", "random_forest", "extra_trees", "hist_gradient_boosting"])
def test_a_number_has_no_class_weights(kind: str) -> None:
    with pytest.raises(UserError, match="class_weight: the target is a number"):
        made(NUMBER, kind, class_weight="balanced")


def test_classes_that_yaml_reads_as_numbers_or_truth_values_have_weights_too() -> None:
    digits = replace(BINARY, classes=("0", "1"))
    assert made(digits, "svm", class_weight={0: 1, 1: 5}).class_weight == {0: 1.0, 1: 5.0}
    truths = replace(BINARY, classes=("false", "true"))
    assert made(truths, "svm", class_weight={True: 5}).class_weight == {1: 5.0}
    with pytest.raises(ValidationError, match="greater than 0"):
        config("svm", class_weight={"yes": 0})


def test_weights_move_answers_to_their_class() -> None:
    noisy = job(BINARY, 300, noise=1.0)
    for kind in ("logistic_regression", "random_forest", "hist_gradient_boosting"):
        settings = {"min_samples_leaf": 30} if kind != "logistic_regression" else {}
        settings |= {"random_forest": {"n_estimators": 20}, "hist_gradient_boosting": {"max_iter": 20}}.get(kind, {})
        plain = SklearnTrainer().fit(noisy, config(kind, **settings)).model.predict(noisy.validation.inputs)
        weighted = config(kind, class_weight={"yes": 20}, **settings)
        moved = SklearnTrainer().fit(noisy, weighted).model.predict(noisy.validation.inputs)
        assert moved[:, 1].mean() > plain[:, 1].mean() + 0.1


def test_more_neighbours_than_rows_are_refused() -> None:
    with pytest.raises(UserError, match="n_neighbors 61 are more than the 60 training rows"):
        made(BINARY, "k_neighbors", n_neighbors=61)


@pytest.mark.parametrize(
    ("fields", "distribution", "wanted"),
    [
        ((WORDS,), "auto", MultinomialNB),
        ((WORDS, TOWN), "auto", MultinomialNB),
        ((FIELD,), "auto", GaussianNB),
        ((FIELD, WORDS), "auto", GaussianNB),
        ((WORDS,), "gaussian", GaussianNB),
        ((FIELD,), "bernoulli", BernoulliNB),
    ],
)
def test_naive_bayes_has_a_distribution_for_its_columns(fields: Any, distribution: str, wanted: Any) -> None:
    assert isinstance(made(replace(BINARY, fields=fields), "naive_bayes", distribution=distribution), wanted)


def test_negative_words_are_no_counts() -> None:
    rows = examples(TEXT)
    rows.inputs.blocks["words"].data[3] = -1
    assert isinstance(make_estimator(TEXT, config("naive_bayes"), rows), GaussianNB)
    with pytest.raises(UserError, match="column x has negative ones; use distribution: gaussian"):
        made(BINARY, "naive_bayes", distribution="multinomial")


def test_pictures_are_counts_when_their_bytes_become_nothing_negative() -> None:
    picture = Field(name="x", kind="image", shape=(1, 1, 2), factor=(1 / 255,), offset=(0.0,))
    rows = examples(BINARY)
    rows.inputs.blocks["x"] = np.zeros((60, 1, 1, 2), dtype=np.uint8)
    wanted = config("naive_bayes", distribution="multinomial")
    assert isinstance(make_estimator(replace(BINARY, fields=(picture,)), wanted, rows), MultinomialNB)
    with pytest.raises(UserError, match="negative"):
        make_estimator(replace(BINARY, fields=(replace(picture, offset=(-0.5,)),)), wanted, rows)


def test_smoothing_is_not_for_gaussians() -> None:
    with pytest.raises(ValidationError, match="smoothing is added to counts"):
        config("naive_bayes", distribution="gaussian", smoothing=2)


@pytest.mark.parametrize(
    ("kind", "settings", "dense"),
    [
        ("svm", {}, False),
        ("k_neighbors", {}, False),
        ("random_forest", {}, False),
        ("extra_trees", {}, False),
        ("hist_gradient_boosting", {}, True),
        ("naive_bayes", {"distribution": "gaussian"}, True),
        ("naive_bayes", {"distribution": "multinomial"}, False),
        ("import", {"path": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"}, True),
    ],
)
def test_sparse_columns_are_written_out_only_for_those_that_need_it(kind: str, settings: Any, dense: bool) -> None:
    rows = examples(TEXT)
    assert make_reading(TEXT, make_estimator(TEXT, config(kind, **settings), rows), rows).dense is dense


def test_what_cannot_be_written_out_is_refused_with_its_size() -> None:
    wide = replace(TEXT, fields=(replace(WORDS, shape=(2_000_000,), labels=()),))
    rows = examples(TEXT)
    rows.inputs.blocks["words"] = csr_matrix((60, 2_000_000), dtype=np.float32)
    estimator = make_estimator(wide, config("hist_gradient_boosting"), rows)
    with pytest.raises(UserError, match=r"cannot read sparse columns, .* 60 rows of 2,000,000 inputs take 1\.0 GB"):
        make_reading(wide, estimator, rows)

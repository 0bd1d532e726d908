"""Importance against known truths: noise, a column that is all, one column twice, and the model's own figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.importance import Importance, measured_importance
from tasks.evaluation.judge import Judge, metric_for
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.sklearn import KNeighbors, LogisticRegression, Ridge, SklearnTrain
from tasks.trainers import trainer
from tasks.trainers.base import Job, Model
from tasks.trainers.introspection import rates

RIDGE = SklearnTrain(kind="sklearn", estimator=Ridge(kind="ridge", alpha=1e-6))
LOGISTIC = SklearnTrain(kind="sklearn", estimator=LogisticRegression(kind="logistic_regression"))
TREES = LightgbmTrain(kind="lightgbm", num_iterations=40, num_leaves=7)


def examples(names: tuple[str, ...], num_rows: int, seed: int, classes: tuple[str, ...] = (), noise: float = 0.5):
    """`a` decides, and `twin` is `a` again; all others are noise."""
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=num_rows) for name in names}
    if "twin" in columns:
        columns["twin"] = columns["a"].copy()
    y = 3 * columns["a"] + noise * random.normal(size=num_rows)
    blocks = {name: values[:, None] for name, values in columns.items()}
    target = (y > 0).astype(np.int64) if classes else y
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=target)


def spec_of(names: tuple[str, ...], classes: tuple[str, ...] = ()) -> Spec:
    fields = tuple(Field(name=name, kind="dense", shape=(1,), labels=(name,)) for name in names)
    return Spec(fields=fields, task="binary" if classes else "regression", classes=classes)


def fitted(config, names: tuple[str, ...], classes: tuple[str, ...] = (), seed: int = 1, **more) -> Model:
    train, validation = (examples(names, num, seed + part, classes, **more) for part, num in ((0, 400), (50, 200)))
    return trainer(config.kind).fit(Job(spec=spec_of(names, classes), train=train, validation=validation), config).model


def measured(model: Model, names, metric, rows: Examples, classes=()) -> Importance:
    judge = Judge(metric=metric, positive=1 if classes else None)
    return measured_importance(model, spec_of(names, classes), rows, judge)


def by_name(importance: Importance) -> dict[str, object]:
    return {one.name: one for one in (*importance.columns, *importance.groups)}


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_noise_has_an_interval_that_holds_zero_and_what_is_all_has_all(metric) -> None:
    names = ("n1", "a", "n2", "n3")
    importance = measured(fitted(RIDGE, names), names, metric, examples(names, 500, 9))
    a, *noise = importance.columns
    assert a.columns == ("a",)
    assert a.low > 0
    for one in noise:
        assert one.low <= 0 <= one.high
        assert abs(one.loss) < 0.02 * a.loss


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc", "f1", "precision", "recall"])
def test_so_for_classes_by_every_metric(metric) -> None:
    names, classes = ("n1", "a", "n2"), ("no", "yes")
    rows = examples(names, 500, 9, classes)
    found = by_name(measured(fitted(LOGISTIC, names, classes), names, metric, rows, classes))
    assert found["a"].low > 0.2
    for name in ("n1", "n2"):
        assert found[name].low <= 0 <= found[name].high


def test_intervals_of_noise_hold_zero_as_often_as_they_promise() -> None:
    """Over many test sets: a model that learnt from noise as well, and rows that it has not seen."""
    names = ("a", "n1", "n2", "n3", "n4")
    held = [
        one.low <= 0 <= one.high
        for seed in range(20)
        for model in [fitted(RIDGE, names, seed=1000 + seed)]
        for one in measured(model, names, "rmse", examples(names, 80, seed)).columns
        if one.name != "a"
    ]
    assert len(held) == 80
    assert np.mean(held) >= 0.88  # 95 % less three standard errors


def test_of_a_linear_model_the_loss_is_the_one_of_theory() -> None:
    """MSE grows by twice the variance of the term that is shuffled: 2 * 3**2, so R2 falls by 18 over the variance."""
    names = ("a", "n1")
    rows = examples(names, 2_000, 3)
    found = by_name(measured(fitted(RIDGE, names), names, "r2", rows))
    expected = 2 * 9 * rows.inputs.blocks["a"].var() / rows.target.var()
    assert found["a"].loss == pytest.approx(expected, rel=0.03)
    assert found["a"].low < expected < found["a"].high


def test_a_column_twice_is_worth_little_alone_and_all_together() -> None:
    """Ridge halves the slope: alone each costs a quarter of the two, by theory. Neighbours have no need of either."""
    names = ("a", "twin", "n1")
    found = by_name(measured(fitted(RIDGE, names), names, "r2", examples(names, 1_500, 4)))
    for name in ("a", "twin"):
        assert found[name].loss == pytest.approx(found["a + twin"].loss / 4, rel=0.1)
    groups = [one.columns for one in measured(fitted(RIDGE, names), names, "r2", examples(names, 500, 4)).groups]
    assert groups == [("a", "twin")]


def test_what_a_tree_never_uses_is_exactly_zero() -> None:
    names = ("a", "still")
    still = {"still": np.zeros((400, 1))}
    train = examples(names, 400, 1)
    train = replace(train, inputs=ModelInput(blocks={**train.inputs.blocks, **still}, num_rows=400))
    model = trainer("lightgbm").fit(Job(spec=spec_of(names), train=train, validation=train), TREES).model
    found = by_name(measured(model, names, "rmse", examples(names, 300, 5)))
    assert (found["still"].loss, found["still"].low, found["still"].high) == (0.0, 0.0, 0.0)
    assert not found["still"].is_still


def test_of_a_column_that_is_the_same_in_all_test_rows_nothing_is_known() -> None:
    """As the year is, where the test rows are the last one: it may have mattered much in training."""
    names = ("a", "n1")
    model, rows = fitted(TREES, names), examples(names, 300, 5)
    same = np.full((300, 1), 0.3)
    rows = replace(rows, inputs=ModelInput(blocks={**rows.inputs.blocks, "a": same}, num_rows=300))
    importance = measured(model, names, "rmse", rows)
    last = importance.columns[-1]
    assert (last.name, last.loss, last.is_still) == ("a", None, True)
    assert last.own > 0.9
    assert importance.as_table().filter(column="a")["importance"].to_list() == [None]


def test_the_models_own_share_stands_beside() -> None:
    names = ("n1", "a")
    model = fitted(TREES, names)
    found = by_name(measured(model, names, "rmse", examples(names, 200, 6)))
    gains = model.booster.feature_importance("gain")
    assert found["a"].own == pytest.approx(gains[1] / gains.sum())
    assert found["a"].own > 0.95
    neighbours = SklearnTrain(kind="sklearn", estimator=KNeighbors(kind="k_neighbors"))
    assert rates(fitted(neighbours, names)) == {}


def test_weights_of_rows_count() -> None:
    """Rows of weight 0 say nothing: among the others the model is always right, whatever stands in the column."""
    names, classes = ("a", "n1"), ("no", "yes")
    rows = examples(names, 400, 7, classes, noise=0.0)
    large = np.abs(rows.inputs.blocks["a"][:, 0]) > 1
    weighted = replace(rows, weight=large.astype(np.float64))
    model = fitted(LOGISTIC, names, classes)
    found = by_name(measured(model, names, "accuracy", weighted, classes))
    few = Examples(inputs=rows.inputs.take(np.flatnonzero(large)), target=rows.target[large])
    expected = by_name(measured(model, names, "accuracy", few, classes))
    assert found["a"].loss == pytest.approx(expected["a"].loss, abs=0.05)


def test_rows_of_one_group_are_no_evidence_of_their_own() -> None:
    """Each row ten times: drawn by rows the interval would shrink by the root of ten, by groups it stays as wide."""
    names = ("a", "n1")
    model, rows = fitted(RIDGE, names), examples(names, 60, 7)
    tenfold = np.repeat(np.arange(60), 10)
    many = Examples(inputs=rows.inputs.take(tenfold), target=rows.target[tenfold])
    judge = Judge(metric="rmse")
    once, by_rows, by_groups = (
        by_name(measured_importance(model, spec_of(names), some, judge, groups))["a"]
        for some, groups in ((rows, None), (many, None), (many, tenfold))
    )
    assert by_rows.high - by_rows.low < 0.5 * (once.high - once.low)
    assert by_groups.high - by_groups.low > 0.6 * (once.high - once.low)


def test_a_metric_that_is_undefined_is_left_out() -> None:
    names, classes = ("a", "n1"), ("no", "yes")
    rows = examples(names, 50, 8, classes)
    rows = replace(rows, target=np.ones_like(rows.target))
    importance = measured(fitted(LOGISTIC, names, classes), names, "roc_auc", rows, classes)
    assert [one.loss for one in importance.columns] == [None, None]
    assert importance.as_table()["importance"].null_count() == 2
    assert importance.picture()[:4] == b"\x89PNG"


def test_the_metric_is_one_of_the_task() -> None:
    assert metric_for("binary", "roc_auc") == "roc_auc"
    assert metric_for("binary", "rmse") == "accuracy"
    assert metric_for("regression", None) == "rmse"
    assert metric_for("regression", "f1") == "rmse"
    assert metric_for("regression", "mae") == "mae"

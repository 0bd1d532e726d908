"""Numbers learnt as logarithms or ranks: the curve is undone, and what is known to be right is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from tasks import files, trainers
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.train import Train
from tasks.trainers.base import Job
from tasks.trainers.target_transform import Transform, learnt_transform

SPEC = Spec(fields=(Field(name="x", kind="dense", shape=(1,)),), task="regression", classes=())
RIDGE: dict[str, Any] = {"kind": "sklearn", "estimator": {"kind": "ridge", "alpha": 0.0}}
TREES: dict[str, Any] = {"kind": "lightgbm", "num_iterations": 50}


def examples(num_rows: int, seed: int, noise: float = 0.3) -> Examples:
    """1 + y is exp(2 x + 1), and its logarithm is off by `noise`."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(num_rows, 1))
    target = np.expm1(2 * x[:, 0] + 1 + random.normal(scale=noise, size=num_rows))
    return Examples(inputs=ModelInput(blocks={"x": x}, num_rows=num_rows), target=np.maximum(target, -0.999))


def trained(settings: dict[str, Any], job: Job | None = None) -> Any:
    config = TypeAdapter(Train).validate_python(settings)
    return trainers.fit(job or Job(spec=SPEC, train=examples(4000, 0), validation=examples(500, 1)), config)


def fitted(settings: dict[str, Any], job: Job | None = None) -> Any:
    return trained(settings, job).model


def test_a_line_of_logarithms_is_learnt_as_one() -> None:
    model = fitted({**RIDGE, "target_transform": "log1p"})
    x = np.linspace(-1, 1, 50)[:, None]
    answers = model.predict(ModelInput(blocks={"x": x}, num_rows=50))
    # The median of what is drawn there; 0.3 / sqrt(4000) is 0.005.
    np.testing.assert_allclose(np.log1p(answers), 2 * x[:, 0] + 1, atol=0.03)


@pytest.mark.parametrize("kind", ["log1p", "quantile"])
def test_errors_in_per_cent_are_smaller_than_without(kind: str) -> None:
    new = examples(4000, 2)

    def rmsle(settings: dict[str, Any]) -> float:
        answers = np.maximum(fitted(settings).predict(new.inputs), 0)
        return float(np.sqrt(np.square(np.log1p(answers) - np.log1p(np.maximum(new.target, 0))).mean()))

    assert rmsle({**TREES, "target_transform": kind}) < 0.8 * rmsle(TREES)


def test_an_ensemble_weighs_its_members_on_the_scale_that_is_learnt() -> None:
    members = [{**RIDGE, "target_transform": "none"}, TREES]
    of_logarithms = trained({"kind": "ensemble", "members": members, "target_transform": "log1p"})
    # Of logarithms the truth is a line, of the numbers themselves trees are nearer.
    assert of_logarithms.facts["weights"]["ridge"] > 0.9
    assert trained({"kind": "ensemble", "members": members}).facts["weights"]["ridge"] < 0.5
    # What is said of validation rows is in the target's own unit: off by the noise, as the logarithm of either.
    said, true = of_logarithms.validation_answers, examples(500, 1).target
    assert np.std(np.log1p(said) - np.log1p(true)) == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("settings", [RIDGE, {"kind": "ensemble", "members": [RIDGE]}])
def test_no_answer_is_above_twice_the_largest_number_that_was_learnt_from(settings: dict[str, Any]) -> None:
    model = fitted({**settings, "target_transform": "log1p"})
    largest = max(examples(4000, 0).target.max(), examples(500, 1).target.max())
    # The line says exp(2 x + 1), for which a float64 is too small from x = 355 on.
    x = np.array([[0.5], [20.0], [1e6]])
    inside, beyond, far = model.predict(ModelInput(blocks={"x": x}, num_rows=3))
    assert inside == pytest.approx(np.expm1(2.0), rel=0.1)
    assert beyond == pytest.approx(2 * largest)
    assert far == pytest.approx(2 * largest)


@pytest.mark.parametrize(("greatest", "most"), [(10.0, 20.0), (0.0, 0.0), (-0.5, 0.0)])
def test_the_bound_is_above_all_that_was_learnt_from(greatest: float, most: float) -> None:
    target = np.array([-0.9, greatest])
    rows = Examples(inputs=ModelInput(blocks={"x": np.zeros((2, 1))}, num_rows=2), target=target)
    curve = learnt_transform("log1p", Job(spec=SPEC, train=rows, validation=rows))
    assert curve.most == most
    np.testing.assert_allclose(curve.back(curve.there(target)), target)


def test_a_model_of_an_earlier_version_has_no_bound() -> None:
    assert Transform(kind="log1p").back(np.array([5.0])) == pytest.approx(np.expm1(5.0))


def test_ranks_become_normal_numbers_and_go_back() -> None:
    rows = examples(5000, 0)
    curve = learnt_transform("quantile", Job(spec=SPEC, train=rows, validation=rows))
    made = curve.there(rows.target)
    assert abs(made.mean()) < 0.02
    assert abs(made.std() - 1) < 0.02
    np.testing.assert_allclose(np.quantile(made, [0.16, 0.5, 0.84]), [-0.994, 0, 0.994], atol=0.02)
    np.testing.assert_allclose(curve.back(made), rows.target, rtol=1e-4, atol=1e-6)
    # Nothing is answered that is beyond what was learnt.
    assert curve.back(np.array([-99.0, 99.0])).tolist() == [rows.target.min(), rows.target.max()]


def test_repeated_numbers_have_ranks_too() -> None:
    target = np.repeat([0.0, 1.0, 7.0], [600, 300, 100])
    rows = Examples(inputs=ModelInput(blocks={"x": np.zeros((1000, 1))}, num_rows=1000), target=target)
    curve = learnt_transform("quantile", Job(spec=SPEC, train=rows, validation=rows))
    assert np.isfinite(curve.there(target)).all()
    np.testing.assert_allclose(curve.back(curve.there(target)), target, atol=1e-6)


@pytest.mark.parametrize("settings", [RIDGE, TREES, {"kind": "ensemble", "members": [TREES, RIDGE]}])
def test_a_loaded_model_answers_as_before(settings: dict[str, Any], tmp_path: Path) -> None:
    model, rows = fitted({**settings, "target_transform": "quantile"}), examples(50, 3).inputs
    model.save(tmp_path)
    loaded = trainers.load(tmp_path, SPEC)
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
    (tmp_path / "again").mkdir()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again/model.json").read_bytes() == (tmp_path / "model.json").read_bytes()


def test_a_damaged_curve_is_refused(tmp_path: Path) -> None:
    fitted({**RIDGE, "target_transform": "log1p"}).save(tmp_path)
    content = files.read_json(tmp_path / "model.json")
    files.write_json(tmp_path / "model.json", {**content, "target_transform": {"kind": "root"}})
    with pytest.raises(UserError, match=r"damaged .*train again"):
        trainers.load(tmp_path, SPEC)


def test_numbers_without_a_logarithm_and_classes_are_refused() -> None:
    rows = Examples(inputs=examples(10, 0).inputs, target=np.arange(10.0) - 5)
    with pytest.raises(UserError, match="the target goes down to -5; use quantile, or none"):
        fitted({**RIDGE, "target_transform": "log1p"}, Job(spec=SPEC, train=rows, validation=rows))
    spec = Spec(fields=SPEC.fields, task="binary", classes=("no", "yes"))
    classes = Examples(inputs=rows.inputs, target=np.arange(10) % 2)
    with pytest.raises(UserError, match="target_transform: the target has classes"):
        fitted({**TREES, "target_transform": "log1p"}, Job(spec=spec, train=classes, validation=classes))


def test_the_curve_rises() -> None:
    values = np.linspace(0, 50, 300)
    assert (np.diff(Transform(kind="log1p").there(values)) > 0).all()

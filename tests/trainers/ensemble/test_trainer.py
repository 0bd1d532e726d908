"""An ensemble: honest about rows that its members learn, whole after a kill, within its time, and whole on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks import trainers
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.train import EnsembleTrain
from tasks.trainers.base import Fitted, Job, mean_loss
from tasks.trainers.ensemble import bagging

LINEAR: dict[str, Any] = {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}
TREES: dict[str, Any] = {"kind": "lightgbm", "num_iterations": 20, "min_data_in_leaf": 5}
FOREST: dict[str, Any] = {"kind": "sklearn", "estimator": {"kind": "random_forest", "n_estimators": 20}}
NEAREST: dict[str, Any] = {"kind": "sklearn", "estimator": {"kind": "k_neighbors", "n_neighbors": 1}}
SPEC = Spec(fields=(Field(name="x", kind="dense", shape=(3,)),), task="binary", classes=("no", "yes"))


def config(*members: dict[str, Any], **settings: Any) -> EnsembleTrain:
    return TypeAdapter(EnsembleTrain).validate_python({"kind": "ensemble", "members": members, **settings})


def examples(num_rows: int, seed: int, signal: float = 2.0, **more: Any) -> Examples:
    """Three numbers, of which the first decides, the more the larger `signal` is."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(num_rows, 3))
    target = (random.random(num_rows) < 1 / (1 + np.exp(-signal * x[:, 0]))).astype(np.int64)
    return Examples(inputs=ModelInput(blocks={"x": x}, num_rows=num_rows), target=target, **more)


def job(signal: float = 2.0, **changes: Any) -> Job:
    made = Job(spec=SPEC, train=examples(300, 0, signal), validation=examples(100, 1, signal))
    return replace(made, **changes)


def fit(job: Job, config: EnsembleTrain) -> Fitted:
    return trainers.fit(job, config)


def test_what_is_said_of_validation_rows_is_said_by_models_that_did_not_learn_them() -> None:
    """The nearest row of a row that was learnt is itself: on a target that is noise it would be right every time."""
    noise = job(signal=0.0)
    fitted = fit(noise, config(NEAREST, calibrate="none"))
    validation = noise.validation.loaded()
    right = np.mean(fitted.model.predict(validation.inputs).argmax(axis=1) == validation.target)
    # The others of the five models did learn it.
    assert right == 1
    assert fitted.validation_answers is not None
    honest = np.mean(fitted.validation_answers.argmax(axis=1) == validation.target)
    assert abs(honest - 0.5) < 0.15


def test_the_loss_that_it_tells_is_that_on_new_rows() -> None:
    fitted = fit(job(), config(LINEAR, TREES))
    new = examples(20_000, 9)
    on_new = mean_loss(SPEC, fitted.model.predict(new.inputs), new.target)
    # 400 rows were asked: the standard error of their mean loss is 0.03.
    assert fitted.facts["loss"] == pytest.approx(on_new, abs=0.06)
    assert fitted.facts["rows"] == 400


CURVE = Spec(fields=(Field(name="x", kind="dense", shape=(1,)),), task="regression", classes=())
RIDGE: dict[str, Any] = {"kind": "sklearn", "estimator": {"kind": "ridge"}}


def of_curve(num_rows: int, seed: int, far: int | None = None) -> Examples:
    """y is 3 x and a curve, with noise of 0.1; of one row, if any, x is a million all the same."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, size=(num_rows, 1))
    target = 3 * x[:, 0] + np.sin(6 * x[:, 0]) + random.normal(scale=0.1, size=num_rows)
    if far is not None:
        x[far] = 1e6
    return Examples(inputs=ModelInput(blocks={"x": x}, num_rows=num_rows), target=target)


def test_one_far_value_among_the_rows_costs_little() -> None:
    train, validation, new = of_curve(400, 0, far=200), of_curve(100, 1), of_curve(2_000, 2)
    trees = {**TREES, "num_iterations": 300}
    fitted = fit(Job(spec=CURVE, train=train, validation=validation), config(RIDGE, trees))
    rmse = float(np.sqrt(np.square(fitted.model.predict(new.inputs) - new.target).mean()))
    assert rmse < 0.2
    # Held between bounds, the line's answer there adds less than 1 to the mean square of 500 rows, and not 1e10.
    assert fitted.facts["losses"]["ridge"] < 10


def test_a_member_answers_no_further_out_than_the_targets_range_and_as_much_again(tmp_path: Path) -> None:
    train, validation = of_curve(400, 0), of_curve(100, 1)
    fitted = fit(Job(spec=CURVE, train=train, validation=validation), config(RIDGE))
    fitted.model.save(tmp_path)
    targets = np.concatenate([train.target, validation.target])
    width = targets.max() - targets.min()
    far = ModelInput(blocks={"x": np.array([[1e6], [-1e6], [1e30]])}, num_rows=3)
    # The line alone: without bounds it would say three million.
    above, below = targets.max() + width, targets.min() - width
    for model in (fitted.model, trainers.load(tmp_path, CURVE)):
        np.testing.assert_allclose(model.predict(far), [above, below, above])


def test_a_member_that_only_knows_by_heart_is_left_out_of_the_model(tmp_path: Path) -> None:
    fitted = fit(job(), config(NEAREST, LINEAR))
    assert fitted.facts["weights"] == {"k_neighbors": 0.0, "logistic_regression": 1.0}
    fitted.model.save(tmp_path)
    assert [folder.name for folder in (tmp_path / "members").iterdir()] == ["logistic_regression"]
    assert len(list((tmp_path / "members/logistic_regression").iterdir())) == 5


def test_the_answer_is_the_mean_of_the_members_by_their_weights() -> None:
    model: Any = fit(job(), config(LINEAR, TREES, calibrate="none")).model
    rows = examples(50, 5).inputs
    by_hand = sum(
        member.weight * np.mean([one.predict(rows) for one in member.models], axis=0) for member in model.members
    )
    np.testing.assert_allclose(model.predict(rows), by_hand, atol=1e-12)
    assert sum(member.weight for member in model.members) == pytest.approx(1)


def test_one_member_is_a_bag_of_models() -> None:
    model: Any = fit(job(), config(TREES, folds=3)).model
    assert [(member.name, member.weight, len(member.models)) for member in model.members] == [("lightgbm", 1.0, 3)]


def test_what_it_knows_of_columns_is_its_members() -> None:
    model: Any = fit(job(), config(TREES, FOREST)).model
    assert model.own_importance() == {"x": pytest.approx(1)}
    # A linear model keeps none.
    alone: Any = fit(job(), config(LINEAR)).model
    assert alone.own_importance() is None


def test_a_member_that_cannot_read_the_columns_is_named() -> None:
    number = {"kind": "sklearn", "estimator": {"kind": "ridge"}}
    with pytest.raises(UserError, match=r"^train\.members, ridge: .*predicts a number, and the target has classes"):
        fit(job(), config(LINEAR, number))


def stopped_at(stop: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings that begin, by their trainer; the one of that number is killed."""
    begun: list[str] = []
    real = trainers.fit

    def counted(job: Job, config: Any) -> Fitted:
        if config.kind != "ensemble":
            begun.append(config.kind)
            if len(begun) == stop:
                raise KeyboardInterrupt
        return real(job, config)

    monkeypatch.setattr(trainers, "fit", counted)
    return begun


def test_a_training_that_was_killed_goes_on_with_the_fold_that_it_was_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = config(LINEAR, TREES)
    whole, again = tmp_path / "whole", tmp_path / "again"
    for folder in (whole, again):
        folder.mkdir()
    trainers.trainer("ensemble").fit(job(), both).model.save(whole)
    begun = stopped_at(8, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trainers.trainer("ensemble").fit(job(checkpoints=tmp_path / "checkpoints"), both)
    trainers.trainer("ensemble").fit(job(checkpoints=tmp_path / "checkpoints"), both).model.save(again)
    # Ten in all, one of them twice.
    assert begun == ["sklearn"] * 5 + ["lightgbm"] * 6
    assert folder_digest(again) == folder_digest(whole)


@pytest.mark.parametrize(
    ("minutes", "weights", "told"),
    # Five folds of a minute each for either member.
    [(11, ["logistic_regression", "lightgbm"], []), (7, ["logistic_regression"], ["lightgbm"])],
)
def test_what_does_not_fit_into_the_minutes_is_not_begun_and_told(
    monkeypatch: pytest.MonkeyPatch, minutes: float, weights: Sequence[str], told: Sequence[str]
) -> None:
    now = 0.0
    real = trainers.fit

    def a_minute(job: Job, config: Any) -> Fitted:
        nonlocal now
        now += 60
        return real(job, config)

    monkeypatch.setattr(bagging, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(trainers, "fit", a_minute)
    fitted = trainers.trainer("ensemble").fit(job(), config(LINEAR, TREES, max_minutes=minutes, determinism="off"))
    assert list(fitted.facts["weights"]) == weights
    assert [sentence.split()[0] for sentence in fitted.diagnostics] == told
    # The first fold is begun unknowing, and the rest is not.
    assert now == 60 * (10 if not told else 6)


def test_minutes_that_fit_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="are not enough for any member on 5 folds; give more"):
        fit(job(), config(LINEAR, max_minutes=1e-9, determinism="off"))


@pytest.mark.parametrize(
    "spoil", ["ensemble.json", "a member's model.json", "a member's weights", "another training's"]
)
def test_a_damaged_ensemble_is_refused(tmp_path: Path, spoil: str) -> None:
    folder, other = tmp_path / "model", tmp_path / "other"
    for place, seed in ((folder, 0), (other, 1)):
        place.mkdir()
        fit(job(), config(LINEAR, seed=seed)).model.save(place)
    member = folder / "members/logistic_regression/2"
    match spoil:
        case "ensemble.json":
            content = json.loads((folder / "ensemble.json").read_text())
            (folder / "ensemble.json").write_text(json.dumps({**content, "temperature": 9}))
        case "a member's model.json":
            (member / "model.json").unlink()
        case "a member's weights":
            (member / "model.skops").write_bytes(b"")
        case _:
            for file in (other / "members/logistic_regression/2").iterdir():
                (member / file.name).write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="train again"):
        trainers.load(folder, SPEC)


def test_what_it_takes_to_predict_is_what_its_members_take(tmp_path: Path) -> None:
    fit(job(), config(FOREST, TREES)).model.save(tmp_path)
    assert set(trainers.requirements(tmp_path)) == {"scipy", "scikit-learn", "skops", "lightgbm"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"members": []}, "at least 1 item"),
        (
            {"members": [{**TREES, "target_transform": "log1p"}], "target_transform": "log1p"},
            r"members\[0\] \(lightgbm\): target_transform is that of the ensemble; take it out of one of the two",
        ),
        ({"members": [{**TREES, "refit": "all_rows"}]}, r"members\[0\] \(lightgbm\): members learn from all rows"),
        ({"members": [{"kind": "torch", "network": {"kind": "mlp"}, "workers": 2}]}, "workers is for a network alone"),
        ({"members": [{"kind": "ensemble", "members": [TREES]}]}, "torch.*lightgbm.*sklearn"),
        ({"max_minutes": 5}, "set determinism: off with it"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(EnsembleTrain).validate_python({"kind": "ensemble", "members": [TREES], **settings})

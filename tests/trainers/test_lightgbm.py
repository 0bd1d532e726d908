"""LightGBM: what is its alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.lightgbm import LightgbmTrainer
from tasks.trainers.lightgbm.matrix import Layout, feature_names
from tasks.training.listeners import History
from tests.projects import REPOSITORY

FIELD = Field(name="x", kind="dense", shape=(2,), labels=('x "1"', "größe [µm]"))
SPEC = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))

NUMBER = Field(name="age", kind="dense", shape=(1,), labels=("age",))
SIZES = Field(name="sizes", kind="dense", shape=(2,), labels=("sizes", "sizes missing"))
TOWN = Field(name="town", kind="category_index", shape=(12,), labels=tuple(f"town={index}" for index in range(12)))
WORDS = Field(name="words", kind="sparse", shape=(4,), labels=tuple("abcd"))
MIXED = (NUMBER, SIZES, TOWN, WORDS)
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
RANDOM = {"feature_fraction": 0.7, "bagging_fraction": 0.6}


def config(**changes: Any) -> LightgbmTrain:
    return LightgbmTrain(**{"kind": "lightgbm", "num_iterations": 23, "min_data_in_leaf": 5, **changes})


def examples(num_rows: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    values = random.normal(size=(num_rows, 2)).astype(np.float32)
    target = (values[:, 0] + random.normal(size=num_rows) > 0).astype(np.int64)
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=num_rows), target=target)


def job(**changes: Any) -> Job:
    return Job(spec=SPEC, train=examples(300, 0), validation=examples(200, 1), **changes)


def mixed_examples(task: Any, num_rows: int, seed: int) -> Examples:
    """Rows of every kind of block; the target is in the towns with an even index, the age and a word."""
    random = np.random.default_rng(seed)
    town = random.integers(0, 12, num_rows).astype(np.int32)
    words = random.normal(size=(num_rows, 4)) * (random.random((num_rows, 4)) < 0.3)
    blocks = {
        "age": random.normal(size=(num_rows, 1)).astype(np.float32),
        "sizes": random.normal(size=(num_rows, 2)).astype(np.float32),
        "town": town,
        "words": csr_matrix(words.astype(np.float32)),
    }
    signal = 2.0 * (town % 2 == 0) + blocks["age"][:, 0] + words[:, 0] + random.normal(scale=0.5, size=num_rows)
    if task == "regression":
        target: Any = (50 * signal).astype(np.float32)
    else:
        target = np.digitize(signal, [1.0] if task == "binary" else [0.5, 1.5])
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=target)


def mixed_job(task: Any = "binary", fields: tuple[Field, ...] = MIXED, **changes: Any) -> Job:
    spec = Spec(fields=fields, task=task, classes=CLASSES[task])
    return Job(spec=spec, train=mixed_examples(task, 300, 0), validation=mixed_examples(task, 120, 1), **changes)


def text(one: Job, settings: LightgbmTrain) -> str:
    return str(LightgbmTrainer().fit(one, settings).model.text)


def test_stops_early_and_keeps_the_best_trees() -> None:
    history = History()
    fitted = LightgbmTrainer().fit(
        job(listeners=[history]), LightgbmTrain(kind="lightgbm", learning_rate=0.3, patience=5)
    )
    losses = [row["validation_loss"] for row in history.rows]
    best = int(np.argmin(losses)) + 1
    assert fitted.facts == {"trees": best + 5, "best_tree": best}
    assert len(history.rows) == best + 5 < 500
    assert fitted.model.booster.num_trees() == best


def test_the_model_names_its_inputs() -> None:
    booster = LightgbmTrainer().fit(job(), config(num_iterations=2)).model.booster
    assert booster.feature_name() == ["x_1", "größe_µm"]


def test_feature_names_are_what_lightgbm_takes_and_unique() -> None:
    names = feature_names(["a b", "a:b", "a_b", "", "[]", 'x,"y"', "a_b_2"])
    assert len(set(names)) == len(names)
    assert not any(set(name) & set(' ",:[]{}') for name in names)


def test_says_nothing_on_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    constant = job()
    constant.train.inputs.blocks["x"][:, 1] = 1
    LightgbmTrainer().fit(constant, config(min_data_in_leaf=200))
    LightgbmTrainer().fit(mixed_job(), config())
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("changes", [{}, RANDOM])
def test_the_file_does_not_tell_the_number_of_threads(
    changes: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.trainers.lightgbm.settings._WORTH_SHARING", 0)
    texts, histories = set(), set()
    for cores in (1, 2):
        monkeypatch.setattr("tasks.trainers.lightgbm.settings.num_cores", lambda cores=cores: cores)
        history = History()
        texts.add(text(mixed_job(listeners=[history]), config(**changes)))
        histories.add(json.dumps(history.rows))
    assert len(texts) == len(histories) == 1


def test_trees_are_those_of_lightgbm_itself() -> None:
    import lightgbm

    from tasks.trainers.lightgbm.model import LabelScale
    from tasks.trainers.lightgbm.settings import settings as parameters

    one, layout = mixed_job("multiclass"), Layout(mixed_job("multiclass").spec, "native")
    dataset = lightgbm.Dataset(
        layout.matrix(one.train.loaded().inputs), one.train.targets(), None, feature_name=layout.names,
        categorical_feature=layout.native,
    )  # fmt: skip
    booster = lightgbm.train(parameters(layout, config(), LabelScale(), 300), dataset)
    best = LightgbmTrainer().fit(one, config(patience=23)).model.booster
    inputs = layout.matrix(mixed_examples("multiclass", 100, 2).inputs)
    same = booster.predict(inputs, num_iteration=best.current_iteration())
    assert best.current_iteration() > 5
    assert np.array_equal(best.predict(inputs), same)


def test_iterations_without_a_split_add_no_tree_that_counts() -> None:
    one = mixed_job("regression", (NUMBER,))
    fitted = LightgbmTrainer().fit(one, config(min_data_in_leaf=149, num_iterations=200, learning_rate=0.9, patience=9))
    assert fitted.model.booster.num_trees() == fitted.facts["best_tree"]
    constant = replace(one, train=replace(one.train, target=np.full(300, 7, dtype=np.float32)))
    answers = LightgbmTrainer().fit(constant, config(patience=12)).model.predict(one.validation.loaded().inputs)
    assert np.allclose(answers, 7)


# Killed


class Killer(History):
    """Kills its process when a tree is grown, as the system does: nothing is tidied up."""

    def __init__(self, iteration: int) -> None:
        super().__init__()
        self.iteration = iteration

    def epoch_ended(self, epoch: int, metrics: Any) -> None:
        super().epoch_ended(epoch, metrics)
        if epoch == self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)


def train_and_write(folder: Path, killer: Killer) -> None:
    """A whole training, and its model, facts and curve."""
    fitted = LightgbmTrainer().fit(
        mixed_job("multiclass", checkpoints=folder / "checkpoints", listeners=[killer]), config(**RANDOM)
    )
    (folder / "model.txt").write_text(fitted.model.text)
    (folder / "curve.json").write_text(json.dumps([killer.rows, fitted.facts]))


def test_a_training_that_was_killed_begins_anew_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    for name, iteration in (("killed", 12), ("killed", -1), ("whole", -1)):
        (tmp_path / name).mkdir(exist_ok=True)
        code = (
            "from tests.trainers.test_lightgbm import *\n"
            f"train_and_write(Path({str(tmp_path / name)!r}), Killer({iteration}))"
        )
        status = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, timeout=120).returncode
        assert status == (0 if iteration < 0 else -signal.SIGKILL)
        if iteration > 0:
            assert list((tmp_path / name).iterdir()) == []
    for file in ("model.txt", "curve.json"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


# Categories


def test_native_categories_are_one_column_each() -> None:
    layout = Layout(mixed_job().spec, "native")
    matrix = layout.matrix(mixed_examples("binary", 50, 3).inputs).toarray()
    assert layout.native == [3]
    assert layout.names[3] == "town"
    assert matrix.shape == (50, layout.num_columns) == (50, 8)
    assert np.array_equal(matrix[:, 3], mixed_examples("binary", 50, 3).inputs.blocks["town"])
    assert Layout(mixed_job().spec, "one_hot").num_columns == 19
    assert Layout(mixed_job().spec, "one_hot").native == []


def test_a_native_split_takes_any_set_of_categories() -> None:
    """Which of twelve towns are even is one split of indices, and seven of ones and zeros."""
    inputs = mixed_examples("binary", 400, 0).inputs
    part = Examples(inputs=inputs, target=(inputs.blocks["town"] % 2 == 0).astype(np.int64))
    one = Job(spec=Spec(fields=(TOWN,), task="binary", classes=("no", "yes")), train=part, validation=part)
    stumps = {"num_leaves": 2, "num_iterations": 3, "learning_rate": 0.5}
    accuracy = {}
    for categories in ("native", "one_hot"):
        model = LightgbmTrainer().fit(one, config(categories=categories, **stumps)).model
        accuracy[categories] = np.mean(model.predict(inputs).argmax(axis=1) == part.target)
    assert accuracy["native"] == 1
    assert accuracy["one_hot"] < 0.9


@pytest.mark.parametrize(
    ("num_categories", "categories", "takes_sets"),
    [(8, "native", False), (9, "native", True), (9, "one_by_one", False), (40, "one_by_one", False)],
)
def test_of_few_categories_a_split_asks_for_one(num_categories: int, categories: str, takes_sets: bool) -> None:
    field = replace(TOWN, shape=(num_categories,), labels=tuple(f"town={index}" for index in range(num_categories)))
    spec = Spec(fields=(field,), task="binary", classes=("no", "yes"))
    random = np.random.default_rng(0)
    town = random.integers(0, num_categories, 4000).astype(np.int32)
    target = (random.random(4000) < np.where(town % 2, 0.9, 0.1)).astype(np.int64)
    rows = Examples(inputs=ModelInput(blocks={"town": town}, num_rows=4000), target=target)
    one = Job(spec=spec, train=rows, validation=rows)
    model = LightgbmTrainer().fit(one, config(num_iterations=1, num_leaves=4, categories=categories)).model
    trees = model.booster.dump_model()["tree_info"]
    sets = re.findall(r"'threshold': '([0-9|]+)'", str(trees))
    assert sets
    assert any("|" in of_split for of_split in sets) == takes_sets


@pytest.mark.parametrize("categories", ["native", "one_by_one", "one_hot"])
def test_text_beside_categories_changes_no_answer(categories: str, tmp_path: Path) -> None:
    """A sparse matrix leaves index 0 out, and must mean it all the same, also for a model that was loaded."""
    silent = Field(name="words", kind="sparse", shape=(4,), labels=tuple("abcd"))
    answers = []
    for fields in ((NUMBER, TOWN), (NUMBER, TOWN, silent)):
        one = mixed_job(fields=fields)
        for part in (one.train, one.validation):
            part.loaded().inputs.blocks["words"].data[:] = 0  # type: ignore[index]
        test = mixed_examples("binary", 80, 4).inputs
        test.blocks["words"].data[:] = 0
        model = LightgbmTrainer().fit(one, config(categories=categories)).model
        model.save(tmp_path)
        loaded = LightgbmTrainer().load(tmp_path, one.spec)
        assert np.array_equal(model.predict(test), loaded.predict(test))
        answers.append(model.predict(test))
    assert np.array_equal(*answers)


def test_few_rows_of_pictures_are_the_same_numbers_as_many() -> None:
    scan = Field(name="scan", kind="image", shape=(3, 4, 4), factor=(0.1, 0.2, 0.3), offset=(0.0, 1.0, 2.0))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4)).astype(np.uint8)
    layout = Layout(Spec(fields=(scan,), task="regression", classes=()), "native")
    rows = ModelInput(blocks={"scan": pixels}, num_rows=5)
    np.testing.assert_array_equal(layout.matrix_to_ask(rows), layout.matrix(rows))


@pytest.mark.parametrize("task", CLASSES)
@pytest.mark.parametrize("categories", ["native", "one_by_one", "one_hot"])
def test_few_rows_are_asked_zeros_and_all_and_answered_as_many_are(categories: Any, task: Any) -> None:
    spec = Spec(fields=MIXED, task=task, classes=CLASSES[task])
    train, validation = mixed_examples(task, 300, 0), mixed_examples(task, 200, 1)
    model = (
        LightgbmTrainer().fit(Job(spec=spec, train=train, validation=validation), config(categories=categories)).model
    )
    layout, rows = model.layout, validation.inputs
    np.testing.assert_array_equal(layout.matrix_to_ask(rows), layout.matrix(rows).toarray())
    many = model.booster.predict(layout.matrix(rows))
    few = np.concatenate(
        [model.booster.predict(layout.matrix_to_ask(rows.take(np.array([row])))) for row in range(200)]
    )
    assert few.tobytes() == np.asarray(many).tobytes()


def test_a_model_from_before_native_categories_reads_them_one_hot(tmp_path: Path) -> None:
    one, test = mixed_job(), mixed_examples("binary", 50, 5).inputs
    model = LightgbmTrainer().fit(one, config(categories="one_hot")).model
    model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    assert card.pop("categories") == "one_hot"
    (tmp_path / "model.json").write_text(json.dumps(card))
    assert np.array_equal(LightgbmTrainer().load(tmp_path, one.spec).predict(test), model.predict(test))
    (tmp_path / "model.json").write_text(json.dumps({**card, "categories": "sideways"}))
    with pytest.raises(UserError, match=r"damaged .*sideways.* train again"):
        LightgbmTrainer().load(tmp_path, one.spec)


# Class weights


def test_the_loss_that_stops_the_training_is_the_one_that_is_learnt() -> None:
    history, weights = History(), {"yes": 7.0}
    one = job(listeners=[history])
    model = LightgbmTrainer().fit(one, config(class_weight=weights, num_iterations=1)).model
    answers, target = model.predict(one.validation.loaded().inputs), one.validation.targets()
    counts = np.where(target == 1, 7.0, 1.0)
    losses = -np.log(answers[np.arange(len(target)), target])
    assert history.rows[0]["validation_loss"] == pytest.approx(np.average(losses, weights=counts))
    assert history.rows[0]["validation_accuracy"] == pytest.approx(np.mean(answers.argmax(axis=1) == target))


def test_the_accuracy_is_the_plain_one_for_several_classes() -> None:
    history = History()
    one = mixed_job("multiclass", listeners=[history])
    model = LightgbmTrainer().fit(one, config(class_weight={"c": 5.0}, num_iterations=1)).model
    accuracy = np.mean(model.predict(one.validation.loaded().inputs).argmax(axis=1) == one.validation.targets())
    assert history.rows[0]["validation_accuracy"] == pytest.approx(accuracy)


def test_balanced_weights_find_more_of_a_rare_class() -> None:
    def rare(num_rows: int, seed: int) -> Examples:
        part = examples(num_rows, seed)
        values = part.inputs.blocks["x"][:, 0] + np.random.default_rng(seed + 9).normal(size=num_rows)
        return replace(part, target=(values > 1.8).astype(np.int64))

    one, test = replace(job(), train=rare(900, 0), validation=rare(400, 1)), rare(900, 2)
    found = {}
    for weight in (None, "balanced"):
        answers = LightgbmTrainer().fit(one, config(class_weight=weight)).model.predict(test.inputs)
        found[weight] = np.mean(answers[test.target == 1].argmax(axis=1))
    assert found["balanced"] > found[None] + 0.2


@pytest.mark.parametrize(
    ("task", "weights", "message"),
    [
        ("binary", {"maybe": 2.0}, "no class 'maybe'; its classes are 'no', 'yes'"),
        ("regression", "balanced", "the target is a number and has no classes"),
    ],
)
def test_refuses_weights_that_fit_no_class(task: str, weights: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LightgbmTrainer().fit(mixed_job(task), config(class_weight=weights))


# Monotone columns, shape of the trees, devices


@settings(derandomize=True, deadline=None, max_examples=6)
@given(
    seed=st.integers(0, 1000),
    direction=st.sampled_from(["increasing", "decreasing"]),
    task=st.sampled_from(["binary", "regression"]),
)
def test_answers_rise_or_fall_with_a_monotone_column(seed: int, direction: Any, task: Any) -> None:
    """Whatever the other columns say, and although the target goes up and down with this one."""
    random = np.random.default_rng(seed)
    one = mixed_job(task)
    age = one.train.loaded().inputs.blocks["age"]
    wave = np.sin(4 * age[:, 0]) + random.normal(scale=0.3, size=len(age))
    target = (wave > 0).astype(np.int64) if task == "binary" else wave.astype(np.float32)
    one = replace(one, train=replace(one.train, target=target), validation=replace(one.train, target=target))
    model = LightgbmTrainer().fit(one, config(monotone={"age": direction})).model
    rows = mixed_examples(task, 30, seed).inputs
    answers = []
    for value in np.linspace(-3, 3, 13):
        rows.blocks["age"][:] = value
        found = model.predict(rows)
        answers.append(found[:, 1] if task == "binary" else found)
    steps = np.diff(np.array(answers), axis=0) * (1 if direction == "increasing" else -1)
    assert (steps >= 0).all()
    assert model.booster.params["monotone_constraints"]


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        ("agee", "binary", "agee is no feature; did you mean age"),
        ("town", "binary", "town is a category, .* possible are age"),
        ("words", "binary", "words is text, .* possible are age"),
        ("sizes", "binary", r"sizes is made into 2 inputs \(sizes, sizes missing\), .* possible are age"),
        ("age", "multiclass", "the target has 3 classes"),
    ],
)
def test_refuses_what_cannot_be_monotone(column: str, task: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LightgbmTrainer().fit(mixed_job(task), config(monotone={column: "increasing"}))


def test_max_depth_bounds_the_trees() -> None:
    booster = LightgbmTrainer().fit(mixed_job(), config(max_depth=2)).model.booster
    assert booster.trees_to_dataframe()["node_depth"].max() == 3  # counted from 1
    assert LightgbmTrainer().fit(mixed_job(), config()).model.booster.trees_to_dataframe()["node_depth"].max() > 3


def test_a_strong_l1_penalty_leaves_nothing_to_say() -> None:
    def spread(penalty: float) -> float:
        answers = (
            LightgbmTrainer()
            .fit(mixed_job(), config(lambda_l1=penalty))
            .model.predict(mixed_examples("binary", 50, 6).inputs)
        )
        return float(np.ptp(answers[:, 1]))

    assert spread(1e6) == 0 < spread(0)


def test_bagging_draws_rows_and_says_so_in_the_file() -> None:
    drawn = text(mixed_job(), config(bagging_fraction=0.5))
    assert "[bagging_freq: 1]" in drawn
    assert drawn != text(mixed_job(), config(bagging_fraction=0.5, seed=1))


@pytest.mark.parametrize("device", ["gpu", "cuda"])
def test_a_device_that_is_not_there_is_the_users_to_mend(device: Any) -> None:
    import lightgbm

    parameters, part = {"device_type": device, "verbosity": -1}, examples(100, 0)
    try:
        lightgbm.train(parameters, lightgbm.Dataset(part.inputs.blocks["x"], part.target), 1)
    except lightgbm.basic.LightGBMError:
        with pytest.raises(
            UserError, match=rf"train\.device {device}: LightGBM cannot use it \(.+\); set `train: device"
        ):
            LightgbmTrainer().fit(mixed_job(), config(device=device))
    else:
        assert LightgbmTrainer().fit(mixed_job(), config(device=device)).facts["trees"] > 1


def test_auto_is_the_cpu_where_no_gpu_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.trainers.lightgbm import settings

    monkeypatch.setattr(settings, "_can_use", lambda device: False)
    assert text(mixed_job(), config(device="auto")) == text(mixed_job(), config(device="cpu"))
    monkeypatch.setattr(settings, "_can_use", lambda device: device == "gpu")
    assert settings.with_device(config(device="auto")).device == "gpu"


@pytest.mark.parametrize("asked", [{"max_depth": 3}, {"monotone": {"x": "increasing"}}])
def test_what_lightgbm_ignores_on_cuda_is_refused_there_and_auto_goes_elsewhere(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LightGBM's issues 6969 and 4781."""
    from tasks.trainers.lightgbm import settings

    with pytest.raises(ValidationError, match=f"LightGBM does not look at {next(iter(asked))} there; use device: cpu"):
        config(device="cuda", **asked)
    monkeypatch.setattr(settings, "_can_use", lambda device: device == "cuda")
    assert settings.with_device(config(device="auto", **asked)).device == "cpu"
    assert settings.with_device(config(device="auto")).device == "cuda"


@pytest.mark.parametrize("device", ["gpu", "cuda"])
def test_a_device_is_tried_with_a_tree(device: str) -> None:
    """On a machine without a GPU both say no, and neither raises; with one, the answer is that of a real training."""
    from tasks.trainers.lightgbm import settings

    if settings._can_use(device):
        assert LightgbmTrainer().fit(mixed_job(), config(device=device)).facts["device"] == device
    else:
        with pytest.raises(UserError, match="LightGBM cannot use it"):
            LightgbmTrainer().fit(mixed_job(), config(device=device))

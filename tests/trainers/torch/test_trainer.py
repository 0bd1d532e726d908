"""The settings of the torch trainer, each in a whole training."""

from __future__ import annotations

import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tasks.errors import UserError
from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.torch import TorchTrain
from tasks.tables import storage
from tasks.trainers.base import Job
from tasks.trainers.torch import TorchTrainer
from tasks.trainers.torch.model import _kept_config, load_model
from tasks.trainers.torch.state import Training
from tasks.training.listeners import History
from tests.trainers.torch.killed_training import contents, make_job

FIELD = Field(name="x", kind="dense", shape=(4,), labels=tuple("abcd"))
BINARY = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))
NUMBER = Spec(fields=(FIELD,), task="regression", classes=())
SMALL_CNN = {"kind": "cnn", "channels": [4], "convolutions": 1, "hidden": 8, "dropout": 0.1}


def config(**changes: Any) -> TorchTrain:
    given = {"kind": "torch", "network": {"kind": "mlp", "hidden": [8]}, "epochs": 3, "device": "cpu", **changes}
    return TorchTrain.model_validate(given)


def examples(spec: Spec, num_rows: int, seed: int) -> Examples:
    drawn = np.random.default_rng(seed)
    values = drawn.normal(size=(num_rows, 4)).astype(np.float32)
    answer = values[:, 0] - 0.5 * values[:, 1]
    target = (answer > 0).astype(np.int64) if spec.classes else (100 * answer).astype(np.float32)
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=num_rows), target=target)


def job(spec: Spec = BINARY, **changes: Any) -> Job:
    return replace(Job(spec=spec, train=examples(spec, 200, 0), validation=examples(spec, 100, 1)), **changes)


def stored(given: Examples, spec: Spec, folder: Path, rows_per_part: int = 60) -> StoredExamples:
    frame = pl.DataFrame(
        [*(to_series(f.name, f, given.inputs.blocks[f.name]) for f in spec.fields), pl.Series("target", given.target)]
    )
    storage.write_parts(folder, frame.iter_slices(rows_per_part))
    return StoredExamples(spec=spec, target="target", files=tuple(storage.part_files(folder)))


def saved(fitted: Any, folder: Path) -> Path:
    folder.mkdir()
    fitted.model.save(folder)
    return folder


def weights(fitted: Any) -> dict[str, torch.Tensor]:
    return dict(fitted.model.network.state_dict())


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


# How long.


def test_max_steps_ends_in_the_middle_of_an_epoch_which_is_validated() -> None:
    history = History()
    facts = TorchTrainer().fit(job(listeners=[history]), config(batch_size=50, max_steps=6, epochs=9)).facts
    assert (facts["steps"], facts["epochs"], len(history.rows)) == (6, 2, 2)


def test_max_minutes_ends_the_training() -> None:
    settings = config(determinism="off", precision="float32", max_minutes=0.02, epochs=100_000)
    assert 1 <= TorchTrainer().fit(job(), settings).facts["epochs"] < 100_000


def test_with_max_minutes_the_rate_falls_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that a step moves by a twentieth of the time: by steps the rate would not fall in 100,000 epochs.
    monkeypatch.setattr(Training, "share_of_time", lambda training: min(training.progress.step / 20, 1.0))
    history = History()
    settings = config(determinism="off", precision="float32", max_minutes=1, epochs=100_000)
    assert TorchTrainer().fit(job(listeners=[history]), settings).facts["steps"] == 20
    assert 0 < history.rows[-1]["learning_rate"] < 0.01 * settings.learning_rate


# What is learnt.


def test_two_classes_by_one_sigmoid_and_squared_errors(tmp_path: Path) -> None:
    network = {"kind": "mlp", "hidden": [5], "activation": "sigmoid", "dropout": 0}
    fitted = TorchTrainer().fit(job(), config(network=network, loss="mse", epochs=40, learning_rate=0.05))
    assert weights(fitted)["head.3.weight"].shape == (1, 5)
    answers = fitted.model.predict(job().validation.loaded().inputs)
    assert answers.shape == (100, 2)
    assert np.allclose(answers.sum(axis=1), 1)
    assert np.mean(answers.argmax(axis=1) == job().validation.targets()) > 0.9
    loaded = load_model(saved(fitted, tmp_path / "model"), BINARY)
    assert np.array_equal(loaded.predict(job().validation.loaded().inputs), answers)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_every_loss_of_a_number_learns_it(loss: str) -> None:
    settings = config(network={"kind": "mlp", "hidden": [], "dropout": 0}, loss=loss, epochs=40, learning_rate=0.05)
    fitted = TorchTrainer().fit(job(NUMBER), settings)
    errors = fitted.model.predict(job(NUMBER).validation.loaded().inputs) - job(NUMBER).validation.targets()
    assert np.sqrt(np.mean(errors**2)) < 10  # the target's deviation is 110


def test_l1_makes_weights_of_what_says_nothing_small() -> None:
    linear = {"network": {"kind": "mlp", "hidden": [], "dropout": 0}, "epochs": 60, "learning_rate": 0.05}
    free = weights(TorchTrainer().fit(job(NUMBER), config(**linear, weight_decay=0)))["head.0.weight"][0]
    bound = weights(TorchTrainer().fit(job(NUMBER), config(**linear, weight_decay=0, l1=0.05)))["head.0.weight"][0]
    assert bound.abs()[2:].max() < 0.02
    assert bound.abs().sum() < free.abs().sum()
    assert bound[0] > 0.5


def test_a_clipped_gradient_makes_a_short_step() -> None:
    plain = {
        "optimizer": "sgd",
        "momentum": 0,
        "weight_decay": 0,
        "schedule": "constant",
        "batch_size": 200,
        "epochs": 1,
    }
    start = weights(TorchTrainer().fit(job(), config(**plain, learning_rate=1e-12)))
    for clip_norm, shortest, longest in ((1e-3, 0.9e-3, 1.1e-3), (1e6, 1e-2, 1e2)):
        moved = weights(TorchTrainer().fit(job(), config(**plain, learning_rate=1.0, clip_norm=clip_norm)))
        length = sum(float((moved[name] - start[name]).square().sum()) for name in start) ** 0.5
        assert shortest < length < longest


def test_averaged_weights_are_what_is_kept_and_measured() -> None:
    history = History()
    settings = config(ema_decay=0.9, epochs=4, learning_rate=0.05)
    fitted = TorchTrainer().fit(job(listeners=[history]), settings)
    assert not same(weights(fitted), weights(TorchTrainer().fit(job(), config(epochs=4, learning_rate=0.05))))
    answers = fitted.model.predict(job().validation.loaded().inputs)
    loss = -np.log(answers[np.arange(100), job().validation.targets()]).mean()
    assert min(row["validation_loss"] for row in history.rows) == pytest.approx(loss, abs=1e-6)


def test_a_batch_norm_of_averaged_weights_answers_as_it_was_measured() -> None:
    history = History()
    fitted = TorchTrainer().fit(
        make_job(None, (history,)), config(network=SMALL_CNN, ema_decay=0.8, epochs=3, batch_size=16)
    )
    validation = make_job(None).validation
    answers = fitted.model.predict(validation.inputs)
    loss = -np.log(answers[np.arange(40), validation.target]).mean()
    assert min(row["validation_loss"] for row in history.rows) == pytest.approx(loss, abs=1e-6)


# How it is answered.


def test_shifted_images_are_answered_by_their_mean(tmp_path: Path) -> None:
    settings = config(network=SMALL_CNN, test_time_augmentation="shift")
    fitted = TorchTrainer().fit(make_job(None), settings)
    inputs = make_job(None).validation.inputs
    answers = fitted.model.predict(inputs)
    fitted.model.config = settings.model_copy(update={"test_time_augmentation": "none"})
    images = np.pad(inputs.blocks["scan"], ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    windows = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    shifted = [images[:, :, down : down + 8, across : across + 8] for down, across in windows]
    each = [fitted.model.predict(replace(inputs, blocks={"scan": np.ascontiguousarray(some)})) for some in shifted]
    assert np.allclose(answers, np.mean(each, axis=0), atol=1e-7)
    fitted.model.config = settings
    loaded = load_model(saved(fitted, tmp_path / "model"), make_job(None).spec)
    assert np.array_equal(loaded.predict(inputs), answers)


def test_test_time_augmentation_needs_an_image() -> None:
    with pytest.raises(UserError, match="test_time_augmentation"):
        TorchTrainer().fit(job(), config(test_time_augmentation="flip"))


def test_rows_of_another_shape_are_refused_with_both_shapes() -> None:
    fitted = TorchTrainer().fit(job(), config(epochs=1))
    wrong = ModelInput(blocks={"x": np.zeros((3, 5), dtype=np.float32)}, num_rows=3)
    with pytest.raises(UserError, match=r"column x: .*\(4,\).*\(5,\)"):
        fitted.model.predict(wrong)


@pytest.mark.parametrize("network", [{"kind": "mlp", "hidden": [64, 32]}, SMALL_CNN], ids=["mlp", "cnn"])
def test_a_row_has_the_same_answer_in_any_company(network: dict[str, Any]) -> None:
    fitted = TorchTrainer().fit(make_job(None), config(network=network, epochs=1))
    images = make_job(None).validation.inputs.blocks["scan"]

    def answers(rows: slice) -> Any:
        some = images[rows]
        return fitted.model.predict(ModelInput(blocks={"scan": some}, num_rows=len(some)))

    together = answers(slice(None))
    for num_rows in (1, 2, 3, 5, 7, 15, 16, 17):
        assert np.array_equal(answers(slice(3, 3 + num_rows)), together[3 : 3 + num_rows]), num_rows


def test_the_best_state_is_chosen_by_the_loss_that_is_learnt() -> None:
    """A network that learns smoothed labels is never sure: by the plain loss another epoch could look best."""
    history = History()
    settings = config(label_smoothing=0.3, epochs=2)
    fitted = TorchTrainer().fit(job(listeners=[history]), settings)
    answers = torch.from_numpy(np.log(fitted.model.predict(job().validation.loaded().inputs)))
    target = torch.from_numpy(job().validation.targets())
    expected = torch.nn.functional.cross_entropy(answers, target, label_smoothing=0.3)
    assert min(row["validation_loss"] for row in history.rows) == pytest.approx(float(expected), abs=1e-6)


# In which way.


def test_strict_computes_plainly_and_says_nothing_of_it() -> None:
    assert "way" not in TorchTrainer().fit(make_job(None), config(network=SMALL_CNN, epochs=1)).facts


def test_off_chooses_by_measuring_and_says_what(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="tasks"):
        fitted = TorchTrainer().fit(make_job(None), config(network=SMALL_CNN, determinism="off", epochs=2))
    (said,) = [record.getMessage() for record in caplog.records if "ms a step" in record.getMessage()]
    assert "float32" in said
    assert "channels_last" in said
    assert fitted.facts.get("way", "float32") in said


def test_the_trial_leaves_no_trace() -> None:
    """With the way given or found, the training begins with the same weights, statistics and random numbers."""
    settings = {"network": SMALL_CNN, "determinism": "off", "epochs": 2, "precision": "float32"}
    found = TorchTrainer().fit(make_job(None), config(**settings))
    given = TorchTrainer().fit(make_job(None), config(**settings, layout="contiguous"))
    for name, value in weights(given).items():
        assert torch.allclose(weights(found)[name], value, atol=1e-4), name


def test_bf16_learns_and_is_kept_in_float32() -> None:
    fitted = TorchTrainer().fit(make_job(None), config(network=SMALL_CNN, precision="bf16", epochs=12, batch_size=16))
    assert fitted.facts["way"] == "bf16"
    assert {value.dtype for value in weights(fitted).values() if value.is_floating_point()} == {torch.float32}
    answers = fitted.model.predict(make_job(None).validation.inputs)
    assert np.mean(answers.argmax(axis=1) == make_job(None).validation.target) > 0.9


@pytest.mark.chain
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_network_learns_the_same_to_rounding() -> None:
    network = {"kind": "mlp", "hidden": [8], "dropout": 0}
    plain = TorchTrainer().fit(job(), config(network=network))
    compiled = TorchTrainer().fit(job(), config(network=network, compile=True))
    assert compiled.facts["way"] == "float32 with torch.compile"
    for name, value in weights(plain).items():
        assert torch.allclose(weights(compiled)[name], value, atol=1e-4), name


# From where.


def test_streamed_rows_are_learnt_and_go_on_to_the_same_bytes(tmp_path: Path) -> None:
    from tests.trainers.torch.test_checkpoints import Killed, KilledAt

    given = job()
    files = {
        "train": stored(given.train.loaded(), BINARY, tmp_path / "train"),
        "validation": stored(given.validation.loaded(), BINARY, tmp_path / "validation"),
    }
    settings = config(max_memory_mib=0, epochs=6, learning_rate=0.02, batch_size=32, checkpoint_steps=2)
    whole = TorchTrainer().fit(job(**files), settings)
    with pytest.raises(Killed):
        TorchTrainer().fit(job(**files, checkpoints=tmp_path / "checkpoints", listeners=[KilledAt(3)]), settings)
    after = TorchTrainer().fit(job(**files, checkpoints=tmp_path / "checkpoints"), settings)
    assert contents(saved(whole, tmp_path / "whole")) == contents(saved(after, tmp_path / "after"))
    answers = whole.model.predict(given.validation.loaded().inputs)
    assert np.mean(answers.argmax(axis=1) == given.validation.targets()) > 0.85


def test_begins_with_the_weights_of_a_model_and_leaves_frozen_ones(tmp_path: Path) -> None:
    first = saved(TorchTrainer().fit(make_job(None), config(network=SMALL_CNN, epochs=6)), tmp_path / "first")
    before = load_model(first, make_job(None).spec).network.state_dict()
    settings = config(network=SMALL_CNN | {"hidden": 9}, init_from="models/first", freeze=["encoders"], epochs=2)
    fitted = TorchTrainer().fit(replace(make_job(None), init_from=first), settings)
    found = weights(fitted)
    encoders = [name for name in found if name.startswith("encoders")]
    assert len(encoders) > 3
    for name in encoders:  # batch norm's statistics, too
        assert torch.equal(found[name], before[name]), name
    said = fitted.facts["taken_over"]
    assert re.match(r"\d+ of \d+ weights from models/first; of another shape: head\.", said), said


def test_slow_weights_move_less(tmp_path: Path) -> None:
    first = saved(TorchTrainer().fit(make_job(None), config(network=SMALL_CNN, epochs=2)), tmp_path / "first")
    before = load_model(first, make_job(None).spec).network.state_dict()

    def moved(**changes: Any) -> float:
        settings = config(network=SMALL_CNN, epochs=1, max_steps=1, batch_size=100, init_from="first", **changes)
        after = weights(TorchTrainer().fit(replace(make_job(None), init_from=first), settings))
        names = [name for name in after if name.startswith("encoders") and name.endswith("weight")]
        return sum(float((after[name] - before[name]).abs().sum()) for name in names)

    assert moved(learning_rates={"encoders": 0.01}) < 0.1 * moved()


# What cannot be.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 201}, r"batch_size: 201 rows .* 200 training rows; give at most so many"),
        ({"device": "cuda:7"}, r"train\.device: cuda:7 is not there .*device: auto"),
        ({"loss": "mae"}, r"train\.loss.*mae"),
        ({"class_weight": {"maybe": 2.0}}, r"class_weight.*maybe.*no.*yes"),
        ({"network": {"kind": "cnn"}}, "network cnn is for image or audio columns, and none of x is one"),
        ({"learning_rates": {"nothing": 0.5}}, r"learning_rates.*nothing"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_message(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        TorchTrainer().fit(job(checkpoints=tmp_path / "checkpoints"), config(**changes))
    assert not (tmp_path / "checkpoints").exists()


def test_a_default_batch_may_be_larger_than_the_data() -> None:
    assert TorchTrainer().fit(job(train=examples(BINARY, 20, 0)), config()).facts["steps"] == 3


def test_frozen_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    first = saved(TorchTrainer().fit(job(), config(epochs=1)), tmp_path / "first")
    with pytest.raises(UserError, match=r"freeze.*backbone"):
        TorchTrainer().fit(job(init_from=first), config(init_from="first", freeze=["backbone"]))


def test_a_model_of_another_trainer_is_no_beginning(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"trainer": "lightgbm", "format": 1, "reads": {}, "weights": {}}')
    with pytest.raises(UserError, match=r"init_from: .* is of lightgbm"):
        TorchTrainer().fit(job(init_from=tmp_path), config(init_from="first"))


def test_a_model_that_was_kept_before_a_setting_was_renamed_still_loads() -> None:
    config = TorchTrain.model_validate(
        {"kind": "torch", "network": {"kind": "mlp", "hidden": [4]}, "epochs": 1, "device": "cpu"}
    )
    train = {**config.model_dump(mode="json"), "accumulation": 2, "held_mebibytes": 7}
    del train["gradient_accumulation"], train["max_memory_mib"]
    kept = _kept_config(train)
    assert (kept.gradient_accumulation, kept.max_memory_mib) == (2, 7)


def test_a_model_whose_target_scale_says_deviation_still_loads(tmp_path: Path) -> None:
    fitted = TorchTrainer().fit(job(NUMBER), config(epochs=1))
    folder = saved(fitted, tmp_path / "model")
    content = (folder / "model.json").read_text()
    assert content.count('"std"') == 1
    (folder / "model.json").write_text(content.replace('"std"', '"deviation"'))
    inputs = job(NUMBER).validation.loaded().inputs
    assert np.array_equal(load_model(folder, NUMBER).predict(inputs), fitted.model.predict(inputs))


def test_predictions_in_several_threads_are_those_of_one_and_leave_torch_as_it_was() -> None:
    model, inputs = TorchTrainer().fit(job(), config(epochs=1)).model, job().validation.loaded().inputs
    expected = model.predict(inputs)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.predict(inputs), range(40)))
        assert all(np.array_equal(answer, expected) for answer in answers)
        assert set(pool.map(lambda _: torch.get_num_threads(), range(8))) == {before[0]}
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def noisy(num_rows: int, seed: int, share: float) -> Examples:
    """That share of the answers is a toss of a coin, which no model can know."""
    of, drawn = examples(BINARY, num_rows, seed), np.random.default_rng(seed + 9)
    tossed = np.where(drawn.random(num_rows) < share, drawn.integers(0, 2, num_rows), of.target)
    return replace(of, target=tossed)


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_rows_that_are_learnt_too_slowly_are_told_and_answers_by_chance_are_not(schedule: str) -> None:
    slow = {"learning_rate": 0.003, "epochs": 40, "schedule": schedule}
    fitted = TorchTrainer().fit(job(), config(**slow))
    assert any("Under-fitting" in sentence for sentence in fitted.diagnostics)
    # As the sentence advises.
    better = TorchTrainer().fit(job(), config(**{**slow, "learning_rate": 0.03}))
    assert not any("Under-fitting" in sentence for sentence in better.diagnostics)
    for share in (0.4, 0.8):
        chance = job(train=noisy(1000, 0, share), validation=noisy(500, 1, share))
        for rate in (0.01, 0.1):
            of_chance = TorchTrainer().fit(chance, config(**{**slow, "learning_rate": rate, "epochs": 20}))
            assert not any("Under-fitting" in sentence for sentence in of_chance.diagnostics)

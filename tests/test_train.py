"""The train stage leaves a model, its history and its record, whatever the tracking server does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import files, reports, train
from tasks.columns.image.column import ImageEncoding
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Field
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.sklearn import SklearnTrain
from tasks.params.torch import TorchTrain
from tasks.params.train import Train
from tasks.paths import Paths, Project
from tasks.recipe.recipe import Feature, Recipe, Target, read_recipe, write_recipe
from tasks.splitting.fold_paths import FoldPaths
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, write_dataset
from tasks.trainers import trainer
from tasks.trainers.base import Fitted
from tasks.training.job import read_job
from tasks.training.listeners import History
from tasks.training.result import write_model

pytestmark = pytest.mark.chain

IMAGE = Field(name="scan", kind="image", shape=(1, 8, 8))


def torch_config(**changes: Any) -> TorchTrain:
    network = {"kind": "cnn", "channels": [4], "hidden": 8}
    settings = {
        "kind": "torch",
        "network": network,
        "epochs": 4,
        "batch_size": 16,
        "device": "cpu",
        "learning_rate": 0.01,
        **changes,
    }
    return TorchTrain.model_validate_json(json.dumps(settings))


def normalized(num_rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, num_rows)
    images = random.integers(0, 50, (num_rows, 1, 8, 8)).astype(np.uint8)
    images[target == 1, :, :, 4:] += 150
    return pl.DataFrame([to_series("scan", IMAGE, images), pl.Series("side", target, dtype=pl.Int64)])


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A pipeline after its augment stage, and a tracking server that nobody has started."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    of = Project(root=tmp_path).pipeline("sides")
    columns = (Column(name="scan", type="image", role="feature"), Column(name="side", type="category", role="target"))
    source = SourceRecord(kind="table", location="sides.parquet", digest="0" * 64)
    write_dataset(of.dataset, Dataset(columns=columns, task="binary", num_rows=130, source=source))
    encoding = ImageEncoding(height=8, width=8, channels=1, factor=(1 / 255,), offset=(0.0,))
    classes = Target(name="side", task="binary", classes=("left", "right"))
    write_recipe(of.recipe, Recipe(features=(Feature(name="scan", encoding=encoding),), target=classes, num_inputs=64))
    storage.write_parts(of.augmented, [normalized(60, 0), normalized(40, 1)])
    storage.write_parts(of.normalized("validation"), [normalized(30, 2)])
    files.write_json(of.augmentation_report, {"num_rows": 100, "image": {"rotate": 5, "shift": 0.05}})
    return of


def produced(paths: Paths) -> dict[str, bytes]:
    files = [*paths.model.iterdir(), paths.history, paths.run]
    return {file.name: file.read_bytes() for file in files}


def test_leaves_the_model_and_its_record(paths: Paths) -> None:
    report = train.run(torch_config(), paths)
    names = {"model.json", "model.safetensors", "recipe.json", "history.csv", "run.json"}
    assert produced(paths).keys() == names
    assert (paths.model / "recipe.json").read_bytes() == paths.recipe.read_bytes()
    record = files.read_json(paths.run)
    assert record["model"] == folder_digest(paths.model)
    assert record["trainer"] == "torch"
    assert record["params"]["network.channels"] == "[4]"
    assert record["metrics"]["validation_accuracy"] > 0.9
    assert report.figure.startswith("validation accuracy ")
    assert report.figure.endswith(f", epoch {record['facts']['best_epoch']} of 4")
    assert report == reports.train(paths)


def test_history_has_a_line_an_epoch(paths: Paths) -> None:
    train.run(torch_config(), paths)
    history = pl.read_csv(paths.history)
    assert history["epoch"].to_list() == [1, 2, 3, 4]
    assert history.columns == ["epoch", "train_loss", "validation_loss", "validation_accuracy", "learning_rate"]


def test_the_model_can_be_loaded_with_the_recipe_beside_it(paths: Paths) -> None:
    train.run(torch_config(), paths)
    spec = read_recipe(paths.model / "recipe.json").spec()
    job = read_job(torch_config(), paths, read_recipe(paths.recipe), [])
    answers = trainer("torch").load(paths.model, spec).predict(job.validation.inputs)
    accuracy = np.mean(answers.argmax(axis=1) == job.validation.target)
    assert round(float(accuracy), 6) == files.read_json(paths.run)["metrics"]["validation_accuracy"]


@pytest.mark.parametrize(
    "config",
    [
        torch_config(),
        LightgbmTrain(kind="lightgbm", num_iterations=20),
        SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}),
    ],
    ids=["torch", "lightgbm", "sklearn"],
)
def test_every_trainer_leaves_the_same_bytes_again(config: Train, paths: Paths) -> None:
    if config.kind != "torch":
        files.write_json(paths.augmentation_report, {"num_rows": 100, "image": None})
    report = train.run(config, paths)
    first = produced(paths)
    assert train.run(config, paths) == report
    assert produced(paths) == first


def test_images_are_augmented_as_the_report_of_augment_says(paths: Paths) -> None:
    train.run(torch_config(), paths)
    with_changes = produced(paths)
    files.write_json(paths.augmentation_report, {"num_rows": 100, "image": None})
    train.run(torch_config(), paths)
    assert produced(paths)["model.safetensors"] != with_changes["model.safetensors"]


def test_a_mix_is_told_by_the_report_of_augment_too(paths: Paths) -> None:
    train.run(torch_config(), paths)
    without = produced(paths)["model.safetensors"]
    told = files.read_json(paths.augmentation_report)
    files.write_json(paths.augmentation_report, {**told, "mix": {"kind": "cutmix", "alpha": 1.0, "share": 1.0}})
    train.run(torch_config(), paths)
    assert produced(paths)["model.safetensors"] != without


def test_copies_that_were_written_down_are_not_changed_once_more(paths: Paths) -> None:
    files.write_json(paths.augmentation_report, {"num_rows": 100, "image": None})
    train.run(torch_config(), paths)
    without = produced(paths)["model.safetensors"]
    files.write_json(paths.augmentation_report, {"num_rows": 100, "copies": 1, "image": {"rotate": 5}})
    train.run(torch_config(), paths)
    assert produced(paths)["model.safetensors"] == without


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"image": {"rotate": 5}}, r"lightgbm learns from rows as they are.*\(column scan\).*copies: 1.*kind: torch"),
        (
            {"mix": {"kind": "mixup"}},
            r"lightgbm learns from rows as they are, and augment\.mix\.kind mixup.*torch",
        ),
    ],
)
def test_trees_cannot_change_rows_on_the_batch(told: dict[str, Any], message: str, paths: Paths) -> None:
    files.write_json(paths.augmentation_report, {"num_rows": 100, **told})
    with pytest.raises(UserError, match=message):
        train.run(LightgbmTrain(kind="lightgbm", num_iterations=2), paths)


def test_a_server_that_is_down_costs_nothing_and_leaves_word(paths: Paths) -> None:
    train.run(torch_config(), paths)
    waiting = files.read_json(paths.undelivered)
    assert waiting == {"pipeline": "sides", "model": folder_digest(paths.model)}


@pytest.mark.filterwarnings("ignore")
def test_a_delivered_training_takes_the_word_away(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    files.write_json(paths.undelivered, {"pipeline": "sides", "model": "an older one"})
    train.run(torch_config(epochs=2), paths)
    assert not paths.undelivered.exists()


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_fails_leaves_what_was_there(paths: Paths) -> None:
    train.run(torch_config(epochs=1), paths)
    before = produced(paths)
    with pytest.raises(UserError, match="not finite"):
        train.run(torch_config(learning_rate=1e30, optimizer="sgd"), paths)
    assert produced(paths) == before


def test_a_model_is_written_whole_or_not_at_all(paths: Paths) -> None:
    class Breaks:
        def save(self, folder: Path) -> None:
            (folder / "model.json").write_text("{}")
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="the disk is full"):
        write_model(paths, Fitted(model=Breaks()))
    assert not paths.model.parent.exists() or not list(paths.model.parent.iterdir())


def test_a_missing_stage_is_named(paths: Paths) -> None:
    files.remove(paths.augmented)
    with pytest.raises(UserError, match="augmented: there is no table here"):
        train.run(torch_config(), paths)


@pytest.mark.parametrize(
    "config",
    [
        torch_config(epochs=2),
        LightgbmTrain(kind="lightgbm", num_iterations=20),
        SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}),
    ],
    ids=["torch", "lightgbm", "sklearn"],
)
def test_folds_are_a_training_each_and_change_no_model(config: Train, paths: Paths) -> None:
    # Only networks change images on the batch.
    files.write_json(paths.augmentation_report, {"num_rows": 100, "image": None})
    train.run(config, paths)
    alone = produced(paths)
    for fold in (FoldPaths.of(paths, number) for number in range(3)):
        storage.write_parts(fold.augmented, [normalized(60, fold.number)])
        storage.write_parts(fold.normalized("validation"), [normalized(30, 2)])
        storage.write_parts(fold.normalized("test"), [normalized(30, 10 + fold.number)])
        files.write_json(fold.augmentation_report, files.read_json(paths.augmentation_report))
        write_recipe(fold.recipe, read_recipe(paths.recipe))
    files.write_json(paths.folds("augment") / "folds.json", {"num_folds": 3})
    report = train.run(config, paths)
    record = files.read_json(paths.run)
    found = record["cross_validation"]
    assert {name: content for name, content in produced(paths).items() if name != "run.json"} == {
        name: content for name, content in alone.items() if name != "run.json"
    }
    assert found["num_folds"] == len(found["accuracy"]["folds"]) == 3
    assert ", 3 folds: accuracy " in report.figure
    train.run(config, paths)
    assert files.read_json(paths.run) == record


class CutOff(BaseException):
    """Stands for a signal, at the moment when it is raised."""


def cut_off(paths: Paths, config: Train, monkeypatch: pytest.MonkeyPatch, *, at_epoch: int) -> None:
    """Leaves what a training leaves that was killed when so many epochs were over."""
    told = History.epoch_ended

    def epoch_ended(history: History, epoch: int, metrics: Any) -> None:
        told(history, epoch, metrics)
        if epoch == at_epoch:
            raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(History, "epoch_ended", epoch_ended)
        with pytest.raises(CutOff):
            train.run(config, paths)


def checkpoint_of(paths: Paths) -> Path:
    (folder,) = paths.checkpoints.iterdir()
    return folder


def test_a_training_that_was_cut_off_goes_on_and_leaves_the_same_files(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = torch_config(checkpoint_steps=2)
    train.run(config, paths)
    expected = produced(paths)
    assert not paths.checkpoints.exists()
    for file in (paths.run, paths.history):
        file.unlink()
    files.remove(paths.model)
    cut_off(paths, config, monkeypatch, at_epoch=3)
    assert (checkpoint_of(paths) / "latest.json").is_file()
    began: list[int] = []
    monkeypatch.setattr(History, "started", lambda history, _: began.append(len(history.rows)))
    train.run(config, paths)
    assert produced(paths) == expected
    assert not paths.checkpoints.exists()
    assert began == [0]


def test_other_settings_begin_anew_beside_a_checkpoint(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(paths, torch_config(checkpoint_steps=2), monkeypatch, at_epoch=3)
    left = checkpoint_of(paths)
    other = torch_config(checkpoint_steps=2, seed=1)
    assert read_job(other, paths, read_recipe(paths.recipe), []).checkpoints != left
    train.run(other, paths)
    assert files.read_json(paths.run)["facts"]["epochs"] == 4


def test_other_rows_begin_anew_beside_a_checkpoint(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    config = torch_config(checkpoint_steps=2)
    cut_off(paths, config, monkeypatch, at_epoch=3)
    left = checkpoint_of(paths)
    storage.write_parts(paths.augmented, [normalized(60, 7), normalized(40, 1)])
    assert read_job(config, paths, read_recipe(paths.recipe), []).checkpoints != left


def test_a_damaged_checkpoint_is_one_message_and_nothing_is_overwritten(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.run(torch_config(), paths)
    before = produced(paths)
    config = torch_config(checkpoint_steps=2, seed=1)
    cut_off(paths, config, monkeypatch, at_epoch=2)
    (tensors,) = checkpoint_of(paths).glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"a damaged checkpoint .*remove the folder to begin the training anew"):
        train.run(config, paths)
    assert produced(paths) == before
    assert tensors.is_file()


def test_a_network_learns_from_files_when_it_may_not_hold_them(paths: Paths) -> None:
    held, streamed = torch_config(), torch_config(max_memory_mib=0)
    assert read_job(held, paths, read_recipe(paths.recipe), []).train.num_rows == 100
    assert isinstance(read_job(streamed, paths, read_recipe(paths.recipe), []).train, StoredExamples)
    train.run(streamed, paths)
    assert files.read_json(paths.run)["metrics"]["validation_accuracy"] > 0.9


def test_hints_stand_in_the_record_and_in_the_report(paths: Paths) -> None:
    # So slow that nothing moves.
    report = train.run(torch_config(epochs=6, learning_rate=1e-12), paths)
    (hint,) = report.diagnostics
    assert files.read_json(paths.run)["diagnostics"] == [hint]
    assert "learning_rate" in hint

"""Pipelines that read images through a trained network, from the train stage to the model that is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tasks import augment, evaluate, files, normalize, train
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.params.augment import Augment
from tasks.params.normalize import Normalize
from tasks.params.torch import TorchTrain
from tasks.params.train import LightgbmTrain, SklearnTrain, Train
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset, write_dataset
from tasks.tracking import package
from tasks.trainers import fit, load
from tasks.training.cross_validation import cross_validate
from tasks.training.job import read_job
from tests.trained import prepared, rows

pytestmark = pytest.mark.chain

FOLDER = "models/eyes"
SKLEARN = {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}
LIGHTGBM = {"kind": "lightgbm", "num_iterations": 20, "min_data_in_leaf": 4}


def config(kind: str, **changes: Any) -> Train:
    if kind == "sklearn":
        return SklearnTrain.model_validate({**SKLEARN, "image_features": FOLDER, **changes})
    return LightgbmTrain.model_validate({**LIGHTGBM, "image_features": FOLDER, **changes})


every_trainer = pytest.mark.parametrize("kind", ["sklearn", "lightgbm"])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """The pipeline `mixed`, prepared, in a project whose pipeline `eyes` has trained a network on the same images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        mixed = prepared(tmp_path_factory.mktemp("project"))
        _train_eyes(mixed, epochs=3)
        yield mixed


def _train_eyes(mixed: Paths, epochs: int) -> None:
    eyes, dataset = mixed.project.pipeline("eyes"), read_dataset(mixed.cleaned)
    columns = tuple(column for column in dataset.columns if column.name in ("scan", "label"))
    for path in (eyes.dataset, eyes.cleaned):
        write_dataset(path, Dataset(**{**dict(dataset), "columns": columns}))
    for part in ("train", "validation", "test"):
        storage.write_parts(eyes.split(part), storage.read_parts(mixed.split(part), ["scan", "label"]))
    normalize.run(Normalize(), eyes)
    augment.run(Augment(), eyes)
    network = {"kind": "cnn", "channels": [4], "hidden": 8}
    content = {"kind": "torch", "network": network, "epochs": epochs, "batch_size": 16, "device": "cpu"}
    train.run(TorchTrain.model_validate_json(json.dumps(content)), eyes)


def produced(paths: Paths) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in [*paths.model.iterdir(), paths.run]}


@every_trainer
def test_train_leaves_the_eyes_with_the_model_and_says_whose_they_are(kind: str, paths: Paths) -> None:
    train.run(config(kind), paths)
    first = produced(paths)
    assert first.keys() > {"model.json", "eyes.json", "eyes.safetensors", "recipe.json"}
    record = files.read_json(paths.run)
    assert record["image_features"] == folder_digest(paths.project.root / FOLDER)
    assert record["model"] == folder_digest(paths.model)
    assert "scan[seen 0]" not in (paths.model / "recipe.json").read_text()
    (scan,) = (one for one in files.read_json(paths.model / "model.json")["reads"]["fields"] if one["name"] == "scan")
    assert scan["kind"] == "dense"
    train.run(config(kind), paths)
    assert produced(paths) == first


@every_trainer
def test_evaluate_asks_the_model_that_train_judged(kind: str, paths: Paths) -> None:
    train.run(config(kind), paths)
    recipe = read_recipe(paths.recipe)
    job = read_job(config(kind), paths, recipe, [])
    answers = load(paths.model, recipe.spec()).predict(job.validation.loaded().inputs)
    accuracy = float(np.mean(answers.argmax(axis=1) == job.validation.targets()))
    assert round(accuracy, 6) == files.read_json(paths.run)["metrics"]["validation_accuracy"]
    assert evaluate.answer_test_rows(recipe, paths).given.shape == (30, 2)


@every_trainer
def test_the_served_model_sees_too(kind: str, paths: Paths) -> None:
    import mlflow
    from mlflow.models import Model

    train.run(config(kind), paths)
    recipe, sample = read_recipe(paths.model / "recipe.json"), rows(4, seed=9)
    own = load(paths.model, recipe.spec()).predict(recipe.encode(sample))
    with package.packaged(paths.model, sample, Model()) as folder:
        served = mlflow.pyfunc.load_model(str(folder)).predict(sample.drop("label").to_pandas())
        needed = {line.split("==")[0] for line in (folder / "requirements.txt").read_text().split()}
    np.testing.assert_array_equal(served[["probability_no", "probability_yes"]].to_numpy(), own)
    assert needed > {"torch", "safetensors", "pillow"}


def test_folds_are_seen_too(paths: Paths) -> None:
    job = read_job(config("sklearn"), paths, read_recipe(paths.recipe), [])
    folds = (np.arange(job.train.num_rows) // 2 % 2).astype(np.int8)
    found = cross_validate(job, folds, lambda one: fit(one, config("sklearn")))
    assert found["num_folds"] == 2


def test_a_checkpoint_of_a_training_by_other_eyes_is_never_looked_at(paths: Paths) -> None:
    recipe, scan = read_recipe(paths.recipe), paths.project.root / FOLDER
    keys = {read_job(config("lightgbm"), paths, recipe, []).checkpoints for _ in range(2)}
    keys.add(read_job(config("lightgbm", image_features=None), paths, recipe, []).checkpoints)
    kept = (scan / "model.safetensors").read_bytes()
    try:
        (scan / "model.safetensors").write_bytes(b"others")
        keys.add(read_job(config("lightgbm"), paths, recipe, []).checkpoints)
    finally:
        (scan / "model.safetensors").write_bytes(kept)
    assert len(keys) == 3


@every_trainer
def test_a_network_that_is_not_there_is_said_before_a_row_is_read(kind: str, paths: Paths) -> None:
    with pytest.raises(UserError, match=r"^train\.image_features: models/nowhere is no model's folder"):
        train.run(config(kind, image_features="models/nowhere"), paths)

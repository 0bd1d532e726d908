"""Pipelines whose images are embedded by a trained network, from the normalize stage to the model that is served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import augment, evaluate, files, normalize, train
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.params.augment import Augment
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.normalize import Normalize
from tasks.params.sklearn import SklearnTrain
from tasks.params.torch import TorchTrain
from tasks.params.train import Train
from tasks.paths import PARTS, Paths
from tasks.recipe.embedding import WEIGHTS
from tasks.recipe.recipe import read_recipe
from tasks.splitting.fold_paths import FoldPaths
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset, write_dataset
from tasks.tracking import package
from tasks.trainers import fit, load
from tasks.training.cross_validation import cross_validate
from tasks.training.job import read_job
from tests.trained import prepared, rows

pytestmark = pytest.mark.chain

FOLDER = "models/eyes"
CONFIGS: dict[str, Train] = {
    "sklearn": SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}}),
    "lightgbm": LightgbmTrain.model_validate({"kind": "lightgbm", "num_iterations": 20, "min_data_in_leaf": 4}),
}
every_trainer = pytest.mark.parametrize("kind", CONFIGS)


def config(network: str = FOLDER, **more: Any) -> Normalize:
    image = {"encode": "embedding", "network": network}
    return Normalize.model_validate({"image": image, "text": {"min_documents": 1}, **more})


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """The pipeline `mixed`, its images embedded by the network that pipeline `eyes` has trained on the same ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        mixed = prepared(tmp_path_factory.mktemp("project"))
        train_eyes(mixed, epochs=3)
        normalize.run(config(), mixed)
        augment.run(Augment(), mixed)
        yield mixed


def train_eyes(mixed: Paths, epochs: int) -> None:
    eyes, dataset = mixed.project.pipeline("eyes"), read_dataset(mixed.cleaned)
    columns = tuple(column for column in dataset.columns if column.name in ("scan", "label"))
    for path in (eyes.dataset, eyes.cleaned):
        write_dataset(path, Dataset(**{**dict(dataset), "columns": columns}))
    for part in ("train", "validation", "test"):
        storage.write_parts(eyes.clean(part), storage.read_parts(mixed.clean(part), ["scan", "label"]))
    normalize.run(Normalize(), eyes)
    augment.run(Augment(), eyes)
    network = {"kind": "cnn", "channels": [4], "hidden": 8}
    content = {"kind": "torch", "network": network, "epochs": epochs, "batch_size": 16, "device": "cpu"}
    train.run(TorchTrain.model_validate_json(json.dumps(content)), eyes)


@pytest.fixture
def own_copy(paths: Paths, tmp_path: Path) -> Paths:
    """The same project once more, to change."""
    shutil.copytree(paths.project.root, tmp_path / "project")
    return replace(paths.project, root=tmp_path / "project").pipeline("mixed")


def weights_of(paths: Paths) -> Path:
    return paths.recipe.with_name(WEIGHTS)


def normalized(paths: Paths) -> dict[str, bytes]:
    places = [paths.recipe, weights_of(paths), *paths.normalized("train").iterdir()]
    return {place.name: place.read_bytes() for place in places}


def produced(paths: Paths) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in [*paths.model.iterdir(), paths.run]}


def test_normalize_leaves_the_network_with_the_recipe_and_says_whose_it_is(paths: Paths) -> None:
    first = normalized(paths)
    features = {one["name"]: one["encoding"] for one in files.read_json(paths.recipe)["features"]}
    scan = features["scan"]
    assert (scan["source"], scan["model"]) == (FOLDER, folder_digest(paths.project.root / FOLDER))
    assert scan["network"]["kind"] == "cnn"
    column = next(field for field in read_recipe(paths.recipe).spec().fields if field.name == "scan")
    assert (column.kind, column.shape) == ("dense", (scan["width"],))
    normalize.run(config(), paths)
    assert normalized(paths) == first


def test_normalized_rows_hold_what_the_network_finds_in_their_pixels(own_copy: Paths) -> None:
    import torch

    eyes = own_copy.project.pipeline("eyes")
    network = load(eyes.model, read_recipe(eyes.recipe).spec()).network.eval()
    pixels = read_recipe(eyes.recipe).encode(storage.read_table(own_copy.clean("test"))).blocks["scan"]
    with torch.inference_mode():
        features = network.features({"scan": torch.from_numpy(pixels)}).numpy()
    normalize.run(config(), own_copy)
    embedding = np.stack(storage.read_table(own_copy.normalized("test"))["scan"].to_list())
    np.testing.assert_array_equal(embedding, features)


@every_trainer
def test_train_leaves_the_network_with_the_model(kind: str, paths: Paths) -> None:
    train.run(CONFIGS[kind], paths)
    first = produced(paths)
    assert first.keys() > {"model.json", "recipe.json", "recipe.safetensors"}
    assert first["recipe.safetensors"] == weights_of(paths).read_bytes()
    assert files.read_json(paths.run)["model"] == folder_digest(paths.model)
    (scan,) = (one for one in files.read_json(paths.model / "model.json")["reads"]["fields"] if one["name"] == "scan")
    assert scan["kind"] == "dense"
    train.run(CONFIGS[kind], paths)
    assert produced(paths) == first
    (paths.model / "recipe.safetensors").write_bytes(b"others")
    assert folder_digest(paths.model) != files.read_json(paths.run)["model"]


@every_trainer
def test_evaluate_asks_the_model_that_train_judged(kind: str, paths: Paths) -> None:
    train.run(CONFIGS[kind], paths)
    recipe = read_recipe(paths.recipe)
    job = read_job(CONFIGS[kind], paths, recipe, [])
    answers = load(paths.model, recipe.spec()).predict(job.validation.loaded().inputs)
    accuracy = float(np.mean(answers.argmax(axis=1) == job.validation.targets()))
    assert round(accuracy, 6) == files.read_json(paths.run)["metrics"]["validation_accuracy"]
    assert evaluate.predict_rows(recipe, paths).y_score.shape == (30, 2)


@every_trainer
def test_the_served_model_embeds_too_in_a_clean_process(kind: str, paths: Paths, tmp_path: Path) -> None:
    from mlflow.models import Model

    train.run(CONFIGS[kind], paths)
    recipe, sample = read_recipe(paths.recipe), storage.read_table(paths.clean("test"))
    offline = evaluate.predict_rows(read_recipe(paths.model / "recipe.json"), paths).y_score
    np.testing.assert_array_equal(load(paths.model, recipe.spec()).predict(recipe.encode(sample)), offline)
    with package.packaged(paths.model, sample, Model(), paths.checkpoints) as folder:
        needed = {line.split("==")[0] for line in (folder / "requirements.txt").read_text().split()}
        served = answers_of_a_clean_process(folder, sample, tmp_path)
    np.testing.assert_array_equal(served, offline)
    assert needed > {"torch", "safetensors", "pillow"}


def answers_of_a_clean_process(folder: Path, sample: Any, place: Path) -> Any:
    """The probabilities of a process that has nothing of the project but the packaged model."""
    sample.drop("label").write_parquet(place / "rows.parquet")
    code = (
        "import mlflow, numpy, pandas, sys, pathlib\n"
        "answers = mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.read_parquet('rows.parquet'))\n"
        "import tasks; assert pathlib.Path(tasks.__file__).is_relative_to(sys.argv[1]), tasks.__file__\n"
        "numpy.save('answers.npy', answers[['probability_no', 'probability_yes']].to_numpy())\n"
    )
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", code, str(folder)]
    done = subprocess.run(command, cwd=place, env=clean, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return np.load(place / "answers.npy")


def test_a_served_model_with_a_damaged_network_does_not_start(paths: Paths) -> None:
    import mlflow
    from mlflow.models import Model

    train.run(CONFIGS["sklearn"], paths)
    with package.packaged(paths.model, rows(4, seed=9), Model(), paths.checkpoints) as folder:
        (weights,) = folder.rglob("recipe.safetensors")
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
        with pytest.raises(UserError, match=r"recipe\.safetensors: damaged"):
            mlflow.pyfunc.load_model(str(folder))


def test_folds_are_embedded_too(own_copy: Paths) -> None:
    for fold in (FoldPaths.of(own_copy, number) for number in range(2)):
        write_dataset(fold.cleaned, read_dataset(own_copy.cleaned))
        for part in PARTS:
            storage.write_parts(fold.clean(part), storage.read_parts(own_copy.clean(part)))
    files.write_json(own_copy.folds("clean") / "folds.json", {"num_folds": 2})
    normalize.run(config(), own_copy)
    augment.run(Augment(), own_copy)
    scores = cross_validate(CONFIGS["sklearn"], own_copy, lambda job: fit(job, CONFIGS["sklearn"]))
    assert scores is not None
    assert scores["num_folds"] == 2


def test_a_checkpoint_of_a_training_by_another_network_is_never_looked_at(own_copy: Paths) -> None:
    def key() -> Any:
        return read_job(CONFIGS["lightgbm"], own_copy, read_recipe(own_copy.recipe), []).checkpoints

    keys = {key(), key()}
    for epochs in (3, 1):
        train_eyes(own_copy, epochs)
        normalize.run(config(), own_copy)
        augment.run(Augment(), own_copy)
        keys.add(key())
    assert len(keys) == 2


def test_a_network_reads_an_embedding_like_numbers(own_copy: Paths) -> None:
    normalize.run(config(text={"encode": "tokens", "min_documents": 1}), own_copy)
    augment.run(Augment(), own_copy)
    content = {"kind": "torch", "network": {"kind": "mlp", "hidden": [8]}, "epochs": 3, "device": "cpu"}
    train.run(TorchTrain.model_validate_json(json.dumps(content)), own_copy)
    recipe = read_recipe(own_copy.model / "recipe.json")
    answers = load(own_copy.model, recipe.spec()).predict(recipe.encode(storage.read_table(own_copy.clean("test"))))
    np.testing.assert_array_equal(answers, evaluate.predict_rows(recipe, own_copy).y_score)


def test_one_column_may_be_embedded_and_the_others_not(own_copy: Paths) -> None:
    only = Normalize.model_validate({"columns": {"scan": {"encode": "embedding", "network": FOLDER}}})
    normalize.run(only, own_copy)
    of_type = normalized(own_copy)["recipe.safetensors"]
    normalize.run(config(columns={"scan": {"encode": "pixels"}}), own_copy)
    (scan,) = (field for field in read_recipe(own_copy.recipe).spec().fields if field.name == "scan")
    assert scan.kind == "image"
    assert len(of_type) > len(weights_of(own_copy).read_bytes())


@pytest.mark.parametrize("change", [{"image": {"rotate": 10}}, {"image": {"flip": "horizontal"}, "copies": 1}])
def test_refuses_to_change_pictures_that_are_embedded(change: Any, paths: Paths) -> None:
    with pytest.raises(UserError, match=r"^augment\.image: column scan is embedded .*; take augment\.image out, or"):
        augment.run(Augment.model_validate(change), paths)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (config("models/nowhere"), r"normalize\.image\.network: models/nowhere is no model's folder"),
        (
            Normalize.model_validate({"columns": {"scan": {"encode": "embedding", "network": "models/nowhere"}}}),
            r"normalize\.columns\.scan\.network: models/nowhere is no model's folder",
        ),
        (
            Normalize.model_validate({"audio": {"encode": "embedding", "network": FOLDER}}),
            r"normalize\.audio\.network: no feature column is of type audio, .* take encode and network out",
        ),
    ],
    ids=["of the type", "of the column", "no such column"],
)
def test_a_network_that_is_of_no_use_is_said_before_a_row_is_read(
    settings: Normalize, message: str, own_copy: Paths
) -> None:
    shutil.rmtree(own_copy.clean("train"))
    with pytest.raises(UserError, match=rf"^{message}"):
        normalize.run(settings, own_copy)

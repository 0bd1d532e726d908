"""Models that read pictures through a trained network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import trainers
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, FieldKind, ModelInput, Spec
from tasks.params.torch import TorchTrain
from tasks.params.train import LightgbmTrain, SklearnTrain
from tasks.trainers import trainer
from tasks.trainers.base import Job, score
from tasks.trainers.seeing import find_eyes
from tasks.training.listeners import History

SIDE = 12
CLASSES = ("large", "small")
LOGISTIC = SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}})
LIGHTGBM = LightgbmTrain(kind="lightgbm", num_iterations=30, min_data_in_leaf=4, learning_rate=0.2)
every_trainer = pytest.mark.parametrize("config", [LOGISTIC, LIGHTGBM], ids=lambda config: config.kind)


def picture(name: str, kind: FieldKind = "image", side: int = SIDE, scale: float = 1 / 255) -> Field:
    return Field(name=name, kind=kind, shape=(1, side, side), factor=(scale,), offset=(0.0,))


AGE = Field(name="age", kind="dense", shape=(1,), labels=("age",))
SCAN = picture("scan")


def spec_of(*fields: Field) -> Spec:
    return Spec(fields=fields, task="binary", classes=CLASSES)


def squares(num_rows: int, seed: int) -> tuple[Any, Any]:
    """Pictures [N, 1, SIDE, SIDE] uint8 with a bright square anywhere, and whether it is a small one [N].

    A small one is as much brighter as it is smaller, so that no sum of pixels tells them apart.
    """
    random = np.random.default_rng(seed)
    small = random.integers(0, 2, num_rows)
    pictures = random.integers(0, 12, (num_rows, 1, SIDE, SIDE)).astype(np.uint8)
    for row, is_small in enumerate(small):
        side, light = (2, 240) if is_small else (4, 60)
        top, left = random.integers(0, SIDE - side + 1, 2)
        pictures[row, 0, top : top + side, left : left + side] = light
    return pictures, small


def examples(spec: Spec, num_rows: int, seed: int) -> Examples:
    """Every picture of a row shows its class; numbers show nothing."""
    random = np.random.default_rng(seed)
    pictures, small = squares(num_rows, seed)
    noise = random.normal(size=(num_rows, 1)).astype(np.float32)
    blocks = {field.name: pictures if field.is_picture else noise for field in spec.fields}
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=num_rows), target=small)


def job_of(spec: Spec, **changes: Any) -> Job:
    return replace(Job(spec=spec, train=examples(spec, 240, 0), validation=examples(spec, 80, 1)), **changes)


@cache
def network_model(kind: str, field: Field, epochs: int = 1) -> Any:
    settings: dict[str, dict[str, Any]] = {
        "cnn": {"channels": [8, 8], "hidden": 16, "dropout": 0.1},
        "vit": {"patch": 4, "width": 8, "layers": 1, "heads": 2},
        "rnn": {"width": 8},
        "audio_cnn": {"channels": [4], "hidden": 8},
        "mlp": {"hidden": [8]},
    }
    content = {
        "kind": "torch",
        "network": {"kind": kind, **settings[kind]},
        "epochs": epochs,
        "batch_size": 32,
        "learning_rate": 0.01,
        "device": "cpu",
    }
    config = TorchTrain.model_validate_json(json.dumps(content))
    return trainer("torch").fit(job_of(spec_of(AGE, field)), config).model


def network(folder: Path, kind: str = "cnn", field: Field = SCAN, epochs: int = 1) -> Path:
    """The folder of a network that has learnt from the field's pictures, and a number beside them."""
    folder.mkdir(parents=True)
    network_model(kind, field, epochs).save(folder)
    return folder


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt to tell the squares apart; nobody changes its folder."""
    return network(tmp_path_factory.mktemp("network") / "eyes", epochs=8)


@cache
def seeing_model(kind: str, eyes: Path) -> Any:
    """Fitted once for the tests that only look at it."""
    config = {"sklearn": LOGISTIC, "lightgbm": LIGHTGBM}[kind]
    return trainers.fit(job_of(spec_of(SCAN), image_features=eyes), config).model


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def saved(model: Any, folder: Path) -> Path:
    folder.mkdir()
    model.save(folder)
    return folder


@every_trainer
def test_what_the_network_sees_tells_apart_what_pixels_do_not(config: Any, eyes: Path) -> None:
    spec = spec_of(SCAN)
    test = examples(spec, 100, 2)
    by_pixels = trainers.fit(job_of(spec), LOGISTIC).model
    seeing = seeing_model(config.kind, eyes)
    accuracy = [
        score(spec, model.predict(test.inputs), test.target)["validation_accuracy"] for model in (by_pixels, seeing)
    ]
    assert accuracy[0] < 0.7
    assert accuracy[1] > 0.9


@every_trainer
def test_the_same_rows_give_the_same_bytes(config: Any, eyes: Path, tmp_path: Path) -> None:
    job = job_of(spec_of(AGE, SCAN), image_features=eyes)
    folders = [saved(trainers.fit(job, config).model, tmp_path / name) for name in ("first", "second")]
    first, second = map(contents, folders)
    assert first == second
    assert first.keys() > {"model.json", "eyes.json", "eyes.safetensors"}


@every_trainer
def test_a_loaded_model_answers_to_the_bit_as_before(config: Any, eyes: Path, tmp_path: Path) -> None:
    spec = spec_of(AGE, SCAN)
    model = trainers.fit(job_of(spec, image_features=eyes), config).model
    folder = saved(model, tmp_path / "model")
    loaded = trainers.load(folder, spec)
    for num_rows in (1, 50):
        inputs = examples(spec, num_rows, 3).inputs
        assert np.array_equal(loaded.predict(inputs), model.predict(inputs))
    assert contents(saved(loaded, tmp_path / "again")) == contents(folder)


@every_trainer
def test_trainers_tell_their_listeners_and_answer_no_rows(config: Any, eyes: Path) -> None:
    spec, history = spec_of(SCAN), History()
    fitted = trainers.fit(job_of(spec, image_features=eyes, listeners=[history]), config)
    assert history.rows[-1]["validation_accuracy"] > 0.9
    assert json.loads(json.dumps(fitted.facts)) == fitted.facts
    assert fitted.model.predict(examples(spec, 0, 0).inputs).shape == (0, 2)


def test_pixels_are_read_where_no_network_is_given(tmp_path: Path) -> None:
    spec = spec_of(SCAN)
    model = trainers.fit(job_of(spec), LOGISTIC).model
    folder = saved(model, tmp_path / "model")
    assert contents(folder).keys() == {"model.json", "model.skops"}
    inputs = examples(spec, 5, 0).inputs
    assert np.array_equal(trainers.load(folder, spec).predict(inputs), model.predict(inputs))


def test_a_model_needs_the_libraries_of_its_eyes(eyes: Path, tmp_path: Path) -> None:
    pixels = saved(trainers.fit(job_of(spec_of(SCAN)), LOGISTIC).model, tmp_path / "pixels")
    seeing = saved(seeing_model("sklearn", eyes), tmp_path / "seeing")
    own = trainer("sklearn").requirements
    assert trainers.requirements(pixels) == own
    assert {*trainers.requirements(seeing)} == {*own, "torch", "safetensors"}


def test_the_digest_of_a_model_is_also_that_of_its_eyes(eyes: Path, tmp_path: Path) -> None:
    folder = saved(seeing_model("sklearn", eyes), tmp_path / "model")
    before = folder_digest(folder)
    (folder / "eyes.safetensors").write_bytes(b"others")
    assert folder_digest(folder) != before


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("cnn", SCAN),
        ("vit", SCAN),
        ("cnn", picture("call", "audio")),
        ("audio_cnn", picture("call", "audio")),
        ("rnn", picture("call", "audio")),
    ],
    ids=lambda one: one if isinstance(one, str) else one.kind,
)
def test_eyes_find_what_the_network_itself_finds(kind: str, field: Field, tmp_path: Path) -> None:
    import torch

    folder, spec = network(tmp_path / "network", kind, field), spec_of(AGE, field)
    rows = examples(spec, 20, 5).inputs
    model = network_model(kind, field)
    model.network.eval()
    with torch.inference_mode():
        blocks = {name: torch.from_numpy(block) for name, block in rows.blocks.items()}
        found = model.network.features(blocks)[:, 1:].numpy()
    eyes = find_eyes(folder, spec_of(field, AGE))
    seen = eyes.see(rows)
    np.testing.assert_array_equal(seen.blocks[field.name], found)
    assert seen.blocks[field.name].dtype == np.float32
    assert seen.blocks["age"] is rows.blocks["age"]
    column = eyes.seen(spec).fields[1]
    assert (column.kind, column.shape) == ("dense", (found.shape[1],))
    assert column.labels[:2] == (f"{field.name}[seen 0]", f"{field.name}[seen 1]")
    assert eyes.seen(spec).fields[0] == AGE


@pytest.mark.parametrize("num_rows", [1, 3, 16, 1030])
def test_a_row_is_seen_alike_in_any_company(num_rows: int, eyes: Path) -> None:
    look, inputs = find_eyes(eyes, spec_of(SCAN)), examples(spec_of(SCAN), 1030, 4).inputs
    some = ModelInput(blocks={"scan": inputs.blocks["scan"][-num_rows:]}, num_rows=num_rows)
    np.testing.assert_array_equal(look.see(some).blocks["scan"], look.see(inputs).blocks["scan"][-num_rows:])


@pytest.mark.parametrize("num_threads", [1, 3])
def test_threads_see_alike(num_threads: int, eyes: Path) -> None:
    import torch

    look, inputs = find_eyes(eyes, spec_of(SCAN)), examples(spec_of(SCAN), 600, 4).inputs
    alike, before = look.see(inputs).blocks["scan"], torch.get_num_threads()
    try:
        torch.set_num_threads(num_threads)
        np.testing.assert_array_equal(look.see(inputs).blocks["scan"], alike)
    finally:
        torch.set_num_threads(before)


def test_bytes_are_scaled_as_the_network_learnt_them_whatever_this_recipe_says(eyes: Path) -> None:
    inputs = examples(spec_of(SCAN), 10, 6).inputs
    other = find_eyes(eyes, spec_of(picture("scan", scale=7.0))).see(inputs).blocks["scan"]
    np.testing.assert_array_equal(other, find_eyes(eyes, spec_of(SCAN)).see(inputs).blocks["scan"])


def test_a_column_is_matched_by_its_name_else_by_its_shape(tmp_path: Path) -> None:
    two = spec_of(picture("left"), picture("right"))
    config = TorchTrain.model_validate_json(network_model("cnn", SCAN).config.model_dump_json(exclude_defaults=True))
    folder = saved(trainer("torch").fit(job_of(two), config).model, tmp_path / "two")
    seen = find_eyes(folder, spec_of(picture("right"), picture("front"), picture("left")))
    assert [sight.columns for sight in seen.sights] == [("right",), ("front", "left")]


def test_sounds_stay_as_they_are_where_the_network_reads_images_only(eyes: Path) -> None:
    call = picture("call", "audio", side=9)
    spec = spec_of(call, SCAN)
    assert [field.kind for field in find_eyes(eyes, spec).seen(spec).fields] == ["audio", "dense"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (spec_of(AGE), "no feature column is an image.* remove it"),
        (
            spec_of(SCAN, picture("photo", side=9)),
            r"column photo holds images of shape 1 x 9 x 9, .* reads images 1 x 12 x 12 \(column scan\); make them .*"
            r"normalize section \(image\)",
        ),
        (spec_of(picture("call", "audio")), "column call holds sounds of shape 1 x 12 x 12, .* reads images 1 x 12 x"),
    ],
    ids=["no picture", "another shape", "sounds only"],
)
def test_refuses_pictures_that_the_network_cannot_read(spec: Spec, message: str, eyes: Path) -> None:
    with pytest.raises(UserError, match=rf"^train\.image_features: {message}"):
        trainers.fit(job_of(spec, image_features=eyes), LOGISTIC)


@pytest.mark.parametrize(
    ("kind", "field", "message"),
    [
        ("mlp", SCAN, "network mlp in .* takes scan pixel by pixel as it is; give one of kind cnn or vit"),
        ("mlp", replace(AGE, name="size"), "network mlp in .* reads age, size, and none of them is an image; give one"),
    ],
)
def test_refuses_a_network_that_sees_nothing(kind: str, field: Field, message: str, tmp_path: Path) -> None:
    blind = network(tmp_path / "blind", kind, field)
    with pytest.raises(UserError, match=rf"^train\.image_features: {message}"):
        trainers.fit(job_of(spec_of(SCAN), image_features=blind), LOGISTIC)


def test_refuses_a_model_that_is_no_network(tmp_path: Path) -> None:
    folder = saved(trainers.fit(job_of(spec_of(SCAN)), LOGISTIC).model, tmp_path / "model")
    with pytest.raises(UserError, match=r"^train\.image_features: the model in .* is of sklearn, .* give one of kind"):
        find_eyes(folder, spec_of(SCAN))


def test_refuses_changes_on_the_batch_before_it_looks(tmp_path: Path) -> None:
    job = job_of(spec_of(SCAN), image_features=tmp_path / "nowhere", augmentations={"scan": lambda block, _: block})
    with pytest.raises(UserError, match="sklearn learns from rows as they are"):
        trainers.fit(job, LOGISTIC)


@pytest.mark.parametrize("spoil", ["not ours", "no network", "changed", "missing"])
def test_refuses_a_damaged_network(spoil: str, tmp_path: Path) -> None:
    folder = network(tmp_path / "network")
    card, weights = folder / "model.json", folder / "model.safetensors"
    spoilers: dict[str, Callable[[], Any]] = {
        "not ours": lambda: card.write_text("[]"),
        "no network": lambda: card.write_text(json.dumps({**json.loads(card.read_text()), "train": {}})),
        "changed": lambda: weights.write_bytes(weights.read_bytes()[:-1] + b"?"),
        "missing": weights.unlink,
    }
    spoilers[spoil]()
    with pytest.raises(UserError, match=r"^train\.image_features: .*(train that model again|give another)"):
        find_eyes(folder, spec_of(SCAN))


@pytest.mark.parametrize("spoil", ["no card", "no weights", "neither", "not ours", "changed", "other", "larger"])
@every_trainer
def test_refuses_damaged_eyes(config: Any, spoil: str, eyes: Path, tmp_path: Path) -> None:
    spec = spec_of(SCAN)
    folder = saved(seeing_model(config.kind, eyes), tmp_path / "model")
    card, weights = folder / "eyes.json", folder / "eyes.safetensors"
    content = json.loads(card.read_text())
    spoilers: dict[str, Callable[[], Any]] = {
        "no card": card.unlink,
        "no weights": weights.unlink,
        "neither": lambda: (card.unlink(), weights.unlink()),
        "not ours": lambda: card.write_text("[]"),
        "changed": lambda: weights.write_bytes(weights.read_bytes()[:-1] + b"?"),
        "other": lambda: card.write_text(json.dumps({**content, "network": {"kind": "vit", "patch": 2}})),
        "larger": lambda: None,
    }
    spoilers[spoil]()
    with pytest.raises(UserError, match="train again"):
        trainers.load(folder, spec_of(picture("scan", side=16)) if spoil == "larger" else spec)

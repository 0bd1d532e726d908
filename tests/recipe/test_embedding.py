"""Pictures that are embedded by a trained network: what is found in them, and whose network it may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import trainers
from tasks.columns.audio.column import AudioEncoding
from tasks.columns.image.column import ImageEncoding
from tasks.columns.number.column import NumberColumn
from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, FieldKind, ModelInput, Spec, as_matrix
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.normalize import NormalizeNumber
from tasks.params.sklearn import SklearnTrain
from tasks.params.torch import TorchTrain
from tasks.recipe.embedding import WEIGHTS, EmbeddingEncoding, StoredEncoders
from tasks.recipe.learning import NetworkReference
from tasks.recipe.recipe import Feature, Recipe, Target, copy_recipe, read_recipe, write_recipe
from tasks.recipe.trained_networks import _Reads, embedded
from tasks.trainers import trainer
from tasks.trainers.base import Job, score
from tasks.training.listeners import History
from tests.small_tables import image
from tests.sounds import tone

SIDE = 12
CLASSES = ("large", "small")
LOGISTIC = SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}})
LIGHTGBM = LightgbmTrain(kind="lightgbm", num_iterations=30, min_data_in_leaf=4, learning_rate=0.2)
MLP = TorchTrain.model_validate_json(
    '{"kind": "torch", "network": {"kind": "mlp", "hidden": [16]}, "epochs": 20, "batch_size": 32, "device": "cpu"}'
)
every_trainer = pytest.mark.parametrize("config", [LOGISTIC, LIGHTGBM, MLP], ids=lambda config: config.kind)
SETTING = "normalize.image.network"


def picture(name: str, kind: FieldKind = "image", side: int = SIDE) -> Field:
    return Field(name=name, kind=kind, shape=(1, side, side), factor=(1 / 255,), offset=(0.0,))


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


def rows(num_rows: int, seed: int) -> tuple[pl.DataFrame, Any]:
    """The squares as raw rows, a number beside them, and the class numbers [N]."""
    pictures, small = squares(num_rows, seed)
    ages = np.random.default_rng(seed).normal(size=num_rows)
    scans = pl.Series([image(one[0]) for one in pictures], dtype=pl.Binary)
    return pl.DataFrame({"age": ages, "scan": scans}, schema_overrides={"age": pl.Float64}), small


def encoded(recipe: Recipe, num_rows: int, seed: int) -> Examples:
    raw, small = rows(num_rows, seed)
    return Examples(inputs=recipe.encode(raw), target=small)


def job_of(recipe: Recipe, **changes: Any) -> Job:
    return Job(spec=recipe.spec(), train=encoded(recipe, 240, 0), validation=encoded(recipe, 80, 1), **changes)


@cache
def network_model(kind: str, field: Field, epochs: int = 1) -> Any:
    settings: dict[str, dict[str, Any]] = {
        "cnn": {"channels": [8, 8], "hidden": 16, "dropout": 0.1},
        "vit": {"patch_size": 4, "width": 8, "num_layers": 1, "num_heads": 2},
        "rnn": {"width": 8},
        "audio_cnn": {"channels": [4], "hidden": 8},
        "mlp": {"hidden": [8]},
    }
    spec = spec_of(AGE, field)
    job = Job(spec=spec, train=examples(spec, 240, 0), validation=examples(spec, 80, 1))
    return trainer("torch").fit(job, torch_config({"kind": kind, **settings[kind]}, epochs)).model


def torch_config(network: dict[str, Any], epochs: int) -> TorchTrain:
    content = {"kind": "torch", "network": network, "epochs": epochs, "learning_rate": 0.01}
    return TorchTrain.model_validate_json(json.dumps({**content, "batch_size": 32, "device": "cpu"}))


def network(folder: Path, kind: str = "cnn", field: Field = SCAN, epochs: int = 1) -> Path:
    """The folder of a network that has learnt from the field's pictures, and a number beside them."""
    folder.mkdir(parents=True)
    network_model(kind, field, epochs).save(folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learnt to tell the squares apart; nobody changes its folder."""
    return network(tmp_path_factory.mktemp("network") / "trained", epochs=8)


def feature(field: Field) -> Feature:
    """A column whose encoding makes this field."""
    if field.kind == "dense":
        state = NumberColumn().fit(pl.Series(field.name, [-1.0, 1.0]), NormalizeNumber())
        return Feature(name=field.name, encoding=NumberColumn().finish(state, NormalizeNumber()))
    _, height, width = field.shape
    if field.kind == "audio":
        sound = AudioEncoding(rate=8000, num_samples=80 * width, window=80, hop=80, n_mels=height, top_db=80)
        return Feature(name=field.name, encoding=sound)
    size = {"height": height, "width": width, "channels": 1}
    return Feature(name=field.name, encoding=ImageEncoding(**size, factor=field.factor, offset=field.offset))


def plain(*fields: Field) -> Recipe:
    target = Target(name="label", task="binary", classes=CLASSES)
    return Recipe(features=tuple(map(feature, fields)), target=target, num_inputs=0)


def kept(place: Path, recipe: Recipe, folder: Path, *columns: str) -> Recipe:
    """The recipe with these columns embedded, as it is read from its files in `place`."""
    references = {name: NetworkReference("models/eyes", SETTING) for name in columns}
    changed, weights = embedded(recipe, references, dict.fromkeys(columns, folder))
    place.mkdir(parents=True)
    write_recipe(place / "recipe.json", changed, weights)
    return read_recipe(place / "recipe.json")


@pytest.fixture(scope="module")
def recipe(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return kept(tmp_path_factory.mktemp("recipe") / "p", plain(AGE, SCAN), trained, "scan")


def encoding_of(recipe: Recipe, name: str = "scan") -> EmbeddingEncoding:
    encoding = next(one.encoding for one in recipe.features if one.name == name)
    assert isinstance(encoding, EmbeddingEncoding)
    return encoding


def embed(place: Path, recipe: Recipe, pictures: Any, name: str = "scan") -> Any:
    encoding = encoding_of(recipe, name)
    return StoredEncoders(place / WEIGHTS, (encoding,)).embed(encoding, pictures)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def saved(model: Any, folder: Path) -> Path:
    folder.mkdir()
    model.save(folder)
    return folder


@every_trainer
def test_an_embedding_tells_apart_what_pixels_do_not(config: Any, recipe: Recipe) -> None:
    pixels = plain(AGE, SCAN)
    accuracy = []
    for one, settings in ((pixels, LOGISTIC), (recipe, config)):
        test = encoded(one, 100, 2)
        answers = trainers.fit(job_of(one), settings).model.predict(test.inputs)
        accuracy.append(score(one.spec(), answers, test.target)["validation_accuracy"])
    assert accuracy[0] < 0.7
    assert accuracy[1] > 0.9


def test_an_estimator_on_embeddings_is_scikit_learns_on_the_same_matrix(recipe: Recipe) -> None:
    from sklearn.linear_model import LogisticRegression

    train, test = encoded(recipe, 240, 0), encoded(recipe, 50, 2)
    theirs = LogisticRegression(max_iter=1000).fit(as_matrix(recipe.spec(), train.inputs), train.target)
    own = trainers.fit(job_of(recipe), LOGISTIC).model.predict(test.inputs)
    np.testing.assert_allclose(own, theirs.predict_proba(as_matrix(recipe.spec(), test.inputs)), atol=1e-6)


@every_trainer
def test_the_same_rows_give_the_same_bytes(config: Any, trained: Path, tmp_path: Path) -> None:
    folders = []
    for name in ("first", "second"):
        recipe = kept(tmp_path / name, plain(AGE, SCAN), trained, "scan")
        folders.append((tmp_path / name, saved(trainers.fit(job_of(recipe), config).model, tmp_path / f"{name} model")))
    (first, first_model), (second, second_model) = folders
    assert contents(first) == contents(second)
    assert contents(first_model) == contents(second_model)
    assert contents(first).keys() == {"recipe.json", "recipe.safetensors"}


@every_trainer
def test_a_loaded_model_answers_raw_rows_to_the_bit_as_before(config: Any, recipe: Recipe, tmp_path: Path) -> None:
    model = trainers.fit(job_of(recipe), config).model
    folder = saved(model, tmp_path / "model")
    copy_recipe(recipe_file(recipe), folder)
    again = read_recipe(folder / "recipe.json")
    loaded = trainers.load(folder, again.spec())
    for num_rows in (1, 50):
        raw, _ = rows(num_rows, 3)
        assert np.array_equal(loaded.predict(again.encode(raw)), model.predict(recipe.encode(raw)))
    assert again.features == recipe.features
    assert contents(folder)[WEIGHTS] == recipe_file(recipe).with_name(WEIGHTS).read_bytes()


def recipe_file(recipe: Recipe) -> Path:
    assert recipe._encoders is not None
    return recipe._encoders.path.with_name("recipe.json")


@every_trainer
def test_trainers_tell_their_listeners_and_answer_no_rows(config: Any, recipe: Recipe) -> None:
    history = History()
    fitted = trainers.fit(job_of(recipe, listeners=[history]), config)
    assert history.rows[-1]["validation_accuracy"] > 0.9
    assert json.loads(json.dumps(fitted.facts)) == fitted.facts
    nothing = recipe.encode(rows(0, 0)[0])
    assert nothing.blocks["scan"].shape == (0, encoding_of(recipe).width)
    assert fitted.model.predict(nothing).shape == (0, 2)


def test_a_recipe_that_embeds_nothing_keeps_nothing_beside_it(tmp_path: Path, recipe: Recipe) -> None:
    write_recipe(tmp_path / "recipe.json", plain(SCAN))
    (tmp_path / "model").mkdir()
    copy_recipe(tmp_path / "recipe.json", tmp_path / "model")
    assert contents(tmp_path / "model").keys() == {"recipe.json"}
    assert read_recipe(tmp_path / "recipe.json") == plain(SCAN)
    assert plain(SCAN).libraries == ()
    assert {*recipe.libraries} == {"torch", "safetensors"}
    from safetensors import safe_open

    with safe_open(tmp_path / WEIGHTS, "np") as content:
        assert not list(content.keys())


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
def test_an_embedding_is_what_the_network_itself_finds(kind: str, field: Field, tmp_path: Path) -> None:
    import torch

    folder = network(tmp_path / "network", kind, field)
    pictures = examples(spec_of(AGE, field), 20, 5).inputs.blocks
    model = network_model(kind, field)
    model.network.eval()
    with torch.inference_mode():
        blocks = {name: torch.from_numpy(block) for name, block in pictures.items()}
        features = model.network.features(blocks)[:, 1:].numpy()
    recipe = kept(tmp_path / "recipe", plain(field, AGE), folder, field.name)
    embedding = embed(tmp_path / "recipe", recipe, pictures[field.name], field.name)
    np.testing.assert_array_equal(embedding, features)
    assert embedding.dtype == np.float32
    column, age = recipe.spec().fields
    assert (column.kind, column.shape) == ("dense", (features.shape[1],))
    assert column.labels[:2] == (f"{field.name}[embedding 0]", f"{field.name}[embedding 1]")
    assert age == plain(AGE).spec().fields[0]
    assert recipe.num_inputs == column.num_inputs + age.num_inputs


def test_a_sound_is_embedded_from_its_bytes(tmp_path: Path) -> None:
    call = picture("call", "audio")
    recipe = kept(tmp_path / "recipe", plain(call), network(tmp_path / "network", "cnn", call), "call")
    raw = pl.DataFrame({"call": [tone(pitch, 0.12) for pitch in (300, 900, 2000)]})
    pixels = plain(call).encode(raw).blocks["call"]
    np.testing.assert_array_equal(recipe.encode(raw).blocks["call"], embed(tmp_path / "recipe", recipe, pixels, "call"))


@pytest.mark.parametrize("num_rows", [1, 3, 16, 1030])
def test_a_row_is_embedded_alike_in_any_company(num_rows: int, recipe: Recipe) -> None:
    place, pictures = recipe_file(recipe).parent, squares(1030, 4)[0]
    few, many = (embed(place, recipe, some) for some in (pictures[-num_rows:], pictures))
    np.testing.assert_array_equal(few, many[-num_rows:])


@pytest.mark.parametrize("num_threads", [1, 3])
def test_any_number_of_threads_gives_the_same_bits(num_threads: int, recipe: Recipe) -> None:
    import torch

    place, pictures = recipe_file(recipe).parent, squares(600, 4)[0]
    alike, before = embed(place, recipe, pictures), torch.get_num_threads()
    try:
        torch.set_num_threads(num_threads)
        np.testing.assert_array_equal(embed(place, recipe, pictures), alike)
    finally:
        torch.set_num_threads(before)


def test_parts_that_are_embedded_side_by_side_are_as_one_by_one(recipe: Recipe) -> None:
    import torch

    from tasks.parallel import parallel_map

    fresh, parts = read_recipe(recipe_file(recipe)), [rows(40, seed)[0] for seed in range(6)]
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    together = [one.blocks["scan"] for one in parallel_map(fresh.encode, parts, workers=3)]
    for part, embedding in zip(parts, together, strict=True):
        np.testing.assert_array_equal(embedding, recipe.encode(part).blocks["scan"])
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_bytes_are_scaled_as_the_network_learnt_them_whatever_normalize_says(trained: Path, tmp_path: Path) -> None:
    raw, _ = rows(10, 6)
    other = Field(name="scan", kind="image", shape=SCAN.shape, factor=(7.0,), offset=(3.0,))
    blocks = [
        kept(tmp_path / str(number), plain(field), trained, "scan").encode(raw).blocks["scan"]
        for number, field in enumerate((SCAN, other))
    ]
    np.testing.assert_array_equal(*blocks)


def test_a_column_is_matched_by_its_name_else_by_its_shape(tmp_path: Path) -> None:
    spec = spec_of(picture("left"), picture("right"))
    job = Job(spec=spec, train=examples(spec, 60, 0), validation=examples(spec, 60, 1))
    two = trainer("torch").fit(job, torch_config({"kind": "cnn", "channels": [4], "hidden": 8}, 1)).model
    names = ("right", "front", "left")
    recipe = kept(tmp_path / "recipe", plain(*map(picture, names)), saved(two, tmp_path / "two"), *names)
    numbers = [encoding_of(recipe, name).encoder for name in names]
    assert numbers == [0, 1, 1]
    pictures = squares(20, 8)[0]
    expected = two.network.encoders[1](as_torch(pictures)).detach().numpy()
    np.testing.assert_array_equal(embed(tmp_path / "recipe", recipe, pictures, "right"), expected)


def as_torch(pictures: Any) -> Any:
    import torch

    return torch.from_numpy(pictures)


def test_columns_that_are_not_embedded_stay_as_they_are(trained: Path, tmp_path: Path) -> None:
    call, photo = picture("call", "audio", side=9), picture("photo", side=9)
    recipe = kept(tmp_path / "recipe", plain(call, photo, SCAN), trained, "scan")
    assert [field.kind for field in recipe.spec().fields] == ["audio", "image", "dense"]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            picture("photo", side=9),
            r"column photo holds images of shape 1 x 9 x 9, .* reads images 1 x 12 x 12 \(column scan\); make them .*"
            r"normalize section \(image\)",
        ),
        (picture("call", "audio"), "column call holds sounds of shape 1 x 12 x 12, .* reads images 1 x 12 x"),
    ],
    ids=["another shape", "sounds"],
)
def test_refuses_pictures_that_the_network_cannot_read(
    field: Field, message: str, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"^normalize\.image\.network: {message}"):
        kept(tmp_path / "recipe", plain(AGE, field), trained, field.name)


@pytest.mark.parametrize(
    ("kind", "field", "message"),
    [
        ("mlp", SCAN, "network mlp in .* takes scan pixel by pixel as it is; give one of kind cnn or vit"),
        (
            "mlp",
            Field(name="size", kind="dense", shape=(1,), labels=("size",)),
            "network mlp in .* reads age, size, and none of them is an image; give one",
        ),
    ],
)
def test_refuses_a_network_without_an_encoder(kind: str, field: Field, message: str, tmp_path: Path) -> None:
    folder = network(tmp_path / "network", kind, field)
    with pytest.raises(UserError, match=rf"^normalize\.image\.network: {message}"):
        kept(tmp_path / "recipe", plain(SCAN), folder, "scan")


def test_refuses_a_model_that_is_no_network(recipe: Recipe, tmp_path: Path) -> None:
    folder = saved(trainers.fit(job_of(recipe), LOGISTIC).model, tmp_path / "model")
    with pytest.raises(UserError, match=r"^normalize\.image\.network: the model in .* is of sklearn, .* of kind torch"):
        kept(tmp_path / "recipe", plain(SCAN), folder, "scan")


@pytest.mark.parametrize("spoil", ["not ours", "no network", "other network", "changed", "missing"])
def test_refuses_a_damaged_network(spoil: str, tmp_path: Path) -> None:
    folder = network(tmp_path / "network")
    card, weights = folder / "model.json", folder / "model.safetensors"
    content = json.loads(card.read_text())
    spoilers: dict[str, Callable[[], Any]] = {
        "not ours": lambda: card.write_text("[]"),
        "no network": lambda: card.write_text(json.dumps({**content, "train": {}})),
        "other network": lambda: card.write_text(
            json.dumps({**content, "train": {"network": {"kind": "vit", "patch_size": 4}}})
        ),
        "changed": lambda: weights.write_bytes(weights.read_bytes()[:-1] + b"?"),
        "missing": weights.unlink,
    }
    spoilers[spoil]()
    with pytest.raises(UserError, match=r"^normalize\.image\.network: .*(train that model again|give another)"):
        kept(tmp_path / "recipe", plain(SCAN), folder, "scan")


def test_an_older_network_calls_categories_codes() -> None:
    fields = [{"name": "town", "kind": "codes", "shape": [3]}]
    reads = _Reads.model_validate_json(json.dumps({"fields": fields, "task": "binary", "classes": ["no", "yes"]}))
    assert reads.spec().fields[0].kind == "category_index"


@pytest.mark.parametrize("spoil", ["no weights", "changed", "other", "larger"])
def test_refuses_damaged_encoders(spoil: str, trained: Path, tmp_path: Path) -> None:
    kept(tmp_path / "p", plain(SCAN), trained, "scan")
    card, weights = tmp_path / "p" / "recipe.json", tmp_path / "p" / WEIGHTS
    content = json.loads(card.read_text())
    encoding = content["features"][0]["encoding"]
    spoilers: dict[str, Callable[[], Any]] = {
        "no weights": weights.unlink,
        "changed": lambda: weights.write_bytes(weights.read_bytes()[:-1] + b"?"),
        "other": lambda: encoding.update(network={"kind": "vit", "patch_size": 2}),
        "larger": lambda: encoding["network"].update(channels=[16, 16]),
    }
    spoilers[spoil]()
    card.write_text(json.dumps(content))
    for ask in (lambda recipe: recipe.check_encoders(), lambda recipe: recipe.encode(rows(3, 0)[0])):
        with pytest.raises(UserError, match=r"recipe.safetensors: .*run stage normalize again"):
            ask(read_recipe(card))


@every_trainer
def test_a_model_of_embeddings_reads_no_pixels(config: Any, recipe: Recipe, tmp_path: Path) -> None:
    folder = saved(trainers.fit(job_of(recipe), config).model, tmp_path / "model")
    with pytest.raises(UserError, match="train again"):
        trainers.load(folder, plain(AGE, SCAN).spec())

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks import augment, files, normalize, reports
from tasks.errors import UserError
from tasks.model_input.block_columns import read_examples
from tasks.params.augment import Augment
from tasks.params.normalize import Normalize
from tasks.paths import PARTS, Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tests.mirror_pictures import arrow, shape
from tests.small_tables import Kind, cut, described, image, pipeline_in
from tests.sounds import tone

COLUMNS: dict[str, Kind] = {
    "scan": ("image", "feature"),
    "call": ("audio", "feature"),
    "note": ("text", "feature"),
    "age": ("number", "feature"),
    "colour": ("category", "feature"),
    "label": ("category", "target"),
}
SCAN_AGE = ("scan", "age", "label")
RANDOM = np.random.default_rng(0)
WORDS = ["red", "rose", "green", "leaf", "tall", "tree", "old", "house"]
ROWS = pl.DataFrame(
    {
        "scan": [image(pixels) for pixels in RANDOM.integers(0, 256, (10, 6, 8)).astype(np.uint8)],
        "call": [tone(300 + 100 * number, seconds=0.1) for number in range(10)],
        "note": [" ".join(RANDOM.permutation(WORDS)) for _ in range(10)],
        "age": [float(number) for number in range(10)],
        "colour": ["red", "green", "blue", "grey", "pink"] * 2,
        "label": ["a", "b", "a", "a", "b", "a", "a", "b", "a", "a"],
    }
)
TOKENS = {"text": {"encode": "tokens", "length": 12, "min_documents": 1}}
TFIDF = {"text": {"min_documents": 1}}
EVERYTHING = {
    "image": {"rotate": 20, "brightness": 0.3},
    "audio": {"shift": 0.3, "noise": 0.5, "gain": 6},
    "number": {"jitter": 0.5},
    "category": {"swap": 0.5},
    "text": {"swap": 0.3, "drop": 0.2},
}


def config(**settings: Any) -> Augment:
    return Augment.model_validate(settings)


ROTATE = config(image={"rotate": 20, "shift": 0.1})


def prepared(
    root: Path,
    columns: Sequence[str] = tuple(COLUMNS),
    settings: Mapping[str, Any] = TFIDF,
    places: Sequence[int] = (4,),
    rows: pl.DataFrame = ROWS,
) -> Paths:
    paths = pipeline_in(root)
    kinds = {name: COLUMNS[name] for name in columns}
    for description in (paths.dataset, paths.cleaned):
        write_dataset(description, described(kinds, "regression" if kinds["label"][0] == "number" else "binary"))
    for part in PARTS:
        storage.write_parts(paths.clean(part), cut(rows.select(columns), places))
    normalize.run(Normalize.model_validate(settings), paths)
    return paths


def picture(paths: Paths) -> Image.Image:
    return Image.open(io.BytesIO(paths.augmentation_picture.read_bytes()))


def written(paths: Paths) -> list[bytes]:
    return [file.read_bytes() for file in storage.part_files(paths.augmented)]


def test_rows_stay_as_they_are_and_the_trainer_is_told(tmp_path: Path) -> None:
    paths = prepared(tmp_path, SCAN_AGE)
    report = augment.run(ROTATE, paths)
    assert report == reports.augment(paths)
    assert report.figure == "rotate, shift on the batch"
    assert (report.numbers["num_rows_in"], report.numbers["num_rows"]) == (10, 10)
    assert (report.numbers["image"]["rotate"], report.numbers["image"]["scale"]) == (20.0, 0.0)
    assert report.numbers["classes"] == {"a": {"before": 7, "after": 7}, "b": {"before": 3, "after": 3}}
    for file in storage.part_files(paths.normalized("train")):
        assert (paths.augmented / file.name).read_bytes() == file.read_bytes()


def test_the_picture_shows_as_many_images_as_there_are(tmp_path: Path) -> None:
    paths = prepared(tmp_path, SCAN_AGE)
    widths = []
    for preview in (1, 3, 64):
        augment.run(ROTATE.model_copy(update={"preview": preview}), paths)
        widths.append(picture(paths).width)
    assert widths == [6 + number * 102 for number in (1, 3, 10)]


def test_before_and_after_differ_and_the_seed_decides_how(tmp_path: Path) -> None:
    paths = prepared(tmp_path, SCAN_AGE)
    pictures = []
    for seed in (0, 0, 1):
        augment.run(ROTATE.model_copy(update={"seed": seed}), paths)
        pictures.append(paths.augmentation_picture.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    sheet = np.asarray(picture(paths))
    assert not np.array_equal(sheet[24:120], sheet[144:240])


@pytest.mark.parametrize("copies", [0, 1])
def test_the_picture_shows_every_kind_of_column(copies: int, tmp_path: Path) -> None:
    paths = prepared(tmp_path, settings=TOKENS)
    augment.run(config(**EVERYTHING, copies=copies, preview=3), paths)
    # Images, sounds, a line for each text at least, and two lines for each of the two other columns.
    assert picture(paths).height > 2 * 246 + 24 + 3 * 22 + 2 * 38


def test_nothing_to_do_leaves_a_picture_that_says_so(tmp_path: Path) -> None:
    paths = prepared(tmp_path, SCAN_AGE)
    assert augment.run(config(), paths).figure == "nothing to do"
    assert picture(paths).size == (480, 60)
    assert files.read_json(paths.augmentation_report)["image"] is None
    assert augment.run(config(image={}), paths).figure == "nothing to do"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image": {"rotate": 1}}, r"augment\.image: the data have no image column; remove the section"),
        ({"audio": {}}, r"augment\.audio: the data have no audio column; remove the section"),
        ({"text": {"typo": 0.1}}, r"augment\.text: the data have no text column"),
        ({"category": {"swap": 0.1}}, r"augment\.category: the data have no category column"),
        ({"mix": {"kind": "cutmix"}}, r"augment\.mix\.kind: .* no image or audio column; use mixup"),
        ({"copies": 2}, r"augment\.copies: nothing is said to be changed.* leave copies out"),
        ({"copies": 2, "number": {"jitter": 0}}, r"augment\.copies: nothing is said to be changed"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    paths = prepared(tmp_path, ("age", "label"))
    with pytest.raises(UserError, match=message):
        augment.run(config(**settings), paths)
    assert not paths.augmented.exists()
    assert augment.run(config(), paths).figure == "nothing to do"


def test_text_on_the_batch_must_be_tokens(tmp_path: Path) -> None:
    paths = prepared(tmp_path, ("note", "label"))
    with pytest.raises(UserError, match=r"augment\.text: column note is encoded as TF-IDF.* set copies: 1 or more"):
        augment.run(config(text={"drop": 0.1}), paths)
    paths = prepared(tmp_path, ("note", "label"), TOKENS)
    assert augment.run(config(text={"drop": 0.1}), paths).figure == "drop on the batch"
    with pytest.raises(UserError, match=r"augment\.text\.typo: tokens have no letters"):
        augment.run(config(text={"typo": 0.1}), paths)


@pytest.mark.parametrize("copies", [0, 1])
def test_a_text_that_is_scored_by_the_answers_cannot_be_changed(copies: int, tmp_path: Path) -> None:
    """Changed copies would be scored by a model that has seen their rows' targets."""
    paths = prepared(tmp_path, ("note", "label"), {"text": {"encode": "score", "min_documents": 1}})
    with pytest.raises(UserError, match=r"augment\.text: column note is encoded as a score .* take augment\.text out"):
        augment.run(config(text={"drop": 0.1}, copies=copies), paths)


def test_smote_needs_columns_with_something_between(tmp_path: Path) -> None:
    for name, settings in (("scan", TFIDF), ("note", TFIDF), ("note", TOKENS)):
        paths = prepared(tmp_path, (name, "label"), settings)
        with pytest.raises(UserError, match=rf"augment\.balance: smote .* column {name} .*; use balance: repeat"):
            augment.run(config(balance="smote"), paths)


def test_a_number_has_no_classes_to_balance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLUMNS, "label", ("number", "target"))
    rows = ROWS.with_columns(label=pl.col("age") * 2)
    paths = prepared(tmp_path, ("age", "label"), rows=rows)
    with pytest.raises(UserError, match=r"augment\.balance: repeat fills up classes.* leave balance out"):
        augment.run(config(balance="repeat"), paths)
    assert "classes" not in augment.run(config(number={"jitter": 0.1}), paths).numbers


@pytest.mark.parametrize("settings", [TFIDF, TOKENS], ids=["tfidf", "tokens"])
def test_copies_are_changed_rows_after_those_that_came_in(settings: Mapping[str, Any], tmp_path: Path) -> None:
    paths = prepared(tmp_path, settings=settings)
    report = augment.run(config(**EVERYTHING, copies=2), paths)
    assert report.figure.startswith("2 copies of each row (rotate, ")
    assert report.figure.endswith("), 30 rows")
    before = pl.concat(storage.read_parts(paths.normalized("train")))
    after = storage.read_table(paths.augmented)
    assert after.schema == before.schema
    assert after[:10].equals(before)
    assert after["label"].to_list() == before["label"].to_list() * 3
    for name in before.columns[:-1]:
        first, second = after[name][10:20], after[name][20:]
        assert not first.equals(before[name])
        assert not second.equals(first)
    assert report.numbers["num_rows"] == after.height


def test_copies_change_no_column_without_a_section(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    augment.run(config(number={"jitter": 0.5}, copies=1), paths)
    after = storage.read_table(paths.augmented)
    same = [name for name in after.columns if after[name][:10].equals(after[name][10:])]
    assert same == ["scan", "call", "note", "colour", "label"]


def test_copies_do_not_depend_on_where_parts_are_cut(tmp_path: Path) -> None:
    settings = config(**{**EVERYTHING, "text": {"swap": 0.3, "typo": 0.3}}, copies=2, balance="repeat")
    kept = []
    for number, places in enumerate(([], [1, 2, 7], [5])):
        paths = prepared(tmp_path / str(number), places=places)
        augment.run(settings, paths)
        kept.append(sorted(storage.read_table(paths.augmented)[:30].rows(), key=str))
    assert kept[0] == kept[1] == kept[2]


def test_copies_do_not_depend_on_the_size_of_other_tables_parts(tmp_path: Path) -> None:
    """normalize may cut the encoded rows elsewhere than the raw ones."""
    settings = config(text={"typo": 0.5}, image={"rotate": 9}, copies=1)
    paths = prepared(tmp_path)
    augment.run(settings, paths)
    expected = written(paths)
    train = pl.concat(storage.read_parts(paths.normalized("train")))
    storage.write_parts(paths.normalized("train"), cut(train, [2, 9]))
    augment.run(settings, paths)
    assert written(paths) == expected


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    found = []
    for seed in (0, 0, 1):
        augment.run(config(**EVERYTHING, copies=1, seed=seed), paths)
        found.append(written(paths))
    assert found[0] == found[1] != found[2]


def test_copies_of_text_are_encoded_from_changed_words(tmp_path: Path) -> None:
    paths = prepared(tmp_path, ("note", "label"))
    augment.run(config(text={"drop": 0.5}, copies=1), paths)
    recipe = read_recipe(paths.recipe)
    found = read_examples(recipe.spec(), "label", storage.read_parts(paths.augmented)).inputs.blocks["note"]
    assert (found[:10].getnnz(axis=1) == 15).all()  # eight words, and seven runs of two
    assert (found[10:].getnnz(axis=1) < 15).all()


def test_stds_are_those_of_the_encoded_numbers(tmp_path: Path) -> None:
    for scale, std in (("standard", 1.0), ("min_max", np.std(np.arange(10) / 9)), ("none", np.std(range(10)))):
        paths = prepared(tmp_path, ("age", "label"), {"number": {"scale": scale}})
        found = augment.run(config(number={"jitter": 0.1}), paths).numbers["std"]
        assert found == {"age": pytest.approx(std, rel=1e-6)}


@pytest.mark.parametrize("balance", ["repeat", "smote"])
@pytest.mark.parametrize("copies", [0, 2])
def test_classes_are_filled_up_to_the_largest(balance: str, copies: int, tmp_path: Path) -> None:
    paths = prepared(tmp_path, ("age", "colour", "label"))
    report = augment.run(config(balance=balance, copies=copies, number={"jitter": 0.1}), paths)
    after = storage.read_table(paths.augmented)
    assert after["label"].value_counts()["count"].to_list() == [7 * (copies + 1)] * 2
    now = {"a": {"before": 7, "after": 7 * (copies + 1)}, "b": {"before": 3, "after": 7 * (copies + 1)}}
    assert report.numbers["classes"] == now
    assert report.figure.endswith(f"{balance} up to the largest class, {14 * (copies + 1)} rows")


def test_a_feature_of_ones_own_is_changed_by_itself_and_not_computed_anew(tmp_path: Path) -> None:
    own = {"number": {"scale": "none"}, "features": {"inverse": "1 / (age + 0.001)", "old": "age > 4"}}
    paths = prepared(tmp_path, ("age", "label"), own, places=())
    augment.run(config(number={"jitter": 0.5}, copies=1), paths)
    spec = read_recipe(paths.recipe).spec()
    rows = read_examples(spec, "label", storage.read_parts(paths.augmented)).inputs.blocks
    (age, aged), (inverse, inverted), (old, older) = (
        (rows[name][:10].squeeze(), rows[name][10:].squeeze()) for name in ("age", "inverse", "old")
    )
    np.testing.assert_allclose(inverse, 1 / (age + 0.001), rtol=1e-5)
    assert abs(aged - age).min() > 0
    # Noise of its own size: of an age of 0, computed anew, little would be left of 1,000.
    assert inverted[0] == pytest.approx(inverse[0], abs=3 * 0.5 * inverse.std())
    assert abs(inverted - 1 / (aged + 0.001)).max() > 100
    np.testing.assert_array_equal(old, older)


@pytest.mark.parametrize(
    ("draw", "flip", "is_told"),
    [(arrow, "horizontal", True), (arrow, "both", True), (arrow, "vertical", False), (shape, "both", False)],
)
def test_flips_that_take_pictures_out_of_their_class_are_told(
    draw: Callable[[np.random.Generator, int], NDArray[np.uint8]], flip: str, is_told: bool, tmp_path: Path
) -> None:
    dice, sides = np.random.default_rng(0), [number // 50 for number in range(100)]
    rows = pl.DataFrame({"scan": [image(draw(dice, side)) for side in sides], "label": ["ab"[side] for side in sides]})
    report = augment.run(config(image={"flip": flip}), prepared(tmp_path, ("scan", "label"), {}, (70,), rows))
    assert [sentence.split(":")[0] for sentence in report.diagnostics] == ["augment.image.flip"] * is_told
    assert all("of their horizontal mirror images 0 %" in sentence for sentence in report.diagnostics)

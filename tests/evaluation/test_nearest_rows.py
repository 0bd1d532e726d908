"""The training rows most like a row, where these were planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder, StandardScaler, normalize

from tasks.columns.category.column import CategoryEncoding
from tasks.columns.image.column import ImageEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.columns.text.column import TextEncoding
from tasks.evaluation.alike import Answered, alike_training_rows, remark
from tasks.evaluation.nearest_rows import Measured, nearest_training_rows
from tasks.model_input.block_columns import to_series
from tasks.model_input.inputs import WEIGHT, Block, Field, ModelInput
from tasks.paths import Paths, Project
from tasks.recipe.recipe import Feature, Recipe, Target
from tasks.tables import storage

TOWNS = ("Bonn", "Jena", "Ulm")
NUMBER = NumberEncoding(impute=0.0, factor=0.01, offset=0.0, indicator=False)
CATEGORY = CategoryEncoding(encode="one_hot", categories=TOWNS, missing=False)


def recipe_of(**encodings: Any) -> Recipe:
    features = tuple(Feature(name=name, encoding=encoding) for name, encoding in encodings.items())
    target = Target(name="label", task="binary", classes=("no", "yes"))
    return Recipe(features=features, target=target, num_inputs=len(features))


def write_normalized(paths: Paths, part: Any, recipe: Recipe, blocks: dict[str, Block], **more: Any) -> None:
    """In parts of 70 rows."""
    fields = {field.name: field for field in recipe.spec().fields}
    columns = [to_series(name, fields[name], block) for name, block in blocks.items()]
    num_rows = len(columns[0])
    rest = {"label": np.zeros(num_rows, dtype=np.int64), **more}
    rows = pl.DataFrame([*columns, *(pl.Series(name, values) for name, values in rest.items())])
    storage.write_parts(paths.normalized(part), rows.iter_slices(70))


def of_numbers(num_rows: int, seed: int) -> dict[str, Block]:
    random = np.random.default_rng(seed)
    # One is a thousand times as wide as the other, and lies far from zero.
    return {
        "wide": random.normal(1e7, 1e3, (num_rows, 1)),
        "narrow": random.normal(0, 1, (num_rows, 1)),
        "town": random.integers(0, 4, num_rows).astype(np.int32),
    }


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Project(root=tmp_path).pipeline("p")


def test_they_are_those_of_scikit_learn(paths: Paths) -> None:
    recipe = recipe_of(wide=NUMBER, narrow=NUMBER, town=CATEGORY)
    train, asked = of_numbers(300, 0), of_numbers(5, 1)
    write_normalized(paths, "train", recipe, train)
    nearest = nearest_training_rows(recipe, ModelInput(blocks=asked, num_rows=5), paths)
    scaler = StandardScaler().fit(np.hstack([train["wide"], train["narrow"]]))
    encoder = OneHotEncoder(categories=[range(4)], sparse_output=False).fit(train["town"][:, None])

    def matrix(blocks: dict[str, Block]) -> np.ndarray:
        numbers = scaler.transform(np.hstack([blocks["wide"], blocks["narrow"]]))
        return np.hstack([numbers, encoder.transform(blocks["town"][:, None])])

    distances, numbers = NearestNeighbors(n_neighbors=3).fit(matrix(train)).kneighbors(matrix(asked))
    assert nearest.numbers.tolist() == numbers.tolist()
    assert nearest.distances == pytest.approx(distances, abs=1e-5)


def test_planted_duplicates_are_named_and_of_equal_ones_the_earlier(paths: Paths) -> None:
    recipe = recipe_of(wide=NUMBER, narrow=NUMBER, town=CATEGORY)
    train, asked = of_numbers(300, 2), of_numbers(1, 3)
    for row in (250, 33, 140):
        for name, block in train.items():
            block[row] = asked[name][0]
    # One that hardly differs comes after all that do not, and one of weight 0 has taught nothing.
    train["narrow"][33] += 1e-3
    weight = np.where(np.arange(300) == 140, 0.0, 1.0)
    write_normalized(paths, "train", recipe, train, **{WEIGHT: weight})
    nearest = nearest_training_rows(recipe, ModelInput(blocks=asked, num_rows=1), paths, num_nearest=2)
    assert nearest.numbers.tolist() == [[250, 33]]
    assert nearest.distances[0, 0] == 0
    assert nearest.distances[0, 1] == pytest.approx(1e-3, rel=0.1)
    write_normalized(paths, "train", recipe, train)
    again = nearest_training_rows(recipe, ModelInput(blocks=asked, num_rows=1), paths)
    assert again.numbers.tolist() == [[140, 250, 33]]


def test_fewer_training_rows_than_are_asked_for(paths: Paths) -> None:
    recipe = recipe_of(narrow=NUMBER)
    write_normalized(paths, "train", recipe, {"narrow": np.array([[1.0], [0.0]])})
    asked = ModelInput(blocks={"narrow": np.array([[0.1]])}, num_rows=1)
    assert nearest_training_rows(recipe, asked, paths).numbers.tolist() == [[1, 0]]


def test_pictures_are_arrays_and_large_ones_the_means_of_boxes(paths: Paths) -> None:
    random = np.random.default_rng(4)
    small = ImageEncoding(height=5, width=4, channels=3, factor=(1 / 255,) * 3, offset=(0.0,) * 3)
    recipe = recipe_of(scan=small)
    train = random.integers(0, 256, (200, 3, 5, 4)).astype(np.uint8)
    write_normalized(paths, "train", recipe, {"scan": train})
    asked = train[[77]] // 2
    nearest = nearest_training_rows(recipe, ModelInput(blocks={"scan": asked}, num_rows=1), paths)
    by_hand = np.sqrt((((train.astype(float) - asked) / 255) ** 2).sum(axis=(1, 2, 3)))
    assert nearest.numbers[0].tolist() == np.argsort(by_hand)[:3].tolist()
    assert nearest.distances[0] == pytest.approx(np.sort(by_hand)[:3], rel=1e-5)
    large = Field(name="scan", kind="image", shape=(1, 256, 128), factor=(1.0,), offset=(0.0,))
    photographs = random.integers(0, 256, (3, 1, 256, 128)).astype(np.uint8)
    blocks = ModelInput(blocks={"scan": photographs}, num_rows=3)
    squared = Measured(fields=(large,), stds={}).squared(blocks, blocks)
    means = photographs.reshape(3, 64, 4, 64, 2).mean(axis=(2, 4)).reshape(3, -1)
    assert squared[0, 1] == pytest.approx(((means[0] - means[1]) ** 2).sum(), rel=1e-5)
    assert np.diag(squared).tolist() == [0, 0, 0]


def test_texts_are_their_terms_or_their_tokens() -> None:
    random = np.random.default_rng(5)
    terms = csr_matrix(normalize(random.uniform(size=(6, 9)) * (random.uniform(size=(6, 9)) < 0.4)))
    sparse = Field(name="note", kind="sparse", shape=(9,))
    rows = ModelInput(blocks={"note": terms}, num_rows=6)
    dense = terms.toarray()
    expected = ((dense[:, None] - dense[None]) ** 2).sum(axis=2)
    assert Measured(fields=(sparse,), stds={}).squared(rows, rows) == pytest.approx(expected, abs=1e-8)
    tokens = np.array([[3, 4, 4, 0], [4, 3, 4, 0], [5, 0, 0, 0], [0, 0, 0, 0]], dtype=np.int32)
    field = Field(name="note", kind="tokens", shape=(4,), vocabulary=6)
    read = ModelInput(blocks={"note": tokens}, num_rows=4)
    apart = Measured(fields=(field,), stds={}).squared(read, read)
    # The same words in another order, no word in common, and no word at all.
    assert apart[0].tolist() == pytest.approx([0, 0, 2, 1])


def test_embeddings_and_scores_are_told_apart(paths: Paths) -> None:
    """A text's TF-IDF is no dense field: nothing is learnt of its deviations."""
    recipe = recipe_of(note=TextEncoding(encode="tfidf", terms=("a", "b"), idf=(1.0, 1.0)))
    write_normalized(paths, "train", recipe, {"note": csr_matrix(np.eye(2))})
    asked = ModelInput(blocks={"note": csr_matrix(np.array([[0.0, 1.0]]))}, num_rows=1)
    assert nearest_training_rows(recipe, asked, paths).numbers.tolist() == [[1, 0]]


def test_raw_rows_come_with_what_is_identical(paths: Paths) -> None:
    recipe = recipe_of(narrow=NUMBER, town=CATEGORY)
    train = pl.DataFrame({"narrow": [0.5, 1.0, 0.5, 3.0], "town": ["Ulm", "Ulm", None, "Bonn"], "label": ["yes"] * 4})
    test = pl.DataFrame({"narrow": [3.1, 0.5], "town": ["Bonn", "Ulm"], "label": ["no", "no"]})
    for part, rows in (("train", train), ("test", test)):
        storage.write_parts(paths.clean(part), rows.iter_slices(3))
        write_normalized(paths, part, recipe, dict(recipe.encode(rows).blocks))
    alike = alike_training_rows(recipe, paths, [1, 0])
    assert [one.row for one in alike[1]] == [0, 1, 2]
    assert [one.is_identical for one in alike[1]] == [True, False, False]
    assert alike[1][0].values["label"] == "yes"
    assert alike[1][0].distance == 0
    assert alike[0][0].row == 3
    assert alike_training_rows(recipe, paths, []) == {}


def test_what_the_nearest_rows_say_of_a_mistake() -> None:
    wrong = Answered(actual="A", predicted="B")
    assert remark(wrong, ["B", "A", "A"], [True, False, False]) == (
        "An identical training row is of the class B: the data contradict each other."
    )
    assert remark(wrong, ["C", "A", "A"], [False, False, False]) is None
    assert "the model has not learnt it" in remark(wrong, ["A", "B"], [True, False])
    assert (
        remark(wrong, ["B", "B", "B"], [False] * 3)
        == "The training rows most like it are all of the class that was answered."
    )
    off = Answered(actual=10.0, predicted=20.0)
    assert remark(off, [19.0, 16.0, 30.0], [False] * 3).endswith("all nearer to what was answered.")
    assert remark(off, [19.0, 12.0, 30.0], [False] * 3) is None
    assert "is at 18: the data contradict each other" in remark(off, [18.0], [True])
    assert "is at 10, too" in remark(off, [10.0 + 1e-12], [True])
    assert remark(off, [], []) is None

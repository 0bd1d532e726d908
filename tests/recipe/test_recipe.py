from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks import files
from tasks.columns.category.encoding import TargetTable
from tasks.columns.number.column import NumberEncoding
from tasks.errors import UserError
from tasks.params.augment import Augment, AugmentImage
from tasks.params.normalize import Normalize
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Recipe, read_recipe, write_recipe
from tasks.tables.dataset import Column
from tasks.tables.dialect import ColumnDialect
from tests.small_tables import Kind, described, image
from tests.sounds import tone

COLUMNS: dict[str, Kind] = {
    "age": ("number", "feature"),
    "town": ("category", "feature"),
    "note": ("text", "feature"),
    "member": ("boolean", "feature"),
    "since": ("timestamp", "feature"),
    "scan": ("image", "feature"),
    "call": ("audio", "feature"),
    "label": ("category", "target"),
}
ROWS = pl.DataFrame(
    {
        "age": [20.0, None, 40.0],
        "town": ["1", None, "2"],
        "note": ["good day", "bad day", "good night"],
        "member": [True, None, False],
        "since": [datetime(2024, 1, 31, 12), None, datetime(2020, 2, 1)],
        "scan": [image([[shade, 255]]) for shade in (0, 100, 200)],
        "call": [tone(pitch) for pitch in (300, 500, 700)],
        "label": ["no", "yes", "no"],
    }
)


OTHERS = ("age", "town", "member", "since", "scan", "call")
"""All columns but the text, whose block is sparse."""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return learn([ROWS], described(COLUMNS), Normalize.model_validate({"text": {"min_documents": 1}})).recipe


def test_a_recipe_comes_back_from_its_file_as_it_was(tmp_path: Path, recipe: Recipe) -> None:
    write_recipe(tmp_path / "recipe.json", recipe)
    again = read_recipe(tmp_path / "recipe.json")
    assert again == recipe
    assert again.spec() == recipe.spec()
    first, second = (one.encode(ROWS).blocks for one in (recipe, again))
    assert all(np.array_equal(first[name], second[name]) for name in OTHERS)
    assert (first["note"] != second["note"]).nnz == 0


def test_a_recipe_of_before_is_read_by_the_names_it_had() -> None:
    number = {"impute": 0, "bend": "log", "factor": 1, "offset": 0, "indicator": False}
    assert NumberEncoding.model_validate(number).transform == "log"
    table = {"classes": [], "mean": 1.5, "deviation": 2.5, "values": [[0.0]]}
    assert TargetTable.model_validate(table).std == 2.5


def test_a_recipe_reads_text_by_the_dialect_that_it_carries(tmp_path: Path) -> None:
    columns = [
        Column(name="price", type="number", role="feature", dialect=ColumnDialect(decimal=",", thousands=".")),
        Column(name="day", type="timestamp", role="feature", dialect=ColumnDialect(format="%m/%d/%Y")),
        Column(name="label", type="category", role="target"),
    ]
    rows = pl.DataFrame(
        {"price": [1972.76, 8000.0], "day": [datetime(2024, 2, 1), datetime(2024, 1, 31)], "label": ["no", "yes"]}
    )
    dataset = described({}).model_copy(update={"columns": tuple(columns)})
    write_recipe(tmp_path / "recipe.json", learn([rows], dataset, Normalize()).recipe)
    content = files.read_json(tmp_path / "recipe.json")
    assert [feature["dialect"] for feature in content["features"]] == [
        {"decimal": ",", "thousands": "."},
        {"format": "%m/%d/%Y"},
    ]
    recipe = read_recipe(tmp_path / "recipe.json")
    written = pl.DataFrame({"price": ["1.972,76", "8.000"], "day": ["02/01/2024", "01/31/2024"]})
    for name, block in recipe.encode(rows).blocks.items():
        assert np.array_equal(recipe.encode(written).blocks[name], block)


def test_the_spec_lists_fields_in_the_order_of_the_columns(recipe: Recipe) -> None:
    spec = recipe.spec()
    assert [(field.name, field.kind) for field in spec.fields] == [
        ("age", "dense"),
        ("town", "category_index"),
        ("note", "sparse"),
        ("member", "dense"),
        ("since", "dense"),
        ("scan", "image"),
        ("call", "audio"),
    ]
    assert (spec.task, spec.classes, spec.num_outputs) == ("binary", ("no", "yes"), 2)


def test_rows_may_come_in_other_types_and_with_other_columns(recipe: Recipe) -> None:
    """A person who asks the model has Python's numbers, or text from a form."""
    plain = ROWS[:1].with_columns(extra=1)
    written = {"age": " 20 ", "town": 1.0, "member": "Yes", "since": "2024-01-31T13:00:00+01:00", "extra": None}
    other = plain.with_columns(**{name: pl.lit(value) for name, value in written.items()})
    other = other.select(reversed(plain.columns))
    blocks = [recipe.encode(rows).blocks for rows in (plain, other)]
    assert all(np.array_equal(blocks[0][name], blocks[1][name]) for name in OTHERS)


def test_no_rows_are_no_inputs(recipe: Recipe) -> None:
    inputs = recipe.encode(ROWS.clear())
    assert inputs.num_rows == 0
    assert [inputs.blocks[field.name].shape[0] for field in recipe.spec().fields] == [0] * len(ROWS.columns[:-1])
    assert recipe.encode_target(ROWS.clear()).shape == (0,)


def test_a_number_that_cannot_be_read_is_a_missing_one(recipe: Recipe) -> None:
    found = [recipe.encode(ROWS[:1].with_columns(age=pl.Series([age]))).blocks["age"] for age in ("old", float("nan"))]
    missing = recipe.encode(ROWS[1:2]).blocks["age"]
    assert all(np.array_equal(block, missing) for block in found)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS.drop("town"), "column town is missing; the model was trained with it"),
        (ROWS.with_columns(scan=pl.lit(b"no picture")), "column scan holds bytes that are no image; `clean` takes"),
        (ROWS.with_columns(call=pl.lit(b"no sound")), "column call holds bytes that are no sound; `clean` takes"),
        (ROWS.with_columns(age=pl.lit(b"\xff")), "column age holds Binary, which is no number; convert it"),
    ],
)
def test_what_cannot_be_encoded_is_named(recipe: Recipe, rows: pl.DataFrame, said: str) -> None:
    with pytest.raises(UserError) as caught:
        recipe.encode(rows)
    assert str(caught.value).startswith(said)


def test_a_class_that_train_did_not_have_is_named(recipe: Recipe) -> None:
    assert recipe.encode_target(ROWS).tolist() == [0, 1, 0]
    with pytest.raises(UserError, match="column label: class 'maybe' is in no training row"):
        recipe.encode_target(ROWS.with_columns(label=pl.lit("maybe")))


def test_augmentations_are_by_column_and_only_for_types_with_settings(recipe: Recipe) -> None:
    assert recipe.augmentations(Augment()) == {}
    found = recipe.augmentations(Augment(image=AugmentImage(shift=0.5)))
    assert list(found) == ["scan"]
    before = torch.from_numpy(recipe.encode(ROWS).blocks["scan"].copy())
    after = found["scan"](before, torch.Generator().manual_seed(0))
    assert after.shape == before.shape
    assert not torch.equal(after, before)

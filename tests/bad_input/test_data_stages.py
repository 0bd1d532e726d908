"""Any table through clean, split, normalize and augment: no crash, no lost row, and cuts and order do not matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import augment, clean, files, normalize, split
from tasks.columns import column_type
from tasks.errors import GateError, UserError
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.normalize import Normalize
from tasks.params.split import HashSplit
from tasks.paths import PARTS, Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import read_dataset, write_dataset
from tests.bad_input.any_rows import CLEANS, Table, configs, tables
from tests.small_tables import cut, described, pipeline_in

every_table = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Outcome = tuple[str, str]
"""The last stage, and what it said when it refused; "" when all went through."""


def through(root: Path, table: Table, parts: Sequence[pl.DataFrame], config: Any) -> tuple[Outcome, dict[str, Any]]:
    """The stages one after another until one refuses, and what they left."""
    paths = pipeline_in(root)
    write_dataset(paths.dataset, table.dataset)
    storage.write_parts(paths.valid, parts)
    stages = {"split": split, "clean": clean, "normalize": normalize, "augment": augment}
    for (name, stage), settings_of in zip(stages.items(), config, strict=True):
        try:
            stage.run(settings_of, paths)
        except (UserError, GateError) as error:
            said = str(error)
            assert len(said) > 20
            assert "\n" not in said
            return (name, said), left(paths, name)
        conserved(paths, name, table.rows.height)
    return ("augment", ""), left(paths, "done")


def conserved(paths: Paths, stage: str, num_rows: int) -> None:
    """Rows in = rows out + rows quarantined; training rows may only become more by augmentation."""
    assert sum(storage.count_rows(paths.split(part)) for part in PARTS) == num_rows
    if stage in ("clean", "normalize", "augment"):
        kept = sum(storage.count_rows(paths.clean(part)) for part in PARTS)
        assert kept + storage.count_rows(paths.quarantine("clean")) == num_rows
    if stage in ("normalize", "augment"):
        for part in PARTS:
            assert storage.count_rows(paths.normalized(part)) == storage.count_rows(paths.clean(part))
    if stage == "augment":
        assert storage.count_rows(paths.augmented) >= storage.count_rows(paths.normalized("train"))


def left(paths: Paths, stage: str) -> dict[str, Any]:
    """What the stages before this one left: tables as sorted rows, recipes as they are.

    Without ids: of two rows that are equal but for them the first one stays, whichever that is.
    """
    found: dict[str, Any] = {}
    ids = [column.name for column in read_dataset(paths.dataset).columns if column.role == "id"]
    if stage != "split":
        for part in PARTS:
            found[f"split {part}"] = storage.read_table(paths.split(part)).drop(ids, strict=False)
    if stage not in ("split", "clean"):
        found["cleaned"] = files.read_json(paths.cleaned)
        for part in PARTS:
            found[part] = storage.read_table(paths.clean(part)).drop(ids, strict=False)
    if stage in ("augment", "done"):
        found["recipe"] = files.read_json(paths.recipe)
        for part in PARTS:
            found[f"normalized {part}"] = storage.read_table(paths.normalized(part))
    return {name: as_rows(value) if isinstance(value, pl.DataFrame) else value for name, value in found.items()}


def as_rows(table: pl.DataFrame) -> list[str]:
    # Zero is zero, whatever its sign: which of two equal rows stays depends on their order.
    return sorted(repr(row).replace("-0.0", "0.0") for row in table.rows())


@pytest.mark.long
@every_table
@given(data=st.data(), table=tables(), places=st.lists(st.integers(0, 80), max_size=3))
def test_nothing_crashes_no_row_is_lost_and_cuts_do_not_matter(
    data: st.DataObject, table: Table, places: list[int]
) -> None:
    config = data.draw(configs(table))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        in_one, whole = through(Path(one), table, [table.rows], config)
        in_parts, pieces = through(Path(other), table, cut(table.rows, places), config)
    assert in_parts == in_one
    assert pieces == whole


WITHOUT_ORDER = CLEANS.filter(lambda config: config.near_duplicates == Clean().near_duplicates)
"""Of near duplicates the first one stays, so their order has a meaning."""


@pytest.mark.long
@every_table
@given(data=st.data(), table=tables(), random=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(data: st.DataObject, table: Table, random: Random) -> None:
    *config, _ = data.draw(configs(table, WITHOUT_ORDER))
    order = random.sample(range(table.rows.height), table.rows.height)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        (stage, _), straight = through(Path(one), table, [table.rows], (*config, Augment()))
        (again, _), shuffled = through(Path(other), table, [table.rows[order]], (*config, Augment()))
    assert again == stage
    assert shuffled == straight


@pytest.mark.parametrize("encode", ["one_hot", "ordinal", "target", "hashed"])
def test_ten_thousand_categories(tmp_path: Path, encode: str) -> None:
    numbers = range(20_000)
    rows = pl.DataFrame(
        {
            "x": [f"category {number % 10_000}" for number in numbers],
            "z": [float(number) for number in numbers],
            "y": ["a" if number % 3 else "b" for number in numbers],
            "number": [str(number) for number in numbers],
        }
    )
    dataset = described(
        {
            "x": ("category", "feature"),
            "z": ("number", "feature"),
            "y": ("category", "target"),
            "number": ("category", "id"),
        }
    )
    config = (HashSplit(), Clean(), Normalize.model_validate({"category": {"encode": encode}}), Augment())
    outcome, found = through(tmp_path, Table(dataset, rows), cut(rows, [7_000]), config)
    assert outcome == ("augment", "")
    assert sum(len(found[part]) for part in PARTS) == 20_000


@pytest.mark.parametrize("kind", ["number", "category", "boolean", "text", "timestamp", "image", "audio"])
@pytest.mark.parametrize("num_rows", [1, 30])
def test_a_column_without_any_value_is_named(tmp_path: Path, kind: Any, num_rows: int) -> None:
    dtype = column_type(kind).dtype
    rows = pl.DataFrame(
        {
            "x": pl.Series([None] * num_rows, dtype=dtype),
            "z": [float(number) for number in range(num_rows)],
            "y": ["a", "b"] * (num_rows // 2) or ["a"],
            "number": [str(number) for number in range(num_rows)],
        }
    )
    dataset = described(
        {
            "x": (kind, "feature"),
            "z": ("number", "feature"),
            "y": ("category", "target"),
            "number": ("category", "id"),
        }
    )
    config = (HashSplit(validation=3, test=3), Clean(duplicates="keep", max_quarantined=0.99), Normalize(), Augment())
    (stage, said), _ = through(tmp_path, Table(dataset, rows), [rows], config)
    assert stage in ("clean", "split", "normalize")
    assert re.search(r"\bx\b|_image|_audio|_text", said) or num_rows == 1


def finished(root: Path) -> Paths:
    """A pipeline with a number, a category and a text, all the way to its recipe."""
    numbers = range(60)
    rows = pl.DataFrame(
        {
            "size": [float(number) for number in numbers],
            "colour": [("red", "Blue", " blue ")[number % 3] for number in numbers],
            "note": [f"note {number % 7} rose" for number in numbers],
            "y": ["a", "b"] * 30,
            "number": [str(number) for number in numbers],
        }
    )
    dataset = described(
        {
            "size": ("number", "feature"),
            "colour": ("category", "feature"),
            "note": ("text", "feature"),
            "y": ("category", "target"),
            "number": ("category", "id"),
        }
    )
    clean_config = Clean.model_validate({"category": {"case": "lower"}})
    outcome, _ = through(root, Table(dataset, rows), [rows], (HashSplit(), clean_config, Normalize(), Augment()))
    assert outcome == ("augment", "")
    return pipeline_in(root)


def test_a_recipe_meets_rows_that_it_has_never_seen(tmp_path: Path) -> None:
    paths = finished(tmp_path)
    recipe = read_recipe(paths.recipe)
    row = {"size": [1.0], "colour": ["red"], "note": ["a rose"]}

    def encoded(**changed: Any) -> dict[str, Any]:
        blocks = recipe.encode(pl.DataFrame({**row, **changed})).blocks
        return {
            name: block.toarray().tolist() if hasattr(block, "toarray") else block.tolist()
            for name, block in blocks.items()
        }

    assert encoded(colour=[" RED"]) == encoded()
    other = encoded(colour=["green"])["colour"]
    assert other == encoded(colour=["never seen"])["colour"] != encoded()["colour"]
    assert encoded(more=["a column that nobody asked for"]) == encoded()
    assert encoded(size=["1"]) == encoded(size=[1]) == encoded()
    assert encoded(note=["words that no row had"])["note"] == [[0.0] * len(encoded()["note"][0])]
    assert len(encoded(size=pl.Series([None], dtype=pl.Float64))["size"][0]) == 1
    with pytest.raises(UserError, match="column size is missing; the model was trained with it"):
        recipe.encode(pl.DataFrame(row).drop("size"))
    with pytest.raises(UserError, match="column size holds"):
        recipe.encode(pl.DataFrame({**row, "size": [[1.0]]}))


def test_what_clean_learnt_stands_in_the_recipe(tmp_path: Path) -> None:
    paths = finished(tmp_path)
    by_name = {column.name: column.repair for column in read_dataset(paths.cleaned).columns}
    for feature in read_recipe(paths.recipe).features:
        assert feature.repair == by_name[feature.name]

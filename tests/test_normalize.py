from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks import clean, files, normalize, reports, split
from tasks.errors import UserError
from tasks.model_input.inputs import GROUP, TIME
from tasks.params.clean import Clean
from tasks.params.normalize import Normalize
from tasks.params.split import Split
from tasks.paths import PARTS, Part, Paths
from tasks.recipe import encoded_parts
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.folds import fold_paths
from tasks.tables import storage
from tasks.tables.dataset import read_dataset, write_dataset
from tests.small_tables import Kind, cut, described, image, pipeline_in
from tests.splitting.rows import COLUMNS as IN_TIME
from tests.splitting.rows import many

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "weight": ("number", "feature"),
    "age": ("number", "feature"),
    "town": ("category", "feature"),
    "note": ("text", "feature"),
    "scan": ("image", "feature"),
    "label": ("category", "target"),
}
PLAIN = Normalize.model_validate({"text": {"min_documents": 1}})
STANDARD = Normalize.model_validate({"text": {"min_documents": 1}, "image": {"scale": "standard"}})


def rows(num_rows: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": [f"{seed}-{number}" for number in range(num_rows)],
            "weight": [None if number % 4 == 3 else random.normal(70, 9) for number in range(num_rows)],
            "age": random.integers(18, 90, num_rows).astype(float),
            "town": [[None, "Ulm", "Bonn", "Köln"][number] for number in random.integers(0, 4, num_rows)],
            "note": [f"a {'good' if number % 2 else 'bad'} one {number % 5}" for number in range(num_rows)],
            "scan": [image(pixels.astype(np.uint8)) for pixels in random.integers(0, 256, (num_rows, 3, 2))],
            "label": ["yes" if number % 2 else "no" for number in range(num_rows)],
        },
        schema_overrides={"weight": pl.Float64, "town": pl.String},
    )


SETS: dict[Part, pl.DataFrame] = {"train": rows(24, 1), "validation": rows(8, 2), "test": rows(8, 3)}


def prepared(
    root: Path, sets: Mapping[Part, Sequence[pl.DataFrame]], columns: dict[str, Kind] = COLUMNS, **more: Any
) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.cleaned, described(columns, **more))
    for part in PARTS:
        storage.write_parts(paths.clean(part), sets[part])
    return paths


def normalized(root: Path, config: Normalize = PLAIN, **changed: Sequence[pl.DataFrame]) -> Paths:
    paths = prepared(root, {**{part: [table] for part, table in SETS.items()}, **changed})  # type: ignore[dict-item]
    normalize.run(config, paths)
    return paths


def one_column(
    root: Path, values: Sequence[Any], kind: str = "number", config: Mapping[str, Any] | None = None
) -> tuple[np.ndarray[Any, Any], Recipe]:
    """The training rows' inputs, and the recipe, of a table with one feature."""
    columns: dict[str, Kind] = {"x": (kind, "feature"), "label": ("category", "target")}  # type: ignore[dict-item]
    dtype = {"number": pl.Float64, "category": pl.String}[kind]
    table = pl.DataFrame(
        {"x": pl.Series(values, dtype=dtype), "label": [["a", "b"][number % 2] for number in range(len(values))]}
    )
    paths = prepared(root, {part: [table] for part in PARTS}, columns)
    normalize.run(Normalize.model_validate({kind: config or {}}), paths)
    return storage.read_table(paths.normalized("train"))["x"].to_numpy(), read_recipe(paths.recipe)


def test_every_row_becomes_one_of_the_fields_and_the_class_number(tmp_path: Path) -> None:
    paths = normalized(tmp_path)
    report = normalize.run(PLAIN, paths)
    recipe = read_recipe(paths.recipe)
    assert report == reports.normalize(paths)
    assert report.figure == f"5 columns, {recipe.num_inputs} inputs"
    assert recipe.num_inputs == sum(field.num_inputs for field in recipe.spec().fields)
    assert recipe.target.classes == ("no", "yes")
    for part, table in SETS.items():
        encoded = storage.read_table(paths.normalized(part))
        assert encoded.columns == ["weight", "age", "town", "note", "scan", "label"]
        assert encoded["label"].dtype == pl.Int64
        assert encoded["label"].to_list() == [["no", "yes"].index(label) for label in table["label"]]


def test_the_recipe_is_learnt_from_training_rows_alone(tmp_path: Path) -> None:
    other = rows(5, 9).with_columns(town=pl.lit("Mars"), age=pl.lit(1e6), note=pl.lit("unheard of"))
    before = normalized(tmp_path / "a", STANDARD)
    after = normalized(tmp_path / "b", STANDARD, validation=[other], test=[other[:3], other[3:]])
    assert after.recipe.read_bytes() == before.recipe.read_bytes()
    names = [file.name for file in storage.part_files(before.normalized("train"))]
    for name in names:
        assert (after.normalized("train") / name).read_bytes() == (before.normalized("train") / name).read_bytes()


@settings(derandomize=True, max_examples=15, deadline=None)
@given(places=st.lists(st.integers(0, 24), max_size=5))
def test_parts_cut_elsewhere_lead_to_the_same_recipe_and_the_same_rows(places: list[int]) -> None:
    with TemporaryDirectory() as folder:
        whole = normalized(Path(folder) / "whole", STANDARD)
        parts = normalized(Path(folder) / "parts", STANDARD, train=cut(SETS["train"], places))
        assert parts.recipe.read_bytes() == whole.recipe.read_bytes()
        read = [storage.read_table(paths.normalized("train")) for paths in (parts, whole)]
    assert read[0].equals(read[1])


def test_two_runs_leave_the_same_bytes(tmp_path: Path) -> None:
    first, second = (normalized(tmp_path / name).data for name in ("here", "elsewhere"))
    for file in (file for file in first.rglob("*") if file.is_file()):
        assert file.read_bytes() == (second / file.relative_to(first)).read_bytes()


COLUMN = st.lists(st.integers(-10_000, 10_000).map(lambda whole: whole / 8), min_size=2, max_size=40)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(values=COLUMN)
def test_scales_are_what_they_are_called(values: list[float]) -> None:
    spread = max(values) > min(values)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        standard, _ = one_column(root / "s", values, config={"scale": "standard"})
        min_max, _ = one_column(root / "m", values, config={"scale": "min_max"})
        symmetric, _ = one_column(root / "y", values, config={"scale": "symmetric"})
        plain, _ = one_column(root / "n", values, config={"scale": "none"})
    assert standard.mean() == pytest.approx(0, abs=1e-5)
    assert standard.std() == pytest.approx(1 if spread else 0, rel=1e-5)
    # Factor and offset are kept to twelve digits.
    assert (min_max.min(), min_max.max()) == pytest.approx((0, 1 if spread else 0), abs=1e-9)
    assert (symmetric.min(), symmetric.max()) == pytest.approx((-1, 1) if spread else (0, 0), abs=1e-9)
    assert plain[:, 0].tolist() == values


@pytest.mark.parametrize("scale", ["standard", "min_max", "symmetric"])
@pytest.mark.parametrize("value", [0.1, 1e12 + 0.1, -5.0, 0.0])
def test_a_constant_column_is_zero_and_stays_small_elsewhere(tmp_path: Path, scale: str, value: float) -> None:
    """0.1 three times has a mean that is not 0.1: without care its deviation is 1e-17, and all else becomes huge."""
    inputs, recipe = one_column(tmp_path, [value] * 3, config={"scale": scale})
    assert np.abs(inputs).max() == 0
    found = recipe.encode(pl.DataFrame({"x": [value + 1]})).blocks["x"]
    assert found[0, 0] == pytest.approx(1, rel=1e-3)


def test_a_missing_number_is_imputed_and_says_so(tmp_path: Path) -> None:
    inputs, recipe = one_column(tmp_path / "mean", [1.0, None, 3.0, 5.0], config={"scale": "none"})
    assert inputs.tolist() == [[1, 0], [3, 1], [3, 0], [5, 0]]
    assert recipe.spec().fields[0].labels == ("x", "x missing")
    inputs, _ = one_column(tmp_path / "zero", [1.0, None, 3.0], config={"scale": "none", "impute": "zero"})
    assert inputs.tolist() == [[1, 0], [0, 1], [3, 0]]
    inputs, _ = one_column(tmp_path / "without", [1.0, None, 3.0], config={"scale": "none", "indicator": False})
    assert inputs.tolist() == [[1], [2], [3]]


def test_a_number_that_is_missing_only_later_is_the_mean(tmp_path: Path) -> None:
    inputs, recipe = one_column(tmp_path, [1.0, 2.0, 3.0])
    assert inputs.shape == (3, 1)
    assert recipe.encode(pl.DataFrame({"x": [None]}, schema={"x": pl.Float64})).blocks["x"].tolist() == [[0.0]]


def test_an_unseen_category_has_a_place(tmp_path: Path) -> None:
    inputs, recipe = one_column(tmp_path / "a", ["red", "blue", "red"], "category")
    assert recipe.spec().fields[0].labels == ("x=blue", "x=red", "x=(other)")
    assert inputs.tolist() == [1, 0, 1]
    assert inputs.dtype == np.uint16
    found = recipe.encode(pl.DataFrame({"x": ["green", None, "blue"]})).blocks["x"]
    assert found.tolist() == [2, 2, 0]
    inputs, recipe = one_column(tmp_path / "b", ["red", None, "blue"], "category", {"encode": "ordinal"})
    assert inputs.tolist() == [[1], [2], [0]]
    assert recipe.encode(pl.DataFrame({"x": ["green"]})).blocks["x"].tolist() == [[3]]


@pytest.mark.parametrize(
    ("name", "empty", "said"),
    [
        ("weight", None, "normalize: column weight has no number in any training row; give it the role id"),
        ("town", None, "normalize: column town has no value in any training row; give it the role id"),
        ("note", "", "normalize: column note has no term in enough training rows; lower normalize.text.min_documents"),
        ("scan", b"", "normalize: column scan has no image that can be decoded in any training row; give it"),
    ],
)
def test_a_column_that_says_nothing_is_refused_by_name(tmp_path: Path, name: str, empty: Any, said: str) -> None:
    without = SETS["train"].with_columns(pl.lit(empty, dtype=SETS["train"].schema[name]).alias(name))
    with pytest.raises(UserError) as caught:
        normalized(tmp_path, train=[without])
    assert str(caught.value).startswith(said)
    assert not pipeline_in(tmp_path).recipe.exists()


def test_a_table_without_features_is_refused(tmp_path: Path) -> None:
    paths = prepared(tmp_path, {part: [SETS[part]] for part in PARTS}, {"label": ("category", "target")})
    with pytest.raises(UserError, match="no column has the role feature, so there is nothing to learn from"):
        normalize.run(PLAIN, paths)


def test_a_column_has_settings_of_its_own(tmp_path: Path) -> None:
    config = {"columns": {"age": {"scale": "none"}, "town": {"encode": "ordinal"}}, "text": {"min_documents": 1}}
    paths = normalized(tmp_path, Normalize.model_validate(config))
    encoded = storage.read_table(paths.normalized("train"))
    assert encoded["age"].to_numpy()[:, 0].tolist() == SETS["train"]["age"].to_list()
    assert encoded["weight"].to_numpy()[:, 0].mean() == pytest.approx(0, abs=1e-9)
    assert read_recipe(paths.recipe).spec().fields[2].kind == "dense"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"agee": {"scale": "none"}}, "normalize.columns.agee: there is no such feature; did you mean age?"),
        ({"label": {"encode": "ordinal"}}, "normalize.columns.label: there is no such feature"),
        ({"town": {"scale": "none"}}, "normalize.columns.town: scale is not for category columns"),
    ],
)
def test_settings_for_no_feature_or_another_type_are_refused(
    tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        normalized(tmp_path, Normalize.model_validate({"columns": columns}))
    assert str(caught.value).startswith(said)


def test_each_fold_has_a_recipe_of_its_own_rows(tmp_path: Path) -> None:
    paths = prepared(tmp_path, {part: [table] for part, table in SETS.items()})
    for number, table in enumerate((SETS["train"][:10], SETS["train"][10:])):
        fold = FoldPaths.of(paths, number)
        write_dataset(fold.cleaned, read_dataset(paths.cleaned))
        for part in PARTS:
            storage.write_parts(fold.clean(part), [table])
    files.write_json(paths.folds("clean") / "folds.json", {"num_folds": 2})
    normalize.run(STANDARD, paths)
    normalize.run(STANDARD, alone := prepared(tmp_path / "alone", {part: [SETS["train"][10:]] for part in PARTS}))
    first, second = fold_paths(paths, "normalize")
    assert second.recipe.read_bytes() == alone.recipe.read_bytes()
    assert first.recipe.read_bytes() != second.recipe.read_bytes() != paths.recipe.read_bytes()
    assert storage.count_rows(second.normalized("train")) == 14


@pytest.mark.parametrize(
    ("settings", "is_kept"),
    [
        ({"kind": "time"}, True),
        ({"kind": "given", "column": "part", "validation_by": "time"}, True),
        ({"kind": "given", "column": "part"}, False),
        ({"kind": "hash"}, False),
        ({"kind": "group"}, False),
    ],
)
def test_when_rows_were_comes_along_where_the_split_goes_by_it(
    tmp_path: Path, settings: dict[str, Any], is_kept: bool
) -> None:
    table = many(300, num_days=300).sort("when").with_columns(part=pl.Series(["train"] * 250 + ["test"] * 50))
    paths = pipeline_in(tmp_path)
    write_dataset(paths.dataset, described(IN_TIME))
    storage.write_parts(paths.valid, [table])
    split.run(TypeAdapter[Split](Split).validate_python(settings), paths)
    clean.run(Clean(), paths)
    normalize.run(Normalize(), paths)
    for part in PARTS:
        kept, encoded = storage.read_table(paths.clean(part)), storage.read_table(paths.normalized(part))
        assert encoded[GROUP].to_list() == kept["who"].to_list()
        assert (TIME in encoded.columns) is is_kept
        assert not is_kept or encoded[TIME].to_list() == kept["when"].to_list()


def test_many_pictures_are_encoded_and_written_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = normalized(tmp_path / "whole")
    row_bytes = 200 + 1_024  # its picture and small columns, and roughly a text
    monkeypatch.setattr(encoded_parts, "_PIECE_BYTES", 7 * row_bytes)
    few = normalized(tmp_path / "few")
    parts = list(storage.read_parts(few.normalized("train")))
    assert 1 < max(part.height for part in parts) < 12
    assert pl.concat(parts).equals(storage.read_table(whole.normalized("train")))


TARGET = Normalize.model_validate({"category": {"encode": "target"}, "text": {"min_documents": 1}})


def telling(config: Mapping[str, Any], table: pl.DataFrame, root: Path) -> np.ndarray[Any, Any]:
    """The training rows' inputs of a table with a category x and a target y, encoded by the target."""
    is_number = table["y"].dtype == pl.Float64
    columns: dict[str, Kind] = {
        "x": ("category", "feature"),
        "z": ("number", "feature"),
        "y": ("number" if is_number else "category", "target"),
    }
    task = "regression" if is_number else "binary"
    paths = prepared(root, {part: [table] for part in PARTS}, columns, task=task)
    normalize.run(Normalize.model_validate({"category": {"encode": "target", **config}}), paths)
    return storage.read_table(paths.normalized("train"))["x"].to_numpy()[:, 0]


@pytest.mark.parametrize("number", [False, True], ids=["classes", "number"])
def test_a_category_tells_nothing_of_a_target_that_it_has_nothing_to_do_with(tmp_path: Path, number: bool) -> None:
    """Encoded by all rows, a category of three rows tells much of each of them; out of fold it tells nothing."""
    random = np.random.default_rng(0)
    num_rows = 1_500
    target = random.normal(size=num_rows) if number else random.integers(0, 2, num_rows).astype(float)
    table = pl.DataFrame(
        {
            "x": [f"c{value}" for value in random.integers(0, 500, num_rows)],
            "z": random.normal(size=num_rows),
            "y": pl.Series(target) if number else pl.Series(["yes" if value else "no" for value in target]),
        }
    )
    config = {"max_categories": 1_000, "smoothing": 1}
    out_of_fold = telling(config, table, tmp_path)
    recipe = read_recipe(pipeline_in(tmp_path).recipe)
    by_all_rows = recipe.encode(table).blocks["x"][:, 0]
    assert np.corrcoef(by_all_rows, target)[0, 1] > 0.4
    assert abs(np.corrcoef(out_of_fold, target)[0, 1]) < 0.1


def test_a_telling_category_tells_out_of_fold_too(tmp_path: Path) -> None:
    """Of few different rows all equal ones would be in one fold, if by hash alone, and the others would say the
    opposite."""
    towns = ["Ulm"] * 40 + ["Bonn"] * 40
    answers = ["yes"] * 30 + ["no"] * 10 + ["yes"] * 10 + ["no"] * 30
    table = pl.DataFrame({"x": towns, "z": [0.0, 1.0] * 40, "y": answers})
    inputs = telling({"smoothing": 0}, table, tmp_path)
    assert inputs[:40] == pytest.approx(0.75, abs=0.1)
    assert inputs[40:] == pytest.approx(0.25, abs=0.1)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(places=st.lists(st.integers(0, 24), max_size=4), order=st.permutations(range(24)))
def test_target_encoding_depends_neither_on_cuts_nor_on_the_order_of_rows(places: list[int], order: list[int]) -> None:
    with TemporaryDirectory() as folder:
        whole = normalized(Path(folder) / "whole", TARGET)
        parts = normalized(Path(folder) / "parts", TARGET, train=cut(SETS["train"], places))
        turned = normalized(Path(folder) / "turned", TARGET, train=[SETS["train"][order]])
        assert parts.recipe.read_bytes() == whole.recipe.read_bytes() == turned.recipe.read_bytes()
        read = [storage.read_table(paths.normalized("train")) for paths in (whole, parts, turned)]
    assert read[1].equals(read[0])
    assert read[2]["town"].equals(read[0]["town"][order])


def test_a_number_target_stays_a_number(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"age": ("number", "feature"), "weight": ("number", "target")}
    tables = {part: [SETS[part].select("age", "weight").drop_nulls()] for part in PARTS}
    paths = prepared(tmp_path, tables, columns, task="regression")
    normalize.run(PLAIN, paths)
    encoded = storage.read_table(paths.normalized("test"))["weight"]
    assert encoded.dtype == pl.Float64
    assert encoded.to_list() == tables["test"][0]["weight"].to_list()
    assert read_recipe(paths.recipe).target.classes == ()

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.tracking.contents import LISTING, damage, local_folder, write_listing


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "a version"
    (folder / "artifacts").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "artifacts" / "weights").write_bytes(bytes(5 * 2**20))
    (folder / "artifacts" / "recipe.json").write_text("{}\n")
    write_listing(folder)
    return folder


def test_a_version_that_nobody_touched_is_whole(version: Path) -> None:
    assert damage(version) is None
    # MLflow and Python leave files of their own there.
    (version / "registered_model_meta").write_text("model_name: notes\n")
    assert damage(version) is None


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def removed(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("fault", [emptied, cut, removed, a_folder])
@pytest.mark.parametrize("name", ["MLmodel", "artifacts/weights", "artifacts/recipe.json"])
def test_every_file_that_is_damaged_is_named(version: Path, name: str, fault: Callable[[Path], None]) -> None:
    fault(version / name)
    assert str(damage(version)).startswith(f"{name} is ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"MLmodel": 7}', '{"MLmodel":'])
def test_a_damaged_listing_is_damage(version: Path, text: str) -> None:
    (version / LISTING).write_text(text)
    assert damage(version) in (f"{LISTING} is damaged", "MLmodel is damaged")


def test_other_bytes_of_the_same_size_are_damage(version: Path) -> None:
    (version / "artifacts" / "recipe.json").write_text("[]\n")
    assert damage(version) == "artifacts/recipe.json is damaged"


def test_a_folder_in_the_place_of_what_mlflow_writes_is_damage(version: Path) -> None:
    (version / "registered_model_meta").write_text("model_name: p\n")
    assert damage(version) is None
    (version / "registered_model_meta").unlink()
    (version / "registered_model_meta").mkdir()
    assert damage(version) == "registered_model_meta is a folder"


def test_a_version_of_an_earlier_modelwright_lists_no_files(version: Path) -> None:
    (version / LISTING).unlink()
    assert damage(version) is None
    emptied(version / "MLmodel")
    assert damage(version) == "MLmodel is missing or empty"


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("file:///home/me/a%20b/%C3%BC", Path("/home/me/a b/ü")),
        ("/home/me/a b", Path("/home/me/a b")),
        ("s3://bucket/mlflow", None),
        ("mlflow-artifacts:/1/models", None),
        ("", None),
    ],
)
def test_a_place_on_a_server_is_no_folder(source: str, folder: Path | None) -> None:
    assert local_folder(source) == folder

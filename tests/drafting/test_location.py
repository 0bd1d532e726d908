from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.drafting.location import point, with_test
from tasks.errors import UserError
from tasks.params.sources import FolderSource
from tasks.sources import source
from tasks.sources.base import Place
from tests.small_tables import image

CSV = "a,b\n1,x\n2,y\n3,x\n"
PROSE = "It was a dark night, and it rained.\nNobody came\nThe door, they said, was open; the cat knew.\n"
PICTURE = image([[1, 2], [3, 4]])


def write(root: Path, **files: str | bytes) -> Path:
    """Files by their path, dots and slashes written as they are."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def block(root: Path, location: str | Path) -> dict[str, Any]:
    return point(str(location), root).source


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.txt", "rows", "rows.data"])
def test_a_file_of_cells_is_a_table(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: CSV})
    assert block(tmp_path, tmp_path / name) == {"kind": "table", "path": str(tmp_path / name)}


@pytest.mark.parametrize("name", ["book.txt", "book", "reviews.pos"])
def test_a_file_of_prose_is_text(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: PROSE})
    assert block(tmp_path, tmp_path / name)["kind"] == "text"


def test_paths_are_from_the_root_wherever_the_command_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, **{"data/rows.csv": CSV, "project/params.yaml": ""})
    monkeypatch.chdir(tmp_path / "data")
    assert block(tmp_path / "project", "rows.csv")["path"] == "../data/rows.csv"


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    folder = write(tmp_path / "rows", **{"1.csv": CSV, "2.csv": CSV})
    assert block(tmp_path, folder) == {"kind": "table", "path": str(folder)}
    write(folder, **{"README.txt": PROSE})
    assert block(tmp_path, folder) == {"kind": "table", "path": f"{folder}/*.csv"}


def test_a_folder_of_one_table_is_that_table(tmp_path: Path) -> None:
    folder = write(tmp_path / "rows", **{"1.csv": CSV, "README.txt": PROSE})
    assert block(tmp_path, folder)["path"] == str(folder / "1.csv")


def test_of_several_tables_the_user_chooses(tmp_path: Path) -> None:
    folder = write(tmp_path / "rows", **{"users.csv": CSV, "orders.csv": "id,price\n1,2\n"})
    with pytest.raises(UserError) as caught:
        point(str(folder), tmp_path)
    assert f"modelwright init NAME {folder / 'users.csv'}" in str(caught.value)
    assert f"modelwright init NAME {folder / 'orders.csv'}" in str(caught.value)


@pytest.mark.parametrize("names", [("train.csv", "test.csv"), ("a.data", "a.test"), ("x_train.csv", "x_test.csv")])
def test_test_rows_beside_are_proposed(tmp_path: Path, names: tuple[str, str]) -> None:
    write(tmp_path, **dict.fromkeys(names, CSV))
    pointed = point(str(tmp_path / names[0]), tmp_path)
    assert "test_path" not in pointed.source
    assert pointed.test == {"test_path": str(tmp_path / names[1])}
    assert point(str(tmp_path), tmp_path) == pointed


def test_a_file_of_other_columns_is_no_test(tmp_path: Path) -> None:
    write(tmp_path, **{"train.csv": CSV, "test.csv": "id,price\n1,2\n"})
    assert not point(str(tmp_path / "train.csv"), tmp_path).test


def test_the_user_names_the_test_rows(tmp_path: Path) -> None:
    write(tmp_path, **{"train.csv": CSV, "test.csv": CSV})
    pointed = with_test(point(str(tmp_path / "train.csv"), tmp_path), str(tmp_path / "test.csv"), tmp_path)
    assert pointed.source["test_path"] == str(tmp_path / "test.csv")
    assert not pointed.test
    with pytest.raises(UserError, match="there is no such file"):
        with_test(pointed, str(tmp_path / "tset.csv"), tmp_path)


def test_images_in_subfolders_are_classes(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", **{"cat/1.png": PICTURE, "dog/1.png": PICTURE, "dog/2.png": PICTURE})
    assert block(tmp_path, folder) == {"kind": "folder", "path": str(folder)}


@pytest.mark.parametrize("parts", [("train", "val"), ("train", "test", "valid"), ("Training", "validation", "TEST")])
@pytest.mark.parametrize("wrapper", ["pets", "pets/hymenoptera_data"])
def test_folders_of_parts_are_parts_and_no_classes(tmp_path: Path, parts: tuple[str, ...], wrapper: str) -> None:
    files = [f"{wrapper}/{part}/{kind}/1.png" for part in parts for kind in ("cat", "dog")]
    write(tmp_path, **dict.fromkeys(files, PICTURE))
    keys = {"tr": "path", "va": "validation_path", "te": "test_path"}
    paths = {keys[part[:2].lower()]: str(tmp_path / wrapper / part) for part in parts}
    assert block(tmp_path, tmp_path / "pets") == {"kind": "folder", **paths}


def test_a_test_without_classes_is_left_out(tmp_path: Path) -> None:
    files = [*(f"pets/train/{kind}/1.png" for kind in ("cat", "dog")), "pets/test/1.png", "pets/test/2.png"]
    write(tmp_path, **dict.fromkeys(files, PICTURE))
    assert block(tmp_path, tmp_path / "pets") == {"kind": "folder", "path": str(tmp_path / "pets/train")}


def test_documents_in_folders_of_parts(tmp_path: Path) -> None:
    files = [f"mails/{part}/{kind}/1.txt" for part in ("train", "test") for kind in ("ham", "spam")]
    write(tmp_path, **dict.fromkeys(files, PROSE))
    mails = tmp_path / "mails"
    assert block(tmp_path, mails) == {"kind": "text", "path": str(mails / "train"), "test_path": str(mails / "test")}


@pytest.mark.parametrize("wrapper", ["", "pets/"])
def test_an_archive_of_parts_is_not_taken_for_classes(tmp_path: Path, wrapper: str) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name in ("train/cat", "train/dog", "val/cat", "val/dog"):
            archive.writestr(f"{wrapper}{name}/1.png", PICTURE)
    with pytest.raises(UserError, match="holds train and val, which are parts and no classes; unpack it"):
        block(tmp_path, tmp_path / "pets.zip")


def test_images_beside_a_table_of_labels(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", **{"1.png": PICTURE, "2.png": PICTURE, "labels.csv": "file,label\n1.png,cat\n"})
    pointed = block(tmp_path, folder)
    assert pointed["labels"] == f"{folder}/labels.csv"
    [part] = source(FolderSource.model_validate(pointed), Place(root=tmp_path, downloads=tmp_path)).parts()
    assert part["label"].to_list() == ["cat", None]


def test_labels_that_are_packed_with_the_images_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("1.png", PICTURE)
        archive.writestr("labels.csv", "file,label\n1.png,cat\n")
    with pytest.raises(UserError, match=r"its labels in labels\.csv are packed with the files; unpack it"):
        block(tmp_path, tmp_path / "pets.zip")


def test_a_pattern_of_images_is_a_folder_of_them(tmp_path: Path) -> None:
    """As the message says that names a file of another kind."""
    files = {"pets/cat/1.png": PICTURE, "pets/dog/2.png": PICTURE, "pets/dog/notes.txt": PROSE}
    write(tmp_path, **files)
    pointed = block(tmp_path, tmp_path / "pets/**/*.png")
    assert pointed == {"kind": "folder", "path": str(tmp_path / "pets/**/*.png")}
    [part] = source(FolderSource.model_validate(pointed), Place(root=tmp_path, downloads=tmp_path)).parts()
    assert part["label"].to_list() == ["cat", "dog"]


def test_parts_in_a_pattern_are_no_classes_and_the_advice_works(tmp_path: Path) -> None:
    write(tmp_path, **{f"pets/{part}/{kind}/{part}.png": PICTURE for part in ("train", "test") for kind in "ab"})
    with pytest.raises(UserError, match="test and train, which are parts and no classes; give the pattern of"):
        block(tmp_path, tmp_path / "pets/**/*.png")
    train, test = (str(tmp_path / f"pets/{part}/**/*.png") for part in ("train", "test"))
    pointed = with_test(point(train, tmp_path), test, tmp_path).source
    parts = list(source(FolderSource.model_validate(pointed), Place(root=tmp_path, downloads=tmp_path)).parts())
    assert [part["label"].to_list() for part in parts] == [["a", "b"], ["a", "b"]]


def test_names_that_are_alike_are_cut_into_parts(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", **{"cat_anna_1.png": PICTURE, "dog_bert_2.png": PICTURE})
    pointed = point(str(folder), tmp_path)
    assert pointed.from_names
    assert pointed.source["pattern"] == r"(?P<part_1>[^_/-]+)_(?P<part_2>[^_/-]+)_(?P<part_3>[^_/-]+)\.\w+$"
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"pets/{file.name}")
    assert block(tmp_path, tmp_path / "pets.zip")["pattern"] == pointed.source["pattern"]


def test_images_that_nothing_names_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", **{"1.png": PICTURE, "second_one.png": PICTURE})
    with pytest.raises(UserError, match="put each class into a subfolder of its own"):
        point(str(folder), tmp_path)


@pytest.mark.parametrize("given", [".", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
def test_idx_files_come_as_four(tmp_path: Path, given: str) -> None:
    names = {
        f"{test}{key}": f"{part}-{key}-idx{dimensions}-ubyte.gz"
        for test, part in (("", "train"), ("test_", "t10k"))
        for key, dimensions in (("images", 3), ("labels", 1))
    }
    write(tmp_path, **dict.fromkeys(names.values(), b""))
    expected = {key: str(tmp_path / name) for key, name in names.items()}
    assert block(tmp_path, tmp_path / given) == {"kind": "idx", **expected}


def test_documents(tmp_path: Path) -> None:
    lines = write(tmp_path / "lines", **{"reviews.pos": PROSE, "reviews.neg": PROSE})
    assert block(tmp_path, lines) == {"kind": "text", "path": str(lines)}
    assert block(tmp_path, lines / "reviews.*") == {"kind": "text", "path": str(lines / "reviews.*")}
    files = write(tmp_path / "files", **{"pos/1.txt": PROSE, "neg/1.txt": PROSE})
    assert block(tmp_path, files) == {"kind": "text", "path": str(files)}


def test_urls_and_databases(tmp_path: Path) -> None:
    assert block(tmp_path, "https://example.org/in/a%20b.csv?v=1") == {
        "kind": "url",
        "url": "https://example.org/in/a%20b.csv?v=1",
        "content": {"kind": "table", "path": "a b.csv"},
    }
    assert block(tmp_path, "https://example.org/") == {"kind": "url", "url": "https://example.org/"}
    assert point("HTTPS://example.org/a.csv", tmp_path).source["url"] == "https://example.org/a.csv"
    # What is no address is for the source to refuse, which says what it takes.
    for url in ("data:text/csv,a", "reference::https://example.org/a.csv?b"):
        assert point(url, tmp_path).source["url"] == url
    assert point("sqlite:///shop.db", tmp_path, "SELECT 1").source["query"] == "SELECT 1"
    for url in ("postgresql://me:s3cret@host/shop", "sqlite:///shop.db?password=s3cret"):
        with pytest.raises(UserError, match=r"^the URL of a database wants a query; say which rows with --query"):
            point(url, tmp_path)
    with pytest.raises(UserError, match="--query is for databases"):
        point("rows.csv", tmp_path, "SELECT 1")


@pytest.mark.parametrize("location", ["nowhere.csv", "nowhere/*.csv", "empty"])
def test_what_is_not_there_is_said(tmp_path: Path, location: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="put the data there"):
        point(str(tmp_path / location), tmp_path)

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import FolderSource
from tasks.sources import tree
from tasks.sources.folder import Folder
from tests.shared_data import shared
from tests.small_tables import image, place

PICTURES = {
    f"{label}/{number}.png": image([[number, shade]]) for label, shade in (("a", 9), ("b", 99)) for number in (1, 2)
}
FLAT = {"1_ann.png": b"1", "2_bo.png": b"2", "x.png": b"x"}


def written(root: Path, files: dict[str, bytes], folder: str = "photos") -> Path:
    for name, content in files.items():
        file = root / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def source(root: Path, path: str = "photos", **more: Any) -> Folder:
    return Folder(FolderSource(kind="folder", path=path, **more), place(root))


def read(root: Path, path: str = "photos", **more: Any) -> pl.DataFrame:
    rows = source(root, path, **more)
    first, second = pl.concat(rows.parts()), pl.concat(rows.parts())
    assert first.equals(second)
    return first


def refused(root: Path, path: str = "photos", **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(root, path, **more)
    return str(caught.value)


def test_subfolders_are_classes(tmp_path: Path) -> None:
    table = read(written(tmp_path, PICTURES))
    assert table.columns == ["file", "image", "label"]
    assert table.rows() == [(name, content, name[0]) for name, content in PICTURES.items()]
    rows = source(tmp_path)
    assert rows.types == {"image": "image", "label": "category"}
    assert (rows.id_columns, rows.split_column, rows.location) == (("file",), None, "photos")
    assert rows.watched() == [tmp_path / "photos"]


def test_deeper_folders_belong_to_the_first(tmp_path: Path) -> None:
    written(
        tmp_path, {"a/x/1.JPG": b"1", "a/2.jpeg": b"2", "b/x/y/1.gif": b"3", "_old/1.png": b"4", "b/.DS_Store": b"5"}
    )
    assert read(tmp_path).rows() == [("a/2.jpeg", b"2", "a"), ("a/x/1.JPG", b"1", "a"), ("b/x/y/1.gif", b"3", "b")]


def test_sounds_are_audio(tmp_path: Path) -> None:
    written(tmp_path, {"yes/1.wav": b"RIFF", "no/1.WAV": b"?"})
    assert read(tmp_path).rows() == [("no/1.WAV", b"?", "no"), ("yes/1.wav", b"RIFF", "yes")]
    assert source(tmp_path).types == {"audio": "audio", "label": "category"}
    names = ["a/1.flac", "a/2.ogg", "b/1.MP3", "b/2.opus", "b/3.oga"]
    written(tmp_path, dict.fromkeys(names, b"?"), "packed")
    assert read(tmp_path, "packed")["file"].to_list() == names


@pytest.mark.parametrize("prefix", ["", "wrapper/"])
def test_archives_hold_what_their_folder_does(tmp_path: Path, prefix: str) -> None:
    folder = written(tmp_path, PICTURES) / "photos"
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed, tarfile.open(tmp_path / "photos.tgz", "w:gz") as tar:
        for file in folder.rglob("*"):
            packed.write(file, prefix + file.relative_to(folder).as_posix())
            tar.add(file, prefix + file.relative_to(folder).as_posix(), recursive=False)
    for path in ("photos.zip", "photos.tgz", "photos/*/*.png", str(folder)):
        assert read(tmp_path, path).equals(read(tmp_path)), path
        assert source(tmp_path, path).digest() == source(tmp_path).digest()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file_gives_labels(tmp_path: Path, separator: str) -> None:
    written(tmp_path, FLAT)
    rows = [("person", "file", "age"), ("Ann, née Öz", "1_ann.png", "31"), ("Bo", "./2_bo.png", "")]
    text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    for file in ("labels.csv", "photos/labels.csv"):
        (tmp_path / file).write_text(text + "\n\n")
        table = read(tmp_path, labels=file)
        assert table.columns == ["file", "image", "person", "age"]
        assert table.rows() == [
            ("1_ann.png", b"1", "Ann, née Öz", "31"),
            ("2_bo.png", b"2", "Bo", None),
            ("x.png", b"x", None, None),
        ]
    assert source(tmp_path, labels="photos/labels.csv").types == {"image": "image"}
    assert source(tmp_path, labels="photos/labels.csv").missing == ("",)


def test_refuses_labels_that_do_not_fit(tmp_path: Path) -> None:
    written(tmp_path, FLAT)

    def complaint(text: str) -> str:
        (tmp_path / "labels.csv").write_text(text)
        return refused(tmp_path, labels="labels.csv")

    absent = "".join(f"{number}.png,a\n" for number in range(2_000))
    assert "names 2,000 of its files wrongly, or they are not there: 0.png, 1.png, 2.png ...;" in complaint(
        f"file,label\n{absent}"
    )
    assert "its columns are path, label, and should be file" in complaint("path,label\nx.png,a\n")
    assert "its columns are missing" in complaint("")
    assert "labels.csv:3: x.png has a row already" in complaint("file,label\nx.png,a\nx.png,b\n")
    assert "labels.csv:2: 3 cells, the header has 2" in complaint("file,label\nx.png,a,b\n")
    assert "labels.csv:2: cannot be read" in complaint('file,label\nx.png,"a\n')
    assert "image is the name of a column that is there already" in complaint("file,image\nx.png,a\n")


def test_a_pattern_makes_columns_of_names(tmp_path: Path) -> None:
    written(tmp_path, FLAT)
    table = read(tmp_path, pattern=r"(?P<digit>\d)_(?P<name>[a-z]+)")
    assert table.drop("image").rows() == [("1_ann.png", "1", "ann"), ("2_bo.png", "2", "bo"), ("x.png", None, None)]
    assert read(tmp_path, pattern=r"(?P<digit>\d)")["digit"].to_list() == ["1", "2", None]
    assert "fits no file, such as 1_ann.png; correct the pattern" in refused(tmp_path, pattern="(?P<digit>[3-9])")
    assert "file is the name of a column that is there already" in refused(tmp_path, pattern="(?P<file>.)")
    for pattern, reason in (("(", "no regular expression"), (r"\d", "no named group")):
        with pytest.raises(ValueError, match=reason):
            source(tmp_path, pattern=pattern)
    with pytest.raises(ValueError, match="labels or pattern, not both"):
        source(tmp_path, pattern="(?P<digit>.)", labels="labels.csv")


def test_a_folder_of_test_files_makes_a_split(tmp_path: Path) -> None:
    written(tmp_path, PICTURES)
    written(tmp_path, {"a/new.png": b"?"}, "later")
    table = read(tmp_path, test_path="later")
    assert table["split"].to_list() == ["train"] * 4 + ["test"]
    rows = source(tmp_path, test_path="later")
    assert (rows.split_column, rows.types["split"]) == ("split", "category")
    assert "photos/a/1.png: lies in path and in test_path" in refused(tmp_path, test_path="photos/a")
    assert read(tmp_path, validation_path="later")["split"].to_list() == ["train"] * 4 + ["validation"]
    assert "later/a/new.png: lies in validation_path and in test_path" in refused(
        tmp_path, validation_path="later", test_path="later"
    )


def test_refuses_files_that_it_cannot_place(tmp_path: Path) -> None:
    written(tmp_path, PICTURES | {"top.png": b"?"})
    assert "photos: top.png lies in no subfolder that would name its class" in refused(tmp_path)
    written(tmp_path, {"a/1.png": b"", "a/Thumbs.db": b""}, "more")
    assert "more/a/Thumbs.db: no image and no audio file, by its name; remove it, begin its name with _" in refused(
        tmp_path, "more"
    )
    written(tmp_path, {"a/1.png": b"", "b/1.wav": b""}, "mixed")
    assert "both images (a/1.png) and audio (b/1.wav)" in refused(tmp_path, "mixed")
    assert "mixed/b/1.wav: no image file" in refused(tmp_path, "mixed", content="image")
    (tmp_path / "empty").mkdir()
    assert "empty: the folder holds no files" in refused(tmp_path, "empty")
    assert "absent: there is no such file or folder" in refused(tmp_path, "absent")


def test_files_without_a_suffix_are_what_the_user_says(tmp_path: Path) -> None:
    written(tmp_path, {"a/1": b"1", "b/2": b"2"})
    assert "photos/a/1: no image and no audio file" in refused(tmp_path)
    assert read(tmp_path, content="audio").rows() == [("a/1", b"1", "a"), ("b/2", b"2", "b")]


def test_batches_are_bounded_by_bytes_and_by_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {f"a/{number:04}.png": bytes(100) for number in range(1_500)})
    assert [part.height for part in source(tmp_path).parts()] == [1_024, 476]
    monkeypatch.setattr(tree, "_MAX_BYTES", 10_000)
    heights = [part.height for part in source(tmp_path).parts()]
    assert sum(heights) == 1_500
    assert max(heights) <= 100


def test_the_digest_is_that_of_names_contents_and_labels(tmp_path: Path) -> None:
    written(tmp_path, PICTURES)
    (tmp_path / "labels.csv").write_text("file,label\na/1.png,x\n")
    found = [source(tmp_path).digest(), source(tmp_path, labels="labels.csv").digest()]
    (tmp_path / "labels.csv").write_text("file,label\na/1.png,y\n")
    found.append(source(tmp_path, labels="labels.csv").digest())
    (tmp_path / "photos/a/1.png").write_bytes(b"other")
    found.append(source(tmp_path).digest())
    (tmp_path / "photos/a/1.png").rename(tmp_path / "photos/a/0.png")
    found.append(source(tmp_path).digest())
    assert len(set(found)) == 5
    assert source(tmp_path).digest() == found[-1]


NAME = st.text("abcXYZ01-é ", min_size=1, max_size=6).filter(lambda name: name == name.strip())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(st.tuples(NAME, NAME), st.binary(max_size=50), min_size=1, max_size=20))
def test_no_file_is_lost_or_changed(tmp_path_factory: pytest.TempPathFactory, files: dict[Any, bytes]) -> None:
    root = tmp_path_factory.mktemp("files")
    wanted = {f"{folder}/{name}.png": content for (folder, name), content in files.items()}
    table = read(written(root, wanted))
    assert {name: content for name, content, _ in table.rows()} == wanted
    assert table["label"].to_list() == [name.split("/")[0] for name in table["file"]]


def test_real_folders_are_read_whole() -> None:
    signs = read(shared("sign-digits").parent, "sign-digits")
    assert set(signs["label"]) == set("0123456789")
    assert signs.height == sum(1 for _ in shared("sign-digits").rglob("*.JPG"))
    pattern = r"(?P<digit>\d)_(?P<speaker>\w+)_\d+\.wav"
    spoken = read(shared("spoken-digits"), "recordings.zip", pattern=pattern)
    assert spoken.height == 3_000
    assert (spoken["digit"].n_unique(), spoken["speaker"].n_unique()) == (10, 6)

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import TextSource
from tasks.sources.text import Documents
from tests.shared_data import shared
from tests.small_tables import place

CLASSES = {"ham/1.txt": "Hello,\nworld\n", "ham/deep/2.txt": "Tea?", "spam/1.txt": "  WIN  "}
LINES = {"reviews.pos": "good\n\n fine \n", "reviews.neg": "bad\r\n"}


def written(root: Path, files: dict[str, str], folder: str = "texts") -> Path:
    for name, text in files.items():
        file = root / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return root


def source(root: Path, path: str = "texts", **more: Any) -> Documents:
    return Documents(TextSource(kind="text", path=path, **more), place(root))


def read(root: Path, path: str = "texts", **more: Any) -> pl.DataFrame:
    rows = source(root, path, **more)
    first, second = pl.concat(rows.parts()), pl.concat(rows.parts())
    assert first.equals(second)
    return first


def refused(root: Path, path: str = "texts", **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(root, path, **more)
    return str(caught.value)


def zipped(folder: Path, prefix: str = "") -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.rglob("*"):
            packed.write(file, prefix + file.relative_to(folder).as_posix())
    return archive


def test_files_of_class_folders_are_documents(tmp_path: Path) -> None:
    table = read(written(tmp_path, CLASSES))
    assert table.columns == ["file", "text", "label"]
    assert table.rows() == [(name, text, name.split("/")[0]) for name, text in CLASSES.items()]
    rows = source(tmp_path)
    assert rows.types == {"text": "text", "label": "category"}
    assert rows.id_columns == ("file",)
    assert read(tmp_path, label="none").columns == ["file", "text"]


def test_lines_of_files_that_differ_in_their_suffix_are_labelled_by_it(tmp_path: Path) -> None:
    table = read(written(tmp_path, LINES))
    assert table.rows() == [("bad", "neg"), ("good", "pos"), (" fine ", "pos")]
    assert source(tmp_path).id_columns == ()


def test_lines_of_other_files_are_labelled_by_their_stem(tmp_path: Path) -> None:
    written(tmp_path, {"spam.txt": "a\nb", "ham.txt": "c"})
    assert read(tmp_path).rows() == [("c", "ham"), ("a", "spam"), ("b", "spam")]
    assert read(tmp_path, "texts/*.txt").equals(read(tmp_path))


def test_lines_in_class_folders_are_labelled_by_folder(tmp_path: Path) -> None:
    table = read(written(tmp_path, CLASSES), document="line")
    assert table.rows() == [("Hello,", "ham"), ("world", "ham"), ("Tea?", "ham"), ("  WIN  ", "spam")]
    assert read(tmp_path, document="line", label="file")["label"].to_list() == ["1", "1", "2", "1"]


def test_one_file_is_lines_without_a_label(tmp_path: Path) -> None:
    written(tmp_path, {"book.txt": "one\n\ntwo"})
    for path in ("texts", "texts/book.txt"):
        assert read(tmp_path, path).to_dict(as_series=False) == {"text": ["one", "two"]}
    assert source(tmp_path).types == {"text": "text"}
    assert read(tmp_path, document="file").rows() == [("book.txt", "one\n\ntwo")]


@pytest.mark.parametrize("prefix", ["", "wrapper/", "wrapper/inner/"])
def test_an_archive_holds_what_its_folder_does(tmp_path: Path, prefix: str) -> None:
    for folder, files in (("classes", CLASSES), ("lines", LINES)):
        written(tmp_path, files, folder)
        zipped(tmp_path / folder, prefix)
        assert read(tmp_path, f"{folder}.zip").equals(read(tmp_path, folder))
        assert source(tmp_path, f"{folder}.zip").digest() == source(tmp_path, folder).digest()


def test_gzipped_files_are_read_as_they_lie(tmp_path: Path) -> None:
    written(tmp_path, LINES)
    before = read(tmp_path)
    for file in list((tmp_path / "texts").iterdir()):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert read(tmp_path).equals(before)


def test_encodings_are_found_out_or_given(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a/utf8.txt": "Öl"}) / "texts"
    (folder / "a" / "windows.txt").write_bytes("Öl".encode("cp1252"))
    (folder / "a" / "wide.txt").write_bytes("Öl".encode("utf-16"))
    (folder / "b").mkdir()
    (folder / "b" / "marked.txt").write_bytes("Öl".encode("utf-8-sig"))
    for document in ("file", "line"):
        assert set(read(tmp_path, document=document)["text"]) == {"Öl"}
        assert "windows.txt: not utf-8" in refused(tmp_path, "texts/a/windows.txt", document=document, encoding="utf-8")
        (folder / "b" / "picture.txt").write_bytes(b"\x89PNG\0\0\0\x0d")
        assert "picture.txt: " in refused(tmp_path, document=document)
        (folder / "b" / "picture.txt").unlink()


def test_test_documents_make_a_split(tmp_path: Path) -> None:
    written(tmp_path, LINES)
    written(tmp_path, {"new.pos": "great\n"}, "later")
    table = read(tmp_path, test_path="later")
    assert table.columns == ["text", "label", "split"]
    assert table.rows()[-1] == ("great", "pos", "test")
    rows = source(tmp_path, test_path="later")
    assert (rows.split_column, rows.types["split"]) == ("split", "category")
    assert rows.watched() == [tmp_path / "texts", tmp_path / "later"]
    assert rows.digest() != source(tmp_path).digest()
    assert "texts/reviews.pos: lies in path and in test_path" in refused(tmp_path, test_path="texts/*.pos")


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    written(tmp_path, LINES | {".cache": "x", "_SUCCESS": "", "_old/reviews.pos": "x"})
    assert read(tmp_path).height == 3


def test_refuses_what_is_not_clear(tmp_path: Path) -> None:
    written(tmp_path, CLASSES | {"README": "about"})
    assert "3 of 4 files lie in subfolders, the others do not" in refused(tmp_path)
    assert "texts/README: lies in no subfolder" in refused(tmp_path, document="file", label="folder")
    assert read(tmp_path, document="file", label="none").height == 4
    with pytest.raises(ValueError, match="makes each document a class of its own"):
        source(tmp_path, document="file", label="file")
    assert "makes each document a class of its own" in refused(written(tmp_path, CLASSES, "c"), "c", label="file")
    assert "absent: there is no such file or folder" in refused(tmp_path, "absent")


def test_refuses_links_that_lead_in_a_circle_or_nowhere(tmp_path: Path) -> None:
    folder = written(tmp_path, CLASSES) / "texts"
    (folder / "other").symlink_to(folder / "spam")
    assert read(tmp_path)["label"].to_list() == ["ham", "ham", "other", "spam"]
    (folder / "spam" / "loop").symlink_to(folder)
    assert "leads back to a folder it lies in" in refused(tmp_path)
    (folder / "spam" / "loop").unlink()
    (folder / "spam" / "gone").symlink_to(folder / "nothing")
    assert "leads nowhere" in refused(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")), min_size=1))
def test_every_line_that_is_not_blank_comes_through_as_it_is(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "lines.txt"
    # A mark at the start says how the rest is written, so that no text looks like another encoding.
    file.write_bytes(("start\n" + "\n".join(lines)).encode("utf-8-sig"))
    assert read(tmp_path, "lines.txt")["text"].to_list() == ["start", *(line for line in lines if line.strip())]


def test_real_texts_are_read_whole() -> None:
    polarity = read(shared("rt-polarity").parent, "rt-polarity")
    assert dict(polarity["label"].value_counts().iter_rows()) == {"neg": 5_331, "pos": 5_331}
    play = shared("tiny-shakespeare/input.txt")
    lines = [line for line in play.read_text().split("\n") if line.strip()]
    assert read(play.parent, "input.txt")["text"].to_list() == lines

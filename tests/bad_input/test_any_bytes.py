"""Whatever bytes a file has: a table or one clear message, and nothing else. The bytes begin as whole files."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import files, ingest
from tasks.columns import column_type
from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.ingest import Ingest
from tasks.tables import storage
from tests.bad_input.delimited_files import GOOD
from tests.bad_input.media_files import JPEG, PHOTO, idx, sound
from tests.bad_input.packed_files import tarred, zipped
from tests.bad_input.typed_files import SHEET, arrow, parquet
from tests.bad_input.workbooks import workbook
from tests.projects import files_below
from tests.small_tables import image, pipeline_in

FEW = settings(max_examples=60, deadline=None)
"""Raise it to look for more: 5,000 take minutes."""

LONGEST_MESSAGE = 1_000

Change = Callable[[bytes], bytes]
PLACES = st.floats(0, 1, exclude_max=True)

ROWS = GOOD * 9
WHOLE: dict[str, bytes] = {
    "data.csv": ROWS.encode(),
    "data.tsv": ROWS.replace(",", "\t").encode("utf-16"),
    "data.jsonl": b'{"x": "one", "y": "a"}\n{"x": 2.5, "y": "b"}\n',
    "data.parquet": parquet(),
    "data.arrow": arrow(),
    "data.xlsx": workbook({"one": SHEET}),
    "data.csv.gz": gzip.compress(ROWS.encode()),
    "data.zip": zipped({"data.csv": ROWS.encode()}),
    "data.tar": tarred("data.csv", b"0"),
    "rows": b'"x","y"\r\n"one","a"\r\n"tw""o","b"\r\n',
}


def flipped(place: float, sign: int) -> Change:
    def change(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + bytes([sign]) + content[at + 1 :]

    return change


def cut_off(place: float) -> Change:
    return lambda content: content[: int(place * len(content))]


def inserted(place: float, more: bytes) -> Change:
    def change(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + more + content[at:]

    return change


def doubled(start: float, length: float) -> Change:
    def change(content: bytes) -> bytes:
        first = int(start * len(content))
        last = first + int(length * (len(content) - first))
        return content[:last] + content[first:]

    return change


CHANGES = st.one_of(
    st.builds(flipped, PLACES, st.integers(0, 255)),
    st.builds(cut_off, PLACES),
    st.builds(inserted, PLACES, st.binary(max_size=8)),
    st.builds(doubled, PLACES, PLACES),
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file after a few changes, or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    for change in draw(st.lists(CHANGES, min_size=1, max_size=3)):
        whole = change(whole)
    return whole


def ingested(root: Path, source: Mapping[str, Any], target: str) -> None:
    """Raises everything but a UserError in plain words; what is ingested has the rows that its description counts."""
    paths = pipeline_in(root)
    complaint = None
    try:
        ingest.run(Ingest.model_validate({"source": source, "target": target}), paths)
    except UserError as error:
        complaint = str(error)
    if complaint:
        assert complaint.isprintable()
        assert len(complaint) < LONGEST_MESSAGE
        assert not files_below(paths.data)
    else:
        assert storage.count_rows(paths.raw) == files.read_json(paths.dataset)["num_rows"] > 0


@FEW
@given(st.data())
@pytest.mark.parametrize("name", WHOLE)
def test_a_table_of_any_bytes(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data.draw(damaged(WHOLE[name])))
        ingested(Path(folder), {"kind": "table", "path": name}, "y")


@FEW
@given(damaged(idx((3, 2, 2), bytes(range(12)))), damaged(idx((3,), b"\0\1\0")))
def test_idx_files_of_any_bytes(images: bytes, labels: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "images").write_bytes(images)
        (Path(folder) / "labels").write_bytes(labels)
        ingested(Path(folder), {"kind": "idx", "images": "images", "labels": "labels"}, "label")


@FEW
@given(st.data())
@pytest.mark.parametrize("name", ["text", "folder", "labels"])
def test_folders_of_any_bytes(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        for label in "ab":
            (root / label).mkdir(parents=True)
            (root / label / "1.png").write_bytes(data.draw(damaged(PHOTO)))
        source = {"kind": "text" if name == "text" else "folder", "path": "set"}
        if name == "labels":
            (root / "labels.csv").write_bytes(data.draw(damaged(b"file,label\na/1.png,a\nb/1.png,b\n")))
            source["labels"] = "set/labels.csv"
        ingested(Path(folder), source, "label")


PICTURES = [PHOTO, JPEG, *(image([[0, 255], [7, 9]], form) for form in ("GIF", "BMP", "WEBP", "TIFF"))]


@FEW
@given(st.sampled_from([("image", content) for content in PICTURES] + [("audio", sound())]), st.data())
def test_pictures_and_sounds_of_any_bytes(whole: tuple[ColumnTypeName, bytes], data: st.DataObject) -> None:
    kind, content = whole
    cell = data.draw(damaged(content))
    with warnings.catch_warnings():
        # Pillow and scipy warn of odd metadata.
        warnings.simplefilter("ignore")
        reason = column_type(kind).faults(pl.Series("x", [cell])).item()
    assert reason is None or reason.startswith("x ")
